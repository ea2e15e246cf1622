"""What a data set is: a description (names, archives, checksums) and a function that reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from corticalnet.errors import DataError

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Archive:
    """One published file: ``name``, the ``url`` it is fetched from, ``size`` in bytes and ``md5``.

    ``also`` holds the checksums of the same content packed by others (a distribution that
    compresses again gets another file, yet the same images).
    """

    name: str
    url: str
    size: int
    md5: str
    also: tuple[str, ...] = ()

    @property
    def checksums(self) -> tuple[str, ...]:
        """Return every md5 that the file is known to have."""
        return (self.md5, *self.also)


@dataclass(frozen=True)
class Pictures:
    """Images as numpy has them: ``images`` uint8 [N, C, H, W] and ``labels`` int64 [N]."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Arrays:
    """What a reader returns: the training and test pictures, and the name of each class."""

    train: Pictures
    test: Pictures
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Dataset:
    """The description of a data set.

    ``shape`` is (C, H, W), ``classes`` the number of classes, ``images`` and ``download`` say in
    words how many images there are and how much is to be downloaded, ``scale`` is the value of a
    full-bright pixel. ``read`` turns the folder that holds the ``archives`` into :class:`Arrays`;
    ``places`` are system folders to look in before the cache. ``where`` is filled in by
    :func:`corticalnet.data.describe`: the place that has the set now, or None.
    """

    name: str
    title: str
    shape: Shape
    classes: int
    images: str
    licence: str
    citation: str
    source: str
    read: Callable[[Path], Arrays] = field(repr=False)
    archives: tuple[Archive, ...] = field(default=(), repr=False)
    places: tuple[str, ...] = ()
    package: str | None = None
    download: str = "nothing"
    scale: float = 255.0
    where: str | None = None

    @property
    def available(self) -> bool:
        """Return whether the set can be loaded now without a network (its files are there)."""
        return self.where is not None

    @property
    def help(self) -> str:
        """Describe how to get the files, as a clause for an error message."""
        text = f"get them with `corticalnet data fetch {self.name}`"
        return f"{text} or Debian's package {self.package}" if self.package else text


def pictures(path: Path, images: np.ndarray, labels: np.ndarray, shape: Shape, classes: int) -> Pictures:
    """Check that images and labels read from ``path`` fit together; return them as Pictures.

    ``images`` is uint8 [N, C, H, W] and ``labels`` any integers [N]. Raises DataError when there is
    none, when the counts or the image ``shape`` differ, or when a label is not in 0..``classes``-1.
    """
    if len(images) != len(labels):
        raise DataError(f"{path}: found {len(images)} images but {len(labels)} labels, expected as many")
    if not len(images):
        raise DataError(f"{path}: found no images, expected at least one")
    if images.shape[1:] != shape:
        raise DataError(f"{path}: found images of shape {images.shape[1:]}, expected {shape}")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        bad = low if low < 0 else high
        raise DataError(f"{path}: found label {bad}, expected labels from 0 to {classes - 1}")
    return Pictures(np.ascontiguousarray(images), labels.astype(np.int64))
