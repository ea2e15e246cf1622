"""The plan: a circuit laid out flat for an engine, and its step as a list of operations.

Areas of the same make (same cells, same wires, hearing in the same phases) are joined into one
*block*, so that an engine works on all their columns at once, however many areas there are. Both engines
walk the same list:

    Deliver      outside inputs of this step
    PortSum          one port of one role of a block: every projection that ends there
    Act          the cells of one role of a block, in one phase
    Learn        all plastic projections
    Record

Their order is the step contract's (:mod:`corticalnet.circuits.schedule`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits import Broadcast, Circuit, Population, Projection
from corticalnet.circuits.cells import Cell
from corticalnet.circuits.schedule import SCHEDULE, Phase
from corticalnet.seeds import seed_of


@dataclass(frozen=True)
class WireIn:
    """What a role receives at a port from its own column: ``weight × source role's state``."""

    role: str
    state: str
    weight: float


@dataclass(eq=False)
class Block:
    """Areas of the same make (same cells, same wires), their columns side by side.

    Cells are computed for a whole block at once, so a deep network of like areas costs about as many calls,
    and in Brian2 as much generated code, as a shallow one; only messages are carried one by one.

    Attributes:
        index: of the block in the plan.
        areas: names, in order; ``columns`` says where each one's columns are.
        roles: role -> cell.
        wires: (role, port) -> what it receives from its own column.
        populations: role -> the names of its populations, area by area.
        n: columns in all.
    """

    index: int
    roles: dict[str, Cell]
    wires: dict[tuple[str, str], tuple[WireIn, ...]]
    areas: list[str] = field(default_factory=list)
    columns: list[slice] = field(default_factory=list)
    populations: dict[str, list[str]] = field(default_factory=dict)
    n: int = 0

    def add(self, area: str, n: int, populations: Sequence[Population]) -> slice:
        """Append an area's columns; return their slice."""
        self.areas.append(area)
        for population in populations:
            self.populations.setdefault(population.role, []).append(population.name)
        self.columns.append(slice(self.n, self.n + n))
        self.n += n
        return self.columns[-1]


@dataclass(frozen=True)
class Place:
    """Where a population is: its block, its role there, its columns."""

    block: Block
    role: str
    columns: slice

    @property
    def cell(self) -> Cell:
        """Return the cell of the population."""
        return self.block.roles[self.role]


@dataclass(frozen=True)
class Deliver:
    """Outside inputs take this step's numbers."""


@dataclass(frozen=True, eq=False)
class PortSum:
    """A port takes the sum of what arrives: for every area of the block, its projections and broadcasts."""

    block: Block
    role: str
    port: str
    arriving: list[list[Projection | Broadcast]]

    @property
    def delivered(self) -> str:
        """Return the phase that delivers the port; empty if it is received when its senders have acted."""
        return self.block.roles[self.role].ports[self.port]


@dataclass(frozen=True, eq=False)
class Act:
    """The cells of a role act in a phase."""

    block: Block
    role: str
    phase: str


@dataclass(frozen=True, eq=False)
class Learn:
    """The weights of projections change, all by the same weights."""

    projections: tuple[Projection, ...]


@dataclass(frozen=True)
class Record:
    """What was asked for is written down."""


Operation = Deliver | PortSum | Act | Learn | Record


class Plan:
    """Blocks, places, and the operations of a step by phase.

    Args:
        circuit: what is to run.
        schedule: the phases in order; another order than the contract's is only good for showing that it
            matters.
        seed: of the states in which cells differ before all time.
    """

    def __init__(self, circuit: Circuit, schedule: Sequence[Phase] = SCHEDULE, seed: int = 0) -> None:
        self.circuit, self.schedule, self.seed = circuit, tuple(schedule), seed
        self.blocks: list[Block] = []
        self.places: dict[str, Place] = {}
        self._lay_out()
        self.steps: list[tuple[Phase, list[Operation]]] = [(p, self._operations(p)) for p in self.schedule]

    def _lay_out(self) -> None:
        sheets: dict[tuple[str, int], list[Population]] = {}
        for population in self.circuit.populations:
            sheets.setdefault((population.area, population.n), []).append(population)
        made: dict[object, Block] = {}
        for (area, n), populations in sheets.items():
            roles = {p.role: p.cell for p in populations}
            wires = {(p.role, port): self._wires(p, port) for p in populations for port in p.cell.ports}
            heard = tuple(
                self._sender_phase(self._senders(p.name, port))
                for p in populations
                for port, phase in p.cell.ports.items()
                if not phase
            )
            make = tuple(roles.items()), tuple(wires.items()), heard
            if make not in made:
                made[make] = Block(len(made), roles, wires)
            columns = made[make].add(area, n, populations)
            for population in populations:
                self.places[population.name] = Place(made[make], population.role, columns)
        self.blocks = list(made.values())

    def scattered(self, population: Population, batch: int) -> dict[str, NDArray[np.float64]]:
        """Draw the initial states in which the cells of a population differ: state -> ``[batch, n]``.

        Every population and every sample has a stream of its own, so all engines begin alike.
        """
        draws = []
        for sample in range(batch):
            rng = np.random.default_rng(seed_of(self.seed, population.name, sample, size=8))
            draws.append(population.cell.initial_spread((population.n,), rng))
            if not draws[0]:
                return {}
        return {state: np.stack([draw[state] for draw in draws]) for state in draws[0]}

    def _senders(self, population: str, port: str) -> list[Projection | Broadcast]:
        """Return the projections and broadcasts that end at a population's port."""
        circuit = self.circuit
        return [
            *(p for p in circuit.projections if p.target == population and p.port == port),
            *(b for b in circuit.broadcasts if population in b.targets and b.port == port),
        ]

    def _wires(self, population: Population, port: str) -> tuple[WireIn, ...]:
        return tuple(
            WireIn(self.circuit.population(w.source).role, self.circuit.sent(w.source, w.sends), w.weight)
            for w in self.circuit.wires
            if w.target == population.name and w.port == port
        )

    def _operations(self, phase: Phase) -> list[Operation]:
        found: list[Operation] = [Deliver()] if phase.name == "deliver" else []
        sums = self._sums()
        found += [s for s in sums if s.delivered == phase.name]
        found += [
            Act(block, role, phase.name)
            for block in self.blocks
            for role, cell in block.roles.items()
            if phase.name in cell.phases
        ]
        found += [s for s in sums if not s.delivered and phase.name == self._delivery_phase(s)]
        if phase.name == "learn" and self.circuit.plastic:
            found.append(Learn(self.circuit.plastic))
        if phase.name == "record":
            found.append(Record())
        return found

    def _sums(self) -> list[PortSum]:
        sums: dict[tuple[int, str, str], PortSum] = {}
        arriving: list[tuple[str, str, Projection | Broadcast]] = [
            (p.target, p.port, p) for p in self.circuit.projections
        ]
        arriving += [(t, b.port, b) for b in self.circuit.broadcasts for t in b.targets if t in self.places]
        for target, port, part in arriving:
            place = self.places[target]
            key = place.block.index, place.role, port
            if key not in sums:
                sums[key] = PortSum(place.block, place.role, port, [[] for _ in place.block.areas])
            sums[key].arriving[place.block.columns.index(place.columns)].append(part)
        return list(sums.values())

    def _delivery_phase(self, total: PortSum) -> str:
        """Return the phase at whose end a port is received that no phase delivers (one per block)."""
        return next(filter(None, map(self._sender_phase, total.arriving)))

    def _sender_phase(self, parts: Sequence[Projection | Broadcast]) -> str:
        """Return the phase in which the last of these senders acts; empty if there is none."""
        order = [phase.name for phase in self.schedule]
        last = -1
        for part in parts:
            equations = self.circuit.population(part.source).cell.equations
            sent = self.circuit.sent(part.source, part.sends)
            last = max([last, 0, *(order.index(phase) for phase, new in equations.items() if sent in new)])
        return order[last] if last >= 0 else ""
