"""A drawing of a circuit: areas as boxes, populations in them, and everything that joins them.

What the phase "predict" delivers goes up in solid lines, what "feedback" delivers comes down in dashed
ones; modulators, which no phase delivers, and broadcasts are dotted, and wires within a column are thin.
What learns is thick and bears a Δ; what inhibits (no weight is above 0) ends in a bar.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyBboxPatch

from corticalnet.plotting.arrangement import (
    Point,
    PopulationBox,
    arrange,
    by_area,
    delivery,
    heading,
    kind,
    stands,
)
from corticalnet.plotting.arrows import RADIUS, Arrows
from corticalnet.plotting.style import COLOURS, LABEL, OTHER, styled, title_lines
from corticalnet.recordings.reading import SYMBOLS

#: Inches of paper for one unit of the drawing.
SCALE = 0.72
#: The phase that delivers what a line brings -> its style and colour, and what it is called.
LINES = {
    "predict": ("-", COLOURS["prediction"], "prediction"),
    "feedback": ("--", COLOURS["feedback"], "feedback"),
    "": (":", COLOURS["dopamine"], "modulator, broadcast"),
}
#: Any other phase.
RARE = "-.", COLOURS["weight"]
MEANING = {"value": "value", "prediction": "prediction", "error": "error", "phi": "change detector"}
#: A drawing is at least so wide, and if wider than the second its legend has four columns.
NARROW, WIDE = 5.0, 7.6
EDGE = 0.3


@styled
def wiring(circuit: Any) -> Figure:
    """Draw a circuit: areas as boxes, populations in them, and all connections.

    Every arrow's gid says what it is: "projection NAME", "wire NAME" or "broadcast NAME TARGET".

    Args:
        circuit: a Circuit (anything with its populations, projections, wires and broadcasts).
    """
    boxes = arrange(circuit)
    figure = Figure()
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    for area, populations in by_area(circuit).items():
        _area(axes, boxes[area], populations)
    place = stands(circuit)
    cells = {p.name: _cell(axes, boxes[place[p.name]].centres[p.name], p) for p in circuit.populations}
    arrows = Arrows(axes, cells, boxes.values())
    for wire in circuit.wires:
        _wire(arrows, wire)
    marks = {p.name: _projection(arrows, p, delivery(circuit, p)) for p in circuit.projections}
    for broadcast in circuit.broadcasts:
        for target in broadcast.targets:
            _broadcast(arrows, broadcast, target, marks.get(target, target))
    _frame(axes, circuit, list(boxes.values()), arrows)
    return figure


def _frame(axes: Axes, circuit: Any, boxes: list[PopulationBox], arrows: Arrows) -> None:
    """Draw title and legend, and fit the paper around everything."""
    xs, ys = zip(*arrows.ways, strict=True) if arrows.ways else ((0.0,), (0.0,))
    left = min(*xs, *(box.left - box.room for box in boxes)) - EDGE
    right = max(*xs, *(box.left + box.width for box in boxes)) + EDGE
    spare = max(0.0, NARROW - (right - left)) / 2
    left, right = left - spare, right + spare
    keys = _keys(circuit)
    across = 4 if right - left > WIDE else 2
    bottom = min(*ys, *(box.bottom for box in boxes)) - EDGE - 0.22 * math.ceil(len(keys) / across) - 0.1
    top = max(*ys, *(box.bottom + box.height for box in boxes)) + EDGE + 0.4
    lines = title_lines(circuit.name, SCALE * (right - left))
    top += 0.25 * max(len(lines) - 1, 0)
    axes.set(xlim=(left, right), ylim=(bottom, top))
    axes.text((left + right) / 2, top - 0.2, "\n".join(lines), ha="center", va="top", fontsize=LABEL + 2)
    figure = axes.figure
    figure.set_size_inches(SCALE * (right - left), SCALE * (top - bottom))  # type: ignore[union-attr]
    figure.legend(handles=keys, loc="lower center", ncols=across, frameon=False, fontsize=7)


def _area(axes: Axes, box: PopulationBox, populations: list[Any]) -> None:
    pad = 0.12
    corner, size = (box.left + pad, box.bottom + pad), (box.width - 2 * pad, box.height - 2 * pad)
    style = f"round,pad={pad},rounding_size=0.16"
    axes.add_patch(FancyBboxPatch(corner, *size, boxstyle=style, fc="#f7f7f7", ec="0.6", lw=0.8, zorder=1,
                                  gid=f"area {populations[0].area}"))  # fmt: skip
    where = {"ha": "right", "va": "top", "fontsize": 8.5, "zorder": 6, "linespacing": 1.4,
             "bbox": {"fc": "white", "lw": 0, "pad": 1, "alpha": 0.85}}  # fmt: skip
    axes.text(box.left - 0.12, box.bottom + box.height, heading(populations), **where)  # type: ignore[arg-type]


def _cell(axes: Axes, centre: Point, population: Any) -> Circle:
    """Draw a circle with the population's symbol, or its role, or the kind of its cell."""
    what = kind(population)
    text = SYMBOLS.get(what, "")
    hue = COLOURS.get(what, OTHER)
    circle = Circle(centre, RADIUS, fc="white", ec=hue, lw=1.6, zorder=4, gid=f"population {population.name}")
    axes.add_patch(circle)
    if text:
        axes.text(*centre, text, ha="center", va="center", fontsize=12, color=hue, zorder=5)
    else:
        name = type(population.cell).__name__ if population.role == "cell" else population.role
        name = _short(name if "." not in population.area else ".".join(population.name.split(".")[1:]))
        size = min(6.5, 40 / max(len(line) for line in name.split("\n")))
        axes.text(*centre, name, ha="center", va="center", fontsize=size, color="0.25", zorder=5)
    return circle


def _short(name: str) -> str:
    """Break a name of two words into two lines: "PhaseSignal", "inhibitory-fast"."""
    cut = next((k for k, letter in enumerate(name) if k and (letter.isupper() or letter in "-_.")), 0)
    return f"{name[:cut]}\n{name[cut:].lstrip('-_.')}" if cut else name


def _wire(arrows: Arrows, wire: Any) -> None:
    """Draw a wire as a thin line, with a bar instead of an arrow head where it subtracts."""
    head: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 5}
    if wire.weight < 0:
        head = {"arrowstyle": "|-|,widthA=0,widthB=2", "mutation_scale": 1.4}
    gid = f"wire {wire.name}"
    arrows.draw(wire.source, wire.target, bends=(0.18,), lw=0.6, color="0.4", zorder=3, gid=gid, **head)


def _projection(arrows: Arrows, projection: Any, phase: str) -> Point:
    """Draw an arrow; return its mark, where the Δ is and broadcasts to its plasticity end."""
    line, hue = LINES.get(phase, RARE)[:2]
    head: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 10}
    if projection.weight is not None and np.max(projection.weight) <= 0 and np.any(projection.weight):
        head = {"arrowstyle": "|-|,widthA=0,widthB=2", "mutation_scale": 2.5}
    plastic = projection.plasticity is not None
    gid = f"projection {projection.name}"
    mark = arrows.draw(
        projection.source, projection.target, color=hue,
        linestyle=line, lw=2.0 if plastic else 1.1, zorder=3, gid=gid, **head,
    )  # fmt: skip
    if plastic:
        ring = {"boxstyle": "circle,pad=0.15", "fc": "white", "ec": hue, "lw": 0.8}
        arrows.axes.text(*mark, "Δ", ha="center", va="center", fontsize=7, color=hue, zorder=7, bbox=ring)
    return mark


def _broadcast(arrows: Arrows, broadcast: Any, target: str, end: str | Point) -> None:
    """Draw a line to a population, or to the mark of a projection."""
    line, hue, _ = LINES[""]
    gid = f"broadcast {broadcast.name} {target}"
    head: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 7}
    arrows.draw(broadcast.source, end, color=hue, linestyle=line, lw=0.8, zorder=3, gid=gid, **head)


def _keys(circuit: Any) -> list[Any]:
    """Return the legend's entries for the kinds of cells and lines that occur."""
    kinds = {kind(p) for p in circuit.populations}
    keys: list[Any] = [
        Line2D([], [], ls="", marker="o", mfc="white", mec=COLOURS[k], mew=1.5, label=f"{SYMBOLS[k]}  {name}")
        for k, name in MEANING.items()
        if k in kinds
    ]
    phases = {delivery(circuit, p) for p in circuit.projections} | ({""} if circuit.broadcasts else set())
    known = dict(LINES)
    if "prediction" not in kinds:  # one's own cells predict nothing
        known["predict"] = (*LINES["predict"][:2], 'delivered in "predict"')
    lines = known | {phase: (*RARE, f'delivered in "{phase}"') for phase in sorted(phases - LINES.keys())}
    keys += [
        Line2D([], [], ls=line, color=hue, lw=1.1, label=name)
        for phase, (line, hue, name) in lines.items()
        if phase in phases
    ]
    if any(p.plasticity is not None for p in circuit.projections):
        keys.append(Line2D([], [], color="0.2", lw=2, label="Δ  plastic"))
    if circuit.wires:
        keys.append(Line2D([], [], color="0.4", lw=0.6, label="wire within a column"))
    return keys
