"""Seeded initial weights, drawn by name.

Every weight is drawn from its own stream, seeded by the network's seed and the weight's name, in
float64 on the CPU. So adding an area reshuffles nothing, and every device and precision starts from
the same numbers.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import torch
from torch import Tensor

from corticalnet.errors import NetworkError, unknown

#: Given the standard-normal or uniform draw's shape, fan-in, fan-out and generator: the weights.
Scheme = Callable[[tuple[int, ...], int, int, torch.Generator], Tensor]


def generator(seed: int, name: str) -> torch.Generator:
    """The random stream of ``name`` under ``seed``: the same on every machine, whatever else is drawn."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


def normal(std: float) -> Scheme:
    """N(0, std²), as in Pozzi et al. 2020."""
    return lambda shape, fan_in, fan_out, rng: std * _gauss(shape, rng)


def glorot(gain: float = 1.0) -> Scheme:
    """U(±gain·√(6 / (fan_in + fan_out))), Glorot & Bengio 2010; Bartunov et al. 2018 use gain 1.

    Whittington & Bogacz 2017 use gain 4 for the logistic function.
    """
    return lambda shape, fan_in, fan_out, rng: (
        gain * math.sqrt(6 / (fan_in + fan_out)) * (2 * torch.rand(shape, generator=rng, dtype=_F64) - 1)
    )


def scaled(gain: float = 1.0) -> Scheme:
    """N(0, gain² / fan_in): keeps the variance of linear columns for gain 1, of ReLU for gain √2."""
    return lambda shape, fan_in, fan_out, rng: gain / math.sqrt(fan_in) * _gauss(shape, rng)


SCHEMES: dict[str, Scheme] = {"glorot": glorot(), "he": scaled(math.sqrt(2)), "lecun": scaled(1.0)}

_F64 = torch.float64


def _gauss(shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=rng, dtype=_F64)


def scheme(choice: str | float | Scheme) -> Scheme:
    """A scheme by name ("glorot", "he", "lecun"), by number (normal with that s.d.), or as a function.

    Raises:
        NetworkError: the name is unknown or the number is negative.
    """
    if callable(choice):
        return choice
    if isinstance(choice, str):
        if choice not in SCHEMES:
            raise NetworkError(unknown("initialisation", choice, [*SCHEMES, "a standard deviation"]))
        return SCHEMES[choice]
    if choice < 0:
        raise NetworkError(f"initialisation: a standard deviation cannot be {choice}; choose 0 or more")
    return normal(float(choice))
