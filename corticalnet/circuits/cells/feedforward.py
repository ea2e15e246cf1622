"""Feedforward and feedback cells: one of each in every column (Pozzi, Bohté & Roelfsema 2020, Fig. 3).

    feedforward     rate = f(drive), gain = f'(drive)
    feedback        signal = Σ W credit_above,   credit = gain · signal

The feedback cell is gated by its own column: where f' = 0 (a silent ReLU column) it passes nothing on, and
the column's synapses, which learn by its credit, do not change.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from corticalnet.circuits.cells.activation import activation
from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.pointwise import relax
from corticalnet.circuits.quantities import Milliseconds


class Feedforward(Cell):
    """A column's feedforward cell: drive, rate and gain.

    Ports: ``drive``, ``error`` (the credit of its column, by which its synapses learn).
    States: ``drive``, ``rate``, ``gain``.
    """

    activation: str = "relu"
    ports = {"drive": "predict", "error": ""}
    state = {"drive": 0.0, "rate": 0.0, "gain": 0.0}
    output = "rate"

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Set the drive to what arrives; compute rate and gain."""
        f, drive = activation(self.activation), port.drive
        rate = f.rate(drive)
        return {"drive": drive, "rate": rate, "gain": f.gain(1.0, drive, rate)}

    def rest(self) -> dict[str, float]:
        """Return the state without drive, with the rate f(0)."""
        return {**super().rest(), "rate": float(activation(self.activation).rate(0.0))}


class Feedback(Cell):
    """A column's feedback cell: its signal, gated by the gain.

    Ports: ``feedback``, ``gain`` and ``rate`` of its column; by the latter its synapses learn. States:
    ``credit``, ``signal``, ``partner`` (that rate).
    """

    ports = {"feedback": "feedback", "gain": "", "rate": ""}
    state = {"credit": 0.0, "signal": 0.0, "partner": 0.0}

    def feedback(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Set the signal to the summed feedback; compute the credit, gain × signal."""
        return {
            "signal": port.feedback,
            "credit": port.gain * port.feedback,
            "partner": port.rate,
        }


class LeakyFeedforward(Feedforward):
    """A leaky feedforward cell, in continuous time: ``τ d drive/dt = −drive + what arrives``."""

    tau: Milliseconds = 10.0

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax the drive to what arrives by one Euler step; compute rate and gain."""
        drive = relax(cell.drive, port.drive, self.tau, dt)
        return super().predict(cell, SimpleNamespace(drive=drive), dt)


class LeakyFeedback(Feedback):
    """A leaky feedback cell, in continuous time: ``τ d signal/dt = −signal + what arrives``."""

    tau: Milliseconds = 10.0

    def feedback(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax the signal to the feedback by one Euler step; compute the credit, gain × signal."""
        signal = relax(cell.signal, port.feedback, self.tau, dt)
        return {"signal": signal, "credit": port.gain * signal, "partner": port.rate}
