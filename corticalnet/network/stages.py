"""Stages: what an area's columns do between their drive and the rates they send on.

An area passes its drive through its stages in order: activation, homeostasis, pooling, stochastic
firing. Every stage has a forward pass, and a backward pass for top-down signals: the vector-Jacobian
product, by its local derivative at the state of the forward pass.

    y = forward(x)                   signal_x = backward(signal_y)

``forward`` also returns a memory (a dropout mask, statistics, the winners of a pool). Given to the next
``forward``, masks and slow statistics hold for the whole trial, so that inference steps of one trial see the
same mask; who wins in a pool is looked at anew.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from corticalnet.activations import ACTIVATIONS, Activation, activation
from corticalnet.checks import number, whole
from corticalnet.errors import NetworkError
from corticalnet.replay import GuardedModule

Shape = tuple[int, ...]
_ops = torch.ops.aten


class Stage(GuardedModule, ABC):
    """One step between drive and rate. Shapes: ``[batch, *shape]`` in and out."""

    capturable = True  # whether its operations can be recorded; see corticalnet.replay

    def build(self, shape: Shape) -> Shape:
        """Make buffers and parameters for columns of ``shape``; return the shape sent on."""
        return shape

    @abstractmethod
    def forward(self, x: Tensor, memory: Any = None) -> tuple[Tensor, Any]:
        """Compute the output and a memory; ``memory`` is that of an earlier pass of this trial."""

    @abstractmethod
    def backward(self, signal: Tensor, x: Tensor, y: Tensor, memory: Any) -> Tensor:
        """Compute the vector-Jacobian product: the signal at the output times the local derivative."""

    def freeze_statistics(self, memory: Any) -> Any:
        """Return the memory with frozen statistics: see :meth:`Area.freeze_statistics`."""
        return memory

    def describe(self) -> str:
        """Describe the stage in a word or two, for tables."""
        return type(self).__name__.lower()

    def parameter_gradients(self, memory: Any) -> list[tuple[nn.Parameter, Tensor]]:
        """Return the stage's own parameters with their batch-summed gradients, by the last ``backward``."""
        return []


class Fire(Stage):
    """The activation function: ``rate = f(x)``, ``gain = f'(x)``."""

    def __init__(self, choice: str | Activation) -> None:
        super().__init__()
        self.activation = activation(choice)

    @property
    def capturable(self) -> bool:  # type: ignore[override]
        """Return whether the activation is one of the toolkit's own."""
        return ACTIVATIONS.get(self.activation.name) is self.activation

    def forward(self, x: Tensor, memory: Any = None) -> tuple[Tensor, Any]:
        """Compute the rates ``f(x)``."""
        return self.activation.rate(x), None

    def backward(self, signal: Tensor, x: Tensor, y: Tensor, memory: Any) -> Tensor:
        """Compute ``f'(x) * signal``, the vector-Jacobian product."""
        return self.activation.gain(signal, x, y)

    def describe(self) -> str:
        """Return the activation's name."""
        return self.activation.name


class _Pool(Stage):
    """Common part of pools: a square of neighbours in the same channel, and where the next one begins."""

    def __init__(self, size: int = 2, stride: int | None = None, padding: int = 0) -> None:
        super().__init__()
        self.size = whole("pool: size", size, NetworkError)
        self.stride = self.size if stride is None else whole("pool: stride", stride, NetworkError)
        self.padding = whole("pool: padding", padding, NetworkError, least=0)
        if 2 * self.padding > self.size:
            raise NetworkError(f"pool: padding {padding} is more than half of the pool, {size}")

    @property
    def _given(self) -> str:
        return str(self.size)

    @property
    def _words(self) -> str:
        stride = f"/{self.stride}" if self.stride != self.size else ""
        return f"{self.size}×{self.size}{stride}" + (f" padded {self.padding}" if self.padding else "")

    def build(self, shape: Shape) -> Shape:
        """Check that columns form a sheet as large as the pool; return the shape of the pooled sheet."""
        if len(shape) != 3:
            raise NetworkError(f"pool={self._given} needs columns in channels × height × width, not {shape}")
        height, width = (((n + 2 * self.padding - self.size) // self.stride + 1) for n in shape[1:])
        if min(height, width) < 1:
            raise NetworkError(f"pool={self.size} is larger than the sheet of columns {shape}")
        return (shape[0], height, width)


class MaxPool(_Pool):
    """The strongest column of each ``size`` × ``size`` neighbourhood speaks; feedback returns to it alone.

    >>> import corticalnet as cn
    >>> areas = [cn.Area(cn.Convolution(4, padding="same"), pool=MaxPool(2)), cn.Area(cn.Dense(3))]
    >>> cn.Network((1, 6, 6), areas).areas["area1"].shape
    (4, 3, 3)
    """

    def forward(self, x: Tensor, memory: Any = None) -> tuple[Tensor, Any]:
        """Compute the maxima, and the indices of the winners."""
        y, winners = F.max_pool2d(x, self.size, self.stride, self.padding, return_indices=True)
        return y, winners

    def backward(self, signal: Tensor, x: Tensor, y: Tensor, memory: Any) -> Tensor:
        """Route the signal to the winners, zero elsewhere."""
        size, stride, padding = [self.size] * 2, [self.stride] * 2, [self.padding] * 2
        back: Tensor = _ops.max_pool2d_with_indices_backward(
            signal, x, size, stride, padding, [1, 1], False, memory
        )
        return back

    def describe(self) -> str:
        """Describe the pool by its neighbourhood."""
        return f"pool {self._words}"


class AvgPool(_Pool):
    """The mean of each ``size`` × ``size`` neighbourhood speaks; feedback returns to all of it alike.

    Args:
        size: of a neighbourhood; the whole sheet, so that one column is left of a channel, if not given.
        stride: from one to the next; ``size`` if not given.
        padding: places beyond the edges, which count as columns at rate 0.

    >>> import corticalnet as cn
    >>> areas = [cn.Area(cn.Convolution(4, padding="same"), pool=AvgPool()), cn.Area(cn.Dense(3))]
    >>> cn.Network((1, 6, 6), areas).areas["area1"].shape
    (4, 1, 1)
    """

    def __init__(self, size: int | None = None, stride: int | None = None, padding: int = 0) -> None:
        if size is None and (stride is not None or padding):
            raise NetworkError("pool: a mean of the whole sheet has no stride and no padding; give a size")
        super().__init__(1 if size is None else size, stride, padding)
        self.whole = size is None
        self._over = [self.size] * 2, [self.stride] * 2, [self.padding] * 2

    @property
    def _given(self) -> str:
        return "AvgPool()" if self.whole else super()._given

    def build(self, shape: Shape) -> Shape:
        """Check that columns form a sheet as large as the pool; return the shape of the pooled sheet."""
        sent = super().build(shape)
        if not self.whole:
            return sent
        self._over = [*shape[1:]], [1, 1], [0, 0]
        return (shape[0], 1, 1)

    def forward(self, x: Tensor, memory: Any = None) -> tuple[Tensor, Any]:
        """Compute the mean of each neighbourhood."""
        return F.avg_pool2d(x, *self._over), None

    def backward(self, signal: Tensor, x: Tensor, y: Tensor, memory: Any) -> Tensor:
        """Share the signal equally among the columns of a neighbourhood."""
        back: Tensor = _ops.avg_pool2d_backward(signal, x, *self._over, False, True, None)
        return back

    def describe(self) -> str:
        """Describe the pool by its neighbourhood."""
        return "mean of the sheet" if self.whole else f"mean {self._words}"


class Flatten(Stage):
    """A sheet of columns as a row, for what works column by column on rows alone. (Dense links need none.)"""

    def build(self, shape: Shape) -> Shape:
        """Return the shape of the row: as many columns as the sheet has."""
        return (torch.Size(shape).numel(),)

    def forward(self, x: Tensor, memory: Any = None) -> tuple[Tensor, Any]:
        """Flatten rates to ``[batch, columns]``."""
        return x.flatten(1), None

    def backward(self, signal: Tensor, x: Tensor, y: Tensor, memory: Any) -> Tensor:
        """Reshape the signal to the shape of the sheet."""
        return signal.reshape(x.shape)


class Dropout(Stage):
    """Stochastic firing: each column is silent with probability ``p`` during training.

    Survivors are scaled by 1/(1-p). One mask is drawn per trial, from torch's generator of the device.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        possible = "a number in [0, 1)"
        self.p = number(
            "dropout, the probability of silence,", p, NetworkError, possible, lambda p: 0 <= p < 1
        )

    def forward(self, x: Tensor, memory: Any = None) -> tuple[Tensor, Any]:
        """Silence columns while training: ``x * mask / (1 - p)``; ``x`` otherwise."""
        if memory is None and self.training and self.p > 0:
            memory = torch.empty_like(x).bernoulli_(1 - self.p).div_(1 - self.p)
        return (x if memory is None else x * memory), memory

    def backward(self, signal: Tensor, x: Tensor, y: Tensor, memory: Any) -> Tensor:
        """Multiply the signal by the same mask: a silent column gets no feedback."""
        return signal if memory is None else signal * memory

    def describe(self) -> str:
        """Describe the stage by the probability of silence."""
        return f"dropout {self.p}"
