"""A spiking circuit on one page: who fires when, how fast populations fire, and what columns make of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from corticalnet.errors import ProtocolError, one_of
from corticalnet.plotting.style import GREY, LABEL, mark_phases, name_phases, plain
from corticalnet.plotting.wiring import HUES, OTHER
from corticalnet.recordings.firing import Firing, firing, rate
from corticalnet.recordings.reading import area_names, kinds, numbers, phases, symbol

#: Inches: of the figure, of a panel of rates and of one of traces.
WIDTH, RATES, TRACES = 7.0, 0.5, 0.62
#: Roles that stand in no wiring as a kind of their own.
COLOURS = {**HUES, "feedback": "#e15759", "dopamine": "#8a5a00"}
#: Traces if none are named: of each of these the first that was recorded.
USUAL = (("value.rate", "rate", "value"), ("rpe", "error"))
#: Between areas, as a part of all rows.
AIR = 0.02
#: Of legends beside a panel.
TIGHT: Any = {
    "frameon": False, "fontsize": LABEL - 1.5, "title_fontsize": LABEL - 1.5,
    "handlelength": 0.8, "labelspacing": 0.1,
}  # fmt: skip


def spikes(
    data: xr.Dataset,
    batch: int = 0,
    cells: int = 40,
    width: float = 20.0,
    states: Sequence[str] | None = None,
    columns: int = 4,
) -> Figure:
    """Raster, population rates, and traces of a spiking circuit, below each other.

    The raster has the input at its bottom; in each area values stand below errors (or feedback), and "on"
    cells above the paler "off" cells; ticks at its left part columns. Rates are means over a population.

    Args:
        data: a recording with spikes.
        batch: which sample of the batch.
        cells: at most so many of each population, evenly chosen.
        width: of the window that slides over spikes to make a rate, in ms.
        states: traces below: "rpe" (of the topmost area that has it) or "area1.error.error". If not given,
            rates of the output, and dopamine or errors, as far as they were recorded.
        columns: at most so many of them in a trace.

    Raises:
        ProtocolError: no spikes were recorded, no such sample or state, or nothing to draw.
    """
    if cells < 1 or columns < 1:
        raise ProtocolError(f"spikes need at least 1 cell and 1 column, not {cells} and {columns}")
    groups = _stack(data, firing(data, batch))
    fast = [group for group in groups.values() if any(one.role != "phi" for one in group)]
    below = _traces(data, states)
    rows = sum(min(len(one.number), cells) for group in groups.values() for one in group)
    heights = [float(np.clip(0.012 * rows, 1.6, 4.2)), *[RATES] * len(fast), *[TRACES] * len(below)]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.09 * len(heights) + 1.0), layout="constrained")
    panels = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for axes in panels:
        plain(axes, 2)
        mark_phases(axes, phases(data))
    _raster(panels[0], data, groups, cells, heights[0])
    for axes, group in zip(panels[1:], reversed(fast), strict=False):
        _rates(axes, data, group, width)
    for axes, (name, array) in zip(panels[1 + len(fast) :], below, strict=True):
        label = f"{array.attrs['area']}\n{symbol(name, array).removeprefix('value ')}"
        _trace(axes, array.isel(batch=batch).transpose("time", ...), label, columns)
    panels[-1].set_xlabel("time (ms)", fontsize=LABEL)
    name_phases(figure, list(panels[:1]), phases(data), WIDTH - 1.3)
    figure.suptitle(data.attrs.get("title", ""), fontsize=LABEL + 2)
    return figure


def _stack(data: xr.Dataset, found: list[Firing]) -> dict[str, list[Firing]]:
    """Area -> its populations from the bottom up: values first, φ last, "off" under "on"."""
    order = area_names(data)
    order += [one.area for one in found if one.area not in order]
    first = {one.role: k for k, one in reversed(list(enumerate(found)))} | {"value": -1, "phi": len(found)}
    stacked: dict[str, list[Firing]] = {area: [] for area in order}
    for one in sorted(found, key=lambda one: (first[one.role], one.side != "off")):
        stacked[one.area].append(one)
    return {area: group for area, group in stacked.items() if group}


def _raster(axes: Axes, data: xr.Dataset, groups: dict[str, list[Firing]], cells: int, height: float) -> None:
    """Ticks for spikes; a label for each role of each area."""
    times = data["time"].values
    total = sum(min(len(one.number), cells) for group in groups.values() for one in group)
    tall, air = max(94 * height / total, 1.6), AIR * total
    bottom = 0.0
    names: dict[str, list[Any]] = {}
    for area, group in groups.items():
        for one in group:
            phi = one.role == "phi"
            chosen = _evenly(len(one.number), cells)
            steps, rows = np.nonzero(one.fired[:, chosen])
            size, lw = (9.0, 1.2) if phi else (tall, 0.6)
            bottom += air * phi
            axes.scatter(
                times[steps], bottom + rows, size**2, [_hue(one)], marker="|", lw=lw, label=one.population
            )
            edges = np.flatnonzero(np.diff(one.column[chosen])) + bottom + 0.5
            if len(edges) < len(chosen) - 1:
                axes.hlines(edges, 0, 0.006, transform=axes.get_yaxis_transform(), color=GREY, lw=0.4)
            name = area if area == one.role else f"{area} {'φ' if phi else one.role}"
            names.setdefault(name, [COLOURS.get(one.role, OTHER), bottom])
            bottom += len(chosen)
            names[name][2:] = [bottom - 1]
            bottom += air * phi
        bottom += air
    axes.set(ylim=(-air, bottom))
    axes.set_yticks([(low + high) / 2 for _, low, high in names.values()], list(names))
    axes.tick_params(axis="y", length=0)
    for word, (hue, *_) in zip(axes.get_yticklabels(), names.values(), strict=True):
        word.set_color(hue)
    if any(one.side == "off" for group in groups.values() for one in group):
        keys = [
            Line2D([], [], color=hue, lw=2, label=label) for hue, label in (("0.3", "on"), ("0.7", "off"))
        ]
        axes.legend(handles=keys, loc="upper left", bbox_to_anchor=(1, 1), **TIGHT)


def _rates(axes: Axes, data: xr.Dataset, group: list[Firing], width: float) -> None:
    """Mean rate of each population of an area."""
    for one in group:
        if one.role != "phi":
            mean = rate(data, one.count, width).mean(axis=1)
            axes.plot(data["time"], mean, color=_hue(one), lw=0.9, label=one.population)
    axes.set_ylim(bottom=0)
    axes.set_ylabel(f"{group[0].area}\n(Hz)", fontsize=LABEL, rotation=0, ha="right", va="center")


def _traces(data: xr.Dataset, states: Sequence[str] | None) -> list[tuple[str, xr.DataArray]]:
    """(state, what was recorded of it) of each trace."""
    known = kinds(data)
    tops = {name: (name, arrays[-1]) for name, arrays in known.items()}
    all_of_them = {str(array.name): (name, array) for name, arrays in known.items() for array in arrays}
    if states is None:
        firsts = (next((name for name in some if name in known), "") for some in USUAL)
        states = [name for name in firsts if name]
    for request in states:
        one_of("recorded state", request, [*tops, *all_of_them] or ["none"], ProtocolError)
    return [(all_of_them | tops)[request] for request in states]


def _trace(axes: Axes, array: xr.DataArray, label: str, columns: int) -> None:
    """A line for each column."""
    cells = numbers(array)
    held = _evenly(len(cells), columns)
    for k, at in enumerate(held):
        hue = "black" if len(held) == 1 else colormaps["tab10"](k % 10)
        axes.plot(array["time"], array.values[:, at], color=hue, lw=0.9, label=str(int(cells[at])))
    if len(held) > 1:
        axes.legend(title="column", loc="center left", bbox_to_anchor=(1, 0.5), **TIGHT)
    axes.axhline(0, color="0.3", lw=0.5, zorder=0)
    axes.set_ylabel(label, fontsize=LABEL, rotation=0, ha="right", va="center")


def _evenly(n: int, most: int) -> np.ndarray:
    """At most so many of n."""
    chosen: np.ndarray = np.linspace(0, n - 1, min(n, most)).round().astype(int)
    return chosen


def _hue(one: Firing) -> tuple[float, ...]:
    """Of its role; "off" cells are paler."""
    hue = np.array(to_rgb(COLOURS.get(one.role, OTHER)))
    return tuple(0.5 + 0.5 * hue if one.side == "off" else hue)
