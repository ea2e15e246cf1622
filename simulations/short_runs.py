"""What does it cost to cut a simulation into runs of a single step?

    python -m simulations.short_runs            about 1 minute on one core
    python -m simulations.short_runs --quick    fewer steps and rounds, about 15 s

The same circuit makes the same steps in one run, in a loop of runs of one step each (a closed loop by hand),
and in one run of a generator that yields each step (a closed loop as a protocol), everything recorded. One
thread, process time, the three in turn in one process, the first round dropped; a ratio is the median over
rounds of (other / one run in the same round). Networks of 64-12-10 columns.

Wanted: on torch a loop costs at most twice one run; Brian2 builds nothing anew (a build takes as long as some
thousand steps).

Next: corticalnet/engines/simulator.py.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track

import corticalnet as cn
from corticalnet.plotting.style import styled

from .parts.common import simulation, table

RULES, ENGINES = ("z-il", "streaming-fa-z-il", "brainprop"), ("torch", "brian2")
WAYS = ("one run", "loop", "generator")


def run(
    quick: Annotated[bool, typer.Option("--quick", help="Fewer steps and rounds.")] = False,
    steps: Annotated[int, typer.Option(help="Steps of each way in each round.")] = 150,
    rounds: Annotated[int, typer.Option(help="Rounds that count.")] = 7,
) -> dict:
    """Milliseconds a step of one run, and ratios of the other ways to it."""
    steps, rounds = (30, 2) if quick else (steps, rounds)
    x = np.random.default_rng(0).normal(size=64)
    found: dict = {}
    for engine, rule in track(list(itertools.product(ENGINES, RULES)), "short runs", transient=True):
        net = cn.mlp([64, 12, 10], hidden="tanh", seed=0, dtype=torch.float64)
        running = cn.simulator(cn.circuit(net, cn.rule(rule)), engine)
        ways = _ways(running, x, steps)
        for work in ways.values():
            work()
        times = [{name: _timed(work) for name, work in ways.items()} for _ in range(rounds)]
        ratios = {name: statistics.median(one[name] / one["one run"] for one in times) for name in WAYS[1:]}
        each = 1e3 * statistics.median(one["one run"] for one in times) / steps
        found.setdefault(engine, {})[rule] = {"ms": each, **ratios}
    return {"steps": steps, "rounds": rounds, "found": found}


def _ways(running: cn.Simulator, x: np.ndarray, steps: int) -> dict[str, Callable[[], None]]:
    """The same steps three times."""

    def loop() -> None:
        for _ in range(steps):
            running.run([cn.Present(x, 1)])

    def generator() -> None:
        running.run(cn.Present(x, 1) for _ in range(steps))

    def whole() -> None:
        running.run([cn.Present(x, steps)])

    return dict(zip(WAYS, (whole, loop, generator), strict=True))


def _timed(work: Callable[[], None]) -> float:
    """Process time, s."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def report(results: dict) -> str:
    """A row for each engine and rule."""
    rows = [
        [engine, rule, f"{one['ms']:.2f}", *(f"{one[name]:.2f}" for name in WAYS[1:])]
        for engine, rules in results["found"].items()
        for rule, one in rules.items()
    ]
    return table(["engine", "rule", "ms a step, one run", *(f"{name} ×" for name in WAYS[1:])], rows)


@styled
def draw(results: dict) -> plt.Figure:
    """Bars of ratios; a line at 2."""
    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    names = [(engine, rule) for engine, rules in results["found"].items() for rule in rules]
    for k, way in enumerate(WAYS[1:]):
        heights = [results["found"][engine][rule][way] for engine, rule in names]
        axes.bar(np.arange(len(names)) + 0.4 * k - 0.2, heights, 0.38, label=way)
    axes.axhline(2, color="black", lw=0.8)
    axes.set_xticks(range(len(names)), [f"{engine}\n{rule}" for engine, rule in names], fontsize=7)
    axes.set_ylabel("time / that of one run")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
