"""Chance: every animal has its own stream of random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.checks import whole
from corticalnet.errors import TaskError

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


class Chance:
    """Uniform numbers in [0, 1), for each animal from a generator of its own.

    So an animal in a herd lives through the same chances as it would alone. Numbers are drawn in blocks,
    because a call for each animal in each step would take most of the time.

    Args:
        animals: how many.
        seed: of the first animal; the next has seed + 1, and so on. None is another one every time.
        stream: chances of the same seed and different streams are independent.
        block: numbers drawn at once.

    Raises:
        TaskError: an impossible seed.
    """

    def __init__(self, animals: int, seed: int | None, stream: int = 0, block: int = 1024) -> None:
        if seed is None:
            first = int(np.random.SeedSequence().entropy)  # type: ignore[arg-type]
        else:
            first = whole("seed", seed, TaskError, least=0)
        self.generators = [np.random.default_rng([first + k, stream]) for k in range(animals)]
        self._numbers = np.stack([g.random(block) for g in self.generators])
        self._used = np.zeros(animals, dtype=np.intp)

    def roll(self, who: Indices, count: int = 1) -> Floats:
        """The next ``count`` numbers of the animals ``who``, ``[len(who), count]``."""
        for animal in who[self._used[who] + count > self._numbers.shape[1]]:
            self._numbers[animal] = self.generators[animal].random(self._numbers.shape[1])
            self._used[animal] = 0
        at = self._used[who]
        self._used[who] = at + count
        return self._numbers[who[:, None], at[:, None] + np.arange(count)]


def choose(rolls: Floats, choices: Any) -> NDArray[np.intp]:
    """Whole numbers from 0 to ``choices`` − 1, all as likely, from uniform numbers."""
    return np.asarray(np.floor(rolls * choices), dtype=np.intp)
