"""Read named members of archives into memory: nothing is unpacked to disk, no length is trusted."""

from __future__ import annotations

import gzip
import io
import math
import tarfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from corticalnet.errors import CorticalnetError, DataError

# Unpacked, no set we read is near this size; a header that says more is corrupt or hostile.
LARGEST = 2**30
_MOST_MEMBERS = 1000  # CIFAR's archives have 8 and 5
# 4096×4096: no set of images that a network is trained on has larger ones.
MOST_PIXELS = 2**24


@contextmanager
def reading(path: Path | str, kind: str) -> Iterator[None]:
    """Convert whatever a parser raises on a bad file to one DataError that names ``path`` and ``kind``.

    Parsers of foreign formats fail in many ways (struct, zlib, EOF, key, memory ...), and none of
    them is a bug of ours: hence the broad clause, kept tight around the calls that parse.
    """
    try:
        yield
    except CorticalnetError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: not a sound {kind} file ({reason})") from error


class _Bounded:
    """What is unpacked from a gzip file, up to ``left`` bytes."""

    def __init__(self, file: gzip.GzipFile, left: int) -> None:
        self._file, self._left = file, left

    def read(self, size: int) -> bytes:
        content = self._file.read(min(size, self._left + 1))
        self._left -= len(content)
        if self._left < 0:
            raise ValueError("there is more in it than any set that we read has")
        return content


def untar(path: Path, wanted: Mapping[str, int]) -> dict[str, bytes]:
    """Read the ``wanted`` members (by their exact names) of a tar.gz; all other members are ignored.

    Each may have so many bytes as ``wanted`` says.

    Raises DataError when one is missing, doubled, no regular file or too large, or when the archive
    is corrupt or cut short.
    """
    found: dict[str, bytes] = {}
    with reading(path, "tar.gz"), gzip.open(path) as file:
        packed = _Bounded(file, LARGEST)
        with tarfile.open(fileobj=packed, mode="r|") as tar:  # type: ignore[call-overload]  # (it only reads)
            for number, member in enumerate(tar):
                if number == _MOST_MEMBERS:
                    raise DataError(f"{path}: found more than {_MOST_MEMBERS} members")
                if member.name in wanted:
                    if member.name in found:
                        raise DataError(f"{path}: found {member.name} twice, expected it once")
                    found[member.name] = _member(path, tar, member, wanted[member.name])
        # tarfile stops at the end mark; only gzip's last bytes tell whether what we read is sound.
        while packed.read(1 << 20):
            pass
    missing = sorted(wanted.keys() - found.keys())
    if missing:
        raise DataError(f"{path}: expected the member {missing[0]}, found none of that name")
    return found


def _member(path: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, most: int) -> bytes:
    if not member.isreg() or member.size > most:
        raise DataError(f"{path}: {member.name} is no regular file of at most {most} bytes")
    file = tar.extractfile(member)
    content = file.read() if file else b""
    if len(content) != member.size:
        raise DataError(f"{path}: {member.name} has {len(content)} bytes, expected {member.size}")
    return content


def picture(content: bytes, name: str, mode: str, size: tuple[int, int]) -> np.ndarray:
    """Decode a PNG or JPEG to uint8 [C, H, W].

    ``mode`` is "L" (one channel) or "RGB" (three; a grey image is repeated), ``size`` the (W, H)
    that it must have: it is checked before a pixel is decoded. Raises DataError naming ``name``.
    """
    with reading(name, "image"), opened(io.BytesIO(content)) as image:
        if image.size != size:
            raise DataError(f"{name}: found an image of {_by(image.size)} pixels, expected {_by(size)}")
        with opened(
            io.BytesIO(content)
        ) as twin:  # verify() uses the image up, but only it compares PNG's checksums
            twin.verify()
        # A palette with transparency has to pass through RGBA, or pillow warns of it.
        plain = image.convert("RGBA") if image.mode in ("P", "PA") else image
        pixels = np.asarray(plain.convert(mode))
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def opened(file: Path | BinaryIO) -> Image.Image:
    """Open a PNG or JPEG, of which only the header is read at first.

    ValueError if it says that the image is huge.
    """
    with warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning):
        image = Image.open(file, formats=["PNG", "JPEG"])
    if image.width * image.height > MOST_PIXELS:
        image.close()
        raise ValueError(f"it has {_by(image.size)} pixels; {MOST_PIXELS} are enough")
    return image


def room(path: Path, count: int, shape: tuple[int, int, int]) -> np.ndarray:
    """Allocate an array for so many images; DataError if there is no memory for it."""
    try:
        return np.empty((count, *shape), dtype=np.uint8)
    except (MemoryError, ValueError) as error:
        size = f"{count * math.prod(shape) / 2**30:.3g} GiB"
        raise DataError(f"{path}: {count} images of {shape} take {size}, more than there is") from error


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"
