"""Cells' own functions as code: formulas, which remember what was done to them, in that order.

A pointwise function is called with formulas as it is with tensors: so the code of whoever writes them down
does to the last bit what the function does, on which φ's "exactly at rest" relies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from corticalnet.circuits import pointwise

#: Functions of ``pointwise`` that neither Brian2 nor C has: name -> how many arguments. (Brian2's ``floor``
#: makes 32-bit integers on the NumPy target: findings/brian2_floor_of_large_numbers.sh.)
ADDED = {"where": 3, "minimum": 2, "maximum": 2, "floored": 1}
#: Formulas of one part that a language may have by another name: 1 / (1 + e⁻ˣ), and a condition as 1 or 0
#: (quicker than Brian2's own int() on the NumPy target).
SIGMOID, COUNTED = "1.0 / (1.0 + exp(-{}))", "where({}, 1.0, 0.0)"
#: How tightly a formula's outermost sign binds.
_OR, _AND, _COMPARE, _ADD, _NEGATE, _MULTIPLY, _POWER, _ATOM = range(1, 9)


class Formula:
    """A number (or a condition) that is only known by its code.

    Args:
        pattern: the code, with "{}" for each part.
        parts: formulas in it; none for names and numbers.
        condition: whether it is true or false instead of a number.
        binds: how tightly its outermost sign binds.
        needs: how tightly each part must bind to go without brackets; those of a function may be anything.
    """

    __slots__ = ("binds", "condition", "needs", "parts", "pattern", "text")
    __hash__ = None  # type: ignore[assignment]
    __array_ufunc__ = None  # numpy scalars hand over to the methods below

    def __init__(
        self,
        pattern: str,
        parts: tuple[Formula, ...] = (),
        condition: bool = False,
        binds: int = _ATOM,
        needs: tuple[int, ...] = (),
    ) -> None:
        self.pattern, self.parts, self.condition = pattern, parts, condition
        self.binds, self.needs = binds, needs
        self.text: str = self.write({})

    def write(self, named: Mapping[str, str]) -> str:
        """Write the code, with names for parts that have one (which are known by their own code)."""
        needs = self.needs or (0,) * len(self.parts)
        return self.pattern.format(
            *(p.inside(need, named) for p, need in zip(self.parts, needs, strict=True))
        )

    def inside(self, need: int, named: Mapping[str, str]) -> str:
        """Write the code as a part of another formula: its name, or in brackets if it binds too loosely."""
        if self.text in named:
            return named[self.text]
        return self.write(named) if self.binds >= need else f"({self.write(named)})"

    def __bool__(self) -> bool:
        raise TypeError(f"branches on '{self.text}'")

    def __add__(self, other: Any) -> Formula:
        if isinstance(other, Formula) and other.pattern == "-{}":
            return self - other.parts[0]
        return number(self) if _is(other, 0.0) else _sum("{} + {}", self, other)

    def __radd__(self, other: Any) -> Formula:
        return number(self) if _is(other, 0.0) else _sum("{} + {}", other, self)

    def __sub__(self, other: Any) -> Formula:
        return number(self) if _is(other, 0.0) else _sum("{} - {}", self, other)

    def __rsub__(self, other: Any) -> Formula:
        return -self if _is(other, 0.0) else _sum("{} - {}", other, self)

    def __mul__(self, other: Any) -> Formula:
        return number(self) if _is(other, 1.0) else _product("{} * {}", self, other)

    def __rmul__(self, other: Any) -> Formula:
        if _is(other, 1.0) or _is(other, -1.0):  # exactly so, and cheaper
            return number(self) if other == 1 else -self
        return _product("{} * {}", other, self)

    def __truediv__(self, other: Any) -> Formula:
        return _product("{} / {}", self, other)

    def __rtruediv__(self, other: Any) -> Formula:
        return _product("{} / {}", other, self)

    def __pow__(self, other: Any) -> Formula:
        return Formula("{} ** {}", (number(self), number(other)), False, _POWER, (_ATOM, _ATOM))

    def __rpow__(self, other: Any) -> Formula:
        return formula(other) ** self

    def __neg__(self) -> Formula:
        return Formula("-{}", (number(self),), False, _NEGATE, (_POWER,))

    def __pos__(self) -> Formula:
        return self

    def __abs__(self) -> Formula:
        return _function("abs")(self)

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
        return Formula("{} and {}", (_truth(self), _truth(other)), True, _AND, (_AND, _COMPARE))

    def __or__(self, other: Any) -> Formula:
        return Formula("{} or {}", (_truth(self), _truth(other)), True, _OR, (_OR, _AND))

    __rand__, __ror__ = __and__, __or__


def _is(x: Any, plain: float) -> bool:
    """Return whether a value is this plain number."""
    return isinstance(x, int | float) and x == plain


def formula(x: Any) -> Formula:
    """Convert a number to a formula; a formula is returned as it is."""
    if isinstance(x, Formula):
        return x
    text = repr(float(x))
    return Formula(text, binds=_NEGATE if text[0] == "-" else _ATOM)


def number(x: Any) -> Formula:
    """Convert a condition to a number, 1 or 0."""
    one = formula(x)
    return Formula(COUNTED, (one,)) if one.condition else one


def _truth(x: Any) -> Formula:
    """Convert a number to a condition: true where it is not 0."""
    one = formula(x)
    if one.pattern == COUNTED:
        return one.parts[0]
    return one if one.condition else _compared("!=", one, 0.0)


def _sum(pattern: str, x: Any, y: Any) -> Formula:
    return Formula(pattern, (number(x), number(y)), False, _ADD, (_ADD, _MULTIPLY))


def _product(pattern: str, x: Any, y: Any) -> Formula:
    return Formula(pattern, (number(x), number(y)), False, _MULTIPLY, (_MULTIPLY, _POWER))


def _compared(sign: str, x: Any, y: Any) -> Formula:
    return Formula(f"{{}} {sign} {{}}", (number(x), number(y)), True, _COMPARE, (_ADD, _ADD))


def _function(name: str, arguments: int = 1) -> Callable[..., Formula]:
    pattern = f"{name}({', '.join(['{}'] * arguments)})"
    return lambda *given: Formula(pattern, tuple(map(number, given)))


def _where(condition: Any, then: Any, otherwise: Any) -> Formula:
    if _is(then, 1.0) and _is(otherwise, 0.0):
        return number(_truth(condition))
    return Formula("where({}, {}, {})", (_truth(condition), number(then), number(otherwise)))


pointwise.register(
    Formula,
    {
        **{name: _function(name) for name in ("exp", "expm1", "log", "log1p", "sqrt", "tanh", "sign")},
        "where": _where,
        "sigmoid": lambda x: Formula(SIGMOID, (number(x),), False, _MULTIPLY, (_POWER,)),
        "absolute": _function("abs"),
        "floor": _function("floored"),
        "minimum": _function("minimum", 2),
        "maximum": _function("maximum", 2),
    },
)
