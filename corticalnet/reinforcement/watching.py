"""See what a batch of agents has learned: trials without learning and exploration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from corticalnet.checks import shown
from corticalnet.errors import TaskError
from corticalnet.reinforcement.agent import Agent
from corticalnet.reinforcement.tasks import Task
from corticalnet.reinforcement.tasks.random_streams import Indices


def watch(agent: Agent, task: Task, seed: int = 0) -> xr.Dataset:
    """Record all populations in one trial of each kind, by a copy that does not learn.

    Args:
        agent: the batch of agents; it does not change.
        task: says what there is to see.
        seed: of the world.

    Returns:
        By kind, agent, step and unit "sensory", "transient", "regular", "memory", "action"; by kind, agent
        and step "chosen", the action. NaN after the end of a trial.

    Raises:
        TaskError: it is no Task of corticalnet.
    """
    if not isinstance(task, Task):
        raise TaskError(f"watch: a Task says what there is to see; {shown(task)} does not")
    found = []
    for kind in task.kinds:
        rows: dict[str, list[Any]] = {name: [] for name in (*agent.rates, "chosen")}
        copy, going = agent.eval_copy(), np.ones(agent.batch, dtype=bool)
        for action, ended, _ in trial(copy, task, kind, seed):
            for name, values in {**copy.rates, "chosen": action}.items():
                alive = going.reshape(-1, *[1] * (values.ndim - 1))
                rows[name].append(np.where(alive, values, np.nan))
            going &= ~ended
        axes = {name: ("agent", "step", f"{name}_unit")[: 2 + rows[name][0].ndim - 1] for name in rows}
        found.append(xr.Dataset({name: (axes[name], np.stack(values, 1)) for name, values in rows.items()}))
    return xr.concat(found, dim=xr.Variable("kind", list(task.kinds)), join="outer")


def passes(agent: Agent, task: Task, agents: Indices) -> Any:
    """Test whether ``agents`` solve one trial of each kind, without learning or exploring."""
    good = np.ones(len(agents), dtype=bool)
    for kind in task.kinds:
        for _, ended, info in trial(agent.eval_copy(agents), task, kind):
            good &= ~ended | info["correct"]
    return good


def trial(agent: Agent, task: Task, kind: str, seed: int = 0) -> Iterator[tuple[Any, Any, Any]]:
    """Run one trial of each agent; yield per step actions, whether they ended it, and the world's info."""
    environment = task.another(agent.batch)
    seen, _ = environment.reset(seed=seed, options={"kind": kind})
    reward, ended = np.zeros(environment.n), np.zeros(environment.n, dtype=bool)
    going = ~ended
    while going.any():
        action = agent.step(seen, reward, ended)
        seen, reward, ended, _, info = environment.step(action)
        yield action, ended & going, info
        going &= ~ended
