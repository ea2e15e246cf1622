"""Let a batch of agents learn a task."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from corticalnet.checks import shown, whole
from corticalnet.errors import TaskError, TrainingError
from corticalnet.progress import bars
from corticalnet.reinforcement.agent import Agent
from corticalnet.reinforcement.environments import world
from corticalnet.reinforcement.tasks import Criterion, Task
from corticalnet.reinforcement.trial_log import TrialLog
from corticalnet.reinforcement.watching import passes


def learn(
    agent: Agent,
    task: Any,
    trials: int = 25_000,
    *,
    criterion: Criterion | None = None,
    seed: int | None = 0,
    progress: bool = True,
) -> xr.Dataset:
    """Train every agent of ``agent`` on a task until its criterion is fulfilled, or for ``trials`` trials.

    An agent that has learned goes on to act, but learns no more until all are done. Where a time limit has
    cut a trial off ("truncated"), the best that is expected from what was seen last is added, γ max q.

    Args:
        agent: the batch of agents; it changes.
        task: a :class:`~corticalnet.reinforcement.tasks.Task`, or anything with Gymnasium's interface and
            discrete actions, or a list of those, one for each agent. A Task for one agent is made one for
            the whole batch.
        trials: most trials of an agent.
        criterion: see :mod:`corticalnet.reinforcement.tasks.criteria`; without one, the task's own (if it
            has one).
        seed: of the world; agent k meets the world of seed + k.
        progress: a bar on stderr.

    Returns:
        By agent and trial "reward" (sum), "steps", and, where the task says them, "correct" and "kind" (its
        number); by agent "trials_to_criterion" (NaN: never). NaN after an agent's last trial.

    Raises:
        TaskError: the task does not fit the agent, or no trials.
        TrainingError: values have run away.
    """
    trials = whole("learn: trials", trials, TaskError)
    if not isinstance(agent, Agent):
        raise TaskError(f"learn: the agent must be an Agent, such as AuGMEnT, not {shown(agent)}")
    if isinstance(task, Task) and task.batch is None:
        task = task.another(agent.batch)
    environment, inputs, actions = world(task)
    if (environment.n, inputs, actions) != (agent.batch, agent.inputs, agent.actions):
        what = f"{environment.n} agents, {inputs} inputs, {actions} actions"
        raise TaskError(f"learn: the task has {what}; the agent is {agent}")
    criterion = criterion or environment.criterion() or never
    log, reached, learning = (
        TrialLog(environment.n),
        np.full(environment.n, np.nan),
        np.ones(environment.n, dtype=bool),
    )

    seen, info = environment.reset(seed=seed)
    reward, ended = np.zeros(environment.n), np.zeros(environment.n, dtype=bool)
    agent.reset(np.arange(environment.n))
    rate, agent.rate = agent.rate, agent.rate.copy()
    with bars(progress, width=20) as running:
        bar = running.add_task("0 learned", total=trials * environment.n)
        while learning.any():
            action = agent.step(seen, reward, ended)
            seen, reward, terminated, truncated, info = environment.step(action)
            ended = terminated | truncated
            log.step(reward, ended, info, learning)
            done = np.flatnonzero(criterion(reward, ended, info) & learning)
            if environment.exam and done.size:
                done = done[passes(agent, environment, done)]
            reached[done], agent.rate[done], learning[done] = log.count[done], 0, False
            learning &= log.count < trials
            cut = np.flatnonzero(truncated & ~terminated)
            if cut.size:
                reward[cut] += agent.discount * agent.next_values(info["last"]).max(axis=1)[cut]
            if not np.isfinite(agent.rpe).all():
                lost = ", ".join(map(str, np.flatnonzero(~np.isfinite(agent.rpe))))
                raise TrainingError(
                    f"learn: values ran away in agent {lost}; a smaller rate or trace may help"
                )
            if progress and ended.any():
                learned = f"{np.isfinite(reached).sum()} of {environment.n} learned"
                running.update(
                    bar, completed=np.where(learning, log.count, trials).sum(), description=learned
                )
    agent.rate = rate
    return log.history(reached, environment.kinds)


def never(reward: Any, ended: Any, info: dict[str, Any]) -> Any:
    """Return False for every agent: the criterion of those who learn until all trials are done."""
    return np.zeros(len(ended), dtype=bool)
