"""Where does every rule stand on the spectrum: how biased, how noisy, how fast, how costly, how plausible?

    python -m simulations.spectrum              all rules, 3 seeds, 15 min on a busy core
    python -m simulations.spectrum --quick      three rules, one seed, some seconds

The spectrum of credit assignment of Lillicrap et al. 2020, measured: every rule of the catalogue on one
network (digits, 64-32-16-10, tanh), Adam, batch 32, 20 epochs, at the best of three rates for a validation
split half way. After learning, the rule's updates for one batch of 100 images are drawn 300 times (once where
nothing is drawn):

    bias        angle between their mean and the gradient (what draws add to the mean's length is taken off)
    variance    E‖Δw − mean‖² / ‖mean‖²
    passes      all synapses once for the batch, up and down, for one update
    breaks      constraints of Lillicrap's talk, by a quick audit (docs/audit.md)

The gradient is backprop's, of the rule's own lesson without exploration (rewarded rules explore, and that is
counted as theirs); for rules of two phases there is a second one, recurrent backprop's, of what they answer.

Expected (Lillicrap et al. 2020): guesses have no bias and much variance, feedback alignment the reverse, and
what is backprop by another name has neither; the larger either is, the slower is learning.

Next: corticalnet/rules/rows.py.
"""

from __future__ import annotations

import copy
import math
import warnings
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track

import corticalnet as cn
from corticalnet.analysis import passes
from corticalnet.analysis.alignment import backprop_for
from corticalnet.audit.report import TALK
from corticalnet.audit.samples import random_mlp, weight_update
from corticalnet.compare import cosine, float64_copy
from corticalnet.plotting.style import BLUE, RED, WINE, styled

from .parts import digits, training
from .parts.common import mean_sd, plus_minus, simulation, table

SIZES, BATCH, RATES = [64, 32, 16, 10], 32, (1e-3, 3e-3, 1e-2)
LOOKED_AT, DRAWS = 100, 300
QUICK = ("backprop", "node-perturbation", "equilibrium-propagation")
#: Constraints that a rule can break; tying is the network's.
CONSTRAINTS = {key: name.removeprefix("no ") for key, name in TALK.items() if key != "weight tying"}


def run(
    quick: Annotated[
        bool, typer.Option("--quick", help="Three rules, one seed, 2 epochs at one rate.")
    ] = False,
    seeds: Annotated[int, typer.Option(help="Networks of each rule.")] = 3,
    epochs: Annotated[int, typer.Option(help="Passes over the images.")] = 20,
) -> dict:
    """By rule: its rate, and of each seed accuracy over epochs, bias and variance; passes; what it breaks."""
    names, draws, rates = list(cn.list_rules()), DRAWS, RATES
    if quick:
        names, seeds, epochs, draws, rates = [*QUICK], 1, 2, 20, RATES[1:2]
    learned, tested = digits.images()
    found = {}
    for name in track(names, "spectrum", transient=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # (of phases that have not settled)
            rate = best_rate(name, rates, learned, epochs)
            trained = [train(name, rate, learned, tested, seed, epochs) for seed in range(seeds)]
            x, y = (part[:LOOKED_AT] for part in learned)
            counted = passes(*trained[0][:2], x, y)
            seen = [measure(net, rule, x, y, draws) for net, rule, _ in trained]
            audit = cn.audit_rule(name, random_mlp("tanh", 2, 0) if quick else None, quick=True)
        found[name] = {
            "rate": rate,
            "accuracy": [accuracy for _, _, accuracy in trained],
            "seen": seen,
            "passes": counted.up + counted.down,
            "marks": {key: audit[key].mark for key in CONSTRAINTS},
        }
    return {"epochs": epochs, "rules": found}


def best_rate(name: str, rates: tuple[float, ...], learned: digits.Batch, epochs: int) -> float:
    """The rate by which most of a validation split is right half way, by a seed that is not shown."""
    if len(rates) == 1:
        return rates[0]
    left, held = [part[:1294] for part in learned], [part[1294:] for part in learned]
    right = {rate: train(name, rate, left, held, 1000, epochs // 2)[2][-1] for rate in rates}
    return max(right, key=lambda rate: right[rate])


def train(
    name: str, rate: float, learned: digits.Batch, tested: digits.Batch, seed: int, epochs: int
) -> tuple[cn.Network, cn.LearningRule, list[float]]:
    """Network and rule after learning, and test accuracy after every epoch."""
    net, rule = cn.mlp(SIZES, "tanh", seed=seed, bias=True), cn.rule(name)
    optimizer = torch.optim.Adam([*net.parameters(), *rule.parameters(net)], lr=rate)
    order, right = torch.Generator().manual_seed(seed), []
    torch.manual_seed(seed)
    for _ in training.epochs(net, rule, optimizer, *learned, epochs, BATCH, order):
        right.append(float((rule.predict(net, tested[0]) == tested[1]).double().mean()))
    return net, rule, right


def measure(net: cn.Network, rule: cn.LearningRule, x: torch.Tensor, y: torch.Tensor, draws: int) -> dict:
    """Angle of the mean update to the gradient (°), to recurrent backprop's if it has one, and variance."""
    net, x = float64_copy(net), x.double()

    def update(rule: cn.LearningRule, seed: int) -> torch.Tensor:
        return torch.cat([one.flatten() for one in weight_update(net, rule, x, y, seed)[0].values()])

    rule = copy.deepcopy(rule)
    backprop = backprop_for(rule.without_exploration(), getattr(rule, "teaching", None))
    exact = rule.of_its_equilibrium()
    references = {"backprop": backprop, **({"recurrent backprop": exact} if exact else {})}
    first, second = update(rule, 0), update(rule, 1)
    many = (
        [first]
        if torch.equal(first, second)
        else [first, second, *(update(rule, k) for k in range(2, draws))]
    )
    updates = torch.stack(many)
    mean = updates.mean(0)
    noise = float(updates.var(0).sum()) if len(many) > 1 else 0.0
    length = float(mean.square().sum()) - noise / len(many)  # ‖mean‖², without what noise adds to it
    angles = {}
    for name, reference in references.items():
        gradient = update(reference, 0)
        likeness = cosine(mean, gradient) * float(mean.norm()) / math.sqrt(max(length, 1e-300))
        angles[name] = math.degrees(math.acos(max(-1.0, min(1.0, likeness))))
    return {"angle": angles, "variance": noise / length if length > 0 else None}


def broken(found: dict) -> list[str]:
    """Constraints that a rule breaks."""
    return [CONSTRAINTS[key] for key, mark in found["marks"].items() if mark == "no"]


def ordered(results: dict) -> dict[str, dict]:
    """Rules, those whose mean points the gradient's way first; of these, the least noisy first."""

    def place(item: tuple[str, dict]) -> tuple[float, float]:
        seen = item[1]["seen"]
        angle = mean_sd([one["angle"]["backprop"] for one in seen])[0]
        return round(angle), mean_sd([one["variance"] or 0.0 for one in seen])[0]

    return dict(sorted(results["rules"].items(), key=place))


def report(results: dict) -> str:
    """A line for each rule."""
    rows = []
    for name, found in ordered(results).items():
        angles = {
            kind: plus_minus([one["angle"][kind] for one in found["seen"]], 1)
            for kind in found["seen"][0]["angle"]
        }
        variances = [one["variance"] for one in found["seen"]]
        known = [one for one in variances if one is not None]
        right = [[100 * value for value in one] for one in found["accuracy"]]
        rows.append(
            [
                name,
                angles["backprop"],
                angles.get("recurrent backprop", ""),
                f"{mean_sd(known)[0]:.2g}" if known else "",
                plus_minus([one[1] for one in right], 1),
                plus_minus([one[-1] for one in right], 1),
                f"{found['passes']:.3g}",
                f"{found['rate']:g}",
                ", ".join(broken(found)),
            ]
        )
    header = [
        "rule", "bias (°)", "to recurrent backprop (°)", "variance", "test % after 1 epoch",
        f"after {results['epochs']}", "passes", "rate", "breaks",
    ]  # fmt: skip
    return table(header, rows, "the spectrum of credit assignment, measured")


@styled
def draw(results: dict) -> plt.Figure:
    """A line for each rule: bias, variance, learning, passes, and what it breaks."""
    rules = ordered(results)
    names, rows = list(rules), range(len(rules))
    figure, panels = plt.subplots(
        1, 5, figsize=(12, 1.6 + 0.21 * len(rules)), sharey=True, layout="constrained",
        width_ratios=[1.3, 1, 1.3, 1, 0.9],
    )  # fmt: skip
    bias, variance, learning, cost, breaks = panels
    for kind, colour, marker in (("recurrent backprop", RED, "D"), ("backprop", BLUE, "o")):
        seen = [
            (one["angle"][kind], row)
            for row, found in enumerate(rules.values())
            for one in found["seen"]
            if kind in one["angle"]
        ]
        bias.plot(
            [angle for angle, _ in seen], [row for _, row in seen], marker, ls="", color=colour, ms=4,
            mec="none", alpha=0.7, label=f"to {kind}",
        )  # fmt: skip
    for row, found in enumerate(rules.values()):
        noisy = [one["variance"] for one in found["seen"] if one["variance"]]
        variance.plot(noisy, [row] * len(noisy), "o", color=BLUE, ms=4, mec="none", alpha=0.7)
        cost.plot(found["passes"], row, "o", color=BLUE, ms=4, mec="none")
        for k, key in enumerate(CONSTRAINTS):
            if found["marks"][key] == "no":
                breaks.plot(k, row, "s", color=WINE, ms=4.5, mec="none")
    curves = 100 * np.array([np.mean(found["accuracy"], axis=0) for found in rules.values()])
    image = learning.imshow(curves, aspect="auto", vmin=10, vmax=100, cmap="viridis", interpolation="none")
    figure.colorbar(image, ax=learning, label="test accuracy (%)", shrink=0.6)
    bias.set_yticks(rows, names)
    bias.set(
        ylim=(len(rules) - 0.5, -0.5), xlim=(-4, 124), xticks=[0, 45, 90], xlabel="angle (°)", title="bias"
    )
    bias.axvline(90, color="0.85", lw=0.8, zorder=0)
    variance.set(xscale="log", xlabel="E‖Δw − mean‖² / ‖mean‖²", title="variance")
    learning.set(xlabel="epoch", title="learning", xticks=[0, results["epochs"]])
    cost.set(xscale="log", xlabel="passes of an update", title="cost")
    breaks.set_xticks(range(len(CONSTRAINTS)), list(CONSTRAINTS.values()), rotation=60, ha="right")
    breaks.set(xlim=(-0.6, len(CONSTRAINTS) - 0.4), title="breaks")
    for axes in (bias, variance, cost, breaks):
        axes.grid(axis="y", color="0.93", lw=0.6)
        axes.set_axisbelow(True)
    figure.legend(*bias.get_legend_handles_labels(), loc="outside lower left", ncols=2)
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
