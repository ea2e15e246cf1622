"""Reading targets: class indices, or vectors shaped as the output's rates.

as_vectors(targets, rates)     what each output column should be        class indices become one-hot
as_classes(targets, rates)     which class each sample is of            one-hot vectors become indices
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from corticalnet.checks import shown
from corticalnet.errors import ShapeError
from corticalnet.network.reading import converted, finite, numbers


def read(targets: Any, rates: Tensor) -> Tensor:
    """Read targets on the device of the output: class indices ``[batch]``, or numbers shaped as the output.

    A column of whole numbers ``[batch, 1]`` is class indices, unless the output has one column itself; then a
    row of floating numbers ``[batch]`` is one number for each sample.

    Raises:
        ShapeError: they are no real numbers, or a label that does not come from the device is out of range.
    """
    seen = numbers(targets, "targets", rates.device)
    if seen.is_floating_point():
        if seen.dim() == 1 and rates.dim() == 2 and rates.shape[1] == 1:
            seen = seen[:, None]
    elif seen.dim() == 2 and seen.shape[1] == 1 and rates.dim() == 2 and rates.shape[1] != 1:
        seen = seen[:, 0]
    if seen is not targets and seen.is_cuda and seen.dim() == 1 and not seen.is_floating_point():
        _in_range(seen.long(), rates)  # it has come from elsewhere, so there is nothing to wait for
    return seen


def as_vectors(targets: Any, rates: Tensor) -> Tensor:
    """Convert targets to the shape of the output: class indices become one-hot vectors.

    Raises:
        ShapeError: wrong shape, a label outside the output's columns, or a number that is not finite.
    """
    return _vectors(read(targets, rates), rates)


def _vectors(targets: Tensor, rates: Tensor) -> Tensor:
    """Convert targets that have been read to the shape of the output."""
    if targets.dim() == 1 and not targets.is_floating_point() and rates.dim() == 2:
        column = as_column(targets, rates)
        try:
            return torch.zeros_like(rates).scatter_(1, column, 1.0)
        except RuntimeError:
            _in_range(column, rates)
            raise
    if targets.shape != rates.shape:
        raise _misshapen(targets, rates)
    wanted = converted(targets, rates.dtype, "targets")
    return wanted if wanted.is_cuda else finite(wanted, "targets")


def prepared(targets: Any, x: Tensor, shape: tuple[int, ...], in_range: bool = False) -> Tensor:
    """Read targets before there are rates: class indices ``[batch]``, or finite numbers as the output's.

    Args:
        targets: as users give them.
        x: the input.
        shape: of the output, without the batch.
        in_range: look, too, whether every label names a column.

    Raises:
        ShapeError: they do not fit.
    """
    ready = type(targets) is Tensor and targets.dtype is torch.int64 and targets.shape == x.shape[:1]
    if ready and targets.device == x.device and not in_range:
        return targets  # type: ignore[no-any-return]
    rates = x.new_empty(()).expand(len(x), *shape)
    seen = read(targets, rates)
    if seen.dim() == 1 and not seen.is_floating_point() and rates.dim() == 2:
        column = as_column(seen, rates)
        if in_range:
            _in_range(column, rates)
        return column[:, 0]
    return _vectors(seen, rates)


def as_classes(targets: Any, rates: Tensor) -> Tensor:
    """Convert class indices or one-hot vectors to a column of classes, ``[batch, 1]``.

    Raises:
        ShapeError: wrong shape, a label outside the output's columns, or vectors that name no class.
    """
    targets = read(targets, rates)
    if targets.dim() == 1:
        column = as_column(targets, rates)
    elif targets.shape == rates.shape and rates.dim() == 2:
        column = targets.long().argmax(1, keepdim=True)
        wrong = (torch.zeros_like(rates).scatter_(1, column, 1.0) != targets).any(1)
        if wrong.any():
            raise ShapeError(
                "reward is for a class, so targets are class indices or one-hot vectors (one 1 among zeros), "
                f"not {shown(targets[wrong][0].tolist())}"
            )
    else:
        raise _misshapen(targets, rates)
    try:
        rates.gather(1, column)  # for its range check alone
    except RuntimeError:
        _in_range(column, rates)
        raise
    return column


def as_column(targets: Tensor, rates: Tensor) -> Tensor:
    """Reshape class indices to a column ``[batch, 1]`` of int64.

    Raises:
        ShapeError: not whole numbers, or not one per sample.
    """
    if targets.is_floating_point() or targets.shape != rates.shape[:1]:
        raise ShapeError(
            f"class indices must be whole numbers of shape ({len(rates)},), "
            f"not {targets.dtype} {tuple(targets.shape)}"
        )
    return targets.long()[:, None]


def _misshapen(targets: Tensor, rates: Tensor) -> ShapeError:
    return ShapeError(
        f"targets are {targets.dtype} of shape {tuple(targets.shape)}; give class indices as whole numbers "
        f"({len(rates)},) or vectors {tuple(rates.shape)}"
    )


def _in_range(labels: Tensor, rates: Tensor) -> None:
    """Check that every label names a column.

    On a CPU indexing notices that by itself, for nothing, and this only says so. (On a GPU nothing can be
    noticed without waiting for the device; the training loop looks at all labels of a data set before it
    begins.)

    Raises:
        ShapeError: one does not.
    """
    last = rates.shape[1] - 1
    outside = labels[(labels < 0) | (labels > last)]
    if len(outside):
        message = f"label {int(outside[0])} is out of range; the output has columns 0 to {last}"
        numbers_ = f" (numbers for its one column: floating ones, or in the shape {tuple(rates.shape)})"
        raise ShapeError(message + (numbers_ if last == 0 else ""))
