"""Figures of a run: curves over epochs, what the first areas look for, and how the network answers."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from corticalnet.data import Data
from corticalnet.errors import CheckpointError
from corticalnet.network import Network
from corticalnet.network.links import Convolution, Dense
from corticalnet.store import write_whole
from corticalnet.training.goal import CLASSES, Goal
from corticalnet.training.history import History, best_epoch

MOST_FIELDS = 64


def draw(
    folder: Path, net: Network, data: Data, history: History, answers: Tensor, goal: Goal = CLASSES
) -> list[Path]:
    """Write the figures of a run to its folder; return their paths.

    Args:
        folder: where to.
        net: whose first weights are shown, if they can be seen as images.
        data: its classes and test images.
        history: one record for each epoch.
        answers: what the best epoch's network said to the test images.
        goal: what it was to say.
    """
    figures = {"curves": curves(history, goal), "weights": receptive_fields(net, data.shape)}
    figures[goal.picture] = goal.draw(answers, data)
    paths = []
    for name, figure in figures.items():
        if figure is not None:
            paths.append(folder / f"{name}.png")
            write_whole(paths[-1], _png(figure), CheckpointError)
    return paths


def curves(history: History, goal: Goal = CLASSES) -> Figure:
    """Loss, what the goal measures, and learning rate over epochs."""
    titles = {"loss": "mean loss", "accuracy": "fraction right", "lr": "learning rate"}
    shown = dict.fromkeys(("loss", goal.measure, "lr"))
    figure = Figure(figsize=(3.4 * len(shown), 3.2), layout="constrained")
    panels = dict(zip(shown, figure.subplots(1, len(shown)), strict=True))
    epochs = [record["epoch"] for record in history]
    for panel, key, label in (
        ("loss", "loss", "training"),
        (goal.measure, "accuracy", "training"),
        (goal.measure, "reward", "rewarded"),
        (goal.measure, goal.validation, "validation"),
        ("lr", "lr", "learning rate"),
    ):
        values = [record[key] for record in history]
        if values[0] is not None:
            panels[panel].plot(epochs, values, label=label, marker="." if len(epochs) < 20 else "")
    score = panels[goal.measure]
    score.axvline(best_epoch(history, goal), color="grey", lw=0.8, ls=":", label="best epoch")
    score.legend(fontsize="small")
    for panel, axes in panels.items():
        axes.set(xlabel="epoch", title=titles[panel])
        axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def receptive_fields(net: Network, shape: tuple[int, ...]) -> Figure | None:
    """The weights of the first link as images: a column's receptive field, or a convolution's kernel.

    None where the first link's weights are no images of the data's ``shape`` (channels, height, width).
    """
    if len(shape) not in (2, 3):
        return None
    shape = (1,) * (3 - len(shape)) + shape
    link = net.wiring.arriving[1][0][1]
    weights = link.weight.detach().float().cpu()
    if isinstance(link, Dense) and weights.shape[1] == torch.Size(shape).numel():
        weights = weights.reshape(-1, *shape)
    elif not isinstance(link, Convolution):
        return None
    images = [_picture(field) for field in weights[:MOST_FIELDS]]
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    axes.imshow(_mosaic(images), cmap="RdBu_r", vmin=0, vmax=1)
    axes.set_title(f"{link.name}: weights of {len(images)} of {len(weights)}, each to its own scale")
    axes.axis("off")
    return figure


def _picture(field: Tensor) -> np.ndarray:
    """``[channels, height, width]`` as an image from 0 to 1 in which 0.5 is no weight."""
    picture = field if len(field) == 3 else field.mean(0, keepdim=True)
    scaled = 0.5 + 0.5 * picture / picture.abs().max().clamp_min(1e-12)
    image: np.ndarray = scaled.permute(1, 2, 0).squeeze(-1).numpy()
    return image


def _mosaic(images: list[np.ndarray]) -> np.ndarray:
    """Images side by side on a square grid, with a line between them."""
    columns = math.ceil(math.sqrt(len(images)))
    height, width = images[0].shape[:2]
    rows = math.ceil(len(images) / columns)
    shape = (rows * (height + 1) - 1, columns * (width + 1) - 1, *images[0].shape[2:])
    sheet = np.full(shape, np.nan if len(shape) == 2 else 1.0)
    for k, image in enumerate(images):
        top, left = k // columns * (height + 1), k % columns * (width + 1)
        sheet[top : top + height, left : left + width] = image
    return sheet


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()
