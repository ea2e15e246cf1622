"""What an agent is to a task: it sees, is rewarded, acts, and can be watched asleep."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from corticalnet.checks import array, shown
from corticalnet.errors import ShapeError, TaskError
from corticalnet.reinforcement.tasks.random_streams import Floats, Indices

Bools = NDArray[np.bool_]
Self = TypeVar("Self", bound="Agent")


class Agent(ABC):
    """A batch of independent agents, which :func:`learn` and :func:`watch` let live in a task.

    Attributes:
        batch, inputs, actions: how many agents, and what each can see and do.
        discount: γ.
        rate: learning rate of each agent, ``[batch]``; 0 for one that learns no more.
        rates: what each population does now, ``[batch, units]`` by name.
        rpe: reward-prediction error of the last step, ``[batch]``.
    """

    batch: int
    inputs: int
    actions: int
    discount: float
    rate: Floats
    rpe: Floats

    @property
    @abstractmethod
    def rates(self) -> dict[str, Floats]:
        """Return what each population does now, ``[batch, units]`` by name."""

    @abstractmethod
    def step(self, seen: Floats, reward: Floats, ended: Bools) -> Indices:
        """Observe, choose an action, and learn from what the last one has brought.

        Args:
            seen: ``[batch, inputs]``.
            reward: what the last actions have brought, ``[batch]``; ignored in the very first step.
            ended: where that was the last reward of a trial, and ``seen`` is the first of the next.

        Returns:
            Actions, ``[batch]``.

        Raises:
            ShapeError: one of them is not what this batch can see, get or be told.
        """

    @abstractmethod
    def reset(self, agents: Indices) -> None:
        """Reset ``agents``: nothing is seen, remembered, expected or tagged."""

    @abstractmethod
    def next_values(self, seen: Floats) -> Floats:
        """Compute the action values that ``seen`` would have if it came next, ``[batch, actions]``."""

    @abstractmethod
    def eval_copy(self: Self, agents: Indices | None = None) -> Self:
        """Copy ``agents`` (all), reset to the start of a trial, without learning and exploration."""

    def _observed(self, seen: Any, reward: Any, ended: Any) -> tuple[Floats, Floats, Bools]:
        """Check what a step is told; return it as arrays."""
        return (
            self._read("seen", seen, (self.batch, self.inputs)),
            self._read("reward", reward, (self.batch,)),
            self._read("ended", ended, (self.batch,)).astype(bool),
        )

    def _read(self, what: str, value: Any, shape: tuple[int, ...]) -> NDArray[Any]:
        """Check for finite numbers of one shape; return them as an array."""
        found = array(f"{type(self).__name__}: {what}", value, ShapeError, finite=True)
        if found.shape != shape:
            raise ShapeError(f"{type(self).__name__}: {what} has shape {found.shape}, expected {shape}")
        return found

    def _agents(self, agents: Any) -> Indices:
        """Return the indices of agents, given as indices or as a mask."""
        try:
            return np.atleast_1d(np.arange(self.batch)[agents])
        except (IndexError, TypeError, ValueError):
            name = type(self).__name__
            raise TaskError(f"{name}: {shown(agents)} are no agents of 0 … {self.batch - 1}") from None
