"""How well, and how fast, does BrainProp learn next to error-backprop?

    python -m simulations.accuracy_table --epochs 26 --batch 32 --halve-every 10     3 seeds, over 1 h
    python -m simulations.accuracy_table --quick          digits, one seed, 1 min

Trains a model and its error-backprop twin with the same budget, over seeds. Every run has a folder; a run
that is finished is read, not repeated, and one that was cut off goes on, so the table can be filled by
several processes at once (``--rules``, ``--first-seed``).

Reported: epochs until the best validation accuracy, and test accuracy at that epoch and at the last (the
test set is scored once, at the end), mean ± s.d. over seeds. Pozzi et al. 2020, Tables 1 and 2: BrainProp is
within 0.2 points of backprop on MNIST. Expected: a gap of about a point on Fashion-MNIST.

Next: models/brainprop_dense.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import matplotlib.pyplot as plt
import typer

from corticalnet.plotting.style import styled
from corticalnet.training import load_model, train

from .parts.common import FOLDER, plus_minus, simulation, table


def run(
    model: Annotated[str, typer.Option(help="A model file.")] = "brainprop_dense",
    rules: Annotated[str, typer.Option(help="Rules, with commas between.")] = "brainprop,backprop",
    data: Annotated[str, typer.Option(help="Data set.")] = "fashion-mnist",
    data_folder: FOLDER = None,
    seeds: Annotated[int, typer.Option(help="Number of seeds.")] = 3,
    first_seed: Annotated[int, typer.Option(help="The first of them.")] = 0,
    epochs: Annotated[int, typer.Option(help="Budget of every run.")] = 25,
    batch: Annotated[int, typer.Option(help="Images in an update; 0 for the model's own.")] = 0,
    halve_every: Annotated[int, typer.Option(help="Epochs; 0 for the model's own.")] = 0,
    runs: Annotated[Path, typer.Option(help="Folder for the runs.")] = Path("runs/accuracy_table"),
    quick: Annotated[bool, typer.Option("--quick", help="Digits, one seed, 4 epochs.")] = False,
) -> dict:
    """Train every rule with every seed, or read what is there."""
    if quick:
        data, data_folder, seeds, epochs = "digits", None, 1, 4
    settings = {k: v for k, v in (("batch", batch), ("halve_every", halve_every)) if v}
    found: dict = {"model": model, "data": data, "epochs": epochs, **settings, "rules": {}}
    for name in rules.split(","):
        results = []
        for seed in range(first_seed, first_seed + seeds):
            made = load_model(
                model, data=data, data_folder=data_folder, rule=name, epochs=epochs, seed=seed, **settings
            )
            budget = f"{epochs}x{made.settings.batch}-{made.settings.halve_every}"
            out = runs / f"{model}-{data}-{budget}" / name / f"seed-{seed}"
            result = train(made, out=out, resume=out.exists())
            results.append({**result.to_dict(), "history": result.history})
        found["rules"][name] = results
    return found


def report(results: dict) -> str:
    """One row for each rule."""
    rows = []
    for rule, runs in results["rules"].items():
        best, last = ([100 * r[f"{which}_test_accuracy"] for r in runs] for which in ("best", "last"))
        when = plus_minus([r["best_epoch"] for r in runs], 0)
        rows.append([rule, len(runs), when, plus_minus(best), plus_minus(last)])
    title = f"{results['model']} on {results['data']}, at most {results['epochs']} epochs"
    return table(["rule", "seeds", "best epoch", "test % (best)", "test % (last)"], rows, title)


@styled
def draw(results: dict) -> plt.Figure:
    """Validation accuracy over epochs, one line for each seed."""
    figure, axes = plt.subplots(figsize=(6, 4))
    for k, (rule, runs) in enumerate(results["rules"].items()):
        for j, one in enumerate(runs):
            curve = [100 * e["validation_accuracy"] for e in one["history"]]
            axes.plot(range(1, len(curve) + 1), curve, f"C{k}", label=None if j else rule, lw=1)
    axes.set(
        xlabel="epoch", ylabel="validation accuracy (%)", title=f"{results['model']}, a line for each seed"
    )
    axes.legend()
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
