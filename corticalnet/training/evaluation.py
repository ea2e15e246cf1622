"""How well a network answers: predictions and accuracy on a split."""

from __future__ import annotations

import torch
from torch import Tensor

from corticalnet.data import Split
from corticalnet.network import Network


def predictions(net: Network, split: Split, batch: int = 1024) -> Tensor:
    """Class indices ``[N]`` for every image of a split, in its order."""
    dtype = next(net.parameters()).dtype
    starts = range(0, len(split), batch)
    answers = [net.predict(split.batch(slice(k, k + batch), dtype)[0]) for k in starts]
    return torch.cat(answers) if answers else split.labels


def accuracy(net: Network, split: Split) -> float | None:
    """Fraction of right answers; None for a split without images."""
    if not len(split):
        return None
    return int((predictions(net, split) == split.labels).sum()) / len(split)
