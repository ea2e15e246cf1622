"""In convolutions, where fixed random feedback fails, does feedback that learns become backprop's?

    python -m simulations.feedback_in_convolutions              3 seeds, 21 min of a core
    python -m simulations.feedback_in_convolutions --quick      digits, four arms, one seed, some seconds

Lansdell, Prakash & Kording, ICLR 2020, made small: Fashion-MNIST (20,000 of its images; MNIST is not at
hand), convolutions 5×5×12, 3×3×24 and 3×3×48, each tanh and max-pool 3×3 by 2, dense 128, tanh, linear 10;
cross-entropy; 3,125 updates. Angles are unfolded, between an area's change and backprop's on 500 images.

The paper's, CIFAR-10, largest test accuracy (%): perturbed direct feedback 75.1, fixed direct feedback 72.6
with the same parameters, 73.2 the best of a search. Expected: fixed feedback stays near 90° and far behind;
Kolen–Pollack and the mirror turn below 10° and come near backprop; perturbed feedback lies between.

Next: corticalnet/rules/feedback/perturbed.py.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.analysis import AlignmentTracker
from corticalnet.errors import RuleError, one_of
from corticalnet.network.initialisation import glorot
from corticalnet.network.stages import Fire, MaxPool
from corticalnet.plotting.style import BLUE, GREEN, ORANGE, PINK, RED, SKY, styled
from corticalnet.rules import Feedback

from .parts.common import kept, plus_minus, simulation, table

COLOURS = ["black", "0.3", "0.6", BLUE, GREEN, RED, PINK, ORANGE, SKY]
BATCH, MOMENTUM, BEYOND = 32, 0.9, 1e3
#: Channels of the areas of convolution: as many as there is room to pool.
CHANNELS = {"fashion-mnist": (12, 24, 48), "digits": (12, 24)}


class Arm(NamedTuple):
    """What is compared.

    Attributes:
        feedback: made from a seed.
        rate: the learning rate of all synapses.
        warm: share of updates, at the beginning, in which only synapses down learn.
        decay: of synapses between areas, where the feedback has none of its own.
        adam: the rate of synapses down, if they learn by Adam and not, like those up, by SGD.
    """

    feedback: Callable[[int], Feedback]
    rate: float
    warm: float = 0.0
    decay: float = 0.0
    adam: float = 0.0


#: B of fixed feedback is as large as W; B that learns begins small: while it is wrong, it teaches little.
LIKE_W, SMALL, DECAY, WARM = "glorot", glorot(0.3), 0.003, 0.05
ARMS = {
    "backprop": Arm(lambda seed: cn.Tied(), 0.06),
    "backprop, the mirror's rate": Arm(lambda seed: cn.Tied(), 0.03),
    "backprop, same decay": Arm(lambda seed: cn.Tied(), 0.06, decay=DECAY),
    "Kolen–Pollack": Arm(lambda seed: cn.KolenPollack(DECAY, seed, SMALL), 0.06),
    "weight mirror": Arm(lambda seed: cn.WeightMirror(0.3, 128, seed=seed, init=SMALL), 0.03, 0.02),
    "perturbed": Arm(lambda seed: cn.Perturbed(seed=seed, init=SMALL), 0.03, WARM, adam=0.005),
    "fixed random": Arm(lambda seed: cn.Random(seed, LIKE_W), 0.03),
    "perturbed, direct": Arm(lambda seed: cn.Perturbed(rate=0.3, seed=seed, direct=True), 0.03, WARM),
    "fixed random, direct": Arm(lambda seed: cn.Direct(seed), 0.01),
}
SETTINGS = {"fashion-mnist": (5, 20_000), "digits": (9, 2000)}  # epochs, images
QUICK = ["backprop", "Kolen–Pollack", "weight mirror", "fixed random"]


def run(
    quick: Annotated[bool, typer.Option("--quick", help="Digits, four arms, one seed.")] = False,
    seeds: Annotated[int, typer.Option(help="How many.")] = 3,
    arms: Annotated[str, typer.Option(help="What is compared, with semicolons between.")] = ";".join(ARMS),
    runs: Annotated[Path, typer.Option(help="Finished trainings are kept here, and not repeated.")] = Path(
        "runs/feedback_in_convolutions"
    ),
) -> dict:
    """Train every arm with every seed, or read what is there."""
    chosen, count = (QUICK, 1) if quick else (arms.split(";"), seeds)
    names = [*dict.fromkeys(["backprop", *chosen])]  # all are compared with it
    for name in names:
        one_of("arm", name, ARMS, RuleError)
    data = datasets.load("digits" if quick else "fashion-mnist", seed=0)
    found: dict = {name: [] for name in names}
    for seed, name in track([*itertools.product(range(count), names)], "convolutions", transient=True):
        make = partial(train, data, ARMS[name], seed, 3 if quick else 7)
        found[name].append(make() if quick else kept(runs / name / f"seed-{seed}.json", make))
    return {"data": data.name, "arms": found}


def network(data: datasets.Data, seed: int) -> cn.Network:
    """Areas of convolution, tanh and max-pool 3×3 by 2, a dense one of 128 columns, a linear output."""
    sheets = [
        cn.Area(
            cn.Convolution(n, 3 if k else 5, padding="same", bias=True), stages=[Fire("tanh"), MaxPool(3, 2)]
        )
        for k, n in enumerate(CHANNELS[data.name])
    ]
    rows = [cn.Area(cn.Dense(128, bias=True), "tanh"), cn.Area(cn.Dense(10, bias=True), "linear")]
    return cn.Network(data.shape, [*sheets, *rows], seed)


def train(data: datasets.Data, arm: Arm, seed: int, looks: int) -> dict:
    """One training: angles (°), gaps and validation accuracy at some looks, and test accuracy at the end."""
    began, (epochs, images) = time.process_time(), SETTINGS[data.name]
    net, feedback = network(data, seed), arm.feedback(100 + seed)
    rule = cn.rule("backprop", loss="cross-entropy", feedback=feedback)
    movers = optimizers(net, rule, arm)
    x, y = data.train.batch(slice(0, images), torch.float32)
    tracker, accuracy = AlignmentTracker(rule, x[:500], y[:500], unit="update"), []
    torch.manual_seed(seed)
    order = [index for _ in range(epochs) for index in torch.randperm(len(x)).split(BATCH)]
    when = {round(at) for at in np.linspace(0, len(order), looks)}
    for done in range(len(order) + 1):
        if done in when:
            if not all((p.abs() < BEYOND).all() for p in net.parameters()):  # nor is nan
                return {"ran away": done}
            tracker.measure(net, done)
            accuracy.append(right(net, data.validation, 2000))
        if done < len(order):
            for group in itertools.chain.from_iterable(mover.param_groups for mover in movers):
                group["lr"] = group["first"] * (1 - done / len(order))
            rule.learn(net, x[order[done]], y[order[done]])
            for mover in movers[int(done < arm.warm * len(order)) :]:
                mover.step()
    seen = tracker.recording()
    return {
        "updates": sorted(when),
        "areas": seen["area"].values.tolist(),
        "angle": seen["angle"].values.tolist(),
        "gap": seen["gap"].values.tolist(),
        "accuracy": accuracy,
        "test": right(net, data.test, 10_000),
        "seconds": time.process_time() - began,
    }


def optimizers(net: cn.Network, rule: cn.Rule, arm: Arm) -> list[torch.optim.Optimizer]:
    """One that moves synapses up, and one for those down, if they learn."""
    later = [link.weight for link in net.links[1:]]  # those that have a partner in Kolen–Pollack
    others = [p for p in net.parameters() if not any(p is w for w in later)]
    groups = [{"params": others}, {"params": later, "weight_decay": arm.decay}]
    movers: list[torch.optim.Optimizer] = [torch.optim.SGD(groups, arm.rate, MOMENTUM)]
    if own := rule.parameters(net):
        movers.append(
            torch.optim.Adam(own, arm.adam) if arm.adam else torch.optim.SGD(own, arm.rate, MOMENTUM)
        )
    for group in itertools.chain.from_iterable(mover.param_groups for mover in movers):
        group["first"] = group["lr"]
    return movers


@torch.no_grad()
def right(net: cn.Network, split: datasets.Split, most: int) -> float:
    """Share of right answers."""
    x, y = split.batch(slice(0, most), torch.float32)
    hits = [
        (net.predict(a) == b).float().sum().item() for a, b in zip(x.split(500), y.split(500), strict=True)
    ]
    return sum(hits) / len(y)


def report(results: dict) -> str:
    """A row for each arm, as it was at the end."""
    arms = results["arms"]
    best = [run.get("test", float("nan")) for run in arms["backprop"]]
    areas = ["area1", "area2", "area3", "area4"][: len(CHANNELS[results["data"]]) + 1]
    rows = []
    for name, runs in arms.items():
        stayed = [run for run in runs if "ran away" not in run]
        if len(stayed) < len(runs):
            rows.append(
                [name, f"{len(runs) - len(stayed)} of {len(runs)} ran away", *[""] * (len(areas) + 2)]
            )
            continue
        angles = np.array([run["angle"][-1] for run in runs]).T
        gaps = [max(run["gap"][-1]) for run in runs if run["gap"][-1]]
        rows.append(
            [
                name,
                plus_minus([100 * run["test"] for run in runs]),
                plus_minus([100 * (b - run["test"]) for b, run in zip(best, runs, strict=True)]),
                *(plus_minus(angles[k].tolist(), 1) for k in range(len(areas))),
                plus_minus(gaps) if gaps else "–",
            ]
        )
    header = [
        "feedback",
        "test %",
        "below backprop",
        *(f"{area} (°)" for area in areas),
        "worst ‖W − B‖ / ‖W‖",
    ]
    return table(header, rows, f"{results['data']}, {len(arms['backprop'])} seeds")


@styled
def draw(results: dict) -> plt.Figure:
    """Accuracy while it learns and at the end; angles of areas, a panel for each pathway; every seed."""
    stayed = {name: [r for r in runs if "ran away" not in r] for name, runs in results["arms"].items()}
    arms = {name: runs for name, runs in stayed.items() if runs}
    angled = [name for name in arms if not name.startswith("backprop")]
    figure, grid = plt.subplots(2, 1 + -(-len(angled) // 2), figsize=(12, 5.6), layout="constrained")
    colours = dict(zip(ARMS, COLOURS, strict=True))
    for name, runs in arms.items():
        curves = np.array([run["accuracy"] for run in runs])
        style = "--" if "direct" in name or ", " in name else "-"
        grid[0, 0].plot(runs[0]["updates"], 100 * curves.mean(0), style, color=colours[name], label=name)
        for run in runs:
            grid[1, 0].plot(
                100 * run["test"], -list(arms).index(name), "o", color=colours[name], ms=4, alpha=0.7
            )
    grid[0, 0].set(ylim=(70, None), title="validation %, mean of seeds", xlabel="updates")
    grid[1, 0].set_yticks([-k for k in range(len(arms))], [*arms], fontsize=8)
    grid[1, 0].set(title="test %, every seed")
    grid[1, 0].grid(axis="x", lw=0.4)
    for axes in grid[:, 1:].flat[len(angled) :]:
        axes.set_visible(False)
    for axes, name in zip(grid[:, 1:].flat, angled, strict=False):
        angles = np.array([run["angle"] for run in arms[name]])
        for k, area in enumerate(arms[name][0]["areas"][:-1]):
            colour = plt.get_cmap("viridis")(k / 3.6)
            axes.plot(arms[name][0]["updates"], angles[:, :, k].T, color=colour, lw=0.5, alpha=0.6)
            axes.plot(arms[name][0]["updates"], angles[:, :, k].mean(0), color=colour, lw=1.7, label=area)
        axes.axhline(10, color="0.6", lw=0.8, ls=":")
        axes.axhline(90, color="0.85", lw=0.8)
        axes.set(
            ylim=(-3, 125), yticks=[0, 10, 30, 60, 90, 120], title=f"{name}: angle (°)", xlabel="updates"
        )
    for axes in grid.flat:
        axes.title.set_fontsize(10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    handles, labels = grid[0, 1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
