"""Do synapses up and down that start apart become alike, when both learn by the same local rule?

    python -m simulations.reciprocity_emerges          digits, 3 seeds, 3,000 trials of 32 images, about 6 min
    python -m simulations.reciprocity_emerges --quick  one seed, 150 trials, about 10 s

BrainProp as a circuit (64-32-16-10, ReLU): every column has a feedforward and a feedback cell, actions
compete, dopamine broadcasts the reward-prediction error. Synapses up and down between the same two columns
have weights of their own, drawn apart, and change by the same product: dopamine × credit of the column above
× rate of the column below. AGREL (Roelfsema & van Ooyen 2005) says that they become reciprocal, so that no
weight need be transported. Beside it stand columns whose feedback stays random (feedback alignment by
reward) and columns whose feedback is tied.

Theory (Kolen & Pollack 1994): what both learn is the same, so D = W − Bᵀ changes by decay alone, to
(1 − η λ)^n of what it was after n updates, and the angle follows from what W and B have grown to,

    cos = (|W|² + |B|² − |D|²) / (2 |W| |B|)

Beside that stands the network view, by the same rule: without decay, for ten times as long, with decay.
Expected: W and Bᵀ begin at 90° and turn towards each other; without decay they are never equal.

Next: corticalnet/columns/rewarded.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.plotting.style import styled
from corticalnet.rules import Feedback

from .parts.common import plus_minus, simulation, table

SIZES, BATCH, RATE, EXPLORATION = (64, 32, 16, 10), 32, 0.08, 0.02
PATHWAYS: dict[str, Callable[[int], Feedback]] = {
    "learned": cn.Matching,
    "fixed random": cn.Random,
    "tied": lambda seed: cn.Tied(),
}


def run(
    quick: Annotated[bool, typer.Option("--quick", help="One seed, 150 trials.")] = False,
    seeds: Annotated[int, typer.Option(help="How many networks.")] = 3,
    trials: Annotated[int, typer.Option(help="Trials, of 32 images side by side.")] = 3000,
) -> dict:
    """For each pathway and seed: angles of W and Bᵀ, size of dopamine, test accuracy, over learning."""
    seeds, trials = (1, 150) if quick else (seeds, trials)
    digits = datasets.load("digits", seed=0)
    runs = [(name, seed) for name in PATHWAYS for seed in range(seeds)]
    found: dict = {}
    for name, seed in track(runs, "networks", transient=True):
        found.setdefault(name, []).append(learn(PATHWAYS[name](seed + 100), digits, trials, seed))
    updates = 150 if quick else 3000
    many = 1 if quick else 5
    theory = {
        f"{name}, {n:,} updates": [followed(digits, decay, n, seed) for seed in range(many)]
        for name, decay, n in (
            ("no decay", 0.0, updates),
            ("no decay", 0.0, 10 * updates),
            ("λ = 0.001", 0.001, 10 * updates),
            ("λ = 0.01", 0.01, 10 * updates),
        )
    }
    return {"trials": trials, "seeds": seeds, "every": every(trials), "pathways": found, "theory": theory}


def followed(digits: datasets.Data, decay: float, updates: int, seed: int) -> dict:
    """One network by reward, its synapses down beside those up: D and angles, as measured and by theory."""
    net = cn.mlp(SIZES, "relu", seed=seed, dtype=torch.float64)
    rule = cn.rule("brainprop", feedback=cn.KolenPollack(decay, seed + 100))
    own = rule.named_parameters(net)
    optimizer = torch.optim.SGD(net.parameters(), RATE)
    x, y = digits.train.batch(slice(None), torch.float64)
    order = torch.Generator().manual_seed(seed)
    pairs = {link.name: (link.weight, own[f"feedback.{link.name}"]) for link in net.links[1:]}
    began = {name: float((w - b).detach().norm()) for name, (w, b) in pairs.items()}
    torch.manual_seed(seed)
    for _ in range(updates):
        index = torch.randint(len(x), (BATCH,), generator=order)
        rule.update(net, x[index], y[index], optimizer)
    found: dict = {"angle": {}, "by theory": {}, "difference": {}, "difference by theory": {}}
    for name, (w, b) in pairs.items():
        up, down, left = w.detach(), b.detach(), began[name] * (1 - RATE * decay) ** updates
        size, other = float(up.norm()), float(down.norm())
        cosine = float((up * down).sum()) / size / other
        expected = (size**2 + other**2 - left**2) / (2 * size * other)
        found["angle"][name] = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
        found["by theory"][name] = float(np.degrees(np.arccos(np.clip(expected, -1, 1))))
        found["difference"][name] = float((up - down).norm()) / began[name]
        found["difference by theory"][name] = left / began[name]
    u, v = digits.test.batch(slice(None), torch.float64)
    return found | {"accuracy": float((net.predict(u) == v).double().mean())}


def every(trials: int) -> int:
    """Trials between two looks."""
    return max(1, trials // 30)


def learn(feedback: Feedback, digits: datasets.Data, trials: int, seed: int) -> dict:
    """One network of columns."""
    net = cn.mlp(SIZES, "relu", seed=seed, dtype=torch.float64)
    circuit = cn.circuit(net, cn.rule("brainprop", feedback=feedback), RATE)
    running = cn.simulator(circuit)
    rng = np.random.default_rng(seed)
    order = torch.from_numpy(rng.integers(0, len(digits.train), (trials, BATCH)))
    noise = cn.exploration_noise(trials * BATCH, SIZES[-1], EXPLORATION, seed=seed).reshape(trials, BATCH, -1)
    looks = [look(circuit, running.weights, net, digits)]
    dopamine = []
    for first in range(0, trials, every(trials)):
        protocol: list = []
        for k in range(first, min(first + every(trials), trials)):
            x, y = digits.train.batch(order[k], torch.float64)
            protocol += [
                cn.Present(x, circuit.needs.present, exploration_noise=noise[k]),
                cn.Reinforce(y, circuit.needs.teach),
            ]
        data = running.run(protocol, record="rpe")
        rpe = data["dopamine.rpe"].values
        dopamine.append(float(np.sqrt((rpe[np.abs(rpe).sum((1, 2)) > 0] ** 2).mean())))
        looks.append(look(circuit, running.weights, net, digits))
    return {
        "angles": {name: [one["angles"][name] for one in looks] for name in looks[0]["angles"]},
        "accuracy": [one["accuracy"] for one in looks],
        "dopamine": dopamine,
    }


def look(circuit: cn.Circuit, weights: dict, net: cn.Network, digits: datasets.Data) -> dict:
    """Angles between W and Bᵀ in degrees, and accuracy on the test images."""
    angles = {}
    for link in net.links[1:]:
        back = circuit.projection(f"{link.name} feedback")
        up = weights[link.name]
        down = up if back.shared_with else weights[back.name].T
        cosine = (up * down).sum() / np.linalg.norm(up) / np.linalg.norm(down)
        angles[link.name] = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    cn.write_back(circuit.with_weights(weights), net)
    x, y = digits.test.batch(slice(None), torch.float64)
    return {"angles": angles, "accuracy": float((net.predict(x) == y).double().mean())}


def report(results: dict) -> str:
    """Begin and end of every pathway."""
    rows = []
    for name, runs in results["pathways"].items():
        angles = [
            f"{plus_minus([r['angles'][link][0] for r in runs], 0)} → "
            f"{plus_minus([r['angles'][link][-1] for r in runs], 0)}"
            for link in runs[0]["angles"]
        ]
        right = plus_minus([100 * r["accuracy"][-1] for r in runs], 1)
        size = [f"{plus_minus([r['dopamine'][k] for r in runs])}" for k in (0, -1)]
        rows.append([name, *angles, right, " → ".join(size)])
    links = next(iter(results["pathways"].values()))[0]["angles"]
    head = ["feedback", *(f"angle {link} (°)" for link in links), "test %", "r.m.s. dopamine"]
    first = table(head, rows, f"{results['trials']} trials of {BATCH} images, {results['seeds']} seeds")
    rows = []
    for name, runs in results["theory"].items():
        cells = [plus_minus([run["angle"][link] for run in runs], 1) for link in runs[0]["angle"]]
        off = max(abs(run["angle"][k] - run["by theory"][k]) for run in runs for k in run["angle"])
        kept = [run["difference"][k] for run in runs for k in run["difference"]]
        due = runs[0]["difference by theory"]
        wrong = max(
            abs(run["difference"][k] / run["difference by theory"][k] - 1) for run in runs for k in due
        )
        right = plus_minus([100 * run["accuracy"] for run in runs], 1)
        rows.append([name, *cells, f"{off:.1g}", f"{max(kept):.2g}", f"{wrong:.1g}", right])
    head = ["by reward, network view", *(f"angle {link} (°)" for link in links), "from theory (°), at most",
            "|D| left", "from theory, relative, at most", "test %"]  # fmt: skip
    return f"{first}\n\n{table(head, rows, 'Kolen and Pollack')}"


@styled
def draw(results: dict) -> plt.Figure:
    """Angles, dopamine and accuracy over trials; a line for each network."""
    figure, grid = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    trials = np.minimum(np.arange(10_000) * results["every"], results["trials"])
    for k, (name, runs) in enumerate(results["pathways"].items()):
        for n, one in enumerate(runs):
            label = name if n == 0 else None
            for style, (link, angles) in zip(("-", "--"), one["angles"].items(), strict=True):
                shown = f"{name}, {link}" if n == 0 and name != "tied" else None
                grid[0].plot(trials[: len(angles)], angles, style, color=f"C{k}", lw=1.1, label=shown)
            grid[1].plot(
                trials[1 : len(one["dopamine"]) + 1], one["dopamine"], color=f"C{k}", lw=1.1, label=label
            )
            right = 100 * np.array(one["accuracy"])
            grid[2].plot(trials[: len(right)], right, color=f"C{k}", lw=1.1, label=label)
    grid[0].set(title="angle between W and Bᵀ (°)", ylim=(-3, 100))
    grid[1].set(title="dopamine, r.m.s., a line for each network", ylim=(0, None))
    grid[2].set(title="test accuracy (%)", ylim=(0, 100))
    for axes in grid:
        axes.set_xlabel("trials")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
