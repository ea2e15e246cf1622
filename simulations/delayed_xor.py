"""Does a recurrent network need its own weights on the way back through time?

    python -m simulations.delayed_xor              3 seeds, about 80 s of a core
    python -m simulations.delayed_xor --quick      one seed, three arms, 800 updates, about 10 s

A stream of bits and cues (:func:`corticalnet.data.delayed_xor`), 50 tanh columns, errors back through
windows of 7 steps. The readout's own weights bring its error down, as in the paper; feedback along W is W
itself, learned by perturbation, or random. Looked at on streams never learned from: loss of a step (0.0238
for who answers 0), right answers where one is due, and the angle between the changes of U, W, b and
those of backprop (unfolded). "A step late" is the authors' off-by-one (:class:`Late`).

Lansdell, Prakash & Kording 2019, Fig. 4: perturbed feedback learns, though its angle to backprop stays about
90°, and feedback alignment does not. It has curves and, as far as we could see, no numbers. Expected: the
same, but fixed feedback fails for its size only.

Next: corticalnet/rules/through_time.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from torch import Tensor

import corticalnet as cn
from corticalnet.analysis import align
from corticalnet.data import delayed_xor
from corticalnet.network import Recurrent
from corticalnet.network.links import Link
from corticalnet.plotting.style import BLUE, ORANGE, RED, SKY, WINE, styled
from corticalnet.rules import Feedback, ThroughTime

from .parts.common import mean_sd, plus_minus, simulation, table

WINDOW, BATCH, STEPS, COLUMNS = 7, 20, 700, 50
READOUT, ITSELF = "hidden->output", "hidden->hidden"


class ByTheReadout(Feedback):
    """As in the paper, the readout's own weights bring its error down; only W has feedback to learn."""

    def weights(self, link: Link) -> Tensor:
        """Those of the readout, and otherwise the pathway's."""
        return link.weight if link.name == READOUT else super().weights(link)


class Random(ByTheReadout, cn.Random):
    """Fixed random feedback through time."""


class Perturbed(ByTheReadout, cn.Perturbed):
    """Feedback through time, learned by perturbation."""


class Late(Perturbed):
    """The authors' off-by-one: what B brings to step t is fitted to the noise of step t + 1."""

    def learn(self, trial):
        """The noise of a step is kept for the step before; the last step has nothing to fit."""
        self._later = None
        super().learn(trial)

    def _fit(self, trial, wiring, node, wanted, signal, errors):
        later, self._later = self._later, wanted
        if later is not None:
            super()._fit(trial, wiring, node, later, signal, errors)


class Arm(NamedTuple):
    """What is compared: feedback made from a seed, and what else differs."""

    feedback: Callable[[int], Feedback]
    window: int = WINDOW
    rate: float = 0.05
    as_coded: bool = False


LIKE_W = {"init": "glorot"}
LEARNED = {"deviation": 0.01, "rate": 0.5, **LIKE_W}
ARMS = {
    "backprop": Arm(lambda seed: cn.Tied()),
    "perturbed": Arm(lambda seed: Perturbed(seed=seed, **LEARNED)),
    "perturbed, a step late": Arm(lambda seed: Late(seed=seed, **LEARNED)),
    "perturbed, readout too": Arm(lambda seed: cn.Perturbed(seed=seed, **LEARNED)),
    "fixed random, as large as W": Arm(lambda seed: Random(seed, **LIKE_W)),
    "fixed random, N(0, 1)": Arm(lambda seed: Random(seed, init=1.0), rate=0.005),
    "backprop, as slow": Arm(lambda seed: cn.Tied(), rate=0.005),
    "nothing through time": Arm(lambda seed: cn.Tied(), window=1),
    "backprop, stream as coded": Arm(lambda seed: cn.Tied(), as_coded=True),
}
QUICK = ["backprop", "perturbed", "fixed random, N(0, 1)"]
MEASURES = {"loss": "loss of a step", "right": "right answers", "angle": "angle to backprop (°)"}


def run(
    quick: Annotated[bool, typer.Option("--quick", help="One seed, three arms, 800 updates.")] = False,
    seeds: Annotated[int, typer.Option(help="How many.")] = 3,
    updates: Annotated[int, typer.Option(help="Windows to learn from.")] = 1200,
) -> dict:
    """Every arm and seed: what it looked like on the way."""
    count, last, every = (1, 800, 200) if quick else (seeds, updates, 200)
    arms = {
        name: [train(name, seed, last, every) for seed in range(count)] for name in (QUICK if quick else ARMS)
    }
    return {"updates": list(range(0, last + 1, every)), "arms": arms}


def train(arm: str, seed: int, last: int, every: int) -> dict:
    """One training: measures every so many updates; None when it has diverged."""
    make, window, rate, as_coded = ARMS[arm]
    net = Recurrent(2, COLUMNS, 1, "tanh", bias=True, seed=seed)
    rule = ThroughTime(cn.rule("backprop", feedback=make(100 + seed)), window)
    optimizer = torch.optim.SGD([*net.parameters(), *rule.parameters(net)], lr=rate)
    torch.manual_seed(seed)
    found: dict[str, list] = {name: [] for name in MEASURES}
    done, alive = 0, True
    while True:
        x, target = delayed_xor(STEPS, BATCH, seed=1000 * seed + done, as_coded=as_coded)
        state = None
        for part, wanted in zip(x.split(WINDOW, 1), target.split(WINDOW, 1), strict=True):
            if done % every == 0:
                values = look(net, rule, as_coded) if alive else [None] * len(MEASURES)
                for name, value in zip(MEASURES, values, strict=True):
                    found[name].append(value)
            if done == last:
                return found | (feedback_found(net, rule) if alive else {})
            if alive:
                step = rule.learn(net, part, wanted, state)
                state, alive = step.state, math.isfinite(step.loss)
                optimizer.step()
            done += 1


@torch.no_grad()
def look(net: Recurrent, rule: ThroughTime, as_coded: bool) -> tuple[float, float, float]:
    """On streams never learned from: loss of a step, share of right answers, and the angle between the
    changes of hidden columns' synapses and those of backprop."""
    x, target = delayed_xor(201, 100, seed=987654, as_coded=as_coded)
    output, states = net.run(x)
    due = target != 0
    right = (output[due].sign() == target[due]).float().mean().item()
    loss = 0.5 * (output - target).square().mean().item()
    here = slice(100, 100 + WINDOW)
    backprop = ThroughTime(cn.rule("backprop"), WINDOW)
    found = align(net, rule, x[:, here], target[:, here], backprop, state=states[:, 99])
    return loss, right, found.angles["hidden"]


def feedback_found(net: Recurrent, rule: ThroughTime) -> dict[str, float]:
    """How like W and how like the identity learned B is at the end."""
    if not rule.rule.feedback.learns:
        return {}
    b, w = rule.rule.feedback.named_parameters()[ITSELF].detach(), net.hidden.arriving[1].weight.detach()
    alike = {"W": w, "identity": torch.eye(len(b))}
    return {
        name: torch.cosine_similarity(b.flatten(), one.flatten(), dim=0).item() for name, one in alike.items()
    }


def report(results: dict) -> str:
    """A table, as it was at the end."""
    rows = []
    for name, courses in results["arms"].items():
        ends = {what: [course[what][-1] for course in courses] for what in MEASURES}
        lost = sum(value is None for value in ends["loss"])
        if lost:
            rows.append([name, f"{lost} of {len(courses)} diverged", "", "", "", ""])
            continue
        alike = [
            plus_minus([c[key] for c in courses]) if key in courses[0] else "" for key in ("W", "identity")
        ]
        percent = [100 * value for value in ends["right"]]
        rows.append(
            [
                name,
                plus_minus(ends["loss"], 4),
                plus_minus(percent, 1),
                plus_minus(ends["angle"], 0),
                *alike,
            ]
        )
    header = ["feedback", "loss of a step", "right %", "angle (°)", "cos(B, W)", "cos(B, 1)"]
    count = len(next(iter(results["arms"].values())))
    return table(header, rows, f"delayed xor, {count} seeds, {results['updates'][-1]} updates")


@styled
def draw(results: dict) -> plt.Figure:
    """Loss, right answers and angle over training; bands are ± 1 s.d."""
    figure, panels = plt.subplots(1, len(MEASURES), figsize=(11.5, 3.9), layout="constrained")
    colours = ["black", RED, ORANGE, WINE, BLUE, SKY, "black", "0.6", "0.3"]
    styles = dict(
        zip(ARMS, zip(colours, ["-", "-", "--", ":", "-", "-", ":", "-", "--"], strict=True), strict=True)
    )
    for axes, (what, title) in zip(panels, MEASURES.items(), strict=True):
        for name, courses in results["arms"].items():
            rows = zip(*(c[what] for c in courses), strict=True)
            values = [[v for v in row if v is not None] or [math.nan] for row in rows]
            means, spreads = np.array([mean_sd(v) for v in values]).T
            colour, style = styles[name]
            axes.plot(results["updates"], means, style, color=colour, lw=1.6, label=name)
            axes.fill_between(
                results["updates"], means - spreads, means + spreads, color=colour, alpha=0.12, lw=0
            )
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("updates", fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    panels[0].set_yscale("log")
    panels[1].set_ylim(0.4, 1.02)
    panels[2].set(ylim=(-3, 120), yticks=[0, 30, 60, 90, 120])
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
