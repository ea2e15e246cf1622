"""Axonal delays in torch: what was sent is on its way for some steps."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import torch
from torch import Tensor

from corticalnet.circuits import Circuit, Projection


class Delays:
    """One line for each delayed projection, filled with the state at rest before all time."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self._lines: dict[str, deque[Tensor]] = {}
        self._arrived: dict[str, Tensor] = {}

    def clear(self) -> None:
        """Nothing is on its way."""
        self._lines.clear()
        self._arrived.clear()

    def carry(self, projection: Projection, sent: Tensor) -> Tensor:
        """Put on its way what is sent now; return what arrives now."""
        line = self._lines.get(projection.name)
        if line is None:
            cell = self.circuit.population(projection.source).cell
            rest = cell.rest()[self.circuit.sent(projection.source, projection.sends)]
            steps = self.circuit.delay_steps(projection)
            line = self._lines[projection.name] = deque([torch.full_like(sent, rest)] * steps)
        line.append(sent)
        self._arrived[projection.name] = line.popleft()
        return self._arrived[projection.name]

    def lines(self) -> dict[str, Tensor]:
        """What is on its way, and what arrived last: ``[steps + 1, B, n]``, the oldest first."""
        return {name: torch.stack([self._arrived[name], *line]) for name, line in self._lines.items()}

    def fill(self, lines: Mapping[str, Tensor]) -> None:
        """Put back what :meth:`lines` said."""
        for name, line in lines.items():
            self._arrived[name], *waiting = line.unbind(0)
            self._lines[name] = deque(waiting)

    def arrived(self, projection: Projection) -> Tensor:
        """What arrived last: all that a delayed synapse knows of its presynaptic cell."""
        return self._arrived[projection.name]
