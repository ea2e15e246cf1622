"""Cells of equilibrium propagation: columns that relax together, and what nudges them.

    rate ← rate + dt/τ (f(drive + feedback / c + nudge · (target − rate)) − rate),   f within ±bound

(Scellier & Bengio 2017.)

c is the weight of an area in the energy: what it sends down is c · rate, what it receives from above is
divided by its own. With a c that grows from the output down feedback is weak, and goes down an energy all the
same.

Areas take turns: of two neighbours one moves in the phase "predict", the other in the phase "feedback" of the
same step, each by what the other does then. All at once they might go to and fro for ever.
"""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.cells.activation import activation
from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.cells.control import Clock
from corticalnet.circuits.cells.state import State
from corticalnet.circuits.pointwise import maximum, minimum, where
from corticalnet.circuits.quantities import ONE, Magnitude, Milliseconds


class Relaxing(Cell):
    """A column of equilibrium propagation that relaxes in the first half of a step.

    Ports: ``drive``, ``feedback``. States: ``rate``, ``sent`` (c · rate, what goes down).

    Args:
        tau: time constant; γ = dt/τ.
        activation: f.
        bound: the largest size of a rate.
        weight: c, of the area in the energy.
    """

    tau: Milliseconds = 1.0
    activation: str = "linear"
    bound: Magnitude = 1.0
    weight: Magnitude = 1.0
    ports = {"drive": "predict", "feedback": "predict"}
    state = {"rate": 0.0, "sent": 0.0}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax the rate to f of drive and feedback by one Euler step."""
        return self._relax(cell, port.drive + port.feedback / self.weight, dt)

    def _relax(self, cell: Any, drive: Any, dt: Any) -> dict[str, Any]:
        wanted = maximum(minimum(activation(self.activation).rate(drive), self.bound), -self.bound)
        rate = cell.rate + dt / self.tau * (wanted - cell.rate)
        return {"rate": rate, "sent": self.weight * rate}

    def rest(self) -> dict[str, float]:
        """Return the rate without drive, f(0), within its bound."""
        rate = min(float(activation(self.activation).rate(0.0)), self.bound)
        return {**super().rest(), "rate": rate, "sent": self.weight * rate}


class RelaxingNext(Relaxing):
    """A column of equilibrium propagation that relaxes in the second half of a step, after its neighbours."""

    ports = {"drive": "feedback", "feedback": "feedback"}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Keep the rate in this phase: its neighbours move first."""
        return {"rate": cell.rate}

    def feedback(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax the rate to f of drive and feedback by one Euler step."""
        return self._relax(cell, port.drive + port.feedback / self.weight, dt)


class ToldRelaxing(Relaxing):
    """A column that relaxes first, and whose synapses receive the nudge at port ``nudge``."""

    ports = {**Relaxing.ports, "nudge": ""}


class ToldRelaxingNext(RelaxingNext):
    """A column that relaxes after its neighbours, and whose synapses receive the nudge at port ``nudge``."""

    ports = {**RelaxingNext.ports, "nudge": ""}


class NudgedRate(RelaxingNext):
    """An output column nudged by a teacher. Outside input ``target``.

    Ports: ``drive``, ``nudge`` (its strength β), ``answer`` (compared with the target, if it competes).

    Args:
        competes: whether the answer is no rate of its own, but the softmax of all.
    """

    competes: bool = False
    unused = ("competes",)
    ports = {"drive": "feedback", "nudge": "", "answer": ""}
    inputs = {"target": ONE}

    def feedback(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax the rate to f of drive and nudge by one Euler step."""
        answer = port.answer if self.competes else cell.rate
        return self._relax(cell, port.drive + port.nudge * (cell.target - answer), dt)


class ClampedRate(NudgedRate):
    """An output column clamped to its target while there is a nudge; it relaxes without one."""

    def feedback(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Set the rate to the target while there is a nudge; otherwise relax to the drive."""
        relaxed = self._relax(cell, port.drive, dt)
        rate = where(port.nudge != 0, cell.target, relaxed["rate"])
        return {**relaxed, "rate": rate, "sent": self.weight * rate}


# Columns that know how they have just moved ----------------------------------------------------------
_AGO = {"rate_before": 0.0, "sent_before": 0.0}


class Moving(Relaxing):
    """A column that relaxes first, and knows what it did a step ago: ``rate_before``, ``sent_before``."""

    state = {**Relaxing.state, **_AGO}

    def _relax(self, cell: Any, drive: Any, dt: Any) -> dict[str, Any]:
        return {**super()._relax(cell, drive, dt), "rate_before": cell.rate, "sent_before": cell.sent}

    def rest(self) -> dict[str, float]:
        """Return the rate without drive, now and a step ago."""
        rest = super().rest()
        return {**rest, "rate_before": rest["rate"], "sent_before": rest["sent"]}


class MovingNext(Moving, RelaxingNext):
    """A column that relaxes after its neighbours, and knows what it did a step ago."""


class MovingNudgedRate(MovingNext, NudgedRate):
    """An output column nudged by a teacher, that knows what it did a step ago."""


class MovingClampedRate(MovingNext, ClampedRate):
    """An output column clamped to its target while there is a nudge, that knows what it did a step ago."""


# Who tells the phases --------------------------------------------------------------------------------
class Nudge(Clock):
    """A clock of the free and the nudged phase: nudges the output, and signals synapses when they learn.

    It counts from the teacher on. States beside those of a clock (``tick`` is 1 when all is over): ``nudge``
    (β after step ``first``; if symmetric −β in the second half), ``contrast`` (by which factor synapses take
    what they see: at the end of a phase, or in each of its steps).

    Args:
        beta: β.
        symmetric: whether two nudged phases are compared, not one with the free one (up to step ``first``).
        stepwise: whether synapses see what has changed in a step, and learn in every one of the last phase;
            otherwise they see what is, and learn when a phase ends.
    """

    beta: Magnitude = 0.5
    symmetric: bool = False
    stepwise: bool = False
    unused = ("stepwise",)
    state = {"tick": State(pulse=True), "count": 0.0, "nudge": 0.0, "contrast": State(pulse=True)}

    def deliver(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Set the nudge of this step, and the contrast by which synapses learn at the end of a phase."""
        on, step = cell.teaching != 0, cell.count
        half = (self.first + self.last) / 2 if self.symmetric else self.last
        there, back = on & (step > self.first) & (step <= half), on & (step > half) & (step <= self.last)
        if self.stepwise:
            share = where(back, -1.0, 0.0) if self.symmetric else where(there, 1.0, 0.0)
        else:
            end, start = on & (step == half), on & (step == (self.last if self.symmetric else self.first))
            share = where(end, 1.0, 0.0) - where(start, 1.0, 0.0)
        return {
            "nudge": self.beta * (where(there, 1.0, 0.0) - where(back, 1.0, 0.0)),
            "contrast": share / (self.beta * (2 if self.symmetric else 1)),
            "tick": where(on & (step == self.last), 1.0, 0.0),
            "count": where(on, step + 1.0, 0.0),
        }

    def detect(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Keep the count: this clock counts in its phase "deliver", before anything moves."""
        return {"count": cell.count}


class RandomNudge(Nudge):
    """The same, of one nudged phase with a sign of β that is drawn anew whenever the teacher comes.

    State ``sign``. Port ``noise``: below 0 the nudge is away from the target; without any it never is.
    """

    ports = {"noise": ""}
    state = {**Nudge.state, "sign": 1.0}

    def deliver(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Draw the sign in the first step; set nudge and contrast by it."""
        new, drawn = super().deliver(cell, port, dt), where(port.noise < 0, -1.0, 1.0)
        sign = where((cell.teaching != 0) & (cell.count == 0), drawn, cell.sign)
        return {**new, "sign": sign, "nudge": sign * new["nudge"], "contrast": sign * new["contrast"]}
