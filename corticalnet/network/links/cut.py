"""A link seen where it is one of many: it reads a stretch of a longer source, or writes one of a target.

Unrolled in time, an input or an output holds a whole sequence, and the same synapses work at each of its
steps. A cut has no synapses of its own: weight, bias and name are those of the link it shows.
"""

from __future__ import annotations

import torch
from torch import Tensor

from corticalnet.network.links.link import Link, Shape


class Cut(Link):
    """Another link between a stretch of a longer source and a stretch of a longer target.

    Args:
        link: a link between flat areas, built already.
        source, target: columns of the longer areas; those of the link if not given.
        read, write: at which of them its own columns begin.
    """

    def __init__(
        self, link: Link, source: int | None = None, target: int | None = None, read: int = 0, write: int = 0
    ) -> None:
        super().__init__(link.source_name, bias=link.has_bias, init=link.init)
        self.link, self.name = link, link.name
        self._parameters, self._buffers = (
            link._parameters,
            link._buffers,
        )  # one and the same, also when others are put there
        (n,), (m,) = link.source_shape, link.target_shape
        self.source_shape, self.target_shape = (source or n,), (target or m,)
        self.read, self.write = slice(read, read + n), slice(write, write + m)

    def plan(self, source_shape: Shape) -> tuple[Shape, Shape, Shape, int, int]:
        """Return the shapes and fans of the link, but with the target's full shape."""
        _, weight, bias, fan_in, fan_out = self.link.plan(self.link.source_shape)
        return self.target_shape, weight, bias, fan_in, fan_out

    def present(self, weights: Tensor) -> Tensor:
        """Mask weights as the link does."""
        return self.link.present(weights)

    @property
    def synapses(self) -> int:
        """Return the number of the link's synapses."""
        return self.link.synapses

    def describe(self) -> str:
        """Describe the link."""
        return self.link.describe()

    def drive(self, rates: Tensor) -> Tensor:
        """Compute the link's drive from its stretch of the source; zero elsewhere."""
        return _placed(self.link.drive(rates[:, self.read]), self.write, self.target_shape)

    def feedback(self, signal: Tensor, weights: Tensor) -> Tensor:
        """Compute the link's feedback from its stretch of the target; zero elsewhere."""
        back = self.link.feedback(signal[:, self.write], weights)
        return _placed(back, self.read, self.source_shape)

    def hebbian(self, pre: Tensor, post: Tensor, out: Tensor, scale: float = 1.0, beta: float = 0.0) -> None:
        """Accumulate the Hebbian product of the two stretches."""
        self.link.hebbian(pre[:, self.read], post[:, self.write], out, scale, beta)

    def hebbian_bias(self, post: Tensor, out: Tensor, scale: float = 1.0, beta: float = 0.0) -> None:
        """Accumulate the bias update from the link's stretch of the target."""
        self.link.hebbian_bias(post[:, self.write], out, scale, beta)


def _placed(part: Tensor, where: slice, shape: Shape) -> Tensor:
    """Pad ``part`` with zeros to a row of this shape, in which it stands at ``where``."""
    if part.shape[1:] == shape:
        return part
    return torch.nn.functional.pad(part, (where.start, shape[0] - where.stop))
