"""How plastic weights change: their distance from the start over time, and what became of each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from corticalnet.errors import ProtocolError, one_of
from corticalnet.plotting.selection import Names
from corticalnet.plotting.style import (
    COLOURS,
    GREY,
    LABEL,
    line,
    mark_phases,
    name_phases,
    plain,
    styled,
    words,
)
from corticalnet.recordings.reading import clock, phases, plastic_projections, weight_change, weights

ACROSS = 3
#: Up to so many weights in a line are drawn as stems.
STEMS = 64
WIDTH, HEIGHT = 2.8, 2.3


@styled
def weight_changes(data: xr.Dataset, projections: Names = None) -> Figure:
    """Plot the changes of plastic projections.

    On top, if weights were recorded, ‖W(t) − W(before)‖ over time (ms). Below, after − before of each
    projection: ``[post, pre]`` as an image (red for more, blue for less, each to its own scale), weights in
    a line as stems.

    Args:
        data: a recording.
        projections: a name or several; all that are plastic if not given.

    Raises:
        ProtocolError: no projection is plastic, or not the one that is named.
    """
    names = plastic(data, projections)
    recorded = [name for name in names if name in data and "time" in data[name].dims]
    across = min(ACROSS, len(names))
    down = math.ceil(len(names) / across)
    tall = max(0.7 * HEIGHT, 0.5 + 0.15 * len(recorded)) if recorded else 0.0
    wide = max(WIDTH * across, 4.5)
    figure = Figure(figsize=(wide, HEIGHT * down + tall + 0.4), layout="constrained")
    # apart, so that the legend on top does not squeeze the images below
    heights = [tall, HEIGHT * down] if recorded else [HEIGHT * down]
    *top, below = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    if recorded:
        axes = top[0].subplots()
        _distances(axes, data, recorded)
        name_phases(figure, [axes], phases(data), wide - 2)
    panels = list(below.subplots(down, across, squeeze=False).flat)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    for axes, name in zip(panels, names, strict=False):
        change = weight_change(data, name)
        (_image if change.ndim == 2 else _line)(axes, change)
        axes.set_title(words(name), fontsize=LABEL)
    return figure


def plastic(data: xr.Dataset, projections: Names = None) -> list[str]:
    """Check the names of plastic projections; return them, or all if none are named.

    Raises:
        ProtocolError: none is plastic, or not the one that is named.
    """
    known = plastic_projections(data)
    if not known:
        title = data.attrs.get("title", "recording")
        raise ProtocolError(f"no projection of '{title}' is plastic, so there are no weight changes to draw")
    names = (
        [projections] if isinstance(projections, str) else list(known if projections is None else projections)
    )
    for name in names or [""]:
        one_of("plastic projection", name, known, ProtocolError)
    return names


def _distances(axes: Axes, data: xr.Dataset, names: list[str]) -> None:
    """Plot the norm of the change since the start, over time."""
    for k, name in enumerate(names):
        change = data[name].values - weights(data, name, "before")
        norm = np.sqrt((change**2).reshape(len(change), -1).sum(1))
        axes.plot(data["time"], norm, **line(k), lw=1.2, drawstyle="steps-post", label=words(name))
    plain(axes)
    mark_phases(axes, phases(data))
    axes.set_ylim(bottom=0)
    axes.set_xlabel(clock(data))
    axes.set_ylabel("‖W(t) − W(0)‖")
    lines: list[Any] = axes.get_lines()
    axes.legend(handles=lines, loc="center left", bbox_to_anchor=(1, 0.5))


def _image(axes: Axes, change: np.ndarray) -> None:
    most = float(np.abs(change).max()) or 1.0
    picture = axes.imshow(
        change, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto", interpolation="nearest"
    )
    bar = axes.figure.colorbar(picture, ax=axes, ticks=[-most, 0, most], format="%.2g", aspect=14)
    bar.ax.set_title("ΔW", fontsize=LABEL - 1)
    bar.ax.tick_params(labelsize=LABEL - 1, width=0.6, length=2)
    bar.outline.set_visible(False)  # type: ignore[operator]
    axes.tick_params(labelsize=LABEL, width=0.6, length=2.5)
    axes.spines[:].set_linewidth(0.6)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_xlabel("pre")
    axes.set_ylabel("post")


def _line(axes: Axes, change: np.ndarray) -> None:
    where = np.arange(len(change))
    if len(change) <= STEMS:
        axes.vlines(where, 0, change, color=GREY, lw=0.8)
    axes.plot(
        where,
        change,
        color=COLOURS["weight"],
        ls="",  # neighbours in a list of synapses have nothing to do with each other
        marker="o",
        ms=2.5,
    )
    axes.axhline(0, color="0.3", lw=0.5, zorder=0)
    plain(axes)
    axes.set_xlabel("weight")
    axes.set_ylabel("ΔW")
