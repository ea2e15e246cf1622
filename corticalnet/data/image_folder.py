"""A folder of one's own images: PATH/train/CLASS/*.png and PATH/test/CLASS/*.png (or .jpg, .jpeg).

Without train/ and test/ the classes are PATH/CLASS/ and a fixed fifth of the images is the test set.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from corticalnet.data.archive import opened, picture, reading, room
from corticalnet.data.description import Arrays, Dataset, Pictures, Shape, pictures
from corticalnet.data.order import hold_out
from corticalnet.errors import DataError
from corticalnet.progress import bars
from corticalnet.store import expanded, read_whole

PREFIX = "folder:"
_ENDINGS = (".png", ".jpg", ".jpeg")
_LARGEST = 2**27
_GREY = ("1", "L", "LA")
_COLOUR = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")


def _folders(path: Path) -> list[Path]:
    """List the class folders in ``path``, by name; hidden ones are no classes."""
    return sorted(entry for entry in _shown(path) if entry.is_dir())


def _images(folder: Path) -> list[Path]:
    files = sorted(file for file in _shown(folder) if file.suffix.lower() in _ENDINGS)
    for file in files:  # a sample that cannot be read is missed, not left out
        if not file.is_file():
            raise DataError(f"{file}: found no regular file, expected an image")
    return files


def _shown(folder: Path) -> Iterator[Path]:
    """Yield the contents of a folder, without hidden files (systems leave some beside images).

    Raises:
        DataError: it holds a link to nothing.
    """
    for entry in folder.iterdir():
        if not entry.name.startswith("."):
            if entry.is_symlink() and not entry.exists():
                raise DataError(f"{entry}: found a link to nothing, expected a class or an image")
            yield entry


def _parts(path: Path) -> list[Path]:
    """Return [train, test], or [path] where the folder is not cut in two."""
    if not path.is_dir():
        raise DataError(f"{path}: found no folder of images there")
    parts = [path / "train", path / "test"]
    there = [part for part in parts if part.is_dir()]
    if len(there) == 1:
        raise DataError(f"{path}: found {there[0].name}/ alone, expected both train/ and test/, or neither")
    return there or [path]


def _classes(path: Path, part: Path) -> tuple[str, ...]:
    folders = _folders(part)
    if not folders:
        raise DataError(f"{part}: found no class folders, expected {path}/train/CLASS or {path}/CLASS")
    for folder in folders:
        if not _images(folder):
            raise DataError(f"{folder}: found no images, expected files that end in {', '.join(_ENDINGS)}")
    return tuple(folder.name for folder in folders)


def _files(part: Path, classes: tuple[str, ...]) -> list[tuple[Path, int]]:
    """List (image, label) of each image in ``part``, by class and name."""
    strange = [folder.name for folder in _folders(part) if folder.name not in classes]
    if strange:
        raise DataError(f"{part}: found the class '{strange[0]}', expected only classes that train/ has")
    files = [(file, classes.index(folder.name)) for folder in _folders(part) for file in _images(folder)]
    if not files:
        raise DataError(f"{part}: found no images, expected files that end in {', '.join(_ENDINGS)}")
    return files


def _survey(files: list[Path]) -> Shape:
    """Determine from headers the shape (C, H, W) of all images: 1 channel if all are grey, else 3."""
    first: tuple[int, int] | None = None
    channels = 1
    for file in files:
        with reading(file, "image"), opened(file) as image:
            size, mode = image.size, image.mode
        if mode not in _GREY + _COLOUR:
            raise DataError(f"{file}: found pixels of mode {mode}, expected 8 bits per channel")
        first = first or size
        if size != first:
            found = f"{size[0]}×{size[1]} pixels, expected {first[0]}×{first[1]} as in {files[0]}"
            raise DataError(f"{file}: found {found}")
        channels = 3 if mode in _COLOUR else channels
    assert first is not None
    return channels, first[1], first[0]


def _decode(path: Path, files: list[tuple[Path, int]], shape: Shape, classes: int) -> Pictures:
    mode = "L" if shape[0] == 1 else "RGB"
    images = room(path, len(files), shape)
    with bars() as shown:
        for i, (file, _) in enumerate(shown.track(files, description="Reading images")):
            images[i] = picture(_bytes(file), str(file), mode, (shape[2], shape[1]))
    return pictures(path, images, np.array([label for _, label in files]), shape, classes)


def _bytes(file: Path) -> bytes:
    with reading(file, "image"):
        if (size := file.stat().st_size) > _LARGEST:
            raise ValueError(f"it has {size} bytes; {_LARGEST} are enough")
        return read_whole(file)


def _find(path: Path) -> tuple[tuple[str, ...], list[list[tuple[Path, int]]], Shape]:
    """Find the classes, the (image, label) lists of each part, and the images' shape."""
    try:
        parts = _parts(path)
        classes = _classes(path, parts[0])
        files = [_files(part, classes) for part in parts]
    except OSError as error:
        raise DataError(f"{path}: cannot list the images ({error.strerror})") from error
    return classes, files, _survey([file for part in files for file, _ in part])


def read(path: Path) -> Arrays:
    """Read the images below ``path``; classes are in the order of their sorted names.

    Raises DataError naming the first image that cannot be read or differs from the first in size.
    """
    classes, files, shape = _find(path)
    decoded = [_decode(path, part, shape, len(classes)) for part in files]
    if len(decoded) == 1 and len(decoded[0].labels) < 2:
        raise DataError(f"{path}: found 1 image, expected at least 2, to hold some out for the test")
    train, test = decoded if len(decoded) == 2 else hold_out(decoded[0])
    return Arrays(train, test, classes)


def describe(name: str) -> Dataset:
    """Describe "folder:PATH" as a data set; raises DataError where there is no such folder of images."""
    path = expanded(name.removeprefix(PREFIX))
    classes, files, shape = _find(path)
    counts = [f"{len(part)} {kind}" for part, kind in zip(files, ("training", "test"), strict=False)]
    return Dataset(
        name=name,
        title=f"images in {path}",
        shape=shape,
        classes=len(classes),
        images=" + ".join(counts) if len(counts) == 2 else f"{len(files[0])} (a fixed 20 % for the test)",
        licence="your own images",
        citation="",
        source=str(path),
        read=lambda _: read(path),
        where=str(path),
    )
