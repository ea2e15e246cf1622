"""Error cells: ε = x − μ, held as a drive of their own.

    ε ← ε + Δx − Δμ

Summing the changes, instead of subtracting two large numbers, keeps small errors in float32 and cells
at rest exactly at zero. Port ``change`` takes both wires: the value's ``change`` (+1), the prediction's
``shift`` (−1).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.pointwise import absolute


class Error(Cell):
    """An error cell: ``error ← error + change``, with ε = x − μ.

    Args:
        gated: its feedback passes only while φ holds the ``gate`` open: ``sent = error · gate`` is what the
            area below receives.
        nonlinear_output: the error of an output that fires nonlinearly, ``error = f'(μ) · (y − f(μ))``:
            ``difference`` is y − f(μ), held as a drive; the prediction cell tells the ``gain`` f'(μ).
        measured: it also tells its ``size = |error|``, to a φ that watches many.
    """

    gated: bool = False
    nonlinear_output: bool = False
    measured: bool = False
    unused = ("gated", "nonlinear_output", "measured")
    ports = {"change": "", "gain": "", "gate": ""}
    state = {"error": 0.0, "difference": 0.0, "sent": 0.0, "size": 0.0}

    def leaves_out(self) -> Iterable[str]:
        """Yield the states and ports of options that are off."""
        yield from () if self.gated else ("gate", "sent")
        yield from () if self.nonlinear_output else ("gain", "difference")
        yield from () if self.measured else ("size",)

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Update the error by the change of value and prediction, with the gain of a nonlinear output."""
        if self.nonlinear_output:
            difference = cell.difference + port.change
            new = {"difference": difference, "error": port.gain * difference}
        else:
            new = {"error": cell.error + port.change}
        return {**new, "size": absolute(new["error"])} if self.measured else new

    def send(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Pass the error down if the gate is open; ungated cells have no gate."""
        return {"sent": cell.error * port.gate} if self.gated else {}
