"""Equality: is the weight change backprop's?

    cosine = ⟨g, ĝ⟩ / (‖g‖ ‖ĝ‖)            relative error = ‖g − ĝ‖ / ‖ĝ‖              for each area

ĝ is what torch's autograd finds on the same network and the same lesson: minus the gradient of a loss whose
error at the output is the lesson's (for a rule without a lesson: ½‖t − y‖²). The lesson is the rule's own,
so a reward is compared with backprop of this reward.

A rule that answers otherwise than by a sweep is compared with the gradient of its answer too: recurrent
backprop for two phases, that of an attenuated sweep for dendritic microcircuits.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from corticalnet.audit.samples import activations, random_batch, random_mlp, training_copy, weight_update
from corticalnet.compare import cosine, relative_error, seeded, size
from corticalnet.network import Network
from corticalnet.rules import LearningRule
from corticalnet.rules.targets import as_vectors

#: Largest relative error of what counts as equal, everywhere in the audit.
EQUAL = 1e-6
LINKS = (2, 3, 4, 5)


@dataclass(frozen=True)
class GradientSimilarity:
    """How close changes are to the gradient: the worst over networks of one kind.

    Attributes:
        error: largest relative error of any area.
        cosine: smallest cosine of any area.
        by_depth: links to the output -> (largest error, smallest cosine).
        to_equilibrium: the same, (largest error, smallest cosine), to the gradient of the answer, for a rule
            that answers otherwise than by a sweep.
    """

    error: float
    cosine: float
    by_depth: dict[int, tuple[float, float]]
    to_equilibrium: tuple[float, float] | None = None

    @property
    def equal(self) -> bool:
        """Return whether the change equals backprop's, up to the tolerance."""
        return self.error <= EQUAL


def equality(
    rule: LearningRule,
    network: Network | None = None,
    seed: int = 0,
    seeds: int = 3,
) -> dict[str, GradientSimilarity]:
    """Compare a rule with autograd, for each activation (or on the network that is given).

    Args:
        rule: not changed.
        network: if not given, dense ones with 2 to 5 links, sigmoid, tanh and ReLU.
        seed: of networks and batches; others have none in common.
        seeds: how many of each kind.
    """
    chosen = range(seed * seeds, (seed + 1) * seeds)
    if network is not None:
        tried = {"this network": [(training_copy(network), k) for k in chosen]}
    else:
        each = [*itertools.product(LINKS, chosen)]
        tried = {kind: [(random_mlp(kind, links, k), k) for links, k in each] for kind in activations(rule)}
    exact = rule.of_its_equilibrium()
    found = {}
    for kind, networks in tried.items():
        worst = _worst([compare(net, rule, k) for net, k in networks])
        if exact is not None:
            there = _worst([compare(net, rule, k, exact) for net, k in networks])
            worst = replace(worst, to_equilibrium=(there.error, there.cosine))
        found[kind] = worst
    return found


def compare(
    network: Network, rule: LearningRule, seed: int, exact: LearningRule | None = None
) -> dict[int, tuple[float, float]]:
    """Map links to the output to (relative error, cosine) of the weights of that area, for one batch.

    ``exact`` is a rule to compare with; autograd if not given.
    """
    x, targets = random_batch(network, seed)
    mine, step = weight_update(network, rule, x, targets, seed)
    if exact is None:
        theirs = gradient(network, x, targets, getattr(step, "trial_loss", None), seed)
    else:
        theirs, _ = weight_update(network, exact, x, targets, seed)
    largest = max(size(one) for one in theirs.values())
    found: dict[int, tuple[float, float]] = {}
    for node in range(1, network.wiring.output + 1):
        names = [n for n in mine if n.startswith(f"areas.{network.wiring.name(node)}.")]
        if not names:
            continue
        g, wanted = (torch.cat([one[n].flatten() for n in names]) for one in (mine, theirs))
        depth, one = network.wiring.depth[node], _compare(g, wanted, 1e-12 * largest)
        before = found.get(depth, (0.0, 1.0))
        found[depth] = max(before[0], one[0]), min(before[1], one[1])
    return found


def gradient(network: Network, x: Tensor, targets: Tensor, taught: Any, seed: int) -> dict[str, Tensor]:
    """Compute minus the gradient by autograd, by parameter; the network stays as it was."""
    before = {name: value.clone() for name, value in network.state_dict().items()}
    parameters = {n: p for n, p in network.named_parameters() if p.requires_grad}
    with seeded(seed), torch.enable_grad():
        rates = network(x)
        there = rates.detach()
        error = as_vectors(targets, there) - there if taught is None else taught.error(there)
        told = (rates * error).sum() / len(x)
        found = torch.autograd.grad(told, list(parameters.values()), allow_unused=True)
    network.load_state_dict(before)
    pairs = zip(parameters.items(), found, strict=True)
    return {name: torch.zeros_like(p) if g is None else g for (name, p), g in pairs}


def _compare(g: Tensor, wanted: Tensor, rest: float) -> tuple[float, float]:
    """Compute relative error and cosine; where there is no gradient (up to ``rest``), demand no change."""
    if size(wanted) <= rest:
        return (0.0, 1.0) if size(g) <= rest else (math.inf, 0.0)
    return relative_error(g, wanted), cosine(g, wanted) if g.any() else 0.0


def _worst(rows: list[dict[int, tuple[float, float]]]) -> GradientSimilarity:
    depths = sorted({depth for row in rows for depth in row})
    by_depth = {
        depth: (
            max(row[depth][0] for row in rows if depth in row),
            min(row[depth][1] for row in rows if depth in row),
        )
        for depth in depths
    }
    errors, cosines = zip(*by_depth.values(), strict=True)
    return GradientSimilarity(max(errors), min(cosines), by_depth)
