"""``corticalnet search``: a model over rules, settings and seeds, by several processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from corticalnet.cli.app import app
from corticalnet.cli.completion import models
from corticalnet.cli.opening import DATA, MODEL_HELP, MOST_SEEDS, parse_sets
from corticalnet.cli.output import JSON, print_json, say
from corticalnet.errors import SettingError


@app.command("search")
def search_(
    model: str = typer.Argument(..., autocompletion=models, help=MODEL_HELP),
    grid: list[str] = typer.Option(
        [], "--grid", metavar="KEY=VALUE,VALUE", help="A setting, or `rule`, and the values to try."
    ),
    seeds: int = typer.Option(1, min=1, max=MOST_SEEDS, help="Of every combination, so many."),
    data: str | None = DATA,
    workers: int = typer.Option(1, min=1, help="Processes beside each other."),
    out: Path | None = typer.Option(None, help="Folder of runs and study; runs/search-MODEL if not given."),
    storage: str | None = typer.Option(
        None, help="Optuna's, for many machines: postgresql://…; OUT/study.db if not given."
    ),
    sets: list[str] = typer.Option([], "--set", metavar="KEY=VALUE", help="A setting that all runs have."),
    as_json: bool = JSON,
) -> None:
    """Train a model with every combination of rules and settings, from several seeds each.

    The study (Optuna's) and all runs are in one folder. The same command goes on with it after Ctrl-C, a kill
    or a crash, adds values or seeds that are new, and joins in where other processes work on it already: from
    another terminal, or as an array of a cluster's jobs.

    Examples:

    - `corticalnet search zil_mlp --grid rule=z-il,ipc --grid lr=0.01,0.1 --seeds 3 --workers 2`

    - `corticalnet search my_model.py --grid columns=16,32,64 --set epochs=5 --out runs/widths`

    - `sbatch --array=1-20 --wrap "corticalnet search my_model.py --grid lr=0.01,0.1 --seeds 10 --out lr"`
    """
    from corticalnet.training.study import search

    fixed = parse_sets(sets) | ({} if data is None else {"data": data})
    values: dict[str, list[Any]] = {}
    for text in grid:
        key, equals, listed = text.partition("=")
        if not equals or not key.strip() or not listed.strip():
            raise SettingError(f"--grid takes KEY=VALUE,VALUE, not '{text}'")
        values[key.strip()] = [parse_sets([f"{key}={one}"])[key.strip()] for one in _split(listed)]
    folder = out or Path("runs") / f"search-{Path(model).stem}"
    found = search(model, values, seeds=seeds, settings=fixed, out=folder, workers=workers, storage=storage)
    if as_json:
        print_json(found.to_dict())
    else:
        say(found)
        for error in [one for row in found.rows for one in row["errors"]]:
            say(f"failed: {error}")
        say(f"runs and study: {folder}; a page of some: corticalnet report {folder}/RUN …")


def _split(text: str) -> list[str]:
    """Split at commas that no bracket holds.

    >>> _split("(100, 50),(30,),0.1")
    ['(100, 50)', '(30,)', '0.1']
    """
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]
