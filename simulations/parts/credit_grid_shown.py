"""How the credit grid is shown: its tables, and a heat map for each teaching signal.

Next: simulations/credit_grid.py.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import Colormap, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from corticalnet.plotting.style import styled

from .common import mean_sd, table

REFUSED, LOST = "0.88", "#b2182b"


def read(cell: dict, what: str) -> tuple[float, float, int] | None:
    """Mean, s.d. and how many ran away; None if the rules refuse."""
    if "refused" in cell:
        return None
    if what == "passes":
        return sum(cell["passes"].values()), 0.0, 0
    stayed = [run for run in cell["runs"] if "ran away" not in run]
    values = [run[what] * (100 if what == "accuracy" else 1) for run in stayed if run[what] is not None]
    lost = len(cell["runs"]) - len(stayed)
    return (*(mean_sd(values) if values else (float("nan"), 0.0)), lost)


def words(cell: dict, what: str) -> str:
    """A cell in a table."""
    found = read(cell, what)
    if found is None:
        return "–"
    mean, sd, lost = found
    if what == "passes":
        return " + ".join(f"{value:.2f}" for value in cell["passes"].values())
    if math.isnan(mean):
        return "ran away" if lost else "no change"
    many = len(cell["runs"]) - lost > 1
    return f"{mean:.0f}" + (f" ± {sd:.0f}" if many else "") + (f" ({lost} away)" if lost else "")


def report(results: dict) -> str:
    """Accuracy, angle and cost, a table each, and a line about triggers that do as the sweep does."""
    grid, (named, pathways) = results["grid"], axes_of(results)
    tables = []
    for what, title in (
        ("accuracy", "test %"),
        ("angle", "worst hidden area's angle (°) to backprop of the same lesson"),
        ("angle to a teacher's", "worst hidden area's angle (°) to backprop with a teacher"),
    ):
        rows = [
            [teaching, trigger, *(words(row[pathway], what) for pathway in pathways)]
            for teaching, triggers in grid.items()
            for trigger, row in triggers.items()
            if known(triggers, what)
        ]
        tables.append(table(["taught by", "trigger", *pathways], rows, title))
    rows = [[t, *(words(cost(results, t, p), "passes") for p in pathways)] for t in named]
    tables.append(table(["trigger", *pathways], rows, "sweeps of a batch: up + down + post × pre"))
    for trigger in named:
        apart = [
            abs(a["accuracy"] - b["accuracy"])
            for triggers in grid.values()
            for p in pathways
            for a, b in zip(*(triggers[t][p].get("runs", []) for t in ("sweep", trigger)), strict=False)
            if "accuracy" in a and "accuracy" in b
        ]
        if apart and trigger != "sweep":
            tables.append(f"{trigger}: test accuracy at most {100 * max(apart):.1f} points from the sweep's")
    return "\n\n".join(tables)


def known(triggers: dict, what: str) -> bool:
    """Whether it was looked at in trainings by this teaching signal."""
    cells = [cell for row in triggers.values() for cell in row.values()]
    return any(what in run for cell in cells for run in cell.get("runs", []))


def cost(results: dict, trigger: str, pathway: str) -> dict:
    """The cell of the first teaching signal that goes with both; none changes what a trial takes."""
    cells = [triggers[trigger][pathway] for triggers in results["grid"].values()]
    return next((cell for cell in cells if "passes" in cell), cells[0])


def axes_of(results: dict) -> tuple[list[str], list[str]]:
    """Triggers and pathways in the grid."""
    triggers = next(iter(results["grid"].values()))
    return [*triggers], [*next(iter(triggers.values()))]


@styled
def draw(results: dict) -> plt.Figure:
    """A row for each teaching signal, accuracy and angle beside each other; what it costs below."""
    grid, seeds, count = results["grid"], results["seeds"], len(results["grid"]) + 1
    figure, panels = plt.subplots(count, 2, figsize=(13.5, 2.9 * count), layout="constrained", squeeze=False)
    hot, cold, warm = (plt.get_cmap(name) for name in ("YlGn", "PuBu_r", "OrRd"))
    for (left, right), (teaching, triggers) in zip(panels, grid.items(), strict=False):
        panel(left, triggers, "accuracy", hot, (0, 115), f"{teaching}: test %")
        panel(right, triggers, "angle", cold, (-10, 100), f"{teaching}: worst hidden angle to backprop (°)")
        right.set_yticklabels([])
    named, pathways = axes_of(results)
    costs = {t: {p: cost(results, t, p) for p in pathways} for t in named}
    title = "cost: sweeps of a batch through all synapses, up + down + post × pre"
    panel(panels[-1, 0], costs, "passes", warm, (0, 12), title)
    panels[-1, 1].axis("off")
    keys = [
        Patch(facecolor=REFUSED, label="refused by the rules (the sentence: results.json)"),
        Patch(facecolor=LOST, label="ran away: some weight grew beyond 10⁴, in all seeds"),
        Line2D(
            [], [], color=LOST, marker="o", ls="", ms=4, label="ran away in some seeds; mean of the others"
        ),
    ]
    panels[-1, 1].legend(handles=keys, loc="upper left", frameon=False, fontsize=9)
    spread = f"mean ± s.d. of {seeds} seeds" if seeds > 1 else "one seed"
    figure.suptitle(f"{results['data']}, {results['images']} images, {results['epochs']} epochs: {spread}")
    return figure


def panel(
    axes: Any, rows: dict, what: str, colours: Colormap, limits: tuple[float, float], title: str
) -> None:
    """One heat map: triggers down, pathways across."""
    pathways = [*next(iter(rows.values()))]
    for (i, row), (j, pathway) in itertools.product(enumerate(rows.values()), enumerate(pathways)):
        found, colour, text = read(row[pathway], what), REFUSED, ""
        if found is not None:
            mean, sd, lost = found
            many = what != "passes" and len(row[pathway]["runs"]) - lost > 1
            colour = colours((mean - limits[0]) / (limits[1] - limits[0]))
            text = (f"{mean:.1f}" if what == "passes" else f"{mean:.0f}") + (f" ±{sd:.0f}" if many else "")
            if math.isnan(mean):
                colour, text = (LOST, "away") if lost else ("white", "none")
            elif lost:
                axes.plot(j + 0.4, i - 0.32, "o", color=LOST, ms=3.5)
        axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=colour, edgecolor="white", lw=1.2))
        shade = "white" if np.dot(to_rgb(colour), [0.3, 0.59, 0.11]) < 0.5 else "black"
        axes.text(j, i, text, ha="center", va="center", fontsize=7.5, color=shade)
    axes.set(xlim=(-0.5, len(pathways) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    names = [pathway.replace(" ", "\n").replace("-", "-\n").replace("–", "–\n") for pathway in pathways]
    axes.set_xticks(range(len(pathways)), names, fontsize=7.5)
    axes.set_yticks(range(len(rows)), [*rows], fontsize=8)
    axes.set_title(title, fontsize=10)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
