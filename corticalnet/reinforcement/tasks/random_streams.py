"""Random streams: every agent has its own random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.checks import whole
from corticalnet.errors import TaskError

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


class RandomStreams:
    """Uniform numbers in [0, 1), for each agent from a generator of its own.

    So an agent in a batch meets the same random numbers as it would alone. Numbers are drawn in blocks,
    because a call for each agent in each step would take most of the time.

    Args:
        batch: how many.
        seed: of the first agent; the next has seed + 1, and so on. None is another one every time.
        stream: numbers of the same seed and different streams are independent.
        block: numbers drawn at once.

    Raises:
        TaskError: an impossible seed.
    """

    def __init__(self, batch: int, seed: int | None, stream: int = 0, block: int = 1024) -> None:
        if seed is None:
            first = int(np.random.SeedSequence().entropy)  # type: ignore[arg-type]
        else:
            first = whole("seed", seed, TaskError, least=0)
        self.generators = [np.random.default_rng([first + k, stream]) for k in range(batch)]
        self._numbers = np.stack([g.random(block) for g in self.generators])
        self._used = np.zeros(batch, dtype=np.intp)

    def roll(self, agents: Indices, count: int = 1) -> Floats:
        """Draw the next ``count`` numbers of ``agents``, ``[len(agents), count]``."""
        for agent in agents[self._used[agents] + count > self._numbers.shape[1]]:
            self._numbers[agent] = self.generators[agent].random(self._numbers.shape[1])
            self._used[agent] = 0
        at = self._used[agents]
        self._used[agents] = at + count
        return self._numbers[agents[:, None], at[:, None] + np.arange(count)]


def choose(rolls: Floats, choices: Any) -> NDArray[np.intp]:
    """Convert uniform numbers to whole numbers from 0 to ``choices`` − 1, all equally likely."""
    return np.asarray(np.floor(rolls * choices), dtype=np.intp)
