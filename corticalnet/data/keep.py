"""Keep decoded arrays in an .npz beside their archive, so that only the first load is slow."""

from __future__ import annotations

import shutil
import warnings
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from corticalnet.data.description import Arrays, Pictures
from corticalnet.errors import OutputError
from corticalnet.store import replacing


def fingerprint(members: Iterable[tuple[str, int]]) -> str:
    """Return a text that changes with the names and checksums of an archive's members."""
    return f"{zlib.crc32(repr(sorted(members)).encode()):08x}"


def _beside(archive: Path) -> Path:
    return archive.with_suffix(".decoded.npz")


def store(archive: Path, print_of: str, arrays: Arrays) -> None:
    """Write ``arrays`` beside ``archive``, whole or not at all.

    Where the folder cannot be written to we warn and go on: the data are read, only not kept.
    """
    path = _beside(archive)
    try:
        with replacing(path) as file:
            np.savez(
                file,
                fingerprint=np.array(print_of),
                classes=np.array(arrays.classes),
                train_images=arrays.train.images,
                train_labels=arrays.train.labels,
                test_images=arrays.test.images,
                test_labels=arrays.test.labels,
            )
            shutil.copymode(archive, file.name)  # who may read the one may read the other
    except OutputError as error:
        message = f"the decoded images are not kept, and the next load is as slow: {error}"
        warnings.warn(message, stacklevel=2)


def restore(archive: Path, print_of: str) -> Arrays | None:
    """Return what :func:`store` kept for the same archive; None where there is nothing sound.

    Pickles are never loaded. A damaged or foreign file only means that the archive is read again,
    hence the broad clause.
    """
    path = _beside(archive)
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            if str(kept["fingerprint"]) != print_of:
                return None
            train = Pictures(kept["train_images"], kept["train_labels"])
            test = Pictures(kept["test_images"], kept["test_labels"])
            return Arrays(train, test, tuple(str(name) for name in kept["classes"]))
    except Exception:
        return None
