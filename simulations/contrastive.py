"""Do contrastive Hebbian learning and GeneRec become backprop as feedback grows weak, and do they learn?

    python -m simulations.contrastive              3 seeds, 8 min on a busy core
    python -m simulations.contrastive --quick      one seed, some seconds

How far: networks 8-12-10-9-5, float64; ‖Δw − ĝ‖ / ‖ĝ‖ of the worst area, with ĝ by autograd of the sweep: of
the squared loss for a linear output, of the cross-entropy for one that is sigmoid. κ is how strong what comes
down is. Digits: 64-64-64-10, Adam; answers are those of the free equilibrium.

Expected (Xie & Seung 2003): the distance of both is O(κ), so slopes of 1; where GeneRec's way down has random
weights of its own, it does not fall. Digits are learned nearly as by backprop where κ is small.

Next: corticalnet/rules/equilibrium/contrastive.py.
"""

from __future__ import annotations

import itertools
from typing import Annotated, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track
from torch.nn.functional import binary_cross_entropy

import corticalnet as cn
from corticalnet.compare import relative_error
from corticalnet.plotting.style import BLUE, GREY, RED, styled

from .equilibrium_propagation import accuracies, learned_table
from .parts import digits
from .parts.common import mean_sd, plus_minus, simulation, table
from .parts.digits import Setting

SIZES, FEEDBACKS = [8, 12, 10, 9, 5], (0.1, 0.03, 0.01, 0.003, 0.001)
#: Activation of hidden areas, and of the output.
NETWORKS = {"tanh, linear output": ("tanh", "linear"), "sigmoid": ("sigmoid", "sigmoid")}
RULES: dict[str, tuple[str, dict[str, Any]]] = {
    "CHL": ("contrastive-hebbian", {}),
    "GeneRec": ("generec", {}),
    "GeneRec, random feedback": ("generec", {"pathway": "random"}),
}
#: The order of the distance in κ.
ORDER = {"CHL": "1", "GeneRec": "1", "GeneRec, random feedback": "0"}
LOOKS = {
    "CHL": {"color": BLUE},
    "GeneRec": {"color": RED, "ls": "--"},
    "GeneRec, random feedback": {"color": GREY},
}


#: Gain of Glorot's initial weights for sigmoid columns, whose slope at 0 is a quarter (Glorot & Bengio 2010).
SIGMOID = 4.0


def _setting(rule: str, **parameters: Any) -> Setting:
    return Setting(rule, {"steps": 30, **parameters}, gain=SIGMOID)


#: What learns digits.
SETTINGS: dict[str, Setting] = {
    "backprop": Setting("backprop", gain=SIGMOID, lr=5e-3, epochs=40, batch=32),
    "CHL, κ = 0.2": _setting("contrastive-hebbian"),
    "GeneRec, κ = 0.2": _setting("generec"),
    "GeneRec midpoint, κ = 0.2": _setting("generec", form="midpoint"),
    "GeneRec random feedback, κ = 0.2": _setting("generec", pathway="random"),
}
#: What a prototype in NumPy reached on another split (1,437 to learn, 360 to test; 3 seeds).
PROTOTYPE = {
    "backprop": "97.41 ± 0.16",
    "CHL, κ = 0.2": "97.04 ± 0.32",
    "GeneRec, κ = 0.2": "96.94 ± 0.28",
    "GeneRec random feedback, κ = 0.2": "93.89 ± 0.73",
}
QUICK = ("backprop", "CHL, κ = 0.2")


def run(
    quick: Annotated[bool, typer.Option("--quick", help="One seed, one network, 3 epochs.")] = False,
    seeds: Annotated[int, typer.Option(help="Networks of each kind.")] = 3,
) -> dict:
    """Distances ``[seed][κ]`` by network and rule; digits by rule: of each seed, accuracy over epochs."""
    seeds, networks = (1, list(NETWORKS)[1:]) if quick else (seeds, list(NETWORKS))
    distances = {
        network: {
            rule: [[distance(network, rule, kappa, seed) for kappa in FEEDBACKS] for seed in range(seeds)]
            for rule in RULES
        }
        for network in networks
    }
    learned, tested = digits.images()
    found: dict[str, list[dict]] = {}
    runs = list(itertools.product(QUICK if quick else SETTINGS, range(seeds)))
    for name, seed in track(runs, "digits", transient=True):
        one = digits.learn(SETTINGS[name], learned, tested, seed, 3 if quick else None)
        found.setdefault(name, []).append(one)
    return {"feedback": FEEDBACKS, "distances": distances, "digits": found}


def distance(network: str, rule: str, kappa: float, seed: int) -> float:
    """‖Δw − ĝ‖ / ‖ĝ‖ of the weights of the worst area, for a batch of eight."""
    net = cn.mlp(SIZES, *NETWORKS[network], seed, bias=True, init="glorot", dtype=torch.float64)
    rng = torch.Generator().manual_seed(seed)
    x = torch.rand(8, SIZES[0], generator=rng, dtype=torch.float64)
    t = torch.rand(8, SIZES[-1], generator=rng, dtype=torch.float64)
    rates = net(x)
    squared = NETWORKS[network][1] == "linear"
    loss = 0.5 * (t - rates).square().sum() if squared else binary_cross_entropy(rates, t, reduction="sum")
    weights = [link.weight for link in net.links]
    wanted = torch.autograd.grad(loss / len(x), weights)
    name, parameters = RULES[rule]
    torch.manual_seed(seed)  # of random feedback
    cn.rule(name, feedback=kappa, steps=2000, bound=50.0, **parameters).learn(net, x, t)
    return max(relative_error(w.grad, g) for w, g in zip(weights, wanted, strict=True))


def slopes(results: dict, network: str, rule: str) -> list[float]:
    """Slope of log distance over log κ from 0.01 down, for each seed."""
    few = slice(FEEDBACKS.index(0.01), None)
    at = np.log(results["feedback"][few])
    return [np.polyfit(at, np.log(row[few]), 1)[0].item() for row in results["distances"][network][rule]]


def report(results: dict) -> str:
    """Distances by κ with fitted slopes, and accuracy at the end."""
    rows = []
    for network, rule in itertools.product(results["distances"], RULES):
        columns = zip(*results["distances"][network][rule], strict=True)
        cells = [f"{mean_sd(list(values))[0]:.2g}" for values in columns]
        rows.append([network, rule, *cells, plus_minus(slopes(results, network, rule)), ORDER[rule]])
    header = [
        "network",
        "rule",
        *(f"κ = {kappa:g}" for kappa in results["feedback"]),
        "slope below 0.01",
        "theory",
    ]
    first = table(header, rows, "‖Δw − ĝ‖ / ‖ĝ‖ of the worst area, ĝ by backprop")
    return f"{first}\n\n{learned_table(results['digits'], PROTOTYPE)}"


@styled
def draw(results: dict) -> plt.Figure:
    """Distance over κ, a panel for each network; test accuracy of every seed."""
    kinds = list(results["distances"])
    figure, panels = plt.subplots(
        1, len(kinds) + 1, figsize=(3.0 * len(kinds) + 4.6, 3.4), layout="constrained",
        width_ratios=[1] * len(kinds) + [1.1],
    )  # fmt: skip
    for axes, network in zip(panels, kinds, strict=False):
        for rule, look in LOOKS.items():
            rows = np.array(results["distances"][network][rule])
            slope = round(mean_sd(slopes(results, network, rule))[0], 2) + 0.0  # (no −0)
            axes.loglog(results["feedback"], rows.T, "o", color=look["color"], ms=4, alpha=0.5, mec="none")
            axes.loglog(results["feedback"], rows.mean(0), **look, label=f"{rule}: slope {slope:.2f}")
        axes.set(title=network, xlabel="feedback κ", ylim=(1e-5, 10))
        axes.legend(loc="lower right")
    panels[0].set_ylabel("distance to backprop, worst area")
    accuracies(panels[-1], results["digits"])
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
