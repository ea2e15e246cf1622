"""Reading what users give to networks: tensors, NumPy arrays, lists, and whatever becomes an array.

    numbers(value, …)      real numbers as a dense tensor, of the type that they have
    as_rates(value, …)     ``[batch, *shape]`` in a network's precision
    place(dtype, device)   where a network's weights are, and in which precision

Numbers are taken as they are: 255 in an image of bytes is a rate of 255, True is 1. What would have to be
guessed is refused in a sentence: complex numbers, texts, masked or missing values, axes in another order, one
sample without its axis of samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import isfinite, prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from corticalnet.checks import array, shown
from corticalnet.errors import NetworkError, ShapeError

Shape = tuple[int, ...]

#: Number formats that everything here can work with.
_REAL = frozenset(
    {
        torch.float16, torch.bfloat16, torch.float32, torch.float64,
        torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool,
    }
)  # fmt: skip
_LARGEST = torch.iinfo(torch.int64).max


def numbers(value: Any, what: str, device: torch.device) -> Tensor:
    """Read real numbers as a dense tensor on ``device``; a tensor that is one already passes as it is.

    Args:
        value: a tensor, an array, a list, or anything that NumPy makes an array of.
        what: "input", say, for the message.
        device: where the network is.

    Raises:
        ShapeError: it holds no numbers, or no real ones.
    """
    if (
        type(value) is Tensor
        and value.dtype in _REAL
        and value.device == device
        and value.layout is torch.strided
    ):
        return value
    tensor = value if isinstance(value, Tensor) else _from_array(value, what)
    if tensor.is_meta != (device.type == "meta"):
        where = f"{what} is" if tensor.is_meta else "the network is"
        raise ShapeError(f"{where} on the meta device, which holds shapes but no numbers")
    if tensor.is_nested or tensor.is_quantized or tensor.is_complex():
        kind = "nested" if tensor.is_nested else str(tensor.dtype)
        raise ShapeError(f"{what} is {kind}; give a full tensor of real numbers")
    if tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    if tensor.dtype not in _REAL:  # formats for storage, which cannot be computed with
        tensor = tensor.to(torch.float32 if tensor.is_floating_point() else torch.int64)
    return tensor.to(device)


def as_rates(x: Any, shape: Shape, like: Tensor, what: str = "input") -> Tensor:
    """Read an input ``[batch, *shape]``, in the precision and on the device of ``like``.

    Rows of numbers become sheets and sheets rows, and axes of length 1 may be missing or too many.

    Raises:
        ShapeError: it does not fit, or holds no real numbers.
    """
    x = numbers(x, what, like.device)
    if x.shape[1:] != shape:
        if x.dim() < 2 or not _same(tuple(x.shape[1:]), shape):
            raise ShapeError(_misfit(tuple(x.shape), shape, what))
        x = x.reshape(len(x), *shape)
    return converted(x, like.dtype, what)


def converted(x: Tensor, dtype: torch.dtype, what: str) -> Tensor:
    """Convert numbers to another format.

    Raises:
        ShapeError: some are too large for it.
    """
    if x.dtype is dtype:
        return x
    y = x.to(dtype)
    # (on a GPU nothing can be noticed without waiting for the device)
    if y.device.type == "cpu" and y.isinf().any() and not (x.is_floating_point() and x.isinf().any()):
        raise ShapeError(f"{what} has numbers that are too large for {dtype}: up to {x.abs().max():.3g}")
    return y


def beside(targets: Any, x: Tensor) -> Tensor:
    """Move targets to an input's device, and to its precision if they are floating-point numbers.

    Raises:
        ShapeError: they are no real numbers, or not as many as samples.
    """
    found = numbers(targets, "targets", x.device)
    if found.shape[:1] != x.shape[:1]:
        raise ShapeError(f"targets have shape {tuple(found.shape)}, but there are {len(x)} samples")
    return converted(found, x.dtype, "targets") if found.is_floating_point() else found


def finite(x: Tensor, what: str) -> Tensor:
    """Return a tensor after a check that no number of it is NaN or infinite.

    Raises:
        ShapeError: it has some.
    """
    if not x.is_meta and not is_known(x) and not isfinite(x.sum().item()) and not x.isfinite().all():
        where = ", ".join(map(str, (~x.isfinite()).nonzero()[0].tolist()))
        raise ShapeError(f"{what} has numbers that are not finite (NaN or infinite), the first at [{where}]")
    return x


_known: ContextVar[tuple[Tensor, ...]] = ContextVar("known", default=())


@contextmanager
def known(*tensors: Tensor) -> Iterator[None]:
    """Take tensors for finite in this block: they have been looked at before it."""
    before = _known.set(tensors)
    try:
        yield
    finally:
        _known.reset(before)


def is_known(x: Tensor) -> bool:
    """Return whether a tensor has been looked at already."""
    return any(x is one for one in _known.get())


def trial_input(x: Tensor, what: str = "input") -> Tensor:
    """Check an input that a rule is to learn from: one NaN would be in all weights after the step.

    On a GPU nothing can be noticed without waiting for the device.

    Raises:
        ShapeError: some of it is not finite.
    """
    return x if x.is_cuda else finite(x, what)


def place(
    dtype: torch.dtype | None, device: torch.device | str | None
) -> tuple[torch.dtype | None, torch.device | None]:
    """Check the precision and the device of weights; return them.

    Raises:
        NetworkError: no format that a network can compute in, or a device that is unknown or not there.
    """
    formats = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
    if dtype is not None and dtype not in formats:
        raise NetworkError(f"dtype must be one of {', '.join(map(str, formats))}, not {shown(dtype)}")
    if device is None:
        return dtype, None
    try:
        where = torch.device(device)
        return dtype, torch.empty(0, device=where).device
    except (RuntimeError, AssertionError, TypeError) as error:
        raise NetworkError(f"device {shown(device)} cannot be used: {str(error).splitlines()[0]}") from None


def _same(given: Shape, shape: Shape) -> bool:
    """Return whether one shape may be reshaped to the other: a row, or axes of length 1 apart."""
    if 1 in (len(given), len(shape)):
        return prod(given) == prod(shape)
    return [n for n in given if n != 1] == [n for n in shape if n != 1]


def _misfit(given: Shape, shape: Shape, what: str) -> str:
    """Describe what is wrong with a shape, and what to do about it if that is plain."""
    message = f"{what} has shape {given}; this network takes (batch, {', '.join(map(str, shape))})"
    if given and prod(given) == prod(shape):
        return f"{message}, so one sample needs an axis of its own, x[None]"
    if len(given) > 1 and sorted(given[1:]) == sorted(shape):
        return f"{message}, with axes in this order"
    return message


def _from_array(value: Any, what: str) -> Tensor:
    if isinstance(value, list | tuple) and value and all(isinstance(v, Tensor) for v in value):
        return _stacked(value, what)
    found = array(what, value, ShapeError)
    # A copy: torch takes no foreign byte order or negative strides, and warns of what must not be written to.
    return torch.from_numpy(np.array(found, dtype=_format(found), order="C"))


def _format(given: Any) -> Any:
    if given.dtype.kind == "b":
        return np.bool_
    if given.dtype.kind == "f":
        return np.float64 if given.dtype.itemsize >= 8 else np.float32
    return np.float64 if given.size and given.max() > _LARGEST else np.int64


def _stacked(tensors: list[Tensor] | tuple[Tensor, ...], what: str) -> Tensor:
    """Stack a list of samples to a batch."""
    if len({tensor.shape for tensor in tensors}) > 1:
        raise ShapeError(f"{what} is a list of tensors of different shapes; give samples of one shape")
    try:
        return torch.stack([*tensors])
    except RuntimeError as error:
        raise ShapeError(f"{what} is a list of tensors that cannot be joined: {error}") from error
