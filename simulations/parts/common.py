"""What all simulations share: a command line made of `run`'s own arguments, results as JSON, a figure."""

from __future__ import annotations

import inspect
import json
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from corticalnet import tables
from corticalnet.cli.results import try_folder
from corticalnet.errors import CorticalnetError, SettingError
from corticalnet.store import make_folder, write_json

OUT = Annotated[
    Path | None,
    typer.Option(help="Folder for results.json, tables.json and figure.png.", show_default=False),
]

#: Where a simulation that takes a data set finds it.
FOLDER = Annotated[
    Path | None,
    typer.Option(help="Folder to read the data set from (MNIST's files, or fewer digits in its format)."),
]

#: What :func:`table` has made since a command began.
_tables: list[dict] = []


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> str:
    """A table as :func:`corticalnet.tables.table` prints it, which the command also writes as JSON."""
    written = {"title": title, "columns": [*columns], "rows": [[str(cell) for cell in row] for row in rows]}
    _tables.append(written)
    return tables.table(columns, rows, title)


def simulation(run: Callable[..., dict], report: Callable[[dict], str], draw: Callable[[dict], Any]) -> None:
    """Make a command of a simulation and run it: `python -m simulations.NAME --help`.

    Args:
        run: does the work and returns results that JSON can hold; its arguments become options.
        report: results as a table.
        draw: results as a matplotlib figure.
    """
    try:
        command(run, report, draw)()
    except CorticalnetError as error:
        sys.exit(f"error: {error}")


def command(
    run: Callable[..., dict], report: Callable[[dict], str], draw: Callable[[dict], Any]
) -> typer.Typer:
    """The command of a simulation, as :func:`simulation` runs it.

    What ``--quick`` finds is written elsewhere than what a full run finds, and said to be no reproduction.
    """
    name = Path(inspect.getfile(run)).stem

    def work(out: Path | None, **options: Any) -> None:
        if options.get("seeds", 1) < 1:
            raise SettingError(f"'seeds' is {options['seeds']}: at least 1 is needed")
        torch.set_num_threads(1)
        quick = options.get("quick", False)
        folder = out or Path("figures") / name / ("quick" if quick else "")
        try_folder(folder, "results.json", "tables.json", "figure.png")  # not after hours of work
        _tables.clear()
        results = run(**options)
        print(report(results))
        if quick:
            print("--quick shows that it runs: its numbers are no reproduction.")
        make_folder(folder)
        write_json(folder / "results.json", results, indent=1)
        write_json(folder / "tables.json", _tables, indent=1)
        figure = draw(results)
        figure.savefig(folder / "figure.png", dpi=150, bbox_inches="tight")
        print(f"written: {folder / 'results.json'}, {folder / 'tables.json'}, {folder / 'figure.png'}")

    own = inspect.signature(run, eval_str=True).parameters.values()
    where = inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=OUT)
    options = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    work.__signature__ = inspect.Signature([*options, where])  # type: ignore[attr-defined]
    work.__doc__ = "\b\n" + (inspect.getdoc(inspect.getmodule(run)) or "").replace("\n\n", "\n\n\b\n")
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(work)
    return app


def kept(path: Path, make: Callable[[], dict]) -> dict:
    """What ``make`` returns, from ``path`` if it has been made before: long work goes on where it stopped."""
    if not path.exists():
        made = json.dumps(make())
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")  # a killed run leaves no half of a file
        part.write_text(made)
        part.replace(path)
    return json.loads(path.read_text())


def mean_sd(values: list[float]) -> tuple[float, float]:
    """Mean and sample standard deviation (0 for a single value)."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def plus_minus(values: list[float], digits: int = 2) -> str:
    """ "mean ± s.d.", or the value alone where there is one only."""
    mean, sd = mean_sd(values)
    return f"{mean:.{digits}f} ± {sd:.{digits}f}" if len(values) > 1 else f"{mean:.{digits}f}"
