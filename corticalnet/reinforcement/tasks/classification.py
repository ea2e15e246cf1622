"""Classification taught by reward: one look, one answer."""

from __future__ import annotations

from typing import Any

import numpy as np

from corticalnet.checks import array
from corticalnet.errors import ShapeError
from corticalnet.reinforcement.tasks.criteria import Criterion, Recent
from corticalnet.reinforcement.tasks.random_streams import Floats, Indices, choose
from corticalnet.reinforcement.tasks.spaces import Box, Discrete
from corticalnet.reinforcement.tasks.task import Bools, Task, two


class Classification(Task):
    """An image is shown; the action names its class; the reward says only whether that was right.

    Trials have one step. Images are drawn at random, all as likely, again and again.

    Criterion: 90 % of the last 500 trials.

    Source: the task of AGREL and BrainProp (Roelfsema & van Ooyen 2005; Pozzi et al. 2020).

    Args:
        images: ``[N, …]``, numbers; shown flat.
        labels: ``[N]`` (or ``[N, 1]``), whole numbers from 0.
        batch: number of agents, None for one without an axis.
        rewards: of a right and of a wrong answer.

    Raises:
        ShapeError: not as many labels as images, labels that are no classes, or images that are no numbers.
        TaskError: rewards are not two numbers.

    >>> task = Classification(np.eye(3), [0, 1, 2])
    >>> seen, info = task.reset(seed=0)
    >>> task.step(int(seen.argmax()))[1:3]
    (1.0, True)
    """

    def __init__(
        self,
        images: Any,
        labels: Any,
        batch: int | None = None,
        *,
        rewards: tuple[float, float] = (1.0, 0.0),
    ) -> None:
        super().__init__(batch)
        images = array("Classification: images", images, ShapeError, finite=True).astype(float)
        labels = array("Classification: labels", labels, ShapeError)
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        whole = np.issubdtype(labels.dtype, np.integer)
        if labels.shape != images.shape[:1] or not labels.size or not whole or labels.min() < 0:
            shapes = f"{images.shape} and {labels.shape}"
            raise ShapeError(f"Classification: images and labels have shapes {shapes}; labels are 0, 1, …")
        self.images, self.labels = images.reshape(len(images), -1), labels.astype(np.intp)
        self.rewards = two("Classification: rewards", rewards)
        classes = int(labels.max()) + 1
        self.kinds = tuple(map(str, range(classes)))
        low, high = float(images.min()), float(images.max())
        self.observation_space, self.action_space = Box(self.images.shape[1:], low, high), Discrete(classes)

    def criterion(self) -> Criterion:
        """Return the criterion: 90 % of the last 500 trials correct."""
        return Recent(0.9, last=500)

    def _reserve(self) -> None:
        self._shown = np.zeros(self.n, dtype=np.intp)

    def _begin(self, agents: Indices, kind: int | None) -> None:
        choices = np.arange(len(self.labels)) if kind is None else np.flatnonzero(self.labels == kind)
        self._shown[agents] = choices[choose(self.roll(agents, 1)[:, 0], len(choices))]
        self._kind[agents] = self.labels[self._shown[agents]]

    def _act(self, action: Indices) -> tuple[Floats, Bools, Bools]:
        right = action == self._kind
        return np.where(right, *self.rewards), np.ones(self.n, dtype=bool), right

    def _see(self) -> Floats:
        return np.asarray(self.images[self._shown])
