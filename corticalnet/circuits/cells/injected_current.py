"""What an experimenter adds to a circuit: a current, or a drug, that is set from outside."""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.quantities import ONE


class InjectedCurrent(Cell):
    """A current that an experimenter sets. State: ``current``. Outside input: ``amplitude``."""

    state = {"current": 0.0}
    inputs = {"amplitude": ONE}

    def deliver(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Set the current to its amplitude."""
        return {"current": cell.amplitude}
