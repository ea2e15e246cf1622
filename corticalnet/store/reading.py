"""Reading: regular files only, so that nobody waits for a pipe; and JSON only as its schema has it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from corticalnet.errors import CorticalnetError

Schema = TypeVar("Schema", bound=BaseModel)


def expanded(path: str | Path) -> Path:
    """Expand "~" to a home folder; where nobody has that name it stays a name like any other.

    >>> str(expanded("~nobody-of-that-name/run"))
    '~nobody-of-that-name/run'
    """
    return Path(os.path.expanduser(path))


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_whole(path: str | Path) -> bytes:
    """Read all bytes of a regular file.

    Raises:
        OSError: it cannot be read, or is a folder, a pipe or a device.
    """
    with open(path, "rb", opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return file.read()


def read_json(path: str | Path, schema: type[Schema], error: type[CorticalnetError]) -> Schema:
    """Read a JSON file, and validate it by a schema.

    Raises:
        CorticalnetError: of the type ``error``: the file cannot be read, is no JSON, or says something else;
            the message names file, key and value, and what is possible there.
    """
    try:
        content = read_whole(path)
    except OSError as reason:
        raise error(f"cannot read {path}: {reason.strerror or reason}") from reason
    try:
        return schema.model_validate_json(content, strict=True)
    except ValidationError as fault:
        raise error(f"{path} is damaged: {first_fault(fault)}") from None


def validated(content: Any, schema: type[Schema], what: str, error: type[CorticalnetError]) -> Schema:
    """Validate by a schema JSON that was read elsewhere; ``what`` begins the message."""
    try:
        return schema.model_validate(content, strict=True)
    except ValidationError as fault:
        raise error(f"{what}: {first_fault(fault)}") from None


def first_fault(fault: ValidationError) -> str:
    """Describe the first fault that a schema found: key, value, and what is possible there."""
    first = fault.errors()[0]
    key = ".".join(map(str, first["loc"]))
    above, _, last = key.rpartition(".")
    place = f"'{last}' in '{above}'" if above else f"'{last}'"
    if first["type"] == "json_invalid":
        return f"it is no JSON ({first['ctx']['error']})"
    if first["type"] == "missing":
        return f"it lacks {place}"
    if first["type"] == "extra_forbidden":
        return f"it has an unknown {place}"
    value = repr(first["input"])
    shown = value if len(value) <= 60 else f"{value[:57]}..."
    needs = first["msg"].removeprefix("Value error, ").replace("Input should", "it should", 1)
    return f"'{key}' is {shown}; {needs}" if key else f"it is {shown}; {needs}"
