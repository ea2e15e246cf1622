"""Cells that fire noise, and a critic that tells everybody what came of it (Williams 1992).

    rate = f(drive) + ξ             while the noise is on
    difference = L before − L       of a critic, which receives the cost of the output: one number for all

A column knows its own ξ and its own gain, and no other's: what comes back from the world is a single number.
"""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.cells.control import Clock
from corticalnet.circuits.cells.feedforward import Feedforward
from corticalnet.circuits.cells.state import State
from corticalnet.circuits.pointwise import where
from corticalnet.circuits.quantities import ONE, Probability


class NoisyFeedforward(Feedforward):
    """A column that fires at random around f of its drive.

    Ports: ``drive``. States: ``drive``, ``rate`` (f(drive) + ξ), ``gain``, ``xi`` (ξ). Outside input:
    ``exploration_noise``, the ξ of a trial.
    """

    ports = {"drive": "predict"}
    state = {"drive": 0.0, "rate": 0.0, "gain": 0.0, "xi": 0.0}
    inputs = {"exploration_noise": ONE}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Set drive and gain; add the noise to the rate."""
        moved = super().predict(cell, port, dt)
        return {**moved, "rate": moved["rate"] + cell.exploration_noise, "xi": cell.exploration_noise}


class PerturbedFeedforward(NoisyFeedforward):
    """A column that fires noise while it is told to, and remembers its gain from before.

    Ports: ``drive``, ``trying`` (not 0 while the noise is on).
    """

    ports = {"drive": "predict", "trying": ""}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Set the drive; keep the gain and add the noise while it is on."""
        moved, on = Feedforward.predict(self, cell, port, dt), port.trying != 0
        xi = where(on, cell.exploration_noise, 0.0)
        return {**moved, "rate": moved["rate"] + xi, "gain": where(on, cell.gain, moved["gain"]), "xi": xi}


class NoisyOutput(NoisyFeedforward):
    """An output column that fires noise. More: input ``target``; state ``cost``, ½ (target − rate)²."""

    state = {**NoisyFeedforward.state, "cost": 0.0}
    inputs = {"exploration_noise": ONE, "target": ONE}

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute the cost of the rate."""
        return {"cost": (cell.target - cell.rate) * (cell.target - cell.rate) / 2.0}


class PerturbedOutput(PerturbedFeedforward):
    """An output column that fires noise while told to. More: input ``target``; state ``cost``, as above."""

    state = {**PerturbedFeedforward.state, "cost": 0.0}
    inputs = {"exploration_noise": ONE, "target": ONE}
    compare = NoisyOutput.compare


class Critic(Cell):
    """A critic that compares the cost with what it was before the noise.

    Ports: ``cost`` (of all output columns), ``trying``. States: ``expected`` (the cost without noise),
    ``difference`` (expected − cost, while the noise is on).
    """

    ports = {"cost": "detect", "trying": ""}
    state = {"expected": 0.0, "difference": State(pulse=True)}

    def detect(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Store the cost, or compare it while the noise is on."""
        on = port.trying != 0
        return {
            "expected": where(on, cell.expected, port.cost),
            "difference": where(on, cell.expected - port.cost, 0.0),
        }


class AveragingCritic(Cell):
    """A critic that compares the cost of a trial with a running average, which starts at 0.

    Ports: ``cost``, ``judging`` (not 0 in the step in which it judges). States: ``expected`` (the average),
    ``difference`` (expected − cost, in that step).

    Args:
        momentum: weight of the newest cost in the average.
    """

    momentum: Probability = 0.1
    ports = {"cost": "detect", "judging": ""}
    state = {"expected": 0.0, "difference": State(pulse=True)}

    def detect(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compare the cost with the average, and move the average."""
        now, surprise = port.judging != 0, cell.expected - port.cost
        return {
            "expected": where(now, cell.expected - self.momentum * surprise, cell.expected),
            "difference": where(now, surprise, 0.0),
        }


class PerturbationClock(Clock):
    """A clock of trials and errors: the teacher comes, then noise is on up to step ``last``, when it ticks.

    States: ``tick``, ``count``, ``trying`` (1 from step ``first`` to step ``last``).
    """

    state = {"tick": State(pulse=True), "count": 0.0, "trying": 0.0}

    def deliver(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Send whether the noise is on in this step; tick in the last of them; count."""
        on = cell.teaching != 0
        trying = on & (cell.count >= self.first) & (cell.count <= self.last)
        return {
            "trying": where(trying, 1.0, 0.0),
            "tick": where(on & (cell.count == self.last), 1.0, 0.0),
            "count": where(on, cell.count + 1.0, 0.0),
        }

    def detect(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Keep the count: this clock counts in its phase "deliver", before anything fires."""
        return {"count": cell.count}
