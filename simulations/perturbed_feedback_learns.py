"""Does feedback learned by perturbation, together with W, beat feedback alignment, and how near is backprop?

    python -m simulations.perturbed_feedback_learns              3 seeds, about 25 min of a core
    python -m simulations.perturbed_feedback_learns --quick      digits, one seed, four arms, some seconds

784-50-20-10, sigmoid, the output linear (as the authors'), squared loss, plain SGD, batch 32. Perturbed
feedback is the ridge solution (γ 0.1) over all samples ever seen; in 1,000 trials at first only B learns.
Looked at on 1,000 training images: angle between a change and backprop's by area (unfolded), ‖W − B‖ / ‖W‖
by link; test error on all test images, without noise and, as the authors take it, with the noise on. MNIST
is not at hand; Fashion-MNIST stands in for it.

Lansdell, Prakash & Kording 2019, Fig. 2 (numbers from the authors' notebook): test error on MNIST 2.65 %
(backprop), 3.51, 3.51, 3.64, 15.92 % (σ = 0.0001 to 0.1), 4.28 % (feedback alignment), means of 5 runs.
Expected: perturbation lies between the two; σ = 0.1 does no harm to what is learned, only to what is read.

Next: corticalnet/rules/feedback/perturbed.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track
from torch import Tensor

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.analysis import AlignmentTracker
from corticalnet.plotting.style import BLUE, GREEN, ORANGE, RED, SKY, styled
from corticalnet.rules import Feedback
from corticalnet.rules.perturbed_pass import frozen, perturb

from .parts.common import FOLDER, kept, mean_sd, plus_minus, simulation, table

#: The paper's rate, 4e-4 on sums of 32 samples, is 0.0128 on means.
BATCH, RATE, RIDGE = 32, 10 * 0.0128, 0.1
#: σ by arm.
SIGMAS = {"σ = 0.0001": 1e-4, "σ = 0.001": 1e-3, "σ = 0.01": 1e-2, "σ = 0.1": 1e-1}
FORGETS = "σ = 0.01, sums forget"
#: Test error % on MNIST, mean of 5 runs; those of σ with the noise on.
PAPER = {
    "backprop": 2.65,
    "feedback alignment": 4.28,
    "σ = 0.0001": 3.51,
    "σ = 0.001": 3.51,
    "σ = 0.01": 3.64,
    "σ = 0.1": 15.92,
}


def perturbed(sigma: float, memory: float = 1.0) -> Callable[[int], Feedback]:
    """The authors' least squares."""
    return lambda seed: cn.Perturbed(sigma, "least squares", ridge=RIDGE, memory=memory, seed=seed)


ARMS: dict[str, Callable[[int], Feedback]] = {
    "backprop": lambda seed: cn.Tied(),
    "feedback alignment": lambda seed: cn.Random(seed),
    **{name: perturbed(sigma) for name, sigma in SIGMAS.items()},
    FORGETS: perturbed(SIGMAS["σ = 0.01"], memory=0.999),
}
QUICK = ["backprop", "feedback alignment", "σ = 0.01", "σ = 0.1"]


def run(
    quick: Annotated[bool, typer.Option("--quick", help="Digits, one seed, four arms.")] = False,
    seeds: Annotated[int, typer.Option(help="How many.")] = 3,
    updates: Annotated[int, typer.Option(help="How often W learns.")] = 60_000,
    rate: Annotated[float, typer.Option(help="Of W's learning; the paper's is 0.0128.")] = RATE,
    data: Annotated[str, typer.Option(help="Data set.")] = "fashion-mnist",
    data_folder: FOLDER = None,
    runs: Annotated[Path, typer.Option(help="Folder for the runs.")] = Path("runs/perturbed_feedback_learns"),
) -> dict:
    """Every arm and seed: what it looked like on the way; runs that are there are read."""
    arms, hidden, warm = list(ARMS), [50, 20], 1000
    if quick:
        arms, hidden, warm, seeds, updates, data = QUICK, [32, 16], 200, 1, 1600, "digits"
    images = datasets.load(data, folder=None if quick else data_folder, seed=0)
    looks = sorted({0, *np.geomspace(updates / 250, updates, 17).round().astype(int).tolist()})
    if quick:
        looks = list(range(0, updates + 1, 200))
    todo = [(seed, name) for seed in range(seeds) for name in arms]
    courses: dict[str, list[dict]] = {name: [] for name in arms}
    for seed, name in track(todo, "perturbed feedback learns", transient=True):
        one = lambda name=name, seed=seed: train(images, hidden, name, seed, warm, rate, looks)  # noqa: E731
        place = runs / f"{data}-{updates}-{rate:g}" / f"{name.replace(' ', '')}-seed{seed}.json"
        courses[name].append(one() if quick else kept(place, one))
    return {"data": data, "hidden": hidden, "warm": warm, "rate": rate, "updates": looks, "courses": courses}


def train(
    images: datasets.Data, hidden: list[int], name: str, seed: int, warm: int, rate: float, looks: list[int]
) -> dict[str, list]:
    """One training: angle by area, gap by link, test error without and with noise, at every look."""
    x, y = images.train.batch(slice(None), torch.float32)
    test_x, test_y = images.test.batch(slice(None), torch.float32)
    net = cn.mlp([x[0].numel(), *hidden, 10], "sigmoid", seed=seed, bias=True, init="he")
    feedback = ARMS[name](100 + seed)
    rule = cn.rule("backprop", feedback=feedback)
    optimizer = torch.optim.SGD(net.parameters(), lr=rate)
    tracker = AlignmentTracker(rule, x[:1000], y[:1000], unit="update")
    pick = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)

    def some() -> tuple[Tensor, Tensor]:
        index = torch.randint(len(x), (BATCH,), generator=pick)
        return x[index], y[index]

    for _ in range(warm if feedback.learns else 0):
        rule.learn(net, *some())  # only B learns
    error: dict[str, list[float]] = {"error": [], "error with noise": []}
    for update in range(looks[-1] + 1):
        if update in looks:
            tracker.measure(net, update)
            for what, sigma in zip(error, (0.0, getattr(feedback, "deviation", 0.0)), strict=True):
                error[what].append(100 * wrong_answers(net, test_x, test_y, sigma))
        rule.update(net, *some(), optimizer)
    recording = tracker.recording()
    return {**error, **{what: recording[what].values.tolist() for what in ("angle", "gap")}}


@torch.no_grad()
def wrong_answers(net: cn.Network, x: Tensor, y: Tensor, sigma: float) -> float:
    """Share of wrong answers, with noise of s.d. σ on the rates of hidden areas."""
    activity = net.sweep(x)
    inner = [sigma * torch.randn_like(rates) for rates in activity.rates[1:-1]]
    rates = perturb(net.wiring, activity, frozen(net.wiring, activity), [None, *inner, None])
    return (rates[-1].argmax(1) != y).float().mean().item()


def report(results: dict) -> str:
    """How it was at the end, beside the paper."""
    rows = []
    for name, courses in results["courses"].items():
        clean, noisy = ([one[what][-1] for one in courses] for what in ("error", "error with noise"))
        angle, gap = (np.array([one[what][-1] for one in courses]) for what in ("angle", "gap"))
        rows.append(
            [
                name,
                plus_minus(clean),
                plus_minus(noisy) if "σ" in name else "",
                *(plus_minus(angle[:, k].tolist(), 1) for k in (0, 1)),
                *(plus_minus(gap[:, k].tolist()) for k in (0, 1)),
                PAPER.get(name, ""),
            ]
        )
    header = ["feedback", "test error %", "with noise", "area 1 (°)", "area 2 (°)", "gap 1→2", "gap 2→output"]
    size = f"{results['updates'][-1]:,} updates at {results['rate']:g}, {len(courses)} seeds"
    title = f"{results['data']}, {size}; gap: ‖W − B‖ / ‖W‖"
    return table([*header, "paper, MNIST"], rows, title)


@styled
def draw(results: dict) -> plt.Figure:
    """Test error, angles and gaps over training: means, bands of ± 1 s.d.; and errors at the end."""
    figure, grid = plt.subplots(2, 3, figsize=(11, 6), layout="constrained")
    colours = dict(zip(ARMS, ["black", "0.6", SKY, ORANGE, BLUE, RED, GREEN], strict=True))
    panels = [
        ("test error (%)", "error", None),
        ("angle to backprop, area 1 (°)", "angle", 0),
        ("angle to backprop, area 2 (°)", "angle", 1),
        ("‖W − B‖ / ‖W‖, area 1 → 2", "gap", 0),
        ("‖W − B‖ / ‖W‖, area 2 → output", "gap", 1),
    ]
    updates = np.array(results["updates"]) + results["updates"][1] / 2  # so that 0 has a place
    for axes, (title, what, part) in zip([grid[0, 0], *grid[0, 1:], *grid[1, 1:]], panels, strict=True):
        for name, courses in results["courses"].items():
            values = np.array([one[what] for one in courses])
            values = values if part is None else values[:, :, part]
            mean, sd = np.array([mean_sd(v.tolist()) for v in values.T]).T
            style = "--" if name in ("σ = 0.0001", "σ = 0.1") else "-"  # which may lie on others
            axes.plot(updates, mean, style, color=colours[name], lw=1.5, label=name)
            axes.fill_between(updates, mean - sd, mean + sd, color=colours[name], alpha=0.15, lw=0)
        axes.set_xscale("log")
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("update", fontsize=9)
    grid[0, 0].set_yscale("log")
    for which in (grid[0, 0].yaxis.set_major_formatter, grid[0, 0].yaxis.set_minor_formatter):
        which("{x:g}")
    ends(grid[1, 0], results, colours)
    for axes in grid.flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8, which="both")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
    return figure


def ends(axes: plt.Axes, results: dict, colours: dict[str, str]) -> None:
    """Test error of every seed at the end, without noise and as the authors take it, with noise."""
    for k, (name, courses) in enumerate(results["courses"].items()):
        for what, mark, fill in (("error", "o", colours[name]), ("error with noise", "s", "none")):
            if what == "error" or "σ" in name:
                values = [one[what][-1] for one in courses]
                axes.scatter([k] * len(values), values, s=28, marker=mark, ec=colours[name], fc=fill)
    axes.set_xticks(
        range(len(results["courses"])), [name.replace("σ = ", "σ ") for name in results["courses"]]
    )
    plt.setp(axes.get_xticklabels(), rotation=25, ha="right")
    axes.set_title("test error at the end (%): ● clean, □ with noise", fontsize=10)


if __name__ == "__main__":
    simulation(run, report, draw)
