"""Pointwise functions: all that a cell or a plasticity may call, besides + − × ÷, comparisons, & and |.

("Not" is ``== 0``: Python's own ``~True`` is −2.) Each takes floats (by hand), NumPy arrays (tests),
tensors (the torch engine), symbols (``print`` and checks) or formulas (the Brian2 engine's code). NumPy is
the default; other kinds of number are added by who knows them with :func:`register`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.special import expit

Number = Any

_NUMPY: dict[str, Callable[..., Any]] = {
    "where": np.where,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "sigmoid": expit,
    "absolute": np.abs,
    "floor": np.floor,
    "sign": np.sign,
    "minimum": np.minimum,
    "maximum": np.maximum,
}
#: Names of all functions.
NAMES = tuple(_NUMPY)
_KINDS: dict[type, Mapping[str, Callable[..., Any]]] = {}


def register(kind: type, functions: Mapping[str, Callable[..., Any]]) -> None:
    """Register the functions of a kind of number: ``functions`` has one for every name of :data:`NAMES`."""
    _KINDS[kind] = {name: functions[name] for name in NAMES}


def _call(name: str, *arguments: Number) -> Number:
    for argument in arguments:
        functions = _KINDS.get(type(argument))
        if functions is not None:
            return functions[name](*arguments)
    value = _NUMPY[name](*arguments)
    # A plain number stays one: a NumPy scalar beside a tensor would be asked first, and fail.
    return value.item() if np.ndim(value) == 0 else value


def where(condition: Number, then: Number, otherwise: Number) -> Number:
    """Return ``then`` where the condition holds, ``otherwise`` elsewhere (not an ``if`` on a state)."""
    if isinstance(condition, bool):
        return then if condition else otherwise
    return _call("where", condition, then, otherwise)


def increment(slope: Number, tau: Number, dt: Number) -> Number:
    """Compute the change of x in a forward Euler step of τ dx/dt = slope, the only integrator here."""
    return dt / tau * slope


def relax(x: Number, to: Number, tau: Number, dt: Number) -> Number:
    """Compute x after a forward Euler step of τ dx/dt = to − x."""
    return x + increment(to - x, tau, dt)


def exp(x: Number) -> Number:
    """Compute eˣ."""
    return _call("exp", x)


def expm1(x: Number) -> Number:
    """Compute eˣ − 1, exact near 0."""
    return _call("expm1", x)


def log(x: Number) -> Number:
    """Compute the natural logarithm."""
    return _call("log", x)


def log1p(x: Number) -> Number:
    """Compute log(1 + x), exact near 0."""
    return _call("log1p", x)


def sqrt(x: Number) -> Number:
    """Compute the square root."""
    return _call("sqrt", x)


def tanh(x: Number) -> Number:
    """Compute the hyperbolic tangent."""
    return _call("tanh", x)


def sigmoid(x: Number) -> Number:
    """Compute 1 / (1 + e⁻ˣ)."""
    return _call("sigmoid", x)


def absolute(x: Number) -> Number:
    """Compute |x|."""
    return _call("absolute", x)


def floor(x: Number) -> Number:
    """Compute the largest integer that is not above x."""
    return _call("floor", x)


def sign(x: Number) -> Number:
    """Return −1, 0 or 1."""
    return _call("sign", x)


def minimum(x: Number, y: Number) -> Number:
    """Return the smaller of two numbers."""
    return _call("minimum", x, y)


def maximum(x: Number, y: Number) -> Number:
    """Return the larger of two numbers."""
    return _call("maximum", x, y)
