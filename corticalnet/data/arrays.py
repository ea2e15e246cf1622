"""Numbers as users have them (tensors, NumPy arrays, tables, lists) as tensors, or one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from corticalnet.errors import DataError

#: More classes than anybody has: a larger label is a measurement, or an identifier.
MOST_CLASSES = 1_000_000


def features(source: Any, what: str) -> Tensor:
    """Samples ``[N, …]`` as a tensor on the CPU; ``[N]`` numbers are N samples of one feature.

    Values are used as they are, whatever their format: nothing is scaled. ``what`` names them in errors.

    Raises:
        DataError: they are no numbers, not finite, or none.
    """
    x = tensor(source, what)
    if x.dim() == 0:
        raise DataError(f"{what}: found the single number {x.item()}, expected an array with a row a sample")
    if not x.numel():
        raise DataError(f"{what}: found {list(x.shape)}, an empty array; expected at least one sample")
    finite = x.isfinite().flatten(1).all(1) if x.dim() > 1 else x.isfinite()
    if not bool(finite.all()):
        bad = (~finite).nonzero().flatten()
        many = f"{len(bad)} of {len(finite)} samples hold NaN or an infinite number"
        raise DataError(f"{what}: {many}, sample {int(bad[0])} first; fill them in, or leave them out")
    return x[:, None] if x.dim() == 1 else x


def labels(source: Any, what: str) -> np.ndarray:
    """One label a sample: int64 ``[N]``, or names ``[N]`` where labels are text.

    Whole numbers in any format, booleans, a column ``[N, 1]`` and one-hot rows ``[N, K]`` mean what they
    say. ``what`` names them in errors.

    Raises:
        DataError: there are none, or they are no class labels.
    """
    if not isinstance(source, Tensor):
        array = _array(source, what)
        if array.dtype.kind in "US" or (array.dtype.kind == "O" and _all(array, str)):
            if isinstance(source, list | tuple) and not all(isinstance(label, str) for label in source):
                raise DataError(f"{what}: found names and numbers, expected labels of one kind")
            return _row(array.astype(str), what)
        source = array
    array = tensor(source, what).numpy()
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise DataError(f"{what}: found a label that is NaN or infinite, expected class labels from 0")
        if (array != np.round(array)).any():
            bad = array[array != np.round(array)][0]
            raise DataError(f"{what}: found the label {bad:g}, expected class labels: whole numbers from 0")
    if array.ndim == 2 and array.shape[1] > 1:
        if not (np.isin(array, (0, 1)).all() and (array.sum(1) == 1).all()):
            shape = list(array.shape)
            raise DataError(
                f"{what}: found labels {shape}, expected one a sample: [N], [N, 1] or one-hot rows"
            )
        array = array.argmax(1)
    row = _row(array, what)
    low, high = row.min(), row.max()
    if low < 0 or high >= MOST_CLASSES:
        bad = low if low < 0 else high
        raise DataError(f"{what}: found the label {bad:g}, expected class labels: whole numbers from 0")
    return row.astype(np.int64)


def coded(parts: Sequence[np.ndarray]) -> tuple[list[Tensor], tuple[str, ...]]:
    """Labels of all parts as class indices, and the classes' names: those found, or "0" to the highest.

    Raises:
        DataError: some are names and others numbers.
    """
    text = {part.dtype.kind == "U" for part in parts}
    if len(text) > 1:
        raise DataError("found labels that are names in one split and numbers in another, expected one kind")
    every = np.concatenate(parts)
    if not text.pop():
        return [torch.from_numpy(part) for part in parts], tuple(map(str, range(int(every.max()) + 1)))
    names, numbers = np.unique(every, return_inverse=True)
    cuts = np.cumsum([len(part) for part in parts])[:-1]
    numbers = numbers.reshape(-1).astype(np.int64)
    return [torch.from_numpy(part) for part in np.split(numbers, cuts)], tuple(map(str, names))


def _row(array: np.ndarray, what: str) -> np.ndarray:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or not len(array):
        raise DataError(f"{what}: found labels {list(array.shape)}, expected one a sample, at least one")
    return array


def tensor(source: Any, what: str) -> Tensor:
    """Numbers of any shape as a plain tensor in a format that torch can index and NumPy can hold.

    Raises:
        DataError: they are no real numbers; ``what`` names them.
    """
    if isinstance(source, list | tuple) and source and all(isinstance(each, Tensor) for each in source):
        shapes = {tuple(each.shape) for each in source}
        if len(shapes) > 1:
            raise DataError(f"{what}: found samples of different shapes, {' and '.join(map(str, shapes))}")
        source = torch.stack(list(source))
    if isinstance(source, Tensor):
        if source.layout != torch.strided or source.is_complex() or source.is_quantized or source.is_meta:
            raise DataError(f"{what}: found a {_kind(source)} tensor, expected plain real numbers")
        plain: Tensor = source.detach().cpu()
        small = plain.is_floating_point() and plain.dtype not in (torch.float32, torch.float64)
        return plain.float() if small else plain
    array = _array(source, what)
    if array.dtype.kind == "O" and _all(array, Real):
        array = array.astype(np.int64 if _all(array, Integral) else np.float64)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{what}: found values of type {array.dtype}, expected real numbers")
    kept = {"f": (np.float32, np.float64), "i": (np.int8, np.int16, np.int32, np.int64), "u": (np.uint8,)}
    if array.dtype.kind in kept and array.dtype.type not in kept[array.dtype.kind]:
        half = array.dtype.itemsize <= 2
        other = {"f": np.float32 if half else np.float64, "u": np.int32 if half else np.int64, "i": np.int64}
        array = array.astype(other[array.dtype.kind])
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    return torch.from_numpy(array if array.flags.writeable and array.flags.c_contiguous else array.copy())


def _array(source: Any, what: str) -> np.ndarray:
    if isinstance(source, str | bytes | dict | set) or source is None or callable(source):
        raise DataError(f"{what}: found {type(source).__name__}, expected an array, a tensor or a list")
    if hasattr(source, "toarray"):
        raise DataError(f"{what}: found a sparse {type(source).__name__}; give its toarray()")
    if np.ma.is_masked(source):
        raise DataError(f"{what}: found masked values; fill them in, or leave their samples out")
    try:
        return np.asarray(source)
    except Exception as error:  # what an array-like of others raises is not ours to know
        reason = " ".join(str(error).split())
        raise DataError(f"{what}: found {type(source).__name__} that is no array ({reason})") from error


def _all(array: np.ndarray, kind: type) -> bool:
    return all(isinstance(value, kind | np.bool_ if kind is not str else str) for value in array.flat)


def _kind(tensor: Tensor) -> str:
    """What is not plain about a tensor."""
    if tensor.is_meta:
        return "meta"
    return str(tensor.dtype if tensor.layout == torch.strided else tensor.layout).removeprefix("torch.")
