"""Figures of a training run: curves over epochs, what the first area looks for, and how a network answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from corticalnet.plotting.style import styled, words

#: So many receptive fields are shown.
MOST_FIELDS = 64
#: So many images are shown beside their reconstructions.
MOST_IMAGES = 12


@styled
def learning_curves(history: Sequence[Mapping[str, Any]], measure: str, validation: str, best: int) -> Figure:
    """Plot loss, score and learning rate over epochs.

    Args:
        history: a record for each epoch, see :class:`corticalnet.training.Result`.
        measure: what the score is, "accuracy" or "loss".
        validation: key of the score of held-out images.
        best: the best epoch.
    """
    titles = {"loss": "mean loss in training", "accuracy": "fraction right", "lr": "learning rate"}
    shown = dict.fromkeys(("loss", measure, "lr"))
    figure = Figure(figsize=(3.4 * len(shown), 3.2), layout="constrained")
    panels = dict(zip(shown, figure.subplots(1, len(shown)), strict=True))
    epochs = [record["epoch"] for record in history]
    for panel, key, label in (
        ("loss", "loss", "training"),
        (measure, "accuracy", "training"),
        (measure, "reward", "rewarded"),
        (measure, validation, "validation"),
        ("lr", "lr", "learning rate"),
    ):
        values = [record[key] for record in history]
        if values[0] is not None:
            panels[panel].plot(epochs, values, label=label, marker="." if len(epochs) < 20 else "")
    score = panels[measure]
    score.axvline(best, color="grey", lw=0.8, ls=":", label="best epoch")
    score.legend(fontsize="small")
    for panel, axes in panels.items():
        axes.set(xlabel="epoch", title=titles[panel])
        axes.xaxis.get_major_locator().set_params(integer=True)
    panels["lr"].set_ylim(bottom=0)
    return figure


@styled
def receptive_fields(weights: Tensor, name: str) -> Figure:
    """Plot weights of a link as images: a column's receptive field, or a convolution's kernel.

    Args:
        weights: ``[columns, channels, height, width]``.
        name: of the link.
    """
    images = [_picture(field) for field in weights[:MOST_FIELDS]]
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    axes.imshow(_mosaic(images), cmap="RdBu_r", vmin=0, vmax=1)
    colours = "" if images[0].ndim == 3 else "; red more than 0, blue less"
    axes.set_title(
        f"{words(name)}: weights of {len(images)} of {len(weights)}, each to its own scale{colours}"
    )
    axes.axis("off")
    return figure


@styled
def confusion(answers: Tensor, labels: Tensor, classes: Sequence[str]) -> Figure:
    """Plot how often each class (rows) was answered as each (columns), as fractions of the class."""
    answers, labels = answers.cpu(), labels.cpu()
    size = max(len(classes), int(answers.max()) + 1)
    counts = torch.bincount(labels * size + answers, minlength=size * size).reshape(size, size).numpy()
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure = Figure(figsize=(6, 5.4), layout="constrained")
    axes = figure.subplots()
    figure.colorbar(axes.imshow(shares, cmap="magma", vmin=0, vmax=1), label="fraction of the class")
    if size <= 30:
        names = [*map(words, classes), *(f"column {k}" for k in range(len(classes), size))]
        axes.set_xticks(range(size), names, rotation=90, fontsize="small")
        axes.set_yticks(range(size), names, fontsize="small")
    right = int((answers == labels).sum()) / len(labels)
    axes.set(xlabel="answer", ylabel="class", title=f"test set, best epoch: {right:.2%} right")
    return figure


@styled
def reconstructions(answers: Tensor, images: Tensor, labels: Tensor, classes: Sequence[str]) -> Figure:
    """Plot test images, the first of each class in turn, above the network's reconstructions.

    Args:
        answers: the output's rates ``[N, n]`` for all test images.
        images: the test images ``[N, …]``; 0 is black and 1 white. Those that have no height and width are
            drawn as a row of pixels.
        labels: their classes ``[N]``.
        classes: names of all classes.
    """
    sizes = tuple(images.shape[1:])
    shape = (1,) * (3 - len(sizes)) + sizes if len(sizes) in (2, 3) else (1, 1, -1)
    images, made = images.reshape(len(images), *shape), answers.float().cpu().reshape(len(answers), *shape)
    chosen = _in_turn(labels.cpu(), min(MOST_IMAGES, len(labels)))
    loss = (images.cpu() - made).square().sum(dtype=torch.float64).item() / (2 * len(made))
    figure = Figure(figsize=(0.9 * len(chosen) + 0.6, 2.5), layout="constrained")
    grid = figure.subplots(2, len(chosen), squeeze=False)
    for column, k in zip(grid.T, chosen, strict=True):
        for axes, sheet in zip(column, (images[k].cpu(), made[k]), strict=True):
            picture = sheet if len(sheet) == 3 else sheet.mean(0, keepdim=True)
            axes.imshow(picture.clamp(0, 1).permute(1, 2, 0).squeeze(-1).numpy(), cmap="gray", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        column[0].set_title(words(classes[int(labels[k])]), fontsize=8)
    grid[0, 0].set_ylabel("image", fontsize=8)
    grid[1, 0].set_ylabel("answer", fontsize=8)
    figure.suptitle(f"test set, best epoch: loss {loss:.4g}", fontsize=10)
    return figure


def _picture(field: Tensor) -> np.ndarray:
    """Convert ``[channels, height, width]`` to an image from 0 to 1, in which 0.5 is weight 0."""
    picture = field if len(field) == 3 else field.mean(0, keepdim=True)
    scaled = 0.5 + 0.5 * picture / picture.abs().max().clamp_min(1e-12)
    image: np.ndarray = scaled.permute(1, 2, 0).squeeze(-1).numpy()
    return image


def _mosaic(images: list[np.ndarray]) -> np.ndarray:
    """Arrange images side by side on a square grid, with a line between them."""
    columns = math.ceil(math.sqrt(len(images)))
    height, width = images[0].shape[:2]
    rows = math.ceil(len(images) / columns)
    shape = (rows * (height + 1) - 1, columns * (width + 1) - 1, *images[0].shape[2:])
    sheet = np.full(shape, np.nan if len(shape) == 2 else 1.0)
    for k, image in enumerate(images):
        top, left = k // columns * (height + 1), k % columns * (width + 1)
        sheet[top : top + height, left : left + width] = image
    return sheet


def _in_turn(labels: Tensor, count: int) -> list[int]:
    """Return indices of the first image of each class, then of the second of each, and so on."""
    seen: dict[int, int] = {}
    turns = []
    for k, label in enumerate(labels.tolist()):
        seen[label] = seen.get(label, 0) + 1
        turns.append((seen[label], label, k))
    return [k for *_, k in sorted(turns)[:count]]
