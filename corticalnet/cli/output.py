"""How commands print: tables for people, JSON for programs."""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from typing import Any, TextIO

import typer

from corticalnet.errors import OutputError, printable
from corticalnet.tables import table

#: Where JSON goes while all else that is printed goes to stderr; None where nothing is kept apart.
_for_json: ContextVar[TextIO | None] = ContextVar("_for_json", default=None)


@contextmanager
def _nothing_else() -> Iterator[None]:
    """Keep stdout for JSON: what a model file prints goes to stderr."""
    token = _for_json.set(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _for_json.reset(token)


def _apart(context: typer.Context, asked: bool) -> bool:
    if asked:
        context.with_resource(_nothing_else())
    return asked


#: The option that every command with a result has.
JSON = typer.Option(False, "--json", callback=_apart, help="Print JSON, and nothing else, on stdout.")


def say(text: object) -> None:
    """Print on stdout, with control characters escaped.

    Raises:
        OutputError: nobody reads it, or the disk that it goes to is full.
    """
    _print("\n".join(map(printable, str(text).split("\n"))), sys.stdout)


def print_json(content: Any) -> None:
    """Print JSON on stdout.

    Raises:
        OutputError: as :func:`say` does.
    """
    stream = _for_json.get() or sys.stdout
    _print(json.dumps(content, indent=2, default=str, ensure_ascii=not _unicode(stream)), stream)


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table on stdout, and an empty line."""
    say(table(header, rows, title) + "\n")


def _print(text: str, stream: TextIO | None) -> None:
    try:
        print(text, file=stream, flush=True)
    except (OSError, ValueError) as error:  # the latter where a model file has closed it
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot print the results: {reason}") from error


def _unicode(stream: TextIO | None) -> bool:
    """Return whether a stream can encode every character."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        return codecs.lookup(encoding).name.startswith("utf")
    except LookupError:
        return False
