"""Which cells of two populations meet: the synapses of a projection, as plain arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass

import numpy as np
from numpy.typing import NDArray

from corticalnet.checks import whole
from corticalnet.errors import CircuitError

Indices = NDArray[np.int64]


class Connection(ABC):
    """Base class of connections: which cells of two populations have synapses."""

    @abstractmethod
    def weight_shape(self, pre: int, post: int) -> tuple[int, ...]:
        """Return the shape of the weights between populations of these sizes.

        Raises:
            CircuitError: the sizes do not fit.
        """

    @abstractmethod
    def synapses(self, pre: int, post: int) -> tuple[Indices, Indices, Indices]:
        """List every synapse: its presynaptic cell, its postsynaptic cell, and its weight (flat index)."""

    def synapse_shape(self, pre: int, post: int) -> tuple[int, ...]:
        """Return the shape of one number per synapse, in the order of :meth:`synapses`."""
        return (len(self.synapses(pre, post)[0]),)

    def describe(self) -> str:
        """Describe the connection in a word or two, for tables."""
        return type(self).__name__


@dataclass(frozen=True)
class AllToAll(Connection):
    """All-to-all connection: every cell meets every cell; weights are ``[post, pre]``.

    >>> import corticalnet as cn
    >>> weight = [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]  # [post, pre]
    >>> cn.Projection("retina", "cortex", "prediction", weight, AllToAll()).name
    'retina->cortex'
    """

    def weight_shape(self, pre: int, post: int) -> tuple[int, ...]:
        """Return the shape ``(post, pre)``."""
        return post, pre

    def synapses(self, pre: int, post: int) -> tuple[Indices, Indices, Indices]:
        """List synapses row by row of the weights."""
        rows, columns = np.divmod(np.arange(pre * post), pre)
        return columns, rows, np.arange(pre * post)

    def synapse_shape(self, pre: int, post: int) -> tuple[int, ...]:
        """Return the shape ``(post, pre)`` of the weights."""
        return post, pre

    def describe(self) -> str:
        """Describe the connection: "all to all"."""
        return "all to all"


@dataclass(frozen=True)
class OneToOne(Connection):
    """One-to-one connection: cell k meets cell k, with a weight each.

    >>> import corticalnet as cn
    >>> cn.Projection("area.value", "area.error", "value", [1.0, 2.0], OneToOne()).connection
    OneToOne()
    """

    def weight_shape(self, pre: int, post: int) -> tuple[int, ...]:
        """Return the shape ``(n,)``."""
        if pre != post:
            raise CircuitError(f"one to one needs populations of one size, not {pre} and {post} cells")
        return (pre,)

    def synapses(self, pre: int, post: int) -> tuple[Indices, Indices, Indices]:
        """List the synapses from cell k to cell k."""
        each = np.arange(pre)
        return each, each, each

    def describe(self) -> str:
        """Describe the connection: "one to one"."""
        return "one to one"


@dataclass(frozen=True)
class Grouped(Connection):
    """Grouped connection: each cell of the smaller population meets equally many of the larger; one weight.

    Cell k of the larger belongs to cell k // N of the smaller.
    """

    def weight_shape(self, pre: int, post: int) -> tuple[int, ...]:
        """Return the shape ``(1,)``."""
        if max(pre, post) % min(pre, post):
            raise CircuitError(
                f"a grouped connection joins one cell with equally many, not {pre} cells with {post}"
            )
        return (1,)

    def synapses(self, pre: int, post: int) -> tuple[Indices, Indices, Indices]:
        """List synapses in the order of the larger population."""
        each = np.arange(max(pre, post))
        own = each // (max(pre, post) // min(pre, post))
        return (own, each, each * 0) if pre <= post else (each, own, each * 0)

    def describe(self) -> str:
        """Describe the connection: "grouped"."""
        return "grouped"


@dataclass(frozen=True, eq=False)
class Synapses(Connection):
    """A list of synapses, several of which may share a weight (as those of a convolution do).

    Args:
        pre, post: cells of every synapse.
        weight_index: which weight each has, counted from 0; each its own if not given. (The weights
            themselves go to the :class:`Projection`.)
        count: how many weights there are; as many as ``weight_index`` names if not given.

    Raises:
        CircuitError: they are no whole numbers from 0, or not as many of each.

    >>> kernel = Synapses([0, 1, 2], [0, 0, 1], weight_index=[0, 1, 0])
    >>> kernel.shared, kernel.count
    (True, 2)
    """

    pre: Indices
    post: Indices
    _: KW_ONLY
    weight_index: Indices | None = None
    count: int = 0

    def __post_init__(self) -> None:
        if self.weight_index is None:
            object.__setattr__(self, "weight_index", np.arange(len(self.pre)))
        for name in ("pre", "post", "weight_index"):
            try:
                index = np.asarray(getattr(self, name))
            except ValueError:
                index = np.asarray("ragged")
            if index.ndim != 1 or (len(index) and index.dtype.kind not in "iu"):
                given = " ".join(repr(getattr(self, name)).split())
                where = "; the weights go to the Projection" if name == "weight_index" else ""
                raise CircuitError(f"synapses: {name} must be a list of whole numbers, not {given}{where}")
            object.__setattr__(self, name, index.astype(np.int64))
        if not len(self.pre) == len(self.post) == len(self.weights):
            raise CircuitError(
                f"synapses: {len(self.pre)} pre, {len(self.post)} post and {len(self.weights)} weight indices"
            )
        if not len(self.pre) or min(self.pre.min(), self.post.min(), self.weights.min()) < 0:
            raise CircuitError("synapses: indices count from 0, and there must be at least one synapse")
        count = whole("synapses: count", self.count, CircuitError, least=0)
        object.__setattr__(self, "count", max(count, int(self.weights.max()) + 1))

    @property
    def weights(self) -> Indices:
        """Return the index of every synapse's weight."""
        assert self.weight_index is not None, "set at construction"
        return self.weight_index

    @property
    def shared(self) -> bool:
        """Return whether some weight belongs to several synapses."""
        return len(np.unique(self.weights)) < len(self.weights)

    def weight_shape(self, pre: int, post: int) -> tuple[int, ...]:
        """Return the shape ``(weights,)``."""
        for end, size, index in (("pre", pre, self.pre), ("post", post, self.post)):
            if index.max() >= size:
                raise CircuitError(f"synapses: {end} index {index.max()} in a population of {size} cells")
        return (self.count,)

    def synapses(self, pre: int, post: int) -> tuple[Indices, Indices, Indices]:
        """Return the synapses as they were given."""
        return self.pre, self.post, self.weights

    def describe(self) -> str:
        """Describe the number of synapses, and whether they share weights."""
        return f"{len(self.pre)} synapses" + (", shared weights" if self.shared else "")
