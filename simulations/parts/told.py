"""Rewards that tell more than an animal is told: what BrainProp lacks, given to it one thing at a time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import corticalnet as cn
from corticalnet.rules.reward import RewardedLoss
from corticalnet.rules.targets import as_classes


class Told(cn.Reward):
    """A reward, and somebody who tells all wrong actions that were not taken that they are worth 0."""

    def loss_for(self, rates: Tensor, targets: Any) -> RewardedLoss:
        """Choose actions; return their loss."""
        return _ToldLoss(self, rates, self.choose(rates), as_classes(targets, rates)[:, 0])


class _ToldLoss(RewardedLoss):
    def error(self, rates: Tensor) -> Tensor:
        wrong = torch.ones_like(rates).scatter_(1, self.classes[:, None], 0.0)
        others = wrong.scatter(1, self.action[:, None], 0.0)
        return super().error(rates) - others * rates


class Weighted(cn.Reward):
    """A reward whose errors are divided by the probability of the action: a teacher's, on average.

    P_s = ε softmax(y / T)_s + (1 − ε) 1[s has the highest value]
    """

    def loss_for(self, rates: Tensor, targets: Any) -> RewardedLoss:
        """Choose actions; return their loss."""
        return _WeightedLoss(self, rates, self.choose(rates), as_classes(targets, rates)[:, 0])


class _WeightedLoss(RewardedLoss):
    def error(self, rates: Tensor) -> Tensor:
        return super().error(rates) / chances(self.teaching, self.rates)


def chances(reward: Any, rates: Tensor) -> Tensor:
    """Of each action ``[batch, n]`` the probability that max-Boltzmann choice takes it."""
    greedy = torch.zeros_like(rates).scatter_(1, rates.argmax(1, keepdim=True), 1.0)
    drawn = torch.softmax(rates / reward.temperature, 1)
    return reward.exploration * drawn + (1 - reward.exploration) * greedy
