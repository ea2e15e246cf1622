"""Teaching signals: what the world tells the output area. One axis of every rule.

A teaching signal turns a trial's output and target into a *lesson*. The lesson's ``error`` is minus
the derivative of the lesson's loss with respect to the output rates, for any output that the area
may take during the trial (predictive coding moves it).

    Teacher("squared")          loss = ½ Σ_n (t_n − y_n)²            error = t − y
    Teacher("cross-entropy")    loss = −Σ_n t_n log softmax(y)_n      error = t − softmax(y) Σ_n t_n
    Reward()                    loss = ½ (r − y_s)²                   error_s = r − y_s, 0 for all others
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property

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


class Reward(Teaching):
    """The network acts and is rewarded: dopamine broadcasts the reward-prediction error (Pozzi et al. 2020).

    Max-Boltzmann choice: the most active output column, or with probability ``exploration`` one drawn
    from softmax(y / temperature). Reward 1 for the right class, else 0. The chosen column's rate is the
    expected reward, so the prediction error is ``r − y_s``; all other columns have no error.

    Args:
        exploration: probability of a Boltzmann choice (2 % in the paper).
        temperature: of the Boltzmann choice (1 in the authors' code).
        choose: a function from rates ``[batch, n]`` to actions ``[batch]``, instead of max-Boltzmann.
    """

    equation = "error = (r − y_s) · 1[n = s],  s by max-Boltzmann choice,  r = 1[s is right]"

    def __init__(
        self,
        exploration: float = 0.02,
        temperature: float = 1.0,
        choose: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        if not 0 <= exploration <= 1:
            raise RuleError(f"exploration is a probability in [0, 1], not {exploration}")
        if temperature <= 0:
            raise RuleError(f"temperature must be positive, not {temperature}")
        self.exploration, self.temperature = exploration, temperature
        self.choose = choose or self.max_boltzmann

    def max_boltzmann(self, rates: Tensor) -> Tensor:
        """Greedy actions ``[batch]``, a few of them replaced by draws from softmax(rates / temperature)."""
        greedy = rates.argmax(1)
        if self.exploration == 0:
            return greedy
        explore = torch.rand(len(rates), device=rates.device) < self.exploration
        # Gumbel's trick: the argmax of logits plus this noise is a draw from their softmax.
        noise = torch.rand_like(rates).log_().neg_().log_().neg_()
        return torch.where(explore, (rates / self.temperature + noise).argmax(1), greedy)

    def begin(self, rates: Tensor, targets: Tensor) -> Lesson:
        """Targets are class indices ``[batch]`` (or one-hot vectors); only the reward is made of them."""
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
        return _Rewarded(rates, self.choose(rates), column[:, 0])


class _Rewarded(Lesson):
    def __init__(self, rates: Tensor, action: Tensor, classes: Tensor) -> None:
        super().__init__(rates)
        self.action = action
        self.reward = (action == classes).to(rates.dtype)

    def error(self, rates: Tensor) -> Tensor:
        chosen = self.action[:, None]
        rpe = self.reward[:, None] - rates.gather(1, chosen)
        return torch.zeros_like(rates).scatter_(1, chosen, rpe)

    @cached_property
    def rpe(self) -> Tensor:
        """Reward-prediction error ``[batch]``."""
        return self.reward - self.rates.gather(1, self.action[:, None])[:, 0]

    @property
    def loss(self) -> Tensor:
        return 0.5 * self.rpe.square().mean()

    @property
    def prediction(self) -> Tensor:
        return self.action


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


TEACHINGS: dict[str, Callable[[], Teaching]] = {
    "teacher": Teacher,
    "cross-entropy": lambda: Teacher("cross-entropy"),
    "reward": Reward,
}
