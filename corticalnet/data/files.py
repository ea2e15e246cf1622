"""Where the files of a data set lie: the user's folder, well-known system folders, the cache."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pooch

from corticalnet.data.description import Archive, Dataset
from corticalnet.errors import DataError
from corticalnet.store import expanded

VARIABLE = "CORTICALNET_DATA"


def cache(dataset: Dataset) -> Path:
    """Return the set's folder in the cache: below $CORTICALNET_DATA, else the user's cache folder."""
    root = os.environ.get(VARIABLE) or pooch.os_cache("corticalnet")
    return expanded(root) / dataset.name


def missing(dataset: Dataset, folder: Path) -> list[str]:
    """Return the names of the archives that are not in ``folder``."""
    return [archive.name for archive in dataset.archives if not os.path.isfile(folder / archive.name)]


def find(dataset: Dataset) -> Path | None:
    """Find the first place (system folders, then the cache) that has every archive; None if there is none."""
    for place in (*(Path(place) for place in dataset.places), cache(dataset)):
        if not missing(dataset, place):
            return place
    return None


def given(dataset: Dataset, folder: str | Path) -> Path:
    """Check that ``folder`` has all of the set's archives; return it as a path."""
    path = expanded(folder)
    absent = missing(dataset, path)
    if absent:
        looked = ", ".join(absent)
        found = f"found no {looked} there" if os.path.isdir(path) else f"no such folder (looked for {looked})"
        raise DataError(f"{dataset.name} is not in {path}: {found}; {dataset.help}")
    return path


def md5(path: Path) -> str:
    """Compute the md5 of a file, against accidents and mix-ups (it is no defence against forgery)."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def sound(path: Path, archive: Archive) -> bool:
    """Return whether ``path`` is there and has one of the archive's known checksums."""
    return os.path.isfile(path) and md5(path) in archive.checksums
