"""Reading: regular files only, so that nobody waits for a pipe or reads a device without end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_whole(path: str | Path) -> bytes:
    """All bytes of a file.

    Raises:
        OSError: it cannot be read, or is a folder, a pipe or a device.
    """
    with open(path, "rb", opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return file.read()
