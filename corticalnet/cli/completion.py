"""What the shell completes beside commands and options: rules, models, data sets, runs.

What the model file of a command registers is read from its text: a key that completes runs nobody's code.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import typer

from corticalnet import data
from corticalnet.errors import ModelError
from corticalnet.rules.catalogue import list_rules, source
from corticalnet.training.finding import find_model, is_path, model_files


def rules(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Complete names of rules, with their sources; also those that the command's model file registers."""
    own = dict(_named(ctx, "register"))
    known = {name: source(name) for name in list_rules()}
    return [(name, (own | known)[name]) for name in _beginning(incomplete, known | own)]


def models(incomplete: str) -> list[str]:
    """Complete names of models; where there are none, shells complete files."""
    return _beginning(incomplete, model_files())


def datasets(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Complete names of data sets, with their titles; also those that the command's model file describes."""
    own = dict(_named(ctx, "Dataset"))
    known = {name: data.describe(name).title for name in data.names()}
    return [(name, (own | known)[name]) for name in _beginning(incomplete, known | own)]


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


def _named(ctx: typer.Context, function: str) -> Iterator[tuple[str, str]]:
    """Find, in the command's model files, calls of ``function`` that are given a name as it is written."""
    # (an option that still wants its value leaves all words unread)
    for word in [*ctx.args, *(ctx.params.get("names") or ()), ctx.params.get("model")]:
        try:
            if not isinstance(word, str) or not (is_path(word) or word in model_files()):
                continue
            path = find_model(word)
            tree = ast.parse(path.read_bytes())
        except (ModelError, OSError, SyntaxError, ValueError, RecursionError):
            continue  # the command itself will say what is wrong with it
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and function in (
                getattr(node.func, "attr", None),
                getattr(node.func, "id", None),
            ):
                first = [*node.args[:1], *(one.value for one in node.keywords if one.arg == "name")]
                if first and isinstance(first[0], ast.Constant) and isinstance(first[0].value, str):
                    yield first[0].value, f"of {path.name}"
