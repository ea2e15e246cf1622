"""Getting a data set: fetch its files, and load it in three splits."""

from __future__ import annotations

from numbers import Integral
from pathlib import Path

import numpy as np
import torch

from corticalnet.data import files, image_folder
from corticalnet.data.catalogue import CATALOGUE, find
from corticalnet.data.description import Arrays, Dataset, Pictures
from corticalnet.data.download import download
from corticalnet.data.order import fixed_order, seeded_order, select, validation_count
from corticalnet.data.split import Data, Device, Split, place
from corticalnet.errors import DataError
from corticalnet.store import expanded


def fetch(name: str, folder: str | Path | None = None, progress: bool = True) -> Path:
    """Download the files of a set unless they are on this machine; return their folder.

    Downloads what is missing to ``folder``; without one, to the cache ($CORTICALNET_DATA or the user's
    cache folder), unless a system folder has the set already. Raises DataError when that cannot be
    done. Sets that have nothing to download are where they are.
    """
    dataset = find(name)
    if not dataset.archives and dataset.where is not None:
        return Path(dataset.where)
    if folder is not None:
        return download(dataset, expanded(folder), progress)
    system = [Path(place) for place in dataset.places if not files.missing(dataset, Path(place))]
    return system[0] if system else download(dataset, files.cache(dataset), progress)


def _locate(dataset: Dataset, folder: str | Path | None) -> Path:
    """Find the folder that has the set's files, after a download where there is none."""
    if not dataset.archives:
        return Path()
    if folder is not None:
        return files.given(dataset, folder)
    return files.find(dataset) or fetch(dataset.name)


def _verify(dataset: Dataset, folder: Path) -> None:
    """Compare checksums: a file in our cache must be the published one, a user's own need not be.

    Yet nowhere may it be another set's: MNIST and Fashion-MNIST use the same file names.
    """
    for archive in dataset.archives:
        path = folder / archive.name
        found = files.md5(path)
        if found in archive.checksums:
            continue
        for other in CATALOGUE.values():
            if any(found in each.checksums for each in other.archives):
                raise DataError(f"{path}: found a file of {other.name}, expected {dataset.name}'s")
        if folder == files.cache(dataset):
            again = f"`corticalnet data fetch {dataset.name}` fetches it again"
            raise DataError(f"{path}: found md5 {found}, expected {archive.md5}; {again}")


def _split(pictures: Pictures, order: np.ndarray, scale: float, limit: int | None) -> Split:
    chosen = select(pictures, order[:limit])
    return Split(torch.from_numpy(chosen.images), torch.from_numpy(chosen.labels), scale)


def _assemble(dataset: Dataset, arrays: Arrays, validation: float, seed: int, limit: int | None) -> Data:
    order = seeded_order(len(arrays.train.labels), seed)
    held = validation_count(validation, len(order))
    return Data(
        name=dataset.name,
        shape=dataset.shape,
        classes=arrays.classes,
        train=_split(arrays.train, order[held:], dataset.scale, limit),
        validation=_split(arrays.train, order[:held], dataset.scale, limit),
        test=_split(arrays.test, fixed_order(len(arrays.test.labels)), dataset.scale, limit),
    )


def load(
    name: str,
    folder: str | Path | None = None,
    validation: float = 0.1,
    seed: int = 0,
    device: Device = "cpu",
    limit: int | None = None,
) -> Data:
    """Load a data set, all of it, as uint8 tensors on ``device``.

    The files are looked for in ``folder`` alone where one is given; otherwise in system folders, then
    in the cache, and at last they are downloaded to the cache. ``validation`` is a fraction (from 0 to
    below 1) or a number of images, taken from the official training set by a permutation that depends
    on ``seed`` only; the official test set is never mixed in, and its order is the same for every
    seed. (digits and undivided image folders have no official test set: a fixed 20 %, whatever the
    seed, is held out.) ``limit`` keeps the first images of each split after the permutation.

    Raises DataError for an unknown name, a missing or unsound file, and impossible settings.
    """
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, Integral) or limit < 1):
        raise DataError(f"limit must be a whole number from 1, or None, not {limit!r}")
    if folder is not None and name.startswith(image_folder.PREFIX):
        raise DataError(f"'{name}' names its folder already; leave out folder={str(folder)!r}")
    # A bad seed or device is told before, not after, a long read.
    seeded_order(0, seed)
    place(torch.empty(0), device)
    dataset = find(name)
    where = _locate(dataset, folder)
    _verify(dataset, where)
    data = _assemble(dataset, dataset.read(where), validation, seed, limit)
    return data.to(device)
