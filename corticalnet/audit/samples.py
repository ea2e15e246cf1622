"""What an audit tries a rule on: small random networks and batches, all from seeds, in float64."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from corticalnet.compare import float64_copy, relative_error, restored, seeded
from corticalnet.network import Network, mlp
from corticalnet.rules import LearningRule, Rule

#: Hidden activations that a rule must be right for: two smooth ones, and one with a kink.
ACTIVATIONS = ("sigmoid", "tanh", "relu")
BATCH = 5


def activations(rule: LearningRule) -> tuple[str, ...]:
    """Return the hidden activations that a rule is tried on: :data:`ACTIVATIONS`, or those it is for."""
    return rule.activations or ACTIVATIONS


def usual_mlp(
    rule: LearningRule, seed: int, activation: str = "tanh", links: int = 3, scale: float = 1.0
) -> Network:
    """Make a network of this activation, or of the first one that the rule is for."""
    known = activations(rule)
    return random_mlp(activation if activation in known else known[0], links, seed, scale)


def random_mlp(activation: str, links: int, seed: int, scale: float = 1.0) -> Network:
    """Make a dense network with 6 to 11 columns in every area, and ``scale`` times its usual weights."""
    rng = torch.Generator().manual_seed(1000 * links + seed)
    columns = torch.randint(6, 12, (links + 1,), generator=rng).tolist()
    network = mlp(columns, activation, seed=seed, dtype=torch.float64)
    with torch.no_grad():
        for link in network.links:
            link.weight.mul_(scale)
    return network


def random_batch(network: Network, seed: int, batch: int = BATCH) -> tuple[Tensor, Tensor]:
    """Draw inputs ``[batch, *shape]``, uniform in [0, 1), and classes ``[batch]``."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.rand(batch, *network.input_shape, generator=rng, dtype=torch.float64)
    classes = torch.Size(network.output_shape).numel()
    return x, torch.randint(classes, (batch,), generator=rng)


def training_copy(network: Network) -> Network:
    """Return a float64 copy on the CPU, in training mode."""
    return float64_copy(network).cpu().train()


def weight_update(
    network: Network, rule: LearningRule, x: Tensor, targets: Tensor, seed: int = 0
) -> tuple[dict[str, Tensor], Any]:
    """Compute a rule's weight update by parameter name, and its result; both stay as they were."""
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.zero_grad()
    with seeded(seed), restored(rule):
        step = rule.learn(network, x.clone(), targets.clone())
    found = {
        name: torch.zeros_like(p) if p.grad is None else -p.grad.detach().clone()
        for name, p in network.named_parameters()
        if p.requires_grad
    }
    network.zero_grad()
    network.load_state_dict(before)
    return found, step


def links_above(network: Network) -> Iterator[tuple[Any, list[str]]]:
    """Yield every link with weights out of a hidden area, and the names of parameters of links below it."""
    wiring = network.wiring
    names = {id(p): name for name, p in network.named_parameters()}
    for node in range(1, wiring.output):
        below = [link for k in range(1, node + 1) for _, link in wiring.arriving[k]]
        for link in (link for _, link in wiring.leaving[node] if link.plastic):
            yield link, [names[id(p)] for one in below for p in one.parameters()]


def relative_change(now: dict[str, Tensor], before: dict[str, Tensor], names: Any = None) -> float:
    """Compute ``‖now − before‖ / ‖before‖`` over some parameters."""
    chosen = list(before if names is None else names)
    found, wanted = (torch.cat([one[name].flatten() for name in chosen]) for one in (now, before))
    return relative_error(found, wanted)


def title(rule: LearningRule) -> str:
    """Return a rule's name, or that of its class if it has none."""
    return rule.name if rule.name != "custom" else type(rule).__name__ if type(rule) is not Rule else "custom"
