"""States of cells over time: a row for each state, a column of axes for each area."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from corticalnet.errors import ProtocolError
from corticalnet.plotting.style import LABEL, mark_phases, name_phases, plain
from corticalnet.recordings.reading import area_names, numbers, phases, state, state_names, summed, symbol

#: What is shown if no states are named: of these, the set of which most was recorded.
USUAL = (("value", "prediction", "error"), ("rate", "value.rate", "credit", "action", "rpe"))
#: Up to so many lines are told apart by a legend.
NAMED = 4
#: Names of so many letters and more (of a role and its state) take two lines.
LONG = 12
#: Of a panel, and the room around it, in inches.
WIDTH, HEIGHT = 1.75, 1.05
ASIDE, BETWEEN = 0.58, 0.2


def traces(data: xr.Dataset, states: Sequence[str] | None = None, batch: int = 0, columns: int = 8) -> Figure:
    """States over time (ms), to a scale of their own in each area.

    Args:
        data: a recording.
        states: names, one row each. If not given: value, prediction and error (of rewarded columns: rate,
            credit, action and dopamine), as far as they were recorded; every state if none of them was.
        batch: which trial of the batch.
        columns: at most so many columns of an area, evenly chosen; a column has one colour in all rows.

    Raises:
        ProtocolError: a state was not recorded, there is no such trial, or there is nothing to draw.
    """
    known = state_names(data)
    usual = max(([s for s in some if s in known] for some in USUAL), key=len)
    names = list(states) if states is not None else usual or known
    if not names or columns < 1:
        raise ProtocolError(f"traces need at least 1 state and 1 column, not {len(names)} and {columns}")
    arrays = {name: state(data, name, batch) for name in names}
    shown = _shown(data, arrays, columns)
    figure, grid = _grid(len(names), len(shown))
    bands = phases(data)
    for k, (area, cells) in enumerate(shown.items()):
        drawn = [
            axes
            for axes, array in zip(grid[:, k], arrays.values(), strict=True)
            if _panel(axes, array.get(area), cells)
        ]
        for axes in drawn:
            mark_phases(axes, bands)
        drawn[-1].tick_params(labelbottom=True)
        drawn[-1].set_xlabel("time (ms)", fontsize=LABEL)
        total = len(_held(arrays, area))
        which = (
            f"{len(cells)} of {total} columns" if len(cells) < total else f"{total} column{'s' * (total > 1)}"
        )
        drawn[0].set_title(f"{area}  ({which})", fontsize=LABEL + 1, pad=15)
        if 1 < len(cells) <= NAMED:
            _legend(drawn[-1])
    for row, name in zip(grid, names, strict=True):
        first = next((axes for axes in row if axes.get_visible()), row[0])
        label = symbol(name, next(iter(arrays[name].values())))
        label = label if len(label) < LONG else label.replace(" ", "\n", 1)
        upright = {"rotation": 0, "ha": "right", "va": "center"} if len(label) < 3 else {}
        first.set_ylabel(label, fontsize=LABEL + 2, **upright)
    tops = [next(axes for axes in column if axes.get_visible()) for column in grid.T]
    name_phases(figure, tops, bands, WIDTH)
    figure.suptitle(data.attrs.get("title", ""), fontsize=LABEL + 2, y=1 - 0.1 / figure.get_figheight())
    return figure


def _grid(rows: int, across: int) -> tuple[Figure, np.ndarray]:
    """Panels of one size: an area without some state must not push the others apart."""
    wide = across * (WIDTH + ASIDE) + 0.4
    tall = rows * (HEIGHT + BETWEEN) + 1.35
    figure = Figure(figsize=(wide, tall))
    space = {"wspace": ASIDE / WIDTH, "hspace": BETWEEN / HEIGHT}
    edges = {
        "left": (ASIDE + 0.2) / wide,
        "right": 1 - 0.2 / wide,
        "bottom": 0.8 / tall,
        "top": 1 - 0.75 / tall,
    }
    grid: np.ndarray = figure.subplots(
        rows, across, sharex=True, squeeze=False, gridspec_kw={**space, **edges}
    )
    return figure, grid


def _shown(
    data: xr.Dataset, arrays: dict[str, dict[str, xr.DataArray]], columns: int
) -> dict[str, np.ndarray]:
    """Area -> numbers of the cells that are drawn."""
    shown = {}
    for area in area_names(data):
        cells = _held(arrays, area)
        if len(cells):
            shown[area] = cells[np.linspace(0, len(cells) - 1, min(columns, len(cells))).round().astype(int)]
    return shown


def _held(arrays: dict[str, dict[str, xr.DataArray]], area: str) -> np.ndarray:
    """Numbers of the cells of an area that have one of the states."""
    cells = [numbers(by_area[area]) for by_area in arrays.values() if area in by_area]
    return np.unique(np.concatenate(cells)) if cells else np.array([], dtype=np.int64)


def _legend(axes: Axes) -> None:
    """Which line is which column, below the time axis."""
    lines = [line for line in axes.get_lines() if not str(line.get_label()).startswith("_")]
    words = ["column", *(str(line.get_label()).removeprefix("column ") for line in lines)]
    tight: Any = {"frameon": False, "handlelength": 0.8, "handletextpad": 0.3, "columnspacing": 0.7}
    below: Any = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.32), "ncols": NAMED + 1}
    axes.legend([Line2D([], [], lw=0), *lines], words, fontsize=LABEL - 1, **tight, **below)


def _panel(axes: Axes, array: xr.DataArray | None, cells: np.ndarray) -> bool:
    """Lines of one state in one area; False, and no axes to be seen, if the area has no such state."""
    at = {} if array is None else {int(number): k for k, number in enumerate(numbers(array))}
    if array is None or not set(at) & set(cells.tolist()):
        axes.set_visible(False)
        return False
    few = len(cells) <= 10
    hues = colormaps["tab10"](range(10)) if few else colormaps["viridis"](np.linspace(0, 0.95, len(cells)))
    axes.axhline(0, color="0.3", lw=0.5, zorder=0)
    for cell, hue in zip(cells.tolist(), hues, strict=False):
        if cell in at:
            axes.plot(
                array["time"],
                array.values[:, at[cell]],
                color=hue,
                lw=0.9,
                drawstyle="steps-pre" if summed(array) else "steps-post",
                label=f"column {cell}",
            )
    plain(axes)
    return True
