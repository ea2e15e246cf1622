"""What a plastic projection learns by, as C: see :mod:`corticalnet.engines.torch_engine.learning`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import sympy

from corticalnet.circuits import Projection
from corticalnet.circuits.pointwise import maximum, minimum, where
from corticalnet.engines.formula import Formula, formula, number
from corticalnet.engines.torch_engine.connections import Dense, Listed, Single
from corticalnet.engines.torch_engine.learning import evaluate
from corticalnet.engines.torch_engine.native.carrying import Synaptic, table
from corticalnet.engines.torch_engine.native.loops import Loop
from corticalnet.engines.torch_engine.native.reading import Reading


class Change:
    """The change of a projection's weights in a step.

    Args:
        reading: what it is part of.
        projection: which changes.

    Attributes:
        lines: the code.
    """

    def __init__(self, reading: Reading, projection: Projection) -> None:
        self._reading, self._projection, self._memory = reading, projection, reading.memory
        self._learner = reading.learners[projection.name]
        self._rule, self._batch = self._learner.plasticity, reading.batch
        self._source = reading.plan.places[projection.source]
        self._target = reading.plan.places[projection.target]
        self._of = Synaptic(reading, projection)
        self._waits = f"w->waiting[{self._memory.number(self._memory.learners, projection.name)}]"
        self.lines = self._update() if self._rule.state else []
        self.lines += ["int awake = " + self._awake() + ";", "if (awake) {"]
        inner = self._products() if self._learner.terms is not None else self._each()
        self.lines += ["    " + line for line in inner] + ["}"]

    # What it reads -----------------------------------------------------------------------------
    def _slot(self, slot: str, index: str) -> Formula:
        """Return what a slot of the plasticity names, of the postsynaptic cell ``index`` of sample ``b``."""
        name, cell = self._rule.slots[slot], self._target.cell
        if name in cell.ports:
            return self._reading.heard(self._target, name, index)
        if name in cell.state:
            return self._reading.state(self._target, name, index)
        circuit = self._reading.plan.circuit
        broadcast = circuit.broadcast_to(self._projection, name)
        sent = circuit.sent(broadcast.source, broadcast.sends)
        return self._reading.state(self._reading.plan.places[broadcast.source], sent, "0")

    def _pre(self, name: str, index: str) -> Formula:
        projection, n = self._projection, self._of.pres
        if not projection.delay:
            return self._reading.state(self._source, name, index)
        arrived = self._memory.array(("arrived", projection.name, name), self._batch, n)
        return Formula(f"m[{arrived} + b * {n} + {index}]")

    def _values(self, pre: str, post: str) -> dict[str, dict[str, Formula]]:
        """Return what eligibility and update read, by side and name."""
        found: dict[str, dict[str, Formula]] = {"pre": {}, "post": {}, "port": {}}
        for side, name, _ in self._learner.reads:
            if side == "pre":
                found[side][name] = self._pre(name, pre)
            elif side == "post":
                found[side][name] = self._reading.state(self._target, name, post)
            else:
                found[side][name] = self._reading.heard(self._target, name, post)
        return found

    def _synapse(self) -> SimpleNamespace:
        states = {
            name: Formula(self._of.state(self._reading, self._projection, name)) for name in self._rule.states
        }
        return SimpleNamespace(weight=self._weight(), **states)

    def _weight(self) -> Formula:
        return Formula(f"{self._of.own}[{self._of.weight}]")

    # Whether it learns -------------------------------------------------------------------------
    def _some(self, slot: str) -> str:
        """Return a condition: whether a slot is not 0 for any cell of any sample."""
        if slot not in self._rule.slots:
            return "1"
        loop = Loop(vectors=False)
        loop.add("if ({} != 0) { some = 1; break; }", self._slot(slot, "i"))
        lines = ["int some = 0;", *_loop(self._batch, self._width(slot), loop.statements())]
        return "({ " + " ".join(lines) + " some; })"

    def _width(self, slot: str) -> int:
        """Return the number of cells that differ in a slot: 1 if a broadcast fills it."""
        name, cell = self._rule.slots[slot], self._target.cell
        return self._of.posts if name in cell.ports or name in cell.state else 1

    def _awake(self) -> str:
        """Return a condition: whether weights or traces may change."""
        if self._learner.keep:
            return "1"
        now = f"({self._some('trigger')} && {self._some('modulator')})"
        if "consolidation" in self._rule.slots:
            return f"({self._waits} && {self._some('consolidation')}) || {now}"
        return now

    # Sums of products --------------------------------------------------------------------------
    def _products(self) -> list[str]:
        """Write the change as matrix products of what posts and pres do."""
        factor: Any = self._rule.rate
        for slot in ("trigger", "modulator"):
            if slot in self._rule.slots:
                factor = factor * self._slot(slot, "i")
        memory, batch, of, lines, terms = self._memory, self._batch, self._of, list[str](), []
        for nth, (by_weight, by_post, by_pre) in enumerate(self._learner.terms or ()):
            sides = {
                f"{side}_{name}": value
                for side, names in self._values("i", "i").items()
                for name, value in names.items()
            }
            post = memory.scratch(f"post {nth}", batch * of.posts)
            lines += _filled(post, batch, of.posts, formula(evaluate(by_post, sides) * factor))
            pre, wide = self._presynaptic(nth, by_pre, sides, lines)
            terms.append((by_weight, f"(m + {post})", pre, wide))
        return lines + self._applied(terms)

    def _presynaptic(
        self, nth: int, by_pre: Any, sides: dict[str, Formula], lines: list[str]
    ) -> tuple[str, int]:
        """Return where the presynaptic part of a term lies: a state itself, or what is computed of some."""
        if isinstance(by_pre, sympy.Symbol):
            text = sides[by_pre.name].text  # "m[begin + b * wide + i]"
            begin, wide, _ = text[2:-1].split(" + ")
            return f"(m + {begin})", int(wide.split(" * ")[1])
        n = self._of.pres
        place = self._memory.scratch(f"pre {nth}", self._batch * n)
        lines += _filled(place, self._batch, n, number(evaluate(by_pre, sides)))
        return f"(m + {place})", n

    def _applied(self, terms: list[tuple[Any, str, str, int]]) -> list[str]:
        memory, batch, of = self._memory, self._batch, self._of
        lines, parts = [], []
        if of.dense and batch == 1:  # an outer product: nothing happens where a post cell does nothing
            quiet = " && ".join(f"{post}[o] == 0" for _, post, _, _ in terms)
            parts = [Formula(f"({post}[o] * {pre}[j])") for _, post, pre, _ in terms]
            body = self._added(terms, parts, "j")
            return [
                f"for (long o = 0; o < {of.posts}; o++) {{",
                f"    if ({quiet}) continue;",
                f"    LOOP for (long j = 0; j < {of.pres}; j++) {{",
                *("        " + line for line in body),
                "    }",
                "}",
                self._changed(),
            ]
        for nth, (_, post, pre, wide) in enumerate(terms):
            made = memory.scratch(f"product {nth}", of.weights)
            lines += self._outer(f"m + {made}", post, pre, wide)
            parts.append(Formula(f"(m[{made} + i] / {float(batch)!r})" if batch > 1 else f"m[{made} + i]"))
        body = self._added(terms, parts, "i")
        return [
            *lines,
            f"LOOP for (long i = 0; i < {of.weights}; i++) {{",
            *("    " + x for x in body),
            "}",
            self._changed(),
        ]

    def _outer(self, to: str, post: str, pre: str, wide: int) -> list[str]:
        """Write Σ_b post × pre for every weight."""
        of, batch = self._of, self._batch
        if of.dense:
            sizes = f"{of.posts}, {of.pres}, {batch}"
            return [f"product('t', 'n', {sizes}, {post}, {of.posts}, {pre}, {wide}, {to}, {of.pres});"]
        self._memory.exact = False  # (torch adds up many samples, and synapses, in another order)
        each = f"{post}[b * {of.posts} + {of.post}] * {pre}[b * {wide} + {of.pre}]"
        place = self._memory.scratch("each", of.n)
        add = [f"real sum = 0; for (long b = 0; b < {batch}; b++) sum += {each};", f"m[{place} + s] = sum;"]
        return [*of.over(add), *self._gathered(f"m + {place}", to)]

    def _gathered(self, each: str, to: str) -> list[str]:
        """Write the sums of numbers of synapses over those that share a weight."""
        of = self._of
        if isinstance(of.connection, Dense | Single):
            return [f"memcpy({to}, {each}, {of.n} * sizeof(real));"]
        assert isinstance(of.connection, Listed), "there is no other kind"
        first, order = table(of.connection.sharing.cpu().numpy(), of.n)
        begin, which = self._memory.synapses(first), self._memory.synapses(order)
        add = f"for (int q = {begin}[i]; q < {begin}[i + 1]; q++) sum += ({each})[{which}[q]];"
        return [f"for (long i = 0; i < {of.weights}; i++) {{ real sum = 0; {add} ({to})[i] = sum; }}"]

    def _added(self, terms: list[tuple[Any, str, str, int]], parts: list[Formula], index: str) -> list[str]:
        """Write the new weight of a synapse: w + Σ terms, within its bounds."""
        where = f"o * {self._of.pres} + j" if index == "j" else "i"
        weight = Formula(f"{self._of.own}[{where}]")
        total: Formula | None = None
        for (by_weight, *_), one in zip(terms, parts, strict=True):
            one = one if by_weight == 1 else one * evaluate(by_weight, {"w": weight})
            total = one if total is None else total + one
        loop = Loop(vectors=False)
        loop.store(weight.text, self._bounded(weight + (formula(0.0) if total is None else total), where))
        return loop.statements()

    def _bounded(self, weight: Formula, index: str) -> Formula:
        projection = self._projection
        if not projection.bounded:
            return weight
        ends = []
        for end in self._reading.weights.bounds(projection.name):
            if end.dim() == 0:
                ends.append(formula(float(end)))
            else:
                self._memory.constants.append(end.cpu().numpy())
                ends.append(Formula(f"w->constants[{len(self._memory.constants) - 1}][{index}]"))
        return formula(minimum(maximum(weight, ends[0]), ends[1]))

    def _changed(self) -> str:
        return self._memory.version("weight", self._projection.name) + "++;"

    # Synapse by synapse ------------------------------------------------------------------------
    def _update(self) -> list[str]:
        """Write the new states of synapses."""
        pre, post, port = (SimpleNamespace(**s) for s in self._values(self._of.pre, self._of.post).values())
        loop, synapse = Loop(vectors=False), self._synapse()
        new = self._rule.update(synapse, pre, post, port, self._reading.dt)
        for name, value in new.items():
            loop.store(getattr(synapse, name).text, number(value))
        return self._of.over(self._statements(loop), self._batch)

    def _statements(self, loop: Loop) -> list[str]:
        self._memory.exact = self._memory.exact and loop.exact
        return loop.statements()

    def _each(self) -> list[str]:
        """Write the change computed synapse by synapse, for every sample."""
        rule, of, synapse = self._rule, self._of, self._synapse()
        self._memory.exact = self._memory.exact and self._batch == 1 and of.dense
        pre, post, port = (SimpleNamespace(**s) for s in self._values(of.pre, of.post).values())
        trigger = self._slot("trigger", of.post) if "trigger" in rule.slots else 1.0
        modulator = self._slot("modulator", of.post) if "modulator" in rule.slots else 1.0
        keep = self._learner.keep
        factor = trigger if keep else rule.rate * trigger * modulator
        loop = Loop(vectors=False)
        each = loop.name(formula(factor) * rule.eligibility(synapse, pre, post, port))
        place = self._memory.scratch("each", of.n)
        sum_ = f"m[{place} + s] = b ? m[{place} + s] + {{}} : {{}};".replace("{}", "{0}")
        lines = ["int some = 1;"]
        if keep:
            trace = loop.name(synapse.trace + keep * (each - synapse.trace))
            loop.store(synapse.trace.text, trace)
            loop.add(sum_, formula(rule.rate * modulator) * trace)
            lines = [f"const int some = {self._some('modulator')} && {rule.rate!r} != 0;"]
        elif "consolidation" in rule.slots:
            now = self._slot("consolidation", of.post) != 0
            trace = loop.name(synapse.trace + each)
            loop.store(synapse.trace.text, formula(where(now, 0.0, trace)))
            loop.add(sum_, trace * number(now))
            lines = [
                f"const int some = {self._some('consolidation')};",
                f"{self._waits} = !some || !{self._all()};",
            ]
        else:
            loop.add(sum_, each)
        lines += of.over(self._statements(loop), self._batch)
        to = self._memory.scratch("product 0", of.weights)
        # (a mean over the samples, then the sum over those that share a weight)
        mean = [f"for (long s = 0; s < {of.n}; s++) m[{place} + s] /= {float(self._batch)!r};"]
        lines += ["if (some) {", *("    " + x for x in (*mean, *self._gathered(f"m + {place}", f"m + {to}")))]
        body = self._added([(1, "", "", 0)], [Formula(f"m[{to} + i]")], "i")
        lines += [
            f"    LOOP for (long i = 0; i < {of.weights}; i++) {{",
            *("        " + x for x in body),
            "    }",
        ]
        return [*lines, "    " + self._changed(), "}"]

    def _all(self) -> str:
        """Return a condition: whether all traces are consolidated."""
        loop = Loop(vectors=False)
        loop.add("if (!({} != 0)) { all = 0; break; }", self._slot("consolidation", "i"))
        lines = ["int all = 1;", *_loop(self._batch, self._width("consolidation"), loop.statements())]
        return "({ " + " ".join(lines) + " all; })"


def _loop(batch: int, n: int, body: list[str]) -> list[str]:
    return [f"for (long b = 0; b < {batch}; b++)", f"for (long i = 0; i < {n}; i++) {{", *body, "}"]


def _filled(place: int, batch: int, n: int, value: Formula) -> list[str]:
    """Write how an array ``[batch, n]`` is filled."""
    loop = Loop()
    loop.store(f"m[{place} + b * {n} + i]", value)
    return loop.written(str(n), rows=str(batch))
