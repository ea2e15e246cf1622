"""Tracing: a pointwise function called with symbols becomes its equations.

The same Python function that a person calls with floats and the torch engine with tensors is called
here with SymPy symbols. What comes back is printed by ``print(cell)``, checked for units, and says what a
cell reads. (The Brian2 engine calls the function once more, with formulas that write themselves as code.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Real
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy
from sympy.codegen.cfunctions import expm1, log1p
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanAtom, BooleanFunction

from corticalnet.circuits import pointwise
from corticalnet.errors import CircuitError

#: What SymPy's conditions are (a symbol could be one too, but here stands for a number).
CONDITIONS = (Relational, BooleanFunction, BooleanAtom)


class Where(sympy.Function):
    """``where(condition, then, otherwise)``, kept as it stands."""

    nargs = 3
    is_extended_real = is_real = True

    def _eval_derivative(self, s: Any) -> Any:
        condition, then, otherwise = self.args
        return Where(condition, then.diff(s), otherwise.diff(s))


class Minimum(sympy.Function):
    """The smaller of two numbers, kept as it stands."""

    nargs = 2
    is_extended_real = is_real = True

    def _eval_derivative(self, s: Any) -> Any:
        x, y = self.args
        return Where(x <= y, x.diff(s), y.diff(s))


class Maximum(sympy.Function):
    """The larger of two numbers, kept as it stands."""

    nargs = 2
    is_extended_real = is_real = True

    def _eval_derivative(self, s: Any) -> Any:
        x, y = self.args
        return Where(x >= y, x.diff(s), y.diff(s))


class BranchError(Exception):
    """Raised when Python asks a symbol for its truth value."""


class Traced:
    """A symbolic number, known only by its formula."""

    __slots__ = ("expr",)
    __hash__ = None  # type: ignore[assignment]
    __array_ufunc__ = None  # numpy scalars hand over to the methods below

    def __init__(self, expr: Any) -> None:
        self.expr = expr

    def __bool__(self) -> bool:
        raise BranchError(str(self.expr))

    def __add__(self, other: Any) -> Traced:
        _no_conditions("'+'", self, other, at_most=1)
        return Traced(_number(self) + _number(other))

    def __sub__(self, other: Any) -> Traced:
        _no_conditions("'-'", self, other)
        return Traced(_number(self) - _number(other))

    def __rsub__(self, other: Any) -> Traced:
        _no_conditions("'-'", self, other)
        return Traced(_number(other) - _number(self))

    def __mul__(self, other: Any) -> Traced:
        if _is_condition(self) and _is_condition(other):  # stays one, as it does in NumPy and torch
            return self.__and__(other)
        return Traced(_number(self) * _number(other))

    def __truediv__(self, other: Any) -> Traced:
        return Traced(_number(self) / _number(other))

    def __rtruediv__(self, other: Any) -> Traced:
        return Traced(_number(other) / _number(self))

    def __pow__(self, other: Any) -> Traced:
        return Traced(_number(self) ** _number(other))

    def __rpow__(self, other: Any) -> Traced:
        return Traced(_number(other) ** _number(self))

    __radd__, __rmul__ = __add__, __mul__

    def __pos__(self) -> Traced:
        return self

    def __abs__(self) -> Traced:
        return Traced(sympy.Abs(_number(self), evaluate=False))

    def __neg__(self) -> Traced:
        _no_conditions("'-'", self)
        return Traced(-_number(self))

    def __lt__(self, other: Any) -> Traced:
        return Traced(sympy.StrictLessThan(_number(self), _number(other)))

    def __le__(self, other: Any) -> Traced:
        return Traced(sympy.LessThan(_number(self), _number(other)))

    def __gt__(self, other: Any) -> Traced:
        return Traced(sympy.StrictGreaterThan(_number(self), _number(other)))

    def __ge__(self, other: Any) -> Traced:
        return Traced(sympy.GreaterThan(_number(self), _number(other)))

    def __eq__(self, other: object) -> Traced:  # type: ignore[override]
        return Traced(sympy.Eq(_number(self), _number(other)))

    def __ne__(self, other: object) -> Traced:  # type: ignore[override]
        if _expr(other) in (0, 0.0):
            return Traced(_truth(self))
        return Traced(sympy.Ne(_number(self), _number(other)))

    def __and__(self, other: Any) -> Traced:
        _only_conditions("&", self, other)
        return Traced(sympy.And(_truth(self), _truth(other)))

    def __or__(self, other: Any) -> Traced:
        _only_conditions("|", self, other)
        return Traced(sympy.Or(_truth(self), _truth(other)))

    __rand__, __ror__ = __and__, __or__


def _expr(x: Any) -> Any:
    """Convert a value to a formula; texts are refused (SymPy would run them as Python)."""
    if isinstance(x, Traced):
        return x.expr
    if isinstance(x, Real | np.bool_ | sympy.Basic) or (isinstance(x, np.ndarray) and not x.ndim):
        return sympy.sympify(x)
    raise TypeError(f"{' '.join(repr(x).split())} is no number")


def _is_condition(x: Any) -> bool:
    return isinstance(_expr(x), CONDITIONS)


def _no_conditions(sign: str, *operands: Any, at_most: int = 0) -> None:
    """Refuse conditions as numbers: True + True is 2 for Python, but True for NumPy and torch."""
    if sum(map(_is_condition, operands)) > at_most:
        raise TypeError(f"{sign} takes numbers, no conditions: write where(condition, 1.0, 0.0)")


def _only_conditions(sign: str, *operands: Any) -> None:
    """Refuse numbers as conditions: 0.5 & True is an error for Python and torch."""
    if not all(map(_is_condition, operands)):
        raise TypeError(f"'{sign}' takes conditions, no numbers: write (x != 0)")


def _number(x: Any) -> Any:
    """Convert a formula to a number: a condition counts as 1 or 0."""
    expr = _expr(x)
    return _decided(expr, sympy.Integer(1), sympy.Integer(0)) if isinstance(expr, CONDITIONS) else expr


def _decided(condition: Any, then: Any, otherwise: Any) -> Any:
    """Return a Where, or its branch if the condition is known already."""
    if isinstance(condition, BooleanAtom):
        return then if condition else otherwise
    return Where(condition, then, otherwise)


def _where(condition: Any, then: Any, otherwise: Any) -> Traced:
    c = _truth(condition)
    if _is_condition(then) and _is_condition(otherwise):  # stays one, as it does in NumPy and torch
        return Traced(sympy.Or(sympy.And(c, _expr(then)), sympy.And(sympy.Not(c), _expr(otherwise))))
    return Traced(_decided(c, _number(then), _number(otherwise)))


def _truth(x: Any) -> Any:
    """Convert a formula to a condition: a number is true where it is not 0."""
    expr = _expr(x)
    if isinstance(expr, Where) and expr.args[1:] == (1, 0):
        return expr.args[0]
    return expr if isinstance(expr, CONDITIONS) else sympy.Ne(expr, 0)


def _function(make: Callable[..., Any]) -> Callable[..., Traced]:
    def call(*arguments: Any) -> Traced:
        _no_conditions("a function", *arguments)  # torch would compute it in bool or float32
        return Traced(make(*map(_number, arguments)))

    return call


pointwise.register(
    Traced,
    {
        "where": _where,
        "exp": _function(sympy.exp),
        "expm1": _function(expm1),
        "log": _function(sympy.log),
        "log1p": _function(log1p),
        "sqrt": _function(sympy.sqrt),
        "tanh": _function(sympy.tanh),
        "sigmoid": _function(lambda x: 1 / (1 + sympy.exp(-x))),
        # (SymPy would look into a Where for its sign, and never come back)
        "absolute": _function(lambda x: sympy.Abs(x, evaluate=False)),
        "floor": _function(sympy.floor),
        "sign": _function(sympy.sign),
        "minimum": _function(Minimum),
        "maximum": _function(Maximum),
    },
)


class Space(SimpleNamespace):
    """A namespace that records which of its names were read.

    That is not what an expression holds: a factor of 0 and x − x leave nothing of what a function reads.
    """

    __slots__ = ("_read",)

    def __init__(self, **names: Any) -> None:
        super().__init__(**names)
        object.__setattr__(self, "_read", set())

    def __getattribute__(self, name: str) -> Any:
        names = object.__getattribute__(self, "__dict__")
        if name == "__dict__":
            read_of(self).update(names)
        elif name in names:
            read_of(self).add(name)
        return object.__getattribute__(self, name)


def read_of(space: Space) -> set[str]:
    """Return the names that were read from a space."""
    return object.__getattribute__(space, "_read")  # type: ignore[no-any-return]


def symbols(names: Mapping[str, str] | list[str] | tuple[str, ...]) -> Space:
    """Make a namespace of symbols: from a list of names, or attribute -> name."""
    pairs = names.items() if isinstance(names, Mapping) else ((n, n) for n in names)
    return Space(**{key: Traced(sympy.Symbol(name, real=True)) for key, name in pairs})


def trace(what: str, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    """Trace a function that returns a mapping (or a number, as ``""``) to expressions by name.

    Args:
        what: whose function it is, for messages, for example "cell Value, move".
        function: called with ``arguments`` (namespaces of symbols, symbols, numbers).

    Raises:
        CircuitError: the function branches on a symbol, calls something that is not pointwise, or uses
            a name that is not there.
    """
    try:
        result = function(*arguments)
        if result is None:
            raise CircuitError(f"{what}: returns nothing")
        named = result if isinstance(result, dict) else {"": result}
        found = {name: _number(value) for name, value in named.items()}
    except BranchError as error:
        raise CircuitError(
            f"{what}: branches on '{error}'; a cell is pointwise, so write where(condition, then, otherwise) "
            "instead of if, and, or, min, max"
        ) from None
    except AttributeError as error:
        there = ", ".join(name for a in arguments if isinstance(a, Space) for name in vars(a))
        raise CircuitError(f"{what}: there is no '{error.name}'; there is {there}") from None
    except TypeError as error:
        raise CircuitError(
            f"{what}: {error}; use the functions of corticalnet.circuits.pointwise: "
            f"{', '.join(pointwise.NAMES)}; for 'not' write == 0"
        ) from None
    except ZeroDivisionError:
        raise CircuitError(f"{what}: divides by 0") from None
    for name, expr in found.items():
        if expr.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo):
            raise CircuitError(f"{what}: '{name}' is {expr}, which is never a finite number")
    return found
