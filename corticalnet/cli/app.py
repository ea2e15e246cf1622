"""The application that commands register with, and the console entry point."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import typer

import corticalnet
from corticalnet.errors import CircuitWarning, CorticalnetError, printable

app = typer.Typer(
    name="corticalnet",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"corticalnet {corticalnet.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Say and leave."),
) -> None:
    """Train, compare and look at networks of cortical columns that learn by biologically plausible rules."""


def _warn(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
    """Ours in one line; others as Python shows them."""
    if issubclass(category, CircuitWarning):
        print("warning:", message, file=sys.stderr)
    else:
        _python_shows(message, category, *where, **more)


_python_shows = warnings.showwarning


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a user's mistake becomes one line on stderr and exit status 1."""
    warnings.showwarning = _warn
    try:
        app(args=arguments, prog_name="corticalnet")
    except CorticalnetError as error:
        print("error:", printable(" ".join(str(error).split())), file=sys.stderr)
        sys.exit(1)
