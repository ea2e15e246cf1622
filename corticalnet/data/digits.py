"""The 8×8 digits that come with scikit-learn: the set that is always there, network or not."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from corticalnet.data.description import Arrays, Pictures
from corticalnet.data.order import hold_out


def folder() -> str:
    """Return where the set lies: in scikit-learn, which is not imported for that."""
    package = find_spec("sklearn")
    parts = list(package.submodule_search_locations or []) if package else []
    return str(Path(*parts[:1], "datasets", "data"))


def read(folder: Path) -> Arrays:
    """Return scikit-learn's 1797 digits, pixels from 0 to 16; ``folder`` is not looked at.

    There is no official test set: a fixed fifth is the test set, the same for every seed.
    """
    from sklearn.datasets import load_digits  # slow to import, needed only here

    bunch = load_digits()
    every = Pictures(bunch.images.astype(np.uint8)[:, None], bunch.target.astype(np.int64))
    train, test = hold_out(every)
    return Arrays(train, test, tuple(str(name) for name in bunch.target_names))
