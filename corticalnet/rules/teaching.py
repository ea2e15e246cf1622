"""Teaching signals: what the world tells the output area. One axis of every rule.

A teaching signal turns a trial's output and target into a *lesson*. The lesson's ``error`` is minus
the derivative of the lesson's loss with respect to the output rates, for any output that the area
may take during the trial (predictive coding moves it).

    Teacher("squared")          loss = ½ Σ_n (t_n − y_n)²            error = t − y
    Teacher("cross-entropy")    loss = −Σ_n t_n log softmax(y)_n      error = t − softmax(y) Σ_n t_n
    Reward(), SoftmaxReward()   rewards instead of targets: :mod:`corticalnet.rules.reward`
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

from corticalnet.errors import RuleError, ShapeError, one_of


class Lesson(ABC):
    """One trial's teaching. Losses are means over the batch.

    Attributes:
        rates: output rates ``[batch, n]`` before any teaching.
    """

    def __init__(self, rates: Tensor) -> None:
        self.rates = rates

    @abstractmethod
    def error(self, rates: Tensor) -> Tensor:
        """``−∂loss/∂rates`` for each sample (not divided by the batch)."""

    def losses(self, rates: Tensor) -> Tensor:
        """The loss of each sample ``[batch]``, if the output's rates were these."""
        return 0.5 * self.error(rates).square().sum(1)

    def costs(self, rates: Tensor) -> Tensor:
        """What each sample would cost ``[batch]`` if the output answered with these: also acted on them."""
        return self.losses(rates)

    @property
    @abstractmethod
    def loss(self) -> Tensor:
        """Mean loss, a scalar."""

    @property
    def prediction(self) -> Tensor:
        """Class indices ``[batch]`` that the network answered with."""
        return self.rates.argmax(1)


class Teaching(ABC):
    """Base of teaching signals."""

    equation = ""

    @abstractmethod
    def begin(self, rates: Tensor, targets: Tensor) -> Lesson:
        """The lesson for output ``rates`` ``[batch, n]`` and ``targets`` (indices, or one vector each)."""


class Teacher(Teaching):
    """A teacher shows the whole target vector.

    Args:
        loss: "squared" (½‖t − y‖²) or "cross-entropy" (of the softmax of the output rates).
    """

    def __init__(self, loss: str = "squared") -> None:
        one_of("loss", loss, ["squared", "cross-entropy"], RuleError)
        self.loss = loss
        self.equation = "error = t − y" if loss == "squared" else "error = t − softmax(y)"

    def begin(self, rates: Tensor, targets: Tensor) -> Lesson:
        """Targets may be class indices ``[batch]`` or vectors ``[batch, n]``."""
        wanted = as_vectors(targets, rates)
        if self.loss == "squared":
            return _Squared(rates, wanted)
        return _CrossEntropy(rates, wanted, None if targets.dim() == 1 else wanted.sum(1, keepdim=True))


class _Squared(Lesson):
    def __init__(self, rates: Tensor, wanted: Tensor) -> None:
        super().__init__(rates)
        self.wanted = wanted

    def error(self, rates: Tensor) -> Tensor:
        return self.wanted - rates

    @property
    def loss(self) -> Tensor:
        return 0.5 * (self.wanted - self.rates).square().sum() / len(self.rates)


class _CrossEntropy(_Squared):
    def __init__(self, rates: Tensor, wanted: Tensor, mass: Tensor | None) -> None:
        super().__init__(rates, wanted)
        self.mass = mass  # what each target vector sums to; None: one

    def error(self, rates: Tensor) -> Tensor:
        answer = torch.softmax(rates, 1)
        return self.wanted - (answer if self.mass is None else self.mass * answer)

    def losses(self, rates: Tensor) -> Tensor:
        return -(self.wanted * F.log_softmax(rates, 1)).sum(1)

    @property
    def loss(self) -> Tensor:
        return -(self.wanted * F.log_softmax(self.rates, 1)).sum() / len(self.rates)


def as_vectors(targets: Tensor, rates: Tensor) -> Tensor:
    """Targets shaped as the output: class indices become one-hot vectors.

    Raises:
        ShapeError: wrong shape, or a label outside the output's columns.
    """
    if targets.dim() == 1 and not targets.is_floating_point() and rates.dim() == 2:
        column = as_column(targets, rates)
        try:
            return torch.zeros_like(rates).scatter_(1, column, 1.0)
        except RuntimeError as error:
            raise _out_of_range(targets, rates) from error
    if targets.shape != rates.shape:
        raise _misshapen(targets, rates)
    return targets.to(rates.dtype)


def as_classes(targets: Tensor, rates: Tensor) -> Tensor:
    """Classes as a column ``[batch, 1]``: of class indices, or of one-hot vectors.

    Raises:
        ShapeError: wrong shape, or a label outside the output's columns.
    """
    if targets.dim() == 1:
        column = as_column(targets, rates)
    elif targets.shape == rates.shape and rates.dim() == 2:
        column = targets.argmax(1, keepdim=True)
    else:
        raise _misshapen(targets, rates)
    try:
        rates.gather(1, column)  # for its range check alone
    except RuntimeError as error:
        raise _out_of_range(targets, rates) from error
    return column


def as_column(targets: Tensor, rates: Tensor) -> Tensor:
    """Class indices as a column ``[batch, 1]`` of whole numbers.

    Raises:
        ShapeError: not whole numbers, or not one per sample.
    """
    if targets.is_floating_point() or targets.shape != rates.shape[:1]:
        raise ShapeError(
            f"class indices must be whole numbers of shape ({len(rates)},), "
            f"not {targets.dtype} {tuple(targets.shape)}"
        )
    return targets.long()[:, None]


def _misshapen(targets: Tensor, rates: Tensor) -> ShapeError:
    return ShapeError(
        f"targets are {targets.dtype} of shape {tuple(targets.shape)}; give class indices as whole numbers "
        f"({len(rates)},) or vectors {tuple(rates.shape)}"
    )


def _out_of_range(targets: Tensor, rates: Tensor) -> ShapeError:
    """On a CPU, indexing notices a label that names no column, for nothing.

    (On a GPU nothing can be noticed without waiting for the device; the training loop looks at all
    labels of a data set before it begins.)
    """
    last = rates.shape[1] - 1
    bad = int(targets[(targets < 0) | (targets > last)][0])
    return ShapeError(f"label {bad} is out of range; the output has columns 0 to {last}")
