"""Let a herd learn a task."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from corticalnet.checks import shown, whole
from corticalnet.errors import TaskError, TrainingError
from corticalnet.progress import bars
from corticalnet.reinforcement.augment import AuGMEnT
from corticalnet.reinforcement.book import Book
from corticalnet.reinforcement.herd import world
from corticalnet.reinforcement.tasks import Criterion, Task
from corticalnet.reinforcement.watching import passes


def learn(
    agent: AuGMEnT,
    task: Any,
    trials: int = 25_000,
    *,
    criterion: Criterion | None = None,
    seed: int | None = 0,
    progress: bool = True,
) -> xr.Dataset:
    """Let every animal of ``agent`` do a task until it fulfils the criterion, or has done ``trials`` trials.

    An animal that has learned goes on to act, but learns no more until all are done. Where a time limit has
    cut a trial off ("truncated"), the best that is expected from what was seen last is added, γ max q.

    Args:
        agent: the herd; it changes.
        task: a :class:`~corticalnet.reinforcement.tasks.Task`, or anything with Gymnasium's interface and
            discrete actions, or a list of those, one for each animal. A Task for one animal is made one for
            the whole herd.
        trials: most trials of an animal.
        criterion: see :mod:`corticalnet.reinforcement.tasks.criteria`; without one, the task's own (if it
            has one).
        seed: of the world; animal k meets the world of seed + k.
        progress: a bar on stderr.

    Returns:
        By animal and trial "reward" (sum), "steps", and, where the task says them, "correct" and "kind" (its
        number); by animal "trials_to_criterion" (NaN: never). NaN after an animal's last trial.

    Raises:
        TaskError: the task does not fit the agent, or no trials.
        TrainingError: values have run away.
    """
    trials = whole("learn: trials", trials, TaskError)
    if not isinstance(agent, AuGMEnT):
        raise TaskError(f"learn: the agent must be an AuGMEnT, not {shown(agent)}")
    if isinstance(task, Task) and task.animals is None:
        task = task.another(agent.animals)
    herd, inputs, actions = world(task)
    if (herd.n, inputs, actions) != (agent.animals, agent.inputs, agent.actions):
        what = f"{herd.n} animals, {inputs} inputs, {actions} actions"
        raise TaskError(f"learn: the task has {what}; the agent is {agent}")
    criterion = criterion or herd.criterion() or never
    book, reached, busy = Book(herd.n), np.full(herd.n, np.nan), np.ones(herd.n, dtype=bool)

    seen, info = herd.reset(seed=seed)
    reward, ended = np.zeros(herd.n), np.zeros(herd.n, dtype=bool)
    agent.forget(np.arange(herd.n))
    rate, agent.rate = agent.rate, agent.rate.copy()
    with bars(progress, width=20) as running:
        bar = running.add_task("0 learned", total=trials * herd.n)
        while busy.any():
            action = agent.step(seen, reward, ended)
            seen, reward, terminated, truncated, info = herd.step(action)
            ended = terminated | truncated
            book.step(reward, ended, info, busy)
            done = np.flatnonzero(criterion(reward, ended, info) & busy)
            if herd.exam and done.size:
                done = done[passes(agent, herd, done)]
            reached[done], agent.rate[done], busy[done] = book.count[done], 0, False
            busy &= book.count < trials
            cut = np.flatnonzero(truncated & ~terminated)
            if cut.size:
                reward[cut] += agent.discount * agent.peek(info["last"]).max(axis=1)[cut]
            if not np.isfinite(agent.rpe).all():
                lost = ", ".join(map(str, np.flatnonzero(~np.isfinite(agent.rpe))))
                raise TrainingError(
                    f"learn: values ran away in animal {lost}; a smaller rate or trace may help"
                )
            if progress and ended.any():
                learned = f"{np.isfinite(reached).sum()} of {herd.n} learned"
                running.update(bar, completed=np.where(busy, book.count, trials).sum(), description=learned)
    agent.rate = rate
    return book.history(reached, herd.kinds)


def never(reward: Any, ended: Any, info: dict[str, Any]) -> Any:
    """The criterion of those who learn until they have done all trials."""
    return np.zeros(len(ended), dtype=bool)
