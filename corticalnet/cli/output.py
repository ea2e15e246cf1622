"""How commands print: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import typer

from corticalnet.tables import table

#: The option that every command with a result has.
JSON = typer.Option(False, "--json", help="Print JSON, and nothing else, on stdout.")


def print_json(content: Any) -> None:
    """Print JSON on stdout."""
    typer.echo(json.dumps(content, indent=2, default=str, ensure_ascii=False))


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table on stdout, and an empty line."""
    typer.echo(table(header, rows, title) + "\n")
