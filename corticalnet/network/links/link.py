"""Links: bundles of synapses from one area to the next, each with three local operations.

    drive(rates)                what the link adds to the drive of its target       W r
    feedback(signal, weights)   a top-down signal brought back to its source        Wᵀ s
    hebbian(pre, post)          for each synapse, the batch sum of post × pre       Σ s rᵀ

Rules are written in these words. Every link here is an explicit tensor operation; none uses autograd.
Weights are ``[post, pre]``. ``weights`` in ``feedback`` may be any tensor of the weight's shape, so a
feedback pathway can have its own synapses. ``hebbian`` and ``hebbian_bias`` write into ``out``:
``out = beta · out + scale · Σ``, so that a rule allocates nothing. ``beta`` 0 replaces, 1 adds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import prune as torch_prune

from corticalnet.checks import flag, shown
from corticalnet.errors import NetworkError
from corticalnet.network.initialisation import Scheme, generator, scheme
from corticalnet.network.links.bounds import WeightBounds
from corticalnet.network.links.mask import drawn_mask, wanted_mask
from corticalnet.replay import GuardedModule

Shape = tuple[int, ...]
Pair = tuple[int, int]


class Link(GuardedModule, ABC):
    """All synapses from one area to another.

    Args:
        source: name of the area that sends; the area below if not given.
        bias: whether target columns have a learned offset (the papers use none).
        init: initial weights: "auto" (He for rectifying targets, Glorot otherwise), "glorot", "he",
            "lecun", a standard deviation, or a function (see :mod:`corticalnet.network.initialisation`).
        mask: which synapses there are, shaped as the weight: true or 1 where there is one. The others are 0
            for good, whatever teaches the network, and so are those of feedback along the link. All if not
            given.
        density: instead of a mask, the share of weights that have a synapse; which, is drawn by name.
        bounds: limits that weights keep under every rule: :class:`~corticalnet.network.links.Bounds`,
            :class:`~corticalnet.network.links.KeepSigns` or :class:`~corticalnet.network.links.Dale`. None if
            not given.

    Attributes:
        sparse: whether it has a mask.
        mask: the mask, as booleans, in the state of the network; None: all synapses are there.
        low, high: limits of each weight, in the state of the network; None: there are none.

    >>> import corticalnet as cn
    >>> isinstance(cn.Dense(3), Link), issubclass(cn.Convolution, Link)
    (True, True)
    """

    name: str  # "source->target", given by the network
    weight: nn.Parameter
    bias: nn.Parameter | None
    mask: Tensor | None
    low: Tensor | None
    high: Tensor | None
    source_shape: Shape
    target_shape: Shape
    plastic = True  # whether there is anything to learn
    capturable = True  # whether its operations can be recorded; see corticalnet.replay

    def __init__(
        self,
        source: str | None = None,
        *,
        bias: bool = False,
        init: str | float | Scheme = "auto",
        mask: Any = None,
        density: float | None = None,
        bounds: WeightBounds | None = None,
    ) -> None:
        super().__init__()
        kind = type(self).__name__
        if not (source is None or isinstance(source, str)):
            raise NetworkError(f"{kind}: source must be the name of an area, or None, not {shown(source)}")
        if not _automatic(init):
            scheme(init, kind)
        self.source_name, self.has_bias, self.init = source, flag(f"{kind}: bias", bias, NetworkError), init
        self.sparse = mask is not None or density is not None
        self._wanted = wanted_mask(kind, mask, density)
        if not (bounds is None or isinstance(bounds, WeightBounds)):
            kinds = "Bounds(...), KeepSigns(), Dale(...)"
            raise NetworkError(f"{kind}: bounds must be one of {kinds} or None, not {shown(bounds)}")
        self.bounds = bounds
        for buffer in ("mask", "low", "high"):
            self.register_buffer(buffer, None)

    # Which synapses there are -----------------------------------------------------------------
    @abstractmethod
    def plan(self, source_shape: Shape) -> tuple[Shape, Shape, Shape, int, int]:
        """Return target shape, weight shape, bias shape, fan-in and fan-out for a source of this shape."""

    def build(self, source_shape: Shape, seed: int, name: str, rectifying: bool, dtype: torch.dtype) -> Shape:
        """Draw the initial weights; return the shape of the target's drive."""
        target, weight, bias, *_ = self.plan(source_shape)
        self.name, self.source_shape, self.target_shape = name, source_shape, target
        if self._wanted is not None:
            self.mask = drawn_mask(self._wanted, weight, generator(seed, f"mask {name}"))
        choice = ("he" if rectifying else "glorot") if _automatic(self.init) else self.init
        weights = self.draw(choice, generator(seed, name))
        if self.bounds is not None:
            kinds = generator(seed, f"signs of {name.partition('->')[0]}")
            low, high = self.bounds.limits(weights, self.senders, kinds)
            weights = self.present(self.bounds.start(weights, low, high))
            self.low, self.high = low.to(dtype).clone(), high.to(dtype).clone()
        self.weight = nn.Parameter(weights.to(dtype))
        offset = nn.Parameter(torch.zeros(bias, dtype=dtype)) if self.has_bias else None
        self.register_parameter("bias", offset)
        return target

    def draw(self, choice: str | float | Scheme, rng: torch.Generator) -> Tensor:
        """Draw weights by a scheme, in float64."""
        shape = self.plan(self.source_shape)[1]
        return self.present(scheme(choice)(shape, *self.fans, rng))

    @property
    def fans(self) -> tuple[int, int]:
        """Return fan-in and fan-out: the synapses that a column has, on average if there is a mask."""
        *_, fan_in, fan_out = self.plan(self.source_shape)
        if self.mask is None:
            return fan_in, fan_out
        share = self.weights / self.mask.numel()
        return max(1, round(share * fan_in)), max(1, round(share * fan_out))

    def present(self, weights: Tensor) -> Tensor:
        """Set weights (or other numbers of their shape) to 0 where there are no synapses."""
        mask = self.mask if self.sparse else None
        return weights if mask is None else torch.where(mask, weights, 0.0)

    @property
    def senders(self) -> Tensor:
        """Return the number of the sending column (or channel) of each weight, to be broadcast to them."""
        columns = self.plan(self.source_shape)[1]
        return torch.arange(columns[1]).view(-1, *(1 for _ in columns[2:]))

    @torch.no_grad()
    def keep_bounds(self) -> None:
        """Clip the weights to their bounds: ``w ← clip(w, low, high)``; nothing without bounds."""
        if self.low is not None:
            self.weight.clamp_(self.low, self.high)
            if self.sparse:
                self.erase_absent(self.weight)

    def prune(self, mask: Any = None) -> None:
        """Keep only some of the synapses that there are, from now on.

        Args:
            mask: true or 1 for those that stay, shaped as the weight; if not given, that of
                ``torch.nn.utils.prune``, which then lets go of the link.

        Raises:
            NetworkError: the mask does not fit, or there is none.
        """
        if "weight_mask" in self._buffers:
            mask = self._buffers["weight_mask"] if mask is None else mask
            torch_prune.remove(self, "weight")
        if mask is None:
            raise NetworkError(f"link '{self.name}': nothing says which synapses stay; give a mask")
        kept = drawn_mask(wanted_mask(f"link '{self.name}'", mask, None), tuple(self.weight.shape), None)
        kept = kept.to(self.weight.device)
        kept = kept if self.mask is None else kept & self.mask
        self.sparse, self._wanted, self.mask = True, kept, kept
        self.weight.data.copy_(self.present(self.weight.data))

    def erase_absent(self, out: Tensor) -> None:
        """Set numbers shaped as the weights to 0 where there are no synapses."""
        if self.mask is not None:
            out.masked_fill_(~self.mask, 0.0)

    @property
    def weights(self) -> int:
        """Return the number of weights that the mask leaves (all, without one)."""
        return self.weight.numel() if self.mask is None else int(self.mask.sum())

    @property
    def synapses(self) -> int:
        """Return the number of synapses: with shared weights, of connections rather than of weights."""
        return self.weights

    def describe(self) -> str:
        """Describe the link in a few words, for tables."""
        return type(self).__name__.lower() + self._options()

    def _options(self) -> str:
        share = f" at density {self.weights / self.weight.numel():.2g}" if self.sparse else ""
        kept = "" if self.bounds is None else f", {self.bounds!r}"
        return share + (" + bias" if self.has_bias else "") + kept

    # The three local operations --------------------------------------------------------------
    @abstractmethod
    def drive(self, rates: Tensor) -> Tensor:
        """Compute the drive of the target's columns, ``[batch, *source_shape] -> [batch, *target_shape]``."""

    @abstractmethod
    def feedback(self, signal: Tensor, weights: Tensor) -> Tensor:
        """Map ``[batch, *target_shape] -> [batch, *source_shape]`` through ``weights``, of one shape."""

    @abstractmethod
    def hebbian(self, pre: Tensor, post: Tensor, out: Tensor, scale: float = 1.0, beta: float = 0.0) -> None:
        """Set ``out = beta · out + scale · Σ_batch post × pre`` for each weight."""

    def hebbian_bias(self, post: Tensor, out: Tensor, scale: float = 1.0, beta: float = 0.0) -> None:
        """Set ``out = beta · out + scale · Σ_batch post``: a synapse from a cell whose rate is always 1."""
        shared = post.dim() - 1 > out.dim()  # one bias per channel
        accumulate_(post.sum((0, 2, 3) if shared else 0), out, scale, beta)


def _automatic(init: str | float | Scheme) -> bool:
    return isinstance(init, str) and init == "auto"


def accumulate_(total: Tensor, out: Tensor, scale: float, beta: float) -> None:
    """Set ``out = beta · out + scale · total``; with ``beta`` 0, ``out`` may hold anything (even NaN)."""
    if beta == 0.0:
        torch.mul(total, scale, out=out)
        return
    if beta != 1.0:
        out.mul_(beta)
    out.add_(total, alpha=scale)
