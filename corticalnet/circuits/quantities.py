"""Quantities: what is in which unit. Parameters and states carry their unit as a type.

    tau: Milliseconds = 10.0                            a plain number is in the unit of the annotation
    Value(tau="0.01 s")                                 a text is converted, and refused if it is no time
    Value(tau=10 * brian2.ms)                           so is a quantity of Brian2
    lead: Annotated[Milliseconds, Range()] = -5.0       another range than that of the unit: here any number

The table is coherent (pA = nS mV, mV = pA ms / pF), so an equation needs no factors. A unit's dimension
counts powers of time, voltage and current.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf, isfinite
from typing import Annotated, Any

import numpy as np

from corticalnet.checks import dimension, has_unit
from corticalnet.errors import CircuitError, UnitError, unknown

Dimension = tuple[int, int, int]


@dataclass(frozen=True)
class Unit:
    """A unit of the table.

    Attributes:
        symbol: as printed, and as written in attributes of recordings.
        kind: what it measures, for people.
        dimension: powers of time, voltage and current.
    """

    symbol: str
    kind: str
    dimension: Dimension


ONE = Unit("1", "pure number", (0, 0, 0))
MS = Unit("ms", "time", (1, 0, 0))
KHZ = Unit("1/ms", "rate", (-1, 0, 0))
MV = Unit("mV", "voltage", (0, 1, 0))
PA = Unit("pA", "current", (0, 0, 1))
NS = Unit("nS", "conductance", (0, -1, 1))
PF = Unit("pF", "capacitance", (1, -1, 1))
#: THE table: everything in a circuit is in one of these.
UNITS = {unit.symbol: unit for unit in (ONE, MS, KHZ, MV, PA, NS, PF)}


@dataclass(frozen=True)
class Range:
    """The numbers that a parameter may have; always finite ones. The last of an annotation holds.

    Args:
        least, most: ends, which belong to it.
        above: whether ``least`` itself does not belong to it.
        whole: whether only whole numbers do.
    """

    least: float = -inf
    most: float = inf
    above: bool = False
    whole: bool = False

    def __contains__(self, value: float) -> bool:
        if not isfinite(value) or (self.whole and value != int(value)):
            return False
        return (self.least < value if self.above else self.least <= value) and value <= self.most

    def describe(self, unit: Unit) -> str:
        """Describe the range in words: "a whole number from 0", "more than 0 ms"."""
        symbol = "" if unit == ONE else f" {unit.symbol}"
        kind = "a whole number" if self.whole else "a finite number"
        if self.least == -inf and self.most == inf:
            return kind + (f" (in {unit.symbol})" if symbol else "")
        if self.least == -inf:
            return f"{kind} up to {self.most:g}{symbol}"
        if self.most < inf:
            start = "above" if self.above else "from"
            return f"{kind} {start} {self.least:g} to {self.most:g}{symbol}"
        if self.whole and not self.above:
            return f"{kind} from {self.least:g}{symbol}"
        start = f"more than {self.least:g}{symbol}" if self.above else f"{self.least:g}{symbol} or more"
        return f"{start}, and finite"

    def check(self, value: float, unit: Unit, what: str) -> None:
        """Check that a number lies in the range.

        Raises:
            CircuitError: it does not.
        """
        if value not in self:
            shown = f"{value:g}" + ("" if unit == ONE else f" {unit.symbol}")
            raise CircuitError(f"{what} must be {self.describe(unit)}, not {shown}")


ANY, NOT_NEGATIVE, POSITIVE = Range(), Range(0.0), Range(0.0, above=True)

#: Any number without a unit: a gain, a weight, an offset.
Pure = Annotated[float, ONE, ANY]
#: A number without a unit that has no sign: a threshold.
Magnitude = Annotated[float, ONE, NOT_NEGATIVE]
#: A number of steps or of cells.
Count = Annotated[float, ONE, Range(0.0, whole=True)]
#: A share or a chance.
Probability = Annotated[float, ONE, Range(0.0, 1.0)]
#: A duration. A cell may be told 0 unless it divides by it, as by a time constant (that is found out).
Milliseconds = Annotated[float, MS, NOT_NEGATIVE]
PerMillisecond = Annotated[float, KHZ, NOT_NEGATIVE]
Millivolts = Annotated[float, MV, ANY]
Picoamperes = Annotated[float, PA, ANY]
Nanosiemens = Annotated[float, NS, NOT_NEGATIVE]
Picofarads = Annotated[float, PF, POSITIVE]

#: What else people write: symbol -> (unit of the table, how many of it).
_WRITTEN: dict[str, tuple[Unit, float]] = {symbol: (unit, 1.0) for symbol, unit in UNITS.items()}
_WRITTEN |= {
    "": (ONE, 1.0),
    "us": (MS, 1e-3),
    "s": (MS, 1e3),
    "kHz": (KHZ, 1.0),
    "Hz": (KHZ, 1e-3),
    "V": (MV, 1e3),
    "nA": (PA, 1e3),
    "uS": (NS, 1e3),
    "nF": (PF, 1e3),
}


def quantity(value: object, unit: Unit, what: str) -> float:
    """Convert a value to a number in ``unit``: plain numbers are in it already.

    Texts ("10 ms") and quantities of Brian2 are converted. Those have 15 digits: 0.3 ms is 0.3, though held
    in seconds.

    Args:
        value: a number, a text of number and unit, or a quantity of Brian2.
        unit: of the table.
        what: whose value it is, for the message.

    Raises:
        UnitError: another kind of quantity, an unknown unit, or no number.

    >>> quantity("0.01 s", MS, "tau")
    10.0
    """
    powers = dimension(value)
    if powers is not None and not np.ndim(value):  # type: ignore[arg-type]
        return _of_brian2(value, powers, unit, what)
    if not isinstance(value, str):
        return number(value, what, f" (in {unit.symbol}) or a text like '10 {unit.symbol}'")
    text = value.strip()
    close = re.fullmatch(r"([-+\d.]+(?:[eE][-+]?\d+)?)([a-zA-Z]+)", text)  # "10ms"
    digits, _, symbol = text.partition(" ")
    digits, symbol = close.groups() if close else (digits, symbol.strip())
    if symbol not in _WRITTEN:
        raise UnitError(f"{what} = {value!r}: {unknown('unit', symbol, _of(unit))}")
    written, factor = _WRITTEN[symbol]
    if written != unit:
        choices = ", ".join(_of(unit))
        raise UnitError(
            f"{what} = {value!r} is a {written.kind}, but must be a {unit.kind}; units: {choices}"
        )
    try:
        return factor * float(digits)
    except ValueError:
        raise UnitError(f"{what} must be a number (in {unit.symbol}) or a text like '10 {unit.symbol}', "
                        f"not {value!r}") from None  # fmt: skip


def _of_brian2(value: Any, powers: tuple[float, ...], unit: Unit, what: str) -> float:
    """Convert a quantity of Brian2, which is held in SI units, to the unit of the table."""
    time, voltage, current = unit.dimension  # V = kg m² / (s³ A)
    if powers != (2 * voltage, voltage, time - 3 * voltage, current - voltage, 0, 0, 0):
        choices = ", ".join(_of(unit)) or "none, it is a pure number"
        raise UnitError(
            f"{what} = {_shown(value)} has another unit: it must be a {unit.kind}; units: {choices}"
        )
    return float(f"{float(value) * 10.0 ** (3 * time + 3 * voltage + 12 * current):.15g}")


def number(value: object, what: str, how: str = "") -> float:
    """Convert a value to float, also one of NumPy's or torch's; truth values and lists are refused.

    Args:
        value: anything.
        what: whose value it is, for the message.
        how: other ways to write it, for the message.

    Raises:
        UnitError: it is no number.
    """
    bare = not isinstance(value, bool | np.bool_ | str | bytes) and not getattr(value, "ndim", 0)
    if bare and not has_unit(value):  # float(10 * brian2.ms) would be 0.01
        try:
            return float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError, RuntimeError):
            pass
    raise UnitError(f"{what} must be a number{how}, not {_shown(value)}")


def _shown(value: object) -> str:
    """Format a value for a message: short, and in one line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _of(unit: Unit) -> list[str]:
    """List the symbols in which a quantity of this kind may be written."""
    return [symbol for symbol, (other, _) in _WRITTEN.items() if other == unit and symbol]


def name_of(dimension: Dimension) -> str:
    """Format a dimension in the symbols of the table: "mV", or "ms^2 mV"."""
    for unit in UNITS.values():
        if unit.dimension == dimension:
            return unit.symbol
    parts = zip(("ms", "mV", "pA"), dimension, strict=True)
    return " ".join(base if power == 1 else f"{base}^{power}" for base, power in parts if power)
