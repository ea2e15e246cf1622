"""Why does a weight mirror stay behind backprop in convolutions, though its angle is a few degrees?

    python -m simulations.mirror_lags            3 seeds, 25 min of a core
    python -m simulations.mirror_lags --quick    digits, three arms, one seed, some seconds

Networks, data and budget of feedback_in_convolutions, whose mirror ends 1.3 points below backprop. What could
do it is given, or taken away, one at a time; all at the mirror's rate (0.03):

    given for N updates   B is W, by fiat, in the first N updates; then the mirror has it     early angles
    W waits               the mirror learns alone for a tenth of the updates                  early angles
    512 patterns          four times as many noise patterns: half the noise in B              noise
    W, with noise         B is W and 6 % of its size, drawn anew in each update               noise
    W of 17 updates ago   B is exact, and late                                                lag

Akrout et al. 2019 have no such gap (ResNets on ImageNet, their own schedule of noise). Expected: whoever is
given the first updates is at backprop's accuracy.

Next: simulations/feedback_in_convolutions.py.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

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
from corticalnet.rules import Feedback

from . import feedback_in_convolutions as convolutions
from .parts.common import kept, plus_minus, simulation, table

MIRROR: dict[str, Any] = {"rate": 0.3, "samples": 128, "init": convolutions.SMALL}
RATE, WARM = 0.03, 0.02


class Given(cn.WeightMirror):
    """A mirror whose weights are set, for a while, to what ``weights`` makes of those up.

    Args:
        updates: for how many.
        weights: from a link's name and weights to those down.
        more: of the mirror.
    """

    def __init__(
        self, updates: float, weights: Callable[[str, torch.Tensor], torch.Tensor], **more: Any
    ) -> None:
        super().__init__(**more)
        self.updates, self.given, self.done = updates, weights, 0

    def learn(self, trial: Any) -> None:
        """Mirror as usual (the same draws); then give."""
        super().learn(trial)
        if self.done < self.updates:
            for _, _, link in self.feedback_routes(trial.plasticity.net.wiring):
                b = self._own[link.name]
                b.data.copy_(self.given(link.name, link.weight.detach()))
                b.grad = torch.zeros_like(b)
        self.done += 1


def exact(name: str, weight: torch.Tensor) -> torch.Tensor:
    """The transpose, by fiat."""
    return weight


class Late:
    """The weights of some updates before; the first ones until there are any."""

    def __init__(self, updates: int) -> None:
        self.updates, self.seen = updates, {}  # type: ignore[var-annotated]

    def __call__(self, name: str, weight: torch.Tensor) -> torch.Tensor:
        """Keep a copy of the weights; return the oldest."""
        queue = self.seen.setdefault(name, deque(maxlen=self.updates + 1))
        queue.append(weight.clone())
        return queue[0]


def noisy(name: str, weight: torch.Tensor) -> torch.Tensor:
    """The weights and a noise of 6 % of their size, as the mirror's are off in the end."""
    noise = torch.randn_like(weight)
    return weight + 0.06 * noise * weight.norm() / noise.norm()


def mirror(seed: int) -> Feedback:
    """The mirror of feedback_in_convolutions."""
    return cn.WeightMirror(seed=seed, **MIRROR)


def given(
    updates: float, weights: Callable[[str, torch.Tensor], torch.Tensor] = exact
) -> Callable[[int], Feedback]:
    """A mirror that is given its first updates."""
    return lambda seed: Given(updates, weights, seed=seed, **MIRROR)


ALWAYS = float("inf")
ARMS = {
    "backprop": convolutions.Arm(lambda seed: cn.Tied(), RATE),
    "weight mirror": convolutions.Arm(mirror, RATE, WARM),
    "given for 350 updates": convolutions.Arm(given(350), RATE, WARM),
    "given for 1,000 updates": convolutions.Arm(given(1000), RATE, WARM),
    "W waits for 10 %": convolutions.Arm(mirror, RATE, 0.1),
    "512 patterns": convolutions.Arm(
        lambda seed: cn.WeightMirror(seed=seed, **{**MIRROR, "samples": 512}), RATE, WARM
    ),
    "W, with noise": convolutions.Arm(given(ALWAYS, noisy), RATE),
    "W of 17 updates ago": convolutions.Arm(lambda seed: Given(ALWAYS, Late(17), seed=seed, **MIRROR), RATE),
}
QUICK = ["backprop", "weight mirror", "given for 350 updates"]


def run(
    quick: Annotated[bool, typer.Option("--quick", help="Digits, three arms, one seed.")] = False,
    seeds: Annotated[int, typer.Option(help="How many.")] = 3,
    arms: Annotated[str, typer.Option(help="With semicolons between.")] = ";".join(ARMS),
    runs: Annotated[Path, typer.Option(help="Finished trainings are kept here.")] = Path("runs/mirror_lags"),
) -> dict:
    """Train every arm with every seed, or read what is there."""
    names, seeds = (
        (QUICK, 1) if quick else (["backprop", *(n for n in arms.split(";") if n != "backprop")], seeds)
    )
    for name in names:
        one_of("arm", name, ARMS, RuleError)
    data = datasets.load("digits" if quick else "fashion-mnist", seed=0)
    found: dict[str, list] = {name: [] for name in names}
    for seed, name in track([*itertools.product(range(seeds), names)], "mirrors", transient=True):
        make = partial(convolutions.train, data, ARMS[name], seed, 3 if quick else 7)
        found[name].append(make() if quick else kept(runs / name / f"seed-{seed}.json", make))
    return {"data": data.name, "arms": found}


def report(results: dict) -> str:
    """A row for each arm: accuracy, what is lost, whether it beats the mirror, angles early and late."""
    arms = results["arms"]
    test = {name: [100 * run.get("test", float("nan")) for run in runs] for name, runs in arms.items()}
    rows = []
    for name, runs in arms.items():
        behind = [b - a for a, b in zip(test[name], test["backprop"], strict=True)]
        better = "–"
        if len(runs) > 2 and name not in ("backprop", "weight mirror"):
            better = f"{stats.ttest_rel(test[name], test['weight mirror']).pvalue:.2g}"
        early, late = ([max(run["angle"][k]) for run in runs] for k in (1, -1))
        rows.append(
            [
                name,
                plus_minus(test[name]),
                plus_minus(behind),
                better,
                plus_minus(early, 1),
                plus_minus(late, 1),
            ]
        )
    head = ["feedback", "test %", "below backprop", "p against the mirror",
            "worst angle after a sixth (°)", "at the end (°)"]  # fmt: skip
    return table(head, rows, f"{results['data']}, {len(test['backprop'])} seeds")


@styled
def draw(results: dict) -> plt.Figure:
    """Points behind backprop, every seed; worst angle over updates."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    arms = results["arms"]
    for k, (name, runs) in enumerate(arms.items()):
        behind = [100 * (b["test"] - a["test"]) for a, b in zip(runs, arms["backprop"], strict=True)]
        left.plot(behind, [k] * len(runs), "o", color=f"C{k}", ms=5)
        right.plot(
            runs[0]["updates"],
            np.mean([np.max(run["angle"], 1) for run in runs], 0),
            color=f"C{k}",
            label=name,
        )
    left.set_yticks(range(len(arms)), list(arms))
    left.invert_yaxis()
    left.axvline(0, color="0.7", lw=0.8)
    left.set_xlabel("points below backprop")
    right.set(xlabel="update", ylabel="worst area's angle (°)")
    right.legend(fontsize=7)
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
