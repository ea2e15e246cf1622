"""Homeostasis: columns keep their activity near a set mean and spread.

    y = scale * (x - mean) / sqrt(variance + eps) + shift          scale and shift are learned

Two forms, and the difference matters for biology:

- :class:`BatchHomeostasis` is batch normalisation as in the code of Pozzi et al. 2020: mean and
  variance are those of the present mini-batch, shared by all positions of a channel. Its gain mixes
  the samples of the batch and is **not local**.
- :class:`SlowHomeostasis` is local: every column keeps its own slow averages of its own activity, and
  they are constants within a trial. Its gain is a number that the column has.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from corticalnet.checks import not_negative, number
from corticalnet.errors import NetworkError, one_of
from corticalnet.network.stages import Shape, Stage


class _Memory:
    """The statistics of one forward pass, and after a backward pass the gradients of scale and shift."""

    __slots__ = ("frozen", "gradients", "inverse", "mean")

    def __init__(self, mean: Tensor | None, inverse: Tensor | None, frozen: bool = False) -> None:
        self.mean, self.inverse, self.frozen = mean, inverse, frozen
        self.gradients: tuple[Tensor, Tensor] | None = None


class Homeostasis(Stage):
    """Common part: learned scale and shift, slow averages of mean and variance.

    Args:
        momentum: weight of the newest batch in the slow averages, up to 1; 0: averages do not forget.
        eps: added to the variance.
    """

    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, momentum: float = 0.01, eps: float = 1e-3) -> None:
        super().__init__()
        possible = "a number in [0, 1]"
        self.momentum = number(
            "homeostasis: momentum", momentum, NetworkError, possible, lambda m: 0 <= m <= 1
        )
        self.eps = not_negative("homeostasis: eps", eps, NetworkError)

    def build(self, shape: Shape) -> Shape:
        """Create the scale, the shift and the running mean and variance, one for each statistic."""
        size = self.statistics_shape(shape)
        self.scale = nn.Parameter(torch.ones(size))
        self.shift = nn.Parameter(torch.zeros(size))
        self.register_buffer("running_mean", torch.zeros(size))
        self.register_buffer("running_variance", torch.ones(size))
        return shape

    @abstractmethod
    def statistics_shape(self, shape: Shape) -> Shape:
        """Return the shape of the statistics: how columns share a mean and a variance."""

    def describe(self) -> str:
        """Describe the homeostasis by its name, and by settings that are not the default."""
        name = next(name for name, kind in HOMEOSTASES.items() if isinstance(self, kind))
        usual = {"momentum": 0.01, "eps": 1e-3}
        own = [f"{key} {getattr(self, key):g}" for key, value in usual.items() if getattr(self, key) != value]
        return f"{name} homeostasis" + (f" ({', '.join(own)})" if own else "")

    def parameter_gradients(self, memory: _Memory) -> list[tuple[nn.Parameter, Tensor]]:
        """Return the batch-summed gradients of scale and shift."""
        if memory.gradients is None:
            return []
        return [(self.scale, memory.gradients[0]), (self.shift, memory.gradients[1])]

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, weight: Tensor | float) -> None:
        """Move the running averages towards the statistics of this batch."""
        for average, new in ((self.running_mean, mean), (self.running_variance, variance)):
            average.lerp_(new.to(average.dtype), weight)


class BatchHomeostasis(Homeostasis):
    """Batch normalisation: statistics of the mini-batch, one per channel (not local).

    The slow averages, used outside training, are plain means at first (weight 1/n until that falls below
    ``momentum``), so that a network can be evaluated after few batches; with ``momentum`` 0 for good.
    """

    count: Tensor

    def build(self, shape: Shape) -> Shape:
        """Create the parameters and buffers of every homeostasis, and a count of batches."""
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        return super().build(shape)

    def statistics_shape(self, shape: Shape) -> Shape:
        """Return the shape of one statistic per channel."""
        return shape[:1]

    def freeze_statistics(self, memory: _Memory) -> _Memory:
        """Return a memory in which the statistics of this batch are constants."""
        return _Memory(memory.mean, memory.inverse, frozen=True)

    def forward(self, x: Tensor, memory: Any = None) -> tuple[Tensor, Any]:
        """Normalise by the batch while training, by the slow averages otherwise."""
        if memory is not None and memory.frozen:
            return self._normal(x, memory) * _channels(self.scale, x) + _channels(self.shift, x), memory
        if not self.training:
            mean, variance = self.running_mean, self.running_variance
            y = F.batch_norm(x, mean, variance, self.scale, self.shift, False, 0.0, self.eps)
            return y, _Memory(mean, (variance + self.eps).rsqrt())
        if x.shape[0] * x[0, 0].numel() < 2:
            raise NetworkError("homeostasis='batch' needs more than one sample in a training batch")
        y, mean, inverse = torch.native_batch_norm(x, self.scale, self.shift, None, None, True, 0.0, self.eps)
        if memory is None:
            n = x.numel() / x.shape[1]
            self.count += 1
            weight = self.count.to(x.dtype).reciprocal().clamp_min(self.momentum).to(self.running_mean.dtype)
            self._remember(mean.detach(), (inverse.detach() ** -2 - self.eps) * (n / (n - 1)), weight)
        return y, _Memory(mean, inverse)

    def backward(self, signal: Tensor, x: Tensor, y: Tensor, memory: Any) -> Tensor:
        """Propagate the signal through mean and variance too: each sample's signal depends on all others'."""
        if memory.frozen:
            others = [dim for dim in range(x.dim()) if dim != 1]
            memory.gradients = (signal * self._normal(x, memory)).sum(others), signal.sum(others)
            return signal * _channels(self.scale * memory.inverse, x)
        back: Tensor
        back, scale, shift = torch.ops.aten.native_batch_norm_backward(
            signal, x, self.scale, self.running_mean, self.running_variance,
            memory.mean, memory.inverse, self.training, self.eps, [True, True, True],
        )  # fmt: skip
        memory.gradients = (scale, shift)
        return back

    def _normal(self, x: Tensor, memory: Any) -> Tensor:
        return (x - _channels(memory.mean, x)) * _channels(memory.inverse, x)


def _channels(values: Tensor, like: Tensor) -> Tensor:
    """Reshape one number per channel so that it broadcasts over ``[batch, channels, …]``."""
    return values.view(-1, *(1,) * (like.dim() - 2))


class SlowHomeostasis(Homeostasis):
    """Local homeostasis: each column's own slow averages, constant within a trial."""

    def statistics_shape(self, shape: Shape) -> Shape:
        """Return the shape of one statistic per column."""
        return shape

    def forward(self, x: Tensor, memory: Any = None) -> tuple[Tensor, Any]:
        """Normalise by the averages of earlier batches (in training too), then let them follow this one."""
        if memory is None:
            memory = _Memory(self.running_mean.clone(), (self.running_variance + self.eps).rsqrt())
            if self.training:
                variance, mean = torch.var_mean(x.detach(), dim=0, correction=0)
                self._remember(mean, variance, self.momentum)
        normal = (x - memory.mean) * memory.inverse
        return normal * self.scale + self.shift, memory

    def backward(self, signal: Tensor, x: Tensor, y: Tensor, memory: Any) -> Tensor:
        """Scale the signal by ``scale / sqrt(variance + eps)``: nothing but the column's own numbers."""
        memory.gradients = ((signal * (x - memory.mean) * memory.inverse).sum(0), signal.sum(0))
        gain: Tensor = self.scale * memory.inverse
        return signal * gain


HOMEOSTASES: dict[str, type[Homeostasis]] = {"batch": BatchHomeostasis, "slow": SlowHomeostasis}


def homeostasis(choice: str | Homeostasis) -> Homeostasis:
    """Return a homeostasis: ``"batch"`` (as in the papers' code), ``"slow"`` (local), or an instance.

    Raises:
        NetworkError: no homeostasis has this name.
    """
    if isinstance(choice, Homeostasis):
        return choice
    one_of("homeostasis", choice, HOMEOSTASES, NetworkError)
    return HOMEOSTASES[choice]()
