"""``corticalnet list``: the rules, models and data sets at hand."""

from __future__ import annotations

import ast
from pathlib import Path

import typer

from corticalnet.cli.app import app
from corticalnet.cli.data import datasets
from corticalnet.cli.output import JSON, print_json, print_table
from corticalnet.rules.catalogue import list_rules, source
from corticalnet.store import read_whole
from corticalnet.training.finding import MODULES, model_files

#: Bytes of a model file; those here have two thousand.
_LARGEST = 2**20


@app.command("list")
def list_(
    file: str | None = typer.Argument(
        None, metavar="MODEL.py", help="A model file: list what it adds (it is run)."
    ),
    as_json: bool = JSON,
) -> None:
    """List learning rules with their sources, models, and data sets; or what a model file adds to them."""
    if file is not None:
        _added(file, as_json)
        return
    models = {name: {"about": _about(path), "file": str(path)} for name, path in model_files().items()}
    if as_json:
        sources = [{"name": name, "source": source(name)} for name in list_rules()]
        listed = [{"name": name, **about} for name, about in models.items()]
        print_json({"rules": sources, "models": listed, "data": datasets()})
        return
    print_table("Rules (--rule NAME)", ["rule", "source"], [[name, source(name)] for name in list_rules()])
    rows = [[name, about["about"]] for name, about in models.items()]
    print_table("Models (corticalnet train NAME)", ["model", "about"], rows)
    rows = [[d["name"], d["title"], "here" if d["where"] else "to be fetched"] for d in datasets()]
    print_table("Data sets (--data NAME)", ["data set", "title", ""], rows)


def _added(file: str, as_json: bool) -> None:
    """Print the rules, cells and plasticities that a model file registers."""
    from corticalnet.circuits.cells import Cell
    from corticalnet.circuits.plasticity import Plasticity
    from corticalnet.rules.catalogue import registered_by
    from corticalnet.training.model_file import run_model_file

    path = run_model_file(file)
    rules = [{"name": name, "source": source(name)} for name, by in registered_by.items() if by == str(path)]
    parts = {
        words: [name for name, kind in base.kinds.items() if kind.__module__ == f"{MODULES}{path.stem}"]
        for words, base in (("cells", Cell), ("plasticities", Plasticity))
    }
    if as_json:
        print_json({"file": str(path), "about": _about(path), "rules": rules, **parts})
        return
    print_table(
        f"{path.name}: {_about(path)}", ["rule (--rule NAME)", "source"], [[*r.values()] for r in rules]
    )
    for words, names in parts.items():
        if names:
            print_table("", [words], [[name] for name in names])


def _about(path: Path) -> str:
    """Return the first line of a model file's docstring; the file is read, not run."""
    try:
        if path.stat().st_size > _LARGEST:
            return "(too long to be read)"
        text = ast.get_docstring(ast.parse(read_whole(path).decode()))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return "(cannot be read)"
    return (text or "").partition("\n")[0]
