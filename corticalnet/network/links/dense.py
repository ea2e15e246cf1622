"""Dense links, where every column meets every column."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from corticalnet.checks import whole
from corticalnet.errors import NetworkError
from corticalnet.network.initialisation import Scheme
from corticalnet.network.links.bounds import WeightBounds
from corticalnet.network.links.link import Link, Shape, accumulate_


class Dense(Link):
    """Every column of the source drives every column of the target.

    ``drive = r Wᵀ``, ``feedback = s W``, ``hebbian = sᵀ r``; ``weight`` is ``[columns, pre]``. Sheets of
    columns (channels × height × width) are flattened. With a ``mask`` or a ``density``, only some meet.

    >>> import corticalnet as cn
    >>> net = cn.Network((5,), [cn.Area(Dense(4, density=0.5)), cn.Area(Dense(3))])
    >>> tuple(net.links[0].weight.shape)
    (4, 5)
    """

    def __init__(
        self,
        columns: int,
        source: str | None = None,
        *,
        bias: bool = False,
        init: str | float | Scheme = "auto",
        mask: Any = None,
        density: float | None = None,
        bounds: WeightBounds | None = None,
    ) -> None:
        super().__init__(source, bias=bias, init=init, mask=mask, density=density, bounds=bounds)
        self.columns = whole("Dense: columns", columns, NetworkError)

    def plan(self, source_shape: Shape) -> tuple[Shape, Shape, Shape, int, int]:
        """Return the shapes and fans of all-to-all connections."""
        pre = torch.Size(source_shape).numel()
        return (self.columns,), (self.columns, pre), (self.columns,), pre, self.columns

    @property
    def senders(self) -> Tensor:
        """Return the number of the sending column of each weight; on a sheet, of its channel."""
        pre = torch.Size(self.source_shape).numel()
        return torch.arange(pre) // (pre // self.source_shape[0])

    def drive(self, rates: Tensor) -> Tensor:
        """Compute the drive ``r Wᵀ + b``."""
        weight = self.present(self.weight) if self.sparse else self.weight
        return F.linear(rates.flatten(1) if rates.dim() > 2 else rates, weight, self.bias)

    def feedback(self, signal: Tensor, weights: Tensor) -> Tensor:
        """Compute the feedback ``s W``."""
        back = torch.mm(signal, self.present(weights) if self.sparse else weights)
        return back if len(self.source_shape) == 1 else back.view(-1, *self.source_shape)

    def hebbian(self, pre: Tensor, post: Tensor, out: Tensor, scale: float = 1.0, beta: float = 0.0) -> None:
        """Accumulate ``scale · sᵀ r``."""
        pre = pre.flatten(1) if pre.dim() > 2 else pre
        if pre.dtype == post.dtype == out.dtype:
            torch.addmm(out, post.t(), pre, beta=beta, alpha=scale, out=out)
        else:  # under autocast the product is in the shorter format, and added in that of out
            accumulate_(torch.mm(post.t(), pre.to(post.dtype)), out, scale, beta)
        if self.sparse:
            self.erase_absent(out)
