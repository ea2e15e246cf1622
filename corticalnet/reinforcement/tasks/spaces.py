"""What can be seen and done, in Gymnasium's words, without needing Gymnasium."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Discrete:
    """The whole numbers 0 … n − 1: actions.

    >>> Discrete(3).contains(2), Discrete(3).contains(3), Discrete(3).contains(0.5)
    (True, False, False)
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.shape: tuple[int, ...] = ()
        self.dtype = np.dtype(np.int64)
        self._rng = np.random.default_rng()

    def seed(self, seed: int | None = None) -> None:
        """Seed the samples."""
        self._rng = np.random.default_rng(seed)

    def sample(self) -> int:
        """Draw a number uniformly."""
        return int(self._rng.integers(self.n))

    def contains(self, x: Any) -> bool:
        """Return whether ``x`` is one of the numbers."""
        whole = np.shape(x) == () and np.issubdtype(np.asarray(x).dtype, np.integer)
        return bool(whole and 0 <= x < self.n)

    def __repr__(self) -> str:
        return f"Discrete({self.n})"


class Box:
    """Arrays of one shape with numbers between two bounds: what is seen.

    >>> Box((2,)).contains(np.ones(2)), Box((2,)).contains(np.ones(3))
    (True, False)
    """

    def __init__(self, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> None:
        self.shape, self.low, self.high = shape, low, high
        self.dtype = np.dtype(np.float64)
        self._rng = np.random.default_rng()

    def seed(self, seed: int | None = None) -> None:
        """Seed the samples."""
        self._rng = np.random.default_rng(seed)

    def sample(self) -> NDArray[np.float64]:
        """Draw an array uniformly."""
        return self._rng.uniform(self.low, self.high, self.shape)

    def contains(self, x: Any) -> bool:
        """Return whether ``x`` is an array of this shape within the bounds."""
        x = np.asarray(x)
        return x.shape == self.shape and bool(((x >= self.low) & (x <= self.high)).all())

    def __repr__(self) -> str:
        return f"Box({self.low:g}, {self.high:g}, {self.shape})"
