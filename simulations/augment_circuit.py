"""Does a circuit with memory, tags and dopamine learn from late reward what AuGMEnT learns, trial by trial?

    python -m simulations.augment_circuit              10 agents in their circuit: 30 minutes on a busy core
    python -m simulations.augment_circuit --learned    the papers' tasks to their criteria, too: hours
    python -m simulations.augment_circuit --quick      2 agents, a few trials of each: 10 s

Agents (arrays) and their circuit (populations in time, seven steps for each step of the world) begin with the
same weights; the same noise is added to what their actions are worth, and their worlds have the same seeds.
Nothing else is shared: the circuit sees, chooses, is told what its action brought, and hears its dopamine.
An eye-movement task with a shorter delay and a larger learning rate is learned to its criterion (90 % of the
last 50 trials of each kind, and one of each right without learning); of the papers' own tasks the first
trials are compared, and on Brian2 fewer.

Paper: Rombouts, Bohte & Roelfsema 2015; 12-AX: Martinolli, Gerstner & Gilra 2018. Expected: every trial the
same, weights apart by rounding alone.

Next: corticalnet/columns/augment.py.
"""

from __future__ import annotations

from typing import Annotated, Any

import matplotlib.pyplot as plt
import numpy as np
import typer
import xarray as xr

import corticalnet as cn
from corticalnet.plotting.style import GREY, plain, styled
from corticalnet.reinforcement import AuGMEnT, learn
from corticalnet.reinforcement.tasks import Saccade, TwelveAX

from .augment_tasks import HYBRID
from .parts.common import simulation, table

#: Name: task, settings of the agents, trials of each if not to the criterion, engine.
RUNS: dict[str, tuple[Any, dict[str, Any], int, str]] = {
    "saccade, delay 1, rate 0.5": (Saccade(delay=1), {"rate": 0.5}, 6000, "torch"),
    "saccade": (Saccade(), {}, 200, "torch"),
    "12-AX": (TwelveAX(), HYBRID, 1500, "torch"),
    "saccade on Brian2": (Saccade(), {}, 10, "brian2"),
    "12-AX on Brian2": (TwelveAX(), HYBRID, 10, "brian2"),
}
#: Trials in a point of a learning curve.
WINDOW = 100


def run(
    quick: Annotated[bool, typer.Option("--quick", help="2 agents, a few trials.")] = False,
    agents: Annotated[int, typer.Option(help="Number of agents, which are seeds.")] = 10,
    learned: Annotated[bool, typer.Option("--learned", help="The papers' tasks to their criteria.")] = False,
) -> dict:
    """Let agents and their circuit learn each task; compare trial by trial."""
    found: dict = {"agents": 2 if quick else agents, "runs": {}}
    for name, (task, settings, trials, engine) in RUNS.items():
        if engine == "brian2" and quick:
            continue
        if learned and engine == "torch":
            trials = 100_000
        if quick:
            trials = 2
        inputs, actions = task.observation_space.shape[0], task.action_space.n
        agent = AuGMEnT(inputs, actions, batch=found["agents"], seed=0, **settings)
        options = {"target": "numpy"} if engine == "brian2" else {}
        in_time = cn.CircuitAgent(agent, engine, **options)
        first = {key: weights.copy() for key, weights in agent.weights.items()}
        right = learn(agent, task, trials, progress=False)
        history = learn(in_time, task, trials)
        found["runs"][name] = {
            **compare(right, history),
            "apart": largest(agent.weights, in_time.weights),
            "moved": largest(agent.weights, first),
            "correct": curve(history.correct.values),
        }
    return found


def compare(right: xr.Dataset, found: xr.Dataset) -> dict:
    """Trials to the criterion of agents and circuit, and how many trials were not the same."""
    names = ("reward", "steps", "correct", "kind")
    same_size = right.sizes == found.sizes
    differ = sum(
        (right[name] != found[name]) & (right[name].notnull() | found[name].notnull()) for name in names
    ) if same_size else None  # fmt: skip
    return {
        "reached": [_number(r) for r in right.trials_to_criterion.values],
        "reached in time": [_number(r) for r in found.trials_to_criterion.values],
        "trials": int(found.reward.notnull().sum()),
        "steps": int(found.steps.sum()),
        "other trials": int((differ > 0).sum()) if differ is not None else int(found.reward.notnull().sum()),
    }


def _number(reached: float) -> int | None:
    return int(reached) if np.isfinite(reached) else None


def largest(these: dict, those: dict) -> float:
    """Largest difference of weights."""
    return max(float(abs(these[key] - those[key]).max()) for key in these if these[key].size)


def curve(correct: np.ndarray) -> list[list[float | None]]:
    """Share of correct trials of each agent in windows of 100; None after its last trial."""
    cuts = range(WINDOW, correct.shape[1], WINDOW)
    return [
        [float(np.nanmean(part)) if np.isfinite(part).any() else None for part in np.split(row, cuts)]
        for row in correct
    ]


def report(results: dict) -> str:
    """Trials to the criterion, how many trials were not the same, and how far weights are apart."""
    rows = []
    for name, one in results["runs"].items():
        reached = [r for r in one["reached in time"] if r is not None]
        span = f"{np.median(reached):,.0f} ({min(reached):,} – {max(reached):,})" if reached else "–"
        share = f"{len(reached)} of {len(one['reached'])}"
        rows.append([
            name, f"{one['trials']:,}", one["other trials"], share, span,
            "yes" if one["reached"] == one["reached in time"] else "no",
            f"{one['apart']:.0e}", f"{one['moved']:.1f}",
        ])  # fmt: skip
    header = ["task", "trials", "not the same", "learned", "trials to criterion: median (range)",
              "as the agents", "weights apart", "weights moved"]  # fmt: skip
    return table(header, rows, f"AuGMEnT in its circuit, {results['agents']} agents")


@styled
def draw(results: dict) -> plt.Figure:
    """Learning curves of the circuit's agents, and a tick where the array agents reached the criterion."""
    name, one = next(iter(results["runs"].items()))
    figure, panel = plt.subplots(figsize=(5, 3), layout="constrained")
    for shares, reached in zip(one["correct"], one["reached"], strict=True):
        known = [k for k, share in enumerate(shares) if share is not None]
        trials = [WINDOW * (k + 0.5) for k in known]
        panel.plot(trials, [100 * shares[k] for k in known], color="C0", lw=0.7, alpha=0.6)
        if reached is not None:
            panel.plot(reached, 103, "|", color="C1", ms=7, clip_on=False)
    panel.axhline(90, color=GREY, lw=0.8, ls=":")
    plain(panel)
    panel.set_ylim(0, 103)
    panel.set_xlabel("trials")
    panel.set_ylabel("correct (%), a line for each agent's circuit")
    panel.set_title(f"{name}; ticks: criterion of the agents in arrays", fontsize=8)
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
