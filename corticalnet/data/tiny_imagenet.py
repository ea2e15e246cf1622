"""Tiny ImageNet: 200 classes of 64×64 JPEGs in one zip (http://cs231n.stanford.edu/tiny-imagenet-200.zip).

Decoding 110,000 JPEGs takes a minute or more, so the arrays are kept beside the archive. The labels
of the challenge's own test images were never published: its validation images are our test split.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from corticalnet.data import keep
from corticalnet.data.archive import LARGEST, picture, reading, room
from corticalnet.data.description import Arrays, Pictures, pictures
from corticalnet.errors import DataError
from corticalnet.progress import Bars, bars

ARCHIVE = "tiny-imagenet-200.zip"
CLASSES = 200
SHAPE = (3, 64, 64)
_ROOT = "tiny-imagenet-200/"
_TRAIN = re.compile(rf"{_ROOT}train/(n\d+)/images/[^/]+\.JPEG")
# words.txt, the largest, has under 3 MB; an image about 2 kB. More is corrupt or hostile.
_LARGEST = 16 * 2**20
_MOST_IMAGES = 200_000
# Other methods take as much memory as a member says.
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

Labelled = list[tuple[str, str]]


def _content(file: zipfile.ZipFile, path: Path, name: str) -> bytes:
    """Read one member; zipfile itself compares its length and checksum."""
    try:
        info = file.getinfo(name)
    except KeyError:
        raise DataError(f"{path}: expected the member {name}, found none of that name") from None
    if info.file_size > _LARGEST:
        raise DataError(f"{path}: {name} has {info.file_size} bytes, expected at most {_LARGEST}")
    if info.compress_type not in _PACKED:
        raise DataError(f"{path}: {name} is compressed by method {info.compress_type}, expected deflate")
    with reading(f"{path}/{name}", "zip member"):
        return file.read(info)


def _lines(file: zipfile.ZipFile, path: Path, name: str) -> Iterator[list[str]]:
    """Yield the fields, cut at tabs, of each line that has something in it."""
    text = _content(file, path, _ROOT + name).decode("utf-8", errors="replace")
    return (line.split("\t") for line in text.splitlines() if line.strip())


def _wnids(file: zipfile.ZipFile, path: Path) -> tuple[str, ...]:
    """Read the classes' WordNet ids, sorted: an order that no file system can change."""
    wnids = tuple(sorted({fields[0].strip() for fields in _lines(file, path, "wnids.txt")}))
    if len(wnids) != CLASSES:
        raise DataError(f"{path}/{_ROOT}wnids.txt: found {len(wnids)} classes, expected {CLASSES}")
    return wnids


def _names(file: zipfile.ZipFile, path: Path, wnids: tuple[str, ...]) -> tuple[str, ...]:
    """Read each class's first word (of "goldfish, Carassius auratus"); all where two share the first."""
    words = {fields[0]: fields[-1].strip() for fields in _lines(file, path, "words.txt")}
    absent = [wnid for wnid in wnids if wnid not in words]
    if absent:
        raise DataError(f"{path}/{_ROOT}words.txt: expected a line for {absent[0]}, found none")
    first = Counter(words[wnid].split(",")[0] for wnid in wnids)
    return tuple(short if first[short := words[wnid].split(",")[0]] == 1 else words[wnid] for wnid in wnids)


def _train_members(file: zipfile.ZipFile) -> Labelled:
    """List (member, wnid) of every training image, sorted by member."""
    matches = (_TRAIN.fullmatch(name) for name in sorted(set(file.namelist())))
    return [(match[0], match[1]) for match in matches if match]


def _test_members(file: zipfile.ZipFile, path: Path) -> Labelled:
    """List (member, wnid) of every image that val_annotations.txt names, in its order."""
    members = []
    for fields in _lines(file, path, "val/val_annotations.txt"):
        if len(fields) < 2:
            where = f"{path}/{_ROOT}val/val_annotations.txt"
            raise DataError(f"{where}: found the line {fields[0]!r}, expected an image, a tab and a class")
        members.append((f"{_ROOT}val/images/{fields[0]}", fields[1]))
    return members


def _decode(
    file: zipfile.ZipFile, path: Path, members: Labelled, wnids: tuple[str, ...], shown: Bars
) -> Pictures:
    numbers = {wnid: number for number, wnid in enumerate(wnids)}
    if len(members) > _MOST_IMAGES:
        raise DataError(f"{path}: found {len(members)} images, expected at most {_MOST_IMAGES}")
    images = room(path, len(members), SHAPE)
    labels = np.empty(len(members), dtype=np.int64)
    for i, (name, wnid) in enumerate(shown.track(members, description="Reading Tiny ImageNet")):
        if wnid not in numbers:
            raise DataError(f"{path}: {name} is of class {wnid}, expected one that wnids.txt lists")
        images[i] = picture(_content(file, path, name), f"{path}/{name}", "RGB", SHAPE[:0:-1])
        labels[i] = numbers[wnid]
    return pictures(path, images, labels, SHAPE, len(wnids))


def _read_zip(file: zipfile.ZipFile, path: Path) -> Arrays:
    wnids = _wnids(file, path)
    names = _names(file, path, wnids)
    with bars() as shown:
        train = _decode(file, path, _train_members(file), wnids, shown)
        test = _decode(file, path, _test_members(file, path), wnids, shown)
    return Arrays(train, test, names)


def read(folder: Path) -> Arrays:
    """Read the zip, or what an earlier read kept of the same zip; raises DataError naming a bad member."""
    path = folder / ARCHIVE
    with reading(path, "zip"):
        if (size := path.stat().st_size) > LARGEST:
            raise DataError(f"{path}: found {size} bytes, expected at most {LARGEST}")
        opened = zipfile.ZipFile(path)
    with opened as file:
        kept = keep.restore(path, SHAPE, CLASSES)
        if kept is None:
            kept = _read_zip(file, path)
            keep.store(path, kept)
    return kept
