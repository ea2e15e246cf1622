"""Which image goes into which split. Every choice is numpy's, seeded: torch's own state is not touched."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np

from corticalnet.checks import whole
from corticalnet.data.description import Pictures
from corticalnet.errors import DataError

# The seed of what must not depend on the user's seed: which images are for the test.
_FIXED = 20_000
TEST_FRACTION = 0.2


def select(pictures: Pictures, index: np.ndarray) -> Pictures:
    """Return the pictures that ``index`` (int [M]) names, in its order."""
    return Pictures(pictures.images[index], pictures.labels[index])


def hold_out(every: Pictures) -> tuple[Pictures, Pictures]:
    """Split at least 2 pictures that have no official test set into training and test, always alike."""
    train, test = cut(len(every.labels))
    return select(every, train), select(every, test)


def cut(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Split the indices of at least 2 samples into training and test, always alike."""
    order = fixed_order(count)
    tests = max(1, round(TEST_FRACTION * count))
    # Sorted: what is in a split is random, its order is that of the source.
    return np.sort(order[tests:]), np.sort(order[:tests])


def fixed_order(count: int) -> np.ndarray:
    """Permute ``count`` indices, the same for every seed."""
    return np.random.default_rng(_FIXED).permutation(count)


def seeded_order(count: int, seed: int) -> np.ndarray:
    """Permute ``count`` indices by ``seed`` (a whole number from 0)."""
    return np.random.default_rng(whole("seed", seed, DataError, least=0)).permutation(count)


def validation_count(validation: float, count: int) -> int:
    """Convert a fraction (0 <= v < 1) of ``count`` training images, or a number, to a number.

    Raises DataError for anything else, or where no image would be left for training.
    """
    number = not isinstance(validation, bool) and isinstance(validation, Real)
    counts = number and isinstance(validation, Integral)
    if not number or not (0 <= validation < (count if counts else 1)):
        choices = f"a fraction from 0 to below 1, or a whole number below {count} (the training images)"
        raise DataError(f"validation must be {choices}, not {validation!r}")
    images = int(validation) if counts else round(float(validation) * count)
    return min(images, count - 1)
