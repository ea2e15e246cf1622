"""Formulas as C: a loop over all elements that computes new numbers from old ones.

Every operation becomes a line of its own, in the order in which the cell's function did it, each computed
once. Functions such as tanh are computed for many elements at once, so a loop is cut where one is called:
chunks of elements pass through all pieces while they are in the cache.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from corticalnet.engines.formula import COUNTED, SIGMOID, Formula, number

#: Functions that a library computes for many numbers at once.
VECTORS = {f"{n}({{}})": n for n in ("tanh", "exp", "log", "sqrt", "expm1", "log1p")} | {SIGMOID: "sigmoid"}
#: How C writes what formulas write otherwise.
_C = {
    COUNTED: "({} ? R(1.0) : R(0.0))",
    SIGMOID: "(R(1.0) / (R(1.0) + F(exp)(-{})))",
    "where({}, {}, {})": "({} ? {} : {})",
    "{} and {}": "({} & {})",
    "{} or {}": "({} | {})",
    "abs({})": "F(fabs)({})",
    "floored({})": "F(floor)({})",
    "{} ** {}": "F(pow)({}, {})",
    **{f"{n}({{}})": f"F({n})({{}})" for n in ("sqrt", "tanh", "exp", "expm1", "log", "log1p")},
}
#: Powers that torch computes otherwise.
_POWERS = {
    "2.0": "({0} * {0})",
    "0.5": "F(sqrt)({0})",
    "3.0": "({0} * {0} * {0})",
    "-1.0": "(R(1.0) / {0})",
}


@dataclass(frozen=True)
class Expression:
    """A part of a formula as C.

    Attributes:
        code: an expression of names and loads.
        level: how many cuts of the loop come before it.
        uses: names of the loop that it needs.
    """

    code: str
    level: int = 0
    uses: frozenset[str] = frozenset()


@dataclass(frozen=True)
class NamedNumber:
    """A named number of a loop; ``vector`` names the function that a library computes of a chunk of them."""

    name: str
    value: Expression
    vector: str = ""


class Loop:
    """A loop over elements, numbered ``i``.

    Args:
        vectors: whether the loop may be cut for functions of many numbers at once.

    Attributes:
        exact: whether each function is torch's, not the C library's.
    """

    def __init__(self, vectors: bool = True) -> None:
        self._vectors, self.exact = vectors, True
        self._parts: dict[str, Expression] = {}
        self._lines: list[NamedNumber] = []
        self._stores: dict[str, Expression] = {}

    def name(self, value: Formula) -> Formula:
        """Name a number, so that formulas of it stay short."""
        part = self._part(number(value))
        if part.code not in self._parts:
            self._parts[part.code] = part
        return Formula(part.code)

    def store(self, where: str, value: Formula) -> None:
        """Store a number at a place when all of an element is computed, from the old numbers."""
        self._stores[where] = self._read(number(value))

    def add(self, statement: str, value: Formula) -> None:
        """Add a statement with "{}" for a number, after the stores of an element."""
        self._stores[statement] = self._read(number(value))

    def _read(self, one: Formula) -> Expression:
        """Return a number that is read before anything is stored, even if it is one that lies somewhere."""
        part = self._part(one)
        return part if part.uses or part.code.startswith("R(") else self._line(part)

    def _part(self, one: Formula) -> Expression:
        if one.text not in self._parts:
            self._parts[one.text] = self._made(one)
        return self._parts[one.text]

    def _made(self, one: Formula) -> Expression:
        if not one.parts:
            return Expression(literal(one.text))
        parts = [self._part(part) for part in one.parts]
        level, uses = max(p.level for p in parts), frozenset[str]().union(*(p.uses for p in parts))
        codes = [part.code for part in parts]
        vector = VECTORS.get(one.pattern, "")
        self.exact = self.exact and (self._vectors or not vector)
        if vector and self._vectors:
            argument = self._line(Expression(codes[0], level, uses))
            return self._line(Expression(argument.code, level + 1, argument.uses), vector)
        pattern = _C.get(one.pattern, one.pattern if one.pattern.endswith(")") else f"({one.pattern})")
        if one.pattern == "{} ** {}":
            pattern = _POWERS.get(one.parts[1].text, pattern)
        part = Expression(pattern.format(*codes), level, uses)
        return part if one.condition else self._line(part)

    def _line(self, value: Expression, vector: str = "") -> Expression:
        name = f"t{len(self._lines)}"
        self._lines.append(NamedNumber(name, value, vector))
        return Expression(name, value.level, frozenset({name}))

    def statements(self) -> list[str]:
        """Write what is done for one element."""
        lines = [f"const real {line.name} = {line.value.code};" for line in self._lines]
        return [*lines, *(_stored(where, part) for where, part in self._stores.items())]

    def written(self, n: str, rows: str = "") -> list[str]:
        """Write the loop over ``n`` elements (of each row ``b`` of ``rows``) as lines of C."""
        last = max((part.level for part in self._stores.values()), default=0)
        levels = {line.name: line.value.level for line in self._lines}
        crossing = {line.value.code for line in self._lines if line.vector}
        crossing |= {line.name for line in self._lines if line.vector}
        for line in self._lines:
            crossing |= {u for u in line.value.uses if levels[u] < line.value.level}
        for part in self._stores.values():
            crossing |= {u for u in part.uses if levels[u] < last}
        head = "LOOP for (long i = {}; i < {}; i++)"
        body: list[str] = []
        for level in range(last + 1):
            lines = [one for one in self._lines if one.value.level == level]
            body += [
                f"vector_{one.vector}(size, chunk_{one.value.code}, chunk_{one.name});"
                for one in lines
                if one.vector
            ]
            inner = [f"const real {one.name} = {one.value.code};" for one in lines if not one.vector]
            made = {one.name for one in lines if not one.vector}
            inner += [f"chunk_{name}[i - from] = {name};" for name in sorted(made & crossing)]
            needed = frozenset[str]().union(*(one.value.uses for one in lines if not one.vector))
            if level == last:
                needed = needed.union(*(part.uses for part in self._stores.values()))
                inner += [_stored(where, part) for where, part in self._stores.items()]
            inner = [f"const real {name} = chunk_{name}[i - from];" for name in sorted(needed - made)] + inner
            if inner:
                bounds = ("from", "from + size") if last else ("0", n)
                body += [head.format(*bounds) + " {", *("    " + line for line in inner), "}"]
        if last:
            chunks = ", ".join(f"chunk_{name}[CHUNK]" for name in sorted(crossing))
            body = [
                f"for (long from = 0; from < {n}; from += CHUNK) {{",
                f"    const long size = {n} - from < CHUNK ? {n} - from : CHUNK;",
                f"    real {chunks};",
                *("    " + line for line in body),
                "}",
            ]
        if rows:
            body = [f"for (long b = 0; b < {rows}; b++) {{", *("    " + line for line in body), "}"]
        return body


def _stored(where: str, part: Expression) -> str:
    """Write where a number goes: a place, or a statement about it."""
    if "{" not in where:
        return f"{where} = {part.code};"
    return where.replace("{0}", part.code).replace("{}", part.code)


def literal(text: str) -> str:
    """Write a leaf: numbers in the precision of the program; what is no number as it is."""
    if re.fullmatch(r"-?(\d.*|inf|nan)", text):
        special = {"inf": "INFINITY", "-inf": "-INFINITY", "nan": "NAN"}
        return f"R({special.get(text, text)})"
    return text
