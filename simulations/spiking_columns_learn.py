"""Do columns that talk in spikes learn a real task from reward alone, as those that talk in rates do?

    python -m simulations.spiking_columns_learn          4 digits, 5 seeds of 160 trials, 12 min of one core
    python -m simulations.spiking_columns_learn --quick  one seed, 24 trials, about 20 s

BrainProp's columns (64-16-4, ReLU; Pozzi et al. 2020), leaky, in steps of 1 ms. What one area tells another
is told by 10 Poisson cells for each column (at 100 Hz for a rate of 1), up and down, and dopamine by 100
cells for each sign. A trial: 150 ms of a digit, 30 of an outcome, which dopamine answers with a burst or a
dip of 20 ms; synapses remember what they were eligible for (30 ms). 32 animals share their weights. Beside
them rate columns and the rule on the network learn from the same images with the same exploration noise. The
learning rate was chosen on seed 100.

Expected: the same end, and the same spikes in both engines.

Next: corticalnet/columns/spiking.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.plotting.style import styled
from corticalnet.recordings.reading import all_cells

from .parts.common import plus_minus, simulation, table

CLASSES, SIZES, BATCH, RATE, EXPLORATION = 4, (64, 16, 4), 32, 0.4, 0.1
#: Leaky columns, bids and eligibilities that last for a while, bursts of dopamine; all in ms.
DYNAMICS = cn.Continuous(tau=10, dt=1, read_delay=100, average=30, burst=20)
SHOWN, OUTCOME, SYNAPSE, DOPAMINE_CELLS = 150, 30, 10, 100
VOICES = {"input": ["input.value.on"], "hidden": ["area1.value.on"],
          "output,\nfeedback": ["output.feedback.on"],
          "dopamine": ["dopamine.off", "dopamine.on"]}  # fmt: skip


def run(
    quick: Annotated[bool, typer.Option("--quick", help="One seed, 24 trials.")] = False,
    seeds: Annotated[int, typer.Option(help="How many networks.")] = 5,
    trials: Annotated[int, typer.Option(help="Trials, of 32 images side by side.")] = 160,
    cells: Annotated[int, typer.Option(help="Spiking cells for each column.")] = 10,
    cell: Annotated[str, typer.Option(help="Their kind: poisson, pif or lif.")] = "poisson",
) -> dict:
    """For each seed: accuracy and dopamine over learning, of spikes, rates and the network; then a replay."""
    seeds, trials = (1, 24) if quick else (seeds, trials)
    digits = datasets.load("digits", seed=0)
    runs, replayed = [], {}
    for seed in track(range(seeds), "networks", transient=True):
        task = Task.of(digits, trials, seed)
        talk = spikes(task.circuit(), cells, cell)
        spiking, weights = task.learn(talk)
        rates, _ = task.learn(task.circuit())
        runs.append({"spiking": spiking, "rates": rates, "network": task.learn_by_rule()})
        replayed = replayed or replay(talk.with_weights(weights), task)
    talking = f"{cells} {cell} cells a column".replace("poisson", "Poisson")
    return {"trials": trials, "seeds": seeds, "every": every(trials), "cells": talking, "runs": runs,
            "replay": replayed}  # fmt: skip


def every(trials: int) -> int:
    """Trials between two looks; a short run is looked at before and after."""
    return trials // 16 if trials >= 64 else trials


def spikes(circuit: cn.Circuit, cells: int, cell: str) -> cn.Circuit:
    """Whatever one area tells another is told in spikes, and dopamine is received in spikes."""
    ranges = {p.name: (0.0, 1.0) for p in circuit.populations if p.role in ("value", "feedback")}
    talk = cn.spiking(circuit, cells, cell, ranges=ranges, synapse=SYNAPSE)
    return cn.spiking(talk, DOPAMINE_CELLS, cell, populations=["dopamine"], synapse=SYNAPSE / 2)


@dataclass
class Task:
    """What everybody learns from: images side by side, right answers, exploration noise; and a network.

    Attributes:
        lessons: images ``[B, 64]`` and classes ``[B]`` of each trial.
        exploration_noise: ``[trials, B, classes]``.
        held_out: images and classes that nobody learns from.
        seed: of the network's weights.
    """

    lessons: list[tuple[torch.Tensor, torch.Tensor]]
    exploration_noise: np.ndarray
    held_out: tuple[torch.Tensor, torch.Tensor]
    seed: int

    @classmethod
    def of(cls, digits: datasets.Data, trials: int, seed: int) -> Task:
        """Digits of the first classes in random order."""
        (x, y), tested = few(digits.train), few(digits.test)
        order = np.random.default_rng(seed).integers(0, len(x), (trials, BATCH))
        noise = cn.exploration_noise(trials * BATCH, CLASSES, EXPLORATION, seed=seed).reshape(
            trials, BATCH, -1
        )
        return cls([(x[index], y[index]) for index in order], noise, tested, seed)

    def network(self) -> cn.Network:
        """As it is before learning."""
        return cn.mlp(SIZES, "relu", seed=self.seed, dtype=torch.float64)

    def circuit(self) -> cn.Circuit:
        """BrainProp's columns, leaky, that tell each other rates."""
        return cn.circuit(self.network(), cn.rule("brainprop"), RATE, dynamics=DYNAMICS)

    def learn(self, circuit: cn.Circuit) -> tuple[dict[str, list[float]], dict]:
        """A circuit lives through all trials: its course, and the weights that it ends with."""
        running = cn.simulator(circuit, seed=self.seed, precision="float32")
        looks, dopamine = [self.look(circuit)], []
        for k, (x, y) in enumerate(self.lessons):
            trial = [
                cn.Present(x, SHOWN, exploration_noise=self.exploration_noise[k]),
                cn.Reinforce(y, OUTCOME),
            ]
            data = running.run(trial, record="rpe", last=OUTCOME, check=False)
            dopamine.append(rms(np.abs(data["dopamine.rpe"].values).max((0, 2))))
            if (k + 1) % every(len(self.lessons)) == 0:
                looks.append(self.look(circuit.with_weights(running.weights)))
        course = {key: [one[key] for one in looks] for key in looks[0]}
        return {**course, "rpe": dopamine}, running.weights

    def look(self, circuit: cn.Circuit) -> dict[str, float]:
        """Held-out images right: by what the circuit does, and by what a network of its weights would do."""
        x, y = self.held_out
        net = self.network()
        cn.write_back(circuit, net)
        return {"choice": float((choices(circuit, x, self.seed) == y.numpy()).mean()), **self.right(net)}

    def right(self, net: cn.Network) -> dict[str, float]:
        """Held-out images right, by a network."""
        x, y = self.held_out
        return {"network": float((net.predict(x) == y).double().mean())}

    def learn_by_rule(self) -> dict[str, list[float]]:
        """The network view learns from the same images with the same exploration noise."""
        net, looks, dopamine = self.network(), [], []
        optimizer = torch.optim.SGD(net.parameters(), lr=RATE)
        for k, (x, y) in enumerate(self.lessons):
            if k % every(len(self.lessons)) == 0:
                looks.append(self.right(net)["network"])
            noise = torch.from_numpy(self.exploration_noise[k])
            rule = cn.rule("brainprop", choose=lambda rates, noise=noise: (rates + noise).argmax(1))
            dopamine.append(rms(rule.update(net, x, y, optimizer).trial_loss.rpe.numpy()))
        return {"network": [*looks, self.right(net)["network"]], "rpe": dopamine}


def few(split: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """The images of the first classes, as vectors."""
    x, y = split.batch(slice(None), torch.float64)
    return x[y < CLASSES].flatten(1), y[y < CLASSES]


def rms(values: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(values**2)))


def choices(circuit: cn.Circuit, images: torch.Tensor, seed: int) -> np.ndarray:
    """Which action the circuit takes when an image has been there for a while."""
    shown = cn.Present(images, SHOWN)
    data = cn.simulate(circuit, [shown], record="action", last=1, check=False, seed=seed, precision="float32")
    return data["output.action.action"].values[-1].argmax(1)


def replay(circuit: cn.Circuit, task: Task) -> dict[str, Any]:
    """Two trials of a trained animal on both engines: a reward that is expected, and one that is omitted."""
    x, y = task.held_out
    right = np.flatnonzero(choices(circuit, x, task.seed) == y.numpy())
    first, second = right[0], next(k for k in right if y[k] != y[right[0]])
    protocol = [
        cn.Present(x[first], SHOWN),
        cn.Reinforce(int(y[first]), OUTCOME),
        cn.Present(x[second], SHOWN),
        cn.Reinforce(np.zeros(CLASSES), OUTCOME),
    ]
    record = ["spike", "rpe", "output.value.rate"]
    one, other = (
        cn.simulate(circuit, protocol, engine, record, check=False, seed=task.seed)
        for engine in ("torch", "brian2")
    )
    fired = [all_cells(data, "spike")[:, 0] for data in (one, other)]
    differ = np.flatnonzero((fired[0] != fired[1]).any(1))
    names = [f"weights {p.name}" for p in circuit.plastic]
    return {
        "classes": [int(y[first]), int(y[second])],
        "steps": len(fired[0]),
        "equal steps": int(differ[0]) if len(differ) else len(fired[0]),
        "spikes": int(fired[0].sum()),
        "apart": float(max(np.abs(one[name].values - other[name].values).max() for name in names)),
        "voices": {voice: dots(one, names) for voice, names in VOICES.items()},
        "output": one["output.value.rate"].values[:, 0].T.tolist(),
        "rpe": one["dopamine.rpe"].values.ravel().tolist(),
    }


def dots(data: Any, populations: list[str]) -> dict[str, Any]:
    """Spikes of populations as (ms, row), rows counted from the first population's first cell."""
    fired = [data[f"{name}.spike"].values[:, 0] for name in populations]
    at, row = np.nonzero(np.concatenate(fired, axis=1))
    return {
        "cells": [one.shape[1] for one in fired],
        "ms": data.time.values[at].tolist(),
        "row": row.tolist(),
    }


def report(results: dict) -> str:
    """Where everybody ends; and whether Brian2 agrees."""
    runs, again, rows = results["runs"], results["replay"], []
    for who in runs[0]:
        ends = [[100 * run[who].get(read, [0])[-1] for run in runs] for read in ("choice", "network")]
        right = [plus_minus(end, 1) if any(end) else "" for end in ends]
        parts = slice(5), slice(-20, None)
        sizes = [plus_minus([float(np.mean(run[who]["rpe"][part])) for run in runs]) for part in parts]
        rows.append([who, *right, *sizes])
    head = ["", "its choices, right %", "its weights as a network, right %", "dopamine, first 5", "last 20"]
    title = f"{results['trials']} trials of {BATCH} images, {results['seeds']} seeds, {results['cells']}"
    return (
        f"{table(head, rows, title)}\n\ntorch and Brian2 fire the same spikes in {again['equal steps']} of "
        f"{again['steps']} steps ({again['spikes']} spikes); weights differ by {again['apart']:.0e}"
    )


@styled
def draw(results: dict) -> plt.Figure:
    """Learning curves and dopamine; on the right two trials of a trained animal."""
    figure = plt.figure(figsize=(12.5, 6.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1, 1.35], wspace=0.03)
    draw_learning(left, results)
    draw_trials(right, results["replay"])
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def draw_learning(figure: Any, results: dict) -> None:
    """Mean and range over seeds."""
    runs, (above, below) = results["runs"], figure.subplots(2, 1, sharex=True, height_ratios=[1.5, 1])
    lines = [
        ("spiking", "choice", "C3", "-", f"spikes, {results['cells']}"),
        ("spiking", "network", "C3", ":", "their weights, read as a network"),
        ("rates", "choice", "C0", "-", "rates"),
        ("network", "network", "0.35", "--", "BrainProp on the network"),
    ]
    for who, read, colour, style, label in lines:
        right = 100 * np.array([run[who][read] for run in runs])
        looked = np.arange(right.shape[1]) * results["every"]
        above.plot(looked, right.mean(0), style, color=colour, lw=1.5, label=label)
        if style == ":":
            continue
        above.fill_between(looked, right.min(0), right.max(0), color=colour, alpha=0.12, lw=0)
        sizes = np.array([run[who]["rpe"] for run in runs])
        at = np.arange(1, sizes.shape[1] + 1)
        below.plot(at, sizes.mean(0), style, color=colour, lw=1.2)
        below.fill_between(at, sizes.min(0), sizes.max(0), color=colour, alpha=0.12, lw=0)
    above.axhline(100 / CLASSES, color="0.8", lw=0.8, zorder=0)
    above.text(looked[-1], 100 / CLASSES - 1, "chance", ha="right", va="top", fontsize=8, color="0.5")
    above.set(ylim=(0, 101), ylabel="held-out digits right (%)")
    above.set_title("four digits, learned from reward (mean and range over seeds)", fontsize=10)
    above.legend(frameon=False, fontsize=8, loc="best")
    below.set(ylim=(0, 0.9), xlabel=f"trials, of {BATCH} animals", ylabel="dopamine, r.m.s.")


def draw_trials(figure: Any, again: dict) -> None:
    """Spikes from the input up, dopamine, and what the output makes of them."""
    *grid, last = figure.subplots(5, 1, sharex=True, height_ratios=[1.6, 1.6, 0.8, 0.8, 1.3])
    for axes, (voice, found) in zip(grid, again["voices"].items(), strict=True):
        cells = sum(found["cells"])
        axes.scatter(found["ms"], found["row"], s=1.3, color="black", lw=0, rasterized=True)
        axes.set(ylim=(-0.02 * cells, 1.02 * cells), yticks=[])
        axes.set_ylabel(f"{voice}\n{cells} cells", fontsize=8)
    less, more = again["voices"]["dopamine"]["cells"]
    grid[-1].axhline(less - 0.5, color="0.6", lw=0.6)
    grid[-1].set_yticks([less / 2, less + more / 2], ["less", "more"], fontsize=7)
    for k, rates in enumerate(again["output"]):
        last.plot(rates, color=f"C{k}", lw=1.3, label=f"says {k}")
    last.plot(again["rpe"], color="black", lw=1.3, label="dopamine")
    last.axhline(0, color="0.8", lw=0.6, zorder=0)
    low, high = min(map(min, again["output"])), max(map(max, again["output"]))
    last.set(xlabel="time (ms)", xlim=(0, again["steps"]), ylim=(min(-1, low) - 0.1, max(1, high) + 0.7))
    last.set_ylabel("rates of\nthe output", fontsize=8)
    last.legend(frameon=False, fontsize=7.5, ncols=5, loc="upper center")
    for k, (digit, word) in enumerate(zip(again["classes"], ("comes", "is omitted"), strict=True)):
        begin, end = k * (SHOWN + OUTCOME), (k + 1) * (SHOWN + OUTCOME)
        grid[0].annotate(
            f"a {digit}, reward {word}", (begin + SHOWN / 2, 1.04), xycoords=("data", "axes fraction"),
            ha="center", fontsize=9,
        )  # fmt: skip
        for axes in (*grid, last):
            axes.axvspan(end - OUTCOME, end, color="0.92", lw=0, zorder=0)
            axes.axvline(end, color="0.5", lw=0.8, ls=":")
    figure.suptitle(
        f"one animal after learning (grey: outcome); Brian2 fires the same spikes in "
        f"{again['equal steps']} of {again['steps']} steps", fontsize=10,
    )  # fmt: skip


if __name__ == "__main__":
    simulation(run, report, draw)
