"""Can columns learn from a stream of trials when nobody tells them when an image or a teacher comes?

    python -m simulations.autonomy_in_a_stream            digits, 3 seeds; the grid, both engines; 4 minutes
    python -m simulations.autonomy_in_a_stream --quick    one seed, a corner of the grid, 10 s

30 trials: a digit is there for a random time, then the output is clamped at its label for a random time, and
at once the next digit comes. Weights change throughout. After each trial: how far the weights are from those
of a twin that backprop trains with the same lessons, ‖W − W twin‖ / ‖W twin − W(0)‖, the largest of all
projections. Columns: 64-32-32-10; rate 0.05.

Expected: streaming, gated and pooled φ 1e-10 or less, for every activation, depth and size of weights, on
both engines. Song et al. 2020 show their φ in trials after a prediction phase that has come to rest and is
known to be over; in a stream it is reported twice: told nothing, and told when the teacher is there.

Next: corticalnet/audit/stream.py.
"""

from __future__ import annotations

import itertools
import math
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.audit import autonomy_in_a_stream, with_detector
from corticalnet.plotting.autonomy import BAR, distances
from corticalnet.plotting.style import styled

from .parts.common import simulation, table

#: Name -> detector, and whether it is told when the teacher is there.
WHO = {
    "streaming": ("streaming", False),
    "gated": ("gated", False),
    "pooled": ("pooled", False),
    "paper's φ": ("paper", False),
    "paper's φ, told": ("paper", True),
}
ACTIVATIONS, DEPTHS, SCALES, RATE = ("sigmoid", "tanh", "relu"), (2, 3, 4, 5, 6), (0.5, 1.0, 1.5, 2.0), 0.05
#: Brian2 runs the streaming φ at these scales.
SCALES_OF_BRIAN2 = (0.5, 2.0)


def run(
    quick: Annotated[bool, typer.Option("--quick", help="One seed, a corner of the grid.")] = False,
    trials: Annotated[int, typer.Option(help="Of each stream.")] = 30,
    seeds: Annotated[int, typer.Option(help="How many networks and streams for the curves.")] = 3,
) -> dict:
    """Curves on digits for everybody; then the grid for those who are to be exact."""
    depths, scales = ((4,), (2.0,)) if quick else (DEPTHS, SCALES)
    trials, seeds = (min(trials, 8), 1) if quick else (trials, seeds)
    digits, curves = datasets.load("digits", seed=0), {}
    activations = ACTIVATIONS[1:] if quick else ACTIVATIONS
    runs = list(itertools.product(activations, WHO, range(seeds)))
    for hidden, who, seed in track(runs, "digits", transient=True):
        found = stream_of_digits(hidden, who, seed, trials, digits)
        curves.setdefault(hidden, {}).setdefault(who, []).append(found)
    grid: dict[str, dict[str, dict[str, float]]] = {}
    cells = list(itertools.product(activations, depths, scales))
    for hidden, depth, scale in track(cells, "grid", transient=True):
        engines = ("torch", "brian2") if scale in SCALES_OF_BRIAN2 else ("torch",)
        names = [*(("torch", who) for who in ("streaming", "gated", "pooled")), ("brian2", "streaming")]
        for engine, who in names:
            if engine in engines:
                worst = exactness(hidden, depth, scale, who, engine, trials)
                row = grid.setdefault(f"{hidden}, depth {depth}", {})
                row.setdefault(f"{who}, {engine}", {})[str(scale)] = worst
    return {"trials": trials, "seeds": seeds, "curves": curves, "grid": grid}


def stream_of_digits(hidden: str, who: str, seed: int, trials: int, digits: datasets.Data) -> dict:
    """Distances trial by trial, and spikes of φ."""
    detector, told = WHO[who]
    net = cn.mlp([64, 32, 32, 10], hidden, seed=seed, dtype=torch.float64)
    x, y = digits.train.batch(slice(seed * trials, (seed + 1) * trials), dtype=torch.float64)
    report = autonomy_in_a_stream(
        net,
        with_detector(cn.rule("backprop"), detector),
        trials=trials,
        seed=seed,
        learning_rate=RATE,
        stimuli=x,
        targets=y,
        announced=told,
    )
    found = report.to_dict()
    return {key: found[key] for key in ("distances", "expected", "spikes")}


def exactness(hidden: str, depth: int, scale: float, who: str, engine: str, trials: int) -> float | None:
    """The largest distance after any trial, of a small network whose initial weights are scaled.

    Where weights are large the rate is small: else training itself runs away, and any rounding with it.
    """
    net = cn.mlp([6, *[12] * (depth - 1), 4], hidden, seed=depth, dtype=torch.float64)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter *= scale
    rule = with_detector(cn.rule("backprop"), WHO[who][0])
    rate = RATE / max(1.0, scale) ** (2 * depth - 2)
    report = autonomy_in_a_stream(net, rule, trials=trials, seed=depth, learning_rate=rate, engine=engine)
    return report.worst if math.isfinite(report.worst) else None


def report(results: dict) -> str:
    """The curves' ends; the grid."""
    rows = []
    for hidden, found in results["curves"].items():
        for who, runs in found.items():
            first, last = ([run["distances"][k] for run in runs] for k in (0, -1))
            counts = [sum(sum(run[key]) for run in runs) for key in ("expected", "spikes")]
            rows.append([hidden, who, spread(first), spread(last), *counts])
    head = ["64-32-32-10", "φ", "distance after trial 1", f"after trial {results['trials']}"]
    title = f"{results['trials']} trials on digits, {results['seeds']} seeds (least to greatest)"
    curves = table([*head, "φ due", "φ fired"], rows, title)
    columns = list(next(iter(results["grid"].values())))
    rows = [[name, *(worst(found.get(c, {})) for c in columns)] for name, found in results["grid"].items()]
    grid = table(["6-12-…-4", *columns], rows, "largest distance after any trial, initial weights × 0.5 to 2")
    return f"{curves}\n\n{grid}"


def spread(values: list[float | None]) -> str:
    """Least to greatest; "ran away" for what is not finite."""
    finite = [v for v in values if v is not None]
    if not finite:
        return "ran away"
    gone = f", {len(values) - len(finite)} ran away" if len(finite) < len(values) else ""
    return f"{min(finite):.1e} to {max(finite):.1e}{gone}"


def worst(found: dict[str, float | None]) -> str:
    """Over scales."""
    values = [math.inf if v is None else v for v in found.values()]
    return f"{max(values):.0e}" if values else ""


@styled
def draw(results: dict) -> plt.Figure:
    """A panel of curves for each activation, and the grid."""
    panels = len(results["curves"]) + 1
    figure, axes = plt.subplots(1, panels, figsize=(3.75 * panels, 4.2), layout="constrained")
    for panel, (hidden, found) in zip(axes, results["curves"].items(), strict=False):
        curves = {}
        for who, runs in found.items():
            values = np.array([[np.inf if d is None else d for d in run["distances"]] for run in runs])
            curves[who] = np.median(values, 0).tolist()
        distances(panel, curves)
        panel.set_title(f"{hidden}, 64-32-32-10 on digits", fontsize=9)
        if panel is not axes[0]:
            panel.set_ylabel("")
            panel.get_legend().remove()
    grid, panel = results["grid"], axes[-1]
    columns = list(next(iter(grid.values())))
    values = np.array([[float(worst(found.get(c, {})) or "nan") for c in columns] for found in grid.values()])
    panel.imshow(np.log10(np.maximum(values, 1e-17)), cmap="RdYlGn_r", vmin=-17, vmax=-3, aspect="auto",
                 alpha=0.5)  # fmt: skip
    for row, column in np.ndindex(values.shape):
        panel.text(column, row, f"{values[row, column]:.0e}", ha="center", va="center", fontsize=8)
    panel.set_xticks(range(len(columns)), [c.replace(", ", "\n") for c in columns], fontsize=8)
    panel.set_yticks(range(len(grid)), list(grid), fontsize=8)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    panel.set_title(f"largest distance, weights × 0.5 to 2 (bar {BAR:.0e})", fontsize=9)
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
