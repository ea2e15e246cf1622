"""Does feedback that never sees a forward weight become backprop's, while all of them learn?

    python -m simulations.feedback_learns_itself              5 seeds, about 8 min on a busy core
    python -m simulations.feedback_learns_itself --quick      one seed, a short training, about 10 s

Digits, tanh, output linear, squared loss, plain SGD (lr 0.1, batch 32, 100 epochs); two networks. Looked
at on 500 training images: the angle between a rule's change of an area and backprop's (unfolded, 0° to 180°,
decay left out), and ‖W − B‖ / ‖W‖ of a link; both the worst of all hidden areas.

Expected: Kolen–Pollack's W − B shrinks by 1 − lr λ = 0.999 in each of 4,100 updates, to 1.7 % of what it was,
so that its angle goes below 10°, as a mirror's does (Akrout et al. 2019); fixed random feedback's does not;
matching keeps W − B (Lansdell et al. 2020). Perturbed feedback finds W at fixed weights (their Theorem 1).

Next: corticalnet/rules/feedback/learned.py.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.analysis import align
from corticalnet.plotting.style import BLUE, GREEN, PINK, RED, styled
from corticalnet.rules import Feedback

from .parts import training
from .parts.common import mean_sd, plus_minus, simulation, table

NETWORKS = {"two hidden areas": [64, 32, 16, 10], "four hidden areas": [64, 16, 16, 16, 16, 10]}
PATHWAYS: dict[str, Callable[[int], Feedback]] = {
    "transpose (backprop)": lambda seed: cn.Tied(),
    "fixed random": lambda seed: cn.Random(seed),
    "matching": lambda seed: cn.Matching(seed),
    "Kolen–Pollack": lambda seed: cn.KolenPollack(0.01, seed),
    "weight mirror": lambda seed: cn.WeightMirror(seed=seed),
    "perturbed": lambda seed: cn.Perturbed(seed=seed),
}
RATE, BATCH, MEASURES = 0.1, 32, ("angle", "gap", "accuracy")
TITLES = {
    "angle": "worst angle to backprop (°)",
    "gap": "worst ‖W − B‖ / ‖W‖",
    "accuracy": "test accuracy",
}


def run(
    quick: Annotated[bool, typer.Option("--quick", help="One seed, 16 epochs.")] = False,
    seeds: Annotated[int, typer.Option(help="How many.")] = 5,
    epochs: Annotated[int, typer.Option(help="Passes over the images.")] = 100,
) -> dict:
    """Every network, pathway and seed: what it looked like on the way."""
    count, last = (1, 16) if quick else (seeds, epochs)
    looks = sorted({round(k) for k in np.linspace(0, last, 9)})
    digits = datasets.load("digits", seed=0)
    courses = {
        name: {
            pathway: [train(digits, sizes, make(100 + seed), seed, looks) for seed in range(count)]
            for pathway, make in PATHWAYS.items()
        }
        for name, sizes in NETWORKS.items()
    }
    return {"epochs": looks, "courses": courses}


def train(digits: datasets.Data, sizes: list[int], feedback: Feedback, seed: int, looks: list[int]) -> dict:
    """One training: angle, gap and accuracy after the epochs in ``looks``."""
    net = cn.mlp(sizes, "tanh", seed=seed)
    rule = cn.rule("backprop", feedback=feedback)
    optimizer = torch.optim.SGD([*net.parameters(), *rule.parameters(net)], lr=RATE)
    x, y = digits.train.batch(slice(None), torch.float32)
    torch.manual_seed(seed)
    found: dict[str, list[float]] = {name: [] for name in MEASURES}
    for epoch in training.epochs(net, rule, optimizer, x, y, looks[-1], BATCH):
        if epoch in looks:
            for name, value in zip(MEASURES, look(net, rule, digits), strict=True):
                found[name].append(value)
    return found


def look(net: cn.Network, rule: cn.Rule, digits: datasets.Data) -> tuple[float, float, float]:
    """Worst angle (°), worst gap, test accuracy."""
    x, y = digits.train.batch(slice(0, 500), torch.float32)
    learned = copy.deepcopy(rule)
    learned.feedback.decay = 0.0  # what is learned, without what is forgotten
    cosines = [*align(net, learned, x, y).cosines.values()][:-1]  # the output's own error is exact
    gaps = [(k.weight - rule.feedback.weights(k)).norm() / k.weight.norm() for k in net.links[1:]]
    x, y = digits.test.batch(slice(None), torch.float32)
    accuracy = (net.predict(x) == y).float().mean().item()
    return float(np.degrees(np.arccos(min(cosines)))), max(gap.item() for gap in gaps), accuracy


def report(results: dict) -> str:
    """A table for each network, as it was at the end."""
    tables = []
    for name, pathways in results["courses"].items():
        rows = []
        for pathway, courses in pathways.items():
            ends = {what: [course[what][-1] for course in courses] for what in MEASURES}
            percent = [100 * value for value in ends["accuracy"]]
            rows.append(
                [pathway, plus_minus(ends["angle"], 1), plus_minus(ends["gap"]), plus_minus(percent, 1)]
            )
        header = ["feedback", "worst angle (°)", "worst ‖W − B‖ / ‖W‖", "test %"]
        count = len(next(iter(pathways.values())))
        title = (
            f"{name} ({'-'.join(map(str, NETWORKS[name]))}), {count} seeds, {results['epochs'][-1]} epochs"
        )
        tables.append(table(header, rows, title))
    return "\n\n".join(tables)


@styled
def draw(results: dict) -> plt.Figure:
    """A row for each network: angle, gap and accuracy over training; bands are ± 1 s.d."""
    figure, grid = plt.subplots(
        len(NETWORKS), len(MEASURES), figsize=(11, 6.4), sharex=True, layout="constrained", squeeze=False
    )
    colours = dict(zip(PATHWAYS, ["black", "0.6", PINK, BLUE, GREEN, RED], strict=True))
    for axes, what in zip(grid[0], MEASURES, strict=True):
        axes.set_title(TITLES[what], fontsize=10)
    for row, (name, pathways) in zip(grid, results["courses"].items(), strict=True):
        for axes, what in zip(row, MEASURES, strict=True):
            for pathway, courses in pathways.items():
                values = list(zip(*(course[what] for course in courses), strict=True))
                means, spreads = np.array([mean_sd(list(v)) for v in values]).T
                axes.plot(results["epochs"], means, color=colours[pathway], lw=1.6, label=pathway)
                axes.fill_between(
                    results["epochs"],
                    means - spreads,
                    means + spreads,
                    color=colours[pathway],
                    alpha=0.15,
                    lw=0,
                )
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(labelsize=8)
        row[0].axhline(10, color="0.8", lw=0.8, zorder=0)
        row[0].set(ylim=(-3, 120), yticks=[0, 10, 30, 60, 90, 120], ylabel=name)
        row[1].set_ylim(-0.05, 3)
        row[2].set_ylim(0.7, 1)
    for axes in grid[-1]:
        axes.set_xlabel("epoch", fontsize=9)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
