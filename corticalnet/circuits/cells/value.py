"""Value cells: the activity x of a column, and the rate f(x) that it sends up.

τ dx/dt = −ε + f'(x) · feedback              Song et al. 2020, §2.2, with γ = dt / τ
"""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.cells.activation import activation
from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.pointwise import increment, maximum, minimum, where
from corticalnet.circuits.quantities import ONE, Magnitude, Milliseconds


class Sensory(Cell):
    """An input column, whose rate is the stimulus.

    States: ``value``, ``rate`` (the same). Outside input: ``stimulus``.
    """

    state = {"value": 0.0, "rate": 0.0}
    inputs = {"stimulus": ONE}
    output = "rate"

    def move(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Set the value to the stimulus."""
        return {"value": cell.stimulus}

    def fire(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Send the value as the rate."""
        return {"rate": cell.value}


class Constant(Cell):
    """A cell whose rate is always 1: the source of biases."""

    state = {"rate": 1.0}

    def fire(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Set the rate to 1."""
        return {"rate": 0.0 * cell.rate + 1.0}


class Value(Cell):
    """A hidden value cell: pulled to its prediction by its error, and moved by feedback.

        value ← value + change,  change = dt/τ (−error + f'(value) · feedback)

    Ports: ``error``, ``feedback``, ``prediction_phase`` (where it is not 0 the cell goes straight to its
    prediction and receives no feedback). States: ``value``, ``change``, ``rate``.

    Args:
        tau: time constant; γ = dt/τ.
        activation: f.
    """

    tau: Milliseconds = 1.0
    activation: str = "linear"
    ports = {"error": "", "feedback": "feedback", "prediction_phase": ""}
    state = {"value": 0.0, "change": 0.0, "rate": 0.0}
    output = "rate"

    def move(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax to prediction and feedback by one Euler step; jump to the prediction in its phase."""
        pull = activation(self.activation).gain(port.feedback, cell.value, cell.rate) - port.error
        change = where(port.prediction_phase != 0, -port.error, increment(pull, self.tau, dt))
        return {"value": cell.value + change, "change": change}

    def fire(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute the rate ``f(value)``."""
        return {"rate": activation(self.activation).rate(cell.value)}

    def rest(self) -> dict[str, float]:
        """Return the state with value 0 and rate f(0)."""
        return {**super().rest(), "rate": float(activation(self.activation).rate(0.0))}


class Clamped(Value):
    """An output value cell, free or clamped: free it goes to its prediction, clamped to the target.

    Its value is a rate (in the papers the output is linear, and the two are the same).
    Outside inputs: ``target``, and ``clamped`` (1 while the teacher is there).
    """

    inputs = {"target": ONE, "clamped": ONE}

    def move(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Go to the target while clamped; otherwise relax to the prediction."""
        free = super().move(cell, port, dt)["change"]
        change = where(cell.clamped != 0, cell.target - cell.value, free)
        return {"value": cell.value + change, "change": change}


class RewardedValue(Value):
    """An output value cell without a teacher: dopamine kicks the one whose action was taken.

        value ← value + dt/τ (−error) + rpe · action

    So the error of the chosen column leaves rest by the reward-prediction error, for one step. Its value is a
    rate. Ports: ``error``, ``dopamine`` (the rpe), ``action``.
    """

    ports = {"error": "", "dopamine": "", "action": ""}

    def move(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax to the prediction by one Euler step; jump by rpe · action."""
        change = port.dopamine * port.action - increment(port.error, self.tau, dt)
        return {"value": cell.value + change, "change": change}


class LeakyValue(Value):
    """A hidden value cell in continuous time.

        τ dx/dt = −ε + f'(μ) · feedback

    The gain is that of the *prediction*, not of x, which has already moved when the gain is used (in steps
    of dt = τ the two are the same). Ports: ``error``, ``late_error`` (the same, where it comes late),
    ``feedback``, ``gain``.

    Args:
        tau: time constant.
        activation: f.
    """

    tau: Milliseconds = 10.0
    ports = {"error": "", "late_error": "", "feedback": "feedback", "gain": ""}

    def move(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax along feedback and error by one Euler step."""
        change = increment(port.gain * port.feedback - port.error - port.late_error, self.tau, dt)
        return {"value": cell.value + change, "change": change}


class TaughtValue(Cell):
    """An output value cell in continuous time; a teacher pulls it to the target instead of its prediction.

        τ dx/dt = −(1 − r) ε + r (target − x),        r rises from 0 to 1 within ``ramp`` once a teacher comes

    Its value is a rate. Ports: ``error``, ``late_error``. Outside inputs: ``target``, ``clamped``.

    Args:
        tau: time constant.
        ramp: how long the teacher takes to take over; 0 for at once.
    """

    tau: Milliseconds = 10.0
    ramp: Milliseconds = 0.0
    ports = {"error": "", "late_error": ""}
    state = {"value": 0.0, "change": 0.0, "rate": 0.0, "grip": 0.0}
    inputs = {"target": ONE, "clamped": ONE}
    output = "rate"

    def move(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax to the prediction, or to the target once a teacher comes, by one Euler step."""
        r = where(cell.clamped != 0, minimum(1.0, cell.grip + dt / maximum(self.ramp, dt)), 0.0)
        pull = self.pull(r, cell.target - cell.value, port.error + port.late_error)
        change = increment(pull, self.tau, dt)
        return {"value": cell.value + change, "change": change, "grip": r}

    def pull(self, grip: Any, wanted: Any, error: Any) -> Any:
        """Compute the drive of the value: the error's and the teacher's, weighted by the grip."""
        return grip * wanted - (1 - grip) * error

    def fire(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Send the value as the rate."""
        return {"rate": cell.value}


class NudgedValue(TaughtValue):
    """An output value cell in continuous time, nudged by a teacher: τ dx/dt = −ε + β r (target − x)."""

    nudge: Magnitude = 1e-3

    def pull(self, grip: Any, wanted: Any, error: Any) -> Any:
        """Compute the drive of the value: the error's, and β times the teacher's."""
        return self.nudge * grip * wanted - error
