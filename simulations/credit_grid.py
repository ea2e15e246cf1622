"""What does each way to assign credit achieve: teaching signal × feedback pathway × trigger, all of them?

    python -m simulations.credit_grid                          digits, 3 seeds, 7 min on a busy core
    python -m simulations.credit_grid --data fashion-mnist --images 10000 --epochs 3      10 min of a core
    python -m simulations.credit_grid --quick                  a corner of it, one seed, some seconds

Digits, 64-32-16-10, 8 epochs of 1,294 images; Fashion-MNIST (MNIST is not at hand) 784-64-32-10, a quarter of
the rates; tanh, plain SGD, batch 32: so short that speed counts. One learning rate for each teaching signal,
chosen with backprop. The angle, on 500 training images, is the worst hidden area's, to backprop of the same
lesson. Passes are counted. What the rules refuse is shown as refused.

Expected: triggers tell nothing apart but IL; with a teacher pathways hardly do, with reward they do.

Next: corticalnet/rules/product.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
import typer
from rich.progress import Progress

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.analysis import passes
from corticalnet.analysis.tracking import AlignmentTracker
from corticalnet.errors import RuleError, one_of
from corticalnet.rules import REINFORCE, FaZIL, NodePerturbation, NoPathway, WeightPerturbation

from .parts import training
from .parts.common import kept, simulation
from .parts.credit_grid_shown import draw, report

#: Network, and a share of the learning rate: more inputs push a column further.
DATA = {"digits": ([64, 32, 16, 10], 1.0), "fashion-mnist": ([784, 64, 32, 10], 0.25)}
#: Teaching signal, and a learning rate at which backprop learns well in this budget.
TEACHINGS: dict[str, tuple[Callable[[], Any], float]] = {
    "teacher": (cn.Teacher, 0.1),
    "cross-entropy": (lambda: cn.Teacher("cross-entropy"), 0.2),
    "reward": (cn.Reward, 0.2),
    "softmax-reward": (cn.SoftmaxReward, 0.1),
}
INSTEAD = {"reward": "teacher", "softmax-reward": "cross-entropy"}  # what they are on average
PATHWAYS: dict[str, Callable[[int], Any]] = {
    "tied": lambda seed: cn.Tied(),
    "sign-symmetric": lambda seed: cn.SignSymmetric(seed=seed),
    "weight mirror": lambda seed: cn.WeightMirror(seed=seed),
    "Kolen–Pollack": lambda seed: cn.KolenPollack(0.02, seed),
    "perturbed": lambda seed: cn.Perturbed(seed=seed),
    "matching": lambda seed: cn.Matching(seed),
    "random": lambda seed: cn.Random(seed),
    "direct": lambda seed: cn.Direct(seed),
    "direct, perturbed": lambda seed: cn.Perturbed(seed=seed, direct=True),
    "none": lambda seed: NoPathway(),
}
TRIGGERS: dict[str, Callable[[], Any]] = {
    "sweep": cn.Sweep,
    "z-il": cn.ZIL,
    "fa-z-il, gated": lambda: FaZIL(gate="prediction"),
    "fa-z-il, streaming": lambda: FaZIL(gate="pulse"),
    "il": lambda: cn.IL(steps=10, rate=0.2),
    "node perturbation": NodePerturbation,
    "weight perturbation": WeightPerturbation,
    "REINFORCE": REINFORCE,
}
#: Learn by a global scalar, in steps so much smaller (REINFORCE: 0.1 runs away).
GUESSES = {"node perturbation": 0.1, "weight perturbation": 0.01, "REINFORCE": 0.03}
BATCH, BEYOND = 32, 1e4


class Budget(NamedTuple):
    """What every combination gets, and where finished trainings lie."""

    data: datasets.Data
    sizes: list[int]
    share: float
    images: int
    epochs: int
    runs: Path | None


def run(
    quick: Annotated[bool, typer.Option("--quick", help="A corner of the grid, one seed.")] = False,
    data: Annotated[str, typer.Option(help="digits or fashion-mnist.")] = "digits",
    seeds: Annotated[int, typer.Option(help="How many.")] = 3,
    epochs: Annotated[int, typer.Option(help="Passes over the images.")] = 8,
    images: Annotated[int, typer.Option(help="Training images, at most.")] = 2000,
    teachings: Annotated[str, typer.Option(help="Teaching signals, with commas between.")] = ",".join(
        TEACHINGS
    ),
    trigger: Annotated[str | None, typer.Option(help="Only this one.")] = None,
    runs: Annotated[Path | None, typer.Option(help="Folder that keeps trainings, to go on from.")] = None,
) -> dict:
    """Train every combination with every seed, or read what is there."""
    one_of("data", data, DATA, RuleError)
    told, pathways, triggers = teachings.split(","), [*PATHWAYS], [trigger] if trigger else [*TRIGGERS]
    for name in told:
        one_of("teaching signal", name, TEACHINGS, RuleError)
    for name in triggers:
        one_of("trigger", name, TRIGGERS, RuleError)
    if quick:
        seeds, epochs = 1, 4
        told, pathways = ["teacher", "reward"], ["tied", "weight mirror", "random", "direct", "none"]
        triggers = ["sweep", "fa-z-il, streaming", "node perturbation"]
    sizes, share = DATA[data]
    runs = runs / f"{data}-{images}-{epochs}" if runs else None
    budget = Budget(datasets.load(data, seed=0), sizes, share, images, epochs, runs)
    grid: dict = {}
    with Progress(transient=True) as progress:
        task = progress.add_task("credit grid", total=len(told) * len(triggers) * len(pathways))
        for who in itertools.product(told, triggers, pathways):
            progress.update(task, description=" × ".join(who))
            grid.setdefault(who[0], {}).setdefault(who[1], {})[who[2]] = combination(budget, who, seeds)
            progress.advance(task)
    images = min(images, len(budget.data.train))
    return {
        "data": data, "sizes": sizes, "seeds": seeds, "epochs": epochs, "images": images, "grid": grid
    }  # fmt: skip


def combination(budget: Budget, who: tuple[str, str, str], seeds: int) -> dict:
    """One cell of the grid: why it is refused, or what came of it."""
    try:
        rule = rule_of(who, 0)
    except RuleError as error:
        return {"refused": str(error)}
    net = cn.mlp(budget.sizes, "tanh", seed=0)
    x, y = budget.data.train.batch(slice(0, BATCH), torch.float32)
    counted = passes(net, rule, x, y)._asdict()
    return {"runs": [trained(budget, who, seed) for seed in range(seeds)], "passes": counted}


def rule_of(who: tuple[str, str, str], seed: int) -> cn.Rule:
    """Raises RuleError if the parts do not go together."""
    teaching, trigger, pathway = who
    parts = TEACHINGS[teaching][0](), PATHWAYS[pathway](100 + seed), TRIGGERS[trigger]()
    return cn.Rule(*parts, name=" × ".join(who))


def trained(budget: Budget, who: tuple[str, str, str], seed: int) -> dict:
    """One training, or what is kept of it."""
    if budget.runs is None:
        return train(budget, who, seed)
    return kept(budget.runs.joinpath(*who, f"seed-{seed}.json"), lambda: train(budget, who, seed))


def train(budget: Budget, who: tuple[str, str, str], seed: int) -> dict:
    """One training: when it ran away, or test accuracy and worst angles (°) at its end."""
    net, rule = cn.mlp(budget.sizes, "tanh", seed=seed), rule_of(who, seed)
    rate = TEACHINGS[who[0]][1] * GUESSES.get(who[1], 1) * budget.share
    optimizer = torch.optim.SGD([*net.parameters(), *rule.parameters(net)], lr=rate)
    x, y = budget.data.train.batch(slice(0, budget.images), torch.float32)
    torch.manual_seed(seed)
    for epoch in training.epochs(net, rule, optimizer, x, y, budget.epochs, BATCH):
        if not all((p.abs() < BEYOND).all() for p in net.parameters()):  # nor is nan
            return {"ran away": epoch}
    found = {
        name: worst_angle(net, rule, x[:500], y[:500], other) for name, other in references(who[0]).items()
    }
    x, y = budget.data.test.batch(slice(None), torch.float32)
    return {"accuracy": (net.predict(x) == y).float().mean().item(), **found}


def references(teaching: str) -> dict[str, cn.Rule | None]:
    """Backprop of the same lesson; where there is no teacher, backprop with the one it stands for, too."""
    teacher = (
        {"angle to a teacher's": cn.Rule(TEACHINGS[INSTEAD[teaching]][0]())} if teaching in INSTEAD else {}
    )
    return {"angle": None, **teacher}


def worst_angle(
    net: cn.Network, rule: cn.Rule, x: torch.Tensor, y: torch.Tensor, reference: cn.Rule | None
) -> float | None:
    """Of all hidden areas (°); None if one does not change at all."""
    angles = AlignmentTracker(rule, x, y, reference).measure(net, 0)["angle"].values[:-1]
    return None if np.isnan(angles).any() else float(angles.max())


if __name__ == "__main__":
    simulation(run, report, draw)
