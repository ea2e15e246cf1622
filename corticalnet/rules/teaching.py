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
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from corticalnet.checks import shown
from corticalnet.errors import RuleError, ShapeError, one_of
from corticalnet.network.reading import converted, finite, numbers


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
    """Base of teaching signals.

    Attributes:
        rewarded: whether it tells a reward for a class, and not what would have been right.
    """

    equation = ""
    rewarded = False

    @abstractmethod
    def begin(self, rates: Tensor, targets: Any) -> Lesson:
        """The lesson for output ``rates`` ``[batch, n]`` and ``targets`` (indices, or one vector each)."""

    def greedy(self) -> Teaching:
        """One that never explores; itself, where nothing is chosen."""
        return self


class Teacher(Teaching):
    """A teacher shows the whole target vector.

    Args:
        loss: "squared" (½‖t − y‖²) or "cross-entropy" (of the softmax of the output rates).
    """

    def __init__(self, loss: str = "squared") -> None:
        one_of("loss", loss, ["squared", "cross-entropy"], RuleError)
        self.loss = loss
        self.equation = "error = t − y" if loss == "squared" else "error = t − softmax(y)"

    def begin(self, rates: Tensor, targets: Any) -> Lesson:
        """Targets may be class indices ``[batch]`` or vectors ``[batch, n]``."""
        targets = read(targets, rates)
        wanted = _vectors(targets, rates)
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


def read(targets: Any, rates: Tensor) -> Tensor:
    """Targets on the device of the output: class indices ``[batch]``, or numbers shaped as the output.

    A column of whole numbers ``[batch, 1]`` is class indices, unless the output has one column itself; then a
    row of floating numbers ``[batch]`` is one number for each sample.

    Raises:
        ShapeError: they are no real numbers, or a label that does not come from the device is out of range.
    """
    seen = numbers(targets, "targets", rates.device)
    if seen.is_floating_point():
        if seen.dim() == 1 and rates.dim() == 2 and rates.shape[1] == 1:
            seen = seen[:, None]
    elif seen.dim() == 2 and seen.shape[1] == 1 and rates.dim() == 2 and rates.shape[1] != 1:
        seen = seen[:, 0]
    if seen is not targets and seen.is_cuda and seen.dim() == 1 and not seen.is_floating_point():
        _in_range(seen.long(), rates)  # it has come from elsewhere, so there is nothing to wait for
    return seen


def as_vectors(targets: Any, rates: Tensor) -> Tensor:
    """Targets shaped as the output: class indices become one-hot vectors.

    Raises:
        ShapeError: wrong shape, a label outside the output's columns, or a number that is not finite.
    """
    return _vectors(read(targets, rates), rates)


def _vectors(targets: Tensor, rates: Tensor) -> Tensor:
    """The same, of targets that have been read."""
    if targets.dim() == 1 and not targets.is_floating_point() and rates.dim() == 2:
        column = as_column(targets, rates)
        try:
            return torch.zeros_like(rates).scatter_(1, column, 1.0)
        except RuntimeError:
            _in_range(column, rates)
            raise
    if targets.shape != rates.shape:
        raise _misshapen(targets, rates)
    wanted = converted(targets, rates.dtype, "targets")
    return wanted if wanted.is_cuda else finite(wanted, "targets")


def as_classes(targets: Any, rates: Tensor) -> Tensor:
    """Classes as a column ``[batch, 1]``: of class indices, or of one-hot vectors.

    Raises:
        ShapeError: wrong shape, a label outside the output's columns, or vectors that name no class.
    """
    targets = read(targets, rates)
    if targets.dim() == 1:
        column = as_column(targets, rates)
    elif targets.shape == rates.shape and rates.dim() == 2:
        column = targets.long().argmax(1, keepdim=True)
        wrong = (torch.zeros_like(rates).scatter_(1, column, 1.0) != targets).any(1)
        if wrong.any():
            raise ShapeError(
                "reward is for a class, so targets are class indices or one-hot vectors (one 1 among zeros), "
                f"not {shown(targets[wrong][0].tolist())}"
            )
    else:
        raise _misshapen(targets, rates)
    try:
        rates.gather(1, column)  # for its range check alone
    except RuntimeError:
        _in_range(column, rates)
        raise
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


def _in_range(labels: Tensor, rates: Tensor) -> None:
    """Every label must name a column.

    On a CPU indexing notices that by itself, for nothing, and this only says so. (On a GPU nothing can be
    noticed without waiting for the device; the training loop looks at all labels of a data set before it
    begins.)

    Raises:
        ShapeError: one does not.
    """
    last = rates.shape[1] - 1
    outside = labels[(labels < 0) | (labels > last)]
    if len(outside):
        message = f"label {int(outside[0])} is out of range; the output has columns 0 to {last}"
        numbers_ = f" (numbers for its one column: floating ones, or in the shape {tuple(rates.shape)})"
        raise ShapeError(message + (numbers_ if last == 0 else ""))
