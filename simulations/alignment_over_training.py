"""How far from backprop is each rule of the catalogue, area by area, while it learns?

    python -m simulations.alignment_over_training              3 seeds, 2 min on a busy core
    python -m simulations.alignment_over_training --quick      four rules, one seed, some seconds

Digits, 64-32-16-10, tanh, plain SGD (lr 0.1; guesses 0.001 to 0.01), batch 32, 16 epochs; looked at on 500
training images. An area's angle is that of the change of all synapses into it, to backprop's of the same
lesson.

Expected: 0° for all that is backprop by another name; a mirror turns soonest, Kolen–Pollack (λ = 0.01)
takes 100 epochs (feedback_learns_itself), and guesses stay far away.

Next: corticalnet/analysis/tracking.py.
"""

from __future__ import annotations

import textwrap
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.analysis import AlignmentTracker
from corticalnet.plotting.style import shades, styled

from .parts import training
from .parts.common import plus_minus, simulation, table

SIZES, BATCH, RATE = [64, 32, 16, 10], 32, 0.1
#: Smaller steps for guesses, which are noisy.
RATES = {"node-perturbation": 0.01, "weight-perturbation": 0.001, "reinforce": 0.003}
MEASURES = ("angle", "gap", "congruence")


def run(
    quick: Annotated[bool, typer.Option("--quick", help="Four rules, one seed, 3 epochs.")] = False,
    seeds: Annotated[int, typer.Option(help="How many.")] = 3,
    epochs: Annotated[int, typer.Option(help="Passes over the images.")] = 16,
) -> dict:
    """Train and look: angle, gap and congruence ``[seed][look][area or link]`` by rule."""
    names = list(cn.list_rules())
    if quick:
        names, seeds, epochs = ["backprop", "feedback-alignment", "weight-mirror", "streaming-fa-z-il"], 1, 3
    looks = sorted({round(k) for k in np.linspace(0, epochs, 9)})
    digits = datasets.load("digits", seed=0)
    found: dict = {}
    for name in track(names, "alignment over training", transient=True):
        courses = [train(digits, name, seed, looks) for seed in range(seeds)]
        found[name] = {what: [one[what].values.tolist() for one in courses] for what in MEASURES}
    return {"epochs": looks, "areas": ["area1", "area2", "output"], "rules": found}


def train(digits: datasets.Data, name: str, seed: int, looks: list[int]):  # type: ignore[no-untyped-def]
    """The recording of one training."""
    net = cn.mlp(SIZES, "tanh", seed=seed)
    rule = cn.rule(name)
    x, y = digits.train.batch(slice(None), torch.float32)
    optimizer = torch.optim.SGD([*net.parameters(), *rule.parameters(net)], lr=RATES.get(name, RATE))
    tracker = AlignmentTracker(rule, x[:500], y[:500])
    torch.manual_seed(seed)
    for epoch in training.epochs(net, rule, optimizer, x, y, looks[-1], BATCH):
        if epoch in looks:
            tracker.measure(net, epoch)
    return tracker.recording()


def report(results: dict) -> str:
    """How it was at the end."""
    rows = []
    for name, found in results["rules"].items():
        ends = {what: np.array(found[what])[:, -1] for what in MEASURES}
        angles = [plus_minus(column.tolist(), 1) for column in ends["angle"].T]
        likeness = [
            plus_minus(ends[what].mean(1).tolist()) if ends[what].size else "–" for what in MEASURES[1:]
        ]
        rows.append([name, *angles, *likeness])
    header = ["rule", *(f"{area} (°)" for area in results["areas"]), "‖W − B‖ / ‖W‖", "equal signs"]
    return table(header, rows, f"after {results['epochs'][-1]} epochs; gap and signs: mean of links")


@styled
def draw(results: dict) -> plt.Figure:
    """A panel for each rule: angles by area, mean and every seed."""
    rules = results["rules"]
    across = min(6, len(rules))
    down = -(-len(rules) // across)
    figure, grid = plt.subplots(
        down, across, figsize=(2.1 * across, 1.9 * down), sharex=True, sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    colours = shades(3)
    for axes in grid.flat[len(rules) :]:
        axes.axis("off")
    for axes, (name, found) in zip(grid.flat, rules.items(), strict=False):
        angles = np.array(found["angle"])
        for k, (area, colour) in enumerate(zip(results["areas"], colours, strict=True)):
            axes.plot(results["epochs"], angles[:, :, k].T, color=colour, lw=0.6, alpha=0.5)
            axes.plot(results["epochs"], angles[:, :, k].mean(0), color=colour, lw=1.6, label=area)
        axes.axhline(90, color="0.85", lw=0.8, zorder=0)
        axes.set_title(textwrap.fill(name, 24), fontsize=8.5)
        axes.set(ylim=(-5, 130), yticks=[0, 45, 90])
        axes.tick_params(labelsize=7.5)
        axes.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("epoch", fontsize=9)
    figure.supylabel("angle to backprop of the same lesson (°)", fontsize=9)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower right", ncols=3, frameon=False, fontsize=9)
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
