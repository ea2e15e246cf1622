"""Parameters that a command gives to a rule which a model file makes, on top of the file's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

#: Parameters on top of those with which a rule is made, by its name.
_on_top: ContextVar[Mapping[str, Mapping[str, Any]] | None] = ContextVar("_on_top", default=None)


@contextmanager
def given(name: str, parameters: Mapping[str, Any]) -> Iterator[None]:
    """Let every rule of this name have these parameters, whoever makes it, until the block ends."""
    token = _on_top.set({**(_on_top.get() or {}), name: parameters})
    try:
        yield
    finally:
        _on_top.reset(token)


def on_top(name: str) -> Mapping[str, Any]:
    """Return what :func:`given` has for a rule."""
    return (_on_top.get() or {}).get(name, {})
