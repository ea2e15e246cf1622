"""Tracing: a pointwise function called with symbols becomes its equations.

The same Python function that a person calls with floats and the torch engine with tensors is called
here with SymPy symbols. What comes back is printed by ``print(cell)``, checked for units, and turned
into code by the Brian2 engine; so no second implementation can drift.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import sympy
from sympy.codegen.cfunctions import expm1, log1p
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanAtom, BooleanFunction

from corticalnet.circuits import pointwise
from corticalnet.circuits.quantities import Dimension, name_of
from corticalnet.errors import CircuitError, UnitError

PURE: Dimension = (0, 0, 0)
#: What SymPy's conditions are (a symbol could be one too, but here stands for a number).
CONDITIONS = (Relational, BooleanFunction, BooleanAtom)


class Where(sympy.Function):
    """``where(condition, then, otherwise)``, kept as it stands."""

    nargs = 3

    def _eval_derivative(self, s: Any) -> Any:
        condition, then, otherwise = self.args
        return Where(condition, then.diff(s), otherwise.diff(s))


class Minimum(sympy.Function):
    """The smaller of two numbers, kept as it stands."""

    nargs = 2

    def _eval_derivative(self, s: Any) -> Any:
        x, y = self.args
        return Where(x <= y, x.diff(s), y.diff(s))


class Maximum(sympy.Function):
    """The larger of two numbers, kept as it stands."""

    nargs = 2

    def _eval_derivative(self, s: Any) -> Any:
        x, y = self.args
        return Where(x >= y, x.diff(s), y.diff(s))


class BranchError(Exception):
    """Python asked a symbol whether it is true."""


class Traced:
    """A number that is only known by its formula."""

    __slots__ = ("expr",)
    __hash__ = None  # type: ignore[assignment]
    __array_ufunc__ = None  # numpy scalars hand over to the methods below

    def __init__(self, expr: Any) -> None:
        self.expr = expr

    def __bool__(self) -> bool:
        raise BranchError(str(self.expr))

    def __add__(self, other: Any) -> Traced:
        return Traced(_number(self) + _number(other))

    def __sub__(self, other: Any) -> Traced:
        return Traced(_number(self) - _number(other))

    def __rsub__(self, other: Any) -> Traced:
        return Traced(_number(other) - _number(self))

    def __mul__(self, other: Any) -> Traced:
        return Traced(_number(self) * _number(other))

    def __truediv__(self, other: Any) -> Traced:
        return Traced(_number(self) / _number(other))

    def __rtruediv__(self, other: Any) -> Traced:
        return Traced(_number(other) / _number(self))

    def __pow__(self, other: Any) -> Traced:
        return Traced(_number(self) ** _number(other))

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Traced:
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
        return Traced(sympy.And(_truth(self), _truth(other)))

    def __or__(self, other: Any) -> Traced:
        return Traced(sympy.Or(_truth(self), _truth(other)))

    __rand__, __ror__ = __and__, __or__


def _expr(x: Any) -> Any:
    return x.expr if isinstance(x, Traced) else sympy.sympify(x)


def _number(x: Any) -> Any:
    """A formula as a number: a condition counts 1 or 0."""
    expr = _expr(x)
    return Where(expr, 1, 0) if isinstance(expr, CONDITIONS) else expr


def _truth(x: Any) -> Any:
    """A formula as a condition: a number holds where it is not 0."""
    expr = _expr(x)
    if isinstance(expr, Where) and expr.args[1:] == (1, 0):
        return expr.args[0]
    return expr if isinstance(expr, CONDITIONS) else sympy.Ne(expr, 0)


def _function(make: Callable[..., Any]) -> Callable[..., Traced]:
    return lambda *arguments: Traced(make(*map(_number, arguments)))


pointwise.register(
    Traced,
    {
        "where": lambda c, a, b: Traced(Where(_truth(c), _number(a), _number(b))),
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


def symbols(names: Mapping[str, str] | list[str] | tuple[str, ...]) -> SimpleNamespace:
    """A namespace of symbols: a list of names, or attribute -> name."""
    pairs = names.items() if isinstance(names, Mapping) else ((n, n) for n in names)
    return SimpleNamespace(**{key: Traced(sympy.Symbol(name, real=True)) for key, name in pairs})


def trace(what: str, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    """The equations of a function that returns a mapping (or one number, as ``""``): name -> expression.

    Args:
        what: whose function it is, for messages, for example "cell Value, move".
        function: called with ``arguments`` (namespaces of symbols, symbols, numbers).

    Raises:
        CircuitError: the function branches on a symbol, calls something that is not pointwise, or uses
            a name that is not there.
    """
    try:
        result = function(*arguments)
    except BranchError as error:
        raise CircuitError(
            f"{what}: branches on '{error}'; a cell is pointwise, so write where(condition, then, otherwise) "
            "instead of if, and, or, min, max"
        ) from None
    except AttributeError as error:
        names = [vars(a) for a in arguments if isinstance(a, SimpleNamespace)]
        there = ", ".join(name for one in names for name in one)
        raise CircuitError(f"{what}: there is no '{error.name}'; there is {there}") from None
    except TypeError as error:
        raise CircuitError(
            f"{what}: {error}; use the functions of corticalnet.circuits.pointwise: "
            f"{', '.join(pointwise.NAMES)}; for 'not' write == 0"
        ) from None
    named = result if isinstance(result, dict) else {"": result}
    return {name: _number(value) for name, value in named.items()}


def check_units(what: str, expr: Any, units: Mapping[str, Dimension], wanted: Dimension) -> None:
    """See that an expression has the dimension it should have.

    Raises:
        UnitError: it has another, or adds what cannot be added.
    """
    found = dimension(what, expr, units)
    if found is not None and found != wanted:
        raise UnitError(f"{what}: '{expr}' is in {name_of(found)}, but must be in {name_of(wanted)}")


def dimension(what: str, expr: Any, units: Mapping[str, Dimension]) -> Dimension | None:
    """Dimension of an expression; None for 0, which has every one."""
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
    for part in parts:
        other = dimension(what, part, units)
        if other is not None and found is not None and other != found:
            raise UnitError(f"{what}: '{expr}' puts {name_of(found)} and {name_of(other)} together")
        found = other if found is None else found
    return found
