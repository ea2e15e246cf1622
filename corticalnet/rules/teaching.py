"""Teaching signals: what the world tells the output area. One axis of every rule.

A teaching signal turns a trial's output and target into a :class:`TrialLoss`. Its ``error`` is minus the
derivative of the loss with respect to the output rates, for any output that the area may take during the
trial (predictive coding moves it).

    Teacher("squared")          loss = ½ Σ_n (t_n − y_n)²            error = t − y
    Teacher("cross-entropy")    loss = −Σ_n t_n log softmax(y)_n      error = t − softmax(y) Σ_n t_n
    Reward(), SoftmaxReward()   rewards instead of targets: :mod:`corticalnet.rules.reward`
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from corticalnet.errors import RuleError, one_of
from corticalnet.replay import Guarded
from corticalnet.rules.targets import as_vectors, read


@dataclass(eq=False)
class TrialLoss(ABC):
    """The loss of one trial, a mean over the batch, and its derivative by the output rates.

    Attributes:
        rates: output rates ``[batch, n]`` before any teaching.
    """

    rates: Tensor

    @abstractmethod
    def error(self, rates: Tensor) -> Tensor:
        """Compute ``−∂loss/∂rates`` of each sample (not divided by the batch)."""

    def answer(self, rates: Tensor) -> Tensor:
        """Return the output's answer, comparable with the target: its rates, or their softmax."""
        return rates

    def losses(self, rates: Tensor) -> Tensor:
        """Compute the loss of each sample ``[batch]`` at these output rates."""
        return 0.5 * self.error(rates).square().sum(1)

    def costs(self, rates: Tensor) -> Tensor:
        """Return minus the reward of each sample ``[batch]`` if a reward teaches, otherwise its loss."""
        return self.losses(rates)

    @property
    @abstractmethod
    def loss(self) -> Tensor:
        """Return the mean loss, a scalar."""

    @property
    def prediction(self) -> Tensor:
        """Return the class indices ``[batch]`` that the network answered with."""
        return self.rates.argmax(1)


class Teaching(Guarded, ABC):
    """Base class of all teaching signals.

    Attributes:
        rewarded: whether it tells a reward for a class, and not what would have been right.
        capturable: whether what it does can be recorded: see :attr:`LearningRule.capturable`.
    """

    equation = ""
    rewarded = False
    capturable: bool = True

    @abstractmethod
    def loss_for(self, rates: Tensor, targets: Any) -> TrialLoss:
        """Return the trial's loss for output rates ``[batch, n]`` and targets, indices or vectors."""

    def without_exploration(self) -> Teaching:
        """Return a teaching signal that never explores: itself, where nothing is chosen."""
        return self


class Teacher(Teaching):
    """Supervised teaching: a teacher shows the whole target vector.

    Args:
        loss: "squared" (½‖t − y‖²) or "cross-entropy" (of the softmax of the output rates).

    >>> import corticalnet as cn
    >>> cn.Rule(teaching=Teacher("cross-entropy")).teaching.loss
    'cross-entropy'
    """

    def __init__(self, loss: str = "squared") -> None:
        one_of("loss", loss, ["squared", "cross-entropy"], RuleError)
        self.loss = loss
        self.equation = "error = t − y" if loss == "squared" else "error = t − softmax(y)"

    def loss_for(self, rates: Tensor, targets: Any) -> TrialLoss:
        """Return the trial's loss; targets may be class indices ``[batch]`` or vectors ``[batch, n]``."""
        if self.loss != "squared":
            targets = read(targets, rates)
            wanted = as_vectors(targets, rates)
            return _CrossEntropy(rates, wanted, None if targets.dim() == 1 else wanted.sum(1, keepdim=True))
        if (  # what training gives; all else, and all that is wrong, is read with care
            type(targets) is Tensor
            and targets.dtype is torch.int64
            and targets.shape == rates.shape[:-1]
            and targets.device == rates.device
        ):
            with suppress(RuntimeError):
                return _Squared(rates, torch.zeros_like(rates).scatter_(1, targets[:, None], 1.0))
        return _Squared(rates, as_vectors(targets, rates))


@dataclass(eq=False)
class _Squared(TrialLoss):
    wanted: Tensor

    def error(self, rates: Tensor) -> Tensor:
        return self.wanted - rates

    @property
    def loss(self) -> Tensor:
        return 0.5 * (self.wanted - self.rates).square().sum() / len(self.rates)


@dataclass(eq=False)
class _CrossEntropy(_Squared):
    mass: Tensor | None  # what each target vector sums to; None: one

    def answer(self, rates: Tensor) -> Tensor:
        answer = torch.softmax(rates, 1)
        return answer if self.mass is None else self.mass * answer

    def error(self, rates: Tensor) -> Tensor:
        return self.wanted - self.answer(rates)

    def losses(self, rates: Tensor) -> Tensor:
        return -(self.wanted * F.log_softmax(rates, 1)).sum(1)

    @property
    def loss(self) -> Tensor:
        return -(self.wanted * F.log_softmax(self.rates, 1)).sum() / len(self.rates)
