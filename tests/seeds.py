"""Other seeds for the whole suite: a test whose verdict hangs on one seed shows itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def shifted(by: int) -> Iterator[None]:
    """While it lasts, whoever seeds torch or NumPy with n (tests, networks, noise) gets n + ``by``."""
    manual_seed, generator, default_rng = torch.manual_seed, torch.Generator, np.random.default_rng

    class Generator(generator):  # type: ignore[misc, valid-type]
        def manual_seed(self, seed):
            return super().manual_seed(seed + by)

    def numbers(seed=None):
        if isinstance(seed, list | tuple):
            return default_rng([seed[0] + by, *seed[1:]])
        return default_rng(seed + by if isinstance(seed, int | np.integer) else seed)

    torch.manual_seed = lambda seed: manual_seed(seed + by)
    torch.Generator, np.random.default_rng = Generator, numbers
    try:
        yield
    finally:
        torch.manual_seed, torch.Generator, np.random.default_rng = manual_seed, generator, default_rng
