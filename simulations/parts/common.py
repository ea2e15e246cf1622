"""What all simulations share: a command line made of `run`'s own arguments, results as JSON, a figure."""

from __future__ import annotations

import inspect
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from corticalnet.errors import CorticalnetError

OUT = Annotated[Path, typer.Option(help="Folder for results.json and figure.png.")]


def simulation(run: Callable[..., dict], report: Callable[[dict], str], draw: Callable[[dict], Any]) -> None:
    """Make a command of a simulation and run it: `python -m simulations.NAME --help`.

    Args:
        run: does the work and returns results that JSON can hold; its arguments become options.
        report: results as a table.
        draw: results as a matplotlib figure.
    """
    module = inspect.getmodule(run)
    name = Path(inspect.getfile(run)).stem

    def command(out: Path, **options: Any) -> None:
        torch.set_num_threads(1)
        results = run(**options)
        print(report(results))
        out.mkdir(parents=True, exist_ok=True)
        (out / "results.json").write_text(json.dumps(results, indent=1))
        figure = draw(results)
        figure.savefig(out / "figure.png", dpi=150, bbox_inches="tight")
        print(f"written: {out / 'results.json'}, {out / 'figure.png'}")

    own = inspect.signature(run, eval_str=True).parameters.values()
    where = inspect.Parameter(
        "out", inspect.Parameter.KEYWORD_ONLY, default=Path("figures") / name, annotation=OUT
    )
    options = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    command.__signature__ = inspect.Signature([*options, where])  # type: ignore[attr-defined]
    command.__doc__ = "\b\n" + (inspect.getdoc(module) or "").replace("\n\n", "\n\n\b\n")
    try:
        typer.run(command)
    except CorticalnetError as error:
        sys.exit(f"error: {error}")


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
    """ "mean ± s.d." """
    mean, sd = mean_sd(values)
    return f"{mean:.{digits}f} ± {sd:.{digits}f}"
