"""Keep decoded arrays in an .npz beside their archive, so that only the first load is slow."""

from __future__ import annotations

import shutil
import warnings
import zipfile
from pathlib import Path

import numpy as np

from corticalnet.data.description import Arrays, Pictures, Shape, pictures
from corticalnet.data.digest import digest, of_file
from corticalnet.errors import OutputError
from corticalnet.store import replacing


def _beside(archive: Path) -> Path:
    return archive.with_suffix(".decoded.npz")


def _content(arrays: Arrays) -> str:
    train, test = arrays.train, arrays.test
    return digest([*arrays.classes, train.images, train.labels, test.images, test.labels])


def store(archive: Path, arrays: Arrays) -> None:
    """Write ``arrays`` beside ``archive``, whole or not at all, with digests of both.

    Where the folder cannot be written to we warn and go on: the data are read, only not kept.
    """
    path = _beside(archive)
    try:
        with replacing(path) as file:
            np.savez(
                file,
                archive=np.array(of_file(archive)),
                content=np.array(_content(arrays)),
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


def restore(archive: Path, shape: Shape, classes: int) -> Arrays | None:
    """Restore what :func:`store` kept for the same archive; None where there is nothing sound.

    Pickles are never loaded, and nothing is unpacked that is larger than its file. What is damaged, changed
    by others, of another archive, or not of images of this ``shape`` in so many ``classes`` only means that
    the archive is read again, hence the broad clause.
    """
    path = _beside(archive)
    if not path.is_file():
        return None
    try:
        with zipfile.ZipFile(path) as packed:
            if any(member.compress_type != zipfile.ZIP_STORED for member in packed.infolist()):
                return None
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            if str(kept["archive"]) != of_file(archive):
                return None
            names = tuple(str(name) for name in kept["classes"])
            parts = [Pictures(kept[f"{part}_images"], kept[f"{part}_labels"]) for part in ("train", "test")]
            arrays = Arrays(parts[0], parts[1], names)
            if str(kept["content"]) != _content(arrays) or len(names) != classes:
                return None
        for part in parts:
            if part.images.dtype != np.uint8 or part.labels.dtype != np.int64:
                return None
            pictures(path, part.images, part.labels, shape, classes)
        return arrays
    except Exception:
        return None
