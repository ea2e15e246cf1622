"""Projections and broadcasts as bundles: those that do the same thing become one Synapses object.

A bundle sums weight × the state of its source into a field of the target's rows; a projection that shares
its synapses is a second sum in the same bundle, towards the source's rows if it runs back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from corticalnet.circuits import Broadcast, Projection
from corticalnet.engines.brian2_engine.bundle import Bundle, Delayed, Member, SummedVariable
from corticalnet.engines.brian2_engine.code import Formula
from corticalnet.engines.brian2_engine.fields import Fields
from corticalnet.engines.plan import Block, PortSum
from corticalnet.errors import EngineError


class Bundles:
    """All bundles of a circuit, in order.

    Raises:
        EngineError: a projection runs along another between other columns.
    """

    def __init__(self, fields: Fields) -> None:
        self.fields, self.plan, self.circuit = fields, fields.plan, fields.circuit
        self.all: list[Bundle] = []
        self._by_key: dict[Any, Bundle] = {}
        self._by_part: dict[tuple[str, str], tuple[Bundle, SummedVariable]] = {}
        self._arriving: dict[tuple[int, str, str], dict[str, None]] = {}
        self._sums = {
            (s.block.index, s.role, s.port): phase.name
            for phase, operations in self.plan.steps
            for s in operations
            if isinstance(s, PortSum)
        }
        self._readers: dict[Delayed, list[SummedVariable]] = {}
        for projection in self.circuit.projections:
            if not projection.shared_with:
                self._project(projection)
        for broadcast in self.circuit.broadcasts:
            for target in broadcast.targets:
                self._broadcast(broadcast, target)

    # What a cell receives -------------------------------------------------------------------------
    def heard(self, block: Block, role: str, port: str, suffix: str = "") -> Any:
        """Return what a port receives: sums, then wires, then noise (0 where there is none), as a formula."""
        names = self.fields.names
        arriving = self._arriving.get((block.index, role, port), ())
        parts: list[Any] = [Formula(name + suffix) for name in arriving]
        for wire in block.wires[role, port]:
            value = Formula(names(wire.role, wire.state) + suffix)
            parts.append(value if wire.weight == 1 else wire.weight * value)
        if (role, port) in self.fields.noise or not parts:
            parts.append(Formula(names(role, port, "noise") + suffix))
        return sum(parts[1:], parts[0])

    # Looking up --------------------------------------------------------------------------------
    def of(self, projection: str) -> Bundle:
        """Return the bundle of a projection."""
        return next(b for b in self.all for m in b.members if m.projection == projection)

    def totals(self, operation: PortSum) -> list[SummedVariable]:
        """Return the sums for an operation of the plan."""
        place = operation.block.index, operation.role, operation.port
        parts = [
            (part, area)
            for area, parts in zip(operation.block.areas, operation.arriving, strict=True)
            for part in parts
        ]
        return [self._by_part[part.name, self._target(part, area, place)][1] for part, area in parts]

    def _target(self, part: Projection | Broadcast, area: str, place: tuple[int, str, str]) -> str:
        if isinstance(part, Projection):
            return part.target
        here = [p.name for p in self.circuit.populations if (p.area, p.role) == (area, place[1])]
        return next(target for target in part.targets if target in here)

    def broadcasts(self, projection: Projection) -> list[SummedVariable]:
        """Return the sums that bring broadcasts to a projection's plasticity."""
        return [total for (name, target), (_, total) in self._by_part.items() if target == projection.name
                and name in [b.name for b in self.circuit.broadcasts]]  # fmt: skip

    def finished(self, total: SummedVariable, done: set[int]) -> list[Delayed]:
        """Return the registers that a sum was the last to read."""
        return [
            d
            for d, readers in self._readers.items()
            if total in readers and all(id(r) in done for r in readers)
        ]

    def arrived(self, projection: Projection, state: str) -> str:
        """Return the field with the state that arrived last along a delayed projection."""
        steps = self.circuit.delay_steps(projection)
        return self.fields.register(projection.source, state, self._when(projection), steps + 1)

    def _when(self, projection: Projection) -> str:
        """Return when a delayed projection's register is read and shifts: in a phase, or at its end."""
        place = self.plan.places[projection.target]
        phase = self._sums[place.block.index, place.role, projection.port]
        return phase if place.cell.ports[projection.port] else f"{phase}_end"

    # Making ------------------------------------------------------------------------------------
    def _project(self, forth: Projection) -> None:
        others = [p for p in self.circuit.projections if p.shared_with == forth.name]
        rows = [self.fields.rows(p) for p in (forth.source, forth.target)]
        for one in others:
            way_of, ends = "forth", (one.source, one.target)
            if one.runs_back:
                way_of, ends = "back", ends[::-1]
            if [self.fields.rows(p) for p in ends] != rows:
                raise EngineError(
                    f"the Brian2 engine runs projection '{one.name}' {way_of} along '{forth.name}' only "
                    "between populations of the same areas; engine='torch' has no such limit"
                )
        pre, post, weight = forth.connection.synapses(*(b - a for a, b in rows))
        # Sorted by presynaptic cell, so that a sum does not wait for its own last addition.
        order = np.argsort(pre, kind="stable")
        pre, post, weight = pre[order], post[order], weight[order]
        tied = forth.plasticity is not None and len(np.unique(weight)) < len(weight)
        way = [self._way(p) for p in (forth, *others)]
        key = tuple(way), self._plastic_key(forth), forth.name if tied else ""
        bundle = self._bundle(key, way, f"projections_{len(self.all) + 1:03d}", True)
        bundle.plastic, bundle.tied = (forth if forth.plasticity else None), tied
        bundle.add(pre + rows[0][0], post + rows[1][0], Member(forth.name, weight, order))
        if forth.bounded and forth.plasticity:
            for limits, end in ((bundle.low, forth.low), (bundle.high, forth.high)):
                limits.append(np.ravel(np.asarray(end))[weight])
        for part, total in zip((forth, *others), bundle.totals, strict=True):
            if total.magnitudes is not None:
                total.magnitudes.append(np.ravel(np.asarray(part.weight))[weight])
            self._note(part, part.target, bundle, total)

    def _plastic_key(self, forth: Projection) -> Any:
        """Return a key that is equal for projections that learn by the same code."""
        if forth.plasticity is None:
            return None
        place = self.plan.places[forth.target]
        pre, post = (self.circuit.population(p) for p in (forth.source, forth.target))
        words = forth.plasticity.reads(pre.cell, post.cell)["port"] | set(forth.plasticity.slots.values())
        read = [port for port in post.cell.ports if port in words]
        wires = tuple(place.block.wires[place.role, port] for port in read)
        summed = any((place.block.index, place.role, port) in self._sums for port in read)
        heard = tuple(b.name for b in self.circuit.broadcasts if forth.name in b.targets)
        cells = tuple((p.role, type(p.cell)) for p in (pre, post))
        return forth.plasticity, forth.bounded, cells, wires, heard, place.block.index if summed else -1

    def _way(self, part: Projection | Broadcast, target: str = "") -> tuple[Any, ...]:
        """Return a key of a part: the field it reads, when, and the role and port it reaches."""
        place = self.plan.places[target or part.target]  # type: ignore[union-attr]
        phase = self._sums[place.block.index, place.role, part.port]
        state = self.circuit.sent(part.source, part.sends)
        reads = self.fields.names(self.plan.places[part.source].role, state)
        steps = self.circuit.delay_steps(part) if isinstance(part, Projection) else 0
        if isinstance(part, Projection) and steps:
            reads = self.fields.register(part.source, state, self._when(part), steps)
        back = isinstance(part, Projection) and part.runs_back
        weighs = not isinstance(part, Projection) or part.plasticity is None or part.plasticity.weighs
        event = self.circuit.is_event(part) and not back and weighs
        signs = isinstance(part, Projection) and back and part.weight is not None
        return reads, phase, part.port, place.role, back, event, signs

    def _bundle(self, key: Any, ways: Sequence[tuple[Any, ...]], name: str, weighted: bool) -> Bundle:
        if key not in self._by_key:
            totals = []
            for reads, _, port, role, back, event, signs in ways:
                words, k = (role, port, "port"), 1
                while self.fields.names(*words) in self.fields.values:
                    words, k = (role, port, f"port{k + 1}"), k + 1
                total = SummedVariable(self.fields.new(*words), reads, back, event and weighted)
                total.magnitudes = [] if signs else None
                totals.append(total)
            self._by_key[key] = Bundle(name, weighted, totals)
            self.all.append(self._by_key[key])
        return self._by_key[key]

    def _note(self, part: Projection | Broadcast, target: str, bundle: Bundle, total: SummedVariable) -> None:
        self._by_part[part.name, target] = bundle, total
        if target not in self.plan.places:
            return
        place = self.plan.places[target]
        self._arriving.setdefault((place.block.index, place.role, part.port), {})[total.target] = None
        if isinstance(part, Projection) and part.delay:
            for state in self.circuit.carried(part):
                self._remember(part, state, total)

    def _remember(self, projection: Projection, state: str, total: SummedVariable) -> None:
        """Let a delayed sum read a register of this state, which shifts when all have read it."""
        source, when, steps = projection.source, self._when(projection), self.circuit.delay_steps(projection)
        if projection.plasticity is not None:  # it learns by what arrived, after the register has moved on
            steps += 1
            self.arrived(projection, state)
        same = [d for d in self._readers if (d.population, d.state, d.when) == (source, state, when)]
        readers = [reader for d in same for reader in self._readers.pop(d)]
        steps = max([steps, *(d.steps for d in same)])
        self._readers[Delayed(source, state, when, steps)] = [*readers, total]

    def _broadcast(self, broadcast: Broadcast, target: str) -> None:
        source = self.fields.rows(broadcast.source)[0]
        name = f"broadcasts_{len(self.all) + 1:03d}"
        if target in self.plan.places:
            way, rows = self._way(broadcast, target), self.fields.rows(target)
            bundle = self._bundle(("broadcast", way), [way], name, False)
        else:
            rows = self.fields.rows(self.circuit.projection(target).target)
            place, state = (
                self.plan.places[broadcast.source],
                self.circuit.sent(broadcast.source, broadcast.sends),
            )
            key = ("heard", broadcast.name)
            if key not in self._by_key:
                heard = self.fields.new("heard", broadcast.name)
                self._by_key[key] = Bundle(
                    name, False, [SummedVariable(heard, self.fields.names(place.role, state), False)]
                )
                self.all.append(self._by_key[key])
            bundle = self._by_key[key]
        if not any(rows[0] == post[0] for post in bundle.post if len(post)) or target in self.plan.places:
            bundle.add(np.full(rows[1] - rows[0], source), np.arange(*rows))
        self._note(broadcast, target, bundle, bundle.totals[0])
