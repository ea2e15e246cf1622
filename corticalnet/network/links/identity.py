"""Identity links, which hand rates on as they are: the shortcuts of residual networks, and relays."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from corticalnet.errors import NetworkError
from corticalnet.network.links.link import Link, Shape


class Identity(Link):
    """The rates of an earlier area, added to the drive as they are: ``drive = r``, ``feedback = s``.

    The shortcut of a residual network (He et al. 2016): ``Area([Dense(32), Identity("area1")])`` fires at
    ``f(W r_below + r_area1)``. Source and target have one shape; a shortcut that changes the shape is a link
    with weights, ``Dense(32, "area1")`` or ``Convolution(16, 1, stride=2, source="area1")``.

    It has no weights: nothing is learned, and no feedback pathway has weights of its own beside it. A signal
    comes down along it as it is, whatever carries signals down the other links: transposed weights, random
    or learned ones. Direct feedback, which goes straight to every area, does not use it.

    Args:
        source: name of the area (or "input") whose rates are added; the area below if not given.

    >>> import corticalnet as cn
    >>> below, block = cn.Area(cn.Dense(6), name="below"), cn.Area([cn.Dense(6), Identity("below")])
    >>> net = cn.Network((5,), [below, block, cn.Area(cn.Dense(3))])
    >>> [link.name for link in net.links]
    ['input->below', 'below->area2', 'below->area2.1', 'area2->output']
    """

    plastic = False

    def __init__(self, source: str | None = None) -> None:
        super().__init__(source)
        self.bias = None
        # What asks for a link's weight finds none, in the network's precision and on its device.
        self.register_buffer("weight", torch.empty(0), persistent=False)

    def plan(self, source_shape: Shape) -> tuple[Shape, Shape, Shape, int, int]:
        """Return the shapes of a link without weights."""
        return source_shape, (0,), (0,), 1, 1

    def build(self, source_shape: Shape, seed: int, name: str, rectifying: bool, dtype: torch.dtype) -> Shape:
        """Set the shapes; there are no weights to draw."""
        self.name, self.source_shape, self.target_shape = name, source_shape, source_shape
        self.weight.data = self.weight.data.to(dtype)
        return source_shape

    def drive(self, rates: Tensor) -> Tensor:
        """Return the rates as they are."""
        return rates

    def feedback(self, signal: Tensor, weights: Tensor) -> Tensor:
        """Return the signal as it is."""
        return signal

    def prune(self, mask: Any = None) -> None:
        """Refuse to prune: there are no weights.

        Raises:
            NetworkError: always.
        """
        raise NetworkError(f"{self.describe()} hands rates on; it has no synapses that could be pruned")

    def hebbian(self, pre: Tensor, post: Tensor, out: Tensor, scale: float = 1.0, beta: float = 0.0) -> None:
        """Leave ``out`` as it is: there are no weights."""


class Relay(Identity):
    """The identity link into an area of relay cells: it makes a way to the output longer by one link.

    A link that skips areas brings its error down too early for Z-IL; relays make all ways to the output
    equally long (Salvatori et al. 2022). Networks insert them on demand, see ``Network.levelled``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.name = "relay"
