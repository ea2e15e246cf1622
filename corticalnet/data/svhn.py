"""Street View House Numbers, cropped digits: MATLAB v5 files (http://ufldl.stanford.edu/housenumbers/)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from corticalnet.data.archive import LARGEST
from corticalnet.data.description import Arrays, Pictures, pictures
from corticalnet.data.matlab import arrays
from corticalnet.errors import DataError

TRAIN = "train_32x32.mat"
TEST = "test_32x32.mat"
PIXELS = 3 * 32 * 32
CLASSES = tuple(str(digit) for digit in range(10))


def _variables(path: Path) -> tuple[np.ndarray, np.ndarray]:
    content = arrays(path, {"X": LARGEST, "y": LARGEST // PIXELS})
    absent = [name for name in ("X", "y") if name not in content]
    if absent:
        raise DataError(f"{path}: expected the variables X and y, found no {' and no '.join(absent)}")
    return content["X"], content["y"]


def _digits(path: Path) -> Pictures:
    images, labels = _variables(path)
    if images.dtype != np.uint8 or images.ndim != 4:
        raise DataError(f"{path}: found X of {images.dtype} {images.shape}, expected uint8 (32, 32, 3, N)")
    if labels.dtype.kind not in "iuf" or labels.size != images.shape[3]:
        found = f"{labels.dtype} {labels.shape}"
        raise DataError(f"{path}: found y of {found}, expected {images.shape[3]} numbers, one per image")
    sound = np.isin(labels, range(1, 11))
    if not sound.all():
        bad = labels[~sound][0]
        raise DataError(f"{path}: found label {bad}, expected labels from 1 to 10 (10 is the digit 0)")
    return pictures(
        path, images.transpose(3, 2, 0, 1), labels.ravel().astype(np.int64) % 10, (3, 32, 32), len(CLASSES)
    )


def read(folder: Path) -> Arrays:
    """Read both files, with the digit 0 (label 10 there) as class 0; raises DataError for a bad one."""
    return Arrays(_digits(folder / TRAIN), _digits(folder / TEST), CLASSES)
