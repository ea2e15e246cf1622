"""Value cells: the activity x of a column, and the rate f(x) that it sends up.

τ dx/dt = −ε + f'(x) · feedback              Song et al. 2020, §2.2, with γ = dt / τ
"""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.cells.activation import activation
from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.pointwise import where
from corticalnet.circuits.quantities import ONE, Milliseconds


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
    ports = ("own", "feedback", "modulator")
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
