"""The optimizer of a run: a plain ``torch.optim`` one, and the learning rate of each epoch."""

from __future__ import annotations

from typing import Any

import torch

from corticalnet.network import Network
from corticalnet.rules.base import LearningRule
from corticalnet.training.settings import Settings

_KINDS: dict[str, Any] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
}


def make_optimizer(
    net: Network, settings: Settings, rule: LearningRule | None = None
) -> torch.optim.Optimizer:
    """An optimizer over all learned numbers of ``net``, and of ``rule``; only the weights of links decay.

    Feedback weights that learn are moved as the weights of links are.
    """
    weights = [link.weight for link in net.links if link.plastic and link.weight.requires_grad]
    weights += [] if rule is None else [p for p in rule.parameters(net) if p.requires_grad]
    weights = list(dict.fromkeys(weights))  # (a rule may name the network's own)
    known = set(weights)
    others = [p for p in net.parameters() if p.requires_grad and p not in known]
    groups: list[dict[str, Any]] = [{"params": weights, "weight_decay": settings.weight_decay}]
    if others:
        groups.append({"params": others, "weight_decay": 0.0})
    extra = {"momentum": settings.momentum} if settings.momentum else {}
    optimizer: torch.optim.Optimizer = _KINDS[settings.optimizer](groups, lr=settings.lr, **extra)
    return optimizer


def learning_rate(settings: Settings, epoch: int) -> float:
    """The learning rate of an epoch (counted from 1): it halves after every ``halve_every`` epochs."""
    if settings.halve_every is None:
        return settings.lr
    return settings.lr * 0.5 ** ((epoch - 1) // settings.halve_every)


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Give all groups the learning rate ``lr``."""
    for group in optimizer.param_groups:
        group["lr"] = lr
