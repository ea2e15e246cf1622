"""What projections and broadcasts bring to a port, as C.

See :mod:`corticalnet.engines.torch_engine.connections` and :mod:`corticalnet.engines.torch_engine.weights`.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits import Broadcast, Projection
from corticalnet.engines.formula import Formula
from corticalnet.engines.torch_engine.connections import Dense, Fanned, Listed, Single
from corticalnet.engines.torch_engine.native.loops import Loop
from corticalnet.engines.torch_engine.native.reading import Reading

#: Populations of so many cells are looked at for who fires, see :mod:`..weights`.
_MANY = 64


def carry(reading: Reading, part: Projection | Broadcast, n: int, to: str, row: int) -> list[str]:
    """Write what a part brings to ``n`` cells of each sample, into rows of a length that begin at ``to``."""
    memory, circuit = reading.memory, reading.plan.circuit
    place = reading.plan.places[part.source]
    sent = circuit.sent(part.source, part.sends)
    pre, wide = place.columns.stop - place.columns.start, place.block.n
    x = f"(m + {memory.of_block('state', place.block, place.role, sent) + place.columns.start})"
    if isinstance(part, Broadcast):
        return _loops(memory.batch, n, f"({to})[b * {row} + i] = {x}[b * {wide}];")
    lines = []
    if part.delay:
        lines, x, wide = (
            _moved(reading, part),
            f"(m + {memory.array(('arrived', part.name, sent), memory.batch, pre)})",
            pre,
        )
    if part.plasticity is not None and not part.plasticity.weighs:
        return lines + _transmitted(reading, part, x, wide, n, to, row)
    name = part.shared_with or part.name
    connection = reading.weights.connections[name]
    own = f"w->weights[{memory.number(memory.weights, name)}]"
    # (torch adds up lists of synapses, and those of few cells that fire, in another order)
    memory.exact = memory.exact and not isinstance(connection, Listed) and not circuit.is_event(part)
    if part.shared_with and part.weight is not None:
        more, own = _signs(reading, part, own)
        lines += more
    back = part.runs_back
    if isinstance(connection, Dense):
        return lines + _dense(reading, part, own, (pre, n), x, wide, to, row)
    if isinstance(connection, Single):
        return lines + _loops(memory.batch, n, f"({to})[b * {row} + i] = {x}[b * {wide} + i] * {own}[i];")
    if isinstance(connection, Fanned):
        many = connection.many
        if connection.out != back:  # from one to its own many
            return lines + _loops(
                memory.batch, n, f"({to})[b * {row} + i] = {x}[b * {wide} + i / {many}] * {own}[0];"
            )
        add = f"for (long j = 0; j < {many}; j++) sum += {x}[b * {wide} + i * {many} + j];"
        return lines + _loops(memory.batch, n, f"real sum = 0; {add} ({to})[b * {row} + i] = sum * {own}[0];")
    assert isinstance(connection, Listed), "there is no other kind"
    return lines + _listed(reading, part, connection, own, (pre, n), x, wide, to, row)


def _loops(batch: int, n: int, body: str) -> list[str]:
    """Write loops over samples and cells."""
    return [f"for (long b = 0; b < {batch}; b++)", f"    for (long i = 0; i < {n}; i++) {{ {body} }}"]


def _moved(reading: Reading, part: Projection) -> list[str]:
    """Write how what is on its way moves by a step, see :class:`.readers.Line`."""
    memory, circuit, place = reading.memory, reading.plan.circuit, reading.plan.places[part.source]
    steps, n = circuit.delay_steps(part), place.columns.stop - place.columns.start
    slot = f"w->slot[{memory.number(memory.delays, part.name)}]"
    lines = [f"const long oldest = {slot};"]
    size = memory.batch * n
    for state in circuit.carried(part):
        line = memory.array(("delay", part.name, state), steps, memory.batch, n)
        arrived = memory.array(("arrived", part.name, state), memory.batch, n)
        lines.append(f"memcpy(m + {arrived}, m + {line} + oldest * {size}, {size} * sizeof(real));")
        now = memory.at("state", place, state, "i")
        lines += _loops(memory.batch, n, f"m[{line} + oldest * {size} + b * {n} + i] = {now};")
    return [*lines, f"{slot} = (oldest + 1) % {steps};"]


def _dense(
    reading: Reading, part: Projection, own: str, sizes: tuple[int, int], x: str, wide: int, to: str, row: int
) -> list[str]:
    memory, (pre, n) = reading.memory, sizes
    batch = memory.batch
    if part.runs_back:
        whole = f"product('n', 'n', {batch}, {n}, {pre}, {x}, {wide}, {own}, {n}, {to}, {row});"
    else:
        whole = f"product('n', 't', {batch}, {n}, {pre}, {x}, {wide}, {own}, {pre}, {to}, {row});"
    if not reading.plan.circuit.is_event(part) or pre < _MANY:
        return [whole]
    name = part.shared_with or part.name
    if not part.runs_back and reading.plan.circuit.projection(name).plasticity is not None:
        return [whole]  # (weights that change would have to be turned again and again)
    rows = own if part.runs_back else f"w->turned[{memory.number(memory.turned, name)}]"
    return [f"if (!by_events({batch}, {pre}, {x}, {wide}, {n}, {rows}, {to}, {row})) {whole}"]


def _signs(reading: Reading, part: Projection, own: str) -> tuple[list[str], str]:
    """Write the present signs of shared weights times the projection's own magnitudes."""
    memory, weight = reading.memory, part.weight
    shape = reading.weights.tensors[part.shared_with].shape
    size = int(np.prod(shape))
    made = memory.array(("signed", part.name), size)
    changed, remember = memory.remember([memory.version("weight", part.shared_with)])
    magnitude: NDArray[Any] = np.broadcast_to(np.asarray(weight, dtype=np.float64), shape)
    memory.constants.append(magnitude)
    number = len(memory.constants) - 1
    line = f"for (long i = 0; i < {size}; i++) m[{made} + i] = sign({own}[i]) * w->constants[{number}][i];"
    return [f"if ({changed}) {{ {line} {' '.join(remember)} }}"], f"(m + {made})"


def table(rows: NDArray[Any], n: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Convert a padded table of synapses to where each row begins, and all of its synapses in order."""
    there = rows != n
    return np.concatenate([[0], np.cumsum(there.sum(1))]), rows[there]


def _listed(
    reading: Reading,
    part: Projection,
    connection: Listed,
    own: str,
    sizes: tuple[int, int],
    x: str,
    wide: int,
    to: str,
    row: int,
) -> list[str]:
    memory, (pre, n), back = reading.memory, sizes, part.runs_back
    sender, receiver = (connection.post, connection.pre) if back else (connection.pre, connection.post)
    rows = connection.fan_out if back else connection.fan_in
    leaving = connection.fan_in if back else connection.fan_out
    if reading.plan.circuit.is_event(part) and pre >= _MANY:  # from each that fires to all that it reaches
        first, order = table(leaving.cpu().numpy(), connection.n)
        begin, target, weight = map(
            memory.synapses, (first, receiver.cpu().numpy()[order], connection.weight.cpu().numpy()[order])
        )
        inner = f"for (int s = {begin}[j]; s < {begin}[j + 1]; s++) ({to})[b * {row} + {target}[s]]"
        return [
            *_loops(memory.batch, n, f"({to})[b * {row} + i] = 0;"),
            f"for (long b = 0; b < {memory.batch}; b++)",
            f"    for (long j = 0; j < {pre}; j++) {{",
            f"        const real much = {x}[b * {wide} + j];",
            f"        if (much != 0) {inner} += much * {own}[{weight}[s]];",
            "    }",
        ]
    first, order = table(rows.cpu().numpy(), connection.n)
    begin, source, weight = map(
        memory.synapses, (first, sender.cpu().numpy()[order], connection.weight.cpu().numpy()[order])
    )
    add = f"sum += {x}[b * {wide} + {source}[s]] * {own}[{weight}[s]];"
    return _loops(
        memory.batch,
        n,
        f"real sum = 0; for (int s = {begin}[i]; s < {begin}[i + 1]; s++) {add} ({to})[b * {row} + i] = sum;",
    )


class Synaptic:
    """The synapses of a projection, numbered ``s``, and where each finds its numbers.

    Args:
        reading: what they are of.
        projection: which.

    Attributes:
        n: how many there are.
        pre, post: C names of the numbers of their cells; ``weight`` of that of their weight.
        own: of their weights.
    """

    def __init__(self, reading: Reading, projection: Projection) -> None:
        memory, self.connection = reading.memory, reading.weights.connections[projection.name]
        circuit = reading.plan.circuit
        self.pres = circuit.population(projection.source).n
        self.posts = circuit.population(projection.target).n
        self.own = f"w->weights[{memory.number(memory.weights, projection.name)}]"
        self.weights = reading.weights.tensors[projection.name].numel()
        self.dense = isinstance(self.connection, Dense)
        if self.dense:
            self.n, self.pre, self.post, self.weight = (
                self.pres * self.posts,
                "j",
                "o",
                f"(o * {self.pres} + j)",
            )
        elif isinstance(self.connection, Single):
            self.n, self.pre, self.post, self.weight = self.posts, "s", "s", "s"
        else:
            assert isinstance(self.connection, Listed), "there is no other kind"
            self.n = self.connection.n
            self.pre, self.post, self.weight = (
                f"{memory.synapses(index.cpu().numpy())}[s]"
                for index in (self.connection.pre, self.connection.post, self.connection.weight)
            )

    def over(self, body: list[str], batch: int = 0) -> list[str]:
        """Write a body for every synapse (of every sample ``b``)."""
        if self.dense:
            lines = [
                f"for (long o = 0; o < {self.posts}; o++)",
                f"    for (long j = 0; j < {self.pres}; j++) {{",
                f"        const long s = o * {self.pres} + j;",
            ]
        else:
            lines = ["{", f"    for (long s = 0; s < {self.n}; s++) {{"]
        lines += [*("        " + line for line in body), "    }", *([] if self.dense else ["}"])]
        return (
            [f"for (long b = 0; b < {batch}; b++) {{", *("    " + line for line in lines), "}"]
            if batch
            else lines
        )

    def state(self, reading: Reading, projection: Projection, name: str) -> str:
        """Return the C name of a state of a synapse of sample ``b``."""
        shape = tuple(reading.learners[projection.name].shape)
        begin = reading.memory.array(("synapse", projection.name, name), reading.batch, *shape)
        return f"m[{begin} + b * {self.n} + s]"


def _transmitted(
    reading: Reading, part: Projection, x: str, wide: int, n: int, to: str, row: int
) -> list[str]:
    """Write what synapses that do more than multiply bring: the sum of what each transmits."""
    rule, synaptic = part.plasticity, Synaptic(reading, part)
    reading.memory.exact = False
    assert rule is not None, "others only weigh"
    states = {name: Formula(synaptic.state(reading, part, name)) for name in rule.states}
    synapse = SimpleNamespace(weight=Formula(f"{synaptic.own}[{synaptic.weight}]"), **states)
    loop = Loop(vectors=False)
    each = rule.transmits(synapse, Formula(f"{x}[b * {wide} + {synaptic.pre}]"))
    loop.add(f"({to})[b * {row} + {synaptic.post}] += {{}};", each)
    return [
        *_loops(reading.batch, n, f"({to})[b * {row} + i] = 0;"),
        *synaptic.over(loop.statements(), reading.batch),
    ]
