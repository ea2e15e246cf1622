"""Locality: may a synapse know all that its change is made of?

At the moment of a change one thing after another is disturbed in place, and it is seen whose changes move
before the next moment. The synapse i→j may use the states of column i of its source and of column j of its
target, in the same sample; its own weight; and declared broadcasts. Everything else is a leak:

    leak  =  largest move of a change that should have stayed  /  largest change of that moment

for a disturbance of a tenth (larger ones count in proportion).

Samples of a batch do not meet, so the change must be a sum over samples: with a the first sample and o
the others, C(a,o) − C(a',o) − C(a,o') + C(a',o') = 0 over the whole trial.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from corticalnet.audit.paths import difference
from corticalnet.audit.probe import BEFORE, Probe, ProbeState, nudge
from corticalnet.audit.samples import random_batch, training_copy, usual_mlp, weight_update
from corticalnet.audit.synapses import Synapse, down, synapses
from corticalnet.network import Network
from corticalnet.rules import LearningRule

#: Moves below this are rounding.
ROUNDING = 1e-12
OTHERS = "other samples of the batch"


@dataclass(frozen=True)
class Locality:
    """What leaked into changes of synapses.

    Attributes:
        leaks: what was disturbed -> largest relative move of a change that should have stayed, worst first.
        states: what cells hold at the moments, as the rule says (rates and drives if it says nothing).
        broadcasts: what it says that every synapse receives.
        checks: how many things were disturbed.
        moments: how many moments of a trial had a change.
        paths: how far changes are from those of the rule that nobody watches: :mod:`corticalnet.audit.paths`.
    """

    leaks: dict[str, float] = field(default_factory=dict)
    states: tuple[str, ...] = ()
    broadcasts: tuple[str, ...] = ()
    checks: int = 0
    moments: int = 0
    paths: float = 0.0

    @property
    def largest(self) -> float:
        """Return the largest leak; 0 if nothing leaked."""
        return max(self.leaks.values(), default=0.0)


def locality(rule: LearningRule, network: Network | None = None, seed: int = 0) -> Locality:
    """Disturb everything in a trial, one thing at a time, and find changes that should not have followed.

    Args:
        rule: not changed.
        network: not changed; a dense one with three links, tanh, if not given.
        seed: of the batch.
    """
    network = training_copy(usual_mlp(rule, seed) if network is None else network)
    x, targets = random_batch(network, seed)
    probe = Probe(network, rule, x, targets)
    ends = synapses(probe.network, probe.rule)
    leaks: dict[str, float] = {}
    checks = 0
    looked_at = _spread(probe.moments)
    for number in looked_at:
        before = probe.undisturbed[number]
        largest = max(found.abs().max().item() for found in before.values())
        for name, times, disturb, allowed in _disturbances(probe, probe.probed(number), ends):
            after, checks = probe.disturbed(number, disturb), checks + 1
            for synapse in ends:
                away = (after[synapse.parameter] - before[synapse.parameter]).abs().flatten()
                away = away[~allowed(synapse)]
                if len(away):
                    leaks[name] = max(leaks.get(name, 0.0), away.max().item() / largest / times)
    leaks[OTHERS] = _mixing(network, copy.deepcopy(rule), x, targets, seed)
    found = sorted(((v, k) for k, v in leaks.items() if v > ROUNDING), reverse=True)
    probed_states = [probe.probed(number) for number in looked_at]
    return Locality(
        {name: leak for leak, name in found},
        tuple(
            dict.fromkeys(
                state for probed in probed_states for _, state in probed.cells if BEFORE not in state
            )
        ),
        tuple(dict.fromkeys(name for probed in probed_states for name in probed.broadcasts)),
        checks + 1,
        len(probe.moments),
        difference(probe, network, rule, x, targets),
    )


def _spread(moments: list[int]) -> list[int]:
    """Select at most five of the moments, with the first and the last."""
    last = len(moments) - 1
    return moments if last < 5 else [moments[round(k * last / 4)] for k in range(5)]


def _disturbances(
    probe: Probe, probed: ProbeState, ends: list[Synapse]
) -> Iterator[tuple[str, float, Any, Any]]:
    """Yield (name, size / 0.1, what disturbs, ``synapse -> mask of weights that may change``).

    Cells are disturbed a little and by far, for a threshold may lie between.
    """
    for times in (1.0, 100.0):
        for name, disturb, allowed in _states(probed, 0.1 * times):
            yield name, times, disturb, allowed
    for name, disturb, allowed in _others(probe, ends):
        yield name, 1.0, disturb, allowed


def _states(probed: ProbeState, size: float) -> Iterator[tuple[str, Any, Any]]:
    apart = {id(cells): key for key, cells in reversed(probed.cells.items())}  # a linear rate is its drive
    for key in reversed(apart.values()):
        (area, state), cells = key, probed.cells[key]
        yield f"{state} of {area}", _cells(key, size), lambda s, a=area: s.touches(a)
        columns = cells[0].numel()
        for column in {0, columns - 1}:  # of the second sample
            yield (
                f"{state} of other columns of {area}",
                _cells(key, size, column),
                lambda s, a=area, c=column, n=columns: s.touches(a, c, n) | ~s.touches(a),
            )


def _others(probe: Probe, ends: list[Synapse]) -> Iterator[tuple[str, Any, Any]]:
    """Yield disturbances of targets, weights, parameters of areas, and feedback weights."""
    yield "target", lambda probed: _retarget(probed.targets), lambda s: s.touches(s.output, side="target")
    for synapse in ends:
        yield (
            f"weights of {synapse.link}",
            _weights(probe, synapse.parameter),
            lambda s, own=synapse: s.all(s.parameter == own.parameter),
        )
        for k in {0, synapse.count - 1}:
            yield (
                f"other weights of {synapse.link}",
                _weights(probe, synapse.parameter, k),
                lambda s, own=synapse, k=k: s.one(k) if s.parameter == own.parameter else s.all(True),
            )
    for name, parameter in probe.network.named_parameters():
        if not any(name == synapse.parameter for synapse in ends):
            area = name.split(".")[1]
            yield (
                f"{name.split('.')[-1]} of {area}",
                lambda probed, p=parameter: nudge(p),
                lambda s, a=area: s.touches(a),
            )
    for link, weights in probe.pathway.items():
        if any(weights is own for own in probe.learned.values()):
            continue
        yield f"feedback weights along {link}", lambda probed, w=weights: nudge(w), lambda s: s.all(False)


def _cells(key: tuple[str, str], size: float, column: int | None = None) -> Any:
    def disturb(probed: ProbeState) -> None:
        cells = probed.cells[key]
        if column is None:
            nudge(cells, size=size)
        else:
            nudge(cells, (1, *_place(column, cells.shape[1:])), size)

    return disturb


def _weights(probe: Probe, name: str, at: int | None = None) -> Any:
    parameter = probe.learned[name]
    return lambda probed: nudge(parameter, ... if at is None else _place(at, parameter.shape))


def _place(k: int, shape: torch.Size) -> tuple[int, ...]:
    """Return the index of the k-th entry, whatever the memory layout."""
    return tuple(int(index) for index in torch.unravel_index(torch.tensor(k), shape))


def _retarget(targets: Tensor) -> None:
    if targets.is_floating_point():
        nudge(targets)
    else:
        targets.copy_(targets.flip(0) if targets.unique().numel() > 1 else targets * 0)


def _mixing(network: Network, rule: LearningRule, x: Tensor, targets: Tensor, seed: int) -> float:
    """Measure how far the change is from a sum over samples."""
    other_x, other_targets = random_batch(network, seed + 1, len(x))
    weight_update(network, rule, x, targets)  # it meets the network

    def changed(first: bool, others: bool) -> dict[str, Tensor]:
        new = torch.tensor([first, *[others] * (len(x) - 1)])
        pixels = torch.where(new.view(-1, *[1] * (x.dim() - 1)), other_x, x)
        found = weight_update(network, rule, pixels, torch.where(new, other_targets, targets))[0]
        taught = {name: b.grad for name, b in down(network, rule).items()}
        return found | {name: grad.clone() for name, grad in taught.items() if grad is not None}

    both = [[changed(first, others) for others in (False, True)] for first in (False, True)]
    largest = max(c.abs().max().item() for c in both[0][0].values())
    if not largest:
        return 0.0
    names = [s.parameter for s in synapses(network, rule) if s.parameter in both[0][0]]
    return max(
        (both[0][0][n] - both[1][0][n] - both[0][1][n] + both[1][1][n]).abs().max().item() / largest
        for n in names
    )
