"""Cells of AuGMEnT (Rombouts, Bohte & Roelfsema 2015): what comes and goes, memory, and dopamine for later.

    on, off       [x − x']⁺ and [x' − x]⁺ for one step, x' what was there before
    memory        drive ← leak · drive + what arrives,   rate = f(drive)
    dopamine      reward + γ · (what is expected of the action now) − (of the action before)

When the world has taken an action, things follow one another, a step each: dopamine says what the action
before was worth, feedback of this one tags synapses, its reward arrives; if the trial ends with it dopamine
says so, and at the next look memory and tags are gone. One cell, :class:`OutcomeEvents`, tells when.
"""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.cells.activation import activation
from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.cells.feedforward import Feedback, Feedforward
from corticalnet.circuits.cells.state import State
from corticalnet.circuits.pointwise import maximum, where
from corticalnet.circuits.quantities import ONE, Probability, Pure

#: What every cell with tagged synapses is told: when to tag, when to forget, and dopamine.
_TOLD = {"tagging": "", "forget": "", "dopamine": ""}


class OutcomeEvents(Cell):
    """What follows an outcome, step by step; a world that takes its time changes nothing.

    States, each 1 for one step: ``acted`` (the action has been taken: first step), ``tagging`` (second),
    ``paid`` (its reward counts: third), ``over`` (third, if a trial ends), ``look`` (no outcome any more: a
    new look), ``forget`` (a new look after the end of a trial). Outside inputs: ``outcome`` (1 while there is
    one), ``ended`` (1 while it is a trial's last).
    """

    state = {
        **{name: State(pulse=True) for name in ("acted", "tagging", "paid", "over", "look", "forget")},
        "elapsed": 0.0,
        "ending": 0.0,
    }
    inputs = {"outcome": ONE, "ended": ONE}

    def deliver(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Count the steps since the outcome came."""
        comes = cell.outcome != 0
        elapsed = where(comes, cell.elapsed + 1.0, 0.0)
        look = where(comes, 0.0, where(cell.elapsed > 0, 1.0, 0.0))
        return {
            "elapsed": elapsed,
            "acted": where(elapsed == 1, 1.0, 0.0),
            "tagging": where(elapsed == 2, 1.0, 0.0),
            "paid": where(elapsed == 3, 1.0, 0.0),
            "over": where(elapsed == 3, cell.ended, 0.0),
            "look": look,
            "forget": look * cell.ending,
            "ending": where(comes, cell.ended, 0.0),
        }


class Transient(Cell):
    """A cell that answers to change: ``[sign · (value − seen)]⁺``, for one step.

    Ports: ``value`` (of its column), ``forget``. States: ``rate``, ``seen`` (the value in the step before).

    Args:
        sign: 1 for an on cell, −1 for an off cell.
    """

    sign: Pure = 1.0
    ports = {"value": "", "forget": ""}
    state = {"rate": State(pulse=True), "seen": 0.0}

    def fire(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Send how much the value has risen (or fallen)."""
        before = where(port.forget != 0, 0.0, cell.seen)
        return {"rate": maximum(self.sign * (port.value - before), 0.0), "seen": port.value}


class TaggedFeedforward(Feedforward):
    """A feedforward cell whose synapses can be tagged: ``rate = f(drive − threshold)``.

    While they are, it goes on firing as it did when the action was chosen, though weights have just changed.

    Ports: ``drive``, ``error``; ``tagging`` and ``forget`` (when), ``dopamine``. States: ``drive``, ``rate``,
    ``gain``.

    Args:
        threshold: θ.
    """

    threshold: Pure = 0.0
    ports = {**Feedforward.ports, **_TOLD}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Set the drive to what arrives, if nothing is tagged now; compute rate and gain."""
        return self._rate(where(port.tagging != 0, cell.drive, port.drive))

    def _rate(self, drive: Any) -> dict[str, Any]:
        f, above = activation(self.activation), drive - self.threshold
        rate = f.rate(above)
        return {"drive": drive, "rate": rate, "gain": f.gain(1.0, above, rate)}

    def rest(self) -> dict[str, float]:
        """Return the state without drive, with the rate f(−θ)."""
        return {**super().rest(), "rate": float(activation(self.activation).rate(-self.threshold))}


class Memory(TaggedFeedforward):
    """A memory cell, which adds up what arrives.

        drive ← (leak at a new look, else 1) · drive + what arrives

    Ports and states: those of a :class:`TaggedFeedforward`, and ``look`` (when).

    Args:
        leak: what is left of the drive at each look.
    """

    leak: Probability = 1.0
    ports = {**TaggedFeedforward.ports, "look": ""}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Add what arrives to what has been kept; compute rate and gain."""
        kept = where(port.look != 0, self.leak * cell.drive, cell.drive)
        return self._rate(where(port.forget != 0, 0.0, kept) + port.drive)


class TaggedFeedback(Feedback):
    """A feedback cell whose synapses learn, too: it is told when to tag, when to forget, and dopamine."""

    ports = {**Feedback.ports, **_TOLD}


class TemporalDifference(Cell):
    """A dopamine cell that signals how much better things go than expected, when the next action is taken.

        rpe = reward + γ · expected now − expected before     after an action; the reward is the one before
        rpe = reward − expected                               at the end of a trial

    Ports: ``reward``, ``expected_reward``, and when: ``acted``, ``paid``, ``over``, ``forget``.
    States: ``rpe``, ``value`` (what was expected of the last action), ``earned`` (its reward). Outside input:
    ``silence`` (1: it says nothing, so nothing is learned).

    Args:
        discount: γ.
    """

    discount: Probability = 0.9
    ports = {
        "reward": "",
        "expected_reward": "predict",
        **dict.fromkeys(("acted", "paid", "over", "forget"), ""),
    }
    state = {"rpe": State(pulse=True), "value": 0.0, "earned": 0.0}
    inputs = {"silence": ONE}

    def send(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Emit the temporal-difference error after an action, and at the end of a trial."""
        next_value = self.discount * port.expected_reward
        after_action = where(port.acted != 0, cell.earned + next_value - cell.value, 0.0)
        value = where(port.acted != 0, port.expected_reward, cell.value)
        earned = where(port.paid != 0, port.reward, cell.earned)
        rpe = where(port.over != 0, earned - value, after_action)
        return {
            "rpe": where(cell.silence != 0, 0.0, rpe),
            "value": where(port.forget != 0, 0.0, value),
            "earned": where(port.forget != 0, 0.0, earned),
        }
