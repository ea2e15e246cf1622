"""Do bursts teach as errors do: near backprop for small errors, in ensembles of spikes, and on digits?

    python -m simulations.bursts              3 seeds, 1 min
    python -m simulations.bursts --quick      one seed, some seconds

How far: networks 8-12-10-9-5, sigmoid, float64, targets h away from the answers; ‖Δw / p_b − ĝ‖ / ‖ĝ‖ of
the worst area, with ĝ by backprop through the same pathway Y. Ensembles: columns fire Poisson events, each
a burst with chance p, so many on average at a rate of ½; Δw of 20 digits, 64-64-64-10, against that of
rates. Digits: 64-64-64-10, Adam; deep feedback control, whose controller drives the output, beside it.

Expected (Greedy et al. 2022): the distance of BurstCCN is O(h²) where p_b is ½, else O(h); that of Burstprop
does not vanish (a factor of its state stays). Ensembles come near rates as 1/√events, upper areas sooner.

Next: corticalnet/rules/dendrites/bursts.py, corticalnet/rules/dendrites/feedback_control.py.
"""

from __future__ import annotations

import itertools
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track

import corticalnet as cn
from corticalnet.compare import cosine, relative_error
from corticalnet.plotting.style import BLUE, GREY, RED, styled

from .equilibrium_propagation import accuracies
from .parts import digits
from .parts.common import mean_sd, plus_minus, simulation, table
from .parts.digits import Batch, Setting

SIZES, ERRORS, EVENTS = [8, 12, 10, 9, 5], (0.1, 0.03, 0.01, 0.003, 0.001), (10, 100, 1_000, 10_000)
#: Rule, p_b, and the order of its distance in h.
LIMITS = {
    "BurstCCN, p_b = 0.5": ("burstccn", 0.5, "2"),
    "BurstCCN, p_b = 0.2": ("burstccn", 0.2, "1"),
    "Burstprop, p_b = 0.2": ("burstprop", 0.2, "0"),
}
_SAME = {"lr": 5e-3, "epochs": 40, "batch": 32}
_TANH = {"activation": "tanh", "output": "linear", "epochs": 40, "batch": 32}
SETTINGS = {
    "backprop, sigmoid": Setting("backprop", **_SAME),  # type: ignore[arg-type]
    "Burstprop, Y tied": Setting("burstprop", {"feedback": "tied"}, **_SAME),  # type: ignore[arg-type]
    "Burstprop, Y random": Setting("burstprop", **_SAME),  # type: ignore[arg-type]
    "BurstCCN, Y tied": Setting("burstccn", {"feedback": "tied"}, **_SAME),  # type: ignore[arg-type]
    "BurstCCN, Y random": Setting("burstccn", **_SAME),  # type: ignore[arg-type]
    "backprop, tanh": Setting("backprop", lr=2e-3, **_TANH),  # type: ignore[arg-type]
    "deep feedback control, Q fixed": Setting("deep-feedback-control", lr=1e-3, **_TANH),  # type: ignore[arg-type]
    "deep feedback control, Q learned": Setting(
        "deep-feedback-control",
        {"control": "noise", "leak": 1.0},
        lr=1e-3,
        **_TANH,  # type: ignore[arg-type]
    ),
}
#: What a prototype in NumPy reached on another split (1,437 to learn, 360 to test; 3 seeds).
PROTOTYPE = {
    "backprop, sigmoid": "97.41 ± 0.16",
    "Burstprop, Y tied": "96.85 ± 0.70",
    "Burstprop, Y random": "97.13 ± 0.42",
    "BurstCCN, Y tied": "97.69 ± 0.16",
    "BurstCCN, Y random": "97.22 ± 0.56",
    "backprop, tanh": "98.15 ± 0.32",
    "deep feedback control, Q fixed": "97.31 ± 0.16",
    "deep feedback control, Q learned": "96.94 ± 0.28",
}
QUICK = ("BurstCCN, Y random",)


def run(
    quick: Annotated[bool, typer.Option("--quick", help="One seed, 3 epochs.")] = False,
    seeds: Annotated[int, typer.Option(help="Networks of each kind.")] = 3,
) -> dict:
    """Distances ``[seed][h]`` by rule; cosines ``[seed][events][area]``; digits by rule, of each seed."""
    seeds = 1 if quick else seeds
    distances = {
        name: [[distance(rule, p, h, seed) for h in ERRORS] for seed in range(seeds)]
        for name, (rule, p, _) in LIMITS.items()
    }
    learned, tested = digits.images()
    cosines = [[ensemble(learned, events, seed) for events in EVENTS] for seed in range(seeds)]
    found: dict[str, list[dict]] = {}
    runs = list(itertools.product(QUICK if quick else SETTINGS, range(seeds)))
    for name, seed in track(runs, "digits", transient=True):
        one = digits.learn(SETTINGS[name], learned, tested, seed, 3 if quick else None)
        found.setdefault(name, []).append(one)
    return {"errors": ERRORS, "distances": distances, "events": EVENTS, "cosines": cosines, "digits": found}


def distance(name: str, baseline: float, size: float, seed: int) -> float:
    """‖Δw / p_b − ĝ‖ / ‖ĝ‖ of the weights of the worst area, for a batch of eight."""
    net = cn.mlp(SIZES, "sigmoid", "sigmoid", seed, bias=True, init="glorot", dtype=torch.float64)
    rng = torch.Generator().manual_seed(seed)
    x = torch.rand(8, SIZES[0], generator=rng, dtype=torch.float64)
    t = net(x).detach() + size * torch.randn(8, SIZES[-1], generator=rng, dtype=torch.float64)
    changes = []
    for rule in (cn.rule(name, baseline=baseline), cn.rule("feedback-alignment")):
        rule.learn(net, x, t)
        changes.append([link.weight.grad.clone() for link in net.links])  # type: ignore[union-attr]
    return max(relative_error(a / baseline, b) for a, b in zip(*changes, strict=True))


def ensemble(learned: Batch, events: int, seed: int) -> list[float]:
    """Cosine of the change of each area, from below, to that of rates: BurstCCN with random Y."""
    net, rule = SETTINGS["BurstCCN, Y random"].network(seed).double(), cn.rule("burstccn")
    x, y = learned[0][:20].double(), learned[1][:20]
    rule.learn(net, x, y)
    wanted = [link.weight.grad.clone() for link in net.links]  # type: ignore[union-attr]
    torch.manual_seed(seed)
    n, rates, seen = 2 * events, [], [x]
    for link in net.links:
        rates.append(torch.sigmoid(link.drive(seen[-1])).detach())
        seen.append(torch.poisson(n * rates[-1]) / n)
    ways = {route.link: route.weights for route in rule.feedback_routes(net)}
    target = torch.nn.functional.one_hot(y, 10).double()
    chance, found = 0.5 * (1 + (target - rates[-1]) * (1 - rates[-1])), []
    for k in range(len(net.links) - 1, -1, -1):
        surplus = torch.binomial((n * seen[k + 1]).round(), chance) / n - 0.5 * seen[k + 1]
        found.insert(0, -surplus.T @ seen[k] / len(x))
        if k:
            apical = net.links[k].feedback(surplus, ways[net.links[k]])
            chance = torch.sigmoid(4 * (1 - rates[k - 1]) * apical).detach()
    return [cosine(a.flatten(), b.flatten()) for a, b in zip(found, wanted, strict=True)]


def slopes(results: dict, name: str) -> list[float]:
    """Slope of log distance over log h, for each seed."""
    at = np.log(results["errors"])
    return [np.polyfit(at, np.log(row), 1)[0].item() for row in results["distances"][name]]


def report(results: dict) -> str:
    """Distances by h with fitted slopes, cosines by events, and accuracy at the end."""
    rows = []
    for name, found in results["distances"].items():
        cells = [f"{mean_sd(list(values))[0]:.2g}" for values in zip(*found, strict=True)]
        rows.append([name, *cells, plus_minus(slopes(results, name)), LIMITS[name][2]])
    header = ["rule", *(f"h = {h:g}" for h in results["errors"]), "slope", "theory"]
    limits = table(header, rows, "‖Δw / p_b − ĝ‖ / ‖ĝ‖ of the worst area, ĝ by backprop through Y")
    by_events = np.array(results["cosines"]).transpose(1, 2, 0)
    lines = [
        [f"{events:,}", *(plus_minus(list(area), 4) for area in areas)]
        for events, areas in zip(results["events"], by_events, strict=True)
    ]
    names = ["events per column and trial", "lowest area", "middle area", "output"]
    spikes = table(names, lines, "cosine of the change of weights to that of rates")
    last = [
        [name, plus_minus([100 * one["accuracy"][-1] for one in runs]), PROTOTYPE[name]]
        for name, runs in results["digits"].items()
    ]
    return "\n\n".join([limits, spikes, table(["rule", "test %", "prototype in NumPy"], last, "digits")])


@styled
def draw(results: dict) -> plt.Figure:
    """Distance over h; cosine over events; test accuracy of every seed."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    for (name, rows), color in zip(results["distances"].items(), (BLUE, RED, GREY), strict=True):
        left.loglog(results["errors"], np.mean(rows, 0), color=color, label=name)
    left.set(xlabel="size of errors h", ylabel="distance to backprop, worst area")
    left.legend()
    means = np.mean(results["cosines"], 0).T
    for name, row, color in zip(("lowest", "middle", "output"), means, (BLUE, RED, GREY), strict=True):
        middle.semilogx(results["events"], row, color=color, label=name)
    middle.set(xlabel="events per column and trial", ylabel="cosine to rates")
    middle.legend()
    accuracies(right, results["digits"])
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
