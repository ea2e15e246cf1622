"""A spiking circuit on one page: who fires when, how fast populations fire, and what columns make of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from corticalnet.plotting.raster import TIGHT, draw_raster, fired, hue, stacked
from corticalnet.plotting.selection import Columns, Names, Recorded, Selected, choose, select
from corticalnet.plotting.style import LABEL, entitle, line, mark_phases, name_phases, plain, styled, words
from corticalnet.recordings.firing import rate
from corticalnet.recordings.reading import clock, phases

#: Inches: of the figure, of a panel of rates and of one of traces.
WIDTH, RATES, TRACES = 7.0, 0.5, 0.62
#: Traces if none are named: of each of these the first that was recorded.
USUAL = (("value.rate", "rate", "value"), ("rpe", "error"))


@styled
def spikes(
    data: xr.Dataset,
    states: Names = None,
    *,
    area: Names = None,
    role: Names = None,
    columns: Columns = 4,
    batch: int = 0,
    cells: int = 40,
    width: float = 20.0,
) -> Figure:
    """Plot raster, population rates, and traces of a spiking circuit, below each other.

    The raster is that of :func:`corticalnet.plotting.raster`. Rates are means over a population.

    Args:
        data: a recording with spikes.
        states: traces below: "rpe" (of the topmost area that has it) or "area1.error.error". If not given,
            rates of the output, and dopamine or errors, as far as they were recorded.
        area, role: only cells of these areas ("area1") and roles ("value", "error"); one or several. Of
            states that are named too, only those of these.
        columns: at most so many in a trace, evenly chosen, or a list of the numbers of those that traces and
            raster show.
        batch: which sample of the batch.
        cells: at most so many of each population in the raster, evenly chosen.
        width: of the window that slides over spikes to make a rate, in ms.

    Raises:
        ProtocolError: a state, area, role, column or sample is not in the recording, no spikes were recorded,
            or there is nothing to draw.
    """
    some = None if isinstance(columns, int) else columns
    stack = stacked(data, fired(data, None, area, role, some, batch, cells))
    full = stacked(data, fired(data, None, area, role, some, batch, None))  # rates are of all cells
    fast = [group for group in full.values() if any(one.what.state == "spike" for one in group)]
    below = _traces(data, states, area, role, columns, batch)
    rows = sum(len(one.number) for group in stack.values() for one in group)
    heights = [float(np.clip(0.012 * rows, 1.6, 4.2)), *[RATES] * len(fast), *[TRACES] * len(below)]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.09 * len(heights) + 1.0), layout="constrained")
    panels = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for axes in panels:
        plain(axes, 2)
        mark_phases(axes, phases(data))
    draw_raster(panels[0], data, stack, heights[0])
    for axes, group in zip(panels[1:], reversed(fast), strict=False):
        _rates(axes, data, group, width)
    for axes, one in zip(panels[1 + len(fast) :], below, strict=True):
        _trace(axes, data, one)
    panels[-1].set_xlabel(clock(data))
    name_phases(figure, list(panels[:1]), phases(data), WIDTH - 1.3)
    entitle(figure, data.attrs.get("title", ""))
    return figure


def _rates(axes: Axes, data: xr.Dataset, group: list[Selected], width: float) -> None:
    """Draw the mean rate of each population of an area."""
    for one in group:
        if one.what.state == "spike":
            mean = rate(data, one.values.astype(np.int64), width).mean(axis=1)
            name = str(one.what.array.attrs["population"])
            axes.plot(data["time"], mean, color=hue(one), ls="-", lw=0.9, label=name)
    axes.set_ylim(bottom=0)
    _beside(axes, f"{words(group[0].what.area)}\n(Hz)")


def _traces(
    data: xr.Dataset, states: Names, area: Names, role: Names, columns: Columns, batch: int
) -> list[Selected]:
    """Select one row for each state: of the topmost area that has it."""
    unnamed = states is None
    if states is None:
        known = {one.kind for one in choose(data)}
        usual = (next((name for name in some if name in known), "") for some in USUAL)
        states, area, role = [name for name in usual if name], None, None
    names = [states] if isinstance(states, str) else list(states)
    tops: list[Recorded] = [choose(data, name, area=area, role=role)[-1] for name in names]
    found = []
    for one in tops:
        others = unnamed and not isinstance(columns, int) and not np.isin(columns, one.column).any()
        found += select(data, str(one.array.name), columns=None if others else columns, batch=batch)
    return found


def _trace(axes: Axes, data: xr.Dataset, one: Selected) -> None:
    """Draw a line for each column."""
    firsts = np.unique(one.column, return_index=True)[1]
    for k, at in enumerate(firsts):
        look = line(k) if len(firsts) > 1 else {"color": "black"}
        axes.plot(data["time"], one.values[:, at], **look, lw=0.9, label=str(one.column[at]))
    if len(firsts) > 1:
        beside: Any = {"loc": "center left", "bbox_to_anchor": (1, 0.5), "ncols": 1 + (len(firsts) - 1) // 4}
        axes.legend(title="column", **beside, **TIGHT)
    axes.axhline(0, color="0.3", lw=0.5, zorder=0)
    _beside(axes, f"{words(one.what.area)}\n{one.what.label().removeprefix('value ')}")


def _beside(axes: Axes, text: str) -> None:
    """Write a label of two lines, to the left of a flat panel."""
    axes.set_ylabel(text, fontsize=LABEL, rotation=0, ha="right", va="center")
