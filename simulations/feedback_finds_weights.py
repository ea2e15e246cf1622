"""Does feedback learned by perturbation become W when W stays as it is, and what does it take?

    python -m simulations.feedback_finds_weights              3 seeds, about 17 min of a core
    python -m simulations.feedback_finds_weights --quick      digits, six small networks, some seconds

Random networks over Fashion-MNIST (MNIST is not at hand), squared loss, the output linear, W fixed; B is
the ridge solution (γ 0.1) over all samples, and must bring its own errors down. Looked at: ‖W − B‖ / ‖W‖ by
link, and the angle between backprop's change of an area and that by B; beside them the gap of least squares
that receives exact errors (:func:`expected`: from W and the images, nothing fitted).

Lansdell, Prakash & Kording 2019: B → W at the top as samples grow and σ → 0 (Theorem 1, if the loss is
analytic, A2, which excludes ReLU, and E[e eᵀ] has full rank, A3); in linear networks at every link (Theorem
2). Their figure: 0.8 % at the top of 784-50-20-10 after 1,000,000 × 32 samples of MNIST. Expected: the same
at the top, as the root of the samples; below it only where errors reach every direction.

Next: corticalnet/rules/feedback/least_squares.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from matplotlib.ticker import NullFormatter
from rich.progress import track
from torch import Tensor

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.analysis import AlignmentTracker
from corticalnet.plotting.style import BLUE, RED, styled

from .parts.common import FOLDER, kept, plus_minus, simulation, table

#: γ and the first batches are the authors'; later ones are a share of all samples seen, up to a limit.
RIDGE, BATCH, SHARE, LARGEST = 0.1, 32, 0.05, 4096


class Case(NamedTuple):
    """A network whose weights stay, and the noise by which its feedback learns."""

    hidden: tuple[int, ...]
    activation: str = "sigmoid"
    sigma: float = 0.01
    samples: int = 1_000_000

    def __str__(self) -> str:
        return f"{'-'.join(map(str, self.hidden))}-10 {self.activation}, σ {self.sigma:g}"


AUTHORS, WIDTHS, CURVES = (50, 20), (30, 100, 300, 1000), ("sigmoid", "tanh", "relu", "softplus")
PARTS: dict[str, list[Case]] = {
    "noise and activation": [
        Case(AUTHORS, "sigmoid", 0.001),
        *(Case(AUTHORS, name, sigma) for name in CURVES for sigma in (0.01, 0.1, 1.0)),
    ],
    "linear": [Case((10, 10, 10), "linear", samples=2_000_000), Case(AUTHORS, "linear", samples=2_000_000)],
    "width": [Case((n, 50), samples=200_000) for n in WIDTHS],
    "as many samples as the authors'": [Case(AUTHORS, samples=32_000_000)],
}
QUICK = {
    "noise and activation": [Case((16, 10), name, s) for name in ("tanh", "relu") for s in (0.01, 1.0)],
    "linear": [Case((10, 10), "linear"), Case((16, 20), "linear")],
}


def run(
    quick: Annotated[bool, typer.Option("--quick", help="Digits, one seed, six small networks.")] = False,
    seeds: Annotated[int, typer.Option(help="How many.")] = 3,
    data: Annotated[str, typer.Option(help="Data set.")] = "fashion-mnist",
    data_folder: FOLDER = None,
    runs: Annotated[Path, typer.Option(help="Folder for the runs.")] = Path("runs/feedback_finds_weights"),
) -> dict:
    """Every case and seed; runs that are there are read."""
    parts = PARTS
    if quick:
        seeds, data = 1, "digits"
        parts = {part: [c._replace(samples=40_000) for c in cases] for part, cases in QUICK.items()}
    images = datasets.load(data, folder=None if quick else data_folder, seed=0)
    todo = [(part, case, seed) for seed in range(seeds) for part, cases in parts.items() for case in cases]
    found: dict[str, dict[str, list[dict]]] = {p: {str(case): [] for case in c} for p, c in parts.items()}
    todo.sort(key=lambda one: one[1].samples)
    for part, case, seed in track(todo, "feedback finds weights", transient=True):
        one = lambda case=case, seed=seed: train(images, case, seed)  # noqa: E731
        place = runs / data / f"{case}-{case.samples}-seed{seed}.json".replace(" ", "")
        found[part][str(case)].append(one() if quick else kept(place, one))
    return {"data": data, "parts": found}


def train(images: datasets.Data, case: Case, seed: int) -> dict:
    """Gaps and angles as samples grow, and the gaps that theory expects."""
    x, y = images.train.batch(slice(None), torch.float32)
    init = orthogonal if case.activation == "linear" else "he"
    net = cn.mlp([x[0].numel(), *case.hidden, 10], case.activation, seed=seed, bias=True, init=init)
    feedback = cn.Perturbed(case.sigma, "least squares", ridge=RIDGE, seed=100 + seed)
    rule = cn.rule("backprop", feedback=feedback)
    tracker = AlignmentTracker(rule, x[:1000], y[:1000], unit="sample")
    looks = iter([*np.geomspace(2000, case.samples, 12).round().astype(int).tolist(), float("inf")])
    seen, due, times = 0, next(looks), []
    torch.manual_seed(seed)
    while seen < case.samples:
        index = torch.randint(len(x), (int(min(max(BATCH, SHARE * seen), LARGEST, case.samples - seen)),))
        rule.learn(net, x[index], y[index])  # no optimizer moves W
        seen += len(index)
        if seen >= due:
            tracker.measure(net, seen)
            times.append(seen)
            while seen >= due:
                due = next(looks)
    recording = tracker.recording()
    theory, condition = expected(net, x[:10_000], y[:10_000], times)
    found = {what: recording[what].values.tolist() for what in ("angle", "gap")}
    return {"samples": times, **found, "expected": theory, "condition": condition}


def orthogonal(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: torch.Generator) -> Tensor:
    """Orthonormal rows or columns, so that no direction of an error is lost on the way down by chance."""
    drawn = torch.randn(max(shape), min(shape), generator=rng, dtype=torch.float64)
    basis = torch.linalg.qr(drawn).Q
    return basis if shape[0] >= shape[1] else basis.T


@torch.no_grad()
def expected(
    net: cn.Network, x: Tensor, y: Tensor, samples: list[int]
) -> tuple[list[list[float]], list[float]]:
    """‖W − B‖ / ‖W‖ ``[samples][link]`` of ridge regression, if W brings the errors and σ → 0.

    B = (n M + γ)⁻¹ (n M W + noise), M = E[e eᵀ]; the noise of a column below has variance n E[‖λ‖² e eᵀ], λ
    the derivatives by all hidden rates, for the noise of each is received by all. Also M's condition number
    by
    link: assumption A3 says that it is finite.
    """
    activity, wiring = net.sweep(x), net.wiring
    errors = [torch.eye(10)[y] - activity.rates[-1]]
    lambdas, links = [], []
    for node in range(wiring.output - 1, 0, -1):
        ((_, link),) = wiring.leaving[node]
        links.append(link)
        lambdas.append(link.feedback(errors[-1], link.weight))
        errors.append(wiring.area(node).backward(lambdas[-1], activity.traces[node]))
    power = sum(one.double().square().sum(1, keepdim=True) for one in lambdas)
    gaps, conditions = [], []
    for link, error in zip(reversed(links), reversed(errors[:-1]), strict=True):
        w, e = link.weight.double(), error.double()
        m, k, eye = e.T @ e / len(e), (power * e).T @ e / len(e), torch.eye(e.shape[1]).double()
        gaps.append([])
        for n in samples:
            inverse = torch.linalg.inv(n * m + RIDGE * eye)
            noise = n * w.shape[1] * (inverse @ k @ inverse).trace()
            gaps[-1].append((((RIDGE * inverse @ w).square().sum() + noise).sqrt() / w.norm()).item())
        conditions.append(torch.linalg.cond(m).item())
    return [list(row) for row in zip(*gaps, strict=True)], conditions


def ending(courses: list[dict], what: str, part: int | slice = slice(None)) -> np.ndarray:
    """``what`` of every seed at the last look, ``[seed, ...]``."""
    return np.array([one[what][-1] for one in courses])[:, part]


def exponent(courses: list[dict]) -> list[float]:
    """By seed, k of top gap ∝ samples^k, over the later half of looks."""
    half = len(courses[0]["samples"]) // 2
    log = [np.log([one["samples"][half:], np.array(one["gap"])[half:, -1]]) for one in courses]
    return [float(np.polyfit(n, gap, 1)[0]) for n, gap in log]


def report(results: dict) -> str:
    """A table for each part: how it was at the end."""
    tables = []
    for part, cases in results["parts"].items():
        rows = []
        for name, courses in cases.items():
            gaps, angles = ending(courses, "gap"), ending(courses, "angle", slice(0, -1))
            rows.append(
                [
                    name,
                    f"{courses[0]['samples'][-1]:,}",
                    plus_minus((100 * gaps[:, -1]).tolist()),
                    plus_minus((100 * ending(courses, "expected", -1)).tolist()),
                    plus_minus(exponent(courses)),
                    ", ".join(plus_minus(100 * gaps[:, k]) for k in range(gaps.shape[1] - 1)),
                    ", ".join(plus_minus(angle.tolist(), 1) for angle in angles.T),
                    ", ".join(f"{np.median(c):.0e}" for c in np.array([o["condition"] for o in courses]).T),
                ]
            )
        header = ["hidden, σ", "samples", "top gap %", "expected %", "∝ n^", "gaps below %", "angles (°)"]
        title = f"{part}: {results['data']}, {len(courses)} seeds; areas and links from below"
        tables.append(table([*header, "cond E[e eᵀ]"], rows, title))
    return "\n\n".join(tables)


@styled
def draw(results: dict) -> plt.Figure:
    """Gaps over samples, beside what theory expects; what noise, activation, rank and width do."""
    figure, grid = plt.subplots(2, 3, figsize=(11, 6.4), layout="constrained")
    noise, linear = results["parts"]["noise and activation"], results["parts"]["linear"]
    first = next(iter(noise)).split(",")[0]
    same = {name: courses for name, courses in noise.items() if name.startswith(first)}
    for k, (name, courses) in enumerate(same.items()):
        lines(grid[0, 0], courses, "gap", -1, f"C{k}", name.split(", ")[1])
    lines(grid[0, 0], [*same.values()][-1], "expected", -1, "black", "theory, σ → 0", "--")
    for courses in results["parts"].get("as many samples as the authors'", {}).values():
        lines(grid[0, 0], courses, "gap", -1, "C1", None)
        lines(grid[0, 0], courses, "expected", -1, "black", None, "--")
    grid[0, 0].plot(3.2e7, 0.008, "k*", label="paper, MNIST")
    grid[0, 0].set_title(f"{first}: ‖W − B‖ / ‖W‖, top", fontsize=10)
    excess(grid[0, 1], noise)
    at = min(n.split("σ ")[1] for n in noise if "relu" in n)
    for k, (name, courses) in enumerate((n, c) for n, c in noise.items() if n.endswith(f"σ {at}")):
        lines(grid[0, 2], courses, "gap", 0, f"C{k}", name.split()[1].strip(","))
        lines(grid[0, 2], courses, "gap", -1, f"C{k}", None, ":")
    grid[0, 2].set_title(f"σ {at}: area 1 → 2 (—) and top (···)", fontsize=10)
    for axes, (name, courses) in zip(grid[1], linear.items(), strict=False):
        count = len(courses[0]["gap"][0])
        for k in range(count):
            above = "output" if k == count - 1 else f"area {k + 2}"
            lines(axes, courses, "gap", k, f"C{k}", f"area {k + 1} → {above}")
            lines(axes, courses, "expected", k, f"C{k}", None, "--")
        axes.set_title(f"{name.split(',')[0]} (-- theory)", fontsize=10)
    for axes in [grid[0, 0], grid[0, 2], *grid[1, :2]]:
        axes.set(xscale="log", yscale="log")
        axes.set_xlabel("samples", fontsize=9)
    if "width" in results["parts"]:
        widths(grid[1, 2], results["parts"]["width"])
    else:
        grid[1, 2].axis("off")
    for axes in grid.flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8, which="both")
        axes.xaxis.set_minor_formatter(NullFormatter())
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8)
    return figure


def lines(
    axes: plt.Axes,
    courses: list[dict],
    what: str,
    part: int,
    colour: str,
    label: str | None,
    style: str = "-",
) -> None:
    """A link's gap over samples: geometric mean, and every seed."""
    values = np.array([one[what] for one in courses])[:, :, part]
    axes.plot(courses[0]["samples"], values.T, style, color=colour, lw=0.6, alpha=0.5)
    axes.plot(courses[0]["samples"], np.exp(np.log(values).mean(0)), style, color=colour, lw=1.6, label=label)


def excess(axes: plt.Axes, noise: dict[str, list[dict]]) -> None:
    """Gap at the top over what theory expects, by σ and activation: does a kink matter?"""
    names = list(dict.fromkeys(name.split()[1].strip(",") for name in noise))
    for k, activation in enumerate(names):
        for name, courses in noise.items():
            if f" {activation}," in name:
                ratio = ending(courses, "gap", -1) / ending(courses, "expected", -1)
                sigma = float(name.split("σ ")[1]) * 1.12 ** (k - 1)
                axes.scatter([sigma] * len(ratio), ratio, color=f"C{k}", s=18)
        axes.scatter([], [], color=f"C{k}", s=18, label=activation)
    axes.axhline(1, color="0.8", lw=0.8, zorder=0)
    axes.set(xscale="log", yscale="log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("σ", fontsize=9)
    axes.set_title("top gap / what theory expects", fontsize=10)


def widths(axes: plt.Axes, cases: dict[str, list[dict]]) -> None:
    """Top gap in % and the angle of area 1, by N."""
    across = [int(name.split("-")[0]) for name in cases]
    beside = axes.twinx()  # two quantities, two scales
    for own, label, colour, values in (
        (axes, "top gap (%)", BLUE, [100 * ending(courses, "gap", -1) for courses in cases.values()]),
        (beside, "angle of area 1 (°)", RED, [ending(courses, "angle", 0) for courses in cases.values()]),
    ):
        for n, one in zip(across, values, strict=True):
            own.scatter([n] * len(one), one, color=colour, s=18)
        own.plot(across, [one.mean() for one in values], color=colour, lw=1.4)
        own.set_ylabel(label, color=colour)
        own.tick_params(axis="y", colors=colour)
        own.set_ylim(0, None)
    beside.spines["right"].set_visible(True)
    axes.set(xscale="log")
    axes.set_xlabel("N", fontsize=9)
    axes.set_title("784-N-50-10", fontsize=10)


if __name__ == "__main__":
    simulation(run, report, draw)
