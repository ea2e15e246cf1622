"""Bounds on weights: non-negative ones, signs that stay, Dale's law. Kept under every rule.

    w ← clip(w + Δw, low, high)

each weight for itself, after every change: gradient steps projected on the weights that are allowed.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from corticalnet.checks import fraction, shown
from corticalnet.errors import NetworkError

Shape = tuple[int, ...]
INFINITY = math.inf


class WeightBounds(ABC):
    """What keeps the weights of a link within limits, each its own.

    >>> import corticalnet as cn
    >>> isinstance(cn.Bounds(low=0), WeightBounds), isinstance(cn.Dale(), WeightBounds)
    (True, True)
    """

    @abstractmethod
    def limits(self, weights: Tensor, senders: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the least and the largest value of each weight, shaped as the weights.

        Args:
            weights: as they are drawn.
            senders: of each, the number of the column that sends (of its channel, on a sheet).
            rng: to draw from.
        """

    def start(self, weights: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """Return initial weights within the limits: on the allowed side of 0, and no further than allowed."""
        folded = torch.where(low == 0, weights.abs(), torch.where(high == 0, -weights.abs(), weights))
        return torch.clamp(folded, low, high)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Bounds(WeightBounds):
    """Fixed bounds: every weight stays in ``[low, high]``.

    Args:
        low, high: a number, or an array shaped as the weights. ``Bounds(low=0)``: no weight is negative.

    Raises:
        NetworkError: no numbers, or a ``low`` above its ``high``; when the link is built, another shape.

    >>> import corticalnet as cn
    >>> net = cn.Network((5,), [cn.Area(cn.Dense(3, bounds=Bounds(low=0)))])
    >>> bool((net.links[0].weight >= 0).all())
    True
    """

    def __init__(self, low: Any = -INFINITY, high: Any = INFINITY) -> None:
        self.low, self.high = _limit("low", low), _limit("high", high)
        try:
            crossed = bool((self.low > self.high).any())
        except RuntimeError:
            raise NetworkError(
                f"Bounds: low has shape {tuple(self.low.shape)}, and high {tuple(self.high.shape)}"
            ) from None
        if crossed or bool((self.low == INFINITY).any()) or bool((self.high == -INFINITY).any()):
            raise NetworkError(f"Bounds: no number lies between low = {shown(low)} and high = {shown(high)}")

    def limits(self, weights: Tensor, senders: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the bounds, one for each weight."""
        for name, limit in (("low", self.low), ("high", self.high)):
            if limit.dim() and limit.shape != weights.shape:
                raise NetworkError(
                    f"Bounds: {name} has shape {tuple(limit.shape)}; the weight has {tuple(weights.shape)}"
                )
        return self.low.expand_as(weights), self.high.expand_as(weights)

    def __repr__(self) -> str:
        ends = {"low": self.low, "high": self.high}
        said = [f"{k}={v.item():g}" if not v.dim() else f"{k}=…" for k, v in ends.items()]
        return f"Bounds({', '.join(said)})"


class KeepSigns(WeightBounds):
    """Sign constraint: each synapse keeps the sign that it was drawn with, or falls silent.

    >>> import corticalnet as cn
    >>> cn.Dense(3, bounds=KeepSigns()).bounds
    KeepSigns()
    """

    def limits(self, weights: Tensor, senders: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return 0 to infinity for positive weights, minus infinity to 0 for the others."""
        return _one_sided(weights > 0)


class Dale(WeightBounds):
    """Dale's law: all synapses of a sending column are excitatory, or all are inhibitory.

    Inhibitory columns are fewer, and their initial weights larger, so that excitation and inhibition balance
    on average and the weights have the variance that their scheme draws. On a sheet the columns of a channel
    are of one kind.

    Args:
        excitatory: the share of sending columns that excite, above 0; which, is drawn by name.

    Raises:
        NetworkError: no share.

    >>> import corticalnet as cn
    >>> net = cn.Network((10,), [cn.Area(cn.Dense(4, bounds=Dale(0.8)))])
    >>> signs = net.links[0].weight.sign()
    >>> [int(column) for column in signs[0]] == [int(column) for column in signs[3]]
    True
    """

    def __init__(self, excitatory: float = 0.8) -> None:
        self.excitatory = fraction("Dale: excitatory", excitatory, NetworkError)

    def limits(self, weights: Tensor, senders: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the side of 0 of each weight, by the kind of its sending column."""
        columns = int(senders.max()) + 1
        excites = torch.zeros(columns, dtype=torch.bool)
        excites[torch.randperm(columns, generator=rng)[: max(1, round(self.excitatory * columns))]] = True
        return _one_sided(excites[senders].expand_as(weights))

    def start(self, weights: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """Move the weights to their side of 0, and balance both sides."""
        folded, excites = super().start(weights, low, high), low == 0
        share = excites.to(weights.dtype).mean().item()
        if share == 1:
            return folded
        ratio = math.sqrt(share / (1 - share))  # p/r = (1 − p) r, and p/r² + (1 − p) r² = 1
        return torch.where(excites, folded / ratio, folded * ratio)

    def __repr__(self) -> str:
        return f"Dale(excitatory={self.excitatory:g})"


def _one_sided(positive: Tensor) -> tuple[Tensor, Tensor]:
    zero = torch.zeros(positive.shape, dtype=torch.float64)
    return torch.where(positive, zero, -INFINITY), torch.where(positive, INFINITY, zero)


def _limit(name: str, value: Any) -> Tensor:
    try:
        limit = torch.as_tensor(np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value))
        if limit.dtype is not torch.bool and not limit.is_complex() and not limit.isnan().any():
            return limit.double()
    except (TypeError, ValueError, RuntimeError):
        pass
    raise NetworkError(f"Bounds: {name} must be a number or an array of numbers, not {shown(value)}")
