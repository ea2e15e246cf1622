"""The parts of a circuit, and how to find one: what is checked, saved and run knows no more of a circuit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from corticalnet.circuits.parts import Broadcast, MinimumDurations, Population, Projection, Wire
from corticalnet.errors import CircuitError, one_of


@dataclass(frozen=True, eq=False)
class Index:
    """Parts by name; see :class:`corticalnet.circuits.Circuit`, which is one that fits together."""

    populations: Sequence[Population]
    projections: Sequence[Projection] = ()
    wires: Sequence[Wire] = ()
    broadcasts: Sequence[Broadcast] = ()
    dt: float = 1.0
    name: str = "circuit"
    needs: MinimumDurations = field(default_factory=MinimumDurations)
    timed: bool = True

    def population(self, name: str, what: str = "population") -> Population:
        """Return the population of this name.

        Raises:
            CircuitError: there is none.
        """
        one_of(what, name, self._by_name, CircuitError)
        return self._by_name[name]

    def projection(self, name: str, what: str = "projection") -> Projection:
        """Return the projection of this name.

        Raises:
            CircuitError: there is none.
        """
        known = {p.name: p for p in self.projections}
        one_of(what, name, known, CircuitError)
        return known[name]

    @cached_property
    def _by_name(self) -> dict[str, Population]:
        return {p.name: p for p in self.populations}

    @cached_property
    def inputs(self) -> tuple[tuple[str, str], ...]:
        """Return all inputs that a protocol may set, as (population, input)."""
        return tuple((p.name, name) for p in self.populations for name in p.cell.inputs)

    @property
    def plastic(self) -> tuple[Projection, ...]:
        """Return the projections that learn."""
        return tuple(p for p in self.projections if p.plasticity is not None)

    def delay_steps(self, projection: Projection) -> int:
        """Return a projection's delay in steps."""
        return round(float(projection.delay) / self.dt)

    def synapse_shape(self, projection: str) -> tuple[int, ...]:
        """Return the shape of one number per synapse (see :meth:`Connection.synapse_shape`)."""
        one = self.projection(projection)
        return one.connection.synapse_shape(self.population(one.source).n, self.population(one.target).n)

    def sent(self, source: str, sends: str) -> str:
        """Return the name of the state that is sent: the cell's own output if none is named."""
        return sends or self.population(source).cell.sends

    def carried(self, projection: Projection) -> list[str]:
        """Return the source's states that a projection's synapses receive: the one sent comes first."""
        sent = self.sent(projection.source, projection.sends)
        if projection.plasticity is None:
            return [sent]
        ends = (self.population(end).cell for end in (projection.source, projection.target))
        return [sent, *sorted(projection.plasticity.reads(*ends)["pre"] - {sent})]

    def broadcast_to(self, projection: Projection, name: str) -> Broadcast:
        """Return the broadcast by a name that reaches a projection's plasticity."""
        return next(b for b in self.broadcasts if b.name == name and projection.name in b.targets)

    def is_event(self, part: Projection | Broadcast) -> bool:
        """Return whether the state that is sent is an event, nearly always 0."""
        return self.population(part.source).cell.states()[self.sent(part.source, part.sends)].event
