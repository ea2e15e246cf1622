"""Arrows between circles, bent so that they pass other circles by and do not lie upon each other."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch

from corticalnet.plotting.arrangement import Point, PopulationBox

#: Of a population's circle.
RADIUS = 0.3
#: How far arrows may bend to the side, as a part of their length; of the freest the straightest is taken.
BENDS = (0.0, 0.12, -0.12, 0.22, -0.22, 0.34, -0.34, 0.46, -0.46, 0.6, -0.6, 0.75, -0.75)
#: How near an arrow may come to another circle's centre, and its middle to another's.
CLEAR, APART = RADIUS + 0.06, 0.22
#: Where an arrow's mark is: a little above its middle, and so between boxes.
MARK = 0.6


class Arrows:
    """Draws arrows on axes whose two scales are equal.

    Args:
        axes: where.
        cells: circles by population name.
        boxes: of the areas; arrows rather pass those that they have no end in by.

    Attributes:
        middles: where the middles of arrows are.
        ways: points on all arrows.
    """

    def __init__(self, axes: Axes, cells: dict[str, Circle], boxes: Iterable[PopulationBox] = ()) -> None:
        self.axes = axes
        self.cells = cells
        self.boxes = list(boxes)
        self.middles: list[Point] = []
        self.ways: list[Point] = []

    def draw(self, source: str, target: str | Point, bends: tuple[float, ...] = BENDS, **style: Any) -> Point:
        """Draw an arrow from the rim of a circle to that of another, or to a point; return its middle."""
        start = self.cells[source]
        end = self.cells[target] if isinstance(target, str) else None
        a = _centre(start)
        if end is start:
            return self._loop(a, style)
        b = target if not isinstance(target, str) else _centre(self.cells[target])
        others = [_centre(cell) for cell in self.cells.values() if cell is not start and cell is not end]
        bend = min(bends, key=lambda bend: (self._trouble(a, b, bend, others), abs(bend)))
        self.middles.append(_point(a, b, bend, 0.5))
        self.ways += [_point(a, b, bend, t) for t in np.linspace(0, 1, 25)]
        ends: Any = {"patchA": start, "patchB": end, "shrinkA": 0.5, "shrinkB": 1.0 if end else 6.0}
        self.axes.add_patch(FancyArrowPatch(a, b, connectionstyle=f"arc3,rad={bend}", **ends, **style))
        return _point(a, b, bend, MARK)

    def _trouble(self, a: Point, b: Point, bend: float, others: list[Point]) -> int:
        """Count what is in the way: circles and other middles count most, then boxes of other areas."""
        way = [_point(a, b, bend, t) for t in np.linspace(0, 1, 25)]
        hit = sum(math.dist(point, other) < CLEAR for point in way for other in others)
        hit += any(math.dist(way[12], other) < APART for other in self.middles)
        foreign = [box for box in self.boxes if not (box.holds(a) or box.holds(b))]
        return 100 * hit + sum(box.holds(point) for point in way for box in foreign)

    def _loop(self, centre: Point, style: dict[str, Any]) -> Point:
        """Draw an arrow from a circle to itself, above it."""
        (x, y), aside, above = centre, 0.5 * RADIUS, 0.9 * RADIUS
        loop: Any = {"connectionstyle": "arc3,rad=2", "shrinkA": 0, "shrinkB": 0}
        self.axes.add_patch(FancyArrowPatch((x + aside, y + above), (x - aside, y + above), **loop, **style))
        middle = x, y + above + 2 * aside
        self.middles.append(middle)
        self.ways.append(middle)
        return middle


def _centre(circle: Circle) -> Point:
    x, y = cast(Point, circle.get_center())
    return float(x), float(y)


def _point(a: Point, b: Point, bend: float, t: float) -> Point:
    """Compute a point on the quadratic curve that matplotlib's "arc3" draws, at t from 0 to 1."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    aside = 2 * t * (1 - t) * bend
    return a[0] + t * dx + aside * dy, a[1] + t * dy - aside * dx
