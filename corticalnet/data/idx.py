"""The idx format of MNIST and its kin: a big-endian header (magic, sizes), then bytes.

Described at the foot of LeCun's page, http://yann.lecun.com/exdb/mnist/ (kept by web archives).
"""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np

from corticalnet.data.archive import gunzip
from corticalnet.data.description import Arrays, Pictures, pictures
from corticalnet.errors import DataError

FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
_UNSIGNED_BYTE = 0x08


def decode(content: bytes, path: Path, dimensions: int) -> np.ndarray:
    """Turn the bytes of an idx file of unsigned bytes into an array with ``dimensions`` axes.

    Raises DataError naming ``path`` when the magic number or the length is not what it should be.
    """
    magic = content[:4].hex()
    expected = bytes([0, 0, _UNSIGNED_BYTE, dimensions]).hex()
    if magic != expected:
        raise DataError(f"{path}: found the magic number {magic or 'none'}, expected {expected} (idx)")
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise DataError(f"{path}: found {len(content)} bytes, expected an idx header of {start}")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    size = start + math.prod(shape)
    if len(content) != size:
        raise DataError(f"{path}: found {len(content)} bytes, expected {size} for the sizes {shape}")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def _pair(folder: Path, images: str, labels: str, classes: int) -> Pictures:
    pixels = decode(gunzip(folder / images), folder / images, dimensions=3)
    numbers = decode(gunzip(folder / labels), folder / labels, dimensions=1)
    if len(pixels) != len(numbers):
        found = f"{len(pixels)} images but {labels} has {len(numbers)} labels"
        raise DataError(f"{folder / images}: found {found}, expected as many")
    if pixels.shape[1:] != (28, 28):
        raise DataError(f"{folder / images}: found images of {pixels.shape[1:]}, expected (28, 28)")
    return pictures(folder / labels, pixels[:, None], numbers, (1, 28, 28), classes)


def read(folder: Path, classes: tuple[str, ...]) -> Arrays:
    """Read the four files of MNIST's layout; raises DataError naming the one that is unsound."""
    train = _pair(folder, FILES[0], FILES[1], len(classes))
    test = _pair(folder, FILES[2], FILES[3], len(classes))
    return Arrays(train, test, classes)
