"""Units of Brian2 in formulas: a 0 beside a voltage needs one, a time at a pure port loses its own."""

from __future__ import annotations

import re
from collections.abc import Mapping

from corticalnet.circuits.dimensions import PURE
from corticalnet.circuits.quantities import KHZ, MS, MV, NS, ONE, PA, PF, Dimension, Unit
from corticalnet.engines.brian2_engine.code import Formula

#: unit of the table -> the unit of a variable, and how a number of it is written.
WRITTEN = {
    ONE: ("1", ""),
    MS: ("second", "ms"),
    KHZ: ("hertz", "kHz"),
    MV: ("volt", "mV"),
    PA: ("amp", "pA"),
    NS: ("siemens", "nS"),
    PF: ("farad", "pF"),
}
#: Signs and functions whose parts must have one unit; of ``where`` the first is a condition.
_SAME = re.compile(r"\{\} (\+|-|<|<=|>|>=|==|!=) \{\}|(where|minimum|maximum)\(.*\)")


def quantity(value: float, unit: Unit) -> str:
    """Write a number with its unit: ``10*ms``, ``0.5``."""
    number, symbol = repr(float(value)), WRITTEN[unit][1]
    return f"{number.removesuffix('.0')}*{symbol}" if symbol else number


def symbol_of(dimension: Dimension) -> str:
    """Write the product of units of a dimension: ``ms**2 * mV``."""
    for unit, (_, symbol) in WRITTEN.items():
        if unit.dimension == dimension:
            return symbol or "1"
    parts = [(base, power) for base, power in zip(("ms", "mV", "pA"), dimension, strict=True) if power]
    return " * ".join(base if power == 1 else f"{base}**{power}" for base, power in parts)


def without_unit(value: Formula, dimension: Dimension) -> Formula:
    """Return a formula divided by its unit, a pure number."""
    return value if dimension == PURE else value / Formula(symbol_of(dimension), binds=6)


def with_units(value: Formula, known: Mapping[str, Dimension]) -> tuple[Formula, Dimension | None]:
    """Write every 0 with the unit of what stands beside it; return the dimension too (None for a bare 0).

    Args:
        value: a formula of names and numbers.
        known: dimensions by name; what is not here is a pure number.
    """
    if not value.parts:
        if value.text in known:
            return value, known[value.text]
        return value, None if re.fullmatch(r"-?0(\.0)?", value.text) else PURE
    parts, dimensions = map(list, zip(*(with_units(part, known) for part in value.parts), strict=True))
    found: Dimension | None = PURE
    if match := _SAME.fullmatch(value.pattern):
        first = 1 if match[2] == "where" else 0
        found = next((d for d in dimensions[first:] if d is not None), None)
        for k in range(first, len(parts)):
            if dimensions[k] is None and found not in (None, PURE):
                parts[k] = Formula(f"0*{symbol_of(found)}", binds=6)
        if match[1] and match[1] not in "+-":
            found = PURE
    elif value.pattern in ("-{}", "abs({})"):
        found = dimensions[0]
    elif value.pattern in ("{} * {}", "{} / {}"):
        sign = 1 if "*" in value.pattern else -1
        a, b = (d or PURE for d in dimensions)
        found = (
            None if dimensions[0] is None else (a[0] + sign * b[0], a[1] + sign * b[1], a[2] + sign * b[2])
        )
    elif value.pattern == "{} ** {}" and dimensions[0] not in (None, PURE):
        base, power = dimensions[0] or PURE, int(float(parts[1].text))
        found = (base[0] * power, base[1] * power, base[2] * power)
    return Formula(value.pattern, tuple(parts), value.condition, value.binds, value.needs), found
