"""What stands at an area of the network: its columns' cells, and what joins them, in names of roles.

Columns of predictive coding have a value, a prediction and an error cell,

    value ── Δx ──▶ error ── ε ──▶ value            prediction ── −Δμ ──▶ error ── ε ──▶ prediction

those of BrainProp a feedforward and a feedback cell (:mod:`corticalnet.columns.rewarded`). The skeleton
(:mod:`corticalnet.columns.expansion`) gives roles the name of their area.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits.cells import Cell, Sum
from corticalnet.circuits.connection import AllToAll
from corticalnet.circuits.parts import Broadcast, Population, Projection, Wire


@dataclass(frozen=True)
class AreaSpec:
    """An area of the network, as a column model sees it.

    Attributes:
        name: of the area.
        n: columns.
        activation: of the area, by name.
        output: whether it is the output.
        depth: links to the output, on the longest way.
        softmax: whether it is an output whose rates compete, for a cross-entropy teacher.
        members: if the most active of each neighbourhood speaks alone, the columns of each neighbourhood
            ``[neighbourhoods, members]``.
    """

    name: str
    n: int
    activation: str
    output: bool
    depth: int
    softmax: bool = False
    members: NDArray[np.int64] | None = field(default=None, compare=False)

    @property
    def nonlinear_output(self) -> bool:
        """Return whether it is an output that fires nonlinearly: it compares rates, scaled by the gain."""
        return self.output and (self.activation != "linear" or self.softmax)


@dataclass
class AreaPopulations:
    """The cells of an area, and what joins them. Ends of wires, projections and broadcasts are roles.

    Attributes:
        cells: role -> kind, one cell per column.
        wires: within a column, at once.
        pools: role -> kind of cells that there is one of for the whole area.
        projections: wherever a wire will not do: from columns to a pool, or late.
        broadcasts: from a pool to columns.
    """

    cells: dict[str, Cell]
    wires: list[Wire]
    pools: dict[str, Cell] = field(default_factory=dict)
    projections: list[Projection] = field(default_factory=list)
    broadcasts: list[Broadcast] = field(default_factory=list)

    def populations(self, area: AreaSpec) -> list[Population]:
        """Return the populations of the area, one for each role."""
        several = [Population(f"{area.name}.{role}", area.n, cell) for role, cell in self.cells.items()]
        return several + [Population(f"{area.name}.{role}", 1, cell) for role, cell in self.pools.items()]

    def joined(self, area: AreaSpec) -> tuple[list[Wire], list[Projection], list[Broadcast]]:
        """Return wires, projections and broadcasts with the names that populations have in the circuit."""

        def named(role: str) -> str:
            return f"{area.name}.{role}"

        wires = [replace(w, source=named(w.source), target=named(w.target)) for w in self.wires]
        projections = [
            replace(p, source=named(p.source), target=named(p.target), name=_name(area, p, p.target))
            for p in self.projections
        ]
        broadcasts = [
            replace(
                b, source=named(b.source), targets=[*map(named, b.targets)], name=_name(area, b, *b.targets)
            )
            for b in self.broadcasts
        ]
        return wires, projections, broadcasts

    def add_pool(self, phi: Cell, tells: Sequence[Broadcast]) -> None:
        """Add one φ for all columns, which receives Σ size of errors and Σ size of predictions' motion.

        Error and prediction cells must have a state "size".

        Args:
            phi: the detector.
            tells: broadcasts from "phi" to all cells of a role.
        """
        self.pools |= {"motion": Sum(), "phi": phi}
        self.wires.append(Wire("motion", "phi", "motion", "total"))
        self.projections += [
            Projection("prediction", "motion", "terms", 1.0, AllToAll(), "size"),
            Projection("error", "phi", "errors", 1.0, AllToAll(), "size"),
        ]
        self.broadcasts += tells


def _name(area: AreaSpec, part: Projection | Broadcast, *targets: str) -> str:
    ends = ",".join(f"{area.name}.{target}" for target in targets)
    return f"{area.name}.{part.source}.{part.sends}->{ends}"


@dataclass
class GlobalPopulations:
    """Cells that stand in no column, and whom they tell: clocks, phase signals, contests, dopamine."""

    populations: list[Population] = field(default_factory=list)
    projections: list[Projection] = field(default_factory=list)
    broadcasts: list[Broadcast] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)

    def __add__(self, other: GlobalPopulations) -> GlobalPopulations:
        return GlobalPopulations(
            self.populations + other.populations,
            self.projections + other.projections,
            self.broadcasts + other.broadcasts,
            self.wires + other.wires,
        )


def broadcasters(
    cells: Mapping[str, tuple[Cell, list[str]]], sends: str = "", port: str = ""
) -> GlobalPopulations:
    """Return single cells that broadcast, from name -> (cell, the parts that receive)."""
    return GlobalPopulations(
        populations=[Population(name, 1, cell) for name, (cell, _) in cells.items()],
        broadcasts=[Broadcast(name, targets, sends, port=port) for name, (_, targets) in cells.items()],
    )


def links_to_input(areas: Sequence[AreaSpec]) -> int:
    """Return the number of links from the input to the output, on the longest way."""
    return 1 + max(area.depth for area in areas)
