"""What the shell completes beside commands and options: rules, models, data sets, runs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from corticalnet import data
from corticalnet.rules.catalogue import list_rules, source
from corticalnet.training.finding import model_files


def rules(incomplete: str) -> list[tuple[str, str]]:
    """Return rules whose names begin so, with their sources."""
    return [(name, source(name)) for name in _beginning(incomplete, list_rules())]


def models(incomplete: str) -> list[str]:
    """Return models whose names begin so; where there are none, shells complete files."""
    return _beginning(incomplete, model_files())


def datasets(incomplete: str) -> list[tuple[str, str]]:
    """Return data sets whose names begin so, with their titles."""
    return [(name, data.describe(name).title) for name in _beginning(incomplete, data.names())]


def runs(incomplete: str) -> list[str]:
    """Return folders with results that begin so, in ``runs/`` if nothing else is named yet."""
    place = Path(incomplete or "runs/x").parent
    try:
        folders = sorted(str(path) for path in place.iterdir() if any(path.glob("*.json")))
    except OSError:
        return []
    return [name for name in folders if name.startswith(incomplete) and re.fullmatch(r"[\w./][\w./-]*", name)]


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    """Choose those that a shell takes as they are: a file may have a name that is a command."""
    return [name for name in names if name.startswith(incomplete) and re.fullmatch(r"\w[\w.-]*", name)]
