"""Do apical dendrites hold backprop's errors, fall silent when all is learned, and teach digits?

    python -m simulations.microcircuit              3 seeds, 3 min on a busy core
    python -m simulations.microcircuit --mnist-folder DIR      and MNIST, or some of it, 4 min more
    python -m simulations.microcircuit --quick      one seed, some seconds

Sacramento et al. 2018. Apical potentials: a circuit of 30-20-10 columns in continuous time, 4 images side by
side; laterals learn from random starts without a teacher, then (self-predicting) with one that comes and
stays, and that goes again. Nudges: networks 8-12-10-5, float64; the angle of Δw to the gradient of what the
network answers (hidden area with the largest), and ‖p − c q‖ / ‖c q‖ of its mismatches p to the closed form
c q, backprop through B. Digits: 64-64-10 and 64-64-64-10, sigmoid, Adam 5e-3 for the way up, plain steps of
½ for laterals, 40 epochs, batches of 32, targets .1 and .9 as potentials. MNIST: 784-128-10, Adam 2e-3, 15
epochs, batches of 50.

Expected: dendrites are silent once laterals are learned, speak when the teacher comes, and are silent again
when the way up has learned; the distance to the closed form is O(λ), so its slope is 1; all-local learning
costs nothing that three seeds could show.

Next: corticalnet/rules/dendrites/microcircuit.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.compare import cosine, relative_error
from corticalnet.plotting.style import BLUE, GREY, RED, styled

from .equilibrium_propagation import accuracies
from .parts import apical, digits
from .parts.common import plus_minus, simulation, table

RULE = "dendritic-microcircuit"
STRENGTHS = (0.8, 0.1, 1e-2, 1e-3, 1e-4)
NETWORKS = ("sigmoid", "tanh")
PATHWAYS = ("tied", "random")
#: How long the stages of the circuit last (ms), and how fast they learn (per ms).
COURSE = {"before": 500, "quiet": 2500, "taught": 8000, "after": 500}
QUICK_COURSE = {"before": 50, "quiet": 300, "taught": 1500, "after": 50}
RATES = {"quiet": 0.02, "taught": 0.1}


@dataclass(frozen=True)
class Way:
    """One way to learn digits: a rule, and how its laterals learn.

    Attributes:
        rule: its name.
        parameters: of the rule.
        hidden: columns of hidden areas.
        quiet: epochs without a teacher in which laterals learn first.
        prototype: what one in NumPy reached (digits: on another split, 1,437 to learn and 360 to test;
            MNIST: 8,000 and 2,000; 3 seeds).
        lr, epochs, batch: Adam's rate, and the budget.
    """

    rule: str
    parameters: dict[str, Any]
    hidden: tuple[int, ...] = (64,)
    quiet: int = 0
    prototype: str = ""
    lr: float = 5e-3
    epochs: int = 40
    batch: int = 32


def _way(prototype: str = "", hidden: tuple[int, ...] = (64,), quiet: int = 0, **parameters: Any) -> Way:
    return Way(RULE, {"nudge": "potential", **parameters}, hidden, quiet, prototype)


#: What learns digits.
WAYS: dict[str, Way] = {
    "backprop, 64-64-10": Way("backprop", {}, prototype="97.13 ± 0.70"),
    "laterals ideal": _way("96.67 ± 0.28"),
    "laterals ideal, nudged by rates": _way(nudge="rate"),
    "laterals ideal, B = Wᵀ": _way(pathway="tied"),
    "all local: P learns": _way("96.94 ± 0.48", laterals="predicting"),
    "all local: P and M from random": _way("95.28 ± 0.28", laterals="both", quiet=5),
    "backprop, 64-64-64-10": Way("backprop", {}, (64, 64), prototype="97.41 ± 0.16"),
    "laterals ideal, 64-64-64-10": _way("96.85 ± 0.58", (64, 64)),
    "all local: P learns, 64-64-64-10": _way(hidden=(64, 64), laterals="predicting"),
}
_MNIST = {"hidden": (128,), "lr": 2e-3, "epochs": 15, "batch": 50}
#: What learns MNIST.
MNIST: dict[str, Way] = {
    "backprop": Way("backprop", {}, prototype="94.57 ± 0.19", **_MNIST),  # type: ignore[arg-type]
    "laterals ideal": replace(WAYS["laterals ideal"], prototype="93.67 ± 0.12", **_MNIST),
    "all local: P learns": replace(WAYS["all local: P learns"], prototype="", **_MNIST),
}
QUICK = ("backprop, 64-64-10", "all local: P learns")


def run(
    quick: Annotated[bool, typer.Option("--quick", help="One seed, one network, 3 epochs.")] = False,
    seeds: Annotated[int, typer.Option(help="Networks of each kind.")] = 3,
    mnist_folder: Annotated[Path | None, typer.Option(help="With MNIST's files, to learn it too.")] = None,
) -> dict:
    """Courses by seed; angles and distances ``[seed][strength]`` by network and pathway; images by rule."""
    seeds, networks = (1, NETWORKS[:1]) if quick else (seeds, NETWORKS)
    stages = QUICK_COURSE if quick else COURSE
    courses = [
        apical.course(seed, stages, RATES)
        for seed in track(range(seeds), "apical potentials", transient=True)
    ]
    nudges = {
        f"{network}, {pathway}": [
            [nudged(network, pathway, g, seed) for g in STRENGTHS] for seed in range(seeds)
        ]
        for network, pathway in itertools.product(networks, PATHWAYS)
    }
    ways = {name: replace(WAYS[name], epochs=3) for name in QUICK} if quick else WAYS
    found = {"digits": learned(ways, digits.images(), seeds)}
    if mnist_folder is not None:
        mnist = datasets.load("mnist", folder=mnist_folder, validation=0)
        images = [part.batch(slice(None), torch.float32) for part in (mnist.train, mnist.test)]
        found["MNIST"] = learned(MNIST, [(x.flatten(1), y) for x, y in images], seeds)
    return {"stages": stages, "courses": courses, "strengths": STRENGTHS, "nudges": nudges, **found}


def learned(ways: dict[str, Way], images: Sequence[digits.Batch], seeds: int) -> dict[str, list[dict]]:
    """What each way to learn found, seed by seed, of images to learn and to test."""
    found: dict[str, list[dict]] = {}
    for name, seed in track(list(itertools.product(ways, range(seeds))), "images", transient=True):
        found.setdefault(name, []).append(learn(ways[name], *images, seed))
    return found


@torch.no_grad()
def nudged(network: str, pathway: str, somatic: float, seed: int) -> dict[str, float]:
    """Angle of Δw to the gradient of the answer (°), and distance of mismatches to the closed form."""
    net = cn.mlp([8, 12, 10, 5], network, "sigmoid", seed, bias=True, init="glorot", dtype=torch.float64)
    rng = torch.Generator().manual_seed(seed)
    x, t = (torch.rand(8, n, generator=rng, dtype=torch.float64) for n in (8, 5))
    rule = cn.rule(RULE, pathway=pathway, somatic=somatic)
    exact = rule.of_its_equilibrium()
    changes = []
    for one in (rule, exact):
        one.learn(net, x, t)
        changes.append([link.weight.grad.flatten().clone() for link in net.links[:-1]])
    angle = max(np.degrees(np.arccos(min(1.0, cosine(a, b)))) for a, b in zip(*changes, strict=True))
    free = rule.free(net, x)
    now = rule.nudged(free, loss := rule.teaching.loss_for(free.rates[-1], t))
    pull = net.areas["output"].backward(loss.error(free.rates[-1]), free.traces[-1])
    q, g, depth = free.first_order(pull), rule.conductances, net.wiring.depth
    distance = max(relative_error(now.mismatch(n), g.error_size(depth[n]) * q[n]) for n in (1, 2, 3))
    return {"angle": float(angle), "distance": float(distance)}


def learn(way: Way, shown: digits.Batch, tested: digits.Batch, seed: int) -> dict:
    """Test accuracy after every epoch, and the apical potentials without a teacher in the last one."""
    x, y = shown
    areas = [cn.Area(cn.Dense(n, bias=True, init="glorot"), "sigmoid") for n in (*way.hidden, 10)]
    net, rule = cn.Network(tuple(x.shape[1:]), areas, seed), cn.rule(way.rule, **way.parameters)
    own, right, loud = rule.parameters(net), [], 0.0
    optimizers = [torch.optim.Adam(net.parameters(), lr=way.lr)]
    optimizers += [torch.optim.SGD(own, lr=0.5)] if own else []
    order = torch.Generator().manual_seed(seed)
    for epoch in range(-way.quiet, way.epochs):
        for index in torch.randperm(len(x), generator=order).split(way.batch):
            if epoch < 0:
                rule.learn_quietly(net, x[index])  # type: ignore[attr-defined]
                optimizers[-1].step()
                continue
            step = rule.learn(net, x[index], y[index])
            for optimizer in optimizers:
                optimizer.step()
        if epoch >= 0:
            loud = getattr(step.details, "apical", 0.0)
            right.append(float((rule.predict(net, tested[0]) == tested[1]).double().mean()))
    return {"accuracy": right, "apical": loud}


def slope(results: dict, name: str) -> list[float]:
    """Slope of log distance over log strength from 1e-2 down, for each seed."""
    few = slice(STRENGTHS.index(1e-2), None)
    at = np.log(results["strengths"][few])
    return [
        np.polyfit(at, np.log([one["distance"] for one in row[few]]), 1)[0].item()
        for row in results["nudges"][name]
    ]


def moments(results: dict) -> dict[str, tuple[list[float], list[float]]]:
    """At each moment: apical potentials, and distances of the output from its target, of every seed."""
    courses = results["courses"]
    comes = [int(np.argmax(one["taught"]["apical"])) for one in courses]
    at: dict[str, tuple[str, list[int]]] = {
        "before: laterals at random": ("before", [-1] * len(courses)),
        "laterals have learned": ("quiet", [-1] * len(courses)),
        "the teacher comes (where potentials are largest)": ("taught", comes),
        "the way up has learned": ("taught", [-1] * len(courses)),
        "after: the teacher has gone": ("after", [-1] * len(courses)),
    }
    return {
        name: tuple(  # type: ignore[misc]
            [one[stage][what][k] for one, k in zip(courses, ks, strict=True)]
            for what in ("apical", "distance")
        )
        for name, (stage, ks) in at.items()
    }


def report(results: dict) -> str:
    """Apical potentials by moment; angles and distances by strength; accuracy at the end."""
    rows = [[name, f"{np.mean(a):.1e}", f"{np.mean(d):.1e}"] for name, (a, d) in moments(results).items()]
    first = table(
        ["moment", "apical potentials (r.m.s.)", "output from target (r.m.s.)"], rows, "apical potentials"
    )
    angles, distances = [], []
    for name, found in results["nudges"].items():
        columns = list(zip(*found, strict=True))
        network, pathway = name.split(", ")
        who = [network, "Wᵀ" if pathway == "tied" else "random"]
        angles.append([*who, *(f"{np.mean([one['angle'] for one in column]):.3g}°" for column in columns)])
        far = [f"{np.mean([one['distance'] for one in column]):.1e}" for column in columns]
        distances.append([*who, *far, plus_minus(slope(results, name)), "1"])
    header = ["network", "B", *(f"g_som = {g:g}" for g in results["strengths"])]
    second = table(header, angles, "angles")
    third = table([*header, "slope below 0.01", "theory"], distances, "closed form")
    images = [
        _images(kind, results[kind], ways)
        for kind, ways in (("digits", WAYS), ("MNIST", MNIST))
        if kind in results
    ]
    return "\n\n".join([first, second, third, *images])


def _images(kind: str, found: dict[str, list[dict]], ways: dict[str, Way]) -> str:
    """Accuracy of every way at the end beside a prototype's, and how silent its dendrites are."""
    rows = [
        [
            name,
            plus_minus([100 * one["accuracy"][-1] for one in runs]),
            ways[name].prototype,
            f"{np.mean([one['apical'] for one in runs]):.1e}" if ways[name].parameters else "",
        ]
        for name, runs in found.items()
    ]
    columns = ["rule", "test %", "prototype in NumPy", "apical potentials left without a teacher"]
    return table(columns, rows, kind)


@styled
def draw(results: dict) -> plt.Figure:
    """Apical potentials in time; distance to the closed form over nudges; test accuracy of every seed."""
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(13.5, 3.6), layout="constrained", width_ratios=[1.5, 1, 1.1]
    )
    start = 0
    for stage, ms in results["stages"].items():
        time = start + np.arange(ms)
        for course in results["courses"]:
            for what, colour in (("apical", RED), ("distance", GREY)):
                left.plot(time, course[stage][what], color=colour, lw=0.8, alpha=0.7)
        left.axvline(start, color="k", lw=0.5, ls=":")
        left.text(start, 1.02, stage, fontsize=7, rotation=30, transform=left.get_xaxis_transform())
        start += ms
    left.plot([], [], color=RED, label="apical potentials")
    left.plot([], [], color=GREY, label="output from its target")
    left.set(xlabel="time (ms)", ylabel="r.m.s.", yscale="log")
    left.legend(loc="lower left")
    for k, (name, found) in enumerate(results["nudges"].items()):
        rows = np.array([[one["distance"] for one in row] for row in found])
        colour, style = (BLUE, RED)[k // 2 % 2], "-" if k % 2 == 0 else "--"
        label = name.replace("tied", "Wᵀ")
        middle.loglog(results["strengths"], rows.mean(0), style, color=colour, marker="o", ms=3, label=label)
    at = np.array(results["strengths"][1:])
    middle.loglog(at, at, color=GREY, lw=0.8, ls=":", label="O(λ)")
    middle.set(xlabel="teacher's conductance", ylabel="mismatch: distance to the closed form")
    middle.legend()
    accuracies(right, results["digits"])
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
