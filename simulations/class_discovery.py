"""Does a rewarded network find the classes one after another, where a taught one learns them all at once?

    python -m simulations.class_discovery            Fashion-MNIST, 3 seeds, about 6 minutes on one core
    python -m simulations.class_discovery --quick    digits, one seed, about 15 s

A rewarded network learns of a class only when it chooses it and is right. Early on its choice is arbitrary:
a wrong choice is pushed down until another column wins. So accuracy climbs in steps, one for each class
that is found, while a teacher shows all classes from the first image on.

A class counts as found at the first test where at least a third of its validation images are named right.
Reported: updates until 1, 2, … classes are found, mean over seeds, for BrainProp and its error-backprop twin.

Pozzi et al. 2020, Fig. 5, shows the curves (accuracy and classes over updates) without numbers: stairs for
BrainProp, longer with more classes. Expected: backprop has all classes in a small part of the updates.

Next: models/brainprop_dense.py.
"""

from __future__ import annotations

from typing import Annotated

import matplotlib.pyplot as plt
import torch
import typer
from rich.progress import Progress

import corticalnet.data as datasets
from corticalnet.plotting.style import styled
from corticalnet.training import load_model

from .parts.common import FOLDER, simulation, table


def run(
    quick: Annotated[bool, typer.Option("--quick", help="Digits, one seed, a small network.")] = False,
    model: Annotated[str, typer.Option(help="A model file.")] = "brainprop_dense",
    data: Annotated[str, typer.Option(help="Data set.")] = "fashion-mnist",
    data_folder: FOLDER = None,
    updates: Annotated[int, typer.Option(help="Updates of every run.")] = 1500,
    every: Annotated[int, typer.Option(help="Updates between two looks at the validation images.")] = 25,
    seeds: Annotated[int, typer.Option(help="Number of seeds.")] = 3,
) -> dict:
    """Recall of every class over updates, for both rules."""
    settings: dict = {}
    if quick:
        data, data_folder, updates, seeds, settings = "digits", None, 600, 1, {"hidden": (60, 30)}
    loaded = datasets.load(data, folder=data_folder, seed=0)
    x_seen, y_seen = loaded.validation.take(1000).batch(slice(None))
    found: dict = {"model": model, "data": data, "every": every, "rules": {}}
    with Progress(transient=True) as progress:
        task = progress.add_task("class discovery", total=2 * seeds * updates)
        for name in ("brainprop", "backprop"):
            found["rules"][name] = []
            for seed in range(seeds):
                made = load_model(model, data=data, rule=name, seed=seed, **settings)
                net, recalls = made.network, []
                optimizer = torch.optim.SGD(net.parameters(), lr=made.settings.lr)
                order = torch.Generator().manual_seed(seed)
                torch.manual_seed(seed)
                for update in range(updates):
                    if update % every == 0:
                        recalls.append(recall(net.predict(x_seen), y_seen, len(loaded.classes)))
                    index = torch.randint(len(loaded.train), (made.settings.batch,), generator=order)
                    made.rule.update(net, *loaded.train.batch(index), optimizer)
                    progress.advance(task)
                found["rules"][name].append(recalls)
    return found


def recall(answers: torch.Tensor, classes: torch.Tensor, count: int) -> list[float]:
    """For each class, the fraction of its images that are named right."""
    right = (answers == classes).double()
    return [right[classes == k].mean().item() for k in range(count)]


def discovered(recalls: list[list[float]], every: int) -> list[int | None]:
    """The update by which 1, 2, … classes have been found; None where that never happened."""
    first = []
    for k in range(len(recalls[0])):
        looks = [n for n, row in enumerate(recalls) if row[k] >= 1 / 3]
        first.append(looks[0] * every if looks else None)
    times = sorted(t for t in first if t is not None)
    return [times[n] if n < len(times) else None for n in range(len(first))]


def report(results: dict) -> str:
    """Updates until n classes are found."""
    rows = []
    for rule, runs in results["rules"].items():
        found = [discovered(run, results["every"]) for run in runs]
        cells = []
        for n in range(len(found[0])):
            times = [f[n] for f in found]
            known = [t for t in times if t is not None]
            missing = f" ({len(times) - len(known)} never)" if len(known) < len(times) else ""
            cells.append((f"{sum(known) / len(known):.0f}" if known else "–") + missing)
        rows.append([rule, *cells])
    header = ["updates until … classes", *map(str, range(1, len(rows[0])))]
    return table(header, rows, f"{results['model']} on {results['data']}, {len(runs)} seeds")


@styled
def draw(results: dict) -> plt.Figure:
    """Accuracy and number of classes found, over updates."""
    figure, (top, low) = plt.subplots(2, 1, figsize=(7, 6), sharex=True)
    for k, (rule, runs) in enumerate(results["rules"].items()):
        for j, recalls in enumerate(runs):
            times = [n * results["every"] for n in range(len(recalls))]
            label = None if j else rule
            top.plot(times, [100 * sum(row) / len(row) for row in recalls], f"C{k}", lw=1, label=label)
            low.step(times, [sum(r >= 1 / 3 for r in row) for row in recalls], f"C{k}", lw=1, where="post")
    top.set(ylabel="validation accuracy (%)", title="a line for each seed")
    low.set(xlabel="updates", ylabel="classes named right (≥ ⅓)")
    top.legend()
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
