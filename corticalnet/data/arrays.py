"""Numbers as users have them (tensors, NumPy arrays, tables, lists) as tensors, or one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from corticalnet.errors import DataError

#: Formats that few operations know, and those that hold their numbers.
_ARRAYS = {"float16": "f4", "float128": "f8", "uint16": "i4", "uint32": "i8", "uint64": "f8"}
_TENSORS = {torch.uint16: torch.int32, torch.uint32: torch.int64, torch.uint64: torch.float64}
_TENSORS |= {each: each for each in (torch.float32, torch.float64, torch.bool, torch.uint8)}
_TENSORS |= {each: each for each in (torch.int8, torch.int16, torch.int32, torch.int64)}
#: More classes than anybody has: a larger label is a measurement, or an identifier.
MOST_CLASSES = 1_000_000


def features(source: Any, what: str) -> Tensor:
    """Read samples ``[N, …]`` as a tensor on the CPU; ``[N]`` numbers are N samples of one feature.

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
    """Read one label a sample: int64 ``[N]``, or names ``[N]`` where labels are text.

    Whole numbers in any format, booleans, a column ``[N, 1]`` and one-hot rows ``[N, K]`` mean what they
    say. ``what`` names them in errors.

    Raises:
        DataError: there are none, or they are no class labels.
    """
    if not isinstance(source, Tensor):
        array = _array(source, what)
        if array.dtype.kind in "US" or (array.dtype.kind == "O" and _all(array, str)):
            if isinstance(source, list | tuple) and not all(
                isinstance(label, str | bytes) for label in source
            ):
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
    """Convert labels of all parts to class indices; return them with the names of the classes.

    The names are those found, or "0" to the highest.

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
    """Read numbers of any shape as a plain tensor in a format that torch can index and NumPy can hold.

    Raises:
        DataError: they are no real numbers; ``what`` names them.
    """
    if isinstance(source, list | tuple) and source and all(isinstance(each, Tensor) for each in source):
        shapes = {tuple(each.shape) for each in source}
        if len(shapes) > 1:
            raise DataError(f"{what}: found samples of different shapes, {' and '.join(map(str, shapes))}")
        source = torch.stack(list(source))
    if isinstance(source, Tensor):
        if _kind(source):
            raise DataError(f"{what}: found a {_kind(source)} tensor, expected plain real numbers")
        plain: Tensor = source.detach().cpu()
        return plain.to(_TENSORS.get(plain.dtype, torch.float32))
    array = _array(source, what)
    if array.dtype.kind == "O" and _all(array, Real):
        array = _array(array.tolist(), what)  # (as integers, where all are)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{what}: found values of type {array.dtype}, expected real numbers")
    array = array.astype(_ARRAYS.get(array.dtype.name, array.dtype.newbyteorder("=")), copy=False)
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
    """Describe what is not plain about a tensor; empty if nothing is."""
    if tensor.is_meta:
        return "meta"
    if tensor.is_nested or tensor.layout != torch.strided:
        return "nested" if tensor.is_nested else str(tensor.layout).removeprefix("torch.")
    odd = tensor.is_complex() or tensor.is_quantized
    return str(tensor.dtype).removeprefix("torch.") if odd else ""
