"""Activation functions in pointwise form, by the same names and numbers as the network view's.

rate = f(x)            gain(signal) = f'(x) * signal
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from corticalnet.circuits.pointwise import Number, exp, expm1, log1p, minimum, sigmoid, tanh, where
from corticalnet.errors import CircuitError, one_of


@dataclass(frozen=True)
class Activation:
    """A rate function ``rate(x)`` and ``gain(signal, x, rate)`` = f'(x) · signal."""

    rate: Callable[[Number], Number]
    gain: Callable[[Number, Number, Number], Number]


def _softplus(x: Number) -> Number:
    return where(x > 20, x, log1p(exp(minimum(x, 20))))  # linear above 20, as in torch


def _elu(x: Number) -> Number:
    return where(x > 0, x, expm1(minimum(x, 0)))


ACTIVATIONS: dict[str, Activation] = {
    "linear": Activation(lambda x: x, lambda s, x, y: s),
    "sigmoid": Activation(sigmoid, lambda s, x, y: s * y * (1 - y)),
    "tanh": Activation(tanh, lambda s, x, y: s * (1 - y * y)),
    "relu": Activation(lambda x: where(x > 0, x, 0.0), lambda s, x, y: where(x > 0, s, 0.0)),
    "softplus": Activation(_softplus, lambda s, x, y: where(x > 20, s, s * sigmoid(x))),
    "leaky-relu": Activation(lambda x: where(x > 0, x, 0.01 * x), lambda s, x, y: where(x > 0, s, 0.01 * s)),
    "elu": Activation(_elu, lambda s, x, y: where(x > 0, s, s * (y + 1))),
}


def activation(name: str) -> Activation:
    """Return the activation of a name.

    Raises:
        CircuitError: none has this name.
    """
    if name not in ACTIVATIONS:  # (asked in every step)
        one_of("activation", name, ACTIVATIONS, CircuitError)
    return ACTIVATIONS[name]
