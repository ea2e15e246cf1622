"""What a connection does in torch: weight × rates forwards and back, and post × pre for every weight.

Legend: B batch, M post, N pre, K synapses of a cell, W weights. Weights have no batch axis.
Lists of synapses are padded tables of fan-in and fan-out, so that sums are made in a fixed order: the
same inputs give the same bits, which φ's "exactly at rest" relies on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from corticalnet.circuits.connection import AllToAll, Connection, Grouped, OneToOne, Synapses


class Connected(ABC):
    """A connection that works on tensors."""

    @abstractmethod
    def forth(self, pre: Tensor, weight: Tensor) -> Tensor:
        """Propagate rates forward, ``[B, N] -> [B, M]``."""

    @abstractmethod
    def back(self, post: Tensor, weight: Tensor) -> Tensor:
        """Propagate rates back through the same synapses, ``[B, M] -> [B, N]``."""

    @abstractmethod
    def outer(self, post: Tensor, pre: Tensor) -> Tensor:
        """Compute ``Σ_B post × pre`` for every weight, shaped as the weights."""

    @abstractmethod
    def pairs(self, post: Tensor | None, pre: Tensor | None, weight: Tensor | None) -> Tensor:
        """Expand numbers of post cells, pre cells or weights to one per synapse, broadcastable."""

    @abstractmethod
    def gather(self, each: Tensor) -> Tensor:
        """Sum numbers of synapses ``[...]`` (no batch) over those that share a weight."""

    @abstractmethod
    def arrive(self, each: Tensor) -> Tensor:
        """Sum numbers of synapses ``[B, ...]`` over those of each post cell: ``[B, M]``."""


class Dense(Connected):
    """All to all; weights ``[M, N]``."""

    def forth(self, pre: Tensor, weight: Tensor) -> Tensor:
        """Compute ``pre Wᵀ``."""
        return F.linear(pre, weight)

    def back(self, post: Tensor, weight: Tensor) -> Tensor:
        """Compute ``post W``."""
        return torch.mm(post, weight)

    def outer(self, post: Tensor, pre: Tensor) -> Tensor:
        """Compute ``postᵀ pre``."""
        return torch.mm(post.t(), pre)

    def pairs(self, post: Tensor | None, pre: Tensor | None, weight: Tensor | None) -> Tensor:
        """Expand numbers to the axes ``[B, M, N]``."""
        if weight is not None:
            return weight[None]
        return post[:, :, None] if post is not None else pre[:, None, :]  # type: ignore[index]

    def gather(self, each: Tensor) -> Tensor:
        """Return numbers as they are: each synapse has its own weight."""
        return each

    def arrive(self, each: Tensor) -> Tensor:
        """Sum over pre cells."""
        return each.sum(2)


class Single(Connected):
    """One to one; weights ``[M]``."""

    def forth(self, pre: Tensor, weight: Tensor) -> Tensor:
        """Compute ``pre · w``."""
        return pre * weight

    def back(self, post: Tensor, weight: Tensor) -> Tensor:
        """Compute ``post · w``."""
        return post * weight

    def outer(self, post: Tensor, pre: Tensor) -> Tensor:
        """Compute ``Σ post · pre``."""
        return (post * pre).sum(0)

    def pairs(self, post: Tensor | None, pre: Tensor | None, weight: Tensor | None) -> Tensor:
        """Return numbers on the axes ``[B, M]``."""
        return weight[None] if weight is not None else post if post is not None else pre  # type: ignore[return-value]

    def gather(self, each: Tensor) -> Tensor:
        """Return numbers as they are: each synapse has its own weight."""
        return each

    def arrive(self, each: Tensor) -> Tensor:
        """Return numbers as they are: each cell has its own synapse."""
        return each


class Listed(Connected):
    """A list of synapses; weights ``[W]``, which synapses may share."""

    def __init__(self, synapses: Synapses, pre: int, post: int, weights: int, device: torch.device) -> None:
        self.pre, self.post, self.weight = (
            torch.as_tensor(np.ascontiguousarray(index), device=device)
            for index in (synapses.pre, synapses.post, synapses.weights)
        )
        self.n = len(self.pre)
        self.fan_in, self.fan_out, self.sharing = (
            self._table(index, size)
            for index, size in ((self.post, post), (self.pre, pre), (self.weight, weights))
        )

    def _table(self, index: Tensor, size: int) -> Tensor:
        """List the synapses of each of ``size`` things, padded with ``n`` (which contributes nothing)."""
        count = torch.bincount(index, minlength=size)
        order = torch.argsort(index, stable=True)
        first = torch.cumsum(count, 0) - count
        place = torch.arange(self.n, device=index.device) - first[index[order]]
        table = torch.full((size, int(count.max())), self.n, device=index.device)
        table[index[order], place] = order
        return table

    def _add(self, each: Tensor, table: Tensor) -> Tensor:
        padded = F.pad(each, (0, 1))
        return padded[..., table].sum(-1)

    def forth(self, pre: Tensor, weight: Tensor) -> Tensor:
        """Sum every synapse's ``w · pre`` by post cell."""
        return self._add(pre[:, self.pre] * weight[self.weight], self.fan_in)

    def back(self, post: Tensor, weight: Tensor) -> Tensor:
        """Sum every synapse's ``w · post`` by pre cell."""
        return self._add(post[:, self.post] * weight[self.weight], self.fan_out)

    def outer(self, post: Tensor, pre: Tensor) -> Tensor:
        """Sum every synapse's ``Σ_B post · pre`` by weight."""
        return self.gather((post[:, self.post] * pre[:, self.pre]).sum(0))

    def pairs(self, post: Tensor | None, pre: Tensor | None, weight: Tensor | None) -> Tensor:
        """Expand numbers to the axes ``[B, synapses]``."""
        if weight is not None:
            return weight[self.weight][None]
        return post[:, self.post] if post is not None else pre[:, self.pre]  # type: ignore[index]

    def gather(self, each: Tensor) -> Tensor:
        """Sum over the synapses that share a weight."""
        return self._add(each, self.sharing)

    def arrive(self, each: Tensor) -> Tensor:
        """Sum over the synapses of each post cell."""
        return self._add(each, self.fan_in)


class Fanned(Listed):
    """One cell to its own many, or many to their one; a single weight ``[1]``."""

    def __init__(self, synapses: Synapses, pre: int, post: int, weights: int, device: torch.device) -> None:
        super().__init__(synapses, pre, post, weights, device)
        self.many, self.out = max(pre, post) // min(pre, post), pre <= post

    def forth(self, pre: Tensor, weight: Tensor) -> Tensor:
        """Propagate rates from one to many, or from many to one."""
        return self._spread(pre * weight) if self.out else self._gathered(pre) * weight

    def back(self, post: Tensor, weight: Tensor) -> Tensor:
        """Propagate rates the other way round."""
        return self._gathered(post) * weight if self.out else self._spread(post * weight)

    def _spread(self, one: Tensor) -> Tensor:
        return one.repeat_interleave(self.many, 1)

    def _gathered(self, many: Tensor) -> Tensor:
        return many.reshape(len(many), -1, self.many).sum(2)


def connected(connection: Connection, pre: int, post: int, device: torch.device) -> Connected:
    """Convert a connection to one that works on tensors.

    Kinds that it does not know are taken as lists of synapses.
    """
    if isinstance(connection, AllToAll):
        return Dense()
    if isinstance(connection, OneToOne):
        return Single()
    from_, to, weight = connection.synapses(pre, post)
    listed = Synapses(from_, to, weight_index=weight)
    kind = Fanned if isinstance(connection, Grouped) else Listed
    return kind(listed, pre, post, int(np.prod(connection.weight_shape(pre, post))), device)
