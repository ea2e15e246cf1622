"""Value cells: the activity x of a column, and the rate f(x) that it sends up.

τ dx/dt = −ε + f'(x) · feedback              Song et al. 2020, §2.2, with γ = dt / τ
"""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.cells.activation import activation
from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.pointwise import maximum, minimum, where
from corticalnet.circuits.quantities import ONE, Magnitude, Milliseconds


class Sensory(Cell):
    """An input column: it shows the stimulus.

    States: ``value``, ``rate`` (the same). Outside input: ``stimulus``.
    """

    state = {"value": 0.0, "rate": 0.0}
    inputs = {"stimulus": ONE}
    output = "rate"

    def move(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Take the stimulus."""
        return {"value": cell.stimulus}

    def fire(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Send it as it is."""
        return {"rate": cell.value}


class Constant(Cell):
    """A cell that is always at rate 1: the source of biases."""

    state = {"rate": 1.0}

    def fire(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """1."""
        return {"rate": 0.0 * cell.rate + 1.0}


class Value(Cell):
    """A hidden value cell: pulled to its prediction by its error, and moved by feedback.

        value ← value + change,  change = dt/τ (−own + f'(value) · feedback)

    Ports: ``own`` (its error cell), ``feedback``, ``modulator`` (where it is not 0, "settle": the cell goes
    straight to its prediction and hears no feedback). States: ``value``, ``change``, ``rate``.

    Args:
        tau: time constant; γ = dt/τ.
        activation: f.
    """

    tau: Milliseconds = 1.0
    activation: str = "linear"
    ports = {"own": "", "feedback": "feedback", "modulator": ""}
    state = {"value": 0.0, "change": 0.0, "rate": 0.0}
    output = "rate"

    def move(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """One Euler step."""
        pull = activation(self.activation).gain(port.feedback, cell.value, cell.rate) - port.own
        change = where(port.modulator != 0, -port.own, dt / self.tau * pull)
        return {"value": cell.value + change, "change": change}

    def fire(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """``f(value)``."""
        return {"rate": activation(self.activation).rate(cell.value)}

    def rest(self) -> dict[str, float]:
        """A value of 0 and its rate."""
        return {**super().rest(), "rate": float(activation(self.activation).rate(0.0))}


class Clamped(Value):
    """An output value cell: free it goes to its prediction; a teacher holds it at the target.

    Its value is a rate (in the papers the output is linear, and the two are the same).
    Outside inputs: ``target``, and ``clamped`` (1 while the teacher is there).
    """

    inputs = {"target": ONE, "clamped": ONE}

    def move(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """One Euler step, or straight to the target."""
        free = super().move(cell, port, dt)["change"]
        change = where(cell.clamped != 0, cell.target - cell.value, free)
        return {"value": cell.value + change, "change": change}


class RewardedValue(Value):
    """An output value cell without a teacher: dopamine kicks the one whose action was taken.

        value ← value + dt/τ (−own) + rpe · action

    So the error of the chosen column leaves rest by the reward-prediction error, for one step. Its value is a
    rate. Ports: ``own`` (its error), ``modulator`` (the rpe), ``prediction`` (its action).
    """

    ports = {"own": "", "modulator": "", "prediction": "predict"}

    def move(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Back to the prediction, or a kick."""
        change = port.modulator * port.prediction - dt / self.tau * port.own
        return {"value": cell.value + change, "change": change}


class LeakyValue(Value):
    """A hidden value cell in continuous time.

        τ dx/dt = −ε + f'(μ) · feedback

    The gain is that of the *prediction*, not of x, which has already moved when the gain is used (in steps
    of dt = τ the two are the same). Ports: ``own`` (its error), ``modulator`` (its error, where it comes
    late), ``feedback``, ``prediction`` (the gain).

    Args:
        tau: time constant.
        activation: f.
    """

    tau: Milliseconds = 10.0
    ports = {"own": "", "modulator": "", "feedback": "feedback", "prediction": "predict"}

    def move(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """One Euler step."""
        change = dt / self.tau * (port.prediction * port.feedback - port.own - port.modulator)
        return {"value": cell.value + change, "change": change}


class TaughtValue(Cell):
    """An output value cell in continuous time; a teacher pulls it to the target instead of its prediction.

        τ dx/dt = −(1 − r) ε + r (target − x),        r rises from 0 to 1 within ``ramp`` once a teacher comes

    Its value is a rate. Outside inputs: ``target``, ``clamped``.

    Args:
        tau: time constant.
        ramp: how long the teacher takes to take over; 0 for at once.
    """

    tau: Milliseconds = 10.0
    ramp: Milliseconds = 0.0
    ports = {"own": "", "modulator": ""}
    state = {"value": 0.0, "change": 0.0, "rate": 0.0, "grip": 0.0}
    inputs = {"target": ONE, "clamped": ONE}
    output = "rate"

    def move(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """One Euler step."""
        r = where(cell.clamped != 0, minimum(1.0, cell.grip + dt / maximum(self.ramp, dt)), 0.0)
        change = dt / self.tau * self.pull(r, cell.target - cell.value, port.own + port.modulator)
        return {"value": cell.value + change, "change": change, "grip": r}

    def pull(self, grip: Any, wanted: Any, error: Any) -> Any:
        """What moves the cell: its error, or the teacher."""
        return grip * wanted - (1 - grip) * error

    def fire(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """The value is a rate."""
        return {"rate": cell.value}


class NudgedValue(TaughtValue):
    """The same with a teacher that only nudges:  τ dx/dt = −ε + β r (target − x)."""

    nudge: Magnitude = 1e-3

    def pull(self, grip: Any, wanted: Any, error: Any) -> Any:
        """Its error, and a little of the teacher's."""
        return self.nudge * grip * wanted - error
