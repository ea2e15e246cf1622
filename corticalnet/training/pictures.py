"""Pictures of answers: what was taken for what, and what was made of an image."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from corticalnet.data import Data
from corticalnet.errors import printable

#: So many images are shown beside their reconstructions.
MOST_IMAGES = 12


def confusion(answers: Tensor, labels: Tensor, classes: tuple[str, ...]) -> Figure:
    """How often each class (rows) was taken for each (columns), as fractions of the class."""
    answers, labels = answers.cpu(), labels.cpu()
    size = max(len(classes), int(answers.max()) + 1)
    counts = torch.bincount(labels * size + answers, minlength=size * size).reshape(size, size).numpy()
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure = Figure(figsize=(6, 5.4), layout="constrained")
    axes = figure.subplots()
    figure.colorbar(axes.imshow(shares, cmap="magma", vmin=0, vmax=1), label="fraction of the class")
    if size <= 30:
        names = [*map(_words, classes), *(f"column {k}" for k in range(len(classes), size))]
        axes.set_xticks(range(size), names, rotation=90, fontsize="small")
        axes.set_yticks(range(size), names, fontsize="small")
    right = int((answers == labels).sum()) / len(labels)
    axes.set(xlabel="answer", ylabel="class", title=f"test set, best epoch: {right:.2%} right")
    return figure


def reconstructions(answers: Tensor, data: Data) -> Figure:
    """Test images, the first of each class in turn, above what the network made of them.

    Args:
        answers: the output's rates ``[N, n]`` for all test images.
        data: whose test images they are; 0 is black and 1 white.
    """
    images, labels = data.test.batch(slice(None))
    # (numbers that are no image are drawn as a row of pixels)
    shape = data.shape if len(data.shape) == 3 else (1, *data.shape) if len(data.shape) == 2 else (1, 1, -1)
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
        column[0].set_title(_words(data.classes[int(labels[k])]), fontsize=8)
    grid[0, 0].set_ylabel("image", fontsize=8)
    grid[1, 0].set_ylabel("answer", fontsize=8)
    figure.suptitle(f"test set, best epoch: loss {loss:.4g}", fontsize=10)
    return figure


def _words(name: str) -> str:
    """A class's name as it is written, whatever matplotlib makes of "$" and a terminal of escapes."""
    return printable(name).replace("$", r"\$")


def _in_turn(labels: Tensor, count: int) -> list[int]:
    """Indices of the first image of each class, then of the second of each, and so on."""
    seen: dict[int, int] = {}
    turns = []
    for k, label in enumerate(labels.tolist()):
        seen[label] = seen.get(label, 0) + 1
        turns.append((seen[label], label, k))
    return [k for *_, k in sorted(turns)[:count]]
