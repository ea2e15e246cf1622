"""Locks: a folder that one process writes at a time, and a sentence that says which.

The lock is the operating system's, on the open file ``lock`` in the folder, so it ends with its process,
however that ends; what the file says is for people. On a file system without locks a file ``lock.owner``
must be made anew, and one whose process is gone is taken over.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import Any

from corticalnet.errors import CorticalnetError, OutputError
from corticalnet.store.reading import read_whole

try:
    import fcntl
except ImportError:  # not on POSIX
    fcntl = None  # type: ignore[assignment]

#: What a file system answers that has no locks.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}


class _Busy(Exception):
    """Another process has the folder, or the file that should say so is not ours."""


@contextmanager
def locked(folder: str | Path, error: type[CorticalnetError] = OutputError) -> Iterator[None]:
    """Lock a folder, which must be there, against other processes until the block ends.

    Args:
        folder: the folder.
        error: what to raise.

    Raises:
        OutputError: (or ``error``) another process has it; the message says which, where and since when. Or
            the folder cannot be written to.
    """
    lock, mark = Path(folder) / "lock", Path(folder) / "lock.owner"
    try:
        file = _lock(lock)
        if file is None:
            _mark(mark)
    except _Busy as busy:
        raise error(f"{folder} {busy}") from None
    except OSError as reason:
        raise error(f"cannot write to folder {folder}: {reason.strerror or reason}") from reason
    try:
        yield
    finally:
        for path in (lock,) if file else (lock, mark):
            with suppress(OSError):
                path.unlink()
        if file:
            file.close()  # only now: whoever has opened the file finds it gone, and looks again


def holder(folder: str | Path) -> str | None:
    """Describe the process that has locked a folder; None if there seems to be none.

    A process that was killed leaves its lock's file: that of a process which is gone does not count. To ask
    locks nothing.
    """
    for name in ("lock", "lock.owner"):
        try:
            owner = _owner(read_whole(Path(folder) / name))
        except OSError:
            continue
        if owner is not None and not _gone(owner):
            return "process {pid} on {host} since {since}".format(**owner)
    return None


def _lock(path: Path) -> FileIO | None:
    """Open and lock a file, and write our name into it; None where there are no locks."""
    if fcntl is None:
        return None
    while True:
        with ExitStack() as stack:
            file = stack.enter_context(FileIO(path, "r+", opener=_without_links))
            status = os.fstat(file.fileno())
            content = file.read(1 << 12) if stat.S_ISREG(status.st_mode) else b"no file"
            owner = _owner(content)
            if status.st_nlink > 1 or (content and owner is None):
                raise _Busy(f"holds a '{path.name}' that corticalnet has not written; choose another folder")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _Busy(_in_use(owner)) from None
            except OSError as reason:
                if reason.errno in _NO_LOCKS:
                    return None
                raise
            if _at(path, file):
                file.truncate(0)
                file.seek(0)
                file.write(_me())
                stack.pop_all()
                return file


def _without_links(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)


def _at(path: Path, file: FileIO) -> bool:
    """Return whether the open file is still the one at ``path``."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except FileNotFoundError:
        return False


def _mark(path: Path) -> None:
    """Create the file that marks the owner, or replace that of a process which is gone."""
    while True:
        try:
            with path.open("xb") as file:
                file.write(_me())
            return
        except FileExistsError:
            content = read_whole(path)
        owner = _owner(content)
        if owner is None or not _gone(owner):
            raise _Busy(f"{_in_use(owner)}. If that process is gone, remove {path}")
        aside = path.with_name(f".{secrets.token_hex(8)}.part")
        path.rename(aside)
        if read_whole(aside) != content:  # another was faster to take it over
            aside.rename(path)
        aside.unlink(missing_ok=True)


def _me() -> bytes:
    now = datetime.now().astimezone().isoformat(" ", "seconds")
    return json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": now}).encode()


def _owner(content: bytes) -> dict[str, Any] | None:
    """Parse the owner from a lock's content; None where it names none."""
    try:
        owner = json.loads(content)
    except ValueError:
        return None
    return owner if isinstance(owner, dict) and {"pid", "host", "since"} <= owner.keys() else None


def _in_use(owner: dict[str, Any] | None) -> str:
    who = "another process" if owner is None else "process {pid} on {host} since {since}".format(**owner)
    return f"is in use by {who}; wait until it has ended, or choose another folder"


def _gone(owner: dict[str, Any]) -> bool:
    """Return whether a process of this machine has ended."""
    if os.name != "posix" or owner["host"] != socket.gethostname() or type(owner["pid"]) is not int:
        return False
    try:
        os.kill(owner["pid"], 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
