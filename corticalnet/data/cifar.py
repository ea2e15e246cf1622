"""CIFAR-10 and CIFAR-100, binary version: fixed-length records in a tar.gz.

The python version is a pickle, which can run any code when it is read; we never open it.
Format: https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from corticalnet.data.archive import untar
from corticalnet.data.description import Arrays, Pictures, pictures
from corticalnet.errors import DataError

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32
_MOST_RECORDS, _LONGEST_NAMES = 60_000, 2**16


@dataclass(frozen=True)
class RecordLayout:
    """Where things lie: the ``archive``, its members, and how many ``label_bytes`` open a record.

    The last label byte is the one we use (CIFAR-100 has a coarse label, then the fine one).
    """

    archive: str
    train: tuple[str, ...]
    test: str
    names: str
    label_bytes: int
    classes: int


_TEN = "cifar-10-batches-bin"
_HUNDRED = "cifar-100-binary"
CIFAR10 = RecordLayout(
    archive="cifar-10-binary.tar.gz",
    train=tuple(f"{_TEN}/data_batch_{i}.bin" for i in range(1, 6)),
    test=f"{_TEN}/test_batch.bin",
    names=f"{_TEN}/batches.meta.txt",
    label_bytes=1,
    classes=10,
)
CIFAR100 = RecordLayout(
    archive="cifar-100-binary.tar.gz",
    train=(f"{_HUNDRED}/train.bin",),
    test=f"{_HUNDRED}/test.bin",
    names=f"{_HUNDRED}/fine_label_names.txt",
    label_bytes=2,
    classes=100,
)


def _records(content: bytes, path: Path, layout: RecordLayout) -> Pictures:
    size = layout.label_bytes + PIXELS
    if not content or len(content) % size:
        raise DataError(f"{path}: found {len(content)} bytes, expected a multiple of {size}")
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, size)
    images = records[:, layout.label_bytes :].reshape(-1, *SHAPE)
    return pictures(path, images, records[:, layout.label_bytes - 1], SHAPE, layout.classes)


def _names(content: bytes, path: Path, count: int) -> tuple[str, ...]:
    names = tuple(content.decode("ascii", errors="replace").split())
    if len(names) != count:
        raise DataError(f"{path}: found {len(names)} class names, expected {count}")
    return names


def read(folder: Path, layout: RecordLayout) -> Arrays:
    """Read the archive that ``layout`` describes; raises DataError naming the unsound member."""
    path = folder / layout.archive
    batches = dict.fromkeys((*layout.train, layout.test), _MOST_RECORDS * (layout.label_bytes + PIXELS))
    members = untar(path, batches | {layout.names: _LONGEST_NAMES})
    parts = [_records(members[name], path / name, layout) for name in layout.train]
    train = Pictures(
        np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts])
    )
    test = _records(members[layout.test], path / layout.test, layout)
    return Arrays(train, test, _names(members[layout.names], path / layout.names, layout.classes))
