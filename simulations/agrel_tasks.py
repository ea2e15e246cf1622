"""How soon does AGREL learn what backprop learns, told only whether its choice was right?

    python -m simulations.agrel_tasks          4 small tasks, 10 seeds; digits, 5 seeds; 5 min
    python -m simulations.agrel_tasks --quick  2 seeds of the smallest, one short run of digits, about 10 s

AGREL (Roelfsema & van Ooyen 2005) draws an action from the softmax of its output and learns whether it was
right. The tasks are exclusive or, and counting how many inputs are on; one pattern a trial, drawn at random;
one hidden area of sigmoid columns with biases; weights s.d. 1. Criterion: for every pattern the right action
is chosen with a probability of at least 0.75, looked at every 25 trials. Backprop has the same networks,
patterns in the same order and rates, and is told the class (cross-entropy, which AGREL goes down on average).
"Feedback learns": synapses down begin apart and change as those up do (AGREL's claim of reciprocity).

The paper claims that it is as efficient as supervised learning. Expected: a little slower on the small
tasks, and now and then a collapse on digits, for a success of probability P is taught by 1 / P − 1, right on
average, but with a variance, (1 − P)² / P, that knows no bound.

Next: corticalnet/rules/reward.py.
"""

from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass
from typing import Annotated, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.plotting.style import styled

from .parts import training
from .parts.common import plus_minus, simulation, table

SURE, LOOK, GIVE_UP = 0.75, 25, 40_000


@dataclass(frozen=True)
class Task:
    """All binary patterns of ``inputs`` columns; ``classes`` is what is to be said of how many are on."""

    inputs: int
    hidden: int
    rate: float
    odd: bool = False

    def patterns(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Patterns and right classes."""
        x = torch.tensor(list(itertools.product([0.0, 1.0], repeat=self.inputs)), dtype=torch.float64)
        count = x.sum(1).long()
        return x, count % 2 if self.odd else count

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Columns of the three areas."""
        return self.inputs, self.hidden, 2 if self.odd else self.inputs + 1


TASKS = {
    "exclusive or": Task(2, 4, 0.2, odd=True),
    "counting to 2": Task(2, 4, 0.05),
    "counting to 3": Task(3, 6, 0.05),
    "counting to 4": Task(4, 10, 0.05),
}
#: AGREL; the same with synapses down of their own, which learn as those up do; and its teacher.
RULES: dict[str, tuple[str, dict[str, Any]]] = {
    "agrel": ("agrel", {}),
    "agrel, feedback learns": ("agrel", {"feedback": "matching"}),
    "backprop": ("backprop", {"loss": "cross-entropy"}),
}
#: On digits; one learning rate for all, good for each (of 0.05, 0.1, 0.2, 0.5, with a seed not shown).
DIGITS: dict[str, tuple[str, dict[str, Any]]] = {
    "agrel": ("agrel", {}),
    "brainprop": ("brainprop", {}),
    "backprop": ("backprop", {"loss": "cross-entropy"}),
}
SIZES, BATCH, PACE, GOOD = (64, 32, 10), 10, 0.2, 0.9


def run(
    quick: Annotated[bool, typer.Option("--quick", help="2 seeds of one task, one short run.")] = False,
    seeds: Annotated[int, typer.Option(help="How many networks for each small task.")] = 10,
    epochs: Annotated[int, typer.Option(help="Of digits.")] = 60,
) -> dict:
    """Trials to criterion of the small tasks; test accuracy over epochs of digits."""
    names, seeds = (["exclusive or"], 2) if quick else (list(TASKS), seeds)
    found: dict = {"seeds": seeds, "trials": {}, "digits": {}}
    runs = list(itertools.product(names, RULES, range(seeds)))
    for task, rule, seed in track(runs, "small tasks", transient=True):
        needed = to_criterion(TASKS[task], made(RULES[rule]), seed)
        found["trials"].setdefault(task, {}).setdefault(rule, []).append(needed)
    digits, epochs = datasets.load("digits", seed=0), 6 if quick else epochs
    for name, seed in track(
        list(itertools.product(DIGITS, range(1 if quick else 5))), "digits", transient=True
    ):
        right = learn(digits, made(DIGITS[name]), epochs, seed)
        found["digits"].setdefault(name, []).append(right)
    return found


def made(rule: tuple[str, dict[str, Any]]) -> cn.LearningRule:
    """A rule by name and parameters."""
    name, parameters = rule
    return cn.rule(name, **parameters)


def to_criterion(task: Task, rule: cn.LearningRule, seed: int) -> int | None:
    """Trials until every pattern's right action is chosen with a probability of ¾; None if not in time."""
    x, y = task.patterns()
    net = cn.mlp(task.sizes, "sigmoid", seed=seed, bias=True, init=1.0, dtype=torch.float64)
    optimizer = torch.optim.SGD(net.parameters(), lr=task.rate)
    order = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)  # of the choices
    for trial in range(LOOK, GIVE_UP + 1, LOOK):
        for k in torch.randint(len(x), (LOOK,), generator=order).tolist():
            rule.update(net, x[k : k + 1], y[k : k + 1], optimizer)
        with torch.no_grad():
            right = torch.softmax(net(x), 1).gather(1, y[:, None])
        if right.min() >= SURE:
            return trial
    return None


def learn(digits: datasets.Data, rule: cn.LearningRule, epochs: int, seed: int) -> list[float]:
    """Test accuracy after every epoch."""
    x, y = digits.train.batch(slice(None))
    images, classes = digits.test.batch(slice(None))
    net = cn.mlp(SIZES, "sigmoid", seed=seed, bias=True)
    optimizer = torch.optim.SGD(net.parameters(), lr=PACE)
    order, right = torch.Generator().manual_seed(seed), []
    torch.manual_seed(seed)
    for _ in training.epochs(net, rule, optimizer, x, y, epochs, BATCH, order):
        right.append(float((net.predict(images) == classes).double().mean()))
    return right[1:]


def median_and_range(needed: list[int | None]) -> str:
    """ "median [range], reached of all"; those that did not reach it count as slower than all others."""
    reached = [n for n in needed if n is not None]
    middle = statistics.median([n if n is not None else float("inf") for n in needed])
    if not reached:
        return f"none of {len(needed)}"
    return f"{middle:,.0f} [{min(reached):,} to {max(reached):,}], {len(reached)} of {len(needed)}"


def epochs_to(accuracy: list[float], good: float = GOOD) -> int | None:
    """The first epoch after which so many are right."""
    return next((k for k, right in enumerate(accuracy, 1) if right >= good), None)


def report(results: dict) -> str:
    """Trials to criterion; epochs to 90 % and accuracy at the end."""
    rows = []
    for name, found in results["trials"].items():
        task = TASKS[name]
        size = f"{name}, {'-'.join(map(str, task.sizes))}, rate {task.rate:g}"
        rows.append([size, *(median_and_range(found[rule]) for rule in RULES)])
    small = table(["task", *RULES], rows, f"trials until all patterns are right with {SURE}: median [range]")
    rows = []
    for name, runs in results["digits"].items():
        needed = [epochs_to(run) for run in runs]
        last = plus_minus([100 * run[-1] for run in runs], 1)
        rows.append([name, median_and_range(needed), last])
    head = ["digits, 64-32-10", "epochs to 90 % right", "test % at the end"]
    return f"{small}\n\n{table(head, rows)}"


@styled
def draw(results: dict) -> plt.Figure:
    """Trials of every network, task by task; learning of digits."""
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(10.5, 3.6), layout="constrained", width_ratios=[1.4, 1]
    )
    for k, found in enumerate(results["trials"].values()):
        for n, rule in enumerate(RULES):
            at = k + 0.25 * (n - 1)
            needed = [GIVE_UP if t is None else t for t in found[rule]]
            spread = np.linspace(-0.06, 0.06, len(needed))
            left.plot(
                at + spread, needed, "o", ms=3.5, color=f"C{n}", alpha=0.6, label=rule if k == 0 else None
            )
            left.plot([at - 0.1, at + 0.1], [np.median(needed)] * 2, color=f"C{n}", lw=2)
    left.axhline(GIVE_UP, color="0.7", lw=0.8, ls=":")
    left.set_xticks(range(len(results["trials"])), list(results["trials"]))
    left.set(yscale="log", ylabel="trials to criterion")
    left.set_title("bars: medians; dotted: given up", fontsize=9)
    left.legend(frameon=False, fontsize=8)
    for name, runs in results["digits"].items():
        accuracy = 100 * np.array(runs)
        at = np.arange(1, accuracy.shape[1] + 1)
        color = {"agrel": "C0", "brainprop": "C3", "backprop": "C2"}[name]
        right.plot(at, accuracy.mean(0), color=color, label=name, lw=1.4)
        right.fill_between(at, accuracy.min(0), accuracy.max(0), color=color, alpha=0.15, lw=0)
    right.set(xlabel="epochs", ylabel="test accuracy (%)", ylim=(0, 100))
    right.set_title("digits: mean and range over seeds", fontsize=9)
    right.legend(frameon=False, fontsize=8)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
