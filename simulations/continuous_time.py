"""In continuous time, how far are autonomous columns from backprop, and what decides it?

    python -m simulations.continuous_time            3 networks, about 7 min
    python -m simulations.continuous_time --quick    one network, the last point of each curve, about 20 s

Errors grow through one low-pass for each area they come through, and what they cause comes back and spoils
them. Four constructions read them in time (``cn.Continuous``): `latch` and `delay`, by φ and so autonomous;
`sample_and_hold` and `nudge`, by a clock. One trial of a 4-6-6-3 tanh network; the weight change of each
area beside backprop's, ‖ΔW − ΔW_bp‖ / ‖ΔW_bp‖, the worst area. Then five trials in one autonomous run by the
latch, of random timing, the weights changing throughout, beside a twin trained by backprop, on both engines.

Expected: latch and sample_and_hold err by about depth · e^(−s/τ), at dt = τ not at all; delay falls with Δ
and fails beyond 2Δ; nudge errs by about β; dt, inter-area delay and a slow teacher hardly matter; error cells
slower than τ/2 and columns with a local delay beyond τ/2 ring; one φ for an area bears thresholds that one φ
for each column does not.

Next: corticalnet/columns/continuous.py, corticalnet/circuits/cells/staged.py.
"""

from __future__ import annotations

import math
import warnings
from typing import Annotated, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track

import corticalnet as cn
from corticalnet.columns.beside import learned_changes, recorded_changes
from corticalnet.compare import relative_error
from corticalnet.errors import CircuitWarning
from corticalnet.plotting.style import styled

from .parts.common import simulation, table

TAU, SIZES, RATE = 10.0, (4, 6, 6, 3), 0.1
#: Panels: x axis, then for each line the values of x and the settings they mean (in units of τ where times).
Line = tuple[list[float], Any]
PANELS: dict[str, tuple[str, dict[str, Line]]] = {
    "waiting": (
        "s / τ",
        {
            "latch": ([2, 3, 5, 8, 10, 12, 15, 20], lambda s: {"read_delay": s}),
            "sample_and_hold": (
                [2, 3, 5, 8, 10, 12, 15, 20],
                lambda s: {"construction": "sample_and_hold", "read_delay": s},
            ),
        },
    ),
    "axonal delay": (
        "Δ / τ",
        {
            "delay, s = 1.9 Δ": ([1, 2, 3, 5, 8, 10], lambda d: {"construction": "delay", "delay": d}),
            "latch, s = 20 τ": ([0, 1, 3, 5, 10], lambda d: {"delay": d}),
        },
    ),
    "reading too late": (
        "s / Δ, with Δ = 10 τ",
        {
            "delay": (
                [0.5, 1, 1.5, 1.9, 2.1, 2.5, 3],
                lambda s: {"construction": "delay", "delay": 10, "read_delay": 10 * s},
            )
        },
    ),
    "nudging": (
        "β",
        {"nudge": ([1.0, 0.1, 0.01, 1e-3, 1e-4], lambda b: {"construction": "nudge", "nudge": b, "dt": 0.2})},
    ),
    "step": (
        "dt / τ",
        {
            "latch, s = 10 τ": ([1, 0.5, 0.2, 0.1, 0.05], lambda h: {"read_delay": 10, "dt": h}),
            "delay, Δ = 10 τ": (
                [1, 0.5, 0.2, 0.1],
                lambda h: {"construction": "delay", "delay": 10, "dt": h},
            ),
        },
    ),
    "slow cells and columns": (
        "in units of τ",
        {
            "τ of error cells": ([0, 0.25, 0.5, 1, 2], lambda t: {"tau_error": t}),
            "delay within columns": ([0, 0.2, 0.4, 0.6, 1, 1.4], lambda d: {"local_delay": d, "dt": 0.2}),
            "teacher's ramp": ([0, 1, 5, 10], lambda r: {"ramp": r}),
        },
    ),
    "threshold of φ": (
        "θ",
        {
            "one φ for an area": ([1e-4, 1e-3, 1e-2, 3e-2, 0.1], lambda h: {"threshold": h}),
            "one φ for each column": (
                [1e-4, 1e-3, 1e-2, 3e-2, 0.1],
                lambda h: {"threshold": h, "pooled": False},
            ),
        },
    ),
}
_TIMES = ("read_delay", "delay", "dt", "tau_error", "local_delay", "ramp")


def run(
    quick: Annotated[bool, typer.Option("--quick", help="One network, a point of each curve.")] = False,
    seeds: Annotated[int, typer.Option(help="How many networks, each with its own trial.")] = 3,
) -> dict:
    """Every panel's curves (for each x, one number per network), and the autonomous runs."""
    seeds, usual = (1, 0.5) if quick else (seeds, 0.2)
    points = [
        (panel, name, x, settings(x))
        for panel, (_, lines) in PANELS.items()
        for name, (values, settings) in lines.items()
        for x in (few(panel, values) if quick else values)
    ]
    found: dict = {}
    for panel, name, x, settings in track(points, "trials", transient=True):
        errors = [max(apart({"dt": usual, **settings}, seed)) for seed in range(seeds)]
        found.setdefault(panel, {}).setdefault(name, []).append([x, errors])
    runs = {}
    for engine in ("torch", "brian2"):
        for s in (10,) if quick else (10, 20):
            dt, trials = (usual, 2) if quick else (usual / 2, 5)
            errors = [apart({"read_delay": s, "dt": dt}, seed, trials, engine) for seed in range(seeds)]
            runs[f"{engine}, s = {s} τ"] = np.max(errors, axis=0).tolist()
    return {"seeds": seeds, "panels": found, "law": law(found["waiting"]["latch"]), "autonomous": runs}


def few(panel: str, values: list[float]) -> list[float]:
    """The last point of a curve; a second for the law, and steps that are not many."""
    return values[1:2] if panel == "step" else values[-1 - 4 * (panel == "waiting") :: 4]


def apart(settings: dict[str, Any], seed: int, trials: int = 1, engine: str = "torch") -> list[float]:
    """‖ΔW − ΔW_bp‖ / ‖ΔW_bp‖ of each area, from the input up, after so many trials."""
    settings = {k: TAU * v if k in _TIMES else v for k, v in settings.items()}
    net, rule = cn.mlp(SIZES, "tanh", seed=seed, dtype=torch.float64), cn.rule("backprop")
    rng = np.random.default_rng(seed)
    inputs, targets = rng.normal(size=(trials, SIZES[0])), rng.normal(size=(trials, SIZES[-1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CircuitWarning)  # some points are there because they fail
        circuit = cn.circuit(net, rule, RATE, dynamics=cn.Continuous(tau=TAU, **settings))
        protocol: list = []
        needs = circuit.needs
        longer = rng.integers(0, needs.teach // 2, size=(trials, 2)).tolist()  # nobody tells for how long
        for x, y, (shown, taught) in zip(inputs, targets, longer, strict=True):
            protocol += [cn.Present(x, needs.present + shown), cn.Teach(y, needs.teach + taught)]
        protocol.append(cn.Rest(needs.present))
        data = cn.simulate(circuit, protocol, engine, record="output.value.value", last=1)
    wanted = learned_changes(net, rule, zip(inputs[:, None], targets[:, None], strict=True), RATE)
    found = recorded_changes(data, net)
    return [relative_error(found[name], change) for name, change in wanted.items()]


def law(points: list) -> dict[str, float]:
    """Least squares of log error = log a − b · s/τ over s ≥ 5 τ, all networks."""
    pairs = [(s, math.log(e)) for s, errors in points for e in errors if s >= 5]
    s, logs = (np.array(side) for side in zip(*pairs, strict=True))
    slope, start = np.polyfit(s, logs, 1)
    left = logs - np.polyval([slope, start], s)
    return {
        "a": float(np.exp(start)),
        "b": float(-slope),
        "r2": float(1 - left.var() / logs.var()) if len(s) > 2 else 1.0,
    }


def report(results: dict) -> str:
    """Every curve, the law, the autonomous runs."""
    rows = [
        [panel, PANELS[panel][0], name, *(f"{x:g}: {typical(e)}" for x, e in points)]
        for panel, lines in results["panels"].items()
        for name, points in lines.items()
    ]
    wide = max(map(len, rows))
    curves = table(
        ["panel", "x", "", *["x: error"] * (wide - 3)],
        [row + [""] * (wide - len(row)) for row in rows],
        f"worst area's error, geometric mean over {results['seeds']} networks",
    )
    five = table(
        ["five trials in one run", "area1", "area2", "output"],
        [[name, *(f"{e:.1e}" for e in errors)] for name, errors in results["autonomous"].items()],
        "largest over the networks",
    )
    fit = results["law"]
    return (
        f"{curves}\n\n{five}\n\nlatch: error = {fit['a']:.2f} e^(−{fit['b']:.3f} s/τ), r² = {fit['r2']:.4f}"
    )


def typical(errors: list[float]) -> str:
    """Geometric mean."""
    logs = [math.log(max(e, 1e-17)) for e in errors if math.isfinite(e)]
    return f"{math.exp(sum(logs) / len(logs)):.0e}" if logs else "diverges"


@styled
def draw(results: dict) -> plt.Figure:
    """A panel for each question; every network a dot, their geometric mean a line."""
    figure, grid = plt.subplots(2, 4, figsize=(14, 6.4), layout="constrained")
    for axes, (panel, lines) in zip(grid.flat, results["panels"].items(), strict=False):
        for k, (name, points) in enumerate(lines.items()):
            where, errors = [x for x, _ in points], np.array([errors for _, errors in points])
            errors = np.clip(np.nan_to_num(errors, nan=np.inf), 1e-16, 10)
            axes.plot(where, np.exp(np.log(errors).mean(1)), color=f"C{k}", lw=1.4, label=name)
            axes.plot(where, errors, ".", color=f"C{k}", ms=4, alpha=0.6)
        if panel == "waiting":
            s, fit = np.array([2, 20]), results["law"]
            label = f"{fit['a']:.1f} e^(−{fit['b']:.2f} s/τ)"
            axes.plot(s, fit["a"] * np.exp(-fit["b"] * s), "k--", lw=0.9, label=label)
        if panel == "reading too late":
            axes.axvline(2, color="0.5", lw=0.8, ls=":")
        if panel in ("nudging", "threshold of φ", "step"):
            axes.set_xscale("log")
        axes.set(title=panel, xlabel=PANELS[panel][0], yscale="log", ylim=(1e-16, 20))
        axes.legend(frameon=False, fontsize=8, loc="best")
    axes = grid.flat[-1]
    for name, errors in results["autonomous"].items():
        style = (
            {"marker": "o", "ms": 9, "mfc": "none", "ls": ""}
            if "brian2" in name
            else {"marker": ".", "lw": 1}
        )
        axes.plot(
            range(3), np.maximum(errors, 1e-16), label=name, color="C0" if "10" in name else "C1", **style
        )
    axes.set(title="five trials in one run", yscale="log", ylim=(1e-16, 20))
    axes.set_xticks(range(3), ["area1", "area2", "output"])
    axes.legend(frameon=False, fontsize=8)
    for axes in grid.flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.title.set_fontsize(10)
    for axes in grid[:, 0]:
        axes.set_ylabel("distance from backprop's change")
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
