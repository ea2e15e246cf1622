"""Output cells for a cross-entropy teacher, whose errors are t − softmax(y): rates compete.

    power_n    = exp(y_n)                             prediction cell
    expected_n = mass · power_n / Σ_m power_m         error cell: divisive normalisation
    error_n    = f'(μ_n) · (value_n − expected_n)

Every error cell receives the powers of all columns of its area. ``mass`` is what the target sums to while a
teacher holds the values (1 for a class); without a teacher it is 1, and values go to the softmax. Before the
first stimulus all columns of the area are alike, and at rest: ``share``, 1 / columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.cells.error import Error
from corticalnet.circuits.cells.prediction import PredictionWithMotion
from corticalnet.circuits.cells.staged import AveragedError, StagedError, StagedPrediction
from corticalnet.circuits.cells.value import Clamped, NudgedValue, TaughtValue
from corticalnet.circuits.pointwise import absolute, exp, maximum, minimum, relax, where
from corticalnet.circuits.quantities import ONE, Magnitude

#: Beside what other error cells receive: the power of the own column, whether a teacher holds its value, and
#: the
#: sums of powers and of values over the area.
_HEARD = {"power": "", "held": "", "pool": "compare", "mass": "compare"}


class SoftmaxValue(Clamped):
    """An output value cell that also signals whether a teacher clamps it (``held``)."""

    share: Magnitude = 1.0
    state = {**Clamped.state, "held": 0.0}

    def move(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax to the prediction, or go to the target; report whether the cell is clamped."""
        return {**super().move(cell, port, dt), "held": cell.clamped}

    def rest(self) -> dict[str, float]:
        """Return the state of one of many equal cells: each has its share of 1."""
        return {**super().rest(), "value": self.share, "rate": self.share}


class SoftmaxPrediction(PredictionWithMotion):
    """A prediction cell that also computes its ``power``, exp(rate)."""

    state = {**PredictionWithMotion.state, "power": 0.0}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Set the prediction; compute rate, gain, shift, motion and power."""
        new = super().predict(cell, port, dt)
        return {**new, "power": power(new["predicted_rate"])}


class StagedSoftmaxValue(TaughtValue):
    """An output value cell of a softmax, in continuous time."""

    share: Magnitude = 1.0

    def rest(self) -> dict[str, float]:
        """Return the state of one of many equal cells: each has its share of 1."""
        return {**super().rest(), "value": self.share, "rate": self.share}


class NudgedSoftmaxValue(NudgedValue, StagedSoftmaxValue):
    """An output value cell of a softmax, in continuous time, with a teacher that only nudges."""


class StagedSoftmaxPrediction(StagedPrediction):
    """A prediction cell of a softmax, in continuous time."""

    state = {**StagedPrediction.state, "power": 0.0}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Set the prediction; compute rate, motion and power, and the gain in stage 0 only."""
        new = super().predict(cell, port, dt)
        return {**new, "power": power(new["predicted_rate"])}


class SoftmaxError(Error):
    """An error cell of a softmax: value − softmax, scaled by the gain.

    ``change`` receives the value's change alone. Other ports: see the module.
    """

    share: Magnitude = 1.0
    ports = {**Error.ports, **_HEARD}
    state = {**Error.state, "expected": 0.0}

    def leaves_out(self) -> Iterable[str]:
        """Return what error cells leave out, except for gain and difference, which softmax needs."""
        return set(super().leaves_out()) - {"gain", "difference"}

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute the error, gain × (value − softmax), and its size if measured."""
        difference, expected = _difference(cell, port)
        error = port.gain * difference
        new = {"difference": difference, "expected": expected, "error": error}
        return {**new, "size": absolute(error)} if self.measured else new

    def rest(self) -> dict[str, float]:
        """Return the state at rest, with the value's share as expected rate."""
        return {**super().rest(), "expected": self.share}


class StagedSoftmaxError(StagedError):
    """An error cell of a softmax, in continuous time."""

    share: Magnitude = 1.0
    ports = {**StagedError.ports, **_HEARD}
    state = {**StagedError.state, "expected": 0.0}

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax the error to gain × (value − softmax) by one Euler step."""
        difference, expected = _difference(cell, port)
        error = relax(cell.error, port.gain * difference, self.tau, dt)
        return {"difference": difference, "expected": expected, "error": error, "size": absolute(error)}

    def rest(self) -> dict[str, float]:
        """Return the state at rest, with the value's share as expected rate."""
        return {**super().rest(), "expected": self.share}


class AveragedSoftmaxError(AveragedError, StagedSoftmaxError):
    """An error cell of a softmax, in continuous time, that averages noisy errors before they are read."""

    ports = StagedSoftmaxError.ports
    state = {**AveragedError.state, "expected": 0.0}


class Answer(Cell):
    """What an output column answers beside its own rate: its share of exp(rate), compared with a target.

    Ports: ``rate`` of its column, ``pool`` and ``mass``, the sums of powers and of targets over the area.
    Outside inputs: ``target``, ``clamped``. States: ``rate`` (softmax × what targets sum to while a teacher
    is there), ``power``, ``wanted``.
    """

    share: Magnitude = 1.0
    ports = {"rate": "", "pool": "compare", "mass": "compare"}
    state = {"rate": 0.0, "power": 1.0, "wanted": 0.0}
    inputs = {"target": ONE, "clamped": ONE}

    def fire(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute the power; take over the target."""
        return {"power": power(port.rate), "wanted": cell.target}

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute the answer."""
        pool = where(port.pool == 0, 1.0, port.pool)
        return {"rate": where(cell.clamped != 0, port.mass, 1.0) * cell.power / pool}

    def rest(self) -> dict[str, float]:
        """Return the state of one of many equal cells: each has its share of 1."""
        return {**super().rest(), "rate": self.share}


class NextAnswer(Answer):
    """The same, of rates that have changed in this very step, when predictions came up."""

    ports = {"rate": "", "pool": "detect", "mass": "detect"}

    def fire(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Keep the power: the rate is yet to change."""
        return {"power": cell.power}

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute the power; take over the target."""
        return Answer.fire(self, cell, port, dt)

    def detect(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute the answer."""
        return Answer.compare(self, cell, port, dt)


def power(rate: Any) -> Any:
    """Compute ``exp(rate)``, with rates clipped to ±700 (beyond which a double overflows)."""
    return exp(maximum(minimum(rate, 700.0), -700.0))


def _difference(cell: Any, port: Any) -> tuple[Any, Any]:
    """Compute value − expected and expected, from the changes of both: cells at rest stay at exactly 0."""
    pool = where(port.pool == 0, 1.0, port.pool)  # (0: nobody has told its power)
    expected = where(port.held != 0, port.mass, 1.0) * (port.power / pool)
    return cell.difference + (port.change + (cell.expected - expected)), expected
