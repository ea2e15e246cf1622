"""Errors for people: each names the thing, the value it had and the choices.

Everything a user can get wrong raises a subclass of :class:`CorticalnetError`; the command line
prints its message as one line and exits with a non-zero status. Anything else is a bug of ours
and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class CorticalnetError(Exception):
    """Base of every error that a user can cause and mend."""


class ShapeError(CorticalnetError, ValueError):
    """An array does not have the shape, type or range that its place asks for."""


class NetworkError(CorticalnetError, ValueError):
    """Areas and links do not fit together."""


class RuleError(CorticalnetError, ValueError):
    """A learning rule is unknown, or its parts do not go together."""


class DataError(CorticalnetError, ValueError):
    """A data set is unknown, missing, corrupt or not what it should be."""


class ModelError(CorticalnetError, ValueError):
    """A model file cannot be found, read or built."""


class SettingError(CorticalnetError, ValueError):
    """A setting is unknown or has an impossible value."""


class CheckpointError(CorticalnetError, ValueError):
    """A run folder or checkpoint is missing, damaged or belongs to something else."""


class OutputError(CorticalnetError, OSError):
    """A file or folder cannot be written; what was there is still there."""


class TrainingError(CorticalnetError, RuntimeError):
    """Training cannot go on (for example because the loss is no longer finite)."""


class CircuitError(CorticalnetError, ValueError):
    """Populations, projections or their cells do not fit together."""


class SimulationError(CorticalnetError, RuntimeError):
    """A simulation cannot go on (a number is no longer finite, say), or a snapshot does not fit.

    Attributes:
        recording: what was recorded until then, if anything.
    """

    recording: object = None


class CircuitWarning(UserWarning):
    """A circuit can be built, but is known to fail at what it is for."""


class RecordingWarning(UserWarning):
    """A recording leaves something out because it would be too much."""


class UnitError(CircuitError):
    """A physical quantity is not of the kind that its place asks for."""


class ProtocolError(CorticalnetError, ValueError):
    """A protocol, or what is to be recorded of it, does not fit the circuit."""


class FormatError(CorticalnetError, ValueError):
    """A file of another tool cannot be read or written, or one of the two cannot hold what the other says."""


class TaskError(CorticalnetError, ValueError):
    """A task, a criterion or a learner in it is impossible, or is used in an impossible way."""


class EngineError(CorticalnetError, RuntimeError):
    """An engine is unknown, not installed, or cannot run this circuit."""


def printable(text: object) -> str:
    """Escape control characters in ``text``, so that it prints in one line and no terminal obeys it.

    For names that come from files, paths and data.

    >>> print(printable("cat\\x1b[2J\\n"), printable("chat été 猫"))
    cat\\x1b[2J\\n chat été 猫
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def unknown(kind: str, value: object, choices: Iterable[str], meant: str | None = None) -> str:
    """Return the message that ``value`` is no known ``kind``, what was probably meant, and all choices.

    >>> unknown("rule", "zil", ["backprop", "z-il"])
    "unknown rule 'zil'; did you mean 'z-il'? Choices: backprop, z-il"
    """
    names = [str(choice) for choice in choices]
    close = [meant] if meant in names else get_close_matches(str(value), names, n=1, cutoff=0.5)
    hint = f"; did you mean '{close[0]}'?" if close else "."
    return f"unknown {kind} '{value}'{hint} Choices: {', '.join(names)}"


def one_of(kind: str, value: object, choices: Iterable[object], error: type[CorticalnetError]) -> None:
    """Raise ``error``, with what :func:`unknown` says, unless ``value`` is one of ``choices``."""
    known = list(choices)
    try:
        there = value in known
    except (ValueError, RuntimeError):  # an array or a tensor is equal to nothing
        there = False
    if not there:
        raise error(unknown(kind, value, map(str, known)))
