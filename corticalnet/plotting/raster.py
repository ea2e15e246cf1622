"""Which cells fire when: a tick for every spike, and wherever φ (or another state) is not 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from corticalnet.errors import ProtocolError
from corticalnet.plotting.selection import (
    Columns,
    Names,
    Selected,
    areas_of,
    choose,
    evenly,
    select,
    where,
    whole,
)
from corticalnet.plotting.style import (
    COLOURS,
    GREY,
    LABEL,
    entitle,
    mark_phases,
    name_phases,
    plain,
    styled,
    words,
)
from corticalnet.recordings.reading import SYMBOLS, clock, phases

WIDTH = 7.0
#: What is drawn if no state is named, as far as it was recorded.
USUAL = ("spike", "phi")
#: Ticks of up to so many cells are thick.
FEW = 40
#: What has no colour of a role.
OWN = "#333333"
#: Inches between two labels at least.
PITCH = 0.15
#: Of a small legend beside axes.
TIGHT: Any = {
    "fontsize": LABEL - 1.5, "title_fontsize": LABEL - 1.5, "handlelength": 0.8, "labelspacing": 0.1
}  # fmt: skip

#: Area -> what is drawn of it, from the bottom up.
Stack = dict[str, list[Selected]]


@styled
def raster(
    data: xr.Dataset,
    states: Names = None,
    *,
    area: Names = None,
    role: Names = None,
    columns: Columns | None = None,
    batch: int = 0,
    cells: int | None = None,
) -> Figure:
    """Plot a tick wherever a state is not zero; cells stacked by area, the first area at the bottom.

    In each area values stand below errors (or feedback), and "on" cells above the paler "off" cells. Small
    marks at the left part columns of several cells.

    Args:
        data: a recording.
        states: names; if not given, spikes and φ, as far as they were recorded.
        area, role: only those of these areas ("area1") and roles ("value", "error"); one or several.
        columns: at most so many of each area, evenly chosen, or a list of their numbers; all if not given.
        batch: which sample of the batch.
        cells: at most so many of each population, evenly chosen; all if not given.

    Raises:
        ProtocolError: a state, area, role, column or sample is not in the recording, or there is nothing to
            draw.
    """
    stack = stacked(data, fired(data, states, area, role, columns, batch, cells))
    total = sum(len(one.number) for group in stack.values() for one in group)
    tall = float(np.clip(0.035 * total, 1.2, 5.8))
    figure = Figure(figsize=(WIDTH, tall + 1.0), layout="constrained")
    axes = figure.subplots()
    plain(axes)
    mark_phases(axes, phases(data))
    draw_raster(axes, data, stack, tall)
    name_phases(figure, [axes], phases(data), WIDTH - 1.3)
    axes.set_xlabel(clock(data))
    drawn = dict.fromkeys(one.what.state for group in stack.values() for one in group)
    what = " and ".join({"spike": "spikes"}.get(name, f"{SYMBOLS.get(name, name)} ≠ 0") for name in drawn)
    entitle(figure, f"{data.attrs.get('title', '')}: {what}".removeprefix(": "))
    return figure


def fired(
    data: xr.Dataset,
    states: Names,
    area: Names,
    role: Names,
    columns: Columns | None,
    batch: int,
    cells: int | None,
) -> list[Selected]:
    """Select the cells and states that a raster shows, see :func:`raster`."""
    if states is None:
        here = {one.state for one in choose(data, area=area, role=role)}
        states = [name for name in USUAL if name in here]
        if not states:
            what = f"no spikes and no φ were recorded {where(area, role)}".rstrip()
            raise ProtocolError(f"{what}; simulate with record=['spike', 'phi'], or choose otherwise")
    chosen = select(data, states, area=area, role=role, columns=columns, batch=batch)
    if cells is not None and whole("cells", cells) < 1:
        raise ProtocolError(f"a raster needs at least 1 cell of each population, not {cells}")
    kept = []
    for one in chosen:
        which = evenly(len(one.number), len(one.number) if cells is None else cells)
        kept.append(Selected(one.what, one.values[:, which], one.number[which], one.column[which]))
    return kept


def stacked(data: xr.Dataset, found: list[Selected]) -> Stack:
    """Group populations by area, in the order of the recording: values first, φ last, "off" under "on"."""
    first = {one.what.role: k for k, one in reversed(list(enumerate(found)))}
    first |= {"value": -1, "phi": len(found)}
    stack: Stack = {name: [] for name in areas_of([one.what for one in found], data)}
    for one in sorted(found, key=lambda one: (first[one.what.role], one.what.side != "off")):
        stack[one.what.area].append(one)
    return stack


def draw_raster(axes: Axes, data: xr.Dataset, stack: Stack, height: float) -> None:
    """Draw ticks, and a label for each role of each area, on axes of so many inches.

    Args:
        axes: to draw on.
        data: the recording, with its times.
        stack: what is drawn.
        height: of the axes.
    """
    times = data["time"].values
    groups = [
        [one for one in group if one.what.role == role]
        for group in stack.values()
        for role in dict.fromkeys(one.what.role for one in group)
    ]
    counts = [sum(len(one.number) for one in group) for group in groups]
    pitch = PITCH * sum(counts) / max(height - PITCH * len(groups), 0.2 * height)
    bottom = 0.0
    middles: list[float] = []
    names: list[str] = []
    for group, count in zip(groups, counts, strict=True):
        spare = max(pitch - count, 0.2 * pitch) / 2
        if names:
            axes.axhline(bottom - 0.5, color=GREY, lw=0.4)
        bottom += spare
        middles.append(bottom + (count - 1) / 2)
        names.append(_name(group))
        for one in group:
            steps, rows = np.nonzero(one.values)
            tall = float(np.clip(72 * height / (sum(counts) + pitch * len(groups)), 0.8, 9.0))
            lw = 0.6 if one.what.state == "spike" and sum(counts) > FEW else 1.4
            axes.scatter(
                times[steps],
                bottom + rows,
                tall**2,
                [hue(one)],
                marker="|",
                lw=lw,
                label=str(one.what.array.attrs["population"]),
            )
            edges = np.flatnonzero(np.diff(one.column)) + bottom + 0.5
            if len(edges) < len(one.column) - 1:
                axes.hlines(edges, 0, 0.006, transform=axes.get_yaxis_transform(), color=GREY, lw=0.4)
            bottom += len(one.number)
        bottom += spare
    axes.set_yticks(middles, names)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.5, bottom - 0.5)
    for word, group in zip(axes.get_yticklabels(), groups, strict=True):
        word.set_color(COLOURS.get(_role(group[0]), "0.25"))
    if any(one.what.side == "off" for group in groups for one in group):
        keys = [
            Line2D([], [], color=grey, lw=2, label=name) for grey, name in (("0.3", "on"), ("0.7", "off"))
        ]
        axes.legend(handles=keys, loc="upper left", bbox_to_anchor=(1, 1), **TIGHT)


def hue(one: Selected) -> tuple[float, ...]:
    """Return the colour of a population's role; "off" cells are paler."""
    full = np.array(to_rgb(COLOURS.get(_role(one), OWN)))
    return tuple(0.5 + 0.5 * full if one.what.side == "off" else full)


def _role(one: Selected) -> str:
    """Return the role, or the area's name where that has a single population."""
    return one.what.area if one.what.role == "cell" else one.what.role


def _name(group: list[Selected]) -> str:
    """Format a label such as "area1 value (40 of 600)"."""
    one = group[0].what
    role = "" if one.role == "cell" else f" {SYMBOLS['phi'] if one.role == 'phi' else one.role}"
    shown = sum(len(one.number) for one in group)
    there = sum(one.what.array.shape[-1] for one in group)
    return f"{words(one.area)}{words(role)} ({shown if shown == there else f'{shown} of {there}'})"
