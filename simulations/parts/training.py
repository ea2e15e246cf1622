"""The training that simulations share: epochs of a rule, with a look at what it has learned between them."""

from __future__ import annotations

from collections.abc import Iterator

import torch

import corticalnet as cn


def epochs(
    net: cn.Network,
    rule: cn.LearningRule,
    optimizer: torch.optim.Optimizer,
    x: torch.Tensor,
    y: torch.Tensor,
    last: int,
    batch: int,
    order: torch.Generator | None = None,
) -> Iterator[int]:
    """Train, and stop before each epoch and at the end.

    Args:
        net: learns.
        rule: says by what.
        optimizer: moves the network's weights, and the rule's own where it learns them.
        x: inputs, samples first.
        y: labels or targets of the samples.
        last: how many epochs there are.
        batch: samples of an update; the last of an epoch has what is left.
        order: shuffles the samples; without one, torch's own generator does.

    Yields:
        How many epochs are done: 0 to ``last``. Who stops asking ends the training.
    """
    for done in range(last + 1):
        yield done
        if done < last:
            for index in torch.randperm(len(x), generator=order).split(batch):
                rule.update(net, x[index], y[index], optimizer)
