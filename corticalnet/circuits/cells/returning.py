"""Cells of difference reconstruction: noise that goes through to the top, and what comes back of it.

    copy        rate = y + noise in its area's turn, f(drive) otherwise           goes up
    brought     rate = Σ V code above                                             comes down, by decoders
    returned    code of y + brought − recalled                                    is told to decoders below

(Meulemans et al. 2020.)
"""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.cells.activation import activation
from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.pointwise import where
from corticalnet.circuits.quantities import Magnitude


class Passing(Cell):
    """A copy of a column: it passes on what copies below make of it, or noise of its own.

    The noise is drawn when port ``gate`` opens, and held while it is open. Ports: ``rate`` of its column,
    ``noise`` (N(0, 1)), ``gate``, ``drive``. States: ``rate``, ``noise``, ``reached`` (f(drive)), ``open``.

    Args:
        activation: f.
        sigma: σ.
    """

    activation: str = "linear"
    sigma: Magnitude = 0.1
    ports = {"rate": "", "noise": "", "gate": "", "drive": "predict"}
    state = {"rate": 0.0, "noise": 0.0, "reached": 0.0, "open": 0.0}

    def fire(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Fire at what the drive has reached; with noise, while the gate is open."""
        on = port.gate != 0
        noise = where(on, where(cell.open != 0, cell.noise, self.sigma * port.noise), 0.0)
        return {
            "rate": where(on, port.rate + noise, cell.reached),
            "noise": noise,
            "open": where(on, 1.0, 0.0),
        }

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute what the copies below make of the column."""
        return {"reached": activation(self.activation).rate(port.drive)}

    def rest(self) -> dict[str, float]:
        """Return the rate without drive, f(0)."""
        rate = float(activation(self.activation).rate(0.0))
        return {**super().rest(), "rate": rate, "reached": rate}


class Brought(Cell):
    """What decoders bring back of noise above. Ports: ``drive``, ``noise`` of its copy, ``recalled``,
    ``turn`` (its decoders learn).

    States: ``rate``, and ``missing``, noise − (rate − recalled).
    """

    ports = {"drive": "feedback", "noise": "", "recalled": "", "turn": ""}
    state = {"rate": 0.0, "missing": 0.0}

    def feedback(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Take over the drive."""
        return {"rate": port.drive}

    def learn(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute what of the noise has not come back."""
        return {"missing": port.noise - (cell.rate - port.recalled)}


class Returned(Cell):
    """The code of a hidden column as it comes back of noise below, down from the top.

    Ports: ``rate`` and ``gain`` of its column, ``brought``, ``recalled``. States: ``code``; ``moved``, how
    far it is from the code of the column as it is.

    Args:
        gated: whether the code is a rate times the gain.
    """

    gated: bool = False
    unused = ("gated",)
    ports = {"rate": "", "gain": "", "brought": "", "recalled": ""}
    state = {"code": 0.0, "moved": 0.0}

    def send(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute the code, and how far it has moved."""
        return self._told(port, port.brought - port.recalled)

    def _told(self, port: Any, moved: Any) -> dict[str, Any]:
        gain = port.gain if self.gated else 1.0
        return {"code": gain * (port.rate + moved), "moved": gain * moved}


class ReturnedOutput(Returned):
    """The code of an output column whose copy noise below has reached.

    Ports: ``rate`` and ``gain`` of its column, ``reached``.
    """

    ports = {"rate": "", "gain": "", "reached": ""}

    def send(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute the code of the copy, and how far it is from that of the column."""
        return self._told(port, port.reached - port.rate)
