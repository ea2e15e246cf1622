"""φ: a cell per column that fires when its error leaves rest (Song et al. 2020).

    φ_t = 1  iff  ε_t ≠ 0  and  ε_{t−1} = … = ε_{t−t_d} = 0

Three forms, see docs/decisions/0003: the paper's; gated by the column's own prediction; and the pulse. With
noise, "not 0" becomes "larger than a threshold". One φ may also watch a whole population (pooled): it then
receives Σ|ε| at ``errors`` and Σ|Δμ| at ``motion``.
"""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.cells.state import State
from corticalnet.circuits.pointwise import absolute, where
from corticalnet.circuits.quantities import Count, Magnitude


class ChangeDetector(Cell):
    """The change detector φ of Fa-Z-IL (Song et al. 2020).

    Ports: ``error``, ``prediction_phase`` (where it is not 0, φ is blocked: the paper's condition that the
    change was not caused by the prediction phase). States: ``phi``, ``silent`` (steps for which the error
    has been at rest; before all time, long enough).

    Args:
        silence: t_d, in steps.
        threshold: errors up to this size count as rest.
    """

    silence: Count = 4.0
    threshold: Magnitude = 0.0
    ports = {"error": "", "prediction_phase": ""}
    state = {"phi": State(pulse=True), "silent": 0.0}

    def detect(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Fire if the error leaves rest outside the prediction phase; count the steps of rest."""
        active = absolute(port.error) > self.threshold
        phi = active & (cell.silent >= self.silence) & (port.prediction_phase == 0)
        return {"phi": where(phi, 1.0, 0.0), "silent": where(active, 0.0, cell.silent + 1.0)}

    def rest(self) -> dict[str, float]:
        """Return the state of a detector whose error has been at rest for long enough."""
        return {**super().rest(), "silent": self.silence}


class PulseDetector(ChangeDetector):
    """φ of streaming Fa-Z-IL: the prediction (its ``shift``, at port ``motion``) must be quiet.

    Feedback is the pulse φ ε, so φ itself is the gate of the error cell. A pooled one receives at ``errors``
    how large the errors of all columns are in sum.
    """

    ports = {"error": "", "motion": "", "errors": ""}
    state = {"phi": State(pulse=True), "silent": 0.0}

    def detect(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Fire if the error leaves rest while the prediction is quiet; count the steps of rest."""
        active = absolute(port.error) + port.errors > self.threshold
        quiet = absolute(port.motion) <= self.threshold
        phi = active & (cell.silent >= self.silence) & quiet
        return {"phi": where(phi, 1.0, 0.0), "silent": where(active, 0.0, cell.silent + 1.0)}


class GatingDetector(PulseDetector):
    """The gated φ: feedback passes from φ until the prediction moves (state ``gate``)."""

    state = {"phi": State(pulse=True), "silent": 0.0, "gate": 0.0}

    def detect(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Fire as a pulse detector does; open the gate with φ, close it when the prediction moves."""
        new = super().detect(cell, port, dt)
        held = where(absolute(port.motion) <= self.threshold, cell.gate, 0.0)
        return {**new, "gate": where(new["phi"] != 0, 1.0, held)}
