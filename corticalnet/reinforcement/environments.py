"""Any Gymnasium environments as the world of a batch of agents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from corticalnet.checks import shown
from corticalnet.errors import TaskError
from corticalnet.reinforcement.tasks import Task
from corticalnet.reinforcement.tasks.random_streams import Floats, Indices


class EnvironmentBatch:
    """One environment for each agent, run one after the other, with arrays that begin with the agents.

    When a trial ends the agent's next begins at once. What is seen is laid out flat; a discrete observation
    is one 1 among zeros.

    Args:
        environments: with Gymnasium's interface and discrete actions (0 … n − 1, or ``start`` … ).

    Raises:
        TaskError: actions or observations of another kind.
    """

    kinds: tuple[str, ...] = ("trial",)
    exam = False

    def __init__(self, environments: Sequence[Any]) -> None:
        self.environments = list(environments)
        self.n = len(self.environments)
        if not self.environments:
            raise TaskError("EnvironmentBatch: a batch needs at least one environment")
        for one in self.environments:
            if not all(hasattr(one, name) for name in ("reset", "step", "action_space", "observation_space")):
                raise TaskError(f"EnvironmentBatch: {shown(one)} has not Gymnasium's interface")
        first = self.environments[0]
        if not hasattr(first.action_space, "n"):
            raise TaskError(f"EnvironmentBatch: {first.action_space} has no discrete actions")
        self.actions, self._start = int(first.action_space.n), int(getattr(first.action_space, "start", 0))
        space = first.observation_space
        self._discrete = int(space.n) if getattr(space, "n", None) is not None and not space.shape else None
        if self._discrete is None and space.shape is None:
            raise TaskError(f"EnvironmentBatch: {space} is not an array; flatten it first")
        self.inputs = self._discrete or int(np.prod(space.shape))

    def criterion(self) -> None:
        """Return None: environments have no criterion of their own."""
        return

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Floats, dict[str, Any]]:
        """Reset every environment; environment k gets ``seed + k``."""
        seeds = [None if seed is None else seed + k for k in range(self.n)]
        first = [e.reset(seed=s, options=options)[0] for e, s in zip(self.environments, seeds, strict=True)]
        return self._flat(first), {}

    def step(self, actions: Indices) -> tuple[Floats, Any, Any, Any, dict[str, Any]]:
        """Advance every environment by one step; ``info["last"]`` has the last observations of trials."""
        seen, last, rewards, terminated, truncated = [], [], *np.zeros((3, self.n))
        for k, (environment, action) in enumerate(zip(self.environments, actions, strict=True)):
            now, rewards[k], terminated[k], truncated[k], _ = environment.step(int(action) + self._start)
            last.append(now)
            seen.append(environment.reset()[0] if terminated[k] or truncated[k] else now)
        flags = terminated.astype(bool), truncated.astype(bool)
        return self._flat(seen), rewards, *flags, {"last": self._flat(last)}

    def _flat(self, seen: list[Any]) -> Floats:
        if self._discrete is not None:
            return np.asarray(np.eye(self._discrete)[np.asarray(seen, dtype=int).ravel()])
        return np.stack([np.asarray(one, dtype=float).ravel() for one in seen])


def world(task: Any) -> tuple[Any, int, int]:
    """Wrap a task, an environment or several as a world of arrays; return it, and its inputs and actions."""
    if isinstance(task, Task):
        environment: Any = task if task.batch is not None else task.another(1)
        return environment, int(np.prod(task.observation_space.shape)), task.action_space.n
    environment = EnvironmentBatch(task if isinstance(task, Sequence) else [task])
    return environment, environment.inputs, environment.actions
