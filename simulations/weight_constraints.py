"""What do constraints on weights cost: signs that stay, Dale's law, non-negative weights, few synapses?

    python -m simulations.weight_constraints              digits, seven rules, 3 seeds, 5 min of a core
    python -m simulations.weight_constraints --quick      two rules, one seed, 2 epochs, some seconds

Digits, 64-64-64-10, tanh, a linear output, squared loss, Adam 2e-3, batch 50, 30 epochs; every link is
free, or bound: w ← clip(w + Δw, low, high) after each update. Beside accuracy: how many columns send both
signs in the end, which a column of one transmitter cannot (Dale's law).

Lillicrap's talk (2018) allows its algorithms "Dale violation" and gives no number: here it is one. Expected:
signs cost little, non-negative weights much, whatever the rule.

Next: corticalnet/network/links/bounds.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import matplotlib.pyplot as plt
import numpy as np
import typer
from rich.progress import track

import corticalnet as cn
from corticalnet.plotting.style import styled

from .parts import digits
from .parts.common import plus_minus, simulation, table

CONSTRAINTS: dict[str, dict[str, Any]] = {
    "free": {},
    "signs stay": {"bounds": cn.KeepSigns()},
    "Dale, 80 % excite": {"bounds": cn.Dale(0.8)},
    "Dale, 50 % excite": {"bounds": cn.Dale(0.5)},
    "non-negative": {"bounds": cn.Bounds(low=0)},
    "10 % of synapses": {"density": 0.1},
}
RULES = {
    name: digits.Setting(name, parameters, (64, 64), "tanh", "linear", lr=2e-3)
    for name, parameters in {
        "backprop": {},
        "sign-symmetry": {},
        "feedback-alignment": {},
        "weight-mirror": {},
        "kolen-pollack": {},
        "brainprop": {},
        "difference-target-propagation": {},
    }.items()
}


def run(
    quick: Annotated[bool, typer.Option("--quick", help="Two rules, one seed, 2 epochs.")] = False,
    seeds: Annotated[int, typer.Option(help="How many.")] = 3,
) -> dict:
    """Train with every rule, every constraint and every seed."""
    seeds = 1 if quick else seeds
    names = ["backprop", "feedback-alignment"] if quick else [*RULES]
    cases = [(name, constraint) for name in names for constraint in CONSTRAINTS]
    images, found = digits.images(), {}
    for name, constraint in track(cases, "rules and constraints", transient=True):
        setting = replace(RULES[name], links=CONSTRAINTS[constraint])
        made = [digits.learn(setting, *images, seed, 2 if quick else None) for seed in range(seeds)]
        found.setdefault(name, {})[constraint] = {
            "accuracy": [one["accuracy"][-1] for one in made],
            "mixed": [one["mixed"] for one in made],
        }
    return {"seeds": seeds, "rules": found}


def report(results: dict) -> str:
    """A row for each rule, a column for each constraint; then how many columns send both signs."""
    rules = results["rules"].items()
    accuracy, both = (
        [[name, *(plus_minus([100 * v for v in by[c][what]], 1) for c in CONSTRAINTS)] for name, by in rules]
        for what in ("accuracy", "mixed")
    )
    head = ["rule", *CONSTRAINTS]
    return "\n".join(
        [
            table(head, accuracy, f"test accuracy (%), digits, {results['seeds']} seeds"),
            table(head, both, "columns that send excitation and inhibition along one link (%)"),
        ]
    )


@styled
def draw(results: dict) -> plt.Figure:
    """Accuracy of every seed under every constraint, rule by rule."""
    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    for k, (name, by) in enumerate(results["rules"].items()):
        values = np.array([100 * np.array(by[c]["accuracy"]) for c in CONSTRAINTS])
        at = np.arange(len(CONSTRAINTS)) + (k - len(results["rules"]) / 2) * 0.1
        axes.plot(at, values.mean(1), "o", color=f"C{k}", label=name)
        axes.plot(at, values, ".", color=f"C{k}", alpha=0.4)
    axes.set_xticks(range(len(CONSTRAINTS)), [*CONSTRAINTS])
    axes.set(ylabel="test accuracy (%)")
    axes.legend(fontsize="small")
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
