"""What numbers of a protocol mean: patterns for cells, courses in time, targets.

A batch comes from stimuli alone: a target, an answer or exploration noise goes with the samples that are
there, so a one-hot row of whole numbers is one target and never several samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.checks import array
from corticalnet.errors import ProtocolError

Floats = NDArray[np.float64]


def pattern(value: Any, n: int, what: str, *, number: bool = False) -> Floats:
    """Read numbers for n cells, ``[B or 1, n]``: ``[n]``, ``[B, n]`` or ``[B, *shape]``.

    Args:
        value: the numbers.
        n: cells.
        what: for messages.
        number: whether a single number may stand for all cells (``[1, 1]``); always if n is 1.

    Raises:
        ProtocolError: they are no numbers, or do not fit.
    """
    given = array(what, value, ProtocolError, finite=True)
    if given.ndim == 0 and (number or n == 1):
        return given.astype(np.float64).reshape(1, 1)
    batched = given.ndim > 1 and int(np.prod(given.shape[1:])) == n
    if not given.size or not (batched or given.size == n):
        raise ProtocolError(f"{what} has shape {given.shape}, but must have ({n},) or (batch, {n})")
    return given.astype(np.float64).reshape(len(given) if batched else 1, n)


def course(value: Any, n: int, steps: int, what: str) -> Floats:
    """Read numbers for n cells over time, ``[T, B or 1, n]``: ``[T, n]``, ``[T, B, n]``, or with shapes.

    Raises:
        ProtocolError: they are no numbers, do not fit, or are not as many as there are steps.
    """
    given = array(what, value, ProtocolError, finite=True)
    here = given.shape[1:]
    single = int(np.prod(here)) == n  # (an empty shape is one number: n = 1)
    batched = len(here) > 1 and int(np.prod(here[1:])) == n
    if given.ndim == 0 or not given.size or not (single or batched):
        raise ProtocolError(
            f"{what} has shape {given.shape}, but must have (time, {n}) or (time, batch, {n})"
        )
    if len(given) != steps:
        raise ProtocolError(f"{what} has {len(given)} numbers in time, but lasts {steps} steps")
    return given.astype(np.float64).reshape(steps, 1 if single else here[0], n)


def target(value: Any, n: int, batch: int, what: str) -> Floats:
    """Convert a target for n cells to vectors ``[B or 1, n]``, in a simulation of so many samples.

    Whole numbers are classes: one for all samples, or one for each (``[B]`` or ``[B, 1]``). All else is a
    vector, ``[n]`` or ``[B, n]``: also a row of n whole numbers or truth values (one-hot), if there are not
    just as many samples.

    Raises:
        ProtocolError: they do not fit, or a class does not exist.
    """
    given = array(what, value, ProtocolError, finite=True)
    counts = given.dtype.kind in "iu" and n > 1
    labels = counts and (given.ndim == 0 or given.shape in ((batch,), (batch, 1)))
    if not labels:
        if given.dtype.kind == "b" and given.ndim == 0:
            raise ProtocolError(f"{what} must be a class (a whole number from 0 to {n - 1}), not {value!r}")
        if counts and given.ndim == 1 and given.size != n:
            raise ProtocolError(
                f"{what}: {given.size} whole numbers are neither a class for each of {samples(batch)} "
                f"nor a vector for its {n} cells"
            )
        return pattern(given, n, what)
    for label in given.ravel():
        if not 0 <= label < n:
            raise ProtocolError(f"{what} is class {label}, but its {n} cells stand for classes 0 to {n - 1}")
    rows: Floats = np.eye(n)[given.reshape(-1)]
    return rows


def samples(batch: int) -> str:
    """Format a number of samples in words."""
    return "1 sample" if batch == 1 else f"{batch} samples"
