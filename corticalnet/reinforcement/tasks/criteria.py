"""When an agent has learned: criteria see every step and say which agents have reached them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from corticalnet.checks import fraction, number, whole
from corticalnet.errors import TaskError, one_of


class Criterion(Protocol):
    """Anything that can be called like this: with what the world said in this step, for every agent.

    Returns:
        ``[batch]``, true where the criterion is fulfilled now.
    """

    def __call__(
        self, reward: NDArray[Any], ended: NDArray[Any], info: dict[str, NDArray[Any]]
    ) -> NDArray[np.bool_]:
        """Observe one step; return which agents fulfil the criterion now."""


class Recent:
    """A share of the last trials of every kind was right, or brought enough reward.

    Trials that have not been yet count as wrong (0), so nothing is reached before share · last trials.

    Args:
        share: of right trials, or mean reward of a trial.
        last: how many trials of each kind are looked at.
        kinds: number of kinds of trials.
        of: "correct" looks at what the task says is right, "reward" at the sum of rewards of a trial.

    Raises:
        TaskError: an impossible share, number of trials or ``of``.
    """

    def __init__(self, share: float, last: int, kinds: int = 1, of: str = "correct") -> None:
        one_of("measure of Recent", of, ("correct", "reward"), TaskError)
        fits = fraction if of == "correct" else number
        self.share, self.of = fits("Recent: share", share, TaskError), of
        self.last = whole("Recent: last", last, TaskError)
        self.kinds = whole("Recent: kinds", kinds, TaskError)
        self._scores: NDArray[np.float64] | None = None

    def __call__(
        self, reward: NDArray[Any], ended: NDArray[Any], info: dict[str, NDArray[Any]]
    ) -> NDArray[np.bool_]:
        """Observe one step; return which agents fulfil the criterion now."""
        if self._scores is None:
            shape = (len(ended), self.kinds)
            self._scores, self._seen = np.zeros((*shape, self.last)), np.zeros(shape, dtype=np.intp)
            self._sums, self._return = np.zeros(shape), np.zeros(len(ended))
        self._return += reward
        agents = np.flatnonzero(ended)
        kind = info["kind"][agents] if self.kinds > 1 else np.zeros(len(agents), dtype=np.intp)
        score = self._return[agents] if self.of == "reward" else info["correct"][agents].astype(float)
        at = self._seen[agents, kind] % self.last
        self._sums[agents, kind] += score - self._scores[agents, kind, at]
        self._scores[agents, kind, at] = score
        self._seen[agents, kind] += 1
        self._return[agents] = 0
        return np.asarray((self._sums >= self.share * self.last - 1e-9).all(axis=1))


class Streak:
    """So many answers right without a wrong one between; ``info["right"]`` says which were right.

    Args:
        length: number of answers.
    """

    def __init__(self, length: int) -> None:
        self.length = whole("Streak: length", length, TaskError)
        self._now = np.zeros(1, dtype=int)

    def __call__(
        self, reward: NDArray[Any], ended: NDArray[Any], info: dict[str, NDArray[Any]]
    ) -> NDArray[np.bool_]:
        """Observe one step; return which agents fulfil the criterion now."""
        self._now = np.where(info["right"], self._now + 1, 0)
        return self._now >= self.length
