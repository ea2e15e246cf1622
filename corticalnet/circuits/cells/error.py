"""Error cells: ε = x − μ, held as a drive of their own.

    ε ← ε + Δx − Δμ

Summing the changes, instead of subtracting two large numbers, keeps small errors in float32 and cells
at rest exactly at zero. ``own`` takes both wires: the value's ``change`` (+1), the prediction's
``shift`` (−1).
"""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.pointwise import absolute


class Error(Cell):
    """``error ← error + own``."""

    ports = {"own": ""}
    state = {"error": 0.0}

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Add what value and prediction changed by."""
        return {"error": cell.error + port.own}


class GatedError(Error):
    """An error cell whose feedback passes only while φ holds its gate open (``modulator``).

    ``sent`` is what the area below receives: ``error · gate``.
    """

    ports = {"own": "", "modulator": ""}
    state = {"error": 0.0, "sent": 0.0}

    def send(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Pass the gate."""
        return {"sent": cell.error * port.modulator}


class OutputError(Cell):
    """The error of an output that fires nonlinearly: ``error = f'(μ) · (y − f(μ))``.

    ``difference`` is y − f(μ), held as a drive; the gain f'(μ) comes from the prediction cell by a wire to
    port ``prediction``.
    """

    ports = {"own": "", "prediction": "predict"}
    state = {"error": 0.0, "difference": 0.0}

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Add the changes, then scale by the gain."""
        difference = cell.difference + port.own
        return {"difference": difference, "error": port.prediction * difference}


class GatedOutputError(OutputError):
    """The same with a gate held by φ."""

    ports = {"own": "", "prediction": "predict", "modulator": ""}
    state = {"error": 0.0, "difference": 0.0, "sent": 0.0}

    def send(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Pass the gate."""
        return {"sent": cell.error * port.modulator}


class SizedError(GatedError):
    """The gated one, which also tells its size |error| to a φ that watches many."""

    state = {"error": 0.0, "sent": 0.0, "size": 0.0}

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compare, and measure."""
        new = super().compare(cell, port, dt)
        return {**new, "size": absolute(new["error"])}


class SizedOutputError(GatedOutputError):
    """The same for an output that fires nonlinearly."""

    state = {"error": 0.0, "difference": 0.0, "sent": 0.0, "size": 0.0}

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compare, and measure."""
        new = super().compare(cell, port, dt)
        return {**new, "size": absolute(new["error"])}
