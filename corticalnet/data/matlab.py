"""Arrays of numbers in MATLAB v5 files, and nothing else of that format: no cells, structures or objects.

The file says how long everything is; here every length is compared with what may be there before memory is
taken, and what is compressed is unpacked up to that length and no further.
Format: MathWorks, MAT-File Format, version 5, chapter 1.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from corticalnet.data.archive import reading
from corticalnet.errors import DataError

_MATRIX, _COMPRESSED = 14, 15
#: Types of data elements that hold numbers.
_TYPES = (1, 2, 3, 4, 5, 6, 7, 9, 12, 13)
_NUMBERS = dict(zip(_TYPES, ("i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8", "i8", "u8"), strict=True))
#: Classes of arrays of numbers: an array of doubles may be stored as bytes, if they are whole.
_FORMS = ("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")
_CLASSES = dict(zip(range(6, 16), _FORMS, strict=True))
_COMPLEX = 0x0800
_MOST_VARIABLES, _LONGEST_DESCRIPTION = 1000, 256
_CHUNK = 1 << 20


class _Part:
    """The next ``left`` bytes of a file."""

    def __init__(self, file: BinaryIO, left: int) -> None:
        self._file, self.left = file, left

    def read(self, size: int) -> bytes:
        content = self._file.read(size) if size <= self.left else b""
        if len(content) < size:
            raise ValueError("it ends too early")
        self.left -= size
        return content

    def finish(self) -> None:
        """Do nothing: what follows is of no interest."""


class _Inflated:
    """What a part holds in compressed form; no more is unpacked than is asked for."""

    def __init__(self, part: _Part) -> None:
        self._part, self._waiting, self._zlib = part, b"", zlib.decompressobj()

    def read(self, size: int) -> bytes:
        content = bytearray()
        while len(content) < size:
            content += self._some(size - len(content))
        return bytes(content)

    def finish(self) -> None:
        """Check that nothing follows, and that the checksum at the end is right."""
        while not self._zlib.eof:
            if self._some(1):
                raise ValueError("its compressed data go on after their end")

    def _some(self, most: int) -> bytes:
        waiting = self._waiting or self._part.read(min(_CHUNK, self._part.left))
        if self._zlib.eof or not waiting:
            raise ValueError("it ends too early")
        content = self._zlib.decompress(waiting, most)
        self._waiting = self._zlib.unconsumed_tail
        return content


@dataclass(frozen=True)
class _Reader:
    """Reads data elements of a matrix, in the byte ``order`` of the file ("<" or ">")."""

    source: _Part | _Inflated
    order: str

    def numbers(self, form: str) -> tuple[int, ...]:
        return struct.unpack(self.order + form, self.source.read(struct.calcsize(self.order + form)))

    def tag(self) -> tuple[int, int, bytes | None]:
        """Read type and length of the next element, and its content if it is in the tag itself."""
        (word,) = self.numbers("I")
        if word >> 16:
            return word & 0xFFFF, word >> 16, self.source.read(4)[: word >> 16]
        return word, self.numbers("I")[0], None

    def content(self, length: int) -> bytes:
        """Read the content after a tag; elements begin at multiples of 8 bytes."""
        content = self.source.read(length)
        self.source.read(-length % 8)
        return content

    def description(self) -> bytes:
        """Read a short element: the flags, dimensions or name of an array."""
        _, length, content = self.tag()
        if length > _LONGEST_DESCRIPTION:
            raise ValueError(f"it describes an array in {length} bytes")
        return self.content(length) if content is None else content


def arrays(path: Path, wanted: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Read the ``wanted`` variables, each of at most so many bytes; others are not unpacked.

    Raises:
        DataError: the file is no MATLAB v5 file, damaged or cut short, or a variable is too large or does
            not hold real numbers.
    """
    found: dict[str, np.ndarray] = {}
    with reading(path, "MATLAB v5"), path.open("rb") as file:
        size = path.stat().st_size
        header = file.read(128)
        order = {b"IM": "<", b"MI": ">"}.get(header[126:])
        if order is None or struct.unpack(order + "H", header[124:126]) != (0x0100,):
            raise ValueError("its header is of another format or version")
        for _ in range(_MOST_VARIABLES):
            if file.tell() == size:
                return found
            kind, length = _Reader(_Part(file, 8), order).numbers("II")
            end = file.tell() + length
            if end > size:
                raise ValueError("it ends too early")
            reader = _Reader(_Part(file, length), order)
            if kind == _COMPRESSED:
                reader = _Reader(_Inflated(_Part(file, length)), order)
                kind, _ = reader.numbers("II")
            if kind == _MATRIX:
                _variable(path, reader, wanted, found)
            file.seek(end)
    raise DataError(f"{path}: found more than {_MOST_VARIABLES} variables, expected {', '.join(wanted)}")


def _variable(path: Path, reader: _Reader, wanted: Mapping[str, int], found: dict[str, np.ndarray]) -> None:
    """Read an array into ``found`` if it is wanted."""
    flags = reader.description()
    dimensions = reader.description()
    name = reader.description().decode("latin-1")
    if name not in wanted:
        return
    (word,) = struct.unpack(reader.order + "I", flags[:4])
    shape = struct.unpack(f"{reader.order}{len(dimensions) // 4}i", dimensions)
    kind, length, content = reader.tag()
    if word & 0xFF not in _CLASSES or word & _COMPLEX or kind not in _NUMBERS:
        raise DataError(f"{path}: found {name} of MATLAB's class {word & 0xFF}, expected real numbers")
    stored = np.dtype(reader.order + _NUMBERS[kind])
    meant = np.dtype(_CLASSES[word & 0xFF])
    count = math.prod(shape)
    if min(shape, default=0) < 0 or length != count * stored.itemsize or name in found:
        raise ValueError(f"{name} has the sizes {shape} and {length} bytes, or is there twice")
    if max(length, count * meant.itemsize) > wanted[name]:
        raise DataError(f"{path}: found {name} of the sizes {shape}, expected at most {wanted[name]} bytes")
    content = reader.content(length) if content is None else content
    reader.source.finish()
    found[name] = np.frombuffer(content, stored).astype(meant, copy=False).reshape(shape, order="F")
