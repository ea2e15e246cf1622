"""Cells of target propagation: what is decoded from above, where a column should be, and copies with noise.

    decoded    rate = d(Σ V code above + b)                recalled: of what is; wanted: of what should be
    target     ŷ = y + wanted − recalled                   error = f' · (ŷ − y) / α
    copy       y + noise, and what noise below makes of the column: the lesson of decoders

The difference is taken within a column; no signed error crosses a decoder's synapse.
"""

from __future__ import annotations

from typing import Any, ClassVar

from corticalnet.circuits.cells.activation import activation
from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.cells.feedforward import Feedforward
from corticalnet.circuits.cells.state import State
from corticalnet.circuits.pointwise import where
from corticalnet.circuits.quantities import ONE, Magnitude


class Decoded(Cell):
    """A column's rate as decoders know it from above: ``rate = d(drive)``. Port: ``drive``."""

    activation: str = "linear"
    ports = {"drive": "feedback"}
    state = {"rate": 0.0}

    def feedback(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute the rate d(drive)."""
        return {"rate": activation(self.activation).rate(port.drive)}

    def rest(self) -> dict[str, float]:
        """Return the rate without drive, d(0)."""
        return {"rate": float(activation(self.activation).rate(0.0))}


class HiddenTarget(Cell):
    """Where a hidden column should be, by what decoders make of the targets above.

        moved = (wanted − recalled) / α + lesson        error = gain · moved        goal = rate + α moved

    Ports: ``rate`` and ``gain`` of its column, ``wanted``, ``recalled``; ``lesson`` (errors above, along
    synapses that have no decoder). States: ``error``, ``code`` and ``goal``: what decoders below are told of
    where the column is and should be.

    Args:
        alpha: α, size of the step at the top.
        gated: whether decoders are told code and goal times the gain.
    """

    alpha: Magnitude = 1.0
    gated: bool = False
    unused: ClassVar[tuple[str, ...]] = ("gated",)
    ports = {"rate": "", "gain": "", "wanted": "", "recalled": "", "lesson": "feedback"}
    state = {"error": 0.0, "code": 0.0, "goal": 0.0}

    def send(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute the error, and what decoders below are told."""
        moved = (port.wanted - port.recalled) / self.alpha + port.lesson
        return self._told(port.rate, self.alpha * moved, port.gain) | {"error": port.gain * moved}

    def _told(self, rate: Any, step: Any, gain: Any) -> dict[str, Any]:
        if self.gated:
            return {"code": gain * rate, "goal": gain * (rate + step)}
        return {"code": rate, "goal": rate + step}


class OutputTarget(HiddenTarget):
    """Where an output column should be: at the target, or a step α towards it, while a teacher is there.

    Ports: ``rate`` and ``gain`` of its column, ``answer`` (what is compared with the target, if it competes).
    Outside inputs: ``target``, ``clamped``.

    Args:
        competes: whether the answer is no rate of its own, but the softmax of all.
    """

    competes: bool = False
    unused = (*HiddenTarget.unused, "competes")
    ports = {"rate": "", "gain": "", "answer": ""}
    inputs = {"target": ONE, "clamped": ONE}

    def send(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute the error, and what decoders below are told."""
        answer = port.answer if self.competes else port.rate
        error = where(cell.clamped != 0, cell.target - answer, 0.0)
        return self._told(port.rate, self.alpha * error, port.gain) | {"error": port.gain * error}


class NoisyCopy(Cell):
    """A copy of a column with noise, from which decoders learn while the column itself stays as it is.

        rate = y + σ noise                  what goes up
        reached = f(drive)                  what noise below makes of the column; its code is told to decoders
        missing = d'(guess) · (wanted − d(guess))        wanted: the noisy rate; y if decoders denoise

    Ports: ``rate`` and ``gain`` of its column, ``noise`` (N(0, 1)), ``drive``, ``guess`` (of decoders).

    Args:
        activation: f.
        decoder: d.
        sigma: σ.
        gated: whether decoders are told the code times the gain.
        denoising: whether decoders learn to take the noise away.
    """

    activation: str = "linear"
    decoder: str = "linear"
    sigma: Magnitude = 0.1
    gated: bool = False
    denoising: bool = False
    unused = ("gated", "denoising")
    ports = {"rate": "", "gain": "", "noise": "", "drive": "predict", "guess": "feedback"}
    state = {"rate": 0.0, "reached": 0.0, "code": 0.0, "missing": 0.0}

    def fire(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Add noise to the rate of the column."""
        return {"rate": port.rate + self.sigma * port.noise}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute what the noisy rates below make of the column."""
        return {"reached": activation(self.activation).rate(port.drive)}

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute what decoders below are told."""
        return {"code": port.gain * cell.reached if self.gated else cell.reached}

    def feedback(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute what decoders have missed."""
        wanted = port.rate if self.denoising else cell.rate
        return {"missing": missed(self.decoder, wanted, port.guess)}


class JitteredCopy(Cell):
    """A copy of a column with noise, from which decoders learn by local differences (Ernoult et al. 2022).

        noise = σ N(0, 1), rate = y + noise, response = f(drive) − y        as codes, what noise below changes
        jitter = σ N(0, 1) of its own, as a code;  echo                    what decoders make of jitter above

    Ports: ``rate`` and ``gain`` of its column, ``noise`` and ``jitter`` (N(0, 1)), ``drive``, ``guess``.

    Args:
        activation: f.
        sigma: σ.
        gated: whether decoders are told codes times the gain.
    """

    activation: str = "linear"
    sigma: Magnitude = 0.1
    gated: bool = False
    unused = ("gated",)
    ports = {"rate": "", "gain": "", "noise": "", "jitter": "", "drive": "predict", "guess": "feedback"}
    state = {"rate": 0.0, "noise": 0.0, "reached": 0.0, "response": 0.0, "jitter": 0.0, "echo": 0.0}

    def fire(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Draw the noise, and add it to the rate of the column."""
        return {"noise": self.sigma * port.noise, "rate": port.rate + self.sigma * port.noise}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute what the noisy rates below make of the column."""
        return {"reached": activation(self.activation).rate(port.drive)}

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute what decoders below are told of response and jitter."""
        gain = port.gain if self.gated else 1.0
        return {"response": gain * (cell.reached - port.rate), "jitter": gain * self.sigma * port.jitter}

    def feedback(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Take over what decoders make of the jitter above."""
        return {"echo": port.guess}


class Disturbed(Feedforward):
    """A column that is its own copy with noise: for one step after port ``gate`` it adds noise to its rate.

        rate = reached + gate · σ noise             what goes up
        reached = f(drive)                          what decoders below are told

    It comes to rest again before its synapses learn. Its gain is that of rest. Ports: ``drive``, ``error``,
    ``noise`` (N(0, 1)), ``gate``. States beside those of a feedforward cell: ``clean`` (the rate before
    noise came), ``disturbed`` (1 in the step with noise).

    Args:
        sigma: σ.
    """

    sigma: Magnitude = 0.1
    ports = {**Feedforward.ports, "noise": "", "gate": ""}
    state = {**Feedforward.state, "reached": 0.0, "clean": 0.0, "disturbed": State(pulse=True)}

    def fire(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Fire at the rate that the drive has reached, with noise while the gate is open."""
        noise = where(port.gate != 0, self.sigma * port.noise, 0.0)
        return {
            "rate": cell.reached + noise,
            "clean": cell.reached,
            "disturbed": where(port.gate != 0, 1.0, 0.0),
        }

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Set the drive to what arrives; compute f(drive), and the gain unless disturbed."""
        new = super().predict(cell, port, dt)
        gain = where(cell.disturbed != 0, cell.gain, new["gain"])
        return {"drive": new["drive"], "reached": new["rate"], "gain": gain}

    def rest(self) -> dict[str, float]:
        """Return the state without drive, at the rate f(0)."""
        rest = super().rest()
        return {**rest, "reached": rest["rate"], "clean": rest["rate"]}


class Corrected(Decoded):
    """A decoded rate whose decoders learn when its column is disturbed, by what they miss of its rate.

    Ports: ``drive``, ``wanted`` (the rate to reconstruct), ``disturbed``. State ``missing``, d' · (wanted −
    rate).
    """

    ports = {**Decoded.ports, "wanted": "", "disturbed": ""}
    state = {**Decoded.state, "missing": 0.0}

    def feedback(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute the rate d(drive), and what decoders miss."""
        missing = missed(self.activation, port.wanted, port.drive)
        return {**super().feedback(cell, port, dt), "missing": missing}

    def rest(self) -> dict[str, float]:
        """Return the rate without drive, d(0), of which nothing is missing."""
        return {**super().rest(), "missing": 0.0}


def missed(decoder: str, wanted: Any, drive: Any) -> Any:
    """Compute d'(drive) · (wanted − d(drive))."""
    d = activation(decoder)
    guess = d.rate(drive)
    return d.gain(wanted - guess, drive, guess)
