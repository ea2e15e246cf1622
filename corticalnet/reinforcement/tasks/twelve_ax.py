"""The 12-AX task."""

from __future__ import annotations

from typing import Any

import numpy as np

from corticalnet.checks import probability, whole
from corticalnet.errors import TaskError
from corticalnet.reinforcement.tasks.criteria import Criterion, Streak
from corticalnet.reinforcement.tasks.random_streams import Floats, Indices, choose
from corticalnet.reinforcement.tasks.spaces import Box, Discrete
from corticalnet.reinforcement.tasks.task import Bools, Task, two

SYMBOLS = "12ABCXYZ"
FIRST, SECOND = SYMBOLS.index("A"), SYMBOLS.index("X")
#: Pairs are numbered 3 · first + second: AX, AY, AZ, BX, BY, …; after 1 the target is AX, after 2 it is BY.
TARGETS = np.array([0, 4])


class TwelveAX(Task):
    """After a 1, X that follows A is a target; after a 2, Y that follows B is. All others are not.

    One trial is an outer loop: a digit, then one to four pairs of a letter of ABC and a letter of XYZ. Every
    symbol is shown for one step, and answered: 0 (no target) or 1 (target). A right answer brings a small
    reward, a wrong one punishment; ``info["right"]`` says which. A trial is correct if all its answers were.

    seen: ``[1, 2, A, B, C, X, Y, Z]``, one of them 1

    Criterion: 1000 answers without an error.

    Source: O'Reilly & Frank 2006; pairs, rewards and criterion as in Martinolli, Gerstner & Gilra 2018
    (Front Comput Neurosci 12: 50; github adityagilra/archibrain), who gave the leaky memory units to AuGMEnT.

    Args:
        batch: number of agents, None for one without an axis.
        loops: most pairs in a trial.
        targets: probability of a pair AX or BY (half of it each, whatever the digit).
        rewards: of a right and of a wrong answer.

    Raises:
        TaskError: no pairs, or no probability.
    """

    kinds = ("1", "2")

    def __init__(
        self,
        batch: int | None = None,
        *,
        loops: int = 4,
        targets: float = 0.5,
        rewards: tuple[float, float] = (0.1, -1.0),
    ) -> None:
        super().__init__(batch)
        self.loops = whole("TwelveAX: loops", loops, TaskError)
        targets = probability("TwelveAX: targets", targets, TaskError)
        self.rewards = two("TwelveAX: rewards", rewards)
        pairs = np.full(9, (1 - targets) / 7)
        pairs[TARGETS] = targets / 2
        self._likely = pairs.cumsum()
        self.observation_space, self.action_space = Box((8,)), Discrete(2)

    def criterion(self) -> Criterion:
        """Return the criterion: 1000 right answers in a row."""
        return Streak(1000)

    def _reserve(self) -> None:
        steps = 1 + 2 * self.loops
        self._symbols, self._answers = (np.zeros((self.n, steps), dtype=np.intp) for _ in range(2))
        self._at, self._length = (np.zeros(self.n, dtype=np.intp) for _ in range(2))
        self._clean, self._right = (np.ones(self.n, dtype=bool) for _ in range(2))

    def _begin(self, agents: Indices, kind: int | None) -> None:
        rolls = self.roll(agents, 2 + self.loops)
        digit = choose(rolls[:, 0], 2)
        self._kind[agents] = self._symbols[agents, 0] = digit = (
            digit if kind is None else np.full_like(digit, kind)
        )
        self._length[agents] = 1 + 2 * (1 + choose(rolls[:, 1], self.loops))
        pair = np.minimum(np.searchsorted(self._likely, rolls[:, 2:], side="right"), 8)
        self._symbols[agents, 1::2], self._symbols[agents, 2::2] = FIRST + pair // 3, SECOND + pair % 3
        self._answers[agents, 2::2] = pair == TARGETS[digit][:, None]
        self._at[agents], self._clean[agents] = 0, True

    def _act(self, action: Indices) -> tuple[Floats, Bools, Bools]:
        self._right = action == self._answers[np.arange(self.n), self._at]
        self._clean = self._clean & self._right
        self._at = self._at + 1
        ended = self._at >= self._length
        reward = np.where(self._right, *self.rewards)
        return reward, ended, ended & self._clean

    def _info(self, correct: Bools, kind: Indices) -> dict[str, Any]:
        return {**super()._info(correct, kind), "right": self._one(self._right)}

    def _see(self) -> Floats:
        now = self._symbols[np.arange(self.n), np.minimum(self._at, self._symbols.shape[1] - 1)]
        over = self._at >= self._length  # only one alone sees this: a blank screen
        return np.where(over[:, None], 0.0, np.eye(8)[now])
