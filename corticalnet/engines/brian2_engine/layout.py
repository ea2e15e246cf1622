"""A plan as Brian2 will hold it: fields of one flat group, bundles of synapses, and code in order.

Nothing here needs Brian2. All columns of all blocks are rows of one group; every state of every role is
a field of all rows. Projections that do the same thing are one *bundle*, one Synapses object. Instructions of
the same rows is joined as long as nothing between reads or writes what it writes or reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace

from corticalnet.circuits import Circuit, Projection
from corticalnet.engines.brian2_engine.bundle import Bundle, SummedVariable
from corticalnet.engines.brian2_engine.bundles import Bundles
from corticalnet.engines.brian2_engine.code import Formula
from corticalnet.engines.brian2_engine.fields import Fields
from corticalnet.engines.brian2_engine.learning import learning
from corticalnet.engines.brian2_engine.statements import copied, split, statements
from corticalnet.engines.plan import Act, Block, Deliver, Learn, Plan, PortSum

Touched = set[tuple[str, int]]


@dataclass(eq=False)
class Instructions:
    """Statements for some rows of the group.

    Attributes:
        phase, order: when it runs.
        rows: first and last + 1.
        lines: the statements.
        reads, writes: (field, block).
    """

    phase: str
    rows: tuple[int, int]
    lines: list[str]
    reads: Touched
    writes: Touched
    order: int = 0

    def meets(self, other: Instructions) -> bool:
        """Return whether the two must stay in their order."""
        return bool(self.writes & (other.writes | other.reads) or self.reads & other.writes)


@dataclass(eq=False)
class Layout:
    """The whole model as data.

    Args:
        plan: what is to run.
        allowed: whether Brian2 accepts a name.
        tabled: (population, input) that code fills from a table of patterns in each step (a program of its
            own has nobody who would); other inputs are fields that somebody else fills.
        noise: (role, port) that have noise.

    Attributes:
        space: the fields of the group, and its rows; ``names``, ``fields``, ``rows`` and ``n`` are its own.
        bundles: future Synapses.
        codes: future run_regularly operations, in order.
        record_order: of what records, within its phase.
        deliver_phase: in which inputs are delivered.
    """

    plan: Plan
    allowed: Callable[[str], bool]
    tabled: Collection[tuple[str, str]] = ()
    noise: Collection[tuple[str, str]] = ()
    codes: list[Instructions] = field(default_factory=list)
    record_order: int = 0
    deliver_phase: str = ""

    def __post_init__(self) -> None:
        self.space = space = Fields(self.plan, self.allowed, self.noise)
        self.names, self.fields, self.rows, self.n = space.names, space.values, space.rows, space.n
        self.bundles = Bundles(space)
        self._walk()

    @property
    def circuit(self) -> Circuit:
        """Return the circuit that is laid out."""
        return self.plan.circuit

    # The step ----------------------------------------------------------------------------------
    def _walk(self) -> None:
        """Walk through every operation of the plan in turn."""
        self._orders: dict[str, int] = {}
        passed: list[Instructions] = []
        done: set[int] = set()
        for phase, operations in self.plan.steps:
            for operation in operations:
                if isinstance(operation, Deliver):
                    new = list(self._deliver(phase.name))
                elif isinstance(operation, Act):
                    new = [self._act(operation)]
                elif isinstance(operation, PortSum):
                    new = self._totals(self.bundles.totals(operation), phase.name, done)
                elif isinstance(operation, Learn):
                    new = []
                    for projection in operation.projections:
                        new += self._totals(self.bundles.broadcasts(projection), phase.name, done)
                        new.append(self._learn(projection, phase.name))
                else:
                    self.record_order = self._next(phase.name)
                    every = {(name, b.index) for name in self.fields for b in self.plan.blocks}
                    new = [Instructions(phase.name, (0, 0), [], every, set())]
                for code in new:
                    self._place(code, passed)
        self.codes = [code for code in passed if code.lines]

    def _next(self, phase: str) -> int:
        self._orders[phase] = self._orders.get(phase, 0) + 1
        return self._orders[phase]

    def _place(self, code: Instructions, passed: list[Instructions]) -> None:
        """Join code to earlier code of the same rows if nothing between interferes; otherwise append it."""
        for earlier in reversed(passed):
            if code.lines and earlier.lines and earlier.rows == code.rows:
                earlier.lines += code.lines
                earlier.reads |= code.reads
                earlier.writes |= code.writes
                return
            if not code.lines or code.meets(earlier):
                break
        code.order = code.order or self._next(code.phase)
        passed.append(code)

    def _code(self, phase: str, block: Block, rows: tuple[int, int], lines: list[str]) -> Instructions:
        reads, writes, lines = set[str](), set[str](), list(map(copied, lines))
        for line in lines:
            name, how, value = split(line)
            writes.add(name)
            reads |= set(re.findall(r"\w+", value)) | (set() if how == "=" else {name})
        known = self.fields.keys()
        return Instructions(
            phase,
            rows,
            lines,
            {(n, block.index) for n in reads & known},
            {(n, block.index) for n in writes & known},
        )

    def _deliver(self, phase: str) -> Iterable[Instructions]:
        """Yield the code that fills inputs from tables, population by population."""
        self.deliver_phase = phase
        for population in self.circuit.populations:
            lines = []
            for name in population.cell.inputs:
                if (population.name, name) in self.tabled:
                    table, shown = self.signal(population.name, name)
                    lines.append(f"{self.names(population.role, name)} = {table}({shown}(t) * ms, i)")
            if lines:
                block = self.plan.places[population.name].block
                yield self._code(phase, block, self.rows(population.name), lines)

    def signal(self, population: str, name: str) -> tuple[str, str]:
        """Return the names of a signal's table of patterns and of its table of indices."""
        return self.names("patterns", population, name), self.names("shown", population, name)

    def _act(self, act: Act) -> Instructions:
        """Write the code of one role in one phase: its cell's function, called with formulas."""
        cell = act.block.roles[act.role]
        known = (*cell.state, *cell.inputs)
        cells = SimpleNamespace(**{name: Formula(self.names(act.role, name)) for name in known})
        port = SimpleNamespace(**{name: self.bundles.heard(act.block, act.role, name) for name in cell.ports})
        new = cell.act(act.phase)(cells, port, float(self.circuit.dt))
        values = {self.names(act.role, name): value for name, value in new.items()}
        span = self.space.span(act.block)
        prefix = f"_{self.names('new', act.role, act.phase)}_"
        lines = statements(values, lambda k: f"{prefix}{k}", lambda name: f"{prefix}{name}")
        return self._code(act.phase, act.block, (span.start, span.stop), lines)

    def _totals(self, totals: Iterable[SummedVariable], phase: str, done: set[int]) -> list[Instructions]:
        """Return code of bundles' sums, each once, and of registers that shift when all have read them."""
        found = []
        everywhere = [block.index for block in self.plan.blocks]
        for total in totals:
            if id(total) in done:
                continue
            done.add(id(total))
            if total.event:  # emptied; then an event and what it sends go between
                empty = self._next(phase)
                rows, zero = (0, self.n), [f"{total.target} = 0.0"]
                filled = {(total.target, b) for b in everywhere}
                found.append(Instructions(phase, rows, zero, set(), filled, order=empty))
                self._next(phase)
            total.phase, total.order = phase, self._next(phase)
            reads, writes = ({(name, b) for b in everywhere} for name in (total.reads, total.target))
            found.append(Instructions(phase, (0, 0), [], set(reads), set(writes), order=total.order))
            for delayed in self.bundles.finished(total, done):
                place = self.plan.places[delayed.population]
                past = [self.names(place.role, delayed.state)]
                past += [
                    self.names(place.role, delayed.state, delayed.when, "ago", str(k + 1))
                    for k in range(delayed.steps)
                ]
                lines = [f"{past[k]} = {past[k - 1]}" for k in range(delayed.steps, 0, -1)]
                found.append(self._code(phase, place.block, self.rows(delayed.population), lines))
        return found

    def _learn(self, projection: Projection, phase: str) -> Instructions:
        """Place a bundle's learning in the order of the step; return what it reads and writes."""
        bundle: Bundle = self.bundles.of(projection.name)
        code = learning(self.bundles, bundle)
        if not bundle.learn_order:
            bundle.learn_phase, bundle.learn_order = phase, self._next(phase)
            # Learning takes several orders from here on (an event, pathways of slots, shares of tied weights:
            # model.py counts up to learn_order + 4); what comes next must come after all of them.
            self._orders[phase] += 9
        words = {re.sub("_(pre|post)$", "", word) for word in re.findall(r"\w+", code.text)}
        reads = {(name, b.index) for name in words & self.fields.keys() for b in self.plan.blocks}
        return Instructions(phase, (0, 0), [], reads, set(), order=bundle.learn_order)
