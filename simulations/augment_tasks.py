"""Does AuGMEnT learn its papers' working memory tasks, and in how many trials?

    python -m simulations.augment_tasks                      20 seeds of each task, 48 minutes on a busy core
    python -m simulations.augment_tasks --task saccade       one of them
    python -m simulations.augment_tasks --quick              a shorter delay, two seeds, few trials: 9 s

Nothing but reward tells these networks that there is something to remember. Tags mark the synapses that had
a part in an action; memory units keep what has come and gone; dopamine says later whether it was worth it.
All settings are the papers'. Limits: 25,000 trials, 500,000 and, for 12-AX, 100,000.

Papers: Rombouts, Bohte & Roelfsema 2015 (saccade/antisaccade 99.45 % of networks, median 4,100 trials), as
quoted in their replication, Le Masson & Alexandre 2016 (ReScience 2 (1), Table 1); 12-AX: Martinolli,
Gerstner & Gilra 2018, worked out from the runs stored in their repository (hybrid memory, ε-greedy with a
rising gain). A trial of 12-AX is an outer loop in both. Expected: the same, within the spread of seeds.

Next: corticalnet/reinforcement/augment.py.
"""

from __future__ import annotations

import enum
from typing import Annotated, Any

import matplotlib.pyplot as plt
import numpy as np
import typer
from matplotlib.lines import Line2D

from corticalnet.plotting.style import GREY, plain, styled
from corticalnet.reinforcement import AuGMEnT, learn, watch
from corticalnet.reinforcement.tasks import ProbabilisticClassification, Saccade, TwelveAX

from .parts.common import simulation, table

#: 12-AX has leaky memory units beside the others, feedback of its own, and choices that become sharper.
HYBRID: dict[str, Any] = {
    "regular": 10, "memory": 20, "trace": 0.15, "leak": (0.7, 1.0), "threshold": 0.0, "spread": 0.5,
    "bias": False, "feedback": "learned", "anneal": 2000,
}  # fmt: skip
#: Task, settings of the agent, most trials, what the paper found (share of networks, median trials).
TASKS: dict[str, tuple[Any, dict[str, Any], int, tuple[str, int | None]]] = {
    "saccade": (Saccade(), {}, 25_000, ("99.45 %", 4100)),
    "saccade without shaping": (Saccade(fixation_reward=0.0), {}, 25_000, ("76.41 %", None)),
    "probabilistic": (ProbabilisticClassification(), {}, 500_000, ("99.0 %", 55_234)),
    "12-AX": (TwelveAX(), HYBRID, 100_000, ("60 of 60", 28_363)),
}
#: Points of a learning curve.
POINTS = 120

Which = enum.StrEnum("Which", {"all": "all", **{name: name for name in TASKS}})  # type: ignore[misc]


def run(
    quick: Annotated[bool, typer.Option("--quick", help="A shorter delay, 2 seeds, few trials.")] = False,
    task: Annotated[Which, typer.Option(help="One task.")] = Which.all,  # type: ignore[valid-type]
    seeds: Annotated[int, typer.Option(help="Number of seeds.")] = 20,
) -> dict:
    """Trials to criterion, learning curves and one trial's memory, task by task."""
    found: dict = {"seeds": 2 if quick else seeds, "tasks": {}}
    for name, (world, settings, trials, _) in TASKS.items():
        if str(task) not in ("all", name):
            continue
        if quick:
            easy = name == "saccade"
            world, settings, trials = (
                (Saccade(delay=1), {"rate": 0.5}, 6000) if easy else (world, settings, 100)
            )
        inputs, actions = world.observation_space.shape[0], world.action_space.n
        agent = AuGMEnT(inputs, actions, batch=found["seeds"], seed=0, **settings)
        history = learn(agent, world, trials)
        reached = history.trials_to_criterion.values
        found["tasks"][name] = {
            "reached": [int(r) if np.isfinite(r) else None for r in reached],
            "curves": curves(history.correct.values),
        }
        if name == "saccade" and np.isfinite(reached).any():
            seen = watch(agent.eval_copy(np.flatnonzero(np.isfinite(reached))[:1]), world).isel(agent=0)
            steps = int(seen.memory.notnull().all("memory_unit").sum("step").min())
            found["memory"] = {k: seen.memory.sel(kind=k)[:steps].values.tolist() for k in world.kinds}
    return found


def curves(correct: np.ndarray) -> dict:
    """Share of correct trials of each agent in windows that begin at "trials"; None after its last trial."""
    window = max(50, -(-correct.shape[1] // POINTS))
    starts = list(range(0, correct.shape[1], window))
    rows = []
    for row in correct:
        parts = [part[np.isfinite(part)] for part in np.array_split(row, starts[1:])]
        rows.append([float(part.mean()) if len(part) else None for part in parts])
    return {"trials": starts, "window": window, "share": rows}


def report(results: dict) -> str:
    """Share of seeds that learned, and trials to criterion, beside the paper's."""
    rows = []
    for name, task in results["tasks"].items():
        reached = [r for r in task["reached"] if r is not None]
        share, median = TASKS[name][3]
        span = f"{np.median(reached):,.0f} ({min(reached):,} – {max(reached):,})" if reached else "–"
        paper = f"{median:,}" if median else "–"
        rows.append([name, f"{len(reached)} of {len(task['reached'])}", span, share, paper])
    header = ["task", "learned", "trials: median (range)", "paper", "its median"]
    return table(header, rows, f"AuGMEnT, {results['seeds']} seeds")


@styled
def draw(results: dict) -> plt.Figure:
    """Learning curves of all seeds; below, memory units through a trial of each kind."""
    memory = results.get("memory", {})
    figure = plt.figure(figsize=(11, 5.4 if memory else 2.9), layout="constrained")
    top, low = (*figure.subfigures(2, 1), None)[:2] if memory else (figure, None)
    panels = top.subplots(1, len(results["tasks"]), squeeze=False)[0]
    for panel, (name, task) in zip(panels, results["tasks"].items(), strict=True):
        middle = np.array(task["curves"]["trials"]) + task["curves"]["window"] / 2
        for shares, reached in zip(task["curves"]["share"], task["reached"], strict=True):
            known = [k for k, share in enumerate(shares) if share is not None]
            panel.plot(middle[known], [100 * shares[k] for k in known], color="C0", lw=0.7, alpha=0.5)
            if reached is not None:
                panel.plot(reached, 103, "|", color="C1", ms=7, clip_on=False)
        if median := TASKS[name][3][1]:
            panel.axvline(median, color=GREY, lw=0.8, ls=":")
            panel.text(median, 2, " paper", fontsize=7, color=GREY)
        plain(panel)
        panel.set_ylim(0, 103)
        panel.set_title(name, fontsize=9)
        panel.set_xlabel("trials", fontsize=8)
    panels[0].set_ylabel("correct (%), a line for each network", fontsize=8)
    mark = Line2D([], [], ls="", marker="|", color="C1", ms=7, label="criterion reached")
    top.legend(handles=[mark], loc="outside lower center")
    if low is not None:
        _memory(low, memory)
    return figure


def _memory(figure: Any, memory: dict) -> None:
    """What each memory unit does, step by step."""
    panels = figure.subplots(1, len(memory), sharey=True)
    names = ["blank", "mark", "mark", "cue", "delay", "delay", "go"]
    for panel, (kind, rows) in zip(panels, memory.items(), strict=True):
        steps = np.arange(len(rows))
        lines = panel.plot(steps, rows, marker="o", ms=2.5, lw=1)
        panel.axvspan(3.5, len(rows) - 1.5, color="#fdf0e1", lw=0, zorder=-2)
        plain(panel)
        labels = names[: len(rows)] if len(rows) == 7 else [*names[: len(rows) - 1], "go"]
        panel.set_xticks(steps, labels, rotation=60)
        panel.set_title(kind, fontsize=9)
    panels[0].set_ylabel("rate of memory units", fontsize=8)
    names = [f"memory unit {k}" for k in range(len(lines))]
    figure.legend(lines, names, loc="outside lower center", ncols=len(lines))


if __name__ == "__main__":
    simulation(run, report, draw)
