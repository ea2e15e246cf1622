"""Numbers, times and commands as a reader wants them."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from corticalnet.training.finding import model_files
from corticalnet.training.objective import Objective

#: Settings that `corticalnet train` has options for; all others are given by --set.
_OPTIONS = ("data", "data_folder", "rule", "seed", "epochs", "device", "precision")


def duration(seconds: float) -> str:
    """Format a duration as people say it.

    >>> duration(4.26), duration(75), duration(7300)
    ('4.3 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def day(path: Path) -> str:
    """Format when a file was last written."""
    then = datetime.fromtimestamp(path.stat().st_mtime)
    return f"{then.day} {then:%B %Y, %H:%M}"


def spread(values: Sequence[float], objective: Objective) -> str:
    """Format mean ± standard deviation (n − 1); of a single value the value alone."""
    mean = objective.format_score(fmean(values))
    return f"{mean} ± {objective.format_score(stdev(values))}" if len(values) > 1 else mean


def count(number: int, thing: str) -> str:
    """Format a number of things.

    >>> count(1, "epoch"), count(12, "epoch")
    ('1 epoch', '12 epochs')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def train_command(file: str | None, arguments: Mapping[str, Any], seeds: Sequence[int] | None) -> str:
    """Return the command that repeats a training; empty if no command line does.

    >>> train_command("/home/me/mine.py", {"rule": "z-il", "hidden": [12, 8], "lr": 0.5}, [0, 1])
    "corticalnet train /home/me/mine.py --rule z-il --set 'hidden=[12, 8]' --set lr=0.5 --seeds 2"
    """
    given = {key: value for key, value in arguments.items() if seeds is None or key != "seed"}
    if seeds is not None:
        if list(seeds) != list(range(seeds[0], seeds[0] + len(seeds))):
            return ""
        given |= {"seed": seeds[0]} if seeds[0] else {}
    if file is None:
        return ""
    words = ["corticalnet", "train", _model(Path(file))]
    for key, value in given.items():
        if key in _OPTIONS and value is not None:
            words += [f"--{key.replace('_', '-')}", str(value)]
        else:
            words += ["--set", f"{key}={_literal(value)}"]
    return shlex.join([*words, *(["--seeds", str(len(seeds))] if seeds is not None else [])])


def _model(file: Path) -> str:
    """Return a model's name if it is found by that, otherwise its path."""
    return file.stem if model_files().get(file.stem) == file else str(file)


def _literal(value: Any) -> str:
    """Format a value so that ``--set`` reads it as the same."""
    if not isinstance(value, str):
        return repr(value)
    try:
        ast.literal_eval(value)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return value
    return repr(value)
