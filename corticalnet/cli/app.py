"""The application that commands register with, and the console entry point."""

from __future__ import annotations

import atexit
import gc
import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import typer

from corticalnet import about
from corticalnet.cli.results import words
from corticalnet.errors import CircuitWarning, CorticalnetError, RecordingWarning, printable
from corticalnet.training.finding import blame_file

#: What typer raises for a mistake in a command's words, of which it exports one kind only.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
#: Longer messages (a value of a megabyte) lose their middle.
_LONGEST = 1000
#: New objects before Python looks for garbage, instead of 700: few enough to weigh nothing in memory.
_NEW_OBJECTS = 20_000

app = typer.Typer(
    name="corticalnet",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"corticalnet {about.VERSION}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Say and leave."),
) -> None:
    """Train, compare and look at networks of cortical columns that learn by biologically plausible rules."""


def _warn(message: Warning | str, category: type[Warning], filename: str, *where: Any, **more: Any) -> None:
    """Print our warnings in one line, and others as Python shows them."""
    ours = issubclass(category, UserWarning) and Path(filename).is_relative_to(about.FOLDER)
    if issubclass(category, RecordingWarning):
        _tell("warning", _in_options(str(message)))
    elif ours or issubclass(category, CircuitWarning):
        _tell("warning", message)
    else:
        _python_shows(message, category, filename, *where, **more)


def _in_options(message: str) -> str:
    """Replace, in a warning of a recording, arguments of Python by options of the command."""
    for argument, option in (
        ("record=[…]", "--record NAME"),
        ("record='spike'", "--record spike"),
        ("record='weights'", "--record weights"),
        ("every=…", "--every"),
        ("to='run.nc'", "--stream"),
    ):
        message = message.replace(argument, option)
    return message


_python_shows = warnings.showwarning


def _tell(kind: str, message: object) -> None:
    """Print one line on stderr, where there is one."""
    words = " ".join(str(message).split())
    if len(words) > _LONGEST:
        words = f"{words[: _LONGEST - 300]} … {words[-300:]}"
    if sys.stderr is not None:
        with suppress(OSError, ValueError):  # the latter where a model file has closed it
            print(f"{kind}:", printable(words), file=sys.stderr, flush=True)


def _reason(error: BaseException) -> str | None:
    """Return the message of an error that the user or the machine must mend; None if it is a bug of ours."""
    if isinstance(error, CorticalnetError):
        return str(error)
    if isinstance(error, _UsageError):
        return str(error.format_message())  # type: ignore[attr-defined]
    if blamed := blame_file(error):
        return blamed
    if isinstance(error, _out_of_memory()) or "allocate memory" in str(error):
        return f"not enough memory ({' '.join(str(error).split()) or 'no size is known'})"
    if isinstance(error, OverflowError):
        return f"a number is too large to compute with ({error})"
    if isinstance(error, OSError):
        names = " → ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
        return ": ".join(filter(None, [names, error.strerror or str(error) or type(error).__name__]))
    return None


def _out_of_memory() -> tuple[type[BaseException], ...]:
    """Return the exceptions raised where memory is short; torch's only if it has been imported."""
    torch = sys.modules.get("torch")
    return (MemoryError, torch.OutOfMemoryError) if torch else (MemoryError,)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line, and exit.

    A user's mistake, and what the machine refuses, becomes one line on stderr and exit status 1; a mistake in
    the command's own words, 2; an interrupt, 130. Anything else is a bug of ours and keeps its traceback.
    """
    warnings.showwarning = _warn
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that knows no "φ" is shown "\u03c6"
            stream.reconfigure(errors="backslashreplace")
    try:
        with _little_collecting():
            sys.exit(_run(sys.argv[1:] if arguments is None else arguments))
    finally:
        _close()


@contextmanager
def _little_collecting() -> Iterator[None]:
    """Reduce garbage collection, and skip it at exit.

    torch and its like are some million objects that stay. To go through them again and again while they are
    imported, and when they go, took two of the five seconds of a short training.
    """
    atexit.register(gc.freeze)
    before = gc.get_threshold()
    gc.set_threshold(_NEW_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _run(arguments: list[str]) -> int:
    try:
        for argument in arguments:
            if "\0" in argument:
                raise typer.BadParameter(f"'{argument}' holds a NUL character")
        words.set(tuple(arguments))
        return app(args=arguments, prog_name="corticalnet", standalone_mode=False) or 0
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # what a model file raises need be no Exception
        if type(error).__name__ == "NoArgsIsHelpError":  # the help was shown
            return 2
        reason = _reason(error)
        if reason is None:
            raise
        _tell("error", reason)
        return 2 if isinstance(error, _UsageError) else 1


def _close() -> None:
    """Flush stdout; Python must not complain at exit of an output that could not be written to."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
