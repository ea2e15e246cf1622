"""When does each synapse of a column network change, and by how much, in one trial?

    python -m simulations.plasticity_over_time                    streaming Fa-Z-IL, 10 seeds, about 10 s
    python -m simulations.plasticity_over_time --rule il          inference learning: all areas at once
    python -m simulations.plasticity_over_time --engine brian2    the same by Brian2
    python -m simulations.plasticity_over_time --quick            one seed, about 5 s

A digit is shown to columns 64-12-8-10 (tanh, output linear) and then taught; then both go. Recorded are all
populations and all plastic weights at every step (dt = 1 ms).

Expected, of Z-IL and every Fa-Z-IL: no weight changes before the teacher comes, nor after it has gone; the
projection into the area l below the output changes exactly once, l steps after the teacher came; and what
it has changed by in the end is what ``rule.learn`` says on the network, to 1e-10 of its largest entry.
IL: all at step 20.

Next: corticalnet/circuits/cells/change_detector.py.
"""

from __future__ import annotations

import json
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.errors import RuleError, one_of
from corticalnet.plotting.style import RED, styled
from corticalnet.recordings.reading import weight_change
from corticalnet.recordings.reading import weights as weights_at

from .parts.common import simulation, table

#: Rules whose weights change once in a trial.
RULES = ("streaming-fa-z-il", "fa-z-il", "z-il", "il")
STATES = {"value": "value x", "prediction": "prediction μ", "error": "error ε", "phi": "φ"}
RATE, AREAS, TEACHER = 0.1, ("area1", "area2", "output"), RED
#: First to last column of an area.
COLUMNS = ListedColormap(plt.colormaps["viridis"](np.linspace(0, 0.9, 256)))


def run(
    quick: Annotated[bool, typer.Option("--quick", help="One seed.")] = False,
    rule: Annotated[str, typer.Option(help=f"One of {', '.join(RULES)}.")] = RULES[0],
    engine: Annotated[str, typer.Option(help="torch or brian2.")] = "torch",
    seeds: Annotated[int, typer.Option(help="How many networks and digits.")] = 10,
) -> dict:
    """One trial for each seed; the first one's traces are kept for the figure."""
    one_of("rule", rule, RULES, RuleError)
    digits = datasets.load("digits", seed=0)
    trials = [watch(rule, engine, digits, seed) for seed in range(1 if quick else seeds)]
    traces = trials[0].pop("traces")
    for trial in trials[1:]:
        del trial["traces"]
    return {"rule": rule, "engine": engine, "trials": trials, "traces": traces}


def watch(name: str, engine: str, digits: datasets.Data, seed: int) -> dict:
    """One trial: when and by how much every projection changed, and how far that is from ``rule.learn``."""
    net = cn.mlp([64, 12, 8, 10], "tanh", seed=seed, dtype=torch.float64)
    rule = cn.rule(name)
    x, y = digits.test.batch(slice(seed, seed + 1), dtype=torch.float64)
    circuit = cn.circuit(net, rule, RATE)
    protocol = [
        cn.Present(x, steps=circuit.needs.present + 2),
        cn.Teach(y, steps=circuit.needs.teach + 5),
        cn.Rest(steps=8),
    ]
    data = cn.simulate(circuit, protocol, engine, record=[*recorded(circuit), "weights"], seed=seed)
    rule.learn(net, x, y)
    onset = int(json.loads(data.attrs["events"])[1][0])
    changed, norms, difference = {}, {}, 0.0
    for link, area in zip(net.links, AREAS, strict=True):
        before, weights = weights_at(data, link.name, "before"), data[link.name].values
        moved = np.diff(weights, axis=0, prepend=before[None]).any(axis=(1, 2))
        changed[area] = (np.flatnonzero(moved) - onset).tolist()
        norms[area] = np.linalg.norm(weights - before, axis=(1, 2)).tolist()
        wanted = -RATE * link.weight.grad.numpy()
        distance = np.abs(weight_change(data, link.name) - wanted).max() / np.abs(wanted).max()
        difference = max(difference, float(distance))
    return {
        "changed": changed,
        "norm": {area: norm[-1] for area, norm in norms.items()},
        "difference": difference,
        "traces": {"events": json.loads(data.attrs["events"]), "norm": norms, **traces(data)},
    }


def recorded(circuit: cn.Circuit) -> list[str]:
    """The states that this circuit has (only Fa-Z-IL has φ)."""
    return [s for s in STATES if any(s in p.cell.state for p in circuit.populations)]


def traces(data: xr.Dataset) -> dict:
    """State -> area -> ``[time][column]``, for areas that have such cells."""
    found: dict[str, dict] = {}
    for state in STATES:
        for area in ("input", *AREAS):
            for array in data.filter_by_attrs(state=state, area=area).data_vars.values():
                found.setdefault(state, {})[area] = array.values[:, 0].tolist()
    return found


def report(results: dict) -> str:
    """For each projection: when it changed (in all trials) and by how much; then the difference."""
    trials, rows = results["trials"], []
    for area in reversed(AREAS):
        steps = sorted({str(trial["changed"][area]) for trial in trials})
        norms = [trial["norm"][area] for trial in trials]
        rows.append([f"into {area}", ", ".join(steps), f"{min(norms):.3f} to {max(norms):.3f}"])
    title = f"{results['rule']} on {results['engine']}, {len(trials)} trials"
    worst = max(trial["difference"] for trial in trials)
    last = f"largest relative difference of any total change from rule.learn's: {worst:.1e}"
    found = table(["weights", "changed at steps after the teacher came", "‖W(end) − W(0)‖"], rows, title)
    return f"{found}\n{last}"


@styled
def draw(results: dict) -> plt.Figure:
    """A row for each area, the output on top; a column for each state, and one for the weights."""
    traces, areas = results["traces"], (*reversed(AREAS), "input")
    states = [state for state in STATES if state in traces]
    figure, grid = plt.subplots(
        len(areas), len(states) + 1, figsize=(2.4 * len(states) + 2.4, 6.2), sharex=True, layout="constrained"
    )
    for row, area in zip(grid, areas, strict=True):
        for axes, state in zip(row, states, strict=False):
            panel(axes, np.array(traces[state].get(area, [])), state, traces["events"])
        panel(row[-1], np.array(traces["norm"].get(area, [])).reshape(-1, 1), "weights", traces["events"])
        row[0].set_ylabel(area, fontsize=10)
    figure.align_ylabels(grid[:, 0])
    for axes in grid[-2, 1:]:
        axes.tick_params(labelbottom=True)  # nothing stands below these
    for axes, title in zip(grid[0], [*(STATES[s] for s in states), "‖W(t) − W(0)‖, W into it"], strict=True):
        axes.set_title(title, fontsize=10, pad=16)
    for (start, label), (end, _) in zip(
        traces["events"], [*traces["events"][1:], [len(traces["norm"]["output"]), ""]], strict=True
    ):
        for axes in grid[0]:
            where = {"transform": axes.get_xaxis_transform(), "ha": "center", "va": "bottom", "fontsize": 7}
            colour = TEACHER if label == "teach" else "0.4"
            axes.text((start + end) / 2 - 0.5, 1.02, label, color=colour, **where)
    figure.supxlabel("time (ms)", fontsize=10)
    columns = figure.colorbar(ScalarMappable(cmap=COLUMNS), ax=grid[-1, 1:], shrink=0.3, location="bottom")
    columns.set_ticks([0, 1], labels=["first", "last"])
    columns.set_label("column of the area")
    figure.suptitle(f"{results['rule']}: one trial ({results['engine']})", fontsize=11)
    return figure


def panel(axes: Axes, values: np.ndarray, state: str, events: list) -> None:
    """Lines for each column, or a raster of φ; nothing if the area has no such cells."""
    if not values.size:
        axes.set_visible(False)
        return
    steps, columns = np.arange(len(values)), values.shape[1]
    for start, _ in events[1:]:
        axes.axvline(start, color="0.8", lw=0.7, zorder=0)
    axes.axvline(events[1][0], color=TEACHER, lw=1.0, zorder=0)
    colours = COLUMNS(np.linspace(0, 1, columns))
    if state == "phi":
        when, who = np.nonzero(values)
        axes.vlines(when, who - 0.4, who + 0.4, color=colours[who], lw=3.5)
        axes.set(ylim=(-0.8, columns - 0.2), yticks=[0, columns - 1], yticklabels=["1", str(columns)])
    elif state == "weights":
        axes.step(steps, values[:, 0], where="post", color="black", lw=1.4)
        axes.set_ylim(bottom=-0.05 * max(values.max(), 1e-12))
    else:
        for line, colour in zip(values.T, colours, strict=True):
            axes.plot(steps, line, ".-", color=colour, lw=0.7, ms=2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


if __name__ == "__main__":
    simulation(run, report, draw)
