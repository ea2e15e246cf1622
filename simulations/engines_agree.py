"""Do the two engines run the same circuit, and does the order within a step matter?

    python -m simulations.engines_agree                            5 rules × 4 networks, about 2 minutes
    python -m simulations.engines_agree --target cpp_standalone    compiled by Brian2
    python -m simulations.engines_agree --quick                    two circuits, about 8 s

One trial (a digit is presented, taught, and gone) of every circuit runs in torch and in Brian2, and every
state of every cell and every weight is compared at every step: the largest absolute difference. The engines
share the description of cells and synapses and the plan of a step, and nothing that computes.

Then Brian2 (on numpy) runs with one phase in another place, beside torch with the right order: feedback
before the predictions, and learning before feedback.

Expected: rounding in the right order, φ and clocks equal to the bit. In a wrong order the weights are off,
with one exception: IL changes all weights at once and at the end, so whether feedback still comes after that
does not matter to them (it does to the values of the steps that follow).

Next: corticalnet/circuits/schedule.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
import xarray as xr
from rich.progress import track

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.circuits.schedule import SCHEDULE, Phase
from corticalnet.plotting.style import styled

from .parts.common import simulation, table

RULES = {
    "il": lambda: cn.rule("il", steps=8),
    "z-il": lambda: cn.rule("z-il"),
    "fa-z-il": lambda: cn.rule("fa-z-il", silence=3),
    "gated": lambda: cn.rule("fa-z-il", gate="prediction", silence=2),
    "streaming": lambda: cn.rule("streaming-fa-z-il", silence=1),
}
#: Phase to move, and the one before which it is put.
ORDERS = {"feedback before predict": ("feedback", "predict"), "learn before feedback": ("learn", "feedback")}
FLOOR = 1e-17


def dense(seed: int) -> cn.Network:
    """64-9-7-10; the output, too, fires through a sigmoid."""
    areas = [
        cn.Area(cn.Dense(9, bias=True), "tanh"),
        cn.Area(cn.Dense(7), "tanh"),
        cn.Area(cn.Dense(10), "sigmoid"),
    ]
    return cn.Network((1, 8, 8), areas, seed, dtype=torch.float64)


def sheets(kind: Callable) -> Callable[[int], cn.Network]:
    """Two sheets of columns, then the output (sigmoid)."""

    def make(seed: int) -> cn.Network:
        first, second = kind(2, 3, padding="same", stride=2, bias=True), kind(2, 3)
        areas = [cn.Area(first, "tanh"), cn.Area(second, "tanh"), cn.Area(cn.Dense(10, bias=True), "sigmoid")]
        return cn.Network((1, 8, 8), areas, seed, dtype=torch.float64)

    return make


def skipping(seed: int) -> cn.Network:
    """Links that skip one and two areas."""
    areas = [
        cn.Area(cn.Dense(9), "tanh", "low"),
        cn.Area(cn.Dense(7), "tanh", "high"),
        cn.Area([cn.Dense(10), cn.Dense(10, source="low"), cn.Dense(10, source="input")], "linear"),
    ]
    return cn.Network((1, 8, 8), areas, seed, dtype=torch.float64)


NETWORKS = {
    "dense": dense,
    "convolution": sheets(cn.Convolution),
    "local": sheets(cn.Local),
    "skipping": skipping,
}


def run(
    quick: Annotated[bool, typer.Option("--quick", help="Two circuits, one seed.")] = False,
    target: Annotated[str, typer.Option(help="Brian2's: numpy, cython or cpp_standalone.")] = "numpy",
    seeds: Annotated[int, typer.Option(help="How many networks and digits of each kind.")] = 2,
) -> dict:
    """Largest difference of every state, for every rule, network and order of phases."""
    digits, found = datasets.load("digits", seed=0), {}
    jobs = [(r, n, s) for r in RULES for n in NETWORKS for s in range(seeds)]
    if quick:
        jobs = [("z-il", "dense", 0), ("streaming", "skipping", 0)]
    for rule, network, seed in track(jobs, "engines", transient=True):
        circuit = cn.circuit(NETWORKS[network](seed), RULES[rule]())
        x, y = digits.test.batch(slice(seed, seed + 1), dtype=torch.float64)
        protocol = [
            cn.Present(x, steps=circuit.needs.present + 1),
            cn.Teach(y, steps=circuit.needs.teach + 2),
            cn.Rest(steps=4),
        ]
        torchs = cn.simulate(circuit, protocol, "torch")
        runs = {"as it is": cn.simulate(circuit, protocol, "brian2", target=target)}
        for order, (moved, before) in ORDERS.items():
            wrong = reordered(moved, before)
            runs[order] = cn.simulate(
                circuit, protocol, "brian2", schedule=wrong
            )  # compiling teaches no more
        for order, other in runs.items():
            place = found.setdefault(order, {}).setdefault(f"{rule}, {network}", {})
            for name, value in differences(torchs, other).items():
                place[name] = max(value, place.get(name, 0.0))
    return {"target": target, "seeds": 1 if quick else seeds, "differences": found}


def reordered(moved: str, before: str) -> list[Phase]:
    """The step contract with one phase put before another."""
    phases = {phase.name: phase for phase in SCHEDULE}
    order = [name for name in phases if name != moved]
    order.insert(order.index(before), moved)
    return [phases[name] for name in order]


def differences(one: xr.Dataset, other: xr.Dataset) -> dict[str, float]:
    """Largest absolute difference of every state; that of all weights under "weights"."""
    found: dict[str, float] = {}
    for name, array in one.data_vars.items():
        if "time" in array.dims:
            key = array.attrs.get("state", "weights")
            apart = np.abs(np.subtract(array.values, other[name].values, dtype=np.float64))
            same = (np.isnan(array.values) == np.isnan(other[name].values)).all()
            found[key] = max(found.get(key, 0.0), float(np.nanmax(apart)) if same else float("inf"))
    return found


def report(results: dict) -> str:
    """For each circuit the largest difference of any state, and of the weights, in each order."""
    orders = results["differences"]
    rows = []
    for circuit in orders["as it is"]:
        row = [circuit]
        for found in orders.values():
            states = max(v for k, v in found[circuit].items() if k != "weights")
            row += [f"{states:.0e}", f"{found[circuit]['weights']:.0e}"]
        rows.append(row)
    head = ["circuit", *(f"{order}: {what}" for order in orders for what in ("states", "weights"))]
    title = f"torch beside Brian2 ({results['target']}), {results['seeds']} seeds"
    return table(head, rows, title)


@styled
def draw(results: dict) -> plt.Figure:
    """A map for each order: circuits × states, on a log scale."""
    orders = results["differences"]
    circuits = list(orders["as it is"])
    every = dict.fromkeys(
        name for found in orders["as it is"].values() for name in found if name != "weights"
    )
    states = [*every, "weights"]
    width, height = 2.5 + 0.75 * len(states), 1.8 + 0.22 * len(circuits)
    figure, grid = plt.subplots(1, len(orders), figsize=(width, height), sharey=True, layout="constrained")
    colours = plt.colormaps["viridis"].with_extremes(bad="0.92")
    for axes, (order, found) in zip(grid, orders.items(), strict=True):
        values = np.array([[found[c].get(s, np.nan) for s in states] for c in circuits])
        logs = np.log10(np.clip(values, FLOOR, 1e3))
        picture = axes.imshow(logs, cmap=colours, vmin=np.log10(FLOOR), vmax=1, aspect="auto")
        for row, column in zip(*np.nonzero(values == 0), strict=True):
            axes.text(column, row, "0", color="white", ha="center", va="center", fontsize=6)
        axes.set_xticks(range(len(states)), [s.replace("_", " ") for s in states], rotation=90, fontsize=7)
        axes.set_yticks(range(len(circuits)), circuits, fontsize=7)
        axes.set_title(order, fontsize=9)
    figure.colorbar(picture, ax=grid, label="log₁₀ of the largest difference", pad=0.01)
    figure.suptitle(f"torch beside Brian2 ({results['target']})", fontsize=10)
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
