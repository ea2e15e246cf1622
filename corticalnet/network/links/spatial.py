"""Links between sheets of columns: convolutions (shared kernels) and local links (none shared)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from corticalnet.checks import shown, whole
from corticalnet.errors import NetworkError
from corticalnet.network.initialisation import Scheme
from corticalnet.network.links.bounds import WeightBounds
from corticalnet.network.links.link import Link, Shape, accumulate_

Pair = tuple[int, int]


class _Spatial(Link):
    """Common part of links between sheets: a kernel of synapses around each position."""

    def __init__(
        self,
        channels: int,
        kernel: int | Pair = 3,
        stride: int | Pair = 1,
        padding: str | int | Pair = "valid",
        source: str | None = None,
        *,
        bias: bool = False,
        init: str | float | Scheme = "auto",
        mask: Any = None,
        density: float | None = None,
        bounds: WeightBounds | None = None,
    ) -> None:
        super().__init__(source, bias=bias, init=init, mask=mask, density=density, bounds=bounds)
        kind = type(self).__name__
        self.channels = whole(f"{kind}: channels", channels, NetworkError)
        self.kernel, self.stride = _pair(kind, "kernel", kernel), _pair(kind, "stride", stride)
        if isinstance(padding, str) and padding == "same":
            if self.kernel[0] % 2 == 0 or self.kernel[1] % 2 == 0:
                raise NetworkError(f"{kind}: padding='same' needs an odd kernel, not {kernel}")
            self.padding = (self.kernel[0] // 2, self.kernel[1] // 2)
        elif isinstance(padding, str) and padding == "valid":
            self.padding = (0, 0)
        elif isinstance(padding, str):
            raise NetworkError(f"{kind}: padding must be 'valid', 'same' or a number, not '{padding}'")
        else:
            self.padding = _pair(kind, "padding", padding, least=0)

    def sheet(self, source_shape: Shape) -> Shape:
        """Return the shape of the target, ``(channels, height, width)``, for a source of this shape."""
        kind = type(self).__name__
        if len(source_shape) != 3:
            raise NetworkError(f"{kind} needs a source of channels × height × width, not {source_shape}")
        height, width = (
            (n + 2 * p - k) // s + 1
            for n, p, k, s in zip(source_shape[1:], self.padding, self.kernel, self.stride, strict=True)
        )
        if min(height, width) < 1:
            raise NetworkError(f"{kind}: a {self.kernel} kernel does not fit a source of {source_shape}")
        return (self.channels, height, width)

    def describe(self) -> str:
        """Describe the link by its kind, kernel and stride."""
        kernel, stride = "×".join(map(str, self.kernel)), "×".join(map(str, self.stride))
        return f"{type(self).__name__.lower()} {kernel}/{stride}" + self._options()


class Convolution(_Spatial):
    """A kernel of synapses whose weights all positions share (so its plasticity is not local).

    ``weight`` is ``[channels, pre channels, height, width]``; padding is symmetric; a bias is per channel.

    >>> import corticalnet as cn
    >>> net = cn.Network((1, 8, 8), [cn.Area(Convolution(4, kernel=3)), cn.Area(cn.Dense(10))])
    >>> tuple(net.links[0].weight.shape)
    (4, 1, 3, 3)
    """

    def plan(self, source_shape: Shape) -> tuple[Shape, Shape, Shape, int, int]:
        """Return the shapes and fans of one kernel shared by all positions."""
        area = self.kernel[0] * self.kernel[1]
        weight = (self.channels, source_shape[0], *self.kernel)
        target = self.sheet(source_shape)
        return target, weight, (self.channels,), source_shape[0] * area, self.channels * area

    def build(self, source_shape: Shape, seed: int, name: str, rectifying: bool, dtype: torch.dtype) -> Shape:
        """Build as every link, with weights laid out channels-last, which convolutions run fastest on."""
        target = super().build(source_shape, seed, name, rectifying, dtype)
        self.weight.data = self.weight.data.contiguous(memory_format=torch.channels_last)
        return target

    @property
    def synapses(self) -> int:
        """Return the number of connections: weights × positions."""
        return self.weights * self.target_shape[1] * self.target_shape[2]

    def drive(self, rates: Tensor) -> Tensor:
        """Compute the drive ``W * r + b``."""
        return F.conv2d(rates, self.present(self.weight), self.bias, self.stride, self.padding)

    def feedback(self, signal: Tensor, weights: Tensor) -> Tensor:
        """Compute the feedback: the transposed convolution of the signal."""
        reached = (
            (n - 1) * s - 2 * p + k
            for n, s, p, k in zip(signal.shape[2:], self.stride, self.padding, self.kernel, strict=True)
        )
        beyond = [n - r for n, r in zip(self.source_shape[1:], reached, strict=True)]
        return F.conv_transpose2d(signal, self.present(weights), None, self.stride, self.padding, beyond)

    def hebbian(self, pre: Tensor, post: Tensor, out: Tensor, scale: float = 1.0, beta: float = 0.0) -> None:
        """Accumulate post × pre for each weight of the kernel, summed over positions and batch."""
        kind = post.dtype  # under autocast, pre and weight may be longer
        _, total, _ = torch.ops.aten.convolution_backward(
            post, pre.to(kind), self.weight.to(kind), None, self.stride, self.padding, [1, 1], False,
            [0, 0], 1, [False, True, False],
        )  # fmt: skip
        accumulate_(total, out, scale, beta)
        self.erase_absent(out)


class Local(_Spatial):
    """Locally connected: a kernel of synapses of its own for every position (no weight is shared).

    ``weight`` is ``[positions, channels, kernel height × kernel width × pre channels]``. Patches are
    gathered with the batch innermost, so each of the three operations is one batched matrix product
    over positions; rates come out as a view in that layout and the next link takes it as it is.

    >>> import corticalnet as cn
    >>> net = cn.Network((1, 8, 8), [cn.Area(Local(4, kernel=3)), cn.Area(cn.Dense(10))])
    >>> net.areas["area1"].shape
    (4, 6, 6)
    """

    def plan(self, source_shape: Shape) -> tuple[Shape, Shape, Shape, int, int]:
        """Return the shapes and fans of one kernel per position."""
        target = self.sheet(source_shape)
        area = self.kernel[0] * self.kernel[1]
        inputs = area * source_shape[0]
        return target, (target[1] * target[2], self.channels, inputs), target, inputs, self.channels * area

    @property
    def senders(self) -> Tensor:
        """Return the number of the sending channel of each weight of a patch."""
        channels = self.source_shape[0]
        return torch.arange(self.kernel[0] * self.kernel[1] * channels) % channels

    def drive(self, rates: Tensor) -> Tensor:
        """Multiply each position's patch by its own kernel."""
        out = self._unfold_positions(torch.bmm(self.present(self.weight), self._patches(rates)))
        return out if self.bias is None else out + self.bias

    def feedback(self, signal: Tensor, weights: Tensor) -> Tensor:
        """Compute the feedback: each position's signal times its kernel, summed where patches overlap."""
        (kh, kw), (sh, sw), (ph, pw) = self.kernel, self.stride, self.padding
        channels, height, width = self.source_shape
        _, rows, columns = self.target_shape
        parts = torch.bmm(self.present(weights).transpose(1, 2), self._positions(signal))
        parts = parts.view(rows, columns, kh, kw, channels, -1)
        sheet = parts.new_zeros(height + 2 * ph, width + 2 * pw, channels, parts.shape[-1])
        for i in range(kh):
            for j in range(kw):
                sheet[i : i + sh * rows : sh, j : j + sw * columns : sw] += parts[:, :, i, j]
        return sheet[ph : ph + height, pw : pw + width].permute(3, 2, 0, 1)

    def hebbian(self, pre: Tensor, post: Tensor, out: Tensor, scale: float = 1.0, beta: float = 0.0) -> None:
        """Accumulate each position's post × patch, summed over the batch."""
        positions, patches = self._positions(post), self._patches(pre).transpose(1, 2)
        if patches.dtype == positions.dtype == out.dtype:
            torch.baddbmm(out, positions, patches, beta=beta, alpha=scale, out=out)
        else:  # under autocast, as in Dense
            accumulate_(torch.bmm(positions, patches.to(positions.dtype)), out, scale, beta)
        self.erase_absent(out)

    def _patches(self, rates: Tensor) -> Tensor:
        """Unfold rates ``[batch, channels, height, width] -> [positions, kernel × channels, batch]``."""
        (kh, kw), (sh, sw), (ph, pw) = self.kernel, self.stride, self.padding
        _, rows, columns = self.target_shape
        sheet = rates.permute(2, 3, 1, 0)
        if ph or pw:
            sheet = F.pad(sheet, (0, 0, 0, 0, pw, pw, ph, ph))
        sheet = sheet.contiguous()
        _, width, channels, batch = sheet.shape
        cell, row = channels * batch, width * channels * batch
        patches = sheet.as_strided((rows, columns, kh, kw * cell), (sh * row, sw * cell, row, 1))
        return patches.reshape(rows * columns, kh * kw * channels, batch)

    def _positions(self, signal: Tensor) -> Tensor:
        """Reshape a signal ``[batch, channels, height, width] -> [positions, channels, batch]``."""
        return signal.permute(2, 3, 1, 0).reshape(-1, self.channels, signal.shape[0])

    def _unfold_positions(self, positions: Tensor) -> Tensor:
        _, rows, columns = self.target_shape
        return positions.view(rows, columns, self.channels, -1).permute(3, 2, 0, 1)


def _pair(kind: str, name: str, value: int | Pair, least: int = 1) -> Pair:
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(pair) != 2:
        raise NetworkError(f"{kind}: {name} must be one number or two, not {shown(value)}")
    first, second = (whole(f"{kind}: {name}", n, NetworkError, least) for n in pair)
    return first, second
