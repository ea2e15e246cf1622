"""Checks of what users give: numbers and their ranges, flags, functions, arrays. One sentence a mistake.

    self.rate = positive("IL: rate", rate, RuleError)        "IL: rate must be a number above 0, not -1"

All return what they were given as a plain number: scalars of NumPy and tensors of one number are unwrapped.
Booleans and texts are no numbers, and NaN and infinity are in no range. What has a physical unit is no
number, either: Brian2 holds ``10 * ms`` as 0.01, and here times are in ms
(:func:`corticalnet.circuits.quantities.quantity` converts).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.errors import CorticalnetError

#: Longest value that a message shows whole.
_SHOWN = 60


def shown(value: object) -> str:
    """Format a value for a message: in one line, and not long.

    >>> shown(list(range(100)))
    '[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 1…'
    """
    try:
        text = " ".join(repr(value).split())
    except Exception:  # an object that cannot even say what it is
        text = f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def number(
    what: str,
    value: Any,
    error: type[CorticalnetError],
    possible: str = "a finite number",
    fits: Callable[[float], bool] = lambda x: True,
) -> float:
    """Check for a finite number that ``fits``; return it as a float.

    Args:
        what: whose value it is, for the message: "IL: rate".
        value: what the user gave.
        error: what to raise.
        possible: which numbers fit, in words.
        fits: whether a finite number does.

    Raises:
        CorticalnetError: of the kind ``error``: no number, not finite, or it does not fit.

    >>> number("gain", 2, CorticalnetError)
    2.0
    """
    plain = None if has_unit(value) else _plain(value)
    try:
        found = float(plain) if isinstance(plain, Real) else math.nan
    except OverflowError:
        found = math.inf
    if not (math.isfinite(found) and fits(found)):
        raise error(f"{what} must be {possible}, not {shown(value)}")
    return found


def positive(what: str, value: Any, error: type[CorticalnetError]) -> float:
    """Check for a number above 0; return it as a float."""
    return number(what, value, error, "a number above 0", lambda x: x > 0)


def not_negative(what: str, value: Any, error: type[CorticalnetError]) -> float:
    """Check for a number from 0; return it as a float."""
    return number(what, value, error, "a number from 0", lambda x: x >= 0)


def probability(what: str, value: Any, error: type[CorticalnetError]) -> float:
    """Check for a number from 0 to 1; return it as a float."""
    return number(what, value, error, "a probability in [0, 1]", lambda x: 0 <= x <= 1)


def fraction(what: str, value: Any, error: type[CorticalnetError]) -> float:
    """Check for a number above 0, up to 1: how much of a whole, but not nothing."""
    return number(what, value, error, "a number in (0, 1]", lambda x: 0 < x <= 1)


def whole(what: str, value: Any, error: type[CorticalnetError], least: int | None = 1) -> int:
    """Check for a whole number from ``least`` (any, if that is None); return it. A float is none, even 2.0.

    >>> whole("seed", -3, CorticalnetError, least=None)
    -3
    """
    plain = None if has_unit(value) else _plain(value)
    if not isinstance(plain, Integral) or (least is not None and plain < least):
        range_ = "" if least is None else f" from {least}"
        raise error(f"{what} must be a whole number{range_}, not {shown(value)}")
    return int(plain)


def flag(what: str, value: Any, error: type[CorticalnetError]) -> bool:
    """Check for True or False; return it as a bool."""
    plain = _unwrapped(value)
    if not isinstance(plain, bool):
        raise error(f"{what} must be True or False, not {shown(value)}")
    return plain


def function(what: str, value: Any, error: type[CorticalnetError]) -> Any:
    """Check for something that can be called."""
    if not callable(value):
        raise error(f"{what} must be a function, not {shown(value)}")
    return value


def array(what: str, value: Any, error: type[CorticalnetError], *, finite: bool = False) -> NDArray[Any]:
    """Read real numbers (or truth values) as a NumPy array: of a list, a table, a tensor, a sparse matrix, …

    Args:
        what: whose value it is, for the message.
        value: what the user gave.
        error: what to raise.
        finite: refuse NaN and infinity, too.

    Raises:
        CorticalnetError: of the kind ``error``: no full array, or none of real numbers that are all there.

    >>> array("rates", [[1, 2]], CorticalnetError).shape
    (1, 2)
    """
    if value is None:
        raise error(f"{what} is None; give an array of numbers")
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise error(f"{what} is a masked array; fill in what is masked, or leave it out")
    unitless(what, value, error)
    plain = value
    try:
        for method in ("detach", "cpu", "toarray"):  # of tensors, and of SciPy's sparse matrices
            if not isinstance(plain, np.ndarray) and hasattr(plain, method):
                plain = getattr(plain, method)()
        if str(getattr(plain, "dtype", "")) == "torch.bfloat16":  # NumPy has no such type
            plain = plain.float()
        found = np.asarray(plain)
    except Exception as wrong:  # rows of different lengths, a meta tensor, whatever a foreign object answers
        raise error(f"{what} is no full array of numbers: {shown(value)}") from wrong
    if found.dtype.kind == "O" and found.size and all(type(v) in (int, float) for v in found.flat):
        found = found.astype(np.float64)  # pandas' columns of mixed numbers
    if found.dtype.kind not in "fiub":
        kind = "holds complex numbers" if found.dtype.kind == "c" else f"holds no numbers ({found.dtype})"
        raise error(f"{what} {kind}; give an array of real numbers, not {shown(value)}")
    if finite and not np.isfinite(found).all():
        raise error(f"{what} has a value that is not finite (NaN or infinite)")
    return found


def dimension(value: Any) -> tuple[float, ...] | None:
    """Return the powers of m, kg, s, A, K, mol and cd of what has a unit of Brian2; None if it has none.

    Brian2 is not imported for this: what has a unit of its was made by it.
    """
    library = sys.modules.get("brian2.units.fundamentalunits")
    found = getattr(value, "dim", None)  # (a method, of tensors)
    if library is None or not isinstance(found, library.Dimension) or found.is_dimensionless:
        return None
    return tuple(float(power) for power in found._dims)


def has_unit(value: Any) -> bool:
    """Return whether a value, or one in a list of them, has a unit of Brian2, pint, quantities or Astropy."""
    if isinstance(value, list | tuple):
        return any(has_unit(one) for one in value)
    if type(value) in (int, float, np.ndarray):
        return False
    foreign = getattr(value, "dimensionality", None) or getattr(value, "physical_type", "dimensionless")
    return dimension(value) is not None or str(foreign) != "dimensionless"


def unitless(what: str, value: Any, error: type[CorticalnetError]) -> None:
    """Check that numbers have no physical unit, which reading them as an array would drop."""
    if has_unit(value):
        raise error(f"{what} must be plain numbers, without a unit, not {shown(value)}; divide by the unit")


def _unwrapped(value: Any) -> Any:
    """Convert a scalar of NumPy, or an array or tensor of shape (), to one of Python."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        try:
            return value.item()
        except Exception:  # a tensor on the meta device has no value
            return None
    return value


def _plain(value: Any) -> Any:
    """Convert a number to one of Python; None for a boolean."""
    plain = _unwrapped(value)
    return None if isinstance(plain, bool) else plain
