"""δ of every column: what exact credit assignment would tell it, worked out in one sweep on the network.

    δ_out = f'(μ) ⊙ (t − f(μ))          δ_l = f'(μ_l) ⊙ Σ Wᵀ δ_above

(or another feedback pathway's weights instead of Wᵀ). It is the answer that columns in time are held
against, so it is computed apart from every trigger.
"""

from __future__ import annotations

import torch
from torch import Tensor

from corticalnet.errors import RuleError
from corticalnet.network import Network
from corticalnet.network.wiring import ForwardState, Wiring
from corticalnet.rules import LearningRule


@torch.no_grad()
def deltas(
    network: Network, rule: LearningRule, x: Tensor, targets: Tensor
) -> tuple[Wiring, ForwardState, list[Tensor]]:
    """Compute δ of every sample and column by one sweep down, in the precision of the network.

    Args:
        network: with relays where links skip areas, as in a circuit.
        rule: its teaching signal and feedback pathway are used.
        x: stimuli ``[B, *shape]``.
        targets: classes ``[B]`` or vectors ``[B, n]``.

    Returns:
        The wiring, the activity before teaching, and δ by node ``[B, *columns]`` (empty for the input).

    Raises:
        RuleError: the rule does not say how it brings errors down.
    """
    wiring = network.levelled()
    activity = wiring.forward(network.admit(x))
    error = rule.teaching.loss_for(activity.rates[-1], targets).error(activity.rates[-1])
    found = rule.errors(network, wiring, activity, error)
    if found is None:
        raise RuleError(f"{rule.name} brings errors down by no sweep, so nobody knows the δ of its columns")
    empty = [x.new_zeros(0), *(torch.zeros_like(drive) for drive in activity.drives[1:])]
    return wiring, activity, [zero if d is None else d for d, zero in zip(found, empty, strict=True)]
