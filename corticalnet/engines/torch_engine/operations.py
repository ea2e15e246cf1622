"""The operations of a step on tensors. Each is called with the number of the step.

A cell is pure, and so is a sum: one that reads the very things that it read last has nothing new to say. A
stimulus that stands costs nothing. (By identity: comparing numbers would read all of them, and whatever is
computed is a new tensor.)
"""

from __future__ import annotations

from operator import is_
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from corticalnet.circuits import Projection
from corticalnet.engines.plan import Act, Place, PortSum
from corticalnet.engines.torch_engine.learning import Learner
from corticalnet.engines.torch_engine.readers import Readers
from corticalnet.engines.torch_engine.weights import Weights


class Acting:
    """The cells of one role of a block in one phase: all new states from the old ones.

    Args:
        act: which, and when.
        readers: of what they receive.
        shape: (batch, columns).
        dt: length of a step, ms.
        like: a tensor of the precision and device to use.
    """

    def __init__(self, act: Act, readers: Readers, shape: tuple[int, int], dt: float, like: Tensor) -> None:
        cell = act.block.roles[act.role]
        reads = cell.reads[act.phase]
        self.state = readers.states[act.block.index][act.role]
        self.function, self.shape, self.dt, self.like = cell.act(act.phase), shape, dt, like
        self.ports = [
            (port, readers.port(act.block, act.role, port)) for port in cell.ports if f"port_{port}" in reads
        ]
        self.read = [name for name in (*cell.state, *cell.inputs) if name in reads]
        self.written = list(cell.equations[act.phase])
        self.seen: list[Any] | None = None

    def run(self, t: int) -> None:
        """Update the states, unless nothing has changed since the last call."""
        state = self.state
        if not self.ports:
            now = list(map(state.__dict__.__getitem__, (*self.read, *self.written)))
            if self.seen is not None and all(map(is_, self.seen, now)):
                return
            before = now[: len(self.read)]
        heard = {}
        for name, port in self.ports:
            heard[name] = port.now()
        for name, value in self.function(state, SimpleNamespace(**heard), self.dt).items():
            if not isinstance(value, Tensor):
                value = self.like.new_full(self.shape, float(value))
            elif value.dtype != self.like.dtype:
                value = value.to(self.like.dtype)
            setattr(state, name, value if value.shape == self.shape else value.expand(self.shape))
        if not self.ports:
            self.seen = [*before, *map(state.__dict__.__getitem__, self.written)]


class Summing:
    """Everything that arrives at one port of a block, area by area.

    Args:
        total: which port.
        readers: of what is sent.
        weights: that carry it.
        learners: of plastic projections, whose synapses may do more than weigh.
        batch: samples.
        like: a tensor of the precision and device to use.
    """

    def __init__(
        self,
        total: PortSum,
        readers: Readers,
        weights: Weights,
        learners: dict[str, Learner],
        batch: int,
        like: Tensor,
    ) -> None:
        self.weights, self.like, self.lines = weights, like, readers.lines
        self.space, self.port = readers.ports[total.block.index][total.role], total.port
        circuit = readers.plan.circuit
        #: Of each area: its shape, and (part, columns that send, whether what is sent is nearly always 0).
        self.areas = [
            (
                (batch, columns.stop - columns.start),
                [
                    (part, _columns(readers.plan.places[part.source]), circuit.is_event(part))
                    for part in parts
                ],
            )
            for columns, parts in zip(total.block.columns, total.arriving, strict=True)
        ]
        arriving = [part for parts in total.arriving for part in parts]
        self.states = [
            (readers.states[place.block.index][place.role], circuit.sent(part.source, part.sends))
            for part in arriving
            for place in [readers.plan.places[part.source]]
        ]
        carried = [part for part in arriving if isinstance(part, Projection)]
        self.carriers = [part.shared_with or part.name for part in carried]
        #: Of synapses that do more than weigh.
        self.synapses = {
            part.name: learners[part.name]
            for part in carried
            if part.plasticity is not None and not part.plasticity.weighs
        }
        #: Whether it is another sum in each step: what arrives was sent earlier, or synapses have moved.
        self.late = any(part.delay for part in carried) or bool(self.synapses)
        self.seen: list[Any] | None = None

    def run(self, t: int) -> None:
        """Sum what arrives, unless neither what is sent nor a weight has changed."""
        now = []
        for space, state in self.states:
            now.append(getattr(space, state))
        now += map(self.weights.versions.__getitem__, self.carriers)
        if self.seen is not None and not self.late and all(map(is_, self.seen, now)):
            return
        self.seen, states, parts = now, iter(now), []
        for shape, arriving in self.areas:
            total: Tensor | None = None
            for part, columns, event in arriving:
                sent = next(states)
                one = sent if columns is None else sent[:, columns]
                if isinstance(part, Projection):
                    if part.delay:
                        line = self.lines[part.name]
                        line.move()
                        one = line.arrived[line.first]
                    if part.name in self.synapses:
                        one = self.synapses[part.name].carry(self.weights.tensors[part.name], one)
                    else:
                        one = self.weights.carry(part, one, event)
                one = one.expand(shape)
                total = one if total is None else total + one
            parts.append(self.like.new_zeros(shape) if total is None else total)
        setattr(self.space, self.port, parts[0] if len(parts) == 1 else torch.cat(parts, 1))


def _columns(place: Place) -> slice | None:
    """Return the slice of a block's columns that are a population's; None if all are."""
    return None if place.columns == slice(0, place.block.n) else place.columns


class Learning:
    """All projections that learn: every change is computed from the same weights, then all are made."""

    def __init__(self, learners: dict[str, Learner], weights: Weights) -> None:
        self.learners, self.weights = learners, weights

    def run(self, t: int) -> None:
        """Compute the changes of all weights, then make them."""
        changes = []
        for name, learner in self.learners.items():
            change = learner.change(self.weights.tensors[name])
            if change is not None:
                changes.append((name, change))
        for name, change in changes:
            self.weights.change(name, change)
