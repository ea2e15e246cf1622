"""Control cells: the signals from outside a column that some rules need, made visible as cells.

A circuit that has one of these is not autonomous.
"""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.cells.state import State
from corticalnet.circuits.pointwise import where
from corticalnet.circuits.quantities import ONE, Count
from corticalnet.errors import CircuitError


class Clock(Cell):
    """A clock cell: it counts steps since the teacher came, and ticks from step ``first`` to step ``last``.

    Z-IL needs one for every depth l (first = last = l); IL one at step T. Outside input: ``teaching``
    (1 while the teacher is there).
    """

    first: Count = 0.0
    last: Count = 0.0
    state = {"tick": State(pulse=True), "count": 0.0}
    inputs = {"teaching": ONE}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.first > self.last:
            raise CircuitError(f"Clock.last must be first = {self.first:g} or later, not {self.last:g}")

    def detect(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Tick from step ``first`` to step ``last`` of teaching; count the steps."""
        teaching = cell.teaching != 0
        now = teaching & (cell.count >= self.first) & (cell.count <= self.last)
        return {"tick": where(now, 1.0, 0.0), "count": where(teaching, cell.count + 1.0, 0.0)}


class PhaseSignal(Cell):
    """A cell that signals the prediction phase (no teacher) to all columns. Outside input: ``teaching``."""

    state = {"prediction_phase": 1.0}
    inputs = {"teaching": ONE}

    def deliver(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Send the phase signal: 1 without a teacher, 0 with one."""
        return {"prediction_phase": where(cell.teaching != 0, 0.0, 1.0)}
