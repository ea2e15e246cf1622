"""How well does φ detect that an error has come, and what does it depend on?

    python -m simulations.phi_detection            digits, 3 seeds, about 8 minutes
    python -m simulations.phi_detection --quick    one seed, few points, about 20 s
    python -m simulations.phi_detection --data fashion-mnist --epochs 3 --only-table

Samples are shown side by side, then the teacher comes; nothing learns. A φ cell is right if it fires once,
when its error arrives, and at no other step. Three counts: cells; samples all of whose cells are right;
updates whose cosine with backprop's is at least 0.99. Song et al. 2020, Table 3, has 93.4, 92.4, 99.6,
100.0 % for t_d = 1, 2, 3 and 4 to 16, and does not say of what, nor in which precision.

Table 3 here: 64-32-32-32-10, sigmoid, untrained and trained (Adam), and two error cells: ours, which holds
its own drive (ε ← ε + Δx − Δμ), and one that subtracts (ε = x − μ), as Song's equations do. Curves:
64-32-32-10, 60 test images. Noise: Gaussian, on every prediction, new in every step; S/N = rms(δ over all
columns and samples) / s.d. Expected: φ fails at t_d = 1, where unstable feedback saturates columns.

Next: corticalnet/audit/detection.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.audit import autonomy_in_a_stream, detect, with_detector
from corticalnet.audit.detection import DETECTORS, size_of_deltas
from corticalnet.circuits.cells import Error
from corticalnet.network.initialisation import glorot
from corticalnet.plotting.autonomy import grid_of_success
from corticalnet.plotting.style import BLUE, GREEN, ORANGE, RED, styled
from corticalnet.tables import percent, table

from .parts import training
from .parts.common import FOLDER, simulation

BACKPROP, PAPER = cn.rule("backprop"), {1: 93.4, 2: 92.4, 3: 99.6, 4: 100.0, 8: 100.0, 16: 100.0}
COUNTS: dict[str, Callable] = {
    "cells": lambda found: found.cells,
    "samples": lambda found: found.samples,
    "updates": lambda found: found.good,
}
RATIOS = tuple(round(10 ** (k / 4), 1) for k in range(3, 13))
#: Times rms(δ).
THRESHOLDS = tuple(round(10 ** (k / 2), 4) for k in range(-5, 4))
ACTIVATIONS, DEPTHS = ("sigmoid", "tanh", "softplus", "leaky-relu", "relu"), (2, 3, 4, 5, 6)
TIMES = (1, 2, 3, 4, 5, 6, 7, 10, 15, 30, 60, 120, 400)
COLOURS = (RED, BLUE, GREEN, ORANGE, "0.5")
STEPS, DELAYS = (1.0, 0.5, 0.2, 0.1), (0.0, 0.5, 1.0, 2.0, 5.0)


class Subtracting(Error):
    """ε = x − μ: two large numbers subtracted."""

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """What the wires from value (+1) and prediction (−1) bring."""
        return {"error": port.change}


def subtracting(circuit: cn.Circuit) -> cn.Circuit:
    """The same circuit with error cells that hold nothing."""
    whole = {"change": "value", "shift": "prediction"}
    wires = [replace(w, sends=whole[w.sends]) if w.target.endswith(".error") else w for w in circuit.wires]
    cells = [replace(p, cell=Subtracting()) if p.role == "error" else p for p in circuit.populations]
    return replace(circuit, populations=cells, wires=wires)


def run(
    quick: Annotated[bool, typer.Option("--quick", help="One seed, few points.")] = False,
    data: Annotated[str, typer.Option(help="For Table 3: digits, fashion-mnist or mnist.")] = "digits",
    data_folder: FOLDER = None,
    epochs: Annotated[int, typer.Option(help="Of training, for Table 3; a sixth of it too.")] = 300,
    seeds: Annotated[int, typer.Option(help="How many networks.")] = 3,
    only_table: Annotated[bool, typer.Option("--only-table", help="No curves.")] = False,
) -> dict:
    """Table 3, then the curves; all numbers are means over seeds."""
    if quick:
        epochs, seeds = min(epochs, 120), 1
    images = datasets.load(data, folder=data_folder, seed=0)
    silences = (1, 4) if quick else tuple(PAPER)
    found: dict = {"seeds": seeds, "data": data, "silences": list(silences), "table": {}}
    for seed in track(range(seeds), "Table 3", transient=True):
        for name, net in trained(images, seed, (0, epochs) if quick else (0, epochs // 6, epochs)):
            x, y = images.test.batch(slice(0, 40 if quick else 500), torch.float64)
            for key, rates in table_3(net, x, y, silences).items():
                found["table"].setdefault(f"{name}, {key}", []).append(rates)
    if only_table:
        return found
    x, y = datasets.load("digits", seed=0).test.batch(slice(0, 30 if quick else 60), torch.float64)
    ratios, thresholds = (RATIOS[1::4], THRESHOLDS[1::2]) if quick else (RATIOS, THRESHOLDS)
    smooth = ("tanh",) if quick else ("sigmoid", "tanh")
    found["noise"] = noise(x, y, seeds, ratios, thresholds, smooth)
    depths = DEPTHS[1:4:2] if quick else DEPTHS
    found["depth"] = over_depths(x, y, seeds, ("tanh", "relu") if quick else ACTIVATIONS, depths)
    found["time"] = over_time(x, y, seeds, TIMES[2:9:4] if quick else TIMES, smooth)
    found["continuous"] = in_continuous_time(STEPS[:1] if quick else STEPS, DELAYS[1:2] if quick else DELAYS)
    return found


def trained(images: datasets.Data, seed: int, epochs: tuple[int, ...]):
    """The paper's network after so many epochs."""
    areas = [cn.Area(cn.Dense(32, init=glorot(4.0)), "sigmoid") for _ in range(3)]
    net = cn.Network(images.shape, [*areas, cn.Area(cn.Dense(10), "linear")], seed)
    optimizer, order = torch.optim.Adam(net.parameters(), 0.001), torch.Generator().manual_seed(seed)
    x, y = images.train.batch(slice(None))
    for epoch in training.epochs(net, BACKPROP, optimizer, x, y, max(epochs), 20, order):
        if epoch in epochs:
            yield f"{epoch} epochs" if epoch else "untrained", net


def table_3(
    net: cn.Network, x: torch.Tensor, y: torch.Tensor, silences: tuple
) -> dict[str, dict[str, list[float]]]:
    """Precision and error cell -> count -> one number for each t_d."""
    found: dict[str, dict[str, list[float]]] = {}
    for precision, cell in itertools.product(("float64", "float32"), ("its own drive", "x − μ")):
        for silence in silences:
            rule = with_detector(BACKPROP, "paper", silence=silence)
            circuit = cn.circuit(net, rule, 0.0)
            circuit = subtracting(circuit) if cell == "x − μ" else circuit
            one = detect(net, rule, x, y, precision=precision, circuit=circuit, present=40)
            for count, value in COUNTS.items():
                found.setdefault(f"{precision}, {cell}", {}).setdefault(count, []).append(value(one))
    return found


def noise(
    x: torch.Tensor, y: torch.Tensor, seeds: int, ratios: tuple, thresholds: tuple, activations: tuple
) -> dict:
    """Activation -> detector -> fraction of good updates for each (threshold, ratio); the last ratio is ∞."""
    found: dict = {"ratios": list(ratios), "thresholds": list(thresholds), "good": {}}
    runs = list(itertools.product(activations, DETECTORS, range(seeds)))
    for hidden, name, seed in track(runs, "noise", transient=True):
        net = cn.mlp([64, 32, 32, 10], hidden, seed=seed, dtype=torch.float64)
        size = size_of_deltas(net, BACKPROP, x, y)["all"]
        good = np.zeros((len(thresholds), len(ratios) + 1))
        for i, j in np.ndindex(good.shape):
            threshold, ratio = thresholds[i], [*ratios, np.inf][j]
            if threshold * ratio >= 1:  # a threshold below the noise is always passed
                rule = with_detector(BACKPROP, name, threshold=threshold * size)
                good[i, j] = detect(net, rule, x, y, teach=10, noise=size / ratio, seed=seed).good
        found["good"].setdefault(hidden, {}).setdefault(name, []).append(good.tolist())
    return found


def over_depths(x: torch.Tensor, y: torch.Tensor, seeds: int, activations: tuple, depths: tuple) -> dict:
    """Activation -> detector -> depth -> fraction of right cells, without noise and threshold."""
    found: dict = {}
    points = list(itertools.product(activations, DETECTORS, depths))
    for hidden, name, depth in track(points, "depth", transient=True):
        rule, shape = with_detector(BACKPROP, name), [64, *[32] * (depth - 1), 10]
        right = [detect(net, rule, x, y).cells for net in networks(shape, hidden, seeds)]
        found.setdefault(hidden, {}).setdefault(name, {})[str(depth)] = float(np.mean(right))
    return found


def over_time(x: torch.Tensor, y: torch.Tensor, seeds: int, times: tuple, activations: tuple) -> dict:
    """Activation -> who -> prediction steps -> fraction of good updates."""
    found: dict = {}
    who = {name: (name, True) for name in DETECTORS} | {"paper, told nothing": ("paper", False)}
    points = list(itertools.product(activations, who, times))
    for hidden, label, steps in track(points, "time", transient=True):
        rule, told = with_detector(BACKPROP, who[label][0]), who[label][1]
        nets = networks([64, 32, 32, 10], hidden, seeds)
        good = [detect(net, rule, x, y, present=steps, phase_signal=told).good for net in nets]
        found.setdefault(hidden, {}).setdefault(label, {})[str(steps)] = float(np.mean(good))
    return found


def networks(shape: list[int], hidden: str, seeds: int) -> list[cn.Network]:
    """One for each seed."""
    return [cn.mlp(shape, hidden, seed=seed, dtype=torch.float64) for seed in range(seeds)]


def in_continuous_time(steps: tuple, delays: tuple) -> dict:
    """The latch: what φ fired, and the largest distance from the twin, over dt / τ (no delay) and Δ / τ."""
    found: dict = {"dt / τ": {}, "Δ / τ": {}}
    net, rule, tau = (
        cn.mlp([8, 8, 8, 4], "tanh", seed=0, dtype=torch.float64),
        cn.rule("streaming-fa-z-il"),
        10.0,
    )
    points = [("dt / τ", s, 0.0) for s in steps] + [("Δ / τ", 0.5, d) for d in delays]
    for (what, dt, delay), pooled in track(list(itertools.product(points, (True, False))), "continuous",
                                           transient=True):  # fmt: skip
        how = cn.Continuous("latch", tau=tau, dt=dt * tau, delay=delay * tau, pooled=pooled)
        circuit = cn.circuit(net, rule, 0.1, dynamics=how)
        slack = round(10 / dt)
        result = autonomy_in_a_stream(net, rule, trials=2, circuit=circuit, slack=(slack, slack))
        one = {"due": sum(result.expected), "fired": sum(result.spikes), "distance": result.worst}
        at = str(dt if what == "dt / τ" else delay)
        found[what].setdefault("one φ per area" if pooled else "one φ per column", {})[at] = one
    return found


def best(results: dict, hidden: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """For each ratio, the fraction of good updates at the best threshold, and that threshold."""
    good = np.mean(results["noise"]["good"][hidden][name], axis=0)
    return good.max(0), np.array(results["noise"]["thresholds"])[good.argmax(0)]


def report(results: dict) -> str:
    """Table 3, the noise that each can bear, depths, continuous time."""
    rows: list[list] = [["Song et al. 2020", "", *(f"{PAPER[s]:.1f}" for s in results["silences"])]]
    for name, runs in results["table"].items():
        for count in COUNTS:
            rows.append([name, count, *(percent(v) for v in np.mean([r[count] for r in runs], axis=0))])
    head = ["paper's φ: right, %", "of", *(f"t_d = {s}" for s in results["silences"])]
    parts = [table(head, rows, f"Table 3, {results['data']}, {results['seeds']} seeds")]
    if "noise" not in results:
        return parts[0]
    ratios, rows = [*results["noise"]["ratios"], np.inf], []
    for hidden, name in itertools.product(results["noise"]["good"], DETECTORS):
        good, at = best(results, hidden, name)
        enough = next((k for k in range(len(ratios)) if (good[k:] >= 0.99).all()), None)
        needs = ["never", ""] if enough is None else [f"{ratios[enough]:g}", f"{at[enough]:g}"]
        rows.append([hidden, name, *needs, *(percent(v) for v in good)])
    head = ["noise", "φ", "needs S/N", "threshold / rms δ", *(f"{r:g}" for r in ratios)]
    title = "99 % of updates with cosine ≥ 0.99; good updates, % (best threshold)"
    parts.append(table(head, rows, title))
    for what, head in (("depth", "right cells, %; depth"), ("time", "good updates, %; steps of prediction")):
        rows = [
            [hidden, name, *(percent(v) for v in row.values())]
            for hidden, found in results[what].items()
            for name, row in found.items()
        ]
        parts.append(table([head, "φ", *next(iter(results[what]["tanh"].values()))], rows))
    rows = [
        [f"{what} = {at}", who, f"{one['fired']} of {one['due']}", f"{one['distance']:.0e}"]
        for what, found in results["continuous"].items()
        for who, row in found.items()
        for at, one in row.items()
    ]
    parts.append(table(["latch", "", "φ fired", "distance from the twin"], rows))
    return "\n\n".join(parts)


@styled
def draw(results: dict) -> plt.Figure:
    """Table 3; noise; threshold; depth; time; continuous time."""
    figure, axes = plt.subplots(2, 3, figsize=(15, 8), layout="constrained")
    silences = results["silences"]
    success = {"Song et al.": {s: PAPER[s] / 100 for s in silences}}
    for name, runs in results["table"].items():
        if name.endswith("float32, x − μ"):
            for count in COUNTS:
                mean = np.mean([r[count] for r in runs], axis=0)
                success[f"{name.split(',')[0]}, {count}"] = dict(zip(silences, mean, strict=True))
    grid_of_success(axes[0, 0], success, "silent steps t_d")
    axes[0, 0].set_title("Table 3: right, %; float32, error cell ε = x − μ")
    if "noise" in results:
        draw_curves(axes, results)
    for panel in axes.flat:
        panel.spines[["top", "right"]].set_visible(False)
        panel.title.set_fontsize(10)
    return figure


def draw_curves(axes: np.ndarray, results: dict) -> None:
    """All panels but the first."""
    noisy, exact, right, time, continuous = axes.flat[1:]
    for hidden, style in (("tanh", "-"), ("sigmoid", "--")):
        for k, (name, row) in enumerate(results["time"].get(hidden, {}).items()):
            look = {"ls": style, "color": COLOURS[k], "lw": 3.2 - 0.6 * k, "marker": ".", "label": name}
            time.plot([int(steps) for steps in row], list(row.values()), **look)
            if name in DETECTORS:
                noisy.plot(results["noise"]["ratios"], best(results, hidden, name)[0][:-1], **look)
                good = np.mean(results["noise"]["good"][hidden][name], axis=0)[:, -1]
                exact.plot(results["noise"]["thresholds"], good, **look)
    noisy.axhline(0.99, color="0.6", lw=0.8, ls=":")
    noisy.set(xlabel="rms δ / s.d. of noise", title="noise on predictions, best threshold (dashed: sigmoid)")
    exact.set(xlabel="threshold / rms δ", title="threshold, no noise")
    time.set(xlabel="steps of prediction", title="time before the teacher comes (t_d = 4)")
    time.legend(*(handles[:5] for handles in time.get_legend_handles_labels()), frameon=False)
    for panel in (noisy, exact, time):
        panel.set(xscale="log", ylabel="updates with cosine ≥ 0.99", ylim=(-0.03, 1.03))
    cells = {f"{hidden}, paper": found["paper"] for hidden, found in results["depth"].items()}
    others = [row for found in results["depth"].values() for name, row in found.items() if name != "paper"]
    cells["all, the other three"] = {d: min(row[d] for row in others) for d in others[0]}
    grid_of_success(right, cells, "depth")
    right.set_title("φ cells that are right, %")
    for (what, found), style in zip(results["continuous"].items(), ("-", "--"), strict=True):
        for (who, row), colour in zip(found.items(), COLOURS[3:1:-1], strict=True):
            distances = [one["distance"] for one in row.values()]
            look = {"ls": style, "color": colour, "marker": "o", "lw": 3 if colour == COLOURS[3] else 1.2}
            continuous.plot([float(at) for at in row], distances, label=f"{what}, {who}", **look)
    continuous.set(yscale="log", xlabel="dt / τ, Δ / τ", ylabel="distance from the twin")
    continuous.set_title("continuous time: the latch, s = 20 τ")
    continuous.legend(frameon=False, fontsize=8)


if __name__ == "__main__":
    simulation(run, report, draw)
