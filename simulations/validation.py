"""Is what columns learn in spikes what backprop would learn, and what decides it?

    python -m simulations.validation             5 networks (3 for parts 2 to 4), 6 min
    python -m simulations.validation --quick     one network, few points, about 15 s

Networks 4-5-4-3, tanh and sigmoid in turn, Glorot's weights × 2; one trial; each change of weights beside
backprop's of the same lesson (BrainProp: of the same action's reward-prediction error). Windows of 200 ms,
100 Hz for the largest signal, steps of 1 ms. Z-IL's columns go by a clock. The *error* is to backprop; the
*noise* is the distance to what the same circuit learns in rates (N → ∞), for a finite window errs, too.

1. N spiking cells for each column and sign. Expected: mean cosine at least 0.97 (PIF, Poisson) and 0.93
   (LIF) at N = 100, rising with N; Poisson's noise ∝ N^(−1/2), PIF's ∝ N^(−1).
2. The window T. Expected: Poisson's noise ∝ T^(−1/2), PIF's ∝ T^(−1).
3. Small errors. Expected: an error smaller than the noise of the prediction it is told apart from drowns.
4. Streaming Fa-Z-IL on PIF cells (8-6-6-4, sigmoid, weights × 1.5, N = 300), φ deciding by itself, three
   trials in a stream of unknown timing, beside a backprop twin.

Next: corticalnet/audit/trials.py, corticalnet/columns/spiking.py.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Annotated, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track

import corticalnet as cn
from corticalnet.analysis import ranges
from corticalnet.audit import Trials, View, compare, fit_power_law, windowed
from corticalnet.audit.comparison import geometric_mean
from corticalnet.audit.trials import Changes
from corticalnet.columns.registry import spiking_dynamics
from corticalnet.errors import CircuitWarning
from corticalnet.plotting.style import styled
from corticalnet.plotting.validation import curves
from corticalnet.recordings.reading import all_cells

from .parts.common import simulation, table

SIZES, KINDS, RULES = (4, 5, 4, 3), ("poisson", "pif", "lif"), ("z-il", "brainprop")
TARGET = (0.6, -0.3, 0.4)
CELLS, WINDOWS, SHARES = (10, 30, 100, 300), (50.0, 100.0, 200.0, 400.0), (0.03, 0.1, 0.3)
#: Steps of spiking circuits, in ms.
STEP = 1.0
AREAS = ("area1", "area2", "output")
Numbers = dict[str, list[float]]


def run(
    quick: Annotated[bool, typer.Option("--quick", help="One network, few points.")] = False,
    networks: Annotated[int, typer.Option(help="How many networks, each with its own trial.")] = 5,
) -> dict:
    """All five parts; every number by area."""
    warnings.simplefilter("ignore", CircuitWarning)
    networks = 1 if quick else networks
    jobs: list[tuple[Any, ...]] = []
    for k in range(networks):
        for rule in RULES:
            for kind in ("pif",) if quick else KINDS:
                jobs += [("cells", (rule, kind), n, k) for n in (CELLS[:2] if quick else CELLS)]
    for k in range(min(networks, 3)):
        for kind in () if quick else KINDS[:2]:
            jobs += [("window", ("z-il", kind), w, k) for w in WINDOWS]
            jobs += [("errors", ("z-il", kind), share, k) for share in SHARES]
        jobs += [] if quick else [("autonomous", "streaming-fa-z-il", 300, k)]
    found: dict[str, Any] = {}
    for part, who, x, k in track(jobs, "trials", transient=True):
        name = who if isinstance(who, str) else ", ".join(who)
        there = found.setdefault(part, {}).setdefault(name, {}).setdefault(f"{x:g}", [])
        there.append(PARTS[part](who, x, k))
    return {"networks": networks, **found}


def bench(rule: str, seed: int, scale: float = 2.0, share: float = 1.0) -> Trials:
    """A network, its rule and one trial; the teacher moves the output by a share of the way to the target."""
    hidden = ("tanh", "sigmoid")[seed % 2]
    net = cn.mlp(SIZES, hidden, seed=seed, dtype=torch.float64)
    for link in net.links:
        link.weight.data *= scale
    stimulus = torch.from_numpy(np.random.default_rng(seed).uniform(0, 1, (1, SIZES[0])))
    with torch.no_grad():
        target = (1 - share) * net(stimulus) + share * torch.tensor([TARGET], dtype=torch.float64)
    target = torch.tensor([seed % 3]) if rule == "brainprop" else target
    return Trials(net, cn.rule(rule), stimulus, target)


def beside(trials: Trials, change: Changes, rates: Changes | None = None) -> Numbers:
    """Area -> cosine, norm ratio and relative error, the norm of backprop's change, and the share of noise:
    how far spikes are from what the same circuit of rates learns (N → ∞), in norms of backprop's change."""
    wanted = trials.backprop(0)
    found, noise = compare(change, wanted), compare(change, wanted, rates)
    spans = compare(rates or wanted, wanted)
    sizes = {**wanted, "all": np.concatenate(list(wanted.values()))}
    return {
        area: [
            c.cosine,
            c.ratio,
            c.error,
            float(np.linalg.norm(sizes[area])),
            noise[area].own * spans[area].ratio,
        ]
        for area, c in found.items()
    }


def spikes(who: tuple[str, str], cells: int, seed: int, window: float = 200.0, share: float = 1.0) -> Numbers:
    """One trial with spiking cells."""
    rule, kind = who
    trials = bench(rule, seed, share=share)
    how = windowed(replace(spiking_dynamics(trials.rule), dt=STEP), window)
    between, change = as_rates(rule, seed, window, share)
    view = View("spikes", how, cells, kind, options={"ranges": between})
    return beside(trials, view.run(trials, seed=seed)[0], change)


@cache
def as_rates(rule: str, seed: int, window: float, share: float) -> tuple[Any, Changes]:
    """The same trial without spikes: ranges of its signals, and what is learned."""
    trials = bench(rule, seed, share=share)
    how = windowed(replace(spiking_dynamics(trials.rule), dt=STEP), window)
    rates = trials.circuit(how)
    return ranges(rates, trials.protocol(rates, how)), View("rates", how).run(trials)[0]


def autonomous(rule: str, cells: int, seed: int) -> dict[str, list[float]]:
    """Trials in a stream of unknown timing: ‖W − W_bp‖ / ‖ΔW_bp‖ after each, and how often each φ fired."""
    net = cn.mlp([8, 6, 6, 4], "sigmoid", seed=seed, dtype=torch.float64)
    for link in net.links:
        link.weight.data *= 1.5
    learning, count = cn.rule(rule), 3
    how = cn.Continuous("latch", dt=STEP, read_delay=200.0, average=50.0, threshold=0.05, quiet=0.2)
    rates = cn.circuit(net, learning, 0.5, dynamics=how)
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 1, (count, 8)), rng.uniform(-1, 1, (count, 4))
    longer = rng.integers(0, 200, (count, 2)).tolist()  # nobody tells for how long
    protocol: list[Any] = []
    for stimulus, target, (shown, taught) in zip(x, y, longer, strict=True):
        protocol += [cn.Present(stimulus, ms=700.0 + shown), cn.Teach(target, ms=1000.0 + taught)]
    protocol.append(cn.Rest(ms=700.0))
    made = cn.spiking(rates, cells, "pif", ranges=ranges(rates, protocol, check=False))
    data = cn.simulate(made, protocol, record=["weights", "phi"], seed=seed, check=False)
    twin = torch.optim.SGD(net.parameters(), 0.5)
    start = {link.name: link.weight.detach().clone().numpy() for link in net.links}
    lengths = [part.length(STEP, "") for part in protocol]
    apart: dict[str, list[float]] = {"phi": [float(n) for n in all_cells(data, "phi").sum((0, 1)) if n]}
    for k in range(count):
        cn.rule("backprop").update(net, torch.from_numpy(x[k : k + 1]), torch.from_numpy(y[k : k + 1]), twin)
        end = sum(lengths[: 2 * k + 3]) - 1  # the next stimulus has been there for long
        for link in net.links:
            wanted, mine = link.weight.detach().numpy(), data[link.name].values[end]
            distance = np.linalg.norm(mine - wanted) / np.linalg.norm(wanted - start[link.name])
            apart.setdefault(link.name.split("->")[1], []).append(float(distance))
    return apart


PARTS: dict[str, Any] = {
    "cells": lambda who, n, seed: spikes(who, n, seed),
    "window": lambda who, w, seed: spikes(who, 30, seed, window=w),
    "errors": lambda who, share, seed: spikes(who, 100, seed, share=share),
    "autonomous": autonomous,
}


#: Parts that are tables of trials: what x is.
LABELS = {
    "cells": "cells per column and sign",
    "window": "window (ms), N = 30",
    "errors": "teacher's error, N = 100",
}


def report(results: dict) -> str:
    """A table for each part, with exponents."""
    parts = []
    for part, label in LABELS.items():
        header = [
            part,
            label,
            "cosine, mean",
            "area1",
            "relative error",
            "area1",
            "noise",
            "exponent",
            "of noise",
        ]
        rows = []
        for who, points in results.get(part, {}).items():
            fits = [exponent(points, 2), exponent(points, 4)] if part in ("cells", "window") else ["", ""]
            for k, (x, runs) in enumerate(points.items()):
                cosines = [f"{cosine(runs, areas):.4f}" for areas in (AREAS, AREAS[:1])]
                errors = [
                    geometric_mean([run[a][j] for run in runs])
                    for a, j in (("all", 2), ("area1", 2), ("all", 4))
                ]
                shown = [x, *cosines, *(f"{e:.1e}" for e in errors)]
                rows.append([who, *shown, *fits] if k == 0 else ["", *shown, "", ""])
        parts += [table(header, rows)] if rows else []
    runs = results.get("autonomous", {}).get("streaming-fa-z-il", {}).get("300", [])
    for trial in range(3 if runs else 0):
        each = [[run[area][trial] for run in runs] for area in AREAS]
        shown = ", ".join(f"{np.mean(e):.3f} ({max(e):.3f})" for e in each)
        parts.append(f"φ by itself, after trial {trial + 1}: {shown}, mean (largest) of each area")
    return "\n\n".join(parts)


def cosine(runs: list[dict], areas: Sequence[str]) -> float:
    """Mean over networks and areas."""
    return float(np.mean([run[name][0] for run in runs for name in areas]))


def exponent(points: dict, part: int) -> Any:
    """Of the error (2) or noise (4) of all synapses together."""
    pairs = [(float(x), run["all"][part]) for x, runs in points.items() for run in runs]
    return fit_power_law(*zip(*pairs, strict=True)) or ""


@styled
def draw(results: dict) -> plt.Figure:
    """A panel for each question."""
    figure, grid = plt.subplots(2, 3, figsize=(13, 7.6), layout="constrained")
    *spiking, window, errors, alone, empty = grid.flat
    empty.set_axis_off()
    for axes, part, rule in (
        (spiking[0], "cells", "z-il"),
        (spiking[1], "cells", "brainprop"),
        (window, "window", "z-il"),
    ):
        lines, x = {}, []
        for k, (who, points) in enumerate(p for p in results.get(part, {}).items() if p[0].startswith(rule)):
            x = [float(n) for n in points]
            power = exponent(points, 4)
            lines[who.split(", ")[1] + (f", noise: exponent {power}" if power else "")] = [
                [run["all"][2] for run in runs] for runs in points.values()
            ]
            axes.plot(
                x,
                [geometric_mean(run["all"][4] for run in runs) for runs in points.values()],
                "--",
                lw=1,
                color=f"C{k}",
            )
        if lines:
            curves(axes, x, lines, label=LABELS[part])
        axes.set_visible(bool(lines))
        axes.set_title(f"{rule} columns: error (lines) and noise (broken)")
    for k, (who, points) in enumerate(results.get("errors", {}).items()):
        for marker, area in zip("os^", AREAS, strict=True):
            pairs = [run[area] for runs in points.values() for run in runs]
            style = {"marker": marker, "ls": "", "color": f"C{k}", "ms": 4, "alpha": 0.6}
            errors.loglog(
                [p[3] for p in pairs], [p[2] for p in pairs], label=f"{who.split(', ')[1]}, {area}", **style
            )
    errors.set_visible(bool(results.get("errors")))
    errors.axhline(1, color="0.5", lw=0.8, ls=":")
    errors.set(title="small errors drown (N = 100)", xlabel="‖backprop's change‖", ylabel="relative error")
    if results.get("errors"):
        errors.legend(frameon=False, fontsize=7)
    runs = results.get("autonomous", {}).get("streaming-fa-z-il", {}).get("300", [])
    for j, area in enumerate(AREAS):
        for run in runs:
            label = area if run is runs[0] else None
            alone.plot(
                range(1, len(run[area]) + 1), run[area], "o-", ms=3, lw=0.8, color=f"C{j}", label=label
            )
    alone.set(title="φ by itself, PIF cells", xlabel="trials in one stream", ylabel="‖W − W_bp‖ / ‖ΔW_bp‖")
    alone.set_ylim(0, None)
    alone.set_xticks([1, 2, 3])
    alone.set_visible(bool(runs))
    if runs:
        alone.legend(frameon=False, fontsize=8)
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.title.set_fontsize(10)
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
