"""The idx format of MNIST and its kin: a big-endian header (magic, sizes), then bytes.

Described at the foot of LeCun's page, http://yann.lecun.com/exdb/mnist/ (kept by web archives).
"""

from __future__ import annotations

import gzip
import math
import struct
from pathlib import Path

import numpy as np

from corticalnet.data import archive
from corticalnet.data.description import Arrays, Pictures, pictures
from corticalnet.errors import DataError

FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
_UNSIGNED_BYTE = 0x08
#: So many bytes beyond the end that the header announces are counted, to say how many there are.
_LOOK_FURTHER = 1 << 16


def decode(path: Path, image: tuple[int, ...]) -> np.ndarray:
    """Read a gzipped idx file of unsigned bytes: any number of images of that shape (() for labels).

    The header is read before the rest is unpacked. Raises DataError naming ``path`` when its magic number,
    its sizes or the length of what follows is not what it should be.
    """
    dimensions = 1 + len(image)
    start = 4 + 4 * dimensions
    with archive.reading(path, "gzip"), gzip.open(path) as file:
        header = file.read(start)
        magic = header[:4].hex()
        expected = bytes([0, 0, _UNSIGNED_BYTE, dimensions]).hex()
        if magic != expected:
            raise DataError(f"{path}: found the magic number {magic or 'none'}, expected {expected} (idx)")
        if len(header) < start:
            raise DataError(f"{path}: found {len(header)} bytes, expected an idx header of {start}")
        shape = struct.unpack(f">{dimensions}I", header[4:])
        size = math.prod(shape)
        if shape[1:] != image:
            raise DataError(f"{path}: found images of {shape[1:]}, expected {image}")
        if size > archive.LARGEST:
            raise DataError(f"{path}: found {size} bytes announced, expected at most {archive.LARGEST}")
        content = file.read(size + _LOOK_FURTHER)
    if len(content) != size:
        found = f"{start + len(content)} bytes" + " or more" * (len(content) == size + _LOOK_FURTHER)
        raise DataError(f"{path}: found {found}, expected {start + size} for the sizes {shape}")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _pair(folder: Path, images: str, labels: str, classes: int) -> Pictures:
    pixels = decode(folder / images, (28, 28))
    numbers = decode(folder / labels, ())
    if len(pixels) != len(numbers):
        found = f"{len(pixels)} images but {labels} has {len(numbers)} labels"
        raise DataError(f"{folder / images}: found {found}, expected as many")
    return pictures(folder / labels, pixels[:, None], numbers, (1, 28, 28), classes)


def read(folder: Path, classes: tuple[str, ...]) -> Arrays:
    """Read the four files of MNIST's layout; raises DataError naming the one that is unsound."""
    train = _pair(folder, FILES[0], FILES[1], len(classes))
    test = _pair(folder, FILES[2], FILES[3], len(classes))
    return Arrays(train, test, classes)
