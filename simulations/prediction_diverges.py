"""Does the prediction phase of predictive coding come to rest, when nobody says that it is one?

    python -m simulations.prediction_diverges            5 seeds, 15 scales, about 6 min
    python -m simulations.prediction_diverges --quick    one seed, 3 scales, about 8 s

Z-IL needs γ = 1, and rest before the teacher comes (C1). Song et al. 2020 start from rest. Here the same
equations run in both phases: digits are shown to columns 64-12-…-10 (weights drawn with s.d. scale/√fan-in),
values move by −ε + f'(x) ⊙ Wᵀ ε, and feedback is live. Does every error vanish (below 1e-9) within 300 steps?

Expected: steps of size γ down the energy F = ½ Σ ε² come to rest if and only if γ λ < 2, with λ the largest
eigenvalue of ∂²F/∂x² at rest (corticalnet/rules/predictive_coding/energy.py); for one hidden area that is
eig(D WᵀW D) < ½.
Against it stand two gates that need no signal: feedback from φ until the prediction moves, and streaming
(pulses φ ε). Both should rest after as many steps as the network is deep, whatever the weights.

Next: corticalnet/rules/predictive_coding/energy.py.
"""

from __future__ import annotations

import math
import warnings
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from matplotlib.axes import Axes
from rich.progress import track

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.plotting.style import RED, styled
from corticalnet.recordings.reading import all_cells
from corticalnet.rules.predictive_coding.energy import stability

from .parts.common import plus_minus, simulation, table

SCALES = tuple(round(float(s), 3) for s in np.geomspace(0.25, 3.0, 15))
ACTIVATIONS, DEPTHS, BATCH, LONG, REST = ("sigmoid", "tanh", "relu"), (2, 3, 5), 4, 300, 1e-9
GATED = {"gate": "prediction"}, {"gate": "pulse"}
HUGE = 1e300


def run(
    quick: Annotated[bool, typer.Option("--quick", help="One seed, one depth, three scales.")] = False,
    seeds: Annotated[int, typer.Option(help="How many networks and batches of digits.")] = 5,
    steps: Annotated[int, typer.Option(help="Length of the prediction phase.")] = LONG,
) -> dict:
    """For each network: λ, the error that is left, and the steps to rest, live and gated."""
    if quick:
        seeds, steps = 1, min(steps, 150)
    scales, depths = (SCALES[::7], DEPTHS[1:2]) if quick else (SCALES, DEPTHS)
    digits, found = datasets.load("digits", seed=0), []
    todo = [(f, d, s) for f in ACTIVATIONS for d in depths for s in range(seeds)]
    for hidden, depth, seed in track(todo, "prediction phases", transient=True):
        x, _ = digits.test.batch(slice(seed * BATCH, (seed + 1) * BATCH), dtype=torch.float64)
        where = {"activation": hidden, "depth": depth, "seed": seed}
        limit = border(hidden, depth, seed, x)
        for scale in scales:
            net = network(hidden, depth, seed, scale)
            live = settle(net, x, cn.rule("fa-z-il"), steps)
            gated = [settle(net, x, cn.rule("fa-z-il", **gate), 4 * depth) for gate in GATED]
            found.append(
                {
                    **where,
                    "scale": scale,
                    "limit": limit,
                    "curvature": stability(net, x, iterations=60).curvature,
                    "live": live,
                    "gated": gated,
                }
            )
    return {"steps": steps, "seeds": seeds, "runs": found}


def network(hidden: str, depth: int, seed: int, scale: float) -> cn.Network:
    """``depth`` links; weights with s.d. scale/√fan-in."""
    net = cn.mlp([64, *[12] * (depth - 1), 10], hidden, seed=seed, init="lecun", dtype=torch.float64)
    with torch.no_grad():
        for link in net.links:
            link.weight.mul_(scale)
    return net


def border(hidden: str, depth: int, seed: int, x: torch.Tensor) -> float:
    """The scale at which λ = 2, by bisection."""
    low, high = 0.05, 20.0
    for _ in range(15):
        middle = math.sqrt(low * high)
        stable = stability(network(hidden, depth, seed, middle), x, iterations=40).stable
        low, high = (middle, high) if stable else (low, middle)
    return math.sqrt(low * high)


def settle(net: cn.Network, x: torch.Tensor, rule: cn.LearningRule, steps: int) -> dict:
    """Largest error at the end, and the step from which on all errors are below ``REST`` (None: never)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it may never rest is what is asked
        circuit = cn.circuit(net, rule, 0.0, phase_signal=False)
    data = cn.simulate(circuit, [cn.Present(x, steps=steps)], record=["error", "value", "prediction"])
    values = data.drop_vars("input.value.value")  # which nobody predicts
    error = abs(all_cells(data, "error"))
    apart = abs(all_cells(values, "value") - all_cells(data, "prediction"))
    # Error cells hold a drive of their own: after swings to 1e18 it can be 0 where x and μ differ.
    size = np.where(apart > REST, np.maximum(error, apart), error).max((1, 2))
    size = np.nan_to_num(size, nan=HUGE, posinf=HUGE)
    awake = np.flatnonzero(size > REST)
    last = int(awake[-1]) + 1 if len(awake) else 0
    return {"left": float(size[-1]), "steps": last if last < steps else None}


def report(results: dict) -> str:
    """Measured border and limit; how often γ λ < 2 told rest from unrest; steps to rest."""
    rows, runs = [], results["runs"]
    for hidden in ACTIVATIONS:
        for depth in sorted({r["depth"] for r in runs}):
            here = [r for r in runs if r["activation"] == hidden and r["depth"] == depth]
            nets = [[r for r in here if r["seed"] == s] for s in range(results["seeds"])]
            gated = [g for r in here for g in r["gated"]]
            took = [r["live"]["steps"] for r in here if r["live"]["steps"] is not None]
            right = sum((r["curvature"] < 2) == (r["live"]["steps"] is not None) for r in here)
            rows.append(
                [
                    f"{hidden}, {depth} links",
                    plus_minus([n[0]["limit"] for n in nets]),
                    brackets(nets),
                    f"{right} of {len(here)}",
                    f"{min(took)}–{max(took)}" if took else "never",
                    f"{sum(r['live']['left'] == 0 for r in here)} of {len(took)}",
                    steps_of(gated),
                ]
            )
    head = [
        "γ = 1",
        "λ = 2 at scale",
        "live feedback rests up to",
        "foretold by λ < 2",
        "steps",
        "exactly 0",
        "gated",
    ]
    return table(head, rows, f"prediction phases of {results['steps']} steps, {results['seeds']} seeds")


def brackets(nets: list[list[dict]]) -> str:
    """Between which two scales of the grid rest ended, from the first seed to go to the last."""
    last = [max((r["scale"] for r in n if r["live"]["steps"] is not None), default=0.0) for n in nets]
    return f"{min(last):.2f}" if min(last) == max(last) else f"{min(last):.2f}–{max(last):.2f}"


def steps_of(gated: list[dict]) -> str:
    """The steps to rest, and what is left then."""
    took = [g["steps"] for g in gated]
    if None in took:
        return f"{took.count(None)} of {len(took)} never"
    least, most, left = min(took), max(took), max(g["left"] for g in gated)
    return f"{least}" + (f"–{most}" if most > least else "") + f", {left:.0e} left"


@styled
def draw(results: dict) -> plt.Figure:
    """Above: what is left over weight scale, limits drawn; below: the same over λ, where all borders meet."""
    figure, grid = plt.subplots(2, 3, figsize=(10.5, 6.2), sharey=True, layout="constrained")
    depths = sorted({r["depth"] for r in results["runs"]})
    colours = dict(zip(depths, plt.colormaps["viridis"](np.linspace(0, 0.8, len(depths))), strict=True))
    for column, hidden in enumerate(ACTIVATIONS):
        above, below = grid[:, column]
        for depth in depths:
            here = [r for r in results["runs"] if r["activation"] == hidden and r["depth"] == depth]
            curves(above, here, colours[depth], f"{depth} links")
            live = [(r["curvature"], shown(r["live"]["left"])) for r in here]
            below.plot(*zip(*live, strict=True), "o", ms=2.5, color=colours[depth], alpha=0.7)
        gated = [shown(g["left"]) for r in results["runs"] if r["activation"] == hidden for g in r["gated"]]
        scales = [r["scale"] for r in results["runs"] if r["activation"] == hidden for _ in r["gated"]]
        above.plot(scales, gated, "x", ms=4, color=RED, label="gated, streaming")
        above.set(title=hidden, xscale="log", xlabel="weight scale")
        below.axvline(2, color="black", ls="--", lw=1, label="γ λ = 2")
        below.set(xscale="log", xlabel="largest curvature λ (γ = 1)")
        above.set_xticks([0.25, 0.5, 1, 2, 3], ["0.25", "0.5", "1", "2", "3"], minor=False)
        above.minorticks_off()
        below.set_xticks([1, 2, 5, 10, 50], ["1", "2", "5", "10", "50"])
        below.minorticks_off()
    for axes in grid.flat:
        axes.set(yscale="log", ylim=(1e-19, 1e8))
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel(f"largest |ε| after {results['steps']} steps")
        axes.set_yticks([1e-18, 1e-12, 1e-6, 1, 1e6], ["0", "1e-12", "1e-6", "1", "≥ 1e6"])
    grid[0, 0].legend(frameon=False, fontsize=8, loc="upper left")
    grid[1, 0].legend(frameon=False, fontsize=8, loc="center right")
    return figure


def curves(axes: Axes, runs: list[dict], colour: np.ndarray, label: str) -> None:
    """A thin line for each seed; the limits' mean as a dashed line."""
    for seed in sorted({r["seed"] for r in runs}):
        own = [r for r in runs if r["seed"] == seed]
        left = [shown(r["live"]["left"]) for r in own]
        axes.plot([r["scale"] for r in own], left, color=colour, lw=1, label=label if seed == 0 else None)
    limit = np.mean([r["limit"] for r in runs])
    axes.axvline(limit, color=colour, ls="--", lw=1)


def shown(left: float) -> float:
    """On an axis from nothing to far too much."""
    return min(max(left, 1e-18), 1e6)


if __name__ == "__main__":
    simulation(run, report, draw)
