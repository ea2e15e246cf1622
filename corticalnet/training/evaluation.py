"""How well a network answers on a split."""

from __future__ import annotations

import torch
from torch import Tensor

from corticalnet.data import Split
from corticalnet.network import Network
from corticalnet.training.goal import CLASSES, Goal


@torch.no_grad()
def answers(net: Network, split: Split, goal: Goal = CLASSES, batch: int = 1024) -> Tensor:
    """Answers ``[N, …]`` to every image of a split that has some, in its order, in evaluation mode."""
    dtype = next(net.parameters()).dtype
    was_training = net.training
    net.eval()
    try:
        parts = (slice(start, start + batch) for start in range(0, len(split), batch))
        return torch.cat([goal.answers(net, split.batch(part, dtype)[0]) for part in parts])
    finally:
        net.train(was_training)


def score(net: Network, split: Split, goal: Goal = CLASSES) -> float | None:
    """Accuracy, or what else the goal measures; None for a split without images."""
    return goal.score(answers(net, split, goal), split) if len(split) else None
