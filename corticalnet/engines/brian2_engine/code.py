"""Cells' own functions as Brian2 code.

A pointwise function is called with formulas, which remember what was done to them, in that order: so the
code does to the last bit what the other engine does, on which φ's "exactly at rest" relies.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from corticalnet.circuits import pointwise

#: Functions that Brian2 does not have are added by the engine under these names.
SELECT, MINIMUM, MAXIMUM = "cn_select", "cn_minimum", "cn_maximum"


class Formula:
    """A number (or a condition) that is only known by its code.

    Args:
        pattern: the code, with "{}" for each part.
        parts: formulas in it; none for names and numbers.
        condition: whether it is true or false instead of a number.
    """

    __slots__ = ("condition", "parts", "pattern", "text")
    __hash__ = None  # type: ignore[assignment]
    __array_ufunc__ = None  # numpy scalars hand over to the methods below

    def __init__(self, pattern: str, parts: tuple[Formula, ...] = (), condition: bool = False) -> None:
        self.pattern, self.parts, self.condition = pattern, parts, condition
        self.text: str = pattern.format(*(part.text for part in parts))

    def __bool__(self) -> bool:
        raise TypeError(f"branches on '{self.text}'")

    def __add__(self, other: Any) -> Formula:
        return _made("({} + {})", self, other)

    def __radd__(self, other: Any) -> Formula:
        return _made("({} + {})", other, self)

    def __sub__(self, other: Any) -> Formula:
        return _made("({} - {})", self, other)

    def __rsub__(self, other: Any) -> Formula:
        return -self if _is(other, 0.0) else _made("({} - {})", other, self)

    def __mul__(self, other: Any) -> Formula:
        return _number(self) if _is(other, 1.0) else _made("({} * {})", self, other)

    def __rmul__(self, other: Any) -> Formula:
        if _is(other, 1.0) or _is(other, -1.0):  # exactly so, and cheaper
            return _number(self) if other == 1 else -self
        return _made("({} * {})", other, self)

    def __truediv__(self, other: Any) -> Formula:
        return _made("({} / {})", self, other)

    def __rtruediv__(self, other: Any) -> Formula:
        return _made("({} / {})", other, self)

    def __pow__(self, other: Any) -> Formula:
        return _made("({} ** {})", self, other)

    def __rpow__(self, other: Any) -> Formula:
        return _made("({} ** {})", other, self)

    def __neg__(self) -> Formula:
        return _made("(-{})", self)

    def __pos__(self) -> Formula:
        return self

    def __abs__(self) -> Formula:
        return _made("abs({})", self)

    def __lt__(self, other: Any) -> Formula:
        return _compared("<", self, other)

    def __le__(self, other: Any) -> Formula:
        return _compared("<=", self, other)

    def __gt__(self, other: Any) -> Formula:
        return _compared(">", self, other)

    def __ge__(self, other: Any) -> Formula:
        return _compared(">=", self, other)

    def __eq__(self, other: object) -> Formula:  # type: ignore[override]
        return _compared("==", self, other)

    def __ne__(self, other: object) -> Formula:  # type: ignore[override]
        return _compared("!=", self, other)

    def __and__(self, other: Any) -> Formula:
        return Formula("({} and {})", (_truth(self), _truth(other)), condition=True)

    def __or__(self, other: Any) -> Formula:
        return Formula("({} or {})", (_truth(self), _truth(other)), condition=True)

    __rand__, __ror__ = __and__, __or__


#: A condition as 1 or 0 (quicker than Brian2's own int() on the NumPy target).
_COUNTED = f"{SELECT}({{}}, 1.0, 0.0)"


def _is(x: Any, number: float) -> bool:
    """Return whether a value is this plain number."""
    return isinstance(x, int | float) and x == number


def formula(x: Any) -> Formula:
    """Convert a number to a formula; a formula is returned as it is."""
    if isinstance(x, Formula):
        return x
    number = float(x)
    return Formula(repr(number) if number >= 0 else f"({number!r})")


def _number(x: Any) -> Formula:
    """Convert a condition to a number, 1 or 0."""
    one = formula(x)
    return Formula(_COUNTED, (one,)) if one.condition else one


def _truth(x: Any) -> Formula:
    """Convert a number to a condition: true where it is not 0."""
    one = formula(x)
    if one.pattern == _COUNTED:
        return one.parts[0]
    return one if one.condition else Formula("({} != 0.0)", (one,), condition=True)


def _made(pattern: str, *arguments: Any) -> Formula:
    return Formula(pattern, tuple(map(_number, arguments)))


def _compared(sign: str, x: Any, y: Any) -> Formula:
    return Formula(f"({{}} {sign} {{}})", (_number(x), _number(y)), condition=True)


def _function(name: str, arguments: int = 1) -> Callable[..., Formula]:
    pattern = f"{name}({', '.join(['{}'] * arguments)})"
    return lambda *given: _made(pattern, *given)


def _where(condition: Any, then: Any, otherwise: Any) -> Formula:
    if _is(then, 1.0) and _is(otherwise, 0.0):
        return _number(_truth(condition))
    return Formula(f"{SELECT}({{}}, {{}}, {{}})", (_truth(condition), _number(then), _number(otherwise)))


pointwise.register(
    Formula,
    {
        **{name: _function(name) for name in ("exp", "expm1", "log", "log1p", "sqrt", "tanh", "sign")},
        "where": _where,
        "sigmoid": lambda x: 1.0 / (1.0 + _made("exp({})", -formula(x))),
        "absolute": _function("abs"),
        "floor": _function("floor"),
        "minimum": _function(MINIMUM, 2),
        "maximum": _function(MAXIMUM, 2),
    },
)


def statements(new: Mapping[str, Any], prefix: str) -> list[str]:
    """Write code that sets variables to new values, all computed from the old ones.

    Args:
        new: variable -> number or formula.
        prefix: of the names of temporary variables.
    """
    values = {name: _number(value) for name, value in new.items()}
    count: Counter[str] = Counter()
    order: dict[str, Formula] = {}
    for value in values.values():
        _count(value, count, order)
    named: dict[str, str] = {}
    lines = []
    for text, part in order.items():  # inner ones come first
        if count[text] > 1:
            name = f"{prefix}{len(named)}"
            lines.append(f"{name} = {_write(part, named)}")
            named[text] = name
    codes = {name: _write(value, named) for name, value in values.items()}
    codes = {name: code for name, code in codes.items() if name != code}
    first, last = [], []
    for k, (name, code) in enumerate(codes.items()):
        # Others may still need the old value; and of "x = x + …" Brian2 would make "x += …" by algebra.
        if any(re.search(rf"\b{name}\b", other) for other in list(codes.values())[k:]):
            if code not in named.values():
                lines.append(f"{prefix}{name} = {code}")
                code = f"{prefix}{name}"
            last.append(f"{name} = {code}")
        else:
            first.append(f"{name} = {code}")
    return [_copied(line) for line in lines + first + last]


def _copied(line: str) -> str:
    """Write a plain copy as −(−b): Brian2's NumPy code gives ``a = b`` the very array of b.

    A later ``a = a + c`` in the same code, which Brian2 does in place, would change b too (Brian2 2.9.0; see
    ``findings/brian2_numpy_copies_share_memory.sh``).
    """
    name, _, code = line.partition(" = ")
    return f"{name} = -(-{code})" if re.fullmatch(r"[A-Za-z_]\w*", code) else line


def _count(one: Formula, count: Counter[str], order: dict[str, Formula]) -> None:
    """Count the uses of each compound part; an inner part counts once for each outer one."""
    if not one.parts:
        return
    count[one.text] += 1
    if count[one.text] == 1:
        for part in one.parts:
            _count(part, count, order)
        order[one.text] = one


def _write(one: Formula, named: Mapping[str, str]) -> str:
    """Write the code of a formula, with names for the parts that have one."""
    if one.text in named:
        return named[one.text]
    return one.pattern.format(*(_write(part, named) for part in one.parts))


class Names:
    """Readable names of variables that Brian2 accepts, one for every key.

    Args:
        allowed: says whether Brian2 accepts a name.
    """

    def __init__(self, allowed: Callable[[str], bool]) -> None:
        self._allowed = allowed
        self._known: dict[tuple[str, ...], str] = {}
        self._taken: set[str] = set()

    def __call__(self, *words: str) -> str:
        """Return the name of a key: its words joined by "_", with a "0" where that is taken."""
        if words not in self._known:
            name = re.sub(
                r"[^A-Za-z0-9_]", lambda m: "_" if m[0] in "-.>" else f"u{ord(m[0]):x}", "_".join(words)
            )
            name = name if name[0].isalpha() else f"x{name}"
            while name in self._taken or name.endswith(("_pre", "_post")) or not self._allowed(name):
                name += "0"
            self._taken.add(name)
            self._known[words] = name
        return self._known[words]

    def words(self) -> Iterable[tuple[tuple[str, ...], str]]:
        """Return all keys with their names."""
        return self._known.items()
