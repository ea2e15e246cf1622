"""How far is equilibrium propagation from the exact gradient of its equilibrium, and does it learn digits?

    python -m simulations.equilibrium_propagation              3 seeds, 15 min on a busy core
    python -m simulations.equilibrium_propagation --quick      one seed, some seconds

How far: networks 8-12-9-5, float64, κ = 1; ‖Δw − ĝ‖ / ‖ĝ‖ with ĝ by recurrent backprop (Almeida 1987, Pineda
1987), in all forms, β (of the holomorphic form, the radius) from 0.2 to 1e-4. Digits: 64-64-10 and
64-64-64-10, Adam; columns are σ(4 (u − ½)), answers are those of the free equilibrium; the twin is a sweep of
σ(u) that backprop teaches.

Expected (Scellier & Bengio 2017; Laborieux et al. 2021; Laborieux & Zenke 2022): the error is O(β) if
one-sided and O(β²) if symmetric, so slopes of 1 and 2, and N for a circle of N points; three-phase is
symmetric and continual one-sided, where phases settle and weights stay. With one hidden area accuracy is
within a point of the twin's.

Next: corticalnet/rules/equilibrium/propagation.py.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Annotated, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from matplotlib.axes import Axes
from rich.progress import track

import corticalnet as cn
from corticalnet.analysis import align
from corticalnet.plotting.style import BLUE, GREEN, ORANGE, PINK, RED, WINE, styled

from .parts import digits
from .parts.common import mean_sd, plus_minus, simulation, table
from .parts.digits import Setting

SIZES, BETAS = [8, 12, 9, 5], (0.2, 0.1, 0.05, 0.02, 1e-2, 1e-3, 1e-4)
ACTIVATIONS = ("sigmoid", "tanh")


@dataclass(frozen=True)
class Form:
    """A form of the rule: its parameters, the order of its error in β, and how it is drawn.

    Attributes:
        parameters: of the rule.
        order: which theory says.
        look: of its line.
    """

    parameters: dict[str, Any]
    order: int
    look: dict[str, Any]


FORMS = {
    "one-sided": Form({}, 1, {"color": RED}),
    "continual": Form({"form": "continual"}, 1, {"color": ORANGE, "ls": ":"}),
    "symmetric": Form({"form": "symmetric"}, 2, {"color": BLUE}),
    "three-phase": Form({"form": "three-phase"}, 2, {"color": GREEN, "ls": ":"}),
    "holomorphic, N = 4": Form({"form": "holomorphic"}, 4, {"color": PINK}),
    "holomorphic, N = 8": Form({"form": "holomorphic", "points": 8}, 8, {"color": WINE}),
}
#: What rounding leaves of an error, times β: phases rest at some 1e-15, and differences are divided by β.
ROUNDING = 5e-14
QUICK_FORMS = ("one-sided", "symmetric", "holomorphic, N = 4")
#: σ(4 (u − ½)) as a sigmoid: weights are four times Glorot's half, biases begin at −2, rates are fourfold.
STEEP = {"gain": 2.0, "bias": -2.0}
EP = {"rule": "equilibrium-propagation", "lr": 4e-3, **STEEP}
ONE, TWO = {"hidden": (64,)}, {"hidden": (64, 64)}
#: A nudge within σ(4 …) is fourfold, too: β = 2 is a half there.
DEEP = {"feedback": 1.0, "beta": 2.0, "steps": 30, "nudged_steps": 10}


def _one(form: str) -> Setting:
    return Setting(**EP, **ONE, parameters={"feedback": 1.0, "steps": 40, "form": form})


def _two(form: str) -> Setting:
    return Setting(**{**EP, "lr": 8e-3}, **TWO, parameters={**DEEP, "form": form}, epochs=60)


#: What learns digits.
SETTINGS: dict[str, Setting] = {
    "backprop, 64-64-10": Setting("backprop", **ONE, lr=5e-3, epochs=40, batch=32),
    "symmetric, 64-64-10": _one("symmetric"),
    "one-sided, 64-64-10": _one("one-sided"),
    "random sign, 64-64-10": _one("random sign"),
    "three-phase, 64-64-10": _one("three-phase"),
    # Adam makes steps as large where nothing moves any more: the phase has to be short.
    "continual, 64-64-10": Setting(
        **{**EP, "lr": 4e-4},
        **ONE,
        parameters={"feedback": 1.0, "beta": 2.0, "steps": 20, "nudged_steps": 8, "form": "continual"},
    ),
    "holomorphic, N = 4, 64-64-10": _one("holomorphic"),
    "recurrent backprop, 64-64-10": Setting(
        **{**EP, "rule": "recurrent-backprop"}, **ONE, parameters={"feedback": 1.0, "steps": 40}
    ),
    "backprop, 64-64-64-10": Setting("backprop", **TWO, lr=5e-3, epochs=40, batch=32),
    "symmetric, 64-64-64-10": _two("symmetric"),
    "one-sided, 64-64-64-10": _two("one-sided"),
}
#: What a prototype in NumPy reached on another split (1,437 to learn, 360 to test; 3 seeds).
PROTOTYPE = {
    "backprop, 64-64-10": "97.13 ± 0.70",
    "symmetric, 64-64-10": "96.57 ± 0.42",
    "one-sided, 64-64-10": "96.48 ± 0.70",
    "backprop, 64-64-64-10": "97.41 ± 0.16",
    "symmetric, 64-64-64-10": "96.85 ± 0.85",
    "one-sided, 64-64-64-10": "96.11 ± 0.28",
}
QUICK = ("backprop, 64-64-10", "symmetric, 64-64-10")


def run(
    quick: Annotated[
        bool, typer.Option("--quick", help="One seed, one activation, 3 epochs of two rules.")
    ] = False,
    seeds: Annotated[int, typer.Option(help="Networks of each kind.")] = 3,
) -> dict:
    """Errors ``[seed][β]`` by activation and form; digits by rule: of each seed, accuracy over epochs."""
    seeds, activations = (1, ACTIVATIONS[:1]) if quick else (seeds, ACTIVATIONS)
    errors = {
        activation: {
            form: [[error(activation, form, beta, seed) for beta in BETAS] for seed in range(seeds)]
            for form in (QUICK_FORMS if quick else FORMS)
        }
        for activation in activations
    }
    learned, tested = digits.images()
    found: dict[str, list[dict]] = {}
    for name, seed in track(
        list(itertools.product(QUICK if quick else SETTINGS, range(seeds))), "digits", transient=True
    ):
        one = digits.learn(SETTINGS[name], learned, tested, seed, 3 if quick else None)
        found.setdefault(name, []).append(one)
    return {"betas": BETAS, "errors": errors, "digits": found}


def error(activation: str, form: str, beta: float, seed: int) -> float:
    """‖Δw − ĝ‖ / ‖ĝ‖ over all weights of one network, for a batch of eight."""
    net = cn.mlp(SIZES, activation, activation, seed, bias=True, init="glorot", dtype=torch.float64)
    rng = torch.Generator().manual_seed(seed)
    x, t = (torch.rand(8, n, generator=rng, dtype=torch.float64) for n in (SIZES[0], SIZES[-1]))
    same = {"feedback": 1.0, "steps": 5000}
    rule = cn.rule("equilibrium-propagation", beta=beta, **FORMS[form].parameters, **same)
    return align(net, rule, x, t, cn.rule("recurrent-backprop", **same)).error


def slopes(results: dict, activation: str, form: str) -> list[float]:
    """Slope of log error over log β for each seed, over the three smallest β that rounding is far below."""
    found, betas = [], np.array(results["betas"])
    for row in np.array(results["errors"][activation][form]):
        few = np.flatnonzero(row > ROUNDING / betas)[-3:]
        found.append(np.polyfit(np.log(betas[few]), np.log(row[few]), 1)[0].item())
    return found


def report(results: dict) -> str:
    """Errors by β with fitted slopes, and accuracy at the end."""
    rows = []
    for activation, forms in results["errors"].items():
        for form, errors in forms.items():
            cells = [f"{mean_sd(list(values))[0]:.1e}" for values in zip(*errors, strict=True)]
            slope = plus_minus(slopes(results, activation, form))
            rows.append([activation, form, *cells, slope, str(FORMS[form].order)])
    header = ["activation", "form", *(f"β = {beta:g}" for beta in results["betas"]), "slope", "theory"]
    first = table(header, rows, "‖Δw − ĝ‖ / ‖ĝ‖, ĝ by recurrent backprop")
    return f"{first}\n\n{learned_table(results['digits'], PROTOTYPE)}"


def learned_table(found: dict[str, list[dict]], prototype: dict[str, str]) -> str:
    """Accuracy of every rule at the end beside a prototype's, and how often phases did not settle."""
    rows = [
        [
            name,
            plus_minus([100 * one["accuracy"][-1] for one in runs]),
            prototype.get(name, ""),
            plus_minus([100 * one["unsettled"] for one in runs], 1),
        ]
        for name, runs in found.items()
    ]
    return table(["rule", "test %", "prototype in NumPy", "unsettled phases per 100 updates"], rows, "digits")


@styled
def draw(results: dict) -> plt.Figure:
    """Error over β, a panel for each activation; test accuracy of every seed."""
    kinds = list(results["errors"])
    figure, panels = plt.subplots(
        1, len(kinds) + 1, figsize=(3.0 * len(kinds) + 4.6, 4.4), layout="constrained",
        width_ratios=[1] * len(kinds) + [1.1],
    )  # fmt: skip
    for axes, activation in zip(panels, kinds, strict=False):
        for form, found in results["errors"][activation].items():
            rows, look = np.array(found), FORMS[form].look
            slope = mean_sd(slopes(results, activation, form))[0]
            axes.loglog(results["betas"], rows.T, "o", color=look["color"], ms=3, alpha=0.5, mec="none")
            axes.loglog(results["betas"], rows.mean(0), **look, label=f"{form}: slope {slope:.2f}")
        axes.set(title=activation, xlabel="nudge β", ylim=(1e-15, 1))
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize="small")
    panels[0].set_ylabel("relative error to recurrent backprop")
    accuracies(panels[-1], results["digits"])
    return figure


def accuracies(axes: Axes, found: dict[str, list[dict]]) -> None:
    """Test accuracy of every seed and its mean, rule by rule from above."""
    for k, runs in enumerate(found.values()):
        right = [100 * one["accuracy"][-1] for one in runs]
        axes.plot(right, [k] * len(right), "o", color=BLUE, ms=4, alpha=0.5, mec="none")
        axes.plot([np.mean(right)] * 2, [k - 0.3, k + 0.3], color=BLUE, lw=2)
    axes.set_yticks(range(len(found)), list(found))
    axes.set(ylim=(len(found) - 0.5, -0.5), xlabel="test accuracy (%)", title="digits, every seed and mean")


if __name__ == "__main__":
    simulation(run, report, draw)
