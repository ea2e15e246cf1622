"""Does dopamine shrink at the outcome while learning goes on, and dip when an expected reward does not come?

    python -m simulations.rpe_over_learning          digits 0 to 3, 5 seeds, 600 trials of 8 images, 1 min
    python -m simulations.rpe_over_learning --quick  one seed, 150 trials, about 5 s

BrainProp's columns (64-24-4, ReLU; Pozzi et al. 2020) as a circuit. A trial is a rest of 4 steps, a digit for
8, an outcome for 3; one choice in ten explores. Recorded are dopamine, r − y_s when the outcome comes, and
what is expected, the rate y_s of the action that is winning, at every step. Monkeys' dopamine cells (Schultz,
Dayan & Montague 1997) answer to a reward at first, to what announces it later, and pause where it is omitted.

Expected: in rewarded trials dopamine at the outcome falls from 1 to 0, and what the stimulus makes expected
rises from 0 to 1 (the two add up to r = 1). A probe: test images that are chosen right, with reward and
without, by the weights of before and after learning; without, dopamine is −y_s.

BrainProp's dopamine itself is silent at the stimulus: it compares once, when an outcome comes. The change of
expectation at the stimulus, y_s(t) − y_s(t−1), is worked out from the recording; it is what dopamine receives
too where the future counts (AuGMEnT: δ = r + γ q' − q).

Next: corticalnet/circuits/cells/choice.py.
"""

from __future__ import annotations

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

CLASSES, HIDDEN, BATCH, RATE, EXPLORATION = 4, 24, 8, 0.1, 0.1
REST, SHOWN, OUTCOME = 4, 8, 3
STEPS = REST + SHOWN + OUTCOME
BLOCK, PROBED = 10, 64


def run(
    quick: Annotated[bool, typer.Option("--quick", help="One seed, 150 trials.")] = False,
    seeds: Annotated[int, typer.Option(help="How many networks.")] = 5,
    trials: Annotated[int, typer.Option(help="Trials, of 8 images side by side.")] = 600,
) -> dict:
    """For each seed: signals at every step of blocks of ten trials, and probes before and after."""
    seeds, trials = (1, 150) if quick else (seeds, trials)
    digits = datasets.load("digits", seed=0)
    runs = [learn(digits, trials, seed) for seed in track(range(seeds), "networks", transient=True)]
    return {"trials": trials, "seeds": seeds, "runs": runs}


def learn(digits: datasets.Data, trials: int, seed: int) -> dict:
    """One network of columns."""
    images, classes = few(digits.train)
    net = cn.mlp([64, HIDDEN, CLASSES], "relu", seed=seed, init=0.05, dtype=torch.float64)
    circuit = cn.circuit(net, cn.rule("brainprop"), RATE)
    running = cn.simulator(circuit)
    order = np.random.default_rng(seed).integers(0, len(images), (trials, BATCH))
    noise = cn.exploration_noise(trials * BATCH, CLASSES, EXPLORATION, seed=seed).reshape(trials, BATCH, -1)
    before, blocks = probe(circuit, digits), []
    for first in range(0, trials, BLOCK):
        protocol: list = []
        for k in range(first, min(first + BLOCK, trials)):
            shown = cn.Present(images[order[k]], SHOWN, exploration_noise=noise[k])
            protocol += [cn.Rest(REST), shown, cn.Reinforce(classes[order[k]], OUTCOME)]
        blocks.append(mean_of(signals(running.run(protocol, record=["rpe", "expected", "reward"]))))
    after = probe(circuit.with_weights(running.weights), digits)
    return {key: [block[key] for block in blocks] for key in blocks[0]} | {"before": before, "after": after}


def few(split: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """The images of the first classes."""
    x, y = split.batch(slice(None), torch.float64)
    return x[y < CLASSES], y[y < CLASSES]


def signals(data: Any) -> dict[str, np.ndarray]:
    """Dopamine, expectation and its change, ``[trials × images, steps]``, and which were rewarded."""
    rpe, reward = data["dopamine.rpe"].values[..., 0], data["world.reward"].values.sum(2)
    expected = all_cells(data, "expected").sum(2)
    rpe, expected, reward = (
        s.reshape(-1, STEPS, s.shape[1]).swapaxes(1, 2).reshape(-1, STEPS) for s in (rpe, expected, reward)
    )
    change = np.diff(expected, axis=1, prepend=0.0)
    change[:, :REST] = change[:, REST + SHOWN :] = 0.0  # while the stimulus is there and nothing has come
    return {"rpe": rpe, "expected": expected, "change": change, "rewarded": reward.max(1) > 0}


def mean_of(found: dict[str, np.ndarray]) -> dict[str, Any]:
    """Of a block: traces of rewarded trials (empty if none), size of dopamine in all, how many were right."""
    right = found["rewarded"]
    traces = {key: found[key][right].mean(0).tolist() if right.any() else [] for key in ("rpe", "change")}
    size = np.abs(found["rpe"]).max(1).mean()
    return {**traces, "size": float(size), "accuracy": float(right.mean())}


def probe(circuit: cn.Circuit, digits: datasets.Data) -> dict[str, Any]:
    """Test images with reward and without: mean traces of those that were chosen right."""
    images, classes = (t[:PROBED] for t in few(digits.test))
    none = np.zeros((len(images), CLASSES))
    found, right = {}, None
    for name, answer in (("rewarded", classes), ("omitted", none)):
        protocol = [cn.Rest(REST), cn.Present(images, SHOWN), cn.Reinforce(answer, OUTCOME)]
        seen = signals(cn.simulate(circuit, protocol, record=["rpe", "expected", "reward"]))
        right = seen["rewarded"] if right is None else right
        found[name] = {key: seen[key][right].mean(0).tolist() for key in ("rpe", "expected")}
    return {**found, "accuracy": float(np.mean(right))}


def outcome(traces: list[list[float]]) -> float:
    """Dopamine at the outcome, mean over blocks."""
    return float(np.mean([sum(trace) for trace in traces if trace]))


def report(results: dict) -> str:
    """First 50 and last 100 trials; probes."""
    runs, rows = results["runs"], []
    for name, part in (("first 50 trials", slice(0, 5)), ("last 100 trials", slice(-10, None))):
        rows.append([
            name,
            plus_minus([100 * float(np.mean(run["accuracy"][part])) for run in runs], 1),
            *(plus_minus([outcome(run[key][part]) for run in runs]) for key in ("rpe", "change")),
            plus_minus([float(np.mean(run["size"][part])) for run in runs]),
        ])  # fmt: skip
    head = [
        "",
        "rewarded %",
        "at the outcome, rewarded",
        "expectation's rise at the stimulus",
        "|dopamine|, all",
    ]
    learning = table(head, rows, f"{results['trials']} trials of {BATCH} images, {results['seeds']} seeds")
    rows = [
        [name, plus_minus([100 * run[when]["accuracy"] for run in runs], 1)]
        + [plus_minus([sum(run[when][key]["rpe"]) for run in runs]) for key in ("rewarded", "omitted")]
        for name, when in (("before", "before"), ("after", "after"))
    ]
    probes = table(["probe", "right %", "dopamine, reward comes", "dopamine, reward omitted"], rows)
    return f"{learning}\n\n{probes}"


@styled
def draw(results: dict) -> plt.Figure:
    """Heat map, course, and probes."""
    figure, grid = plt.subplots(1, 4, figsize=(15, 3.6), layout="constrained", width_ratios=[1.3, 1.2, 1, 1])
    runs, trials = results["runs"], results["trials"]
    both = [
        [
            np.add(a, b) if a else np.full(STEPS, np.nan)
            for a, b in zip(run["rpe"], run["change"], strict=True)
        ]
        for run in runs
    ]
    shown = grid[0].imshow(
        np.nanmean(np.array(both, dtype=float), 0), aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1,
        extent=(-REST, STEPS - REST, trials, 0), interpolation="nearest",
    )  # fmt: skip
    figure.colorbar(shown, ax=grid[0], pad=0.02)
    grid[0].set(xlabel="steps from the stimulus", ylabel="trials")
    grid[0].set_title("rewarded trials: change of expectation\nat the stimulus, dopamine at the outcome")
    at = np.arange(1, len(runs[0]["size"]) + 1) * BLOCK
    for key, label, color in (
        ("accuracy", "rewarded", "C2"),
        ("change", "expectation, rewarded trials", "C0"),
        ("rpe", "dopamine, rewarded trials", "C3"),
        ("size", "|dopamine|, all trials", "0.4"),
    ):
        lines = np.array([[np.sum(v) if v != [] else np.nan for v in run[key]] for run in runs])
        grid[1].plot(at, np.nanmean(lines, 0), color=color, label=label, lw=1.3)
        grid[1].fill_between(at, np.nanmin(lines, 0), np.nanmax(lines, 0), color=color, alpha=0.15, lw=0)
    grid[1].set(xlabel="trials", ylabel="mean and range over seeds", ylim=(-0.05, 1.08))
    grid[1].legend(frameon=False, fontsize=7.5, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 0.98))
    time = np.arange(STEPS) - REST
    for axes, when, title in ((grid[2], "before", "before learning"), (grid[3], "after", "after learning")):
        for key, color, label in (("rewarded", "C2", "reward comes"), ("omitted", "C3", "reward omitted")):
            lines = np.array([run[when][key]["rpe"] for run in runs])
            axes.step(time, lines.mean(0), where="post", color=color, label=f"dopamine, {label}", lw=1.4)
        expected = np.array([run[when]["rewarded"]["expected"] for run in runs]).mean(0)
        axes.step(time, expected, where="post", color="C0", ls="--", lw=1.1, label="expected")
        axes.axhline(0, color="0.8", lw=0.6, zorder=0)
        axes.axvline(0, color="0.6", lw=0.8, ls=":")
        axes.axvline(SHOWN, color="0.6", lw=0.8, ls=":")
        axes.set(title=title, xlabel="steps from the stimulus", ylim=(-1.15, 1.15))
    grid[2].legend(frameon=False, fontsize=7.5, loc="lower left")
    for axes in grid[1:]:
        axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
