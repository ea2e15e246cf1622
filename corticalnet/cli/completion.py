"""What the shell completes beside commands and options: rules, models, data sets, runs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from corticalnet import data
from corticalnet.rules.catalogue import list_rules, source
from corticalnet.training.finding import model_files


def rules(incomplete: str) -> list[tuple[str, str]]:
    """Complete names of rules, with their sources."""
    return [(name, source(name)) for name in _beginning(incomplete, list_rules())]


def models(incomplete: str) -> list[str]:
    """Complete names of models; where there are none, shells complete files."""
    return _beginning(incomplete, model_files())


def datasets(incomplete: str) -> list[tuple[str, str]]:
    """Complete names of data sets, with their titles."""
    return [(name, data.describe(name).title) for name in _beginning(incomplete, data.names())]


def runs(incomplete: str) -> list[str]:
    """Complete folders with results, in ``runs/`` if nothing else is named yet."""
    place = Path(incomplete or "runs/x").parent
    try:
        folders = sorted(str(path) for path in place.iterdir() if any(path.glob("*.json")))
    except OSError:
        return []
    return [name for name in folders if name.startswith(incomplete) and re.fullmatch(r"[\w./][\w./-]*", name)]


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    """Select the names that begin so and that a shell takes as they are: a file's name may be a command."""
    return [name for name in names if name.startswith(incomplete) and re.fullmatch(r"\w[\w.-]*", name)]
