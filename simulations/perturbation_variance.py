"""How noisy is a guess at the gradient, of weights one by one and of columns, as networks grow wider?

    python -m simulations.perturbation_variance              5 seeds, about 1 min
    python -m simulations.perturbation_variance --quick      one seed, small widths, about 5 s

A network n-n-n, one random sample and target, σ → 0. For one guess ĝ, E‖ĝ − g‖² / ‖g‖² with g by backprop.

Expected (Lillicrap et al. 2020: weights are worse than nodes). A guess at N numbers at once, ĝ = (gᵀz) z, has
E‖ĝ − g‖² = (N + 1) ‖g‖² (Isserlis). So weight perturbation: 2 n² + 1 exactly, exponent 2. Node perturbation
guesses at the 2 n rates and multiplies by what synapses know, their gain and input: exponent 1.

Next: corticalnet/rules/perturbation.py.
"""

from __future__ import annotations

import itertools
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer

import corticalnet as cn
from corticalnet.plotting.style import BLUE, RED, styled

from .parts.common import mean_sd, plus_minus, simulation, table

#: Rule -> how many samples of their own noise go in one batch (weights have one noise for all).
RULES = {"weight-perturbation": 1, "node-perturbation": 500}
HIDDEN, DEVIATION = ("linear", "tanh"), 1e-6
COLOURS = {"weight-perturbation": RED, "node-perturbation": BLUE}


def run(
    quick: Annotated[bool, typer.Option("--quick", help="One seed, widths to 16.")] = False,
    seeds: Annotated[int, typer.Option(help="Networks, samples and targets.")] = 5,
    guesses: Annotated[
        int, typer.Option(help="For each network, of weights; of nodes 50 times so many.")
    ] = 1000,
) -> dict:
    """Relative variance for every activation, rule, width and seed."""
    widths = [4, 8, 16] if quick else [4, 8, 16, 32, 64]
    count, trials = (1, 400) if quick else (seeds, guesses)
    return {
        "widths": widths,
        "variance": {
            hidden: {
                rule: [[variance(rule, hidden, n, seed, trials) for n in widths] for seed in range(count)]
                for rule in RULES
            }
            for hidden in HIDDEN
        },
    }


def variance(name: str, hidden: str, n: int, seed: int, trials: int) -> float:
    """E‖ĝ − g‖² / ‖g‖² of single guesses."""
    net = cn.mlp([n, n, n], hidden, seed=seed, dtype=torch.float64)
    rng, many = torch.Generator().manual_seed(seed), RULES[name]
    x, target = torch.randn(2, 1, n, generator=rng, dtype=torch.float64).unbind()
    cn.rule("backprop").learn(net, x, target)
    gradient = torch.cat([p.grad.flatten() for p in net.parameters()]).clone()
    rule, total = cn.rule(name, deviation=DEVIATION), 0.0
    torch.manual_seed(seed)
    repeats = trials if many == 1 else trials // 10
    for _ in range(repeats):
        rule.learn(net, x.expand(many, -1), target.expand(many, -1))
        guess = torch.cat([p.grad.flatten() for p in net.parameters()])
        total += many * (guess - gradient).square().sum().item()
    return total / repeats / gradient.square().sum().item()


def exponents(results: dict, hidden: str, rule: str) -> list[float]:
    """Slope of log variance over log width, for each seed."""
    width = np.log(results["widths"])
    return [np.polyfit(width, np.log(row), 1)[0].item() for row in results["variance"][hidden][rule]]


def report(results: dict) -> str:
    """Variance by width, and the fitted exponents."""
    rows = []
    for hidden, rule in itertools.product(HIDDEN, RULES):
        columns = zip(*results["variance"][hidden][rule], strict=True)
        cells = [f"{mean_sd(list(values))[0]:.3g}" for values in columns]
        rows.append([hidden, rule, *cells, plus_minus(exponents(results, hidden, rule))])
    count = len(results["variance"][HIDDEN[0]]["node-perturbation"])
    header = ["hidden", "rule", *(f"n = {n}" for n in results["widths"]), "exponent"]
    return table(header, rows, f"E‖ĝ − g‖² / ‖g‖² of one guess, networks n-n-n, {count} seeds")


@styled
def draw(results: dict) -> plt.Figure:
    """Log-log, one panel for each activation; dashed: 2 n² + 1."""
    figure, panels = plt.subplots(1, len(HIDDEN), figsize=(8, 3.8), sharey=True, layout="constrained")
    widths = np.array(results["widths"])
    for axes, hidden in zip(panels, HIDDEN, strict=True):
        for rule, colour in COLOURS.items():
            rows = np.array(results["variance"][hidden][rule])
            slope = mean_sd(exponents(results, hidden, rule))[0]
            axes.loglog(widths, rows.T, "o", color=colour, ms=4, alpha=0.5, mec="none")
            axes.loglog(widths, rows.mean(0), color=colour, label=f"{rule}: exponent {slope:.2f}")
        axes.loglog(widths, 2 * widths**2 + 1, "--", color="0.5", lw=1, zorder=0, label="2 n² + 1")
        axes.set(title=f"hidden {hidden}", xlabel="width n", xticks=widths, xticklabels=widths)
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    panels[0].set_ylabel("E‖ĝ − g‖² / ‖g‖²")
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
