"""Cells of rules of two phases that nobody tells the phase: columns whose moves are watched, and who watches.

    value       how far its drive and its feedback moved in this step: ``below``, ``above``
    φ           free → nudged → taught → free, by these moves alone (PhaseDetector)

A stimulus comes up: the drive of a column moves first. A nudge comes down: its feedback does. What a nudge
sets going below comes back as a smaller move of the drive, an echo. Nothing is known before all time, so the
first stimulus may move anything.
"""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.cells.relaxing import Relaxing, RelaxingNext
from corticalnet.circuits.cells.state import State
from corticalnet.circuits.pointwise import absolute, maximum, where
from corticalnet.circuits.quantities import ONE, Count, Magnitude

#: From φ, for a column's synapses: whether it is nudged; that it rests so; that this rest is over.
_TOLD = {"nudge": "", "contrast": "", "done": ""}
_MOVES = {"drive": 0.0, "feedback": 0.0, "below": 0.0, "above": 0.0}


def _watched(new: dict[str, Any], cell: Any, drive: Any, feedback: Any) -> dict[str, Any]:
    """Add how far drive and feedback moved since the last step."""
    moved = {"below": absolute(drive - cell.drive), "above": absolute(feedback - cell.feedback)}
    return {**new, **moved, "drive": drive, "feedback": feedback}


def _heard(cell: Any, port: Any) -> Any:
    """Return whether a teacher is received: from when the column is at rest, for as long as it is there.

    One that was received earlier would leave a nudged rest as the first after a stimulus, and its going would
    look as its coming does.
    """
    return (cell.clamped != 0) & ((cell.there != 0) | (port.calm != 0))


def _taught(new: dict[str, Any], cell: Any, port: Any) -> dict[str, Any]:
    """Add whether the teacher has just gone."""
    there = where(_heard(cell, port), 1.0, 0.0)
    return {**new, "there": there, "gone": cell.there * (1.0 - there)}


class WatchedRelaxing(Relaxing):
    """A column that relaxes first. States ``below``, ``above``: how far its drive and feedback moved."""

    ports = {**Relaxing.ports, **_TOLD}
    state = {**Relaxing.state, **_MOVES}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax the rate by one Euler step, and say how far what it heard has moved."""
        return _watched(super().predict(cell, port, dt), cell, port.drive, port.feedback / self.weight)


class WatchedRelaxingNext(RelaxingNext):
    """A column that relaxes after its neighbours, and says how far its drive and feedback moved."""

    ports = {**RelaxingNext.ports, **_TOLD}
    state = {**RelaxingNext.state, **_MOVES}

    def feedback(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax the rate by one Euler step, and say how far what it heard has moved."""
        return _watched(super().feedback(cell, port, dt), cell, port.drive, port.feedback / self.weight)


class WatchedNudgedRate(RelaxingNext):
    """An output column that a teacher nudges by being there: its feedback is β (target − rate).

    State ``gone``: 1 when the teacher has just gone. Outside inputs: ``target``, ``clamped`` (1 while it is
    there). Port ``answer``: what is compared with the target, if it competes.

    Args:
        beta: β.
        competes: whether the answer is no rate of its own, but the softmax of all.
    """

    beta: Magnitude = 0.5
    competes: bool = False
    unused = ("competes",)
    ports = {"drive": "feedback", "answer": "", "calm": "", **_TOLD}
    state = {**RelaxingNext.state, **_MOVES, "there": 0.0, "gone": State(pulse=True)}
    inputs = {"target": ONE, "clamped": ONE}

    def feedback(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax the rate to f of drive and nudge by one Euler step."""
        answer = port.answer if self.competes else cell.rate
        nudge = where(_heard(cell, port), self.beta * (cell.target - answer), 0.0)
        moved = _watched(self._relax(cell, port.drive + nudge, dt), cell, port.drive, nudge)
        return _taught(moved, cell, port)


class WatchedClampedRate(RelaxingNext):
    """An output column clamped to its target by a teacher: its feedback is how far that moves it.

    State ``gone``: 1 when the teacher has just gone. Outside inputs: ``target``, ``clamped`` (1 while it is
    there).
    """

    ports = {"drive": "feedback", "calm": "", **_TOLD}
    state = {**RelaxingNext.state, **_MOVES, "there": 0.0, "gone": State(pulse=True)}
    inputs = {"target": ONE, "clamped": ONE}

    def feedback(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Set the rate to the target while the teacher is there; otherwise relax to the drive."""
        free = self._relax(cell, port.drive, dt)["rate"]
        rate = where(_heard(cell, port), cell.target, free)
        return _taught(
            _watched({"rate": rate, "sent": self.weight * rate}, cell, port.drive, rate - free), cell, port
        )


class PhaseDetector(Cell):
    """φ of a rule of two phases: which phase it is, by what moves (see the module's docstring).

    Ports: ``below``, ``above`` (how far drive and feedback moved; sums, of many columns), ``gone`` (that a
    teacher has, in the output). States: ``nudged``
    (1 from the nudge until all is over), ``rested`` (1 when it has come to rest so), ``left`` (1 when that
    rest ends), ``taught`` (1 in between), ``silent`` (steps of rest), ``calm`` (1 from ``silence``
    of them on), ``size`` (of the largest move of feedback since the nudge).

    Args:
        silence: k, steps without a move that count as rest.
        threshold: moves up to this size count as none.
        echo: a drive that moves by more than so many times the largest move of feedback is no echo of it.
    """

    silence: Count = 4.0
    threshold: Magnitude = 1e-9
    echo: Magnitude = 0.5
    ports = {"below": "", "above": "", "gone": ""}
    state = {
        "nudged": 0.0,
        "rested": State(pulse=True),
        "left": State(pulse=True),
        "taught": 0.0,
        "silent": 0.0,
        "size": 0.0,
        "calm": 0.0,
    }

    def learn(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Find out which phase it is, by all moves of this step and before any weight changes."""
        moved = (port.below > self.threshold) | (port.above > self.threshold)
        silent = where(moved, 0.0, cell.silent + 1.0)
        waiting = (cell.nudged != 0) & (cell.taught == 0)
        from_above = (port.below <= self.echo * port.above) & (port.gone == 0)
        nudge = (cell.nudged == 0) & moved & (cell.silent >= self.silence) & from_above
        size = where(nudge, port.above, maximum(cell.size, port.above))
        stimulus = waiting & ((port.below > self.echo * size) | (port.gone != 0))
        rested = waiting & (silent >= self.silence) & (port.gone == 0)
        left = (cell.taught != 0) & (moved | (port.gone != 0))
        return {
            "nudged": where(nudge, 1.0, where(stimulus | left, 0.0, cell.nudged)),
            "rested": where(rested, 1.0, 0.0),
            "left": where(left, 1.0, 0.0),
            "taught": where(rested, 1.0, where(left, 0.0, cell.taught)),
            "silent": silent,
            "size": size,
            "calm": where(silent >= self.silence, 1.0, 0.0),
        }
