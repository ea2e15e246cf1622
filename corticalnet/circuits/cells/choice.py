"""Choosing and being rewarded: bids, contests, one action, and dopamine.

    bid_n       = y_n + noise_n                        noise: to explore, drawn by the protocol
    contest     = bid_i ≥ bid_j, for every pair       lateral competition, pair by pair
    action_n    = 1 if n wins all its contests
    dopamine    = reward − Σ action_n y_n, in the step in which the outcome comes

Without noise the most active column wins; with temperature × Gumbel noise the winner is a draw from
softmax(y / temperature): together the max-Boltzmann choice of Pozzi et al. 2020.
"""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.cells.state import State
from corticalnet.circuits.pointwise import maximum, relax, where
from corticalnet.circuits.quantities import MS, ONE, Count, Milliseconds


class ActionValue(Cell):
    """The value of an action now, its column's rate (port ``value``), plus noise to explore (an input)."""

    ports = {"value": ""}
    state = {"bid": 0.0}
    inputs = {"exploration_noise": ONE}

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Add exploration noise to the value."""
        return {"bid": port.value + cell.exploration_noise}


class LeakyActionValue(ActionValue):
    """An action value that is averaged: ``average d mean/dt = −mean + value``;  bid = mean + noise.

    Args:
        average: time constant.
    """

    average: Milliseconds = 50.0
    state = {"bid": 0.0, "mean": 0.0}

    def fire(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Average the value over time."""
        return {"mean": relax(cell.mean, port.value, self.average, dt)}

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Add exploration noise to the mean value."""
        return {"bid": cell.mean + cell.exploration_noise}


class PairwiseCompetition(Cell):
    """A competition of two actions; port ``difference`` receives the difference of their bids."""

    ports = {"difference": "predict"}
    state = {"first": 0.0, "second": 0.0}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Set ``first`` to 1 if the first action's bid is at least as high, otherwise ``second``."""
        first = port.difference >= 0
        return {"first": where(first, 1.0, 0.0), "second": where(first, 0.0, 1.0)}


class Action(Cell):
    """An action, which is chosen if it wins all its competitions.

    Ports: ``wins`` (contests won), ``value`` (the rate of its column). States: ``action``, ``expected``
    (its column's rate if it is chosen: the reward that is expected).

    Args:
        rivals: contests that there are to win.
    """

    rivals: Count = 1.0
    ports = {"wins": "predict", "value": ""}
    state = {"action": State(pulse=True), "expected": 0.0}

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Choose the action if it has won all its competitions; expect its column's rate as the reward."""
        action = where(port.wins + 0.5 > self.rivals, 1.0, 0.0)
        return {"action": action, "expected": action * port.value}


class RewardSource(Cell):
    """The world, not the brain: it takes an action (port ``action``) and may reward it (input ``answer``)."""

    ports = {"action": ""}
    state = {"reward": 0.0}
    inputs = {"answer": ONE}

    def detect(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Emit the reward for this action if it is the chosen one."""
        return {"reward": cell.answer * port.action}


class Dopamine(Cell):
    """A dopamine cell: it signals the reward-prediction error, for one step.

        rpe = reward − expected, when an outcome comes; else 0

    Ports: ``reward`` (of the world's outcome cells), ``expected_reward``.
    Outside inputs: ``reward`` (more of it, from elsewhere), ``outcome`` (1 while there is one).
    """

    ports = {"reward": "", "expected_reward": "predict"}
    state = {"rpe": State(pulse=True), "seen": 0.0}
    inputs = {"reward": ONE, "outcome": ONE}

    def send(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Emit the reward-prediction error in the step in which the outcome comes."""
        return {"rpe": where(self.comes(cell), self.error(cell, port), 0.0), "seen": cell.outcome}

    def comes(self, cell: Any) -> Any:
        """Return whether an outcome begins in this step."""
        return (cell.outcome != 0) & (cell.seen == 0)

    def error(self, cell: Any, port: Any) -> Any:
        """Compute the reward-prediction error, reward − expected reward."""
        return port.reward + cell.reward - port.expected_reward


class PhasicDopamine(Dopamine):
    """Dopamine that stays for a while: a burst (or a dip) of the size of the reward-prediction error.

    Args:
        burst: how long it lasts.
    """

    burst: Milliseconds = 50.0
    state = {"rpe": State(pulse=True), "seen": 0.0, "left": State(0.0, MS)}

    def send(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Emit the reward-prediction error when the outcome comes, and hold it for the burst."""
        comes, left = self.comes(cell), maximum(cell.left - dt, 0.0 * dt)
        held = where(left > dt / 2, cell.rpe, 0.0)  # (half a step: differences of dt are not exact)
        return {
            "rpe": where(comes, self.error(cell, port), held),
            "seen": cell.outcome,
            "left": where(comes, self.burst, left),
        }
