"""Quantities: what is in which unit. Parameters and states carry their unit as a type.

    tau: Milliseconds = 10.0            a plain number is in the unit of the annotation
    Value(tau="0.01 s")                 a text is converted, and refused if it is no time

The table is coherent (pA = nS mV, mV = pA ms / pF), so an equation needs no factors. A unit's dimension
counts powers of time, voltage and current.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from corticalnet.errors import UnitError, unknown

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

Pure = Annotated[float, ONE]
Milliseconds = Annotated[float, MS]
PerMillisecond = Annotated[float, KHZ]
Millivolts = Annotated[float, MV]
Picoamperes = Annotated[float, PA]
Nanosiemens = Annotated[float, NS]
Picofarads = Annotated[float, PF]

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
    """A number in ``unit``: plain numbers are in it already, texts such as "10 ms" are converted.

    Args:
        value: a number, or a text of number and unit.
        unit: of the table.
        what: whose value it is, for the message.

    Raises:
        UnitError: another kind of quantity, an unknown unit, or no number.

    >>> quantity("0.01 s", MS, "tau")
    10.0
    """
    text = value.strip() if isinstance(value, str) else ""
    close = re.fullmatch(r"([-+\d.]+(?:[eE][-+]?\d+)?)([a-zA-Z]+)", text)  # "10ms"
    number, _, symbol = text.partition(" ") if text else (value, "", unit.symbol)
    number, symbol = close.groups() if close else (number, symbol.strip())
    if symbol not in _WRITTEN:
        raise UnitError(f"{what} = {value!r}: {unknown('unit', symbol, _of(unit))}")
    written, factor = _WRITTEN[symbol]
    if written != unit:
        choices = ", ".join(_of(unit))
        raise UnitError(
            f"{what} = {value!r} is a {written.kind}, but must be a {unit.kind}; units: {choices}"
        )
    try:
        return factor * float(number)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise UnitError(f"{what} must be a number (in {unit.symbol}) or a text like '10 {unit.symbol}', "
                        f"not {value!r}") from None  # fmt: skip


def _of(unit: Unit) -> list[str]:
    """How a quantity of this kind may be written."""
    return [symbol for symbol, (other, _) in _WRITTEN.items() if other == unit and symbol]


def name_of(dimension: Dimension) -> str:
    """A dimension in the symbols of the table: "mV", or "ms^2 mV"."""
    for unit in UNITS.values():
        if unit.dimension == dimension:
            return unit.symbol
    parts = zip(("ms", "mV", "pA"), dimension, strict=True)
    return " ".join(base if power == 1 else f"{base}^{power}" for base, power in parts if power)
