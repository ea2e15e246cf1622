"""Why does a rewarded network stay behind a taught one: what does a reward never tell?

    python -m simulations.reward_gap --data-folder DIR          5 seeds, 40 min of a core
    python -m simulations.reward_gap --quick                    digits, four arms, one seed, some seconds

BrainProp's change is backprop's through the chosen output alone (Pozzi et al. 2020): nobody tells the other
actions that they are worth nothing. 784-300-200-100-10, ReLU, squared error for all, plain steps; MNIST's
digits (DIR: its four files, or fewer digits in the same format), then ``--data fashion-mnist``, and the
paper's convolutional and locally connected networks (``--network``).

    exploration      how often, how hot (the Boltzmann temperature), when (falling, rising)
    weighted         errors divided by the probability of the action: the teacher's on average
    told             what a reward never tells is told: all wrong actions are worth 0 (needs a teacher)
    exclusive        a rewarded action tells that all others are worth 0: enough to know that one is right

Of each: test accuracy; share of rewarded trials while it learns; on images that it has learned, the value of
the best wrong action (backprop: 0) and the 5 % quantile of its distance to the right one's.
Expected: the gap closes as the best wrong action's value falls, whoever tells it.

Next: corticalnet/rules/reward.py.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track
from scipy import stats

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.errors import RuleError, one_of
from corticalnet.plotting.style import styled
from corticalnet.training import load_model

from .parts.common import FOLDER, kept, plus_minus, simulation, table
from .parts.told import Told, Weighted


class Arm(NamedTuple):
    """How a network is taught.

    Attributes:
        make: the teaching signal.
        first, last: share of trials with exploration, at the beginning and at the end; None: as it is made.
    """

    make: Callable[[], Any]
    first: float | None = None
    last: float | None = None


PAPER = "BrainProp, 2 %"
ARMS = {
    "backprop": Arm(cn.Teacher),
    PAPER: Arm(lambda: cn.Reward(0.02)),
    "10 %": Arm(lambda: cn.Reward(0.1)),
    "30 %": Arm(lambda: cn.Reward(0.3)),
    "60 %": Arm(lambda: cn.Reward(0.6)),
    "always": Arm(lambda: cn.Reward(1.0)),
    "always, T = 0.3": Arm(lambda: cn.Reward(1.0, 0.3)),
    "always, T = 0.1": Arm(lambda: cn.Reward(1.0, 0.1)),
    "falling, 100 to 0 %": Arm(lambda: cn.Reward(1.0), 1.0, 0.0),
    "rising, 0 to 100 %": Arm(lambda: cn.Reward(1.0), 0.0, 1.0),
    "weighted, 10 %": Arm(lambda: Weighted(0.1)),
    "weighted, 60 %": Arm(lambda: Weighted(0.6)),
    "told, 2 %": Arm(lambda: Told(0.02)),
    "exclusive, 2 %": Arm(lambda: cn.Reward(0.02, exclusive=True)),
    "exclusive, 10 %": Arm(lambda: cn.Reward(0.1, exclusive=True)),
}
QUICK = ["backprop", PAPER, "always", "exclusive, 2 %"]
#: Arms of the larger networks, and of the second data set.
FEW = ["backprop", PAPER, "30 %", "always", "told, 2 %", "exclusive, 2 %"]


class Budget(NamedTuple):
    """What a training is given.

    Attributes:
        rates: learning rates to choose from, by accuracy on images that are not learned.
        batch: images of an update.
        images: learned, and looked at to choose a rate.
        epochs: over the learned ones.
    """

    rates: tuple[float, ...]
    batch: int
    images: tuple[int, int]
    epochs: int


BUDGETS = {
    "dense": Budget((0.05, 0.1, 0.2, 0.4), 32, (7000, 1000), 30),
    "brainprop_conv": Budget((0.1, 0.3), 32, (3000, 1000), 10),
    "brainprop_loccon": Budget((0.1,), 32, (3000, 1000), 8),
}


def run(
    quick: Annotated[bool, typer.Option("--quick", help="Digits, four arms, one seed.")] = False,
    network: Annotated[str, typer.Option(help=f"One of {', '.join(BUDGETS)}.")] = "dense",
    data: Annotated[str, typer.Option(help="Data set.")] = "mnist",
    data_folder: FOLDER = None,
    seeds: Annotated[int, typer.Option(help="How many.")] = 5,
    arms: Annotated[str, typer.Option(help="With semicolons between; all, or a few that are quicker.")] = "",
    runs: Annotated[Path, typer.Option(help="Finished trainings are kept here.")] = Path("runs/reward_gap"),
) -> dict:
    """Train every arm with every seed, or read what is there."""
    one_of("network", network, BUDGETS, RuleError)
    usual = [*ARMS] if (network, data) == ("dense", "mnist") else FEW
    names = QUICK if quick else arms.split(";") if arms else usual
    for name in names:
        one_of("arm", name, ARMS, RuleError)
    budget = BUDGETS[network]
    if quick:
        data, data_folder, seeds, budget = "digits", None, 1, Budget((0.1,), 32, (1200, 200), 3)
    loaded = datasets.load(data, folder=data_folder, validation=0, seed=0)
    found: dict[str, dict[float, list]] = {name: {rate: [] for rate in budget.rates} for name in names}
    every = [*itertools.product(range(seeds), names, budget.rates)]
    for seed, name, rate in track(every, "trainings", transient=True):

        def work(seed: int = seed, name: str = name, rate: float = rate) -> dict:
            return train(loaded, network, ARMS[name], budget, rate, seed)

        where = runs / f"{network}-{data}-{budget.epochs}x{budget.images[0]}" / name
        path = where / f"rate-{rate}-seed-{seed}.json"
        found[name][rate].append(work() if quick else kept(path, work))
    chosen = {name: max(of, key=lambda rate: _validated(of[rate])) for name, of in found.items()}
    arms = {name: found[name][rate] for name, rate in chosen.items()}
    tried = {
        name: {rate: float(np.mean([run["accuracy"][-1] for run in runs])) for rate, runs in of.items()}
        for name, of in found.items()
    }
    return {"data": loaded.name, "network": network, "budget": budget._asdict(), "arms": arms} | {
        "rates": chosen,
        "tried": tried,
    }


def _validated(runs: list[dict]) -> float:
    return float(np.mean([run["validated"] for run in runs]))


def made(network: str, data: datasets.Data, seed: int) -> cn.Network:
    """The network before it learns."""
    if network != "dense":
        return load_model(network, input_shape=data.shape, init="he", seed=seed).network
    areas = [cn.Area(cn.Dense(n, bias=True, init="he"), "relu") for n in (300, 200, 100)]
    return cn.Network(data.shape, [*areas, cn.Area(cn.Dense(len(data.classes), bias=True), "linear")], seed)


def train(data: datasets.Data, network: str, arm: Arm, budget: Budget, rate: float, seed: int) -> dict:
    """One training: accuracy after each epoch, reward while it learns, values of what it has learned."""
    began, net, teaching = time.process_time(), made(network, data, seed), arm.make()
    rule = cn.rule("backprop" if isinstance(teaching, cn.Teacher) else "brainprop", teaching=teaching)

    (x, y), (p, q) = (
        data.train.batch(part, torch.float32)
        for part in (slice(0, budget.images[0]), slice(budget.images[0], sum(budget.images)))
    )
    u, v = data.test.batch(slice(0, 2000), torch.float32)
    optimizer = torch.optim.SGD(net.parameters(), lr=rate)
    order, right, rewarded = torch.Generator().manual_seed(seed), [], []
    torch.manual_seed(seed)
    for done in range(budget.epochs):
        if arm.first is not None:
            share = done / max(budget.epochs - 1, 1)
            teaching.exploration = arm.first + share * (arm.last - arm.first)
        hits = 0
        for index in torch.randperm(len(x), generator=order).split(budget.batch):
            told = rule.update(net, x[index], y[index], optimizer)
            hits += int((told.prediction == y[index]).sum())
        rewarded.append(hits / len(x))
        right.append(accuracy(net, u, v))
    with torch.no_grad():
        values = torch.cat([net.eval()(part) for part in x[:2000].split(500)]).double()
    mine = values.gather(1, y[:2000, None])[:, 0]
    wrong = values.scatter(1, y[:2000, None], -torch.inf).max(1).values
    return {
        "accuracy": right,
        "validated": accuracy(net, p, q),
        "rewarded": rewarded,
        "runner-up": float(wrong.nan_to_num(0).mean()),  # (of a network that ran away: nothing)
        "margin": float((mine - wrong).nan_to_num(0).quantile(0.05)),
        "seconds": time.process_time() - began,
    }


@torch.no_grad()
def accuracy(net: cn.Network, x: torch.Tensor, y: torch.Tensor) -> float:
    """Share of right answers."""
    return float(torch.cat([net.predict(part) for part in x.split(500)]).eq(y).double().mean())


def report(results: dict) -> str:
    """A row for each arm, and whether the best wrong action's value goes with what is lost."""
    arms = results["arms"]
    best = [run["accuracy"][-1] for run in arms["backprop"]]
    rows = []
    for name, runs in arms.items():
        last = [run["accuracy"][-1] for run in runs]
        behind = [100 * (b - a) for b, a in zip(best, last, strict=True)]
        p = "–" if name == "backprop" or len(runs) < 3 else f"{stats.ttest_rel(best, last).pvalue:.1g}"
        cells = [[100 * a for a in last], behind, [100 * float(np.mean(run["rewarded"])) for run in runs]]
        cells += [[run[key] for run in runs] for key in ("runner-up", "margin")]
        numbers = [*map(plus_minus, cells[:2]), p, *map(plus_minus, cells[2:])]
        rows.append([name, results["rates"][name], *numbers])
    head = [
        "taught by",
        "rate",
        "test %",
        "behind backprop",
        "p",
        "rewarded %",
        "best wrong value",
        "margin, 5 %",
    ]
    first = table(head, rows, f"{results['network']} on {results['data']}, {len(best)} seeds")
    return f"{first}\n{mediated(results)}"


def mediated(results: dict) -> str:
    """Over arms taught by reward: rank correlation of the best wrong action's value with what is lost."""
    arms = results["arms"]
    best = [run["accuracy"][-1] for run in arms["backprop"]]
    of = {
        name: (np.mean([r["runner-up"] for r in runs]), 100 * np.mean(best - np.array(last)))
        for name, runs in arms.items()
        if name != "backprop" and (last := [r["accuracy"][-1] for r in runs])
    }
    found = stats.spearmanr(*zip(*of.values(), strict=True))
    rows = [[len(of), f"{found.statistic:.2f}", f"{found.pvalue:.1g}"]]
    return table(["arms", "rank correlation", "p"], rows, "best wrong value, and points behind backprop")


@styled
def draw(results: dict) -> plt.Figure:
    """What is lost against the best wrong action's value, and against reward while learning; every seed."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    best = [run["accuracy"][-1] for run in results["arms"]["backprop"]]
    for k, (name, runs) in enumerate(results["arms"].items()):
        behind = [100 * (b - run["accuracy"][-1]) for b, run in zip(best, runs, strict=True)]
        look = {"color": plt.get_cmap("tab20")(k), "marker": "os^D"[k % 4], "ls": "", "ms": 5}
        left.plot([run["runner-up"] for run in runs], behind, label=name, **look)
        right.plot([100 * np.mean(run["rewarded"]) for run in runs], behind, **look)
    left.set(xlabel="value of the best wrong action", ylabel="points behind backprop")
    right.set(xlabel="rewarded trials while it learns (%)")
    figure.legend(loc="outside right center", fontsize=8, frameon=False)
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
