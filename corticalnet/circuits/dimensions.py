"""Dimensions of equations: what is added or compared must be of one kind, and a state gets its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy
from sympy.core.relational import Relational

from corticalnet.circuits.quantities import Dimension, name_of
from corticalnet.circuits.tracing import CONDITIONS, Maximum, Minimum, Where
from corticalnet.errors import UnitError

PURE: Dimension = (0, 0, 0)


def check_units(what: str, expr: Any, units: Mapping[str, Dimension], wanted: Dimension) -> None:
    """Check that an expression has the dimension it should have.

    Raises:
        UnitError: it has another, or adds what cannot be added.
    """
    found = dimension(what, expr, units)
    if found is not None and found != wanted:
        raise UnitError(f"{what}: '{expr}' is in {name_of(found)}, but must be in {name_of(wanted)}")


def dimension(what: str, expr: Any, units: Mapping[str, Dimension]) -> Dimension | None:
    """Return the dimension of an expression; None for 0, which has every one."""
    if expr.is_Number:
        return None if expr.is_zero else PURE
    if expr.is_Symbol:
        return units.get(expr.name, PURE)
    if expr.is_Mul:
        parts = [dimension(what, a, units) or PURE for a in expr.args]
        return _sum(parts)
    if expr.is_Pow:
        base, power = dimension(what, expr.base, units) or PURE, expr.exp
        if base != PURE and not power.is_Integer:
            raise UnitError(f"{what}: '{expr}' raises {name_of(base)} to a power that is no whole number")
        check_units(what, power, units, PURE)
        return base if base == PURE else (base[0] * int(power), base[1] * int(power), base[2] * int(power))
    if isinstance(expr, CONDITIONS):
        for relation in expr.atoms(Relational):
            _same(what, relation, [relation.lhs, relation.rhs], units)
        return PURE
    if isinstance(expr, Where):
        dimension(what, expr.args[0], units)
        return _same(what, expr, list(expr.args[1:]), units)
    if expr.is_Add or isinstance(expr, Minimum | Maximum | sympy.Abs):
        return _same(what, expr, list(expr.args), units)
    for argument in expr.args:  # any other function takes and gives pure numbers, but sign takes any
        found = dimension(what, argument, units)
        if found not in (None, PURE) and not isinstance(expr, sympy.sign):
            raise UnitError(f"{what}: '{expr}' takes a pure number, but gets {name_of(found or PURE)}")
    return PURE


def _sum(parts: list[Dimension]) -> Dimension:
    return (sum(p[0] for p in parts), sum(p[1] for p in parts), sum(p[2] for p in parts))


def _same(what: str, expr: Any, parts: list[Any], units: Mapping[str, Dimension]) -> Dimension | None:
    found: Dimension | None = None
    first: Any = None
    for part in parts:
        other = dimension(what, part, units)
        if other is not None and found is not None and other != found:
            raise UnitError(
                f"{what}: '{expr}' puts {name_of(found)} and {name_of(other)} together: "
                f"'{first}' is in {name_of(found)}, '{part}' in {name_of(other)}"
            )
        if found is None:
            found, first = other, part
    return found
