"""Does a rule that is watched learn what it learns in training?

The probe watches a copy that computes every cell, on a network that tells of its sweeps. Here the rule itself
learns from the same batch, as it is and with nobody watching: by ``learn``, and by ``update`` with plain SGD,
which is how it is trained. (Where weights change within a trial, steps of ``update`` are other ones, and it
is ``learn`` alone.)

    difference  =  largest difference of a change  /  largest change
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from corticalnet.audit.probe import Probe
from corticalnet.audit.samples import training_copy
from corticalnet.audit.synapses import down
from corticalnet.compare import restored, seeded
from corticalnet.network import Network
from corticalnet.rules import LearningRule

Changes = dict[str, Tensor]


def difference(probe: Probe, network: Network, rule: LearningRule, x: Tensor, targets: Tensor) -> float:
    """Measure how far a rule's changes unwatched are from those watched; infinite if only unwatched.

    Args:
        probe: of the rule and the network, with the same batch.
        network, rule: not changed.
        x, targets: the batch.
    """
    largest = max((change.abs().max().item() for change in probe.changes.values()), default=0.0)
    rate = 1 / (largest or 1.0)  # (so that steps are as large as weights, and little is rounded away)
    found = [_unwatched(network, rule, x, targets, lambda rule, net: rule.learn(net, x, targets))]
    if not rule.changes_during_trial:

        def update(rule: LearningRule, net: Network) -> None:
            rule.update(net, x, targets, torch.optim.SGD(net.parameters(), lr=rate))
            net.zero_grad()
            for p in rule.named_parameters(net).values():
                p.grad = None

        by_itself = probe.moved_by_itself
        moved = _unwatched(network, rule, x, targets, update)
        found.append({n: c if n in by_itself else c / -rate for n, c in moved.items()})
    far = max((one[n] - c).abs().max().item() for one in found for n, c in probe.changes.items())
    return far / largest if largest else float("inf") if far else 0.0


def _unwatched(
    network: Network,
    rule: LearningRule,
    x: Tensor,
    targets: Tensor,
    trial: Callable[[LearningRule, Network], object],
) -> Changes:
    """Run a trial of an unwatched rule; return gradients and moves of weights."""
    network, rule = training_copy(network), copy.deepcopy(rule)
    start = {name: value.clone() for name, value in network.state_dict().items()}
    with seeded(0), restored(rule):
        rule.learn(network, x, targets)
    network.load_state_dict(start)
    learned = {name: p for name, p in network.named_parameters() if p.requires_grad} | down(network, rule)
    for p in learned.values():
        p.grad = None
    before = {name: p.detach().clone() for name, p in learned.items()}
    with seeded(0):
        trial(rule, network)
    return {n: p.detach() - before[n] + (0 if p.grad is None else p.grad) for n, p in learned.items()}
