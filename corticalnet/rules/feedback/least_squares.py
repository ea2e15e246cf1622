"""Feedback weights by least squares: sums over samples, and the exact ridge solution.

    V = γ I + Σ e eᵀ          S = Σ e λᵀ          B = V⁻¹ S

A link's feedback is linear in its weights. Written as ``signal[c] = Σ_q e[q] B[q, c]`` at every place:

    dense          one place;            q: columns of the target
    convolution    all places share B;   q: channels of the target × kernel
    local          each place its own;   q: the same
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from corticalnet.errors import RuleError
from corticalnet.network.links import Convolution, Dense, Link, Local


class LeastSquares:
    """All links that leave one area. Sums are kept in float64.

    Args:
        links: them; several must all be dense.
        ridge: γ.

    Raises:
        RuleError: kinds of links that have no common solution here.
    """

    def __init__(self, links: list[Link], ridge: float) -> None:
        if len(links) > 1 and not all(isinstance(link, Dense) for link in links):
            raise RuleError(
                f"least squares needs a single link, or dense ones, out of an area, not "
                f"{', '.join(link.name for link in links)}; choose fit='gradient'"
            )
        if any(link.sparse for link in links):
            raise RuleError(
                f"least squares has no solution here for links with a mask "
                f"({', '.join(link.name for link in links if link.sparse)}); choose fit='gradient'"
            )
        self.links, self.ridge = links, ridge
        like = links[0].weight
        places, pre = self._wanted(like.new_zeros(1, *links[0].source_shape)).shape[::2]
        q = sum(self._count(link) for link in links)
        self.gram = like.new_zeros(places, q, q, dtype=torch.float64)
        self.cross = like.new_zeros(places, q, pre, dtype=torch.float64)

    def add(self, errors: list[Tensor], wanted: Tensor, memory: float = 1.0) -> None:
        """Add samples: errors at the links' targets, and the signal that they should have predicted.

        ``memory`` is what is left of the older ones.
        """
        parts = [self._features(link, error.double()) for link, error in zip(self.links, errors, strict=True)]
        e = torch.cat(parts, 2)
        self.gram = memory * self.gram.to(e) + e.mT @ e
        self.cross = memory * self.cross.to(e) + e.mT @ self._wanted(wanted.double())

    def solution(self) -> list[Tensor]:
        """Solve for B of every link, shaped as its weight."""
        eye = torch.eye(self.gram.shape[1], dtype=torch.float64, device=self.gram.device)
        b = torch.linalg.solve(self.gram + self.ridge * eye, self.cross)
        parts = b.split([self._count(link) for link in self.links], 1)
        return [self._weights(link, part) for link, part in zip(self.links, parts, strict=True)]

    def state_dict(self) -> dict[str, Tensor]:
        """Return the sums over samples."""
        return {"gram": self.gram, "cross": self.cross}

    def _count(self, link: Link) -> int:
        """Return q, the number of features of a link."""
        if isinstance(link, Convolution | Local):
            return link.channels * link.kernel[0] * link.kernel[1]
        return link.weight.shape[0]

    def _features(self, link: Link, error: Tensor) -> Tensor:
        """Compute the features ``[places, samples, q]`` of an error."""
        if not isinstance(link, Convolution | Local):
            return error[None]
        kernel, q = link.kernel, self._count(link)
        apart = torch.eye(q, dtype=error.dtype, device=error.device).view(link.channels, *kernel, q)
        sizes = zip(link.source_shape[1:], error.shape[2:], link.stride, link.padding, kernel, strict=True)
        beyond = [n - ((m - 1) * s - 2 * p + k) for n, m, s, p, k in sizes]
        sheet = F.conv_transpose2d(error, apart.permute(0, 3, 1, 2), None, link.stride, link.padding, beyond)
        return self._placed(sheet)

    def _wanted(self, wanted: Tensor) -> Tensor:
        """Reshape wanted signals to ``[places, samples, pre]``."""
        return (
            self._placed(wanted)
            if isinstance(self.links[0], Convolution | Local)
            else wanted.flatten(1)[None]
        )

    def _placed(self, sheet: Tensor) -> Tensor:
        """Rearrange ``[batch, n, height, width] -> [places, samples, n]``."""
        by_place = sheet.permute(2, 3, 0, 1).flatten(0, 1)
        return by_place if isinstance(self.links[0], Local) else by_place.flatten(0, 1)[None]

    def _weights(self, link: Link, b: Tensor) -> Tensor:
        """Reshape ``[places, q, pre]`` to the link's weight."""
        if isinstance(link, Convolution):
            return b.view(link.channels, *link.kernel, -1).permute(0, 3, 1, 2)
        if not isinstance(link, Local):
            return b[0]
        (kh, kw), (sh, sw), (ph, pw) = link.kernel, link.stride, link.padding
        _, height, width = link.source_shape
        _, rows, columns = link.target_shape
        sheet = b.view(height, width, link.channels, kh, kw, -1)
        sheet = F.pad(sheet, (0, 0, 0, 0, 0, 0, 0, 0, pw, pw, ph, ph))
        parts = [
            sheet[i : i + sh * rows : sh, j : j + sw * columns : sw, :, i, j]
            for i in range(kh)
            for j in range(kw)
        ]
        return torch.stack(parts, 3).reshape(link.weight.shape)
