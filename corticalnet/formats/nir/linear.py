"""NIR's nodes without a state, as sparse matrices: what they make of numbers is ``A x + b``."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from corticalnet.errors import FormatError

Floats = NDArray[np.float64]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Map:
    """A map ``A x + b`` between arrays.

    Attributes:
        matrix: A, ``[out, in]`` of the flattened arrays.
        shape: of what comes out.
        bias: b, flattened; None if it is 0.
        delay: in s.
    """

    matrix: Any
    shape: Shape
    bias: Floats | None = None
    delay: float = 0.0


def identity(n: int) -> Any:
    """Return the identity of n numbers."""
    return diagonal(np.ones(n))


def diagonal(factors: Floats) -> Any:
    """Return the matrix that multiplies each number by its own factor."""
    return sparse.csr_array(sparse.diags(factors))


def linear_map(node: Any, shape: Shape, where: str) -> Map | None:
    """Return what a node does to an array of a shape; None if it has a state.

    Raises:
        FormatError: it has no state, and is not linear or does not fit.
    """
    kind = type(node).__name__
    known = _KNOWN.get(kind)
    if known is None:
        return None
    found: Map = known(node, shape, where)
    if found.matrix.shape[1] != prod(shape):
        raise FormatError(f"{where} takes {found.matrix.shape[1]} numbers, but {prod(shape)} arrive")
    return found


def _dense(node: Any, shape: Shape, where: str) -> Map:
    weight = np.asarray(node.weight, dtype=np.float64)
    if weight.ndim != 2:
        raise FormatError(
            f"{where}: weights of {weight.ndim} dimensions are not known here; only [post, pre]"
        )
    bias = getattr(node, "bias", None)
    return Map(sparse.csr_array(weight), (len(weight),), None if bias is None else _floats(bias).reshape(-1))


def _scale(node: Any, shape: Shape, where: str) -> Map:
    return Map(diagonal(_floats(node.scale).reshape(-1)), shape)


def _delay(node: Any, shape: Shape, where: str) -> Map:
    delays = np.unique(_floats(node.delay))
    if len(delays) != 1:
        raise FormatError(f"{where}: neurons of different delays are not known here")
    return Map(identity(prod(shape)), shape, delay=float(delays[0]))


def _flatten(node: Any, shape: Shape, where: str) -> Map:
    start, end = (int(d) if d >= 0 else int(d) + len(shape) for d in (node.start_dim, node.end_dim))
    start, end = min(start, len(shape) - 1), min(end, len(shape) - 1)
    flat = (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :])
    return Map(identity(prod(shape)), flat)


def _convolution(node: Any, shape: Shape, where: str) -> Map:
    weight, groups, padding = _floats(node.weight), int(node.groups), node.padding
    if weight.ndim == 4:
        around = padding if isinstance(padding, str) else _two(padding)
        found = _convolved(weight, shape, where, groups, around, (_two(node.stride), _two(node.dilation)))
        return Map(found.matrix, found.shape, _spread(node.bias, found.shape))
    # In one dimension: a sheet of one row.
    sheet = (shape[0], 1, *shape[1:])
    around = padding if isinstance(padding, str) else (0, int(padding))
    steps = (1, int(node.stride)), (1, int(node.dilation))
    found = _convolved(weight[:, :, None], sheet, where, groups, around, steps)
    out = found.shape[0], found.shape[2]
    return Map(found.matrix, out, _spread(node.bias, out))


def _sum_pool(node: Any, shape: Shape, where: str) -> Map:
    return _pooled(node, shape, where, 1.0)


def _mean_pool(node: Any, shape: Shape, where: str) -> Map:
    return _pooled(node, shape, where, 1.0 / prod(_two(node.kernel_size)))


def _pooled(node: Any, shape: Shape, where: str, weight: float) -> Map:
    kernel = np.full((shape[0] if shape else 1, 1, *_two(node.kernel_size)), weight)
    return _convolved(kernel, shape, where, len(kernel), _two(node.padding), (_two(node.stride), (1, 1)))


def _convolved(
    weight: Floats, shape: Shape, where: str, groups: int, padding: Shape | str, steps: tuple[Shape, Shape]
) -> Map:
    """Return a convolution of a sheet as a matrix: one entry for each pair of numbers that meet."""
    stride, dilation = steps
    post, pre, *size = weight.shape
    if len(shape) != 3 or shape[0] != pre * groups or post % groups:
        raise FormatError(
            f"{where}: weights of {weight.shape} in {groups} groups do not fit an input of {shape}"
        )
    reach = [d * (k - 1) for d, k in zip(dilation, size, strict=True)]
    total = (
        [2 * p for p in padding] if not isinstance(padding, str) else reach if padding == "same" else [0, 0]
    )
    before = [t // 2 for t in total]
    out = [(n + t - r - 1) // s + 1 for n, t, r, s in zip(shape[1:], total, reach, stride, strict=True)]
    if min(out) < 1:
        raise FormatError(f"{where}: a kernel of {tuple(size)} is larger than its input of {shape}")
    o, i, ky, kx = np.indices(weight.shape).reshape(4, -1)
    y, x = (grid.reshape(-1) for grid in np.indices(out))
    row = y[:, None] * stride[0] + ky * dilation[0] - before[0]
    column = x[:, None] * stride[1] + kx * dilation[1] - before[1]
    channel = i + o // (post // groups) * pre
    inside = (row >= 0) & (row < shape[1]) & (column >= 0) & (column < shape[2])
    target = o * prod(out) + np.arange(prod(out))[:, None]
    source = (channel * shape[1] + row) * shape[2] + column
    values = np.broadcast_to(weight.reshape(-1), inside.shape)
    entries = values[inside], (target[inside], source[inside])
    return Map(sparse.csr_array(entries, shape=(post * prod(out), prod(shape))), (post, *out))


def _spread(bias: Any, shape: Shape) -> Floats:
    """Return the bias of each channel for all of its cells."""
    return np.repeat(_floats(bias).reshape(-1), prod(shape[1:]))


def _floats(numbers: Any) -> Floats:
    return np.asarray(numbers, dtype=np.float64)


def _two(numbers: Any) -> Shape:
    """Return a setting for rows and columns."""
    given = np.asarray(numbers).reshape(-1).tolist()
    return tuple(int(n) for n in (given if len(given) == 2 else given * 2))


_KNOWN = {
    "Linear": _dense,
    "Affine": _dense,
    "Scale": _scale,
    "Delay": _delay,
    "Flatten": _flatten,
    "Conv1d": _convolution,
    "Conv2d": _convolution,
    "SumPool2d": _sum_pool,
    "AvgPool2d": _mean_pool,
}
