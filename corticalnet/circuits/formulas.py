"""What can be read off the equations of a cell: by what it divides, what it integrates, what it forgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sympy
from sympy.codegen.cfunctions import expm1

from corticalnet.circuits.tracing import Maximum, Minimum, Where

#: What is kept as it stands, and what it is once its arguments are numbers.
_DECIDED: dict[Any, Callable[..., Any]] = {Minimum: sympy.Min, Maximum: sympy.Max}


def divisors(equations: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the symbols that must not be 0: an equation divides by them, or takes their logarithm."""
    expressions = [expr for new in equations.values() for expr in new.values()]
    below = {p.base for expr in expressions for p in expr.atoms(sympy.Pow) if p.exp.is_negative}
    below |= {log.args[0] for expr in expressions for log in expr.atoms(sympy.log)}
    return {s.name for base in below for s in base.free_symbols if base.subs(s, 0) == 0}


def euler(equations: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the time constants τ of Euler steps: the symbols of factors dt/τ (unlike e^(−dt/τ))."""
    found: set[str] = set()
    todo = [expr for new in equations.values() for expr in new.values()]
    while todo:
        expr = todo.pop()
        if expr.is_Mul:
            factors = expr.as_powers_dict()
            if any(base.name == "dt" and power == 1 for base, power in factors.items() if base.is_Symbol):
                found |= {base.name for base, power in factors.items() if base.is_Symbol and power == -1}
        if not isinstance(expr, sympy.exp | expm1):
            todo += expr.args
    return found


def self_coupling(expr: Any, state: str) -> Any:
    """Compute ∂ new / ∂ old of a state; None where dt does not occur in it."""
    old = next((symbol for symbol in expr.free_symbols if symbol.name == state), None)
    slope = None if old is None else expr.diff(old)
    return slope if slope is not None and "dt" in {s.name for s in slope.free_symbols} else None


def at(expr: Any, values: Mapping[str, Any]) -> Any:
    """Evaluate an expression at values of its symbols; every Where is decided if it can be."""
    if expr is None or not expr.args:
        return sympy.sympify(values[expr.name]) if getattr(expr, "is_Symbol", False) else expr
    arguments = [at(argument, values) for argument in expr.args]
    if isinstance(expr, Where) and arguments[0] in (sympy.true, sympy.false):
        return arguments[1] if arguments[0] == sympy.true else arguments[2]
    return _DECIDED.get(expr.func, expr.func)(*arguments)


def binary(equations: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the states that are 0 or 1: spikes, φ, choices, ticks of a clock."""
    found: dict[str, bool] = {}
    for new in equations.values():
        for state, expr in new.items():
            found[state] = found.get(state, True) and not expr.is_number and _zero_or_one(expr)
    return {state for state, it_is in found.items() if it_is}


def _zero_or_one(expr: Any) -> bool:
    if isinstance(expr, Where):
        return all(_zero_or_one(value) for value in expr.args[1:])
    return expr.is_Boolean or (bool(expr.is_number and expr.is_real) and float(expr) in (0.0, 1.0))
