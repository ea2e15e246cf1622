"""Do plateau potentials of segregated dendrites teach, in rates and in spikes of one cell for each column?

    python -m simulations.segregated_dendrites              3 seeds, 20 min
    python -m simulations.segregated_dendrites --quick      one seed, some seconds

Limit: 11-16-12-5, float64; distance of the change to direct feedback alignment with the apical dendrite's
gain σ'(B y), as the teacher's nudge λ falls. Spikes: 64-64-10, changes of 20 images by circuits of N Poisson
cells for each column, beside those of the rule. Digits: 64-64-10 online, plain SGD; one Poisson cell
for each column in batches of 8, tested on 250 ms.

Expected: slope 1; cosines near 1 already with one cell; accuracy near that of direct feedback alignment, some
points less with spikes; plateaus that move less after learning (Guerguiev et al. 2017).

Next: corticalnet/rules/dendrites/segregated_dendrites.py, corticalnet/columns/segregated_dendrites.py.
"""

from __future__ import annotations

import itertools
from typing import Annotated, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track

import corticalnet as cn
from corticalnet.compare import relative_error
from corticalnet.network.initialisation import scaled
from corticalnet.plotting.style import BLUE, GREY, RED, styled
from corticalnet.recordings.reading import weight_change
from corticalnet.rules.dendrites.segregated_dendrites import PAPER

from .parts import digits, training
from .parts.common import mean_sd, plus_minus, simulation, table

NUDGES, CELLS, IMAGES = (0.1, 0.01, 0.001, 0.0001), (1, 10, 100), 20
#: In rates, online: rule, its parameters.
RULES: dict[str, tuple[str, dict[str, Any]]] = {
    "backprop": ("backprop", {}),
    "direct feedback alignment": ("direct-feedback-alignment", {}),
    "segregated dendrites": ("segregated-dendrites", PAPER),
    "the same, one in five feedback synapses": ("segregated-dendrites", {**PAPER, "density": 0.2}),
    "the same, Kolen-Pollack feedback": ("segregated-dendrites", {**PAPER, "feedback": "kolen-pollack"}),
}
POISSON = "the same, one Poisson cell for each column"
#: What a prototype in NumPy reached on another split (1,437 to learn, 360 to test; 3 seeds).
PROTOTYPE = {"segregated dendrites": "97.50 ± 0.28", POISSON: "92.22 ± 1.39"}
RATE, SPIKING_RATE, BATCH, EPOCHS = 0.21, 0.8, 8, 20
PHASES = {"free": 50, "taught": 50, "test": 250}


def run(
    quick: Annotated[bool, typer.Option("--quick", help="One seed, few images and cells.")] = False,
    seeds: Annotated[int, typer.Option(help="Networks of each kind.")] = 3,
) -> dict:
    """Distances ``[seed][nudge]``; cosines ``[seed][cells]`` by link; digits by rule; a trial's plateaus."""
    seeds, cells = (1, CELLS[:2]) if quick else (seeds, CELLS)
    learned, tested = digits.images()
    some = (learned[0][: 4 if quick else IMAGES], learned[1][: 4 if quick else IMAGES])
    cosines = [[spikes_beside_rates(n, some, seed) for n in cells] for seed in range(seeds)]
    if quick:
        learned, tested = (learned[0][:100], learned[1][:100]), (tested[0][:20], tested[1][:20])
    found: dict[str, list[dict]] = {}
    rules = list(RULES)[1:3] if quick else list(RULES)
    for name, seed in track([*itertools.product(rules, range(seeds))], "digits", transient=True):
        found.setdefault(name, []).append(in_rates(name, learned, tested, seed, 1 if quick else EPOCHS))
    for seed in track(range(seeds), "spikes", transient=True):
        found.setdefault(POISSON, []).append(in_spikes(learned, tested, seed, 0 if quick else EPOCHS))
    return {
        "nudges": NUDGES,
        "distances": [[distance(nudge, seed) for nudge in NUDGES] for seed in range(seeds)],
        "cells": cells,
        "cosines": cosines,
        "digits": found,
        "plateaus": plateaus(learned),
    }


def network(seed: int) -> cn.Network:
    """64-64-10, sigmoid, before it learns: drives have a standard deviation of about 1."""
    areas = [cn.Area(cn.Dense(n, bias=True, init=scaled(2.0)), "sigmoid") for n in (64, 10)]
    return cn.Network((64,), areas, seed)


def rule(seed: int) -> cn.LearningRule:
    """The rule with the paper's teacher, and feedback of this seed."""
    return cn.rule("segregated-dendrites", seed=seed + 1, **PAPER)


def distance(nudge: float, seed: int) -> float:
    """Relative distance of hidden changes to direct feedback alignment with the apical gain."""
    areas = [cn.Area(cn.Dense(n, bias=True), "sigmoid") for n in (16, 12, 5)]
    net = cn.Network((11,), areas, seed, dtype=torch.float64)
    rng = torch.Generator().manual_seed(seed)
    x, y = torch.randn(8, 11, generator=rng, dtype=torch.float64), torch.arange(8) % 5
    taught = cn.rule("segregated-dendrites", nudge=nudge, seed=seed + 1)
    taught.learn(net, x, y)
    rates = [rate.detach() for rate in net.sweep(x).rates]
    moved = nudge * (torch.nn.functional.one_hot(y, 5) - rates[-1])
    found, wanted = [], []
    for node, route in enumerate(taught.feedback_routes(net)):
        apical, rate, link = (rates[-1] @ route.weights).sigmoid(), rates[node + 1], net.links[node]
        error = (moved @ route.weights) * apical * (1 - apical) * rate * (1 - rate)
        wanted.append((error.T @ rates[node] / 8).flatten())
        found.append(-link.weight.grad.flatten())
    return relative_error(torch.cat(found), torch.cat(wanted))


def spikes_beside_rates(cells: int, images: digits.Batch, seed: int) -> dict[str, float]:
    """Cosines of the changes by circuits of so many cells for each column with the rule's, by link."""
    net, (x, y) = network(seed).double(), images
    circuit = cn.circuit(net, rule(seed), cells_per_column=cells)
    protocol = [cn.Present(x, ms=80), cn.Teach(y, ms=PHASES["taught"]), cn.Rest(ms=1)]
    data = cn.simulate(circuit, protocol, record="input->area1", last=1, seed=seed)
    rule(seed).learn(net, x.double(), y)
    return {
        link.name: torch.cosine_similarity(
            torch.tensor(weight_change(data, link.name)).flatten(), -link.weight.grad.flatten(), 0
        ).item()
        for link in net.links
    }


def in_rates(name: str, learned: digits.Batch, tested: digits.Batch, seed: int, epochs: int) -> dict:
    """Test accuracy after every epoch of online learning; the plateaus' mean change before and after."""
    net, (kind, parameters) = network(seed), RULES[name]
    taught = cn.rule(kind, **parameters) if kind == "backprop" else cn.rule(kind, seed=seed + 1, **parameters)
    optimizer = torch.optim.SGD([*net.parameters(), *taught.parameters(net)], lr=RATE)
    order, right = torch.Generator().manual_seed(seed), []
    before = change_of_plateaus(net, taught, tested)
    for _ in training.epochs(net, taught, optimizer, *learned, epochs, 1, order):
        right.append(float((net.predict(tested[0]) == tested[1]).double().mean()))
    return {"accuracy": right, "plateaus": [before, change_of_plateaus(net, taught, tested)]}


def change_of_plateaus(net: cn.Network, taught: cn.LearningRule, images: digits.Batch) -> float | None:
    """Mean |α taught − α free| over images and hidden columns; None for a rule without plateaus."""
    if taught.name != "segregated-dendrites":
        return None
    (route,), free = taught.feedback_routes(net), net(images[0]).detach()
    drive = net.sweep(images[0]).drives[-1].detach()
    wanted = PAPER["reversal"] * (2 * torch.nn.functional.one_hot(images[1], 10) - 1)
    now = torch.sigmoid(drive + PAPER["nudge"] * (wanted - drive))
    alphas = [(rates @ route.weights.detach()).sigmoid() for rates in (now, free)]
    return (alphas[0] - alphas[1]).abs().mean().item()


def in_spikes(learned: digits.Batch, tested: digits.Batch, seed: int, epochs: int) -> dict:
    """The same with one Poisson cell for each column, in batches, as one long experiment of each epoch."""
    net, taught = network(seed), rule(seed)
    circuit = cn.circuit(net, taught, SPIKING_RATE, cells_per_column=1)
    running = cn.simulator(circuit, seed=seed, batch=BATCH, precision="float32")
    order, right = torch.Generator().manual_seed(seed), [answers(net, taught, tested, seed)]
    for _ in range(epochs):
        for index in torch.randperm(len(learned[0]), generator=order).split(BATCH):
            if len(index) == BATCH:  # (samples side by side are as many all the time)
                x, y = learned[0][index], learned[1][index]
                trial = [cn.Present(x, ms=PHASES["free"]), cn.Teach(y, ms=PHASES["taught"])]
                running.run(trial, record="phase.tick", last=1)
        running.run([cn.Rest(ms=1)], record="phase.tick", last=1)  # the last trial's changes
        with torch.no_grad():
            for link in net.links:
                link.weight.copy_(torch.as_tensor(running.weights[link.name]))
                link.bias.copy_(torch.as_tensor(running.weights[f"{link.name} bias"]))
        right.append(answers(net, taught, tested, seed))
    return {"accuracy": right, "plateaus": [None, None]}


def answers(net: cn.Network, taught: cn.LearningRule, tested: digits.Batch, seed: int) -> float:
    """Accuracy of spiking columns: whose soma was highest on average over the last 220 of 250 ms."""
    long = cn.Continuous("sample_and_hold", tau=1 / 0.7, dt=1.0, average=220.0, read_delay=250.0)
    circuit = cn.circuit(net, taught, dynamics=long, cells_per_column=1)
    shown = [cn.Present(tested[0], ms=PHASES["test"])]
    data = cn.simulate(
        circuit, shown, record="output.value.soma_mean", last=1, seed=seed, precision="float32"
    )
    chosen = data["output.value.soma_mean"].values[-1].argmax(1)
    return float((chosen == tested[1].numpy()).mean())


def plateaus(images: digits.Batch) -> dict[str, list]:
    """Plateau potential over time in one trial, of ten hidden columns, with one and with 100 cells each."""
    net, found = network(0), {}
    for cells in (1, 100):
        circuit = cn.circuit(net, rule(0), cells_per_column=cells)
        trial = [cn.Present(images[0][:1], ms=80), cn.Teach(images[1][:1], ms=80)]
        data = cn.simulate(circuit, trial, record="area1.value.plateau")
        found[str(cells)] = np.round(data["area1.value.plateau"].values[:, 0, :10], 4).T.tolist()
    return found


def report(results: dict) -> str:
    """Distances by nudge with their slope; cosines by cells; accuracy and plateaus by rule."""
    nudges = results["nudges"]
    slopes = [np.polyfit(np.log(nudges), np.log(row), 1)[0].item() for row in results["distances"]]
    means = [f"{mean_sd(list(column))[0]:.1e}" for column in zip(*results["distances"], strict=True)]
    limit = table(
        ["limit", *(f"λ = {nudge:g}" for nudge in nudges), "slope", "theory"],
        [["direct feedback alignment × σ'(B y)", *means, plus_minus(slopes), "1"]],
        "distance of hidden changes to their limit",
    )
    rows = []
    for k, cells in enumerate(results["cells"]):
        links = [seed[k] for seed in results["cosines"]]
        rows.append([cells, *(plus_minus([one[name] for one in links], 4) for name in links[0])])
    spikes = table(
        ["cells per column", "to the hidden area", "to the output"], rows, "cosine of changes, spikes : rates"
    )
    rows = []
    for name, found in results["digits"].items():
        accuracy = plus_minus([100 * one["accuracy"][-1] for one in found])
        changes = list(zip(*(one["plateaus"] for one in found), strict=True))
        told = ["" if None in change else plus_minus(list(change), 3) for change in changes]
        rows.append([name, accuracy, PROTOTYPE.get(name, ""), *told])
    header = ["rule", "test %", "prototype in NumPy", "plateaus move at first", "at the end"]
    return "\n\n".join([limit, spikes, table(header, rows, "digits, 64-64-10")])


@styled
def draw(results: dict) -> plt.Figure:
    """Plateaus of a trial with one and 100 cells; cosines over cells; accuracy over epochs."""
    figure, panels = plt.subplots(1, 4, figsize=(12.5, 3.2), layout="constrained")
    for axes, (cells, traces) in zip(panels, results["plateaus"].items(), strict=False):
        axes.plot(np.array(traces).T, color=BLUE, lw=0.8, alpha=0.7)
        axes.axvspan(80, 160, color=GREY, alpha=0.2, lw=0)
        one = "one Poisson cell" if cells == "1" else f"{cells} cells"
        axes.set(title=f"{one} for each column", xlabel="ms (grey: teacher)", ylim=(0, 1), xlim=(0, 160))
    panels[0].set_ylabel("plateau potential α")
    for link, look in zip(results["cosines"][0][0], ({"color": BLUE}, {"color": RED}), strict=True):
        rows = np.array([[1 - one[link] for one in seed] for seed in results["cosines"]])
        panels[2].loglog(results["cells"], rows.mean(0), "o-", **look, label=link)
    panels[2].set(xlabel="cells for each column", ylabel="1 − cosine to rates")
    panels[2].legend()
    for k, (name, found) in enumerate(results["digits"].items()):
        rows = 100 * np.array([one["accuracy"] for one in found])
        panels[3].plot(rows.mean(0), color=plt.get_cmap("viridis")(k / 6), label=name, lw=1.2)
    panels[3].set(xlabel="epoch", ylabel="test %", ylim=(60, 100))
    panels[3].legend(fontsize=6, loc="lower right")
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
