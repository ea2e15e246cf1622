"""Seeded initial weights, drawn by name.

Every weight is drawn from its own stream, seeded by the network's seed and the weight's name, in
float64 on the CPU. So adding an area reshuffles nothing, and every device and precision starts from
the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from corticalnet.checks import not_negative, number, shown, whole
from corticalnet.errors import NetworkError, unknown
from corticalnet.seeds import seed_of

#: Given the standard-normal or uniform draw's shape, fan-in, fan-out and generator: the weights.
Scheme = Callable[[tuple[int, ...], int, int, torch.Generator], Tensor]


def generator(seed: int, name: str) -> torch.Generator:
    """Seed the random stream of ``name`` under ``seed``.

    It is the same on every machine, whatever else is drawn.
    """
    seed = whole("seed", seed, NetworkError, least=None)
    return torch.Generator().manual_seed(seed_of(seed, name, size=7))


def normal(std: float) -> Scheme:
    """Return a scheme that draws from N(0, std²), as in Pozzi et al. 2020."""
    return partial(_normal, not_negative("normal: the standard deviation", std, NetworkError))


def glorot(gain: float = 1.0) -> Scheme:
    """Return a scheme that draws from U(±gain·√(6 / (fan_in + fan_out))) (Glorot & Bengio 2010).

    Bartunov et al. 2018 use gain 1; Whittington & Bogacz 2017 use gain 4 for the logistic function.

    Whittington & Bogacz 2017 use gain 4 for the logistic function.
    """
    return partial(_glorot, number("glorot: gain", gain, NetworkError))


def scaled(gain: float = 1.0) -> Scheme:
    """Return a scheme that draws from N(0, gain² / fan_in).

    It keeps the variance of linear columns for gain 1, of ReLU for gain √2.
    """
    return partial(_scaled, number("scaled: gain", gain, NetworkError))


_F64 = torch.float64


# (functions of the module, so that links that hold a scheme can be pickled)
def _normal(std: float, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: torch.Generator) -> Tensor:
    return std * torch.randn(shape, generator=rng, dtype=_F64)


def _glorot(gain: float, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: torch.Generator) -> Tensor:
    return gain * math.sqrt(6 / (fan_in + fan_out)) * (2 * torch.rand(shape, generator=rng, dtype=_F64) - 1)


def _scaled(gain: float, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: torch.Generator) -> Tensor:
    return gain / math.sqrt(fan_in) * torch.randn(shape, generator=rng, dtype=_F64)


SCHEMES: dict[str, Scheme] = {"glorot": glorot(), "he": scaled(math.sqrt(2)), "lecun": scaled(1.0)}


def scheme(choice: str | float | Scheme, what: str = "") -> Scheme:
    """Return a scheme by name ("glorot", "he", "lecun"), by number (normal with that s.d.), or as a function.

    Args:
        choice: it.
        what: whose it is, for the message.

    Raises:
        NetworkError: the name is unknown, or the number is negative or none; or, when weights are
            drawn, what a function returns does not fit.
    """
    where = f"{what}: " if what else ""
    if callable(choice):
        return _checked(choice, where)
    if isinstance(choice, str):
        if choice not in SCHEMES:
            raise NetworkError(where + unknown("initialisation", choice, [*SCHEMES, "a standard deviation"]))
        return SCHEMES[choice]
    return normal(not_negative(f"{where}initialisation by a standard deviation", choice, NetworkError))


def _checked(own: Scheme, where: str) -> Scheme:
    """Wrap a user's scheme so that the weights it returns are checked."""

    def draw(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: torch.Generator) -> Tensor:
        weights = own(shape, fan_in, fan_out, rng)
        if not isinstance(weights, Tensor):
            raise NetworkError(
                f"{where}an initialisation returns a tensor of shape {shape}, not {shown(weights)}"
            )
        if tuple(weights.shape) != shape:
            raise NetworkError(
                f"{where}an initialisation returned {tuple(weights.shape)} for {shape} weights"
            )
        if weights.is_complex() or not (weights.is_meta or weights.isfinite().all()):
            raise NetworkError(f"{where}an initialisation returned weights that are no finite real numbers")
        return weights

    return draw
