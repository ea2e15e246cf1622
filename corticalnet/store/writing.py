"""Writing: a process that is killed at any instant leaves the old file or the new one.

A file is written beside its place, under a name that nobody can foresee and that must not exist, flushed
to the disk and moved to its place in one step. A link at its place is replaced; what it points to stays.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from corticalnet.errors import CorticalnetError, OutputError

_UNFINISHED = re.compile(r"\.[0-9a-f]{16}\.part")


def _beside(folder: Path) -> Path:
    return folder / f".{secrets.token_hex(8)}.part"


@contextmanager
def replacing(path: str | Path, error: type[CorticalnetError] = OutputError) -> Iterator[BinaryIO]:
    """Open a new file that replaces ``path`` when the block ends, and only if it ends well.

    Args:
        path: the file's place; its folder must be there.
        error: what to raise.

    Yields:
        A binary file. Libraries that want a path may write to its ``name``.

    Raises:
        OutputError: (or ``error``) the disk or the folder says no; what was at ``path`` is still there.
    """
    path = Path(path)
    beside = _beside(path.parent)
    try:
        # "x" must make the file: it neither opens one that is there nor follows a link.
        with beside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as reason:
        raise error(f"cannot write {path}: {reason.strerror or reason}") from reason
    finally:
        with suppress(OSError):
            beside.unlink()


def write_whole(
    path: str | Path, content: bytes | memoryview | str, error: type[CorticalnetError] = OutputError
) -> None:
    """Write bytes, or text in UTF-8, to ``path`` atomically.

    Raises:
        OutputError: as :func:`replacing` does.
    """
    with replacing(path, error) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def write_json(
    path: str | Path, content: Any, error: type[CorticalnetError] = OutputError, indent: int | None = 2
) -> None:
    """Write JSON to ``path`` atomically; what JSON does not know is written as text.

    Raises:
        OutputError: as :func:`replacing` does.
    """
    text = json.dumps(content, indent=indent, default=str, ensure_ascii=False) + "\n"
    # A path may hold bytes that are no text; JSON has an escape for each.
    write_whole(path, text.encode(errors="backslashreplace"), error)


def remove(path: str | Path, error: type[CorticalnetError] = OutputError) -> None:
    """Remove a file, if it is there.

    Raises:
        OutputError: (or ``error``) the disk or the folder says no, or it is a folder.
    """
    try:
        Path(path).unlink(missing_ok=True)
    except OSError as reason:
        raise error(f"cannot remove {path}: {reason.strerror or reason}") from reason


def make_folder(path: str | Path, error: type[CorticalnetError] = OutputError) -> None:
    """Make a folder, and those above it, and check that files can be written there.

    Raises:
        OutputError: (or ``error``) it cannot be made or written to.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as reason:
        raise error(f"cannot make folder {path}: {getattr(reason, 'strerror', None) or reason}") from reason
    trial = _beside(path)
    try:
        trial.touch(exist_ok=False)
        trial.unlink()
    except OSError as reason:
        raise error(f"cannot write to folder {path}: {reason.strerror or reason}") from reason


def clear_unfinished(folder: Path) -> None:
    """Remove unfinished files of killed processes from a folder that no process writes to now."""
    for path in folder.iterdir():
        if _UNFINISHED.fullmatch(path.name):
            path.unlink(missing_ok=True)
