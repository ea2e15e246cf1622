"""How does inference learning relax, and how far is its weight update from backprop's on the way?

    python -m simulations.inference_relaxes            digits, 5 seeds, 4 rates γ, about 12 s
    python -m simulations.inference_relaxes --quick    one seed, two rates, about 5 s

The energy of predictive coding is F = ½ Σ ε². With the teacher there, IL's value cells go down its slope
for T steps of size γ, and only then do weights change, by ε × rate. One long run of the circuit (64-12-8-10,
16 digits, output linear) records errors and rates at every step: the update at *every* T follows from it.
The one at T = 20 is checked against ``rule.learn``. For the linear network the equilibrium is known: the
values solve a linear equation.

Expected: F falls at every step if γ is small. At T = 0 only the weights into the output would change, and by
backprop's change. An error reaches the area l below the output at T = l as γ^l times backprop's: a tiny
update in its very direction (with γ = 1 the update itself, which is Z-IL). Then the update turns away, to
that of the equilibrium, which is not backprop (docs/decisions/0007).

Next: corticalnet/rules/predictive_coding/inference_learning.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from matplotlib.axes import Axes
from rich.progress import track

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.plotting.style import styled

from .parts.common import mean_sd, plus_minus, simulation, table

GAMMAS, LONG, CHECKED, BATCH, FIRST = (0.03, 0.1, 0.3, 1.0), 100, 20, 16, 4
AREAS = ("area1", "area2", "output")
MEASURES = {
    "size": "‖ΔW‖ / ‖ΔW of backprop‖",
    "cosine": "cosine with backprop",
    "relative error": "relative distance to backprop",
}


def run(
    quick: Annotated[bool, typer.Option("--quick", help="One seed, two rates.")] = False,
    seeds: Annotated[int, typer.Option(help="How many networks and batches.")] = 5,
    steps: Annotated[int, typer.Option(help="Inference steps T.")] = LONG,
) -> dict:
    """For each activation, γ and seed: energy, measures of the update, distance from equilibrium."""
    gammas, seeds = ((0.1, 1.0), 1) if quick else (GAMMAS, seeds)
    digits, found = datasets.load("digits", seed=0), {}
    runs = [(f, g, s) for f in ("tanh", "linear") for g in gammas for s in range(seeds)]
    for hidden, gamma, seed in track(runs, "inference", transient=True):
        found.setdefault(hidden, {}).setdefault(str(gamma), []).append(
            relax(hidden, gamma, max(steps, CHECKED), digits, seed)
        )
    return {"steps": max(steps, CHECKED), "seeds": seeds, "relaxed": found}


def relax(hidden: str, gamma: float, steps: int, digits: datasets.Data, seed: int) -> dict:
    """One batch, one long inference."""
    net = cn.mlp([64, 12, 8, 10], hidden, seed=seed, dtype=torch.float64)
    x, y = digits.test.batch(slice(seed * BATCH, (seed + 1) * BATCH), dtype=torch.float64)
    circuit = cn.circuit(net, cn.rule("il", steps=steps, rate=gamma))
    settle = circuit.needs.present
    protocol = [cn.Present(x, steps=settle), cn.Teach(y, steps=steps + 1)]
    record = ["value", "error", "rate", cn.Record("error", reduce="norm")]
    data = cn.simulate(circuit, protocol, record=record, last=steps + 1, seed=seed)
    # Errors times rates, a mean over the batch: what IL would learn at each T, [T, post, pre].
    updates = {}
    for below, area in zip(("input", *AREAS), AREAS, strict=False):
        errors, rates = (data[name].values for name in (f"{area}.error.error", f"{below}.value.rate"))
        updates[area] = np.einsum("tbi,tbj->tij", errors, rates) / BATCH
    learned = gradients(net, cn.rule("il", steps=CHECKED, rate=gamma), x, y)
    backprop = gradients(net, cn.rule("backprop"), x, y)
    energy = 0.5 * sum(data[f"{area}.error.error norm"] ** 2 for area in AREAS)
    found: dict = {
        "energy": energy.mean("batch").values.tolist(),
        "check": max(distance(updates[a][CHECKED], learned[a]) for a in AREAS),
        "areas": {a: measures(updates[a], backprop[a]) for a in AREAS},
    }
    if hidden == "linear":
        values, errors = equilibrium(net, x, y)
        now = np.concatenate([data[f"{area}.value.value"].values for area in AREAS[:2]], axis=2)
        there = np.concatenate(values[1:3], axis=1)
        found["from equilibrium"] = [distance(v, there) for v in now]
        rest = {a: e.T @ v / BATCH for a, e, v in zip(AREAS, errors, values, strict=False)}
        found["at equilibrium"] = {a: measures(rest[a][None], backprop[a]) for a in AREAS}
    return found


def gradients(net: cn.Network, rule: cn.LearningRule, x: torch.Tensor, y: torch.Tensor) -> dict:
    """The direction in which a rule changes the weights into each area."""
    rule.learn(net, x, y)
    return {area: -link.weight.grad.numpy() for area, link in zip(AREAS, net.links, strict=True)}


def equilibrium(net: cn.Network, x: torch.Tensor, y: torch.Tensor) -> tuple[list, list]:
    """Values [input, area1, area2, output] and errors [area1, area2, output] of a linear network at rest.

    There F has no slope: x1 − W1 x0 = W2ᵀ (x2 − W2 x1) and x2 − W2 x1 = W3ᵀ (t − W3 x2).
    """
    w1, w2, w3 = (link.weight.detach().numpy() for link in net.links)
    inputs, target = x.flatten(1).numpy(), np.eye(len(w3))[y.numpy()]
    matrix = np.block([[np.eye(len(w1)) + w2.T @ w2, -w2.T], [-w2, np.eye(len(w2)) + w3.T @ w3]])
    hidden = np.linalg.solve(matrix, np.concatenate([inputs @ w1.T, target @ w3], axis=1).T).T
    x1, x2 = hidden[:, : len(w1)], hidden[:, len(w1) :]
    return [inputs, x1, x2, target], [x1 - inputs @ w1.T, x2 - x1 @ w2.T, target - x2 @ w3.T]


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """‖one − other‖ / ‖other‖."""
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


def measures(updates: np.ndarray, wanted: np.ndarray) -> dict[str, list]:
    """Size, cosine (None for no update) and relative error of the update at each T."""
    scale, norms = np.linalg.norm(wanted), np.linalg.norm(updates, axis=(1, 2))
    products = (updates * wanted).sum((1, 2))
    cosine = [float(p / n / scale) if n else None for p, n in zip(products, norms, strict=True)]
    error = np.linalg.norm(updates - wanted, axis=(1, 2)) / scale
    return {"size": (norms / scale).tolist(), "cosine": cosine, "relative error": error.tolist()}


def report(results: dict) -> str:
    """The end of inference: energy, update, distance from the equilibrium."""
    last, rows, checks = results["steps"], [], []
    areas = tuple(reversed(AREAS))
    for hidden, gammas in results["relaxed"].items():
        for gamma, runs in gammas.items():
            energies = np.array([r["energy"] for r in runs])
            falls = f"{(np.diff(energies) <= 0).all(1).sum()} of {len(runs)}"
            row = [f"{hidden}, γ = {gamma}", falls, spread(energies[:, -1] / energies[:, 0])]
            for what in ("cosine", "relative error"):
                row += [spread([r["areas"][area][what][last] for r in runs]) for area in areas]
            gone = [r["from equilibrium"][last] for r in runs if "from equilibrium" in r]
            rows.append([*row, f"{max(gone):.0e}" if gone else ""])
            checks += [r["check"] for r in runs]
    row = ["linear, at rest", "", ""]
    for what in ("cosine", "relative error"):
        row += [spread([r["at equilibrium"][area][what][0] for r in runs]) for area in areas]
    head = [
        f"T = {last}",
        "F falls",
        "F(T)/F(0)",
        *(f"cos {a}" for a in areas),
        *(f"dist {a}" for a in areas),
    ]
    title = f"IL's update beside backprop's, {results['seeds']} seeds"
    found = table([*head, "x from rest"], [*rows, [*row, ""]], title)
    return f"{found}\nlargest relative difference from rule.learn at T = {CHECKED}: {max(checks):.1e}"


def spread(values: Sequence[float]) -> str:
    """ "mean ± s.d." to two digits, however large."""
    mean = mean_sd(list(values))[0]
    return plus_minus(list(values)) if abs(mean) < 100 else f"{mean:.0e}"


@styled
def draw(results: dict) -> plt.Figure:
    """Above: energies, and the way to the equilibrium; below: the update, a row for each area (linear)."""
    relaxed = results["relaxed"]
    figure, grid = plt.subplots(4, 3, figsize=(10.5, 10.5), sharex=True, layout="constrained")
    for axes, (hidden, gammas) in zip(grid[0], relaxed.items(), strict=False):
        falls = {g: [np.array(r["energy"]) / r["energy"][0] for r in runs] for g, runs in gammas.items()}
        band(axes, falls)
        axes.set(title=f"energy F(T) / F(0), {hidden}", yscale="log", ylim=(0.1, 10))
    band(grid[0, 2], {g: [r["from equilibrium"] for r in runs] for g, runs in relaxed["linear"].items()})
    grid[0, 2].set(title="distance of x from the equilibrium, linear", yscale="log", ylim=(1e-6, 10))
    grid[0, 0].legend(frameon=False, fontsize=8)
    for row, area in zip(grid[1:], reversed(AREAS), strict=True):
        for axes, (what, title) in zip(row, MEASURES.items(), strict=True):
            curves = {g: [r["areas"][area][what] for r in runs] for g, runs in relaxed["linear"].items()}
            band(axes, curves)
            ends = [r["at equilibrium"][area][what][0] for r in next(iter(relaxed["linear"].values()))]
            axes.axhline(np.mean(ends), color="black", ls="--", lw=0.9, label="equilibrium")
            if area == "output":
                axes.set_title(f"{title}, linear")
            axes.set_ylim((-1.05, 1.05) if what == "cosine" else (-0.05, 1.5))
        row[0].set_ylabel(f"weights into {area}")
    grid[1, 1].legend(handles=[grid[1, 1].lines[-1]], frameon=False, fontsize=8)
    for axes in grid[-1]:
        axes.set_xlabel("inference steps T")
    for axes in grid.flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xticks([0, 1, 10, 100], ["0", "1", "10", "100"])
        axes.set_xlim(-0.05, 1.05 * results["steps"])
        axes.title.set_fontsize(10)
    return figure


def band(axes: Axes, curves: dict[str, list]) -> None:
    """Mean ± s.d. over seeds, a line for each γ; γ = 1 swings ever further: its first steps, without s.d."""
    colours = plt.colormaps["viridis"](np.linspace(0, 0.88, len(curves)))
    for colour, (gamma, runs) in zip(colours, curves.items(), strict=True):
        values = np.array([[math.nan if v is None else v for v in run] for run in runs])
        until = f" (to T = {FIRST})" if float(gamma) == 1.0 else ""
        values = values[:, : FIRST + 1] if float(gamma) == 1.0 else values
        mean, sd = values.mean(0), values.std(0, ddof=1) if len(values) > 1 else 0 * values[0]
        axes.plot(mean, color=colour, lw=1.3, label=f"γ = {gamma}{until}")
        if not until:
            axes.fill_between(range(len(mean)), mean - sd, mean + sd, color=colour, alpha=0.2, lw=0)


if __name__ == "__main__":
    simulation(run, report, draw)
