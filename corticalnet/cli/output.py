"""How commands print: tables for people, JSON for programs."""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Sequence
from typing import Any

import typer

from corticalnet.errors import OutputError, printable
from corticalnet.tables import table

#: The option that every command with a result has.
JSON = typer.Option(False, "--json", help="Print JSON, and nothing else, on stdout.")


def say(text: object) -> None:
    """Print on stdout; names that would command the terminal are written out.

    Raises:
        OutputError: nobody reads it, or the disk that it goes to is full.
    """
    _print("\n".join(map(printable, str(text).split("\n"))))


def print_json(content: Any) -> None:
    """Print JSON on stdout.

    Raises:
        OutputError: as :func:`say` does.
    """
    _print(json.dumps(content, indent=2, default=str, ensure_ascii=not _unicode()))


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table on stdout, and an empty line."""
    say(table(header, rows, title) + "\n")


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except (OSError, ValueError) as error:  # the latter where a model file has closed it
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot print the results: {reason}") from error


def _unicode() -> bool:
    """Whether stdout takes every character (JSON must not rely on what is shown in their place)."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        return codecs.lookup(encoding).name.startswith("utf")
    except LookupError:
        return False
