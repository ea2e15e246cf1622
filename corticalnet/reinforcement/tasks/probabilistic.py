"""The probabilistic classification task (the monkeys' weather prediction)."""

from __future__ import annotations

from typing import Any

import numpy as np

from corticalnet.checks import fraction, whole
from corticalnet.errors import TaskError
from corticalnet.reinforcement.tasks.fixation import CUE, FIXATE, LEFT, RIGHT, Fixation
from corticalnet.reinforcement.tasks.random_streams import Floats, Indices, choose
from corticalnet.reinforcement.tasks.spaces import Box
from corticalnet.reinforcement.tasks.task import Bools

#: Weight of each of the ten shapes, in log₁₀ units; in the order in which the curriculum brings them.
WEIGHTS = np.array([np.inf, -np.inf, 0.3, -0.3, 0.9, -0.9, 0.7, -0.7, 0.5, -0.5])
#: Levels of the curriculum: shapes known, shapes shown, trials over which 85 % must be right.
LEVELS = np.array([
    (2, 1, 1000), (4, 1, 1500), (6, 1, 2000), (8, 1, 2500),
    (10, 1, 3000), (10, 2, 10_000), (10, 3, 10_000), (10, 4, 20_000),
])  # fmt: skip


class ProbabilisticClassification(Fixation):
    """Shapes come one by one; their weights add up to the odds that the red target is rewarded.

    P(red) = 10^W / (1 + 10^W),  W = Σ weights of the shapes shown;  ± ∞ decides alone, and + ∞ and − ∞ cancel

    seen: ``[mark, green left, red right, red left, green right, 4 places × 10 shapes]``, zeros and ones; the
    targets are there as long as the mark is, shapes stay until the last has come, each at a random free
    place. Actions: 0 fixate, 1 left, 2 right. Correct is the target with the better odds (either one if
    they are even); which one brings reward is drawn.

    Curriculum: an agent goes one level up when 85 % of its last N trials on a level were correct (trials
    that have not been yet count as wrong); ``info["level"]`` says where it is. Criterion: all eight passed.

    Source: Rombouts, Bohte & Roelfsema 2015, Fig. 4 and Table 3, after Yang & Shadlen 2007, with the details
    (order of the shapes, places, even odds) of its replication, Le Masson & Alexandre 2016, ReScience 2 (1).
    But 1. infinite weights of one sign add up: two + ∞ and one − ∞ are + ∞.

    Args:
        batch: number of agents, None for one without an axis.
        level: where to begin, 0 … 7 (for one who is to be tested: 7).
        share: of trials right, to go on.
        shorter: divides the numbers of trials N (quick tests).
        **settings: delay, fixation_reward, reward, patience, go.

    Raises:
        TaskError: no such level.
    """

    def __init__(
        self,
        batch: int | None = None,
        *,
        level: int = 0,
        share: float = 0.85,
        shorter: int = 1,
        **settings: Any,
    ) -> None:
        super().__init__(batch, **settings)
        kind = type(self).__name__
        self.level = whole(f"{kind}: level", level, TaskError, least=0)
        if level >= len(LEVELS):
            raise TaskError(f"{kind}: level must be one of 0 … {len(LEVELS) - 1}, not {level}")
        self.share = fraction(f"{kind}: share", share, TaskError)
        shorter = whole(f"{kind}: shorter", shorter, TaskError)
        self.windows = np.append(LEVELS[:, 2] // shorter, 1)
        self.observation_space = Box((45,))

    def criterion(self) -> Any:
        """Return the criterion: all levels passed."""
        return lambda reward, ended, info: info["level"] == len(LEVELS)

    def _reserve(self) -> None:
        super()._reserve()
        self._level = np.full(self.n, self.level)
        self._scores = np.zeros((self.n, self.windows.max()), dtype=bool)
        self._tried, self._right = (np.zeros(self.n, dtype=np.intp) for _ in range(2))
        self._red_left = np.zeros(self.n, dtype=bool)
        self._shapes, self._places = (np.zeros((self.n, 4), dtype=np.intp) for _ in range(2))

    def _begin(self, agents: Indices, kind: int | None) -> None:
        rolls = self.roll(agents, 10)
        known, shown, _ = LEVELS[np.minimum(self._level[agents], len(LEVELS) - 1)].T
        self._start(agents, cues=shown)
        self._red_left[agents] = red_left = rolls[:, 0] < 0.5
        self._shapes[agents] = shapes = choose(rolls[:, 1:5], known[:, None])
        self._places[agents] = rolls[:, 5:9].argsort(axis=1)
        p_red = odds(shapes, np.arange(4) < shown[:, None])
        better = np.where(p_red > 0.5, red_left, ~red_left)
        self._expected[agents] = np.where(p_red == 0.5, FIXATE, np.where(better, LEFT, RIGHT))
        red_wins = rolls[:, 9] < p_red
        self._rewarded[agents] = np.where(red_wins == red_left, LEFT, RIGHT)

    def _act(self, action: Indices) -> tuple[Floats, Bools, Bools]:
        reward, ended, correct = super()._act(action)
        agents = np.flatnonzero(ended)
        at = self._tried[agents] % self.windows[self._level[agents]]
        self._right[agents] += correct[agents].astype(int) - self._scores[agents, at]
        self._scores[agents, at] = correct[agents]
        self._tried[agents] += 1
        up = agents[self._right[agents] >= self.share * self.windows[self._level[agents]]]
        up = up[self._level[up] < len(LEVELS)]
        self._level[up] += 1
        self._scores[up], self._tried[up], self._right[up] = False, 0, 0
        return reward, ended, correct

    def _info(self, correct: Bools, kind: Indices) -> dict[str, Any]:
        return {**super()._info(correct, kind), "level": self._one(self._level.copy())}

    def _see(self) -> Floats:
        seen = np.zeros((self.n, 45))
        seen[:, 0] = self._marked
        seen[:, 1] = seen[:, 2] = self._marked & ~self._red_left
        seen[:, 3] = seen[:, 4] = self._marked & self._red_left
        for k in range(4):  # the k-th shape is there from its step until the last has come
            there = np.flatnonzero((self._phase >= CUE + k) & (self._phase < self._go - self.delay))
            seen[there, 5 + 10 * self._places[there, k] + self._shapes[there, k]] = 1
        return seen


def odds(shapes: Indices, shown: Bools) -> Floats:
    """Compute the probability that red is rewarded, ``[n]``, for shapes ``[n, 4]`` of which some are shown.

    >>> odds(np.array([[2, 2, 0, 0]]), np.array([[True, True, False, False]])).round(4)  # W = 0.3 + 0.3
    array([0.7992])
    """
    weights = np.where(shown, WEIGHTS[shapes], 0)
    finite = np.where(np.isfinite(weights), weights, 0).sum(axis=1).round(6)
    certain = np.isposinf(weights).sum(axis=1) - np.isneginf(weights).sum(axis=1)
    return np.where(certain != 0, certain > 0, 1 / (1 + 10.0**-finite))
