"""What simulations/autoencoder.py found, as tables and as a figure."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D

from corticalnet.plotting.style import BLUE, GREEN, ORANGE, PINK, RED, SKY, styled

from .common import mean_sd, plus_minus, table

COLOURS = {
    "backprop": "black",
    "Adam": "0.55",
    "perturbed": RED,
    "weight mirror": GREEN,
    "Kolen–Pollack": BLUE,
    "matching": PINK,
    "feedback alignment": ORANGE,
    "output only": SKY,
}


def report(results: dict) -> str:
    """A row for each way; then the rates that were tried."""
    rows = [[name, "", f"{loss:.2f}", "", "", ""] for name, loss in results["baselines"].items()]
    for name, runs in results["ways"].items():
        ends = [plus_minus([one(run["test"]) for run in runs]) for one in (min, lambda test: test[-1])]
        angles = "–" if name == "output only" else plus_minus([max(run["angle"][-1]) for run in runs], 1)
        silent = plus_minus([100 * run["silent"] for run in runs], 0)
        rows.append([name, len(runs), *ends, angles, silent])
    header = ["", "seeds", "least test loss", "at the end", "worst angle (°)", "silent outputs (%)"]
    title = f"{results['images']}, {results['epochs'][-1]} epochs; ½ Σ (image − answer)² for each image"
    tables = [table(header, rows, title)]
    for name, tried in results["tried"].items():
        losses = [f"{loss:.2f}" for loss in tried.values()]
        tables.append(table(["rate", *tried], [["validation", *losses]], f"{name}: rates, 2 epochs"))
    return "\n\n".join(tables)


@styled
def draw(results: dict) -> plt.Figure:
    """Loss and angle over training, losses at the end; then codes and reconstructions of seed 0."""
    shown = [name for name in COLOURS if name in results["ways"]]
    figure = plt.figure(figsize=(11, 14 if len(shown) > 4 else 10), layout="constrained")
    rows = -(-len(shown) // 4)
    top, middle, below = figure.subfigures(3, 1, height_ratios=[4.6, 2.2 * rows, 0.75 * (len(shown) + 1)])
    _courses(top, results, shown)
    made = {name: np.load(results["ways"][name][0]["arrays"]) for name in shown}
    _codes(middle, made, rows)
    _reconstructions(below, made)
    return figure


def _courses(figure: plt.Figure, results: dict, shown: list[str]) -> None:
    left, centre, right = figure.subplots(1, 3, width_ratios=[1, 1, 1.15])
    for name in shown:
        runs = results["ways"][name]
        worst = [[max(angles) for angles in run["angle"]] for run in runs]
        for axes, values in ((left, [run["test"] for run in runs]), (centre, worst)):
            if axes is centre and name in ("backprop", "Adam", "output only"):
                continue
            axes.plot(results["epochs"], np.array(values).T, color=COLOURS[name], lw=0.6, alpha=0.5)
            axes.plot(results["epochs"], np.mean(values, 0), color=COLOURS[name], lw=1.7, label=name)
    behind = {"fc": "white", "lw": 0, "pad": 0.5, "alpha": 0.8}
    for k, (name, loss) in enumerate(results["baselines"].items()):
        left.axhline(loss, color="0.7", lw=0.8, ls=(":", "--")[k], zorder=0)
        left.text(
            results["epochs"][-1], loss, name, ha="right", va="bottom", fontsize=7, color="0.4", bbox=behind
        )
    lowest = min(min(run["test"]) for name in shown for run in results["ways"][name])
    left.set(ylim=(0.9 * lowest, 1.25 * results["baselines"]["mean image"]), title="test loss of an image")
    centre.axhline(10, color="0.8", lw=0.8, zorder=0)
    centre.set(ylim=(-3, 135), yticks=[0, 10, 30, 60, 90, 120], title="worst angle to backprop (°)")
    for axes in (left, centre):
        axes.set_xlabel("epoch", fontsize=9)
    names = list(results["ways"])[::-1]
    ends = [mean_sd([min(run["test"]) for run in results["ways"][name]]) for name in names]
    colours = [COLOURS[name.split(",")[0]] for name in names]
    right.barh(names, [m for m, _ in ends], xerr=[s for _, s in ends], color=colours, height=0.65)
    for loss in results["baselines"].values():
        right.axvline(loss, color="0.7", lw=0.8, ls=":", zorder=0)
    right.set(title="least test loss, mean ± s.d.")
    right.title.set_fontsize(10)
    for axes in (left, centre, right):
        axes.title.set_fontsize(10)
        axes.tick_params(labelsize=7.5)
        axes.spines[["top", "right"]].set_visible(False)


def _codes(figure: plt.Figure, made: dict, rows: int) -> None:
    grid = figure.subplots(rows, 4, squeeze=False)
    for axes in grid.flat[len(made) :]:
        axes.axis("off")
    for axes, (name, arrays) in zip(grid.flat, made.items(), strict=False):
        codes, classes = arrays["codes"], arrays["classes"]
        axes.scatter(*codes.T, c=classes, cmap="tab10", vmin=-0.5, vmax=9.5, s=3, lw=0)
        axes.set_title(name, fontsize=9)
        low, high = np.percentile(codes, [0.5, 99.5], axis=0)
        margin = 0.1 * (high - low)
        axes.set(xticks=[], yticks=[], xlim=(low[0] - margin[0], high[0] + margin[0]))
        axes.set(ylim=(low[1] - margin[1], high[1] + margin[1]))
    keys = [
        Line2D([], [], ls="", marker="o", color=plt.colormaps["tab10"](k), label=str(k)) for k in range(10)
    ]
    place = {"loc": "outside lower center", "ncols": 10, "title": "class", "handletextpad": 0}
    figure.legend(handles=keys, **place)
    figure.suptitle("the two columns of the bottleneck, coloured by class (test images, seed 0)", fontsize=10)


def _reconstructions(figure: plt.Figure, made: dict) -> None:
    first = next(iter(made.values()))["images"]
    side = round(first.shape[1] ** 0.5)
    sheets = {"image": first, **{name: arrays["reconstructions"] for name, arrays in made.items()}}
    for axes, (name, images) in zip(figure.subplots(len(sheets), 1), sheets.items(), strict=True):
        gap = np.ones((side, 1))
        parts = [part for image in images for part in (image.reshape(side, side), gap)]
        axes.imshow(np.hstack(parts[:-1]), cmap="gray", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8.5)
        axes.spines[:].set_visible(False)
