"""Read named members of archives into memory: nothing is unpacked to disk, no length is trusted."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from corticalnet.errors import CorticalnetError, DataError

# No member of any set we read is near this size; a header that says more is corrupt or hostile.
LARGEST = 2**30


@contextmanager
def reading(path: Path | str, kind: str) -> Iterator[None]:
    """Turn whatever a parser raises on a bad file into one DataError that names ``path`` and ``kind``.

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


def gunzip(path: Path) -> bytes:
    """Return the content of a gzip file, with its checksum verified; DataError if unsound or too large."""
    with reading(path, "gzip"), gzip.open(path) as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise DataError(f"{path}: found more than {LARGEST} bytes when unpacked, expected at most that")
    return content


def untar(path: Path, wanted: frozenset[str]) -> dict[str, bytes]:
    """Return the ``wanted`` members (by their exact names) of a tar.gz; all other members are ignored.

    Raises DataError when one is missing, doubled, no regular file or too large, or when the archive
    is corrupt or cut short.
    """
    found: dict[str, bytes] = {}
    with reading(path, "tar.gz"), gzip.open(path) as packed:
        with tarfile.open(fileobj=packed, mode="r:") as tar:
            for member in tar:
                if member.name in wanted:
                    if member.name in found:
                        raise DataError(f"{path}: found {member.name} twice, expected it once")
                    found[member.name] = _member(path, tar, member)
        # tarfile stops at the end mark; only gzip's last bytes tell whether what we read is sound.
        while packed.read(1 << 20):
            pass
    missing = sorted(wanted - found.keys())
    if missing:
        raise DataError(f"{path}: expected the member {missing[0]}, found none of that name")
    return found


def _member(path: Path, tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if not member.isreg() or member.size > LARGEST:
        raise DataError(f"{path}: {member.name} is no regular file of at most {LARGEST} bytes")
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
    with reading(name, "image"), _open(content) as image:
        if image.size != size:
            raise DataError(f"{name}: found an image of {_by(image.size)} pixels, expected {_by(size)}")
        with _open(content) as twin:  # verify() uses the image up, but only it compares PNG's checksums
            twin.verify()
        # A palette with transparency has to pass through RGBA, or pillow warns of it.
        plain = image.convert("RGBA") if image.mode in ("P", "PA") else image
        pixels = np.asarray(plain.convert(mode))
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _open(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content), formats=["PNG", "JPEG"])


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"
