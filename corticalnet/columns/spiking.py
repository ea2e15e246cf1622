"""From rates to spikes: what columns tell each other is carried by spiking cells, population by population.

    value ── rate ──▶ N cells "on" (and N "off") ── spikes ──▶ current ── rate ──▶ other areas

A column itself computes as before. Whoever received its rate now receives what the spikes of its N cells
leave
behind in a synapse: weights, plasticity, and all that happens within columns stay as they are. A signal that
can be negative has cells for either sign: "on" cells fire at r = max_rate · z / z_max, "off" cells at −z.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from corticalnet.checks import whole
from corticalnet.circuits import cells
from corticalnet.circuits.circuit import Circuit
from corticalnet.circuits.connection import Grouped
from corticalnet.circuits.parts import Broadcast, MinimumDurations, Population, Projection
from corticalnet.circuits.quantities import KHZ, MS, POSITIVE, number, quantity
from corticalnet.errors import CircuitError, one_of

#: Spiking cells by name.
KINDS: dict[str, type[cells.Spiking]] = {"poisson": cells.Poisson, "pif": cells.PIF, "lif": cells.LIF}
#: What speaks from area to area.
SPIKING = ("value", "error", "feedback")
#: Ranges of rates by activation; others are taken as from −1 to 1.
_RATES = {"sigmoid": (0.0, 1.0), "relu": (0.0, 1.0), "softplus": (0.0, 1.0)}

Range = tuple[float, float]


@dataclass(frozen=True)
class RateCode:
    """A rate code: how a signal is sent as spikes.

    Args:
        per_column: N, for each sign of each column.
        kind: "poisson", "pif" or "lif".
        max_rate: the rate that stands for the largest signal, in 1/ms or as "100 Hz".
        synapse: time constant of what a spike leaves behind, in ms or as "20 ms".
        push_pull: both signs fire all the time, ``r = max_rate · (½ ± ½ z / z_max)``. For leaky cells if not
            given: they forget where they were in their cycle when they are silent, and then fire together.
        axon: the cell that holds what spikes leave behind (port ``spikes``, state ``rate``), an area of
            ``synapse`` for each; a :class:`~corticalnet.circuits.cells.SynapticCurrent` if not given.

    Raises:
        CircuitError: an unknown kind, or an impossible number, rate or time.
    """

    per_column: int = 100
    kind: str = "poisson"
    max_rate: float | str = 0.1
    synapse: float | str = 20.0
    push_pull: bool | None = None
    axon: cells.Cell | None = None

    def __post_init__(self) -> None:
        one_of("spiking cell", self.kind, KINDS, CircuitError)
        cells = whole("cells_per_column", self.per_column, CircuitError)
        object.__setattr__(self, "per_column", cells)
        for name, unit in (("max_rate", KHZ), ("synapse", MS)):
            value = quantity(getattr(self, name), unit, name)
            POSITIVE.check(value, unit, name)
            object.__setattr__(self, name, value)
        if self.push_pull not in (None, True, False):
            raise CircuitError(f"push_pull must be True, False or None, not {self.push_pull!r}")
        if self.push_pull is None:
            object.__setattr__(self, "push_pull", self.kind == "lif")

    def cell(self) -> cells.Spiking:
        """Make one of the spiking cells."""
        return KINDS[self.kind](max_rate=float(self.max_rate), base=0.5 if self.push_pull else 0.0)

    def encode(
        self, speaker: Population, state: str, between: Range
    ) -> tuple[list[Population], list[Projection]]:
        """Return the cells and synapses that carry a population's state within a range.

        Raises:
            CircuitError: it has no room.
        """
        what = f"range of '{speaker.name}'"
        try:
            low, high = (number(end, what) for end in between)
        except (TypeError, ValueError):
            raise CircuitError(f"{what} must be (least, greatest), not {between!r}") from None
        largest = max(abs(low), abs(high))
        if not (low < high and 0 < largest < float("inf")):
            raise CircuitError(f"{what} must be (least, greatest), not {between!r}")
        n, grouped = speaker.n * self.per_column, Grouped()
        drive = (0.5 if self.push_pull else 1.0) / largest
        jump = largest / (self.per_column * float(self.max_rate) * float(self.synapse))
        axon = self.axon or cells.SynapticCurrent(float(self.synapse))
        current = Population(current_of(speaker.name), speaker.n, axon)
        populations, projections = [current], []
        for side, sign in (("on", 1.0), ("off", -1.0)):
            if side == "on" or low < 0 or self.push_pull:
                name = f"{speaker.name}.{side}"
                populations.append(Population(name, n, self.cell()))
                projections += [
                    Projection(speaker.name, name, "drive", sign * drive, grouped, state, f"{name} drive"),
                    Projection(name, current.name, "spikes", sign * jump, grouped, "spike", f"{name} spikes"),
                ]
        return populations, projections


def current_of(population: str) -> str:
    """Return the name of the population that holds the synaptic current of another's spikes."""
    return f"{population}-current"


def spiking(
    circuit: Circuit,
    cells_per_column: int = 100,
    cell: str = "poisson",
    *,
    populations: Sequence[str] = SPIKING,
    ranges: Mapping[str, Range] | None = None,
    max_rate: float | str = "100 Hz",
    synapse: float | str = "20 ms",
    push_pull: bool | None = None,
    axon: cells.Cell | None = None,
) -> Circuit:
    """Return the same circuit with rates sent between areas by spiking populations.

    Args:
        circuit: of continuous time (steps of 1 ms or less), made by ``cn.circuit(…, dynamics=…)``.
        cells_per_column: N, for each sign.
        cell: "poisson", "pif" (perfect integrate-and-fire) or "lif" (leaky).
        populations: which, by name or role; also "dopamine". Others go on as rates (call it again for other
            cells in other populations).
        ranges: (least, greatest) signal of populations by name; see :func:`corticalnet.analysis.ranges`. By
            activation if not given; a larger signal than that means a higher rate, and no clipping (but with
            ``push_pull`` the other sign falls silent).
        max_rate: rate of the greatest signal.
        synapse: time constant of synaptic currents.
        push_pull: whether both signs fire all the time; leaky cells do if not given.
        axon: what holds what spikes leave behind, see :class:`RateCode`.

    Raises:
        CircuitError: a population is unknown or tells no other area anything, or an impossible number.

    >>> import corticalnet as cn
    >>> columns = cn.circuit(cn.mlp([3, 2]), cn.rule("z-il"), dynamics=cn.Continuous("sample_and_hold"))
    >>> cells = spiking(columns, cells_per_column=30)
    >>> len(cells.populations) > len(columns.populations)
    True
    """
    code = RateCode(cells_per_column, cell, max_rate, synapse, push_pull, axon)
    if not isinstance(circuit, Circuit):
        raise CircuitError(f"cn.spiking takes a Circuit (cn.circuit(...)), not {type(circuit).__name__}")
    if float(code.max_rate) * circuit.dt > 1:
        raise CircuitError(
            f"max_rate = {code.max_rate:g} 1/ms is more than one spike in a step of {circuit.dt:g} ms, so "
            f"the largest signals could not be told; choose at most {1000 / circuit.dt:g} Hz, or a smaller dt"
        )
    if ranges is not None and not isinstance(ranges, Mapping):
        raise CircuitError(f"ranges must be {{population: (least, greatest)}}, not {ranges!r}")
    speaking = spiking_populations(circuit, populations)
    known = {p.name for p in circuit.populations}
    for name in ranges or {}:
        one_of("population in ranges", name, known, CircuitError)
    more: list[Population] = []
    joints: list[Projection] = []
    for name, state in speaking.items():
        speaker = circuit.population(name)
        cells_of, joints_of = code.encode(speaker, state, (ranges or {}).get(name) or _range(speaker))
        more += cells_of
        joints += joints_of

    def moved(part: Projection) -> Projection:
        if part.source not in speaking or not _far(circuit, part):
            return part
        learns = None if part.plasticity is None else part.plasticity.for_spiking_input()
        return replace(part, source=current_of(part.source), sends="rate", plasticity=learns)

    def told(part: Broadcast) -> Broadcast:
        if part.source not in speaking:
            return part
        return replace(part, source=current_of(part.source), sends="rate")

    # A chain of k low-passes has come to rest after about 2k + 4 of their time constants.
    slack = ceil((2 * len(speaking) + 4) * float(code.synapse) / circuit.dt)
    return replace(
        circuit,
        populations=[*circuit.populations, *more],
        projections=[*map(moved, circuit.projections), *joints],
        broadcasts=[*map(told, circuit.broadcasts)],
        name=f"{circuit.name}, {cells_per_column} {cell} cells",
        needs=MinimumDurations(circuit.needs.present + slack, circuit.needs.teach + slack),
    )


def _far(circuit: Circuit, projection: Projection) -> bool:
    """Return whether a projection leaves its area (but not to cells that stand in no column)."""
    source, target = circuit.population(projection.source), circuit.population(projection.target)
    return source.area != target.area and "." in source.name and "." in target.name


def spiking_populations(circuit: Circuit, populations: Sequence[str]) -> dict[str, str]:
    """Return populations that are to spike, and the state that each of them tells.

    Raises:
        CircuitError: a population is unknown, tells no other area anything, or tells two states.
    """
    if not isinstance(populations, Iterable):
        raise CircuitError(f"populations must be names or roles, not {populations!r}")
    asked = [populations] if isinstance(populations, str) else list(populations)
    told: dict[str, str] = {}
    parts: list[Projection | Broadcast] = [p for p in circuit.projections if _far(circuit, p)]
    for part in [*parts, *circuit.broadcasts]:
        speaker = circuit.population(part.source)
        if speaker.name in asked or speaker.role in asked:
            state = circuit.sent(part.source, part.sends)
            if told.setdefault(part.source, state) != state:
                both = f"'{told[part.source]}' and '{state}'"
                raise CircuitError(f"population '{part.source}' tells both {both}; spikes carry one state")
    found = {circuit.population(name).role for name in told} | set(told)
    choices = [p.name for p in circuit.populations if p.name in {q.source for q in circuit.projections}]
    for name in asked:
        if name not in found and asked != list(SPIKING):
            one_of("population (or role) that is to spike", name, [*SPIKING, *choices], CircuitError)
            raise CircuitError(f"'{name}' tells no other area anything in circuit '{circuit.name}'")
    if not told:
        raise CircuitError(f"no population of circuit '{circuit.name}' tells another area anything")
    return told


def _range(speaker: Population) -> Range:
    """Return the range in which a population's signal is assumed to lie."""
    return _RATES.get(getattr(speaker.cell, "activation", ""), (-1.0, 1.0))
