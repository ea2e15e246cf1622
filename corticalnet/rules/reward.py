"""Taught by reward: the network acts, and only the column that acted learns how it went.

    s chosen from the rates y;  r the reward;  E_n what is expected of action n
    error_s = what r was, held against E_s;  0 for all columns that were not chosen

    Reward          E = y             the best, or now and then another     error_s = r − E_s       BrainProp
                    exclusive: the others learn from a reward, too          error_n = −r y_n
    SoftmaxReward   E = softmax(y)    drawn from E                          error_s = r / E_s − 1   AGREL

A teacher tells all columns t − E, where t_n is the reward that action n would bring; a reward tells one of
them. BrainProp's errors add up to the teacher's if every action is taken once (backprop of ½ Σ (t − y)²).
AGREL's are the teacher's on average over the draw, Σ_s E_s error_s = t − softmax(y) (backprop of the
cross-entropy). What comes after is linear in the error, so both hold for every weight, at any depth.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from corticalnet.checks import flag, function, positive, probability
from corticalnet.errors import RuleError
from corticalnet.rules.targets import as_classes
from corticalnet.rules.teaching import Teaching, TrialLoss


class Rewarded(Teaching):
    """Base of what teaches by reward: 1 for the right class, else 0.

    Attributes:
        choose: from rates ``[batch, n]`` to actions ``[batch]``.
    """

    rewarded = True
    choose: Callable[[Tensor], Tensor]

    @property
    def capturable(self) -> bool:  # type: ignore[override]
        """Return whether actions are chosen in a way of the toolkit's own."""
        own = (most_active, boltzmann, getattr(self, "max_boltzmann", None))
        return self.choose in own

    @abstractmethod
    def expected(self, rates: Tensor) -> Tensor:
        """Return the expected reward of every action, ``[batch, n]``."""

    @abstractmethod
    def rpe(self, reward: Tensor, expected: Tensor) -> Tensor:
        """Compute the reward-prediction error δ from the reward and the expected reward of the action."""

    @abstractmethod
    def output_error(self, reward: Tensor, expected: Tensor) -> Tensor:
        """Compute the error of the chosen column from the reward and the expected reward of the action."""

    def unchosen_errors(self, reward: Tensor, rates: Tensor) -> Tensor:
        """Compute the errors ``[batch, n]`` of columns that were not chosen: none, as a rule."""
        return torch.zeros_like(rates)

    def without_exploration(self) -> Rewarded:
        """Return a copy that always takes the action of the most active column."""
        other = copy.copy(self)
        other.choose = most_active
        return other

    def loss_for(self, rates: Tensor, targets: Any) -> TrialLoss:
        """Choose actions; return their loss.

        Targets, class indices ``[batch]`` or one-hot vectors, only say which action is rewarded.
        """
        classes = as_classes(targets, rates)
        return RewardedLoss(self, rates, self.choose(rates), classes[:, 0])


class Reward(Rewarded):
    """Reward-prediction error as the teaching signal, broadcast by dopamine (BrainProp, Pozzi et al. 2020).

    Max-Boltzmann choice: the most active output column, or with probability ``exploration`` one drawn
    from softmax(y / temperature). Reward 1 for the right class, else 0. The chosen column's rate is the
    expected reward, so the prediction error is ``r − y_s``; all other columns have no error.

    So nobody tells the other columns that they are worth nothing. Who knows that one action alone is right
    can infer it from each reward: with ``exclusive`` the others' error is then ``−y_n``, as a teacher's would
    be, and without a reward still none (simulations/reward_gap.py).

    Args:
        exploration: probability of a Boltzmann choice (2 % in the paper).
        temperature: of the Boltzmann choice (1 in the authors' code).
        choose: a function from rates ``[batch, n]`` to actions ``[batch]``, instead of max-Boltzmann.
        exclusive: whether a reward for one action tells that all others are worth nothing (not in the paper).

    >>> import corticalnet as cn
    >>> cn.Rule(teaching=Reward(exploration=0.1)).rewarded
    True
    """

    equation = "error = (r − y_s) · 1[n = s],  s by max-Boltzmann choice,  r = 1[s is right]"
    exclusive: bool = False

    def __init__(
        self,
        exploration: float = 0.02,
        temperature: float = 1.0,
        choose: Callable[[Tensor], Tensor] | None = None,
        exclusive: bool = False,
    ) -> None:
        if flag("reward: exclusive", exclusive, RuleError):
            self.exclusive = True  # (not set otherwise: checkpoints describe what is set)
            self.equation = self.equation.replace(",", " − r y_n · 1[n ≠ s],", 1)
        self.exploration = probability("reward: exploration", exploration, RuleError)
        self.temperature = positive("reward: temperature", temperature, RuleError)
        self.choose = self.max_boltzmann if choose is None else function("reward: choose", choose, RuleError)

    def max_boltzmann(self, rates: Tensor) -> Tensor:
        """Choose greedy actions ``[batch]``, some replaced by draws from softmax(rates / temperature)."""
        greedy = rates.argmax(1)
        if self.exploration == 0:
            return greedy
        explore = torch.rand(len(rates), device=rates.device) < self.exploration
        return torch.where(explore, boltzmann(rates / self.temperature), greedy)

    def without_exploration(self) -> Reward:
        """Return a copy that always takes the action of the most active column."""
        return Reward(0.0, self.temperature, exclusive=self.exclusive)

    def expected(self, rates: Tensor) -> Tensor:
        """Return the rates, which are the expected rewards."""
        return rates

    def rpe(self, reward: Tensor, expected: Tensor) -> Tensor:
        """Compute ``δ = r − y_s``."""
        return reward - expected

    output_error = rpe

    def unchosen_errors(self, reward: Tensor, rates: Tensor) -> Tensor:
        """Compute ``−r y_n`` where one action alone is right, else none."""
        return -reward[:, None] * rates if self.exclusive else torch.zeros_like(rates)


class SoftmaxReward(Rewarded):
    """Reward with softmax choice, where rare successes count more (AGREL, Roelfsema & van Ooyen 2005).

    The winner s is drawn from P = softmax(y). The prediction error is δ = 1 − P(s) if it is rewarded and
    −1 if not; an expansive function, f(δ) = δ / (1 − δ) for δ ≥ 0 and f(−1) = −1, makes the winner's error of
    it. Both cases are ``r / P(s) − 1``: what is right but seldom tried is taught as much, on average, as a
    teacher would. The variance of that, (1 − P)² / P for what is right, has no bound: rare successes may
    throw a network off (simulations/agrel_tasks.py).

    Args:
        choose: a function from rates ``[batch, n]`` to actions ``[batch]``, instead of the draw.

    >>> import corticalnet as cn
    >>> cn.rule("z-il", teaching=SoftmaxReward()).rewarded
    True
    """

    equation = "error = (r / P_s − 1) · 1[n = s],  s drawn from P = softmax(y),  r = 1[s is right]"

    def __init__(self, choose: Callable[[Tensor], Tensor] | None = None) -> None:
        self.choose = boltzmann if choose is None else function("reward: choose", choose, RuleError)

    def expected(self, rates: Tensor) -> Tensor:
        """Compute ``P = softmax(rates)``."""
        return torch.softmax(rates, 1)

    def rpe(self, reward: Tensor, expected: Tensor) -> Tensor:
        """Compute ``δ = 1 − P_s`` if rewarded, else −1."""
        return torch.where(reward > 0, reward - expected, reward - 1)

    def output_error(self, reward: Tensor, expected: Tensor) -> Tensor:
        """Compute ``f(δ) = r / P_s − 1``."""
        # (no reward divided by a probability that has underflowed is none)
        return reward / expected.clamp_min(torch.finfo(expected.dtype).tiny) - 1


def most_active(rates: Tensor) -> Tensor:
    """Return greedy actions ``[batch]``."""
    return rates.argmax(1)


def boltzmann(rates: Tensor) -> Tensor:
    """Draw actions ``[batch]`` from softmax(rates), each sample for itself."""
    # Gumbel's trick: the argmax of logits plus this noise is a draw from their softmax.
    noise = torch.rand_like(rates).log_().neg_().log_().neg_()
    return (rates + noise).argmax(1)


class RewardedLoss(TrialLoss):
    """The loss ½ δ² of an action that was taken, with its reward ``[batch]``."""

    def __init__(self, teaching: Rewarded, rates: Tensor, action: Tensor, classes: Tensor) -> None:
        super().__init__(rates)
        self.teaching, self.action, self.classes = teaching, action, classes
        self.reward = (action == classes).to(rates.dtype)

    def error(self, rates: Tensor) -> Tensor:
        """Compute the error of the chosen column, and of the others what the teaching signal knows of them.

        Action and reward stay what they were if rates have moved.
        """
        output_error = self.teaching.output_error(self.reward, self._expected(rates))
        errors = self.teaching.unchosen_errors(self.reward, rates)
        return errors.scatter_(1, self.action[:, None], output_error[:, None])

    def costs(self, rates: Tensor) -> Tensor:
        """Return minus the reward: ½ δ² is no cost, for it is also 0 where nothing was expected."""
        if rates is self.rates:
            return -self.reward
        return -(self.teaching.choose(rates) == self.classes).to(rates.dtype)

    def _expected(self, rates: Tensor) -> Tensor:
        return self.teaching.expected(rates).gather(1, self.action[:, None])[:, 0]

    @cached_property
    def rpe(self) -> Tensor:
        """Return the reward-prediction error ``[batch]``."""
        return self.teaching.rpe(self.reward, self._expected(self.rates))

    @property
    def loss(self) -> Tensor:
        """Return ``½ δ²`` (and ½ of the squared errors of columns that were not chosen), the batch's mean."""
        others = self.teaching.unchosen_errors(self.reward, self.rates)
        others = others.scatter_(1, self.action[:, None], 0.0)
        return 0.5 * (self.rpe.square() + others.square().sum(1)).mean()

    @property
    def prediction(self) -> Tensor:
        """Return the actions ``[batch]`` that were taken."""
        return self.action
