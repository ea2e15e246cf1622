"""Cells of a sheet whose neighbourhoods are pooled: who of a neighbourhood is the most active speaks alone.

winner = 1 if the column wins its contests with all others of its neighbourhood (the first of equals does)
rate   = winner · rate of the column                    what goes up
f'(x) · winner · feedback                               what comes down: to the winner alone
"""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.cells.activation import activation
from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.cells.value import Value
from corticalnet.circuits.pointwise import increment, where
from corticalnet.circuits.quantities import Count


class Winner(Cell):
    """A winner-take-all cell: whether its column is the most active of the neighbourhood.

    Ports: ``wins`` (contests won), ``value`` (the rate of its column). States: ``winner``, ``rate``.

    Args:
        rivals: contests that there are to win.
    """

    rivals: Count = 1.0
    ports = {"wins": "compare", "value": ""}
    state = {"winner": 0.0, "rate": 0.0}
    output = "rate"

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Send the column's rate if it has won all its competitions, otherwise 0."""
        winner = where(port.wins + 0.5 > self.rivals, 1.0, 0.0)
        return {"winner": winner, "rate": winner * port.value}


class PooledValue(Value):
    """A value cell that receives feedback only while its column is the winner (port ``winner``)."""

    ports = {**Value.ports, "winner": ""}

    def move(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax to the prediction, and to feedback if the column is the winner, by one Euler step."""
        signal = port.winner * port.feedback
        pull = activation(self.activation).gain(signal, cell.value, cell.rate) - port.error
        change = where(port.prediction_phase != 0, -port.error, increment(pull, self.tau, dt))
        return {"value": cell.value + change, "change": change}
