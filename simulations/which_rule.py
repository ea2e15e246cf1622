"""Which rule made this recording, by the rates of hidden cells alone?

    python -m simulations.which_rule              seven rules, 30 networks each, 25 min of a core
    python -m simulations.which_rule --quick      three rules, six small networks each, some seconds

Digits, 64-32-32-10, tanh, squared loss, Adam, batch 32, 2,000 updates; each network has its own start and
order, and one of three learning rates, so that speed says little. Recorded are rates of both hidden areas in
a sweep, to 50 images that nobody learns, after 0, 10, 30, 100, 300, 1,000 and 2,000 updates: no weights, no
errors, no labels. A linear classifier of 112 numbers (corticalnet.analysis.RuleIdentifier) is judged on
networks, and on learning rates, that it has not seen; then with fewer cells, fewer images, noise, or one
observable alone.

Nayebi, Srivastava, Ganguli & Yamins 2020 tell four rules apart in deep networks by weights and activities,
on held-out settings. Expected: guesses and random feedback are recognised, what nears backprop is not.

Next: corticalnet/analysis/identification.py.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track

import corticalnet as cn
from corticalnet.analysis import Identification, RuleIdentifier, observables
from corticalnet.analysis.identification import OBSERVABLES
from corticalnet.plotting.style import styled

from .parts import digits
from .parts.common import kept, simulation, table

#: Rules, with Adam's rate, at which (and at half and twice it) one other network learned digits.
RULES = {
    "backprop": 3e-3,
    "feedback-alignment": 3e-3,
    "difference-target-propagation": 3e-3,
    "equilibrium-propagation": 2e-3,
    "il": 3e-3,
    "node-perturbation": 2e-3,
    "dendritic-microcircuit": 4e-3,
}
TIMES, FACTORS, IMAGES, HIDDEN = (0, 10, 30, 100, 300, 1000, 2000), (0.5, 1.0, 2.0), 50, 32


def recorded(name: str, seed: int, factor: float, hidden: int, times: tuple[int, ...]) -> dict:
    """Train one network; return its rates by area ``[times, images, cells]``, and its accuracy."""
    setting = digits.Setting(
        name, hidden=(hidden, hidden), activation="tanh", lr=factor * RULES[name], batch=32
    )
    (x, y), (shown, classes) = digits.images()
    net, rule = setting.network(1000 + seed), cn.rule(name)
    optimizer = torch.optim.Adam([*net.parameters(), *rule.parameters(net)], lr=setting.lr)
    order = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    rates: list[list[np.ndarray]] = []
    passes = 1 + times[-1] * 32 // len(x)
    drawn = torch.cat([torch.randperm(len(x), generator=order) for _ in range(passes)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # (phases that do not settle are a rule's own matter)
        for update in range(times[-1] + 1):
            if update in times:
                with torch.no_grad():
                    swept = net.sweep(shown[:IMAGES]).rates[1:-1]
                rates.append([area.numpy().copy() for area in swept])
            which = drawn[32 * update : 32 * (update + 1)]
            if update < times[-1]:
                rule.update(net, x[which], y[which], optimizer)
    right = float((rule.predict(net, shown) == classes).double().mean())
    areas = {f"area{k + 1}": np.stack([one[k] for one in rates]).tolist() for k in range(2)}
    return {"accuracy": right, "rates": areas}


def run(
    quick: Annotated[bool, typer.Option("--quick", help="Three rules, six small networks each.")] = False,
    seeds: Annotated[int, typer.Option(help="Networks of each rule and learning rate.")] = 10,
    runs: Annotated[Path, typer.Option(help="Folder for the recordings.")] = Path("runs/which_rule"),
) -> dict:
    """Record every network; recordings that are there are read."""
    names, hidden, times = [*RULES], HIDDEN, TIMES
    if quick:
        names, hidden, times, seeds = (
            ["backprop", "feedback-alignment", "node-perturbation"],
            8,
            (0, 5, 20),
            4,
        )
    factors = FACTORS[1:2] if quick else FACTORS
    cases = [(name, seed, factor) for name in names for factor in factors for seed in range(seeds)]
    made = []
    for name, seed, factor in track(cases, "networks", transient=True):
        if quick:
            made.append(recorded(name, seed, factor, hidden, times))
        else:
            path = runs / f"{name}-{factor:g}-{seed}.json"
            made.append(
                kept(path, lambda n=name, s=seed, f=factor: recorded(n, s, f, hidden, times))  # type: ignore[misc]
            )
    return {"seeds": seeds, **judged(cases, made, hidden)}


def judged(cases: list[tuple[str, int, float]], made: list[dict], hidden: int) -> dict:
    """All that is asked of the recordings."""
    rules = [name for name, _, _ in cases]
    networks, speeds = [seed for _, seed, _ in cases], [factor for _, _, factor in cases]
    rates = [{area: np.array(r) for area, r in one["rates"].items()} for one in made]

    def told(found: Iterable[dict[str, Any]], groups: list[Any] = networks) -> Identification:
        return RuleIdentifier().held_out([observables(one) for one in found], rules, groups)

    rng = np.random.default_rng(0)
    whole = told(rates)
    spread = {area: float(np.mean([one[area].std() for one in rates])) for area in rates[0]}
    cells = {n: told([_cells(one, n) for one in rates]).accuracy for n in (2, 4, 8, 16, 32) if n <= hidden}
    images = {
        n: told([{a: r[:, :n] for a, r in one.items()} for one in rates]).accuracy for n in (5, 10, 20, 50)
    }
    noise = {
        level: told(
            [{a: r + level * spread[a] * rng.normal(size=r.shape) for a, r in one.items()} for one in rates]
        ).accuracy
        for level in (0.0, 0.1, 0.3, 1.0)
    }
    alone = {
        name: RuleIdentifier()
        .held_out([_only(observables(one), name) for one in rates], rules, networks)
        .accuracy
        for name in OBSERVABLES
    }
    accuracy = {
        name: [one["accuracy"] for (rule, _, _), one in zip(cases, made, strict=True) if rule == name]
        for name in dict.fromkeys(rules)
    }
    return {
        "rules": list(whole.rules),
        "confusion": whole.confusion.tolist(),
        "accuracy": whole.accuracy,
        "chance": whole.chance,
        "held-out rates": told(rates, speeds).accuracy if len(set(speeds)) > 1 else None,
        "before learning": told([{a: r[:1] for a, r in one.items()} for one in rates]).accuracy,
        "cells": cells,
        "images": images,
        "noise": noise,
        "alone": alone,
        "learned": accuracy,
    }


def _cells(rates: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    return {area: recorded_rates[:, :, :count] for area, recorded_rates in rates.items()}


def _images(rates: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    return {area: recorded_rates[:, :count] for area, recorded_rates in rates.items()}


def _only(measured: dict[str, float], name: str) -> dict[str, float]:
    return {key: value for key, value in measured.items() if key.split(".")[1] == name}


def report(results: dict) -> str:
    """The confusion matrix, and what it takes."""
    names = results["rules"]
    rows = [
        [name, *(f"{100 * share:.0f}" for share in row), f"{100 * np.mean(results['learned'][name]):.1f}"]
        for name, row in zip(names, results["confusion"], strict=True)
    ]
    head = ["made by \\ said (%)", *names, "test %"]
    per_rule = len(next(iter(results["learned"].values())))
    parts = [table(head, rows, f"{per_rule} networks of each rule, digits; networks held out")]
    percent = lambda value: "" if value is None else f"{100 * value:.0f}"  # noqa: E731
    asked = [
        ["all cells, all images", percent(results["accuracy"])],
        ["chance", percent(results["chance"])],
        ["before learning alone", percent(results["before learning"])],
        ["learning rates held out", percent(results["held-out rates"])],
        *([f"{n} cells of each area", percent(v)] for n, v in results["cells"].items()),
        *([f"{n} images", percent(v)] for n, v in results["images"].items()),
        *([f"noise of {level} s.d.", percent(v)] for level, v in results["noise"].items()),
        *([f"{name} alone", percent(v)] for name, v in results["alone"].items()),
    ]
    parts.append(table(["what is recorded", "told apart (%)"], asked))
    return "\n".join(parts)


@styled
def draw(results: dict) -> plt.Figure:
    """The confusion matrix, and how well each observable does alone."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained", width_ratios=(1.2, 1))
    names = results["rules"]
    shares = np.array(results["confusion"])
    left.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    for i, row in enumerate(shares):
        for j, share in enumerate(row):
            if share:
                left.text(
                    j, i, f"{100 * share:.0f}", ha="center", va="center", color="w" if share > 0.5 else "k"
                )
    left.set_xticks(range(len(names)), names, rotation=40, ha="right")
    left.set_yticks(range(len(names)), names)
    left.set(xlabel="said", ylabel="made by", title="held-out networks, % of recordings")
    alone = sorted(results["alone"].items(), key=lambda one: one[1])
    right.barh([name for name, _ in alone], [100 * value for _, value in alone])
    right.axvline(100 * results["chance"], color="k", linestyle=":", label="chance")
    right.axvline(100 * results["accuracy"], color="C1", label="all together")
    right.set(xlabel="told apart (%)", title="one observable alone")
    right.legend(fontsize="small")
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
