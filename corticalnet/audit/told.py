"""What is each synapse of a circuit told? Read from its cells' and synapses' own equations, not from names.

A plastic synapse knows the states of its two cells that its equations read, states of its own, and what
arrives at ports of its postsynaptic cell. Such a port is heard from the synapse's own column (by wires), from
other columns (by synapses with weights to learn, or that run along such), or it is *told*: by cells elsewhere
whose signal reaches all alike. Who tells is followed up: what those cells hear, and what an experimenter
gives them (inputs), such as a reward, a teacher or a clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from corticalnet.circuits import Broadcast, Circuit, Projection, Wire
from corticalnet.errors import CircuitError
from corticalnet.tables import table


@dataclass(frozen=True)
class SynapseReport:
    """What the synapses of one projection learn by.

    Attributes:
        projection: its name.
        pre, post: states of its two cells.
        own: states of the synapse (and its weight, if it learns by that).
        column: what it receives from its own column, "port: population.state".
        others: what it receives from other columns.
        told: what it is told.
    """

    projection: str
    pre: tuple[str, ...]
    post: tuple[str, ...]
    own: tuple[str, ...]
    column: tuple[str, ...]
    others: tuple[str, ...]
    told: tuple[str, ...]


@dataclass(frozen=True)
class TellerReport:
    """A population that tells synapses something, or that is heard by one that does.

    Attributes:
        population: its name.
        says: states that it tells.
        receives: "port: population.state".
        inputs: what it is given from outside.
    """

    population: str
    says: tuple[str, ...]
    receives: tuple[str, ...]
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class CircuitReport:
    """What all synapses of a circuit are told; prints as two tables.

    Attributes:
        name: of the circuit.
        synapses: of each plastic projection.
        tellers: who tells them, and who is heard by those.
    """

    name: str
    synapses: tuple[SynapseReport, ...]
    tellers: tuple[TellerReport, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return all inputs from outside that synapses are told of, at once or by way of other cells."""
        return tuple(f"{t.population}.{name}" for t in self.tellers for name in t.inputs)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        head = ["synapses", "presynaptic", "postsynaptic", "their own", "own column", "other columns", "told"]
        rows = [[s.projection, *map(_words, list(asdict(s).values())[1:])] for s in self.synapses]
        first = table(head, rows, f"{self.name}: what synapses learn by")
        if not self.tellers:
            return f"{first}\n\nnobody tells them anything"
        rows = [[t.population, *map(_words, list(asdict(t).values())[1:])] for t in self.tellers]
        return f"{first}\n\n" + table(["who tells", "says", "receives", "is given"], rows)


def audit_circuit(circuit: Circuit) -> CircuitReport:
    """Report what each plastic synapse of a circuit learns by, and what it is told.

    Args:
        circuit: any.

    Raises:
        CircuitError: it is no circuit.

    >>> import corticalnet as cn
    >>> report = audit_circuit(cn.circuit(cn.mlp([4, 3, 2]), cn.rule("brainprop")))
    >>> report.synapses[0].told, report.inputs
    (('dopamine: dopamine.rpe',), ('dopamine.reward', 'dopamine.outcome', 'world.answer'))
    """
    if not isinstance(circuit, Circuit):
        raise CircuitError(f"audit_circuit takes a Circuit, not {type(circuit).__name__}")
    heard = _Heard(circuit)
    synapses = tuple(heard.by(projection) for projection in circuit.plastic)
    return CircuitReport(circuit.name, synapses, tuple(heard.tellers()))


class _Heard:
    """Who is heard where in a circuit."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self.lines: dict[tuple[str, str], list[Projection | Wire | Broadcast]] = {}
        for projection in circuit.projections:
            self._add(projection.target, projection)
        for wire in circuit.wires:
            self._add(wire.target, wire)
        for broadcast in circuit.broadcasts:
            for target in broadcast.targets:
                self._add(target, broadcast)
        self.said: dict[str, set[str]] = {}  # teller -> states
        plastic = {p.name for p in circuit.plastic}
        self.learned = plastic | {p.name for p in circuit.projections if p.shared_with in plastic}

    def _add(self, target: str, line: Projection | Wire | Broadcast) -> None:
        self.lines.setdefault((target, line.port), []).append(line)

    def by(self, projection: Projection) -> SynapseReport:
        """Return what the synapses of a projection learn by."""
        rule, circuit = projection.plasticity, self.circuit
        assert rule is not None, "asked of plastic projections only"
        pre, post = (circuit.population(end).cell for end in (projection.source, projection.target))
        reads = rule.reads(pre, post)
        names = dict.fromkeys([*rule.slots.values(), *sorted(reads["port"])])
        ports = [name for name in names if name in post.ports]
        states = [name for name in names if name in post.state and name not in ports]
        found: dict[str, list[str]] = {"column": [], "others": [], "told": []}
        for port in ports:
            for line in self.lines.get((projection.target, port), []):
                self._sort(found, port, line, projection)
        for name in rule.slots.values():
            if name not in post.ports and name not in post.state:
                self._tell(found, name, circuit.broadcast_to(projection, name))
        return SynapseReport(
            projection.name,
            tuple(sorted(reads["pre"])),
            tuple(sorted({*reads["post"], *states})),
            tuple(rule.states),
            **{kind: tuple(dict.fromkeys(lines)) for kind, lines in found.items()},
        )

    def _sort(self, found: dict[str, list[str]], port: str, line: Any, projection: Projection) -> None:
        """Sort a line that ends at a port of the postsynaptic cell."""
        if isinstance(line, Wire):
            found["column"].append(f"{port}: {self._sent(line)}")
        elif isinstance(line, Projection) and (line.name in self.learned or line.name == projection.name):
            found["others"].append(f"{port}: {self._sent(line)}")
        else:
            self._tell(found, port, line)

    def _tell(self, found: dict[str, list[str]], port: str, line: Projection | Broadcast) -> None:
        found["told"].append(f"{port}: {self._sent(line)}")
        self.said.setdefault(line.source, set()).add(self.circuit.sent(line.source, line.sends))

    def _sent(self, line: Projection | Wire | Broadcast) -> str:
        return f"{line.source}.{self.circuit.sent(line.source, line.sends)}"

    def tellers(self) -> Iterator[TellerReport]:
        """Yield those who tell synapses something, and then whoever they hear, as far as that goes."""
        told = set(self.said)
        queue = [p.name for p in self.circuit.populations if p.name in self.said]
        columns = {self.circuit.population(p.target).area for p in self.circuit.plastic}
        for name in queue:
            population = self.circuit.population(name)
            lines = [
                (port, line) for port in population.cell.ports for line in self.lines.get((name, port), [])
            ]
            said = tuple(sorted(self.said.get(name, ())))
            receives = tuple(dict.fromkeys(f"{port}: {self._sent(line)}" for port, line in lines))
            yield TellerReport(name, said, receives, tuple(population.cell.inputs))
            for _, line in lines:
                # (what columns do is what the network computes; it is not followed any further)
                if line.source not in told and self.circuit.population(line.source).area not in columns:
                    told.add(line.source)
                    queue.append(line.source)


def _words(values: tuple[str, ...] | list[str]) -> str:
    return ", ".join(values) or "–"
