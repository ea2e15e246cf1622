"""How many auxiliary columns does simplified target propagation need beside its output?

    python -m simulations.aux_size                             digits, 3 seeds, 2 min
    python -m simulations.aux_size --data mnist --data-folder DIR --epochs 15       10 min of a core
    python -m simulations.aux_size --quick                     two sizes, one seed, some seconds

After Bartunov et al. 2018 (AO-SDTP on CIFAR: error falls with auxiliary columns, then no more). FC networks
and settings of targets_table, decoders and weights in turns, epoch by epoch; 0 columns: SDTP, same σ.

Expected: more columns, more accuracy, until there are as many as in the area below.

Next: simulations/targets_table.py.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
import typer
from rich.progress import track

from corticalnet.errors import SettingError, one_of
from corticalnet.plotting.style import styled

from .parts.common import plus_minus, simulation, table
from .parts.targets import NETWORKS, RULES, about, angles, load, title, train


def run(
    quick: Annotated[bool, typer.Option("--quick", help="Two sizes, one seed, 2 epochs.")] = False,
    data: Annotated[str, typer.Option(help="digits or mnist.")] = "digits",
    data_folder: Annotated[Path | None, typer.Option(help="Folder to read it from.")] = None,
    seeds: Annotated[int, typer.Option(help="How many.")] = 3,
    epochs: Annotated[int, typer.Option(help="Of the weights.")] = 40,
) -> dict:
    """Train with every number of columns, and every seed."""
    one_of("data", data, NETWORKS, SettingError)
    seeds, epochs = (1, 2) if quick else (seeds, epochs)
    sizes, images = [0, 32] if quick else [0, 4, 8, 16, 32, 64, 128, 256], load(data, data_folder)
    how, found = RULES["AO-SDTP"], {}
    for columns in track(sizes, "auxiliary columns", transient=True):
        settings = {**how.settings, "auxiliary": columns}
        with_them = replace(how, settings=settings)
        found[columns] = [train(images, "FC", with_them, True, seed, epochs) for seed in range(seeds)]
    return {**about(images, seeds, epochs), "sizes": found}


def report(results: dict) -> str:
    """A row for each number of columns."""
    rows = []
    for columns, runs in results["sizes"].items():
        rows.append([columns, plus_minus([100 * r["test"] for r in runs]), angles(runs)])
    head = ["auxiliary columns", "test %", "hidden areas' angles to backprop, from below"]
    return table(head, rows, f"{title(results)}, {results['seeds']} seeds")


@styled
def draw(results: dict) -> plt.Figure:
    """Test accuracy of every seed, and their mean."""
    figure, axes = plt.subplots(figsize=(5, 4), layout="constrained")
    values = [[100 * r["test"] for r in runs] for runs in results["sizes"].values()]
    axes.plot(range(len(values)), values, "o", color="C0", alpha=0.5)
    axes.plot(range(len(values)), np.mean(values, 1), "C0")
    axes.set_xticks(range(len(values)), [str(columns) for columns in results["sizes"]])
    axes.set(xlabel="auxiliary columns", ylabel="test accuracy (%)", title=f"AO-SDTP, {results['data']}")
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
