"""A plan as a C program: the operations of a step, one after the other, many steps in a call.

Cells are their own functions, called with formulas (:mod:`corticalnet.engines.formula`); those of a block
that act one after the other share a loop. Sums are the same matrix products that torch makes, by the same
library. What need not be computed again because nothing that it reads has changed is left out, as by the
operations on tensors (:mod:`corticalnet.engines.torch_engine.operations`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from corticalnet.circuits import Broadcast, Projection
from corticalnet.engines.formula import Formula, number
from corticalnet.engines.plan import Act, Block, Learn, Plan, PortSum, Record
from corticalnet.engines.torch_engine.learning import Learner
from corticalnet.engines.torch_engine.native.carrying import carry
from corticalnet.engines.torch_engine.native.changing import Change
from corticalnet.engines.torch_engine.native.library import functions_of_torch
from corticalnet.engines.torch_engine.native.loops import Loop
from corticalnet.engines.torch_engine.native.memory import Key
from corticalnet.engines.torch_engine.native.reading import Reading
from corticalnet.engines.torch_engine.weights import Weights

HEADER = Path(__file__).with_name("steps.h")


class StepProgram(Reading):
    """The C source of a plan's steps, for a number of samples.

    Args:
        plan: what runs.
        weights: that carry messages.
        learners: of plastic projections.
        batch: samples.
        noise: ports that receive noise, (block, role, port).
        single: whether numbers are float32.

    Attributes:
        source: the program.
    """

    def __init__(
        self,
        plan: Plan,
        weights: Weights,
        learners: Mapping[str, Learner],
        batch: int,
        noise: Collection[Key],
        single: bool,
    ) -> None:
        super().__init__(plan, weights, learners, batch, noise)
        self.single = single
        operations = [operation for _, phase in plan.steps for operation in phase]
        self._standing = _standing([operation for operation in operations if isinstance(operation, Act)])
        self._lay_out()
        self._pieces: list[list[str]] = []
        self._open: dict[int, _Together] = {}
        for operation in operations:
            if isinstance(operation, Act):
                self._act(operation)
                continue
            self._close()
            if isinstance(operation, PortSum):
                self._sum(operation)
            elif isinstance(operation, Learn):
                for projection in operation.projections:
                    self._pieces.append(Change(self, projection).lines)
            elif isinstance(operation, Record):
                self._pieces.append(["write_down(w, k);"])
        self._close()
        self.source = self._written()

    @property
    def exact(self) -> bool:
        """Return whether numbers are the same bits as those of the operations on tensors."""
        # (of float32 numbers the operations on tensors compute some conditions in float64)
        return self.memory.exact and not self.single and functions_of_torch()

    def _lay_out(self) -> None:
        """Place all that the next step depends on; first what changes in every step."""
        memory, plan, circuit = self.memory, self.plan, self.plan.circuit
        standing = {
            (act.block.index, act.role, name)
            for act in self._standing
            for name in act.block.roles[act.role].equations[act.phase]
        }
        states = [
            (b, role, name) for b in plan.blocks for role, cell in b.roles.items() for name in cell.state
        ]
        for block, role, name in states:
            if (block.index, role, name) not in standing:
                memory.of_block("state", block, role, name)
        for index, role, port in sorted(self.summed):
            memory.of_block("port", plan.blocks[index], role, port)
        for name, learner in self.learners.items():
            for state in learner.synapse:
                memory.array(("synapse", name, state), self.batch, *learner.shape)
        for part in (one for one in circuit.projections if one.delay):
            shape = self.batch, circuit.population(part.source).n
            for state in circuit.carried(part):
                memory.array(("delay", part.name, state), circuit.delay_steps(part), *shape)
                memory.array(("arrived", part.name, state), *shape)
        memory.moving = memory.size
        for block, role, name in states:
            memory.of_block("state", block, role, name)
        memory.standing = memory.size

    def _written(self) -> str:
        lines = ["#define SINGLE"] if self.single else []
        lines += [HEADER.read_text(encoding="utf-8"), "#define ARGUMENTS World *w, real *restrict m, long k"]
        for nth, piece in enumerate(self._pieces):
            lines += [f"static void __attribute__((noinline)) piece_{nth}(ARGUMENTS) {{"]
            lines += [
                "    long *v = w->version, *q = w->seen; (void)v; (void)q;",
                *("    " + p for p in piece),
                "}",
                "",
            ]
        lines += ["void run(World *w, long from, long to) {", "    for (long k = from; k < to; k++) {"]
        lines += [f"        piece_{nth}(w, w->memory, k);" for nth in range(len(self._pieces))]
        return "\n".join([*lines, "    }", "}", ""])

    # Cells -------------------------------------------------------------------------------------
    def _act(self, act: Act) -> None:
        block, standing = act.block, act in self._standing
        if standing:
            self._close(block.index)
        together = self._open.setdefault(block.index, _Together(self, block))
        cell = block.roles[act.role]
        cells = SimpleNamespace(
            **{name: together.read(act.role, name) for name in (*cell.state, *cell.inputs)}
        )
        port = SimpleNamespace(**{name: together.heard(act.role, name) for name in cell.ports})
        together.write(act.role, cell.act(act.phase)(cells, port, self.dt))
        if standing:
            reads = [n for n in (*cell.state, *cell.inputs) if n in cell.reads[act.phase]]
            versions = [
                self.memory.version("input" if n in cell.inputs else "state", block.index, act.role, n)
                for n in (*reads, *cell.equations[act.phase])
            ]
            changed, remember = self.memory.remember(versions)
            lines = self._open.pop(block.index).written()
            self._pieces.append([f"if ({changed}) {{", *("    " + one for one in (*lines, *remember)), "}"])

    def _close(self, block: int | None = None) -> None:
        """Write what is open of a block, or of all."""
        for index in [block] if block is not None else list(self._open):
            if index in self._open:
                self._pieces.append(self._open.pop(index).written())

    # Sums --------------------------------------------------------------------------------------
    def _sum(self, total: PortSum) -> None:
        """Write the sums of a port, area by area: each only if what is sent to it or a weight has changed."""
        lines = []
        for columns, parts in zip(total.block.columns, total.arriving, strict=True):
            out = self.memory.of_block("port", total.block, total.role, total.port) + columns.start
            area = self._area(parts, out, total.block.n, columns.stop - columns.start)
            if not any(isinstance(part, Projection) and _is_late(part) for part in parts):
                changed, remember = self.memory.remember([v for part in parts for v in self._sent_by(part)])
                area = [f"if ({changed or 0}) {{", *("    " + line for line in (*area, *remember)), "}"]
            lines += ["{", *("    " + line for line in area), "}"]
        self._pieces.append(lines)

    def _area(self, parts: list[Projection | Broadcast], out: int, row: int, n: int) -> list[str]:
        """Write the sum of what arrives at ``n`` cells, in rows that begin at ``out``."""
        lines = []
        for nth, part in enumerate(parts):
            if nth == 0 and n == row:
                lines += carry(self, part, n, f"m + {out}", row)
                continue
            # (a sum of its own begins where vectors do, as that of torch: elsewhere MKL may round otherwise)
            one = self.memory.scratch("sum", self.batch * n)
            lines += ["{", *carry(self, part, n, f"m + {one}", n)]
            total, new = f"m[{out} + b * {row} + i]", f"m[{one} + b * {n} + i]"
            lines.append(f"for (long b = 0; b < {self.batch}; b++)")
            lines.append(
                f"    LOOP for (long i = 0; i < {n}; i++) {total} = {f'{total} + ' if nth else ''}{new};"
            )
            lines.append("}")
        return lines

    def _sent_by(self, part: Projection | Broadcast) -> list[str]:
        """Return the versions of what a part carries: the state that is sent, and its weights."""
        place, sent = self.plan.places[part.source], self.plan.circuit.sent(part.source, part.sends)
        versions = [self.memory.version("state", place.block.index, place.role, sent)]
        if isinstance(part, Projection):
            versions.append(self.memory.version("weight", part.shared_with or part.name))
        return versions


def _is_late(part: Projection) -> bool:
    """Return whether what arrives is another sum in each step, see :class:`.operations.Summing`."""
    return bool(part.delay) or (part.plasticity is not None and not part.plasticity.weighs)


class _Together:
    """The cells of a block that act one after the other: one loop over samples and columns."""

    def __init__(self, reading: Reading, block: Block) -> None:
        self._reading, self._block, self._loop = reading, block, Loop()
        self._new: dict[tuple[str, str], Formula] = {}

    def read(self, role: str, name: str) -> Formula:
        """Return a state or input of a role, as it is by now."""
        if (role, name) in self._new:
            return self._new[role, name]
        kind = "input" if name in self._block.roles[role].inputs else "state"
        return Formula(f"m[{self._reading.memory.of_block(kind, self._block, role, name)} + i]")

    def heard(self, role: str, port: str) -> Formula:
        """Return what a role receives at a port."""
        return self._reading.received(self._block, role, port, "i", self.read)

    def write(self, role: str, new: Mapping[str, Any]) -> None:
        """Set states to new values."""
        values = {name: self._loop.name(number(value)) for name, value in new.items()}
        self._new |= {(role, name): value for name, value in values.items()}

    def written(self) -> list[str]:
        """Write the loop."""
        memory, versions = self._reading.memory, []
        for (role, name), value in self._new.items():
            self._loop.store(f"m[{memory.of_block('state', self._block, role, name)} + i]", value)
            versions.append(memory.version("state", self._block.index, role, name) + "++;")
        return [*self._loop.written(str(memory.batch * self._block.n)), *versions]


def _standing(acts: list[Act]) -> set[Act]:
    """Find the acts that need not be done again while nothing that they read has changed.

    They read no port and no state that they write, and what they read is an input or written by such acts.
    """
    found = set(acts)

    def moves(act: Act) -> bool:
        cell = act.block.roles[act.role]
        reads, writes = cell.reads[act.phase], set(cell.equations[act.phase])
        others = {
            name
            for other in acts
            if other not in found and (other.block, other.role) == (act.block, act.role)
            for name in cell.equations[other.phase]
        }
        return any(name.startswith("port_") for name in reads) or bool(
            reads & writes or (reads | writes) & others
        )

    while moving := {act for act in found if moves(act)}:
        found -= moving
    return found
