"""The 8×8 digits that come with scikit-learn: the set that is always there, network or not."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from corticalnet.data.archive import reading
from corticalnet.data.description import Arrays, pictures
from corticalnet.data.order import hold_out

FILE = "digits.csv.gz"
SHAPE = (1, 8, 8)


def folder() -> str:
    """Return the folder of the set within scikit-learn, which is not imported for that."""
    package = find_spec("sklearn")
    parts = list(package.submodule_search_locations or []) if package else []
    return str(Path(*parts[:1], "datasets", "data"))


def read(_: Path) -> Arrays:
    """Read scikit-learn's 1797 digits, pixels from 0 to 16; they are always in its :func:`folder`.

    There is no official test set: a fixed fifth is the test set, the same for every seed. The file is read as
    it lies there, since scikit-learn takes most of a second to import. Raises DataError for a bad file.
    """
    path = Path(folder(), FILE)
    with reading(path, "csv.gz"):
        table = np.loadtxt(path, delimiter=",", ndmin=2).astype(np.uint8)
        images = table[:, :-1].reshape(-1, *SHAPE)
    train, test = hold_out(pictures(path, images, table[:, -1], SHAPE, 10))
    return Arrays(train, test, tuple(str(digit) for digit in range(10)))
