"""Weight transport of any rule, whatever it says of itself: weights move where no rate of the trial feels it.

    ΔW r = 0   for every r that the link carries in the trial          (the null space of presynaptic rates)

Predictions, rates and losses stay as they were, during inference and under noise too, and so does all that a
synapse below may know. If its change moves, the rule has read the weight by another way than through what it
drives: its feedback is the transpose, or has a share of it. Tried twice: with weights that move at the start
of a trial, when the rule has met the network and has its own weights down; and with weights that were so when
it met the network and learned a first trial from it, for it may have copied them.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.sparse import coo_array, coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from corticalnet.audit.samples import (
    activations,
    links_above,
    random_batch,
    relative_change,
    training_copy,
    weight_update,
)
from corticalnet.columns.links import as_connection
from corticalnet.compare import seeded
from corticalnet.errors import CircuitError
from corticalnet.network import Network, mlp
from corticalnet.network.links import Link
from corticalnet.network.observed import with_links
from corticalnet.rules import LearningRule

#: In every hidden area: more than the rates that a long inference brings.
COLUMNS = 64
SAMPLES = 2
#: Moves below this are rounding, of the rates and of what a rule makes of them.
UNFELT = 1e-9


@dataclass(frozen=True)
class NullSpace:
    """How far changes follow weights above them that moved unfelt.

    Attributes:
        now: link -> largest relative move of a change below it.
        before: the same with weights that had moved when the rule met the network.
        crowded: links whose weights cannot move unfelt (too many different rates for their synapses), or
            only at columns with f' = 0, where nobody could see it.
    """

    now: dict[str, float] = field(default_factory=dict)
    before: dict[str, float] = field(default_factory=dict)
    crowded: tuple[str, ...] = ()

    @property
    def reads(self) -> bool:
        """Return whether changes follow the present weights, and not only the initial ones."""
        return max(self.now.values(), default=0.0) > UNFELT

    @property
    def largest(self) -> float:
        """Return the largest of all moves; 0 if it is rounding."""
        found = max((*self.now.values(), *self.before.values()), default=0.0)
        return found if found > UNFELT else 0.0


def null_space(rule: LearningRule, network: Network | None = None, seed: int = 0) -> NullSpace:
    """Move weights above hidden areas, one link at a time, and see whether changes below follow.

    Args:
        rule: not changed.
        network: not changed; a dense one with three links, tanh and wide hidden areas, if not given.
        seed: of the batch, and of the moves.
    """
    if network is None:
        kind = "tanh" if "tanh" in activations(rule) else activations(rule)[0]
        network = mlp([8, COLUMNS, COLUMNS, 6], kind, seed=seed, dtype=torch.float64)
    found = _tried(rule, training_copy(network), seed, SAMPLES)
    if not found.crowded:
        return found
    one = _tried(rule, training_copy(network), seed, 1)  # brings fewer rates
    now, before = one.now | found.now, one.before | found.before
    return NullSpace(now, before, tuple(name for name in found.crowded if name not in now))


def _tried(rule: LearningRule, network: Network, seed: int, samples: int) -> NullSpace:
    x, targets = random_batch(network, seed, samples)

    def learned(one: LearningRule) -> dict[str, Tensor]:
        return weight_update(network, one, x, targets, seed)[0]

    def met() -> LearningRule:
        one = copy.deepcopy(rule)
        learned(one)
        return one

    rates = carried(rule, network, x, targets, seed)
    now, before, crowded = dict[str, float](), dict[str, float](), []
    for link, below in links_above(network):
        step = unfelt(link, rates[link.name], seed)
        if step is None or not _reaches_down(link, step, network, x, seed):
            crowded.append(link.name)
            continue
        one, usual = met(), link.weight.data.clone()
        wanted = learned(one)
        link.weight.data += step
        now[link.name] = relative_change(learned(one), wanted, below)
        before[link.name] = relative_change(learned(met()), wanted, below)
        link.weight.data.copy_(usual)
    return NullSpace(now, before, tuple(crowded))


@torch.no_grad()
def _reaches_down(link: Link, step: Tensor, network: Network, x: Tensor, seed: int) -> bool:
    """Return whether transposed feedback would show the move: it reaches columns with f' ≠ 0."""
    rng, wiring = torch.Generator().manual_seed(seed), network.wiring
    signal = torch.randn(len(x), *link.target_shape, generator=rng, dtype=torch.float64)
    node = next(n for n, leaving in enumerate(wiring.leaving) if any(one is link for _, one in leaving))
    trace = network.sweep(x).traces[node]
    return bool(wiring.area(node).backward(link.feedback(signal, step), trace).abs().max() > UNFELT)


def carried(
    rule: LearningRule, network: Network, x: Tensor, targets: Tensor, seed: int = 0
) -> dict[str, Tensor]:
    """Record every presynaptic rate of a trial ``[rates, *source_shape]``, by link, of a fresh rule."""
    found: dict[str, list[Tensor]] = {}

    def told(link: Link, operation: str, arrived: Tensor, result: Tensor | None) -> None:
        if operation == "drive":
            found.setdefault(link.name, []).append(arrived.detach().clone())

    watched, rule = with_links(network, told), copy.deepcopy(rule)
    with seeded(seed), torch.no_grad():
        watched.sweep(x)
    for _ in range(2):  # in its first trial it may draw weights, or compare with nothing before
        weight_update(watched, rule, x, targets, seed)
    return {name: torch.cat(parts) for name, parts in found.items()}


def unfelt(link: Link, rates: Tensor, seed: int = 0) -> Tensor | None:
    """Find a move of a link's weights, as large as they are, that leaves its drives at all ``rates``.

    None if there is no such move, or if nobody knows which synapse has which weight.
    """
    sizes = torch.Size(link.source_shape).numel(), torch.Size(link.target_shape).numel()
    try:
        pre, post, weight = as_connection(link).synapses(*sizes)
    except CircuitError:
        return None
    flat = rates.flatten(1).numpy()
    step = np.zeros(link.weight.numel())
    noise = np.random.default_rng(seed).normal(size=step.shape)
    # Columns that share no weight are a problem each.
    shape = (sizes[1], step.size)
    meets = coo_array((np.ones(len(pre)), (post, weight)), shape=shape)
    # (a matrix: of an array with 64-bit indices SciPy 1.11 finds no components, and says so to nobody)
    both = coo_matrix((np.ones(len(pre)), (meets.row, sizes[1] + meets.col)), shape=(sum(shape), sum(shape)))
    label = connected_components(both, directed=False)[1][post]
    for k in np.unique(label):
        here = label == k
        columns, row = np.unique(post[here], return_inverse=True)
        weights, column = np.unique(weight[here], return_inverse=True)
        drives = np.zeros((len(flat), len(columns), len(weights)))
        drives[:, row, column] = flat[:, pre[here]]
        _, size, felt = np.linalg.svd(drives.reshape(-1, len(weights)), full_matrices=False)
        felt = felt[size > size.max() * max(drives.shape) * np.finfo(float).eps]
        free = noise[weights]
        for _ in range(2):  # once more for what rounding has left
            free = free - felt.T @ (felt @ free)
        if np.linalg.norm(free) > 1e-6 * np.linalg.norm(noise[weights]):
            step[weights] = free
    if not step.any():
        return None
    step *= link.weight.norm().item() / np.linalg.norm(step)
    return torch.from_numpy(step).view(link.weight.shape)
