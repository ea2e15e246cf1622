"""What operations read: states of roles, what ports receive, what is on its way. Each is looked up once.

A reader's ``now()`` is what it reads as it is now: ``[B, columns]``, ``[B, 1]``, or a number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Protocol

import torch
from torch import Tensor

from corticalnet.circuits import Broadcast, Circuit, Projection
from corticalnet.engines.plan import Block, Place, Plan
from corticalnet.engines.torch_engine.inputs import Inputs
from corticalnet.engines.torch_engine.states import States


class Reader(Protocol):
    """Anything that has a present value."""

    def now(self) -> Any:
        """Return the present value."""


class Variable:
    """A state of all columns of a block."""

    def __init__(self, space: SimpleNamespace, name: str) -> None:
        self.space, self.name = space, name

    def now(self) -> Any:
        """Return the present value of the state."""
        return getattr(self.space, self.name)


class Port:
    """What a role receives at a port: sums as they were delivered, wires as they are, noise; 0 without any.

    Args:
        sums: what was delivered, by port.
        name: of the port.
        wires: (space, state, weight) of what is read at once.
        inputs: which draw the noise.
        key: of the noise.
        nothing: what is received without any.
    """

    def __init__(
        self,
        sums: SimpleNamespace,
        name: str,
        wires: list[tuple[SimpleNamespace, str, float]],
        inputs: Inputs,
        key: tuple[int, str, str],
        nothing: Tensor,
    ) -> None:
        self.sums, self.name, self.wires = sums, name, wires
        self.inputs, self.key, self.nothing = inputs, key, nothing

    def now(self) -> Any:
        """Return the sum of all that the port receives."""
        total = getattr(self.sums, self.name, None)
        for space, state, weight in self.wires:
            value = getattr(space, state)
            value = value if weight == 1 else weight * value
            total = value if total is None else total + value
        noise = self.inputs.noise.get(self.key)
        if noise is not None:
            total = noise if total is None else total + noise
        return self.nothing if total is None else total


class Share:
    """An area's columns of what a block has; a number, or a number for each sample, stays."""

    def __init__(self, whole: Reader, columns: slice) -> None:
        self.whole, self.columns = whole, columns

    def now(self) -> Any:
        """Return the area's columns of the present value."""
        value = self.whole.now()
        if not isinstance(value, Tensor) or value.shape[1] == 1:
            return value
        return value[:, self.columns]


class Line:
    """An axon with a delay: what it carries is on its way for some steps; before all time it was at rest.

    Besides the state that is sent, it carries what plasticity reads of the presynaptic cell: a synapse knows
    of that cell what has arrived.

    Args:
        sent: readers of the states, by name; the first is the one that is sent itself.
        rest: of each.
        steps: how long they take.
    """

    def __init__(self, sent: Mapping[str, Reader], rest: Mapping[str, float], steps: int) -> None:
        self.sent = dict(sent)
        self.waiting = {
            state: deque([torch.full_like(reader.now(), rest[state])] * steps)
            for state, reader in self.sent.items()
        }
        self.first = next(iter(self.sent))
        self.arrived: dict[str, Tensor] = {}

    def move(self) -> None:
        """Shift the line by one step: append what is sent now, and let the oldest arrive."""
        for state, reader in self.sent.items():
            self.waiting[state].append(reader.now())
            self.arrived[state] = self.waiting[state].popleft()

    def content(self) -> dict[str, Tensor]:
        """Return what arrived last and what is under way, by state.

        ``[steps + 1, B, n]``, the oldest first.
        """
        return {
            state: torch.stack([self.arrived[state], *self.waiting[state]])
            for state in self.sent
            if state in self.arrived
        }

    def fill(self, state: str, content: Tensor) -> None:
        """Restore what :meth:`content` returned."""
        self.arrived[state], *waiting = content.unbind(0)
        self.waiting[state] = deque(waiting)


class Arrived:
    """A state that a delayed projection brought last."""

    def __init__(self, line: Line, state: str) -> None:
        self.line, self.state = line, state

    def now(self) -> Tensor:
        """Return the state that arrived last."""
        return self.line.arrived[self.state]


class Readers:
    """Makes readers of a plan's states and ports, from one reset to the next.

    Args:
        plan: what runs.
        states, ports: by block and role.
        inputs: which draw noise.
        like: a tensor of the precision and device to use.

    Attributes:
        lines: of delayed projections.
    """

    def __init__(self, plan: Plan, states: States, ports: States, inputs: Inputs, like: Tensor) -> None:
        self.plan, self.states, self.ports, self.inputs = plan, states, ports, inputs
        self._nothing = like.new_zeros((1, 1))
        self.lines = {p.name: self._line(plan.circuit, p) for p in plan.circuit.projections if p.delay}

    def port(self, block: Block, role: str, port: str) -> Port:
        """Return a reader of what a role receives at a port."""
        spaces = self.states[block.index]
        wires = [(spaces[w.role], w.state, w.weight) for w in block.wires[role, port]]
        return Port(
            self.ports[block.index][role], port, wires, self.inputs, (block.index, role, port), self._nothing
        )

    def state(self, place: Place, state: str) -> Reader:
        """Return a reader of a state of a population."""
        return _share(Variable(self.states[place.block.index][place.role], state), place)

    def heard(self, place: Place, port: str) -> Reader:
        """Return a reader of what a population receives at a port."""
        return _share(self.port(place.block, place.role, port), place)

    def sent(self, part: Projection | Broadcast) -> Reader:
        """Return a reader of what a projection or a broadcast sends."""
        circuit = self.plan.circuit
        return self.state(self.plan.places[part.source], circuit.sent(part.source, part.sends))

    def presynaptic(self, projection: Projection, state: str) -> Reader:
        """Return a reader of a presynaptic state, delayed as the projection is."""
        if projection.delay:
            return Arrived(self.lines[projection.name], state)
        return self.state(self.plan.places[projection.source], state)

    def _line(self, circuit: Circuit, projection: Projection) -> Line:
        place = self.plan.places[projection.source]
        sent = {state: self.state(place, state) for state in circuit.carried(projection)}
        return Line(sent, place.cell.rest(), circuit.delay_steps(projection))


def _share(whole: Reader, place: Place) -> Reader:
    return whole if place.columns == slice(0, place.block.n) else Share(whole, place.columns)
