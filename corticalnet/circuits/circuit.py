"""The circuit: populations and what joins them, as data. Engines run it; nothing here computes.

circuit = Circuit(populations=[...], projections=[...], wires=[...], broadcasts=[...], dt=1.0)
print(circuit)                  the wiring as a table
print(circuit.schedule())       what happens in a step, in which order
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from corticalnet.checks import unitless
from corticalnet.circuits.checks import check
from corticalnet.circuits.index import Index
from corticalnet.circuits.parts import Broadcast, MinimumDurations, Population, Projection, Weights, Wire
from corticalnet.circuits.quantities import MS, POSITIVE, quantity
from corticalnet.circuits.schedule import SCHEDULE, Schedule
from corticalnet.circuits.serialisation import load, save, to_dict
from corticalnet.errors import CircuitError
from corticalnet.tables import table

#: What each list of a circuit holds.
_PARTS: dict[str, type] = {
    "populations": Population,
    "projections": Projection,
    "wires": Wire,
    "broadcasts": Broadcast,
}


def _numbers(weight: Any, where: str) -> Weights:
    """Read weights as a float64 array, also from torch; texts and complex numbers are refused."""
    unitless(f"{where}: weights", weight, CircuitError)
    weight = weight.detach().cpu() if hasattr(weight, "detach") else weight
    try:
        found = np.asarray(weight)
        if found.dtype.kind not in "biuf":
            raise TypeError(f"not {found.dtype}")
        return found.astype(np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CircuitError(f"{where}: weights must be numbers: {' '.join(str(error).split())}") from None


@dataclass(frozen=True, eq=False)
class Circuit(Index):
    """A circuit: populations of cells, and the projections, wires and broadcasts between them.

    Args:
        populations: in the order in which recordings list them.
        projections: between populations.
        wires: within columns.
        broadcasts: from single cells.
        dt: length of a step, in ms.
        name: for titles.
        needs: least lengths of the phases of a trial.
        timed: whether a step is a duration; if not, steps are those of a rule, and dt only counts them.

    Raises:
        CircuitError: the parts do not fit together; the message names the part, its value and the choices.

    >>> import corticalnet as cn
    >>> from corticalnet.circuits.cells import Sensory, Value
    >>> cells = [cn.Population("retina", 2, Sensory()), cn.Population("cortex", 1, Value())]
    >>> circuit = Circuit(cells, [cn.Projection("retina", "cortex", "feedback", [[1.0, -1.0]])])
    >>> circuit.population("cortex").n
    1
    """

    def __post_init__(self) -> None:
        for part, kind in _PARTS.items():
            given = getattr(self, part)
            listed = tuple(given) if isinstance(given, Iterable) else (given,)
            if not isinstance(given, Iterable) or not all(isinstance(one, kind) for one in listed):
                raise CircuitError(f"{part} of a circuit must be a list of {kind.__name__}s, not {given!r}")
            object.__setattr__(self, part, listed)
        object.__setattr__(self, "dt", quantity(self.dt, MS, "dt"))
        POSITIVE.check(self.dt, MS, "dt")
        if not isinstance(self.name, str) or not isinstance(self.needs, MinimumDurations):
            raise CircuitError(
                f"a circuit has a name and MinimumDurations(...), "
                f"not {self.name!r} and needs = {self.needs!r}"
            )
        object.__setattr__(self, "projections", tuple(self._shaped(p) for p in self.projections))
        check(self)

    def _shaped(self, projection: Projection) -> Projection:
        """Return a projection with its weights as an array of the shape of its connection."""
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
        weight = np.broadcast_to(weight, shape).copy()
        if not projection.bounded:
            return replace(projection, weight=weight)
        low, high = (self._limit(projection, end, where, shape) for end in ("low", "high"))
        outside = ~((weight >= low) & (weight <= high))
        if outside.any():
            raise CircuitError(f"{where}: a weight is {weight[outside][0]:g}, outside its bounds")
        return replace(projection, weight=weight, low=low, high=high)

    def _limit(self, projection: Projection, end: str, where: str, shape: tuple[int, ...]) -> Weights:
        limit = _numbers(getattr(projection, end), f"{where}: {end}")
        if limit.ndim and limit.shape != shape:
            raise CircuitError(f"{where}: {end} has shape {limit.shape}, but must have {shape} (post, pre)")
        return np.broadcast_to(limit, shape).copy()

    # Weights -----------------------------------------------------------------------------------
    @property
    def weights(self) -> dict[str, Weights]:
        """Return all weights by projection name; shared ones under the projection that owns them."""
        return {p.name: np.asarray(p.weight) for p in self.projections if not p.shared_with}

    def with_weights(self, weights: Mapping[str, Weights]) -> Circuit:
        """Return the same circuit with other weights (of some or all projections).

        Raises:
            CircuitError: a projection is unknown, or an array does not fit.
        """
        for name in weights:
            self.projection(name)
        changed = [replace(p, weight=weights[p.name]) if p.name in weights else p for p in self.projections]
        return replace(self, projections=changed)

    # Files -------------------------------------------------------------------------------------
    def to_dict(self) -> dict[str, Any]:
        """Describe the structure as data for JSON, without arrays.

        See :mod:`corticalnet.circuits.serialisation`.
        """
        return to_dict(self)

    def save(self, path: str | Path) -> None:
        """Write ``path.json`` (structure) and ``path.safetensors`` (weights and synapses).

        Raises:
            CircuitError: a part cannot be written as JSON, or the disk says no.
        """
        save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Circuit:
        """Load a circuit that :meth:`save` wrote; its cells' classes must have been defined.

        Raises:
            CircuitError: a file is missing or damaged, or has a kind that is not known.
        """
        return load(path, cls)

    # Looking -----------------------------------------------------------------------------------
    def schedule(self) -> Schedule:
        """Return the step contract: the phases in order; prints as a table."""
        return SCHEDULE

    def __str__(self) -> str:
        cells = [[p.name, str(p.n), p.cell.title()] for p in self.populations]
        header = ["name", "from", "to", "port", "sends", "synapses", "plasticity"]
        rows: list[list[str]] = []
        for p in self.projections:
            how = (
                p.connection.describe()
                if not p.shared_with
                else f"{'back' if p.runs_back else 'also'} along {p.shared_with}"
            )
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
        step = f"a step is {self.dt:g} ms" if self.timed else "steps have no duration"
        foot = f"{total:,} cells, {count:,} synapses, {step}"
        return "\n\n".join(
            [table(["population", "cells", "kind"], cells, self.name), table(header, rows), foot]
        )
