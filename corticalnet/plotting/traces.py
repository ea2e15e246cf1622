"""States of cells over time: a row for each state, a column of axes for each area."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from corticalnet.errors import ProtocolError
from corticalnet.plotting.selection import Columns, Names, Selected, areas_of, choose, select
from corticalnet.plotting.style import (
    COLOURS,
    CYCLE,
    LABEL,
    entitle,
    mark_phases,
    name_phases,
    plain,
    styled,
    title_lines,
    words,
)
from corticalnet.recordings.reading import clock, phases, summed

#: What is shown if no states are named: of these, the set of which most was recorded.
USUAL = (("value", "prediction", "error"), ("rate", "value.rate", "credit", "action", "rpe"))
#: Up to so many lines are told apart by a legend, more by a colour bar.
NAMED = len(CYCLE)
#: Names of so many letters and more (of a role and its state) take two lines.
LONG = 16
#: Of a panel, and the room around it, in inches.
WIDTH, HEIGHT = 1.75, 1.05
ASIDE, BETWEEN = 0.62, 0.2
#: For the title and the names of areas.
TOP = 0.75
#: Entries of a legend beside each other, and what a line of them takes.
ACROSS, LINE = 4, 0.14


@styled
def traces(
    data: xr.Dataset,
    states: Names = None,
    *,
    area: Names = None,
    role: Names = None,
    columns: Columns = 8,
    batch: int = 0,
) -> Figure:
    """Plot states over time (ms), each to its own scale in each area; a column has one colour in all rows.

    Of spiking cells the first of each column is drawn.

    Args:
        data: a recording.
        states: names, one row each. If not given: value, prediction and error (of rewarded columns: rate,
            credit, action and dopamine), as far as they were recorded; every state if none of them was.
        area, role: only those of these areas ("area1") and roles ("value", "error"); one or several.
        columns: at most so many of each area, evenly chosen but for those that are taught, or a list
            of their numbers.
        batch: which sample of the batch.

    Raises:
        ProtocolError: a state, area, role, column or sample is not in the recording, or there is nothing to
            draw.
    """
    known = list(
        dict.fromkeys(one.kind for one in choose(data, area=area, role=role) if one.state != "spike")
    )
    usual = max(([s for s in some if s in known] for some in USUAL), key=len)
    wanted = [states] if isinstance(states, str) else list(states) if states is not None else usual or known
    if not wanted:
        raise ProtocolError(
            "traces need at least 1 state, and none was named or recorded; record='value', say"
        )
    found = select(data, wanted, area=area, role=role, columns=columns, batch=batch, taught=True)
    rows: dict[str, dict[str, Selected]] = {}
    for one in found:
        rows.setdefault(one.what.kind, {})[one.what.area] = one
    areas = areas_of([one.what for one in found], data)
    shown = {a: np.unique(np.concatenate([r[a].column for r in rows.values() if a in r])) for a in areas}
    most = max(len(cells) for cells in shown.values())
    title = data.attrs.get("title", "")
    figure, grid = _grid(len(rows), len(areas), -(-min(most, NAMED) // ACROSS) if most > 1 else 0, title)
    bands = phases(data)
    for k, (name, cells) in enumerate(shown.items()):
        lines = _lines(cells)
        drawn = []
        for axes, row in zip(grid[:, k], rows.values(), strict=True):
            if name in row:
                _panel(axes, data, row[name], lines)
                mark_phases(axes, bands)
                drawn.append(axes)
            else:
                axes.set_visible(False)
        drawn[-1].tick_params(labelbottom=True)
        drawn[-1].set_xlabel(clock(data))
        total = len(np.unique(np.concatenate([r[name].what.column for r in rows.values() if name in r])))
        which = f"{len(cells)} of {total}" if len(cells) < total else f"{total}"
        drawn[0].set_title(f"{words(name)}  ({which} column{'s' * (total > 1)})", pad=15)
        _key(figure, drawn[-1], lines)
    for row, panels in zip(rows.values(), grid, strict=True):
        _label(row, {name: axes for name, axes in zip(areas, panels, strict=True) if name in row})
    tops = [next(axes for axes in column if axes.get_visible()) for column in grid.T]
    name_phases(figure, tops, bands, WIDTH)
    entitle(figure, title, y=1 - 0.1 / figure.get_figheight())
    return figure


def _grid(rows: int, across: int, keys: int, title: str) -> tuple[Figure, NDArray[Any]]:
    """Lay out panels of one size."""
    wide = across * (WIDTH + ASIDE) + 0.4
    below = 0.85 + (keys + 1) * LINE * (keys > 0)
    above = TOP + LINE * 1.1 * max(len(title_lines(title, wide)) - 1, 0)
    tall = rows * (HEIGHT + BETWEEN) - BETWEEN + above + below
    figure = Figure(figsize=(wide, tall))
    space = {"wspace": ASIDE / WIDTH, "hspace": BETWEEN / HEIGHT}
    edges = {
        "left": (ASIDE + 0.2) / wide,
        "right": 1 - 0.2 / wide,
        "bottom": below / tall,
        "top": 1 - above / tall,
    }
    grid: NDArray[Any] = figure.subplots(
        rows, across, sharex=True, squeeze=False, gridspec_kw={**space, **edges}
    )
    return figure, grid


def _lines(cells: NDArray[np.int64]) -> dict[int, Any]:
    """Return the colour of each column's line."""
    if len(cells) <= NAMED:
        return dict(zip(cells.tolist(), CYCLE, strict=False))
    return dict(zip(cells.tolist(), colormaps["viridis"](np.linspace(0, 0.95, len(cells))), strict=True))


def _panel(axes: Axes, data: xr.Dataset, one: Selected, lines: dict[int, Any]) -> None:
    """Draw a line for each column of one state in one area."""
    low, high = float(np.min(one.values)), float(np.max(one.values))
    if not low < high or max(abs(low), abs(high)) <= 2 * (high - low):  # voltages of −65 mV are far from it
        axes.axhline(0, color="0.3", lw=0.5, ls="-", zorder=0)
    for column, at in zip(*np.unique(one.column, return_index=True), strict=True):
        axes.plot(
            data["time"],
            one.values[:, at],
            color=lines[int(column)],
            ls="-",
            lw=0.9,
            drawstyle="steps-pre" if summed(one.what.array) else "steps-post",
            label=f"column {column}",
        )
    plain(axes)


def _key(figure: Figure, axes: Axes, lines: dict[int, Any]) -> None:
    """Draw the key of columns and their lines, below the time axis."""
    if len(lines) > NAMED:
        colours = ListedColormap(list(lines.values()))
        scale = ScalarMappable(BoundaryNorm(np.arange(len(lines) + 1) - 0.5, len(lines)), colours)
        bar = figure.colorbar(scale, cax=axes.inset_axes((0, -0.55, 1, 0.07)), orientation="horizontal")
        ends = [0, len(lines) // 2, len(lines) - 1]
        bar.set_ticks(ends, labels=[str(list(lines)[k]) for k in ends])
        bar.ax.tick_params(labelsize=LABEL - 1)
        bar.ax.minorticks_off()
        bar.set_label("column", fontsize=LABEL - 1, labelpad=1)
    elif len(lines) > 1:
        tight: Any = {"handlelength": 0.8, "handletextpad": 0.3, "columnspacing": 0.7, "labelspacing": 0.2}
        below: Any = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.34), "ncols": ACROSS}
        drawn = {str(line.get_label()): line for line in axes.get_lines()}
        keys = [drawn[f"column {column}"] for column in lines if f"column {column}" in drawn]
        names = [str(line.get_label()).removeprefix("column ") for line in keys]
        axes.legend(keys, names, title="column", title_fontsize=LABEL - 1, borderpad=0, **tight, **below)


def _label(row: dict[str, Selected], panels: dict[str, Axes]) -> None:
    """Label a row at its first panel, and at others whose label differs (by its unit, say)."""
    said = ""
    for name, axes in panels.items():
        label = row[name].what.label()
        if label != said:
            short = label if len(label) < LONG else label.replace(" ", "\n", 1)
            axes.set_ylabel(short, color=COLOURS.get(row[name].what.state, "black"))
            said = said or label
