"""Digests: equal content has an equal text, other content another, whoever compares."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np


def digest(parts: Iterable[object]) -> str:
    """Hash arrays (format, shape and numbers) and words, in their order, to a short text.

    >>> digest([np.zeros(2)]) == digest([np.zeros(2)]) != digest([np.zeros((2, 1))])
    True
    """
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        if isinstance(part, np.ndarray):
            # (numbers one row after the other, in whatever layout they lie)
            found.update(f"{part.dtype.str} {part.shape} ".encode())
            found.update(np.ascontiguousarray(part).data)
        else:
            found.update(f"{part!r} ".encode())
    return found.hexdigest()


def of_file(path: Path) -> str:
    """Hash the bytes of a file to a short text.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
