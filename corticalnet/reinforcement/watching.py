"""See what a herd has learned: trials without learning and exploration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from corticalnet.checks import shown
from corticalnet.errors import TaskError
from corticalnet.reinforcement.augment import AuGMEnT
from corticalnet.reinforcement.tasks import Task
from corticalnet.reinforcement.tasks.chance import Indices


def watch(agent: AuGMEnT, task: Task, seed: int = 0) -> xr.Dataset:
    """What all populations do in one trial of each kind, asleep (see :meth:`AuGMEnT.asleep`).

    Args:
        agent: the herd; it does not change.
        task: says what there is to see.
        seed: of the world.

    Returns:
        By kind, animal, step and unit "sensory", "transient", "regular", "memory", "action"; by kind, animal
        and step "chosen", the action. NaN after the end of a trial.

    Raises:
        TaskError: it is no Task of corticalnet.
    """
    if not isinstance(task, Task):
        raise TaskError(f"watch: a Task says what there is to see; {shown(task)} does not")
    found = []
    for kind in task.kinds:
        rows: dict[str, list[Any]] = {name: [] for name in (*agent.rates, "chosen")}
        copy, going = agent.asleep(), np.ones(agent.animals, dtype=bool)
        for action, ended, _ in trial(copy, task, kind, seed):
            for name, values in {**copy.rates, "chosen": action}.items():
                alive = going.reshape(-1, *[1] * (values.ndim - 1))
                rows[name].append(np.where(alive, values, np.nan))
            going &= ~ended
        axes = {name: ("animal", "step", f"{name}_unit")[: 2 + rows[name][0].ndim - 1] for name in rows}
        found.append(xr.Dataset({name: (axes[name], np.stack(values, 1)) for name, values in rows.items()}))
    return xr.concat(found, dim=xr.Variable("kind", list(task.kinds)), join="outer")


def passes(agent: AuGMEnT, task: Task, who: Indices) -> Any:
    """Whether the animals ``who`` do one trial of each kind as they should, asleep."""
    good = np.ones(len(who), dtype=bool)
    for kind in task.kinds:
        for _, ended, info in trial(agent.asleep(who), task, kind):
            good &= ~ended | info["correct"]
    return good


def trial(agent: AuGMEnT, task: Task, kind: str, seed: int = 0) -> Iterator[tuple[Any, Any, Any]]:
    """One trial of each animal: in each step its action, whether that ended it, and what the world says."""
    herd = task.another(agent.animals)
    seen, _ = herd.reset(seed=seed, options={"kind": kind})
    reward, ended = np.zeros(herd.n), np.zeros(herd.n, dtype=bool)
    going = ~ended
    while going.any():
        action = agent.step(seen, reward, ended)
        seen, reward, ended, _, info = herd.step(action)
        yield action, ended & going, info
        going &= ~ended
