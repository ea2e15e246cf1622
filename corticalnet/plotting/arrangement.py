"""Where the parts of a circuit stand in a drawing: areas from input (bottom) to output (top)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from corticalnet.recordings.reading import SYMBOLS

#: Places of the usual populations in a box; so placed, no wires within a column cross.
SLOTS = {"prediction": (0.0, 0.0), "error": (1.2, 0.0), "value": (2.4, 0.0), "phi": (0.6, 0.95)}
FREE = [(1.8, 0.95), (3.0, 0.95), (3.6, 0.0), (4.2, 0.95), (4.8, 0.0)]
#: From centres to the rim of their box; between boxes above and beside each other.
MARGIN, GAP, ASIDE = 0.5, 1.1, 0.5
#: Room that a letter of an area's name takes.
LETTER = 0.125

Point = tuple[float, float]


@dataclass(frozen=True)
class PopulationBox:
    """An area's box: lower left corner, size, room for its heading to the left, cells' centres."""

    left: float
    bottom: float
    width: float
    height: float
    room: float
    centres: dict[str, Point]

    def holds(self, point: Point) -> bool:
        """Return whether a point lies in the box or its heading."""
        x, y = point[0] - self.left, point[1] - self.bottom
        return -self.room <= x <= self.width and 0 <= y <= self.height


def kind(population: Any) -> str:
    """Return the kind of a population: its role or, if that has no symbol, the first state that has one."""
    if population.role in SYMBOLS:
        return str(population.role)
    return next((str(name) for name in population.cell.state if name in SYMBOLS), str(population.role))


def stands(circuit: Any) -> dict[str, str]:
    """Map populations to areas; spiking cells ("area1.value.on") stand where their rate cells do."""
    own = {p.name: str(p.area) for p in circuit.populations}
    return {name: own.get(area.removesuffix("-current"), area) for name, area in own.items()}


def by_area(circuit: Any) -> dict[str, list[Any]]:
    """Map each area to its populations."""
    area = stands(circuit)
    members: dict[str, list[Any]] = {}
    for population in circuit.populations:
        members.setdefault(area[population.name], []).append(population)
    return members


def arrange(circuit: Any) -> dict[str, PopulationBox]:
    """Arrange the areas; return the box of each.

    To the left stand areas that no projection reaches or leaves (clocks, phase signals), and single cells
    that feed several areas (biases).
    """
    members = by_area(circuit)
    level = _levels(circuit, list(members))
    rows = [[a for a in members if level.get(a) == k] for k in range(max(level.values(), default=-1) + 1)]
    boxes: dict[str, PopulationBox] = {}
    bottom = 0.0
    for row in rows:
        sizes = [_size(members[area]) for area in row]
        names = [_room(members[area]) for area in row]
        # the first name hangs out to the left, so that a lone box stands in the middle
        left = -(sum(w for w, _ in sizes) + sum(names[1:]) + ASIDE * (len(row) - 1)) / 2 - names[0]
        for area, name, (width, height) in zip(row, names, sizes, strict=True):
            boxes[area] = _box(members[area], left + name, bottom, width, height)
            left += name + width + ASIDE
        bottom += max(height for _, height in sizes) + GAP
    aside = sorted((a for a in members if a not in level), key=lambda a: _aim(circuit, members[a], boxes))
    edge = min((box.left - box.room for box in boxes.values()), default=0.0) - 2 * ASIDE
    step = max((bottom - GAP) / (len(aside) + 1), 1.4)
    for k, area in enumerate(aside, start=1):
        width, height = _size(members[area])
        boxes[area] = _box(members[area], edge - width, k * step - height / 2, width, height)
    return boxes


def _aim(circuit: Any, populations: list[Any], boxes: dict[str, PopulationBox]) -> float:
    """Compute the mean height of the areas that an area projects or broadcasts to."""
    area = stands(circuit)
    ends = {p.name: (area[p.source], area[p.target]) for p in circuit.projections}
    names = {p.name for p in populations}
    targets = [t for b in circuit.broadcasts if b.source in names for t in b.targets]
    targets += [p.target for p in circuit.projections if p.source in names]
    reached = [boxes[a].bottom for t in targets for a in ends.get(t, (area.get(t, ""),)) if a in boxes]
    return sum(reached) / len(reached) if reached else 0.0


def delivery(circuit: Any, projection: Any) -> str:
    """Return the phase that delivers a projection; "" if it arrives at the end of its sender's phase."""
    target = next(p for p in circuit.populations if p.name == projection.target)
    return str(target.cell.ports[projection.port])


def _levels(circuit: Any, areas: list[str]) -> dict[str, int]:
    """Compute how many projections above the input each area is, where that order has a place for it."""
    area = stands(circuit)
    pairs = [(area[p.source], area[p.target], delivery(circuit, p)) for p in circuit.projections]
    cells = {a: sum(p.n for p in circuit.populations if area[p.name] == a) for a in areas}
    fed = {a: {high for low, high, _ in pairs if low == a} for a in areas}
    reached = {high for _, high, _ in pairs}
    lone = {a for a in areas if cells[a] == 1 and len(fed[a]) > 1 and a not in reached}
    pairs = [pair for pair in pairs if pair[0] not in lone]
    up = [(low, high) for low, high, phase in pairs if phase == "predict" and low != high]
    up = up or [(low, high) for high, low, phase in pairs if phase == "feedback" and low != high]
    level = dict.fromkeys([a for a in areas if any(a in pair[:2] for pair in pairs)] or areas, 0)
    for _ in areas:  # longest way up; areas in a circle stay in some order, as there is no right one
        for low, high in up:
            level[high] = max(level[high], level[low] + 1)
    ranks = {old: new for new, old in enumerate(sorted(set(level.values())))}
    return {a: ranks[old] for a, old in level.items()}


def _places(population: list[Any]) -> dict[str, Point]:
    """Place the populations of an area, relative to the first one's corner of the box."""
    if len(population) == 1:
        return {population[0].name: (0.0, 0.0)}
    kinds = [kind(p) for p in population]
    usual = {k for k in kinds if k in SLOTS and kinds.count(k) == 1}
    free = iter([*FREE, *((6.0 + 1.2 * k, 0.0) for k in range(len(population)))])
    places = {p.name: SLOTS[k] if k in usual else next(free) for p, k in zip(population, kinds, strict=True)}
    left, bottom = (min(point[axis] for point in places.values()) for axis in (0, 1))
    return {name: (x - left, y - bottom) for name, (x, y) in places.items()}


def _size(populations: list[Any]) -> Point:
    places = _places(populations).values()
    width = max(x for x, _ in places) + 2 * MARGIN
    return width, max(y for _, y in places) + 2 * MARGIN


def heading(populations: list[Any]) -> str:
    """Format an area's name, and below it the sizes of its populations."""
    sizes = list(dict.fromkeys(p.n for p in populations))
    return f"{populations[0].area}\n{', '.join(str(n) for n in sizes)}"


def _room(populations: list[Any]) -> float:
    """Return the width of the heading to the left of the box."""
    return LETTER * max(len(line) for line in heading(populations).split("\n")) + 0.15


def _box(populations: list[Any], left: float, bottom: float, width: float, height: float) -> PopulationBox:
    places = _places(populations)
    inset = (width - max(x for x, _ in places.values())) / 2
    centres = {name: (left + inset + x, bottom + MARGIN + y) for name, (x, y) in places.items()}
    return PopulationBox(left, bottom, width, height, _room(populations), centres)
