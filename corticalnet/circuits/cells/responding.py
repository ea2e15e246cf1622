"""Cells of recurrent backprop: columns that relax, and beside each an error cell that relaxes as they did.

v ← v + dt/τ (gain · (drive + feedback + error) − v)     gain = f' where the column rests; 0 at its bound
"""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.cells.activation import activation
from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.cells.relaxing import Relaxing, RelaxingNext
from corticalnet.circuits.pointwise import absolute, where
from corticalnet.circuits.quantities import ONE, Magnitude, Milliseconds


class Responding(Relaxing):
    """A column that relaxes first, and whose synapses learn by its error cell (port ``error``).

    States beside those of a relaxing cell: ``gain``, ``error``, ``moved`` (c · error).
    """

    ports = {**Relaxing.ports, "error": ""}
    state = {**Relaxing.state, "gain": 0.0, "error": 0.0, "moved": 0.0}

    def _relax(self, cell: Any, drive: Any, dt: Any) -> dict[str, Any]:
        f = activation(self.activation)
        rate = f.rate(drive)
        gain = where(absolute(rate) < self.bound, f.gain(1.0, drive, rate), 0.0)
        return {**super()._relax(cell, drive, dt), "gain": gain}

    def send(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Take over the error of the column."""
        return {"error": port.error, "moved": self.weight * port.error}

    def rest(self) -> dict[str, float]:
        """Return the rate without drive, without gain or error."""
        return {**super().rest(), "gain": 0.0, "error": 0.0, "moved": 0.0}


class RespondingNext(Responding, RelaxingNext):
    """A column that relaxes after its neighbours, and whose synapses learn by its error cell."""

    ports = {**RelaxingNext.ports, "error": ""}


class RelaxingError(Cell):
    """An error cell of a hidden column, which relaxes to what errors below and above make of it.

    It relaxes before its neighbours do.

    Ports: ``drive``, ``feedback``, ``gain``. States: ``rate`` (v), ``sent`` (c · v).

    Args:
        tau: time constant; γ = dt/τ.
        weight: c, of the area in the energy.
    """

    tau: Milliseconds = 1.0
    weight: Magnitude = 1.0
    ports = {"drive": "compare", "feedback": "compare", "gain": ""}
    state = {"rate": 0.0, "sent": 0.0}

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax the error by one Euler step."""
        return self._relax(cell, port.drive + port.feedback / self.weight, port.gain, dt)

    def _relax(self, cell: Any, drive: Any, gain: Any, dt: Any) -> dict[str, Any]:
        rate = cell.rate + dt / self.tau * (gain * drive - cell.rate)
        return {"rate": rate, "sent": self.weight * rate}


class RelaxingErrorNext(RelaxingError):
    """An error cell of a hidden column that relaxes after its neighbours."""

    ports = {"drive": "detect", "feedback": "detect", "gain": ""}

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Keep the error in this phase: its neighbours move first."""
        return {"rate": cell.rate}

    def detect(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax the error by one Euler step."""
        return self._relax(cell, port.drive + port.feedback / self.weight, port.gain, dt)


class RelaxingOutputError(RelaxingErrorNext):
    """An error cell of an output column, driven by its error while a teacher is there.

    Ports: ``drive``, ``gain``, ``rate`` of its column. Outside inputs: ``target``, ``clamped``.
    """

    ports = {"drive": "detect", "gain": "", "rate": ""}
    inputs = {"target": ONE, "clamped": ONE}

    def detect(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax the error by one Euler step."""
        error = where(cell.clamped != 0, cell.target - port.rate, 0.0)
        return self._relax(cell, port.drive + error, port.gain, dt)
