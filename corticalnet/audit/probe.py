"""A probe: a rule on one network and one batch, run again and again up to one of its moments.

A run is the same every time. Something may be disturbed at a moment; only what the rule changes between this
moment and the next counts, so the run is broken off at the next.

A rule has a moment wherever it says so (:mod:`corticalnet.rules.observer`), and one after every forward
sweep, of which the network tells; the latter is the only one of a rule that says nothing: its cells then hold
rates and drives, no more. Rates and drives of the sweeps stay disturbable at all later moments, so a rule
cannot hide in what has gone by.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from corticalnet.audit.samples import training_copy
from corticalnet.audit.synapses import down
from corticalnet.compare import restored, seeded
from corticalnet.errors import RuleError
from corticalnet.network import Network
from corticalnet.network.observed import with_sweeps
from corticalnet.network.wiring import ForwardState, Wiring
from corticalnet.rules import LearningRule
from corticalnet.rules.observer import Broadcasts, Cells, Observer, by_area

ByArea = Mapping[tuple[str, str], Tensor]


@dataclass
class ProbeState:
    """The state of a trial at a moment: all that can be disturbed.

    Attributes:
        cells: (area, state) -> ``[batch, *columns]``.
        broadcasts: their names.
        targets: what the teacher shows, or class indices.
    """

    cells: dict[tuple[str, str], Tensor]
    broadcasts: tuple[str, ...]
    targets: Tensor


#: Marks states that a sweep has left behind and that cells no longer hold.
BEFORE = " before"

#: Disturbs a probed state in place.
Disturbance = Callable[[ProbeState], None]


class _Enough(BaseException):
    """Raised when the snapshot that was asked for has passed."""


class Probe(Observer):
    """Runs a rule up to its moments.

    Args:
        network: worked on as a float64 copy.
        rule: worked on as a copy that computes every cell.
        x: inputs.
        targets: class indices; a rule that takes vectors gets those, which can be disturbed in place.

    Attributes:
        moments: those in which something changes.
        undisturbed: what changes there.
        changes: what changes in a whole trial, by parameter.
        moved_by_itself: names of weights that the rule moves and no optimizer does.
        pathway: feedback weights that are not the links' own, by link.
        learned: all that changes, by parameter: the network's, and those of the pathway that learn.
    """

    def __init__(self, network: Network, rule: LearningRule, x: Tensor, targets: Tensor) -> None:
        self.network = with_sweeps(training_copy(network), self._swept)
        self.rule = copy.deepcopy(rule).for_audit()
        self.rule.observer = self
        self.x = x
        vectors = torch.nn.functional.one_hot(targets, torch.Size(network.output_shape).numel()).double()
        self.targets = vectors if rule.takes_vectors else targets
        self._start = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.pathway: dict[str, Tensor] = {}
        self.learned = {name: p for name, p in self.network.named_parameters() if p.requires_grad}
        self._seen: dict[str, Tensor] = {}
        self._changes: list[dict[str, Tensor]] = []
        self._probed: list[ProbeState] = []
        self._run(None, None)  # a pathway may draw its weights when it meets a network first
        self.pathway = self._own_feedback()
        self.learned |= (own_down := down(self.network, self.rule))
        self._seen = {name: b.detach().clone() for name, b in own_down.items()}
        self._pathway_start = {name: weights.clone() for name, weights in self.pathway.items()}
        self._changes.clear()
        self._probed.clear()
        self._run(None, None)
        self.moments = [k for k, found in enumerate(self._changes) if any(c.any() for c in found.values())]
        self.undisturbed = {k: self._changes[k] for k in self.moments}
        parts = {name: [found[name] for found in self._changes] for name in self.learned}
        self.changes = {name: torch.stack(found).sum(0) for name, found in parts.items()}
        self.moved_by_itself = own_down.keys() - self.rule.named_parameters(self.network).keys()

    def probed(self, number: int) -> ProbeState:
        """Return the state at a moment (of the first run)."""
        return self._probed[number]

    def disturbed(self, number: int, disturb: Disturbance) -> dict[str, Tensor]:
        """Disturb the state at a moment; return the changes up to the next snapshot, by parameter."""
        return self._run(number, disturb)

    # What the rule and the network tell ------------------------------------------------------------
    def snapshot(self, wiring: Wiring, cells: Cells, broadcasts: Broadcasts | None = None) -> None:
        """Record a snapshot of the cells, and disturb it if it is the chosen one."""
        self._at(by_area(wiring, cells), broadcasts or {})

    def _swept(self, activity: ForwardState, wiring: Wiring) -> None:
        """Record a forward sweep, whose traces can be disturbed from there on."""
        self._sweeps += 1
        turn = f" of sweep {self._sweeps}" if self._sweeps > 1 else ""
        for state, nodes in (("rate", activity.rates), ("drive", activity.drives)):
            self._gone_by.update({(wiring.name(n), state + turn): cells for n, cells in enumerate(nodes)})
        self._at({}, {})

    def _at(self, cells: ByArea, broadcasts: Broadcasts) -> None:
        probed = ProbeState(_together(self._gone_by, cells), _small(broadcasts, len(self.x)), self._taught)
        if self._number is None:
            if self._count:
                self._changes.append(self._take())
            self._probed.append(probed)
        elif self._count == self._number:
            assert self._disturb is not None, "a moment is chosen to be disturbed"
            self._disturb(probed)
            self._take()
        elif self._count > self._number:
            raise _Enough
        self._count += 1

    @torch.no_grad()
    def _run(self, number: int | None, disturb: Disturbance | None) -> dict[str, Tensor]:
        network, self._number, self._disturb = self.network, number, disturb
        network.load_state_dict(self._start)
        for name, weights in self.pathway.items():
            weights.copy_(self._pathway_start[name])
        for p in [*network.parameters(), *self.learned.values()]:
            p.grad = torch.zeros_like(p)
        self._take()
        x, self._taught = self.x.clone(), self.targets.clone()
        self._count, self._sweeps, self._gone_by = 0, 0, dict[tuple[str, str], Tensor]()
        with seeded(0), restored(self.rule):
            try:
                self._at({}, {})  # of rules that never sweep
                self.rule.learn(network, x, self._taught, accumulate=True)
            except _Enough:
                pass
            last = self._take()  # before the rule is as it was
        if number is None:
            self._changes.append(last)
        return last

    def _own_feedback(self) -> dict[str, Tensor]:
        """Return the rule's own weights: feedback weights by link, all others by name."""
        routes = self.rule.feedback_routes(self.network)
        found = {
            route.link.name: route.weights
            for route in routes
            if route.link.plastic and route.weights is not route.link.weight
        }
        known = {id(weights) for weights in found.values()}
        own = down(self.network, self.rule)
        return found | {name: weights for name, weights in own.items() if id(weights) not in known}

    def _take(self) -> dict[str, Tensor]:
        """Return all changes since the last call: of gradients, or of the pathway's weights themselves."""
        found = {}
        for name, p in self.learned.items():
            found[name] = torch.zeros_like(p) if p.grad is None else p.grad.clone()
            if p.grad is not None:
                p.grad.zero_()
        for name, before in self._seen.items():
            found[name] += self.learned[name] - before
            before.copy_(self.learned[name])
        return found


def _together(gone_by: ByArea, cells: ByArea) -> dict[tuple[str, str], Tensor]:
    """Merge the present states of cells with those that sweeps left behind, where they differ."""
    found = dict(cells)
    for (area, state), tensor in gone_by.items():
        if (area, state) not in cells:
            found[area, state] = tensor
        elif cells[area, state] is not tensor:
            found[area, state + BEFORE] = tensor
    return found


def _small(broadcasts: Broadcasts, batch: int) -> tuple[str, ...]:
    """Check that broadcasts are single numbers per sample; return their names.

    Raises:
        RuleError: more than one number for each sample.
    """
    for name, signal in broadcasts.items():
        if signal.numel() > batch:
            raise RuleError(
                f"broadcast '{name}' has shape {tuple(signal.shape)}; every synapse gets the same, so it is "
                f"one number for each of {batch} samples"
            )
    return tuple(broadcasts)


def nudge(tensor: Tensor, at: Any = ..., size: float = 0.1) -> None:
    """Disturb a tensor, or a part of it, in place by ``size`` times its r.m.s. (times 1 if it is at rest)."""
    rng = torch.Generator().manual_seed(0)
    values = tensor.data
    if values.is_floating_point():
        scale = values.square().mean().sqrt().item() or 1.0
        noise = torch.randn(values.shape, generator=rng, dtype=torch.float64).to(values)
        values[at] += size * scale * noise[at]
