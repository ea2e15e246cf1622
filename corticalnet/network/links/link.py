"""Links: bundles of synapses from one area to the next, each with three local operations.

    drive(rates)                what the link adds to the drive of its target       W r
    feedback(signal, weights)   a top-down signal brought back to its source        Wᵀ s
    hebbian(pre, post)          for each synapse, the batch sum of post × pre       Σ s rᵀ

Rules are written in these words. Every link here is an explicit tensor operation; none uses autograd.
Weights are ``[post, pre]``. ``weights`` in ``feedback`` may be any tensor of the weight's shape, so a
feedback pathway can have its own synapses. ``hebbian`` and ``hebbian_bias`` write into ``out``:
``out = keep · out + scale · Σ``, so that a rule allocates nothing. ``keep`` 0 replaces, 1 adds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from corticalnet.checks import flag, shown
from corticalnet.errors import NetworkError
from corticalnet.network.initialisation import Scheme, generator, scheme

Shape = tuple[int, ...]
Pair = tuple[int, int]


class Link(nn.Module, ABC):
    """All synapses from one area to another.

    Args:
        source: name of the area that sends; the area below if not given.
        bias: whether target columns have a learned offset (the papers use none).
        init: initial weights: "auto" (He for rectifying targets, Glorot otherwise), "glorot", "he",
            "lecun", a standard deviation, or a function (see :mod:`corticalnet.network.initialisation`).
    """

    name: str  # "source->target", given by the network
    weight: nn.Parameter
    bias: nn.Parameter | None
    source_shape: Shape
    target_shape: Shape
    plastic = True  # whether there is anything to learn

    def __init__(
        self, source: str | None = None, *, bias: bool = False, init: str | float | Scheme = "auto"
    ) -> None:
        super().__init__()
        kind = type(self).__name__
        if not (source is None or isinstance(source, str)):
            raise NetworkError(f"{kind}: source must be the name of an area, or None, not {shown(source)}")
        if not _automatic(init):
            scheme(init, kind)
        self.source_name, self.has_bias, self.init = source, flag(f"{kind}: bias", bias, NetworkError), init

    # Which synapses there are -----------------------------------------------------------------
    @abstractmethod
    def plan(self, source_shape: Shape) -> tuple[Shape, Shape, Shape, int, int]:
        """For a source of this shape: target shape, weight shape, bias shape, fan-in, fan-out."""

    def build(self, source_shape: Shape, seed: int, name: str, rectifying: bool, dtype: torch.dtype) -> Shape:
        """Draw the initial weights; return the shape of the target's drive."""
        target, weight, bias, fan_in, fan_out = self.plan(source_shape)
        self.name, self.source_shape, self.target_shape = name, source_shape, target
        choice = ("he" if rectifying else "glorot") if _automatic(self.init) else self.init
        drawn = scheme(choice)(weight, fan_in, fan_out, generator(seed, name))
        self.weight = nn.Parameter(drawn.to(dtype))
        offset = nn.Parameter(torch.zeros(bias, dtype=dtype)) if self.has_bias else None
        self.register_parameter("bias", offset)
        return target

    @property
    def synapses(self) -> int:
        """Number of synapses (for shared weights: of connections that exist, not of weights)."""
        return self.weight.numel()

    def describe(self) -> str:
        """A few words for tables."""
        return type(self).__name__.lower() + (" + bias" if self.has_bias else "")

    # The three local operations --------------------------------------------------------------
    @abstractmethod
    def drive(self, rates: Tensor) -> Tensor:
        """``[batch, *source_shape] -> [batch, *target_shape]``."""

    @abstractmethod
    def feedback(self, signal: Tensor, weights: Tensor) -> Tensor:
        """``[batch, *target_shape] -> [batch, *source_shape]`` through ``weights`` (shaped as ``weight``)."""

    @abstractmethod
    def hebbian(self, pre: Tensor, post: Tensor, out: Tensor, scale: float = 1.0, keep: float = 0.0) -> None:
        """``out = keep · out + scale · Σ_batch post × pre`` for each synapse."""

    def hebbian_bias(self, post: Tensor, out: Tensor, scale: float = 1.0, keep: float = 0.0) -> None:
        """The same for the bias: a synapse from a cell that is always at rate 1."""
        shared = post.dim() - 1 > out.dim()  # one bias per channel
        put(post.sum((0, 2, 3) if shared else 0), out, scale, keep)


def _automatic(init: str | float | Scheme) -> bool:
    return isinstance(init, str) and init == "auto"


def put_product(a: Tensor, b: Tensor, out: Tensor, scale: float, keep: float) -> None:
    """``out = keep · out + scale · a b``, for matrices or batches of them, in one go.

    Under autocast the product is computed in the shorter format and added in the format of ``out``.
    """
    batched = a.dim() == 3
    if a.dtype == b.dtype == out.dtype:
        add = torch.baddbmm if batched else torch.addmm
        add(out, a, b, beta=keep, alpha=scale, out=out)
    else:
        product = torch.bmm if batched else torch.mm
        put(product(a, b.to(a.dtype)), out, scale, keep)


def put(total: Tensor, out: Tensor, scale: float, keep: float) -> None:
    """``out = keep · out + scale · total``; with ``keep`` 0, ``out`` may hold anything (even NaN)."""
    if keep == 0.0:
        torch.mul(total, scale, out=out)
        return
    if keep != 1.0:
        out.mul_(keep)
    out.add_(total, alpha=scale)
