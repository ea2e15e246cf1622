"""The circuit: populations and what joins them, as data. Engines run it; nothing here computes.

circuit = Circuit(populations=[...], projections=[...], wires=[...], broadcasts=[...], dt=1.0)
print(circuit)                  the wiring as a table
print(circuit.schedule())       what happens in a step, in which order
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from corticalnet.circuits.checks import check
from corticalnet.circuits.parts import Broadcast, Population, Projection, Weights, Wire
from corticalnet.circuits.quantities import MS, ONE, POSITIVE, Range, number, quantity
from corticalnet.circuits.schedule import SCHEDULE, Schedule
from corticalnet.errors import CircuitError, one_of
from corticalnet.tables import table


@dataclass(frozen=True)
class Needs:
    """What a trial must have for the circuit to learn what it should: least numbers of steps.

    Raises:
        CircuitError: a number that is not whole, or below 0.
    """

    present: int = 1
    teach: int = 1

    def __post_init__(self) -> None:
        for name in ("present", "teach"):
            steps = number(getattr(self, name), f"needs.{name}")
            Range(0, whole=True).check(steps, ONE, f"needs.{name}")
            object.__setattr__(self, name, int(steps))


#: What each list of a circuit holds.
_PARTS: dict[str, type] = {
    "populations": Population,
    "projections": Projection,
    "wires": Wire,
    "broadcasts": Broadcast,
}


def _numbers(weight: Any, where: str) -> Weights:
    """Weights as an array, also those of torch; texts and complex numbers are none."""
    weight = weight.detach().cpu() if hasattr(weight, "detach") else weight
    try:
        found = np.asarray(weight)
        if found.dtype.kind not in "biuf":
            raise TypeError(f"not {found.dtype}")
        return found.astype(np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CircuitError(f"{where}: weights must be numbers: {' '.join(str(error).split())}") from None


@dataclass(frozen=True, eq=False)
class Circuit:
    """Populations, and what joins them.

    Args:
        populations: in the order in which recordings list them.
        projections: between populations.
        wires: within columns.
        broadcasts: from single cells.
        dt: length of a step, in ms.
        name: for titles.
        needs: least lengths of the phases of a trial.

    Raises:
        CircuitError: the parts do not fit together; the message names the part, its value and the choices.
    """

    populations: Sequence[Population]
    projections: Sequence[Projection] = ()
    wires: Sequence[Wire] = ()
    broadcasts: Sequence[Broadcast] = ()
    dt: float = 1.0
    name: str = "circuit"
    needs: Needs = Needs()

    def __post_init__(self) -> None:
        for part, kind in _PARTS.items():
            given = getattr(self, part)
            listed = tuple(given) if isinstance(given, Iterable) else (given,)
            if not isinstance(given, Iterable) or not all(isinstance(one, kind) for one in listed):
                raise CircuitError(f"{part} of a circuit must be a list of {kind.__name__}s, not {given!r}")
            object.__setattr__(self, part, listed)
        object.__setattr__(self, "dt", quantity(self.dt, MS, "dt"))
        POSITIVE.check(self.dt, MS, "dt")
        if not isinstance(self.name, str) or not isinstance(self.needs, Needs):
            raise CircuitError(
                f"a circuit has a name and Needs(...), not {self.name!r} and needs = {self.needs!r}"
            )
        object.__setattr__(self, "_by_name", {p.name: p for p in self.populations})
        object.__setattr__(self, "projections", tuple(self._shaped(p) for p in self.projections))
        check(self)

    def _shaped(self, projection: Projection) -> Projection:
        """A projection with its weights as an array of the shape that its connection has."""
        where = f"projection '{projection.name}'"
        pre = self.population(projection.source, f"source of {where}").n
        post = self.population(projection.target, f"target of {where}").n
        connection = projection.connection
        if projection.shared_with:
            forth = next((p for p in self.projections if p.name == projection.shared_with), None)
            if projection.weight is None or forth is None:
                return projection
            connection, pre, post = forth.connection, post, pre
        try:
            shape = connection.weight_shape(pre, post)
        except CircuitError as error:
            raise CircuitError(f"{where}: {error}") from None
        weight = _numbers(projection.weight, where)
        if weight.ndim and weight.shape != shape:
            raise CircuitError(
                f"{where}: weights have shape {weight.shape}, but must have {shape} (post, pre)"
            )
        if not np.isfinite(weight).all():
            raise CircuitError(f"{where}: a weight is not finite")
        return replace(projection, weight=np.broadcast_to(weight, shape).copy())

    # Finding parts -----------------------------------------------------------------------------
    def population(self, name: str, what: str = "population") -> Population:
        """The population of this name.

        Raises:
            CircuitError: there is none.
        """
        known: dict[str, Population] = self._by_name  # type: ignore[attr-defined]
        one_of(what, name, known, CircuitError)
        return known[name]

    def projection(self, name: str, what: str = "projection") -> Projection:
        """The projection of this name.

        Raises:
            CircuitError: there is none.
        """
        known = {p.name: p for p in self.projections}
        one_of(what, name, known, CircuitError)
        return known[name]

    @cached_property
    def inputs(self) -> tuple[tuple[str, str], ...]:
        """All that a protocol may drive, as (population, input)."""
        return tuple((p.name, name) for p in self.populations for name in p.cell.inputs)

    @property
    def plastic(self) -> tuple[Projection, ...]:
        """Projections that learn."""
        return tuple(p for p in self.projections if p.plasticity is not None)

    def delay_steps(self, projection: Projection) -> int:
        """A projection's delay in steps."""
        return round(float(projection.delay) / self.dt)

    def sent(self, source: str, sends: str) -> str:
        """The state of a source that is sent, its cell's own output if none is named."""
        return sends or self.population(source).cell.sends

    def carried(self, projection: Projection) -> list[str]:
        """States of the source that reach a projection's synapses: what is sent, then what they learn by."""
        sent = self.sent(projection.source, projection.sends)
        if projection.plasticity is None:
            return [sent]
        ends = (self.population(end).cell for end in (projection.source, projection.target))
        return [sent, *sorted(projection.plasticity.reads(*ends)["pre"] - {sent})]

    def broadcast_to(self, projection: Projection, name: str) -> Broadcast:
        """The broadcast of this name that reaches a projection's plasticity."""
        return next(b for b in self.broadcasts if b.name == name and projection.name in b.targets)

    def is_event(self, part: Projection | Broadcast) -> bool:
        """Whether what is sent is an event: nearly always 0."""
        return self.population(part.source).cell.states()[self.sent(part.source, part.sends)].event

    # Weights -----------------------------------------------------------------------------------
    @property
    def weights(self) -> dict[str, Weights]:
        """All weights by projection name."""
        return {p.name: np.asarray(p.weight) for p in self.projections if not p.shared_with}

    def with_weights(self, weights: Mapping[str, Weights]) -> Circuit:
        """The same circuit with other weights (of some or all projections).

        Raises:
            CircuitError: a projection is unknown, or an array does not fit.
        """
        for name in weights:
            self.projection(name)
        changed = [replace(p, weight=weights[p.name]) if p.name in weights else p for p in self.projections]
        return replace(self, projections=changed)

    # Files -------------------------------------------------------------------------------------
    def to_dict(self) -> dict[str, Any]:
        """Structure without arrays, as JSON can hold it; see :mod:`corticalnet.circuits.serialisation`."""
        from corticalnet.circuits.serialisation import to_dict

        return to_dict(self)

    def save(self, path: str | Path) -> None:
        """Write ``path.json`` (structure) and ``path.safetensors`` (weights and synapses).

        Raises:
            CircuitError: a part cannot be written as JSON, or the disk says no.
        """
        from corticalnet.circuits.serialisation import save

        save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Circuit:
        """The circuit that :meth:`save` wrote; its cells' kinds must have been defined.

        Raises:
            CircuitError: a file is missing or damaged, or has a kind that is not known.
        """
        from corticalnet.circuits.serialisation import load

        return load(path)

    # Looking -----------------------------------------------------------------------------------
    def schedule(self) -> Schedule:
        """The step contract: the phases in order; prints as a table."""
        return SCHEDULE

    def __str__(self) -> str:
        cells = [[p.name, str(p.n), p.cell.title()] for p in self.populations]
        header = ["name", "from", "to", "port", "sends", "synapses", "plasticity"]
        rows: list[list[str]] = []
        for p in self.projections:
            how = p.connection.describe() if not p.shared_with else f"back along {p.shared_with}"
            how += " by signs" if p.shared_with and p.weight is not None else ""
            how += f", delay {p.delay:g} ms" if p.delay else ""
            learns = "" if p.plasticity is None else p.plasticity.title()
            rows.append([p.name, p.source, p.target, p.port, self.sent(p.source, p.sends), how, learns])
        for w in self.wires:
            rows.append(
                ["", w.source, w.target, w.port, self.sent(w.source, w.sends), f"wire × {w.weight:g}", ""]
            )
        for b in self.broadcasts:
            sent = self.sent(b.source, b.sends)
            rows += [[b.name, b.source, target, b.port, sent, "broadcast", ""] for target in b.targets]
        count = sum(len(p.connection.synapses(self.population(p.source).n, self.population(p.target).n)[0])
                    for p in self.projections if not p.shared_with)  # fmt: skip
        total = sum(p.n for p in self.populations)
        foot = f"{total:,} cells, {count:,} synapses, a step is {self.dt:g} ms"
        return "\n\n".join(
            [table(["population", "cells", "kind"], cells, self.name), table(header, rows), foot]
        )
