"""Our tasks as Gymnasium environments, for those who have it: ``pip install 'corticalnet[gym]'``."""

from __future__ import annotations

from typing import Any

from corticalnet.errors import TaskError
from corticalnet.reinforcement.tasks.task import Task


def as_gymnasium(task: Task) -> Any:
    """Wrap a task as a ``gymnasium.Env`` with Gymnasium's spaces, for its wrappers and libraries.

    Args:
        task: for one agent.

    Raises:
        TaskError: a task for a batch, or Gymnasium is not installed.
    """
    if task.batch is not None:
        raise TaskError(f"as_gymnasium: a task for one agent is needed, this one is for {task.batch}")
    try:
        import gymnasium
    except ImportError as error:
        raise TaskError("as_gymnasium needs Gymnasium: pip install 'corticalnet[gym]'") from error

    class View(gymnasium.Env):
        """A task in Gymnasium's clothes."""

        metadata = task.metadata
        observation_space = gymnasium.spaces.Box(
            task.observation_space.low,
            task.observation_space.high,
            task.observation_space.shape,
            task.observation_space.dtype.type,
        )
        action_space = gymnasium.spaces.Discrete(task.action_space.n)

        def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
            super().reset(seed=seed)
            return task.reset(seed=seed, options=options)

        def step(self, action: Any) -> Any:
            return task.step(action)

    return View()
