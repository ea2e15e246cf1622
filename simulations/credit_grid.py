"""What does each way to assign credit achieve: teaching signal × feedback pathway × trigger, all of them?

    python -m simulations.credit_grid              3 seeds, 7 min on a busy core (2.5 min of its time)
    python -m simulations.credit_grid --quick      a corner of it, one seed, some seconds

Digits (or --data fashion-mnist), 64-32-16-10, tanh, plain SGD, batch 32, 8 epochs: speed counts as well.
One learning rate for each teaching signal, chosen with backprop. Of 288 combinations the rules refuse 140.
The angle, on 500 training images, is the worst hidden area's, to backprop of the same lesson; passes are
counted (those of direct feedback, along no link, by hand).

Measured, mean ± s.d. of seeds 0–2: Z-IL, gated and streaming Fa-Z-IL have the sweep's test accuracy to 0.0
points everywhere; IL has not (tied: teacher 87 ± 2 for 92 ± 2 %, reward 54 ± 7 for 72 ± 7, softmax-reward
11 ± 1 for 94 ± 2 and one of three seeds ran away). Angles: 7 to 10° mirror, 14 to 55° Kolen–Pollack (λ =
0.02 is not done in 8 epochs), 26 to 42° perturbed, 26 to 64° matching, 53 to 78° random, 58 to 79° direct.
With cross-entropy all get 94 to 96 %; with reward tied 72 ± 7, signs 78 ± 6, mirror 59 ± 10, others 38 to
50. Nodes 59 ± 8 (teacher), 76 ± 2 (cross-entropy), weights 11 to 20. REINFORCE ran away with cross-entropy;
with reward it learns to be wrong, 1 ± 1 % (its loss, ½ (r − y)², is also 0 where nothing is expected and
nothing got).

Next: corticalnet/rules/rule.py.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Annotated, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from matplotlib.colors import Colormap, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from rich.progress import Progress

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.analysis import passes
from corticalnet.analysis.following import Following
from corticalnet.errors import RuleError, one_of
from corticalnet.rules import REINFORCE, FaZIL, NodePerturbation, NoPathway, WeightPerturbation
from corticalnet.tables import table
from simulations.common import mean_sd, simulation

SIZES = {"digits": [64, 32, 16, 10], "fashion-mnist": [784, 64, 32, 10]}  # the larger: a tenth of the rate
#: Teaching signal, and a learning rate at which backprop learns well in this budget.
TEACHINGS: dict[str, tuple[Callable[[], Any], float]] = {
    "teacher": (cn.Teacher, 0.1),
    "cross-entropy": (lambda: cn.Teacher("cross-entropy"), 0.2),
    "reward": (cn.Reward, 0.2),
    "softmax-reward": (cn.SoftmaxReward, 0.1),
}
INSTEAD = {"reward": "teacher", "softmax-reward": "cross-entropy"}  # what they are on average
PATHWAYS: dict[str, Callable[[int], Any]] = {
    "tied": lambda seed: cn.Tied(),
    "sign-symmetric": lambda seed: cn.SignSymmetric(seed=seed),
    "weight mirror": lambda seed: cn.WeightMirror(seed=seed),
    "Kolen–Pollack": lambda seed: cn.KolenPollack(0.02, seed),
    "perturbed": lambda seed: cn.Perturbed(seed=seed),
    "matching": lambda seed: cn.Matching(seed),
    "random": lambda seed: cn.Random(seed),
    "direct": lambda seed: cn.Direct(seed),
    "none": lambda seed: NoPathway(),
}
TRIGGERS: dict[str, Callable[[], Any]] = {
    "sweep": cn.Sweep,
    "z-il": cn.ZIL,
    "fa-z-il, gated": lambda: FaZIL(gate="prediction"),
    "fa-z-il, streaming": lambda: FaZIL(gate="pulse"),
    "il": lambda: cn.IL(steps=10, rate=0.2),
    "node perturbation": NodePerturbation,
    "weight perturbation": WeightPerturbation,
    "REINFORCE": REINFORCE,
}
#: Learn by a number that everyone hears, in steps so much smaller.
GUESSES = {"node perturbation": 0.1, "weight perturbation": 0.01, "REINFORCE": 0.1}
BATCH, BEYOND = 32, 1e4
REFUSED, LOST = "0.88", "#b2182b"


def run(
    quick: Annotated[bool, typer.Option("--quick", help="A corner of the grid, one seed.")] = False,
    data: Annotated[str, typer.Option(help="digits or fashion-mnist.")] = "digits",
    seeds: Annotated[int, typer.Option(help="How many.")] = 3,
    epochs: Annotated[int, typer.Option(help="Passes over the images.")] = 8,
    images: Annotated[int, typer.Option(help="Training images, at most.")] = 2000,
    teachings: Annotated[str, typer.Option(help="Teaching signals, with commas between.")] = ",".join(
        TEACHINGS
    ),
) -> dict:
    """Train every combination with every seed."""
    one_of("data", data, SIZES, RuleError)
    told, pathways, triggers = teachings.split(","), [*PATHWAYS], [*TRIGGERS]
    for name in told:
        one_of("teaching signal", name, TEACHINGS, RuleError)
    if quick:
        seeds, epochs = 1, 4
        told, pathways = ["teacher", "reward"], ["tied", "weight mirror", "random", "direct", "none"]
        triggers = ["sweep", "fa-z-il, streaming", "node perturbation"]
    loaded = datasets.load(data, seed=0)
    grid: dict = {}
    with Progress(transient=True) as progress:
        task = progress.add_task("credit grid", total=len(told) * len(triggers) * len(pathways))
        for who in itertools.product(told, triggers, pathways):
            progress.update(task, description=" × ".join(who))
            cell = combination(loaded, SIZES[data], who, seeds, epochs, images)
            grid.setdefault(who[0], {}).setdefault(who[1], {})[who[2]] = cell
            progress.advance(task)
    return {"data": data, "sizes": SIZES[data], "seeds": seeds, "epochs": epochs, "grid": grid}


def combination(
    data: datasets.Data, sizes: list[int], who: tuple[str, str, str], seeds: int, epochs: int, images: int
) -> dict:
    """One cell of the grid: why it is refused, or what came of it."""
    try:
        rule_of(who, 0)
    except RuleError as error:
        return {"refused": str(error)}
    runs = [training(data, sizes, who, seed, epochs, images) for seed in range(seeds)]
    net, rule = cn.mlp(sizes, "tanh", seed=0), rule_of(who, 0)
    x, y = data.train.batch(slice(0, BATCH), torch.float32)
    counted = passes(net, rule, x, y)._asdict()
    if who[2] == "direct":  # synapses beside the links', which nobody has counted
        counted["down"] += sizes[-1] * sum(sizes[1:-1]) / sum(link.synapses for link in net.links)
    return {"runs": runs, "passes": counted}


def rule_of(who: tuple[str, str, str], seed: int) -> cn.Rule:
    """Raises RuleError if the parts do not go together."""
    teaching, trigger, pathway = who
    parts = TEACHINGS[teaching][0](), PATHWAYS[pathway](100 + seed), TRIGGERS[trigger]()
    return cn.Rule(*parts, name=" × ".join(who))


def training(
    data: datasets.Data, sizes: list[int], who: tuple[str, str, str], seed: int, epochs: int, images: int
) -> dict:
    """One training: when it ran away, or test accuracy and worst angles (°) at its end."""
    net, rule = cn.mlp(sizes, "tanh", seed=seed), rule_of(who, seed)
    rate = TEACHINGS[who[0]][1] * GUESSES.get(who[1], 1) * (0.1 if sizes[0] > 100 else 1)
    optimizer = torch.optim.SGD([*net.parameters(), *rule.parameters(net)], lr=rate)
    x, y = data.train.batch(slice(0, images), torch.float32)
    torch.manual_seed(seed)
    for epoch in range(epochs):
        for index in torch.randperm(len(x)).split(BATCH):
            rule.update(net, x[index], y[index], optimizer)
        if not all((p.abs() < BEYOND).all() for p in net.parameters()):  # nor is nan
            return {"ran away": epoch + 1}
    found = {
        name: worst_angle(net, rule, x[:500], y[:500], other) for name, other in references(who[0]).items()
    }
    x, y = data.test.batch(slice(None), torch.float32)
    return {"accuracy": (net.predict(x) == y).float().mean().item(), **found}


def references(teaching: str) -> dict[str, cn.Rule | None]:
    """Backprop of the same lesson; where there is no teacher, backprop with the one it stands for, too."""
    teacher = (
        {"angle to a teacher's": cn.Rule(TEACHINGS[INSTEAD[teaching]][0]())} if teaching in INSTEAD else {}
    )
    return {"angle": None, **teacher}


def worst_angle(
    net: cn.Network, rule: cn.Rule, x: torch.Tensor, y: torch.Tensor, reference: cn.Rule | None
) -> float | None:
    """Of all hidden areas (°); None if one does not change at all."""
    angles = Following(rule, x, y, reference).look(net, 0)["angle"].values[:-1]
    return None if np.isnan(angles).any() else float(angles.max())


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
    return f"{mean:.0f} ± {sd:.0f}" + (f" ({lost} away)" if lost else "")


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
            if what != "angle to a teacher's" or teaching in INSTEAD
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


def cost(results: dict, trigger: str, pathway: str) -> dict:
    """The cell of the first teaching signal that goes with both; none changes what a trial takes."""
    cells = [triggers[trigger][pathway] for triggers in results["grid"].values()]
    return next((cell for cell in cells if "passes" in cell), cells[0])


def axes_of(results: dict) -> tuple[list[str], list[str]]:
    """Triggers and pathways in the grid."""
    triggers = next(iter(results["grid"].values()))
    return [*triggers], [*next(iter(triggers.values()))]


def draw(results: dict) -> plt.Figure:
    """A row for each teaching signal, accuracy and angle beside each other; what it costs below."""
    grid, seeds, count = results["grid"], results["seeds"], len(results["grid"]) + 1
    figure, panels = plt.subplots(count, 2, figsize=(12.5, 2.9 * count), layout="constrained", squeeze=False)
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
    figure.suptitle(f"{results['data']}, {results['epochs']} epochs: {spread}")
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


if __name__ == "__main__":
    simulation(run, report, draw)
