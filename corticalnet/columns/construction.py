"""Constructions: how a rule is run in time. Which cells a column has, and what tells its synapses to learn.

The skeleton (:mod:`corticalnet.columns.expansion`) walks the network's areas and links and asks
a construction what stands there. Columns of predictive coding have a value, a prediction and an error cell,

    value ── Δx ──▶ error ── ε ──▶ value            prediction ── −Δμ ──▶ error ── ε ──▶ prediction

those of BrainProp a feedforward and a feedback cell (:mod:`corticalnet.columns.rewarded`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from corticalnet.circuits.cells import Cell, Total
from corticalnet.circuits.circuit import Needs
from corticalnet.circuits.connection import AllToAll, Connection, OneToOne
from corticalnet.circuits.parts import Broadcast, Population, Projection, Wire
from corticalnet.circuits.plasticity import Plasticity


@dataclass(frozen=True)
class Site:
    """Where columns stand: an area of the network.

    Attributes:
        name: of the area.
        n: columns.
        activation: of the area, by name.
        output: whether it is the output.
        depth: links to the output.
    """

    name: str
    n: int
    activation: str
    output: bool
    depth: int

    @property
    def curved(self) -> bool:
        """Whether it is an output that fires nonlinearly: it then compares rates and scales by the gain."""
        return self.output and self.activation != "linear"


@dataclass
class Columns:
    """What stands at a site.

    Attributes:
        cells: role -> kind, one cell per column.
        wires: (source role, target role, port, state, weight).
        pools: role -> kind of cells that there is one of for the whole area.
        paths: (source role, target role, port, state, delay), wherever a wire will not do: from columns to a
            pool, from a pool to columns, or late.
    """

    cells: dict[str, Cell]
    wires: list[tuple[str, str, str, str, float]]
    pools: dict[str, Cell] = field(default_factory=dict)
    paths: list[tuple[str, str, str, str, float]] = field(default_factory=list)

    def populations(self, site: Site) -> list[Population]:
        """Populations of the area."""
        several = [Population(f"{site.name}.{role}", site.n, cell) for role, cell in self.cells.items()]
        return several + [Population(f"{site.name}.{role}", 1, cell) for role, cell in self.pools.items()]

    def joined(self, site: Site) -> tuple[list[Wire], list[Projection], list[Broadcast]]:
        """What joins them."""
        name = site.name
        wires = [Wire(f"{name}.{s}", f"{name}.{t}", port, state, w) for s, t, port, state, w in self.wires]
        projections, broadcasts = [], []
        for source, target, port, state, delay in self.paths:
            ends = f"{name}.{source}", f"{name}.{target}"
            if source in self.pools:
                broadcasts.append(Broadcast(ends[0], [ends[1]], state, f"{ends[0]}.{state}->{ends[1]}"))
                continue
            how: Connection = AllToAll() if target in self.pools else OneToOne()
            projections.append(Projection(*ends, port, 1.0, how, state, f"{ends[0]}.{state}->{ends[1]}",
                                          delay=delay))  # fmt: skip
        return wires, projections, broadcasts


@dataclass
class Shared:
    """Cells that stand in no column, and whom they tell: clocks, phase signals, contests, dopamine."""

    populations: list[Population] = field(default_factory=list)
    projections: list[Projection] = field(default_factory=list)
    broadcasts: list[Broadcast] = field(default_factory=list)


class Construction(ABC):
    """Base of constructions.

    Attributes:
        dt: length of a step, ms.
        delay: of projections between areas, ms.
        hears: (role, port) where a link ends.
        tells: (role, state) that is sent down.
        listens: role that hears what comes down, at its port "feedback".
        levelled: whether links that skip areas must go through relays.
        live: γ of steps in which values move by feedback that nothing gates, for long; 0 if there are none.
    """

    dt = 1.0
    live = 0.0
    delay = 0.0
    hears = ("prediction", "prediction")
    tells = ("error", "error")
    listens = "value"
    levelled = True

    @abstractmethod
    def columns(self, site: Site) -> Columns:
        """What stands at a site."""

    @abstractmethod
    def plasticity(self, site: Site) -> Plasticity:
        """Of synapses that end at a site."""

    def feedback_plasticity(self, site: Site) -> Plasticity | None:
        """Of the synapses back from a site, where they have weights of their own; None if they stay."""
        return None

    @abstractmethod
    def needs(self, sites: Sequence[Site]) -> Needs:
        """How long a trial of a network of these areas must last."""

    def shared(self, sites: Sequence[Site], learning: dict[str, Site]) -> Shared:
        """Cells that stand in no column; none unless a construction says so.

        Args:
            sites: all areas.
            learning: plastic projections by name, and where they end.
        """
        return Shared()


def depth_of(sites: Sequence[Site]) -> int:
    """Links from the input to the output, on the longest way."""
    return 1 + max(site.depth for site in sites)


def pool(stand: Columns, phi: Cell, tells: dict[str, str]) -> None:
    """One φ for all columns: it hears Σ size of errors and Σ size of how predictions moved.

    Args:
        stand: its error and prediction cells have a state "size".
        phi: the detector.
        tells: role -> the state of φ that all its cells hear.
    """
    stand.pools |= {"motion": Total(), "phi": phi}
    stand.wires.append(("motion", "phi", "prediction", "total", 1.0))
    stand.paths += [
        ("prediction", "motion", "modulator", "size", 0.0),
        ("error", "phi", "modulator", "size", 0.0),
        *(("phi", role, "modulator", state, 0.0) for role, state in tells.items()),
    ]


def told(cells: dict[str, tuple[Cell, list[str]]], sends: str = "") -> Shared:
    """Single cells that broadcast: name -> (kind of cell, whom it tells)."""
    return Shared(
        populations=[Population(name, 1, cell) for name, (cell, _) in cells.items()],
        broadcasts=[Broadcast(name, targets, sends) for name, (_, targets) in cells.items()],
    )


def both(one: Shared, other: Shared) -> Shared:
    """Two sets of shared cells together."""
    return Shared(
        one.populations + other.populations,
        one.projections + other.projections,
        one.broadcasts + other.broadcasts,
    )
