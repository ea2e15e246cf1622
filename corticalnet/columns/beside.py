"""A network beside its circuit: what a rule changes on the one, and what a recording says of the other.

    wanted = learned_changes(net, rule, lessons, learning_rate)      projection -> change of its weights
    found = recorded_changes(data, net)                             the same, in the same order

:func:`corticalnet.compare.relative_error` says how far they are apart.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from corticalnet.columns.links import flat
from corticalnet.columns.writing_back import recorded_change
from corticalnet.compare import float64_copy
from corticalnet.network import Network
from corticalnet.network.links import Link
from corticalnet.rules import LearningRule

if TYPE_CHECKING:
    import xarray as xr

#: Projection -> a number for each of its weights.
Changes = dict[str, NDArray[np.float64]]


def projections(network: Network) -> dict[str, tuple[Link, nn.Parameter]]:
    """Return weights, and then biases, that learn, with their links, by the names of their projections."""
    plastic = [link for link in network.links if link.plastic]
    found = {link.name: (link, link.weight) for link in plastic}
    return found | {f"{k.name} bias": (k, k.bias) for k in plastic if k.bias is not None}


def learned_changes(
    network: Network, rule: LearningRule, lessons: Iterable[tuple[Any, Any]], learning_rate: float
) -> Changes:
    """Return the weight changes of a rule by plain SGD over some trials, in float64.

    Args:
        network: not changed.
        rule: not changed; its own weights learn along, if it has any, in a copy of it.
        lessons: for each trial its inputs ``[batch, *input_shape]`` and targets, as for ``rule.learn``.
        learning_rate: of all weights.
    """
    twin, rule = float64_copy(network), copy.deepcopy(rule)
    optimizer = torch.optim.SGD(twin.parameters(), lr=learning_rate)
    for x, targets in lessons:
        rule.update(twin, x, targets, optimizer)
    before = projections(network)
    return {name: _row(link, w - before[name][1]) for name, (link, w) in projections(twin).items()}


def recorded_changes(data: xr.Dataset, network: Network) -> Changes:
    """Return the weight changes of a recorded circuit, by projection."""
    return {name: recorded_change(data, name, w) for name, (_, w) in projections(network).items()}


def joined(changes: Changes) -> NDArray[np.float64]:
    """Concatenate all changes to one row."""
    return np.concatenate([*changes.values()])


def _row(link: Link, weights: Tensor) -> NDArray[np.float64]:
    return flat(link, weights).ravel()
