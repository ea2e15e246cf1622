"""What a task is: a world that shows something, receives an action, and may reward it."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from corticalnet.checks import array, shown, whole
from corticalnet.errors import TaskError, one_of
from corticalnet.reinforcement.tasks.criteria import Criterion
from corticalnet.reinforcement.tasks.random_streams import Floats, Indices, RandomStreams
from corticalnet.reinforcement.tasks.spaces import Box, Discrete

Self = TypeVar("Self", bound="Task")
Bools = NDArray[np.bool_]


class Task(ABC):
    """A task for one agent, with Gymnasium's interface, or for a batch of independent agents.

    ``Saccade()`` is for one agent: ``reset(seed=, options=) → (seen, info)`` and
    ``step(action) → (seen, reward, terminated, truncated, info)``, as Gymnasium has it.

    ``Saccade(batch=20)`` is for twenty at once: actions, rewards and the rest are arrays that begin with
    the agents, and an agent whose trial has ended sees the first of its next trial at once (Gymnasium's
    "same step" autoreset). Agent k of ``reset(seed=s)`` meets what ``reset(seed=s + k)`` shows to one alone.

    A new task says what it keeps of each agent, and how a trial begins, goes on and looks, for all at once
    (:meth:`_reserve`, :meth:`_begin`, :meth:`_act`, :meth:`_see`).

    Args:
        batch: number of agents; None is one, with no axis for it.

    Attributes:
        observation_space, action_space: of one agent.
        kinds: names of the kinds of trials; ``reset(options={"kind": "anti left"})`` gives one of that kind.
        exam: whether it takes, besides the criterion, one correct trial of each kind without learning and
            exploration to have learned it.
        info: of a step: "kind", the number of the trial's kind; "correct", whether the trial, if it has just
            ended, was done as it should be.

    Raises:
        TaskError: no agents, an unknown kind, an action that is none, a step after the end.
    """

    observation_space: Box
    action_space: Discrete
    kinds: tuple[str, ...] = ("trial",)
    exam = False
    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - Gymnasium's name and type
    render_mode = None
    spec = None

    def __init__(self, batch: int | None = None) -> None:
        if batch is not None:
            batch = whole(f"{type(self).__name__}: batch", batch, TaskError)
        self.batch = batch
        self.n = batch or 1
        self.random: RandomStreams | None = None
        self._over = np.ones(self.n, dtype=bool)

    @abstractmethod
    def _reserve(self) -> None:
        """Allocate the state of each of ``self.n`` agents."""

    @abstractmethod
    def _begin(self, agents: Indices, kind: int | None) -> None:
        """Begin a new trial for ``agents``, of a random or a given kind."""

    @abstractmethod
    def _act(self, action: Indices) -> tuple[Floats, Bools, Bools]:
        """Take an action of every agent; return rewards, whether trials end, whether they were correct."""

    @abstractmethod
    def _see(self) -> Floats:
        """Return the observation of every agent, ``[n, features]``."""

    def criterion(self) -> Criterion | None:
        """Return the paper's criterion for having learned the task; None if there is none."""
        return None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Reset the environment: begin a trial of every agent.

        Args:
            seed: begins all random numbers again; without, they go on.
            options: ``{"kind": name}`` for a trial of this kind.
        """
        if not (options is None or isinstance(options, dict)):
            raise TaskError(f"{type(self).__name__}: options must be {{'kind': name}}, not {shown(options)}")
        kind = (options or {}).get("kind")
        if kind is not None:
            one_of("kind of trial", kind, self.kinds, TaskError)
        if seed is not None or self.random is None:
            self.random = RandomStreams(self.n, seed)
            self._kind = np.zeros(self.n, dtype=np.intp)
            self._reserve()
        self._over = np.zeros(self.n, dtype=bool)
        self._begin(np.arange(self.n), None if kind is None else self.kinds.index(kind))
        return self._one(self._see()), self._info(np.zeros(self.n, dtype=bool), self._kind)

    def step(self, action: Any) -> tuple[Floats, Any, Any, Any, dict[str, Any]]:
        """Take an action (or one of each agent), and advance by one step."""
        actions = array("action", action, TaskError).reshape(-1)
        known = np.issubdtype(actions.dtype, np.integer) and len(actions) == self.n
        if not known or actions.min() < 0 or actions.max() >= self.action_space.n:
            wanted = f"{self.n} of 0 … {self.action_space.n - 1}"
            raise TaskError(f"{type(self).__name__}: action = {shown(action)}; expected {wanted}")
        if self._over.any():
            raise TaskError(f"{type(self).__name__}: the trial is over; reset() begins the next")
        kind = self._kind.copy()
        reward, ended, correct = self._act(actions)
        info = self._info(correct, kind)
        if self.batch is None:
            self._over = ended
        elif ended.any():
            self._begin(np.flatnonzero(ended), None)
        one, no = self._one, np.zeros(self.n, dtype=bool)
        return one(self._see()), one(reward), one(ended), one(no), info

    def _info(self, correct: Bools, kind: Indices) -> dict[str, Any]:
        return {"kind": self._one(kind), "correct": self._one(correct)}

    def _one(self, array: Any) -> Any:
        """Return an array as a single agent sees it: without the axis of agents, plain numbers."""
        if self.batch is not None:
            return array
        return array[0].item() if array.ndim == 1 else array[0]

    def roll(self, agents: Indices, count: int) -> Floats:
        """Draw ``count`` uniform numbers for each of ``agents``."""
        assert self.random is not None
        return self.random.roll(agents, count)

    def another(self: Self, batch: int | None = None) -> Self:
        """Return the same task for other agents."""
        other = copy.copy(self)
        Task.__init__(other, batch)
        return other

    @property
    def unwrapped(self: Self) -> Self:
        """Return the task itself: it wraps nothing."""
        return self

    def render(self) -> None:
        """Do nothing: these tasks have no picture."""
        return

    def close(self) -> None:
        """Do nothing: a task holds no resources."""
        return


def two(what: str, rewards: Any) -> tuple[float, float]:
    """Check the rewards of a right and of a wrong answer; return them.

    Raises:
        TaskError: they are not two finite numbers.
    """
    found = array(what, rewards, TaskError)
    if found.shape != (2,) or not np.isfinite(found).all():
        raise TaskError(f"{what} must be two numbers, of a right and of a wrong answer, not {shown(rewards)}")
    return float(found[0]), float(found[1])
