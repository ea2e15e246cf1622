"""Masks: which of the weights of a link have a synapse."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from corticalnet.checks import fraction, shown
from corticalnet.errors import NetworkError

Shape = tuple[int, ...]


def wanted_mask(what: str, mask: Any, density: float | None) -> Tensor | float | None:
    """Check a mask or a density; return the mask as booleans, or the density, or None if neither is given.

    Raises:
        NetworkError: both are given, or one is impossible; the message begins with ``what``.
    """
    if mask is None:
        return None if density is None else fraction(f"{what}: density", density, NetworkError)
    if density is not None:
        raise NetworkError(f"{what}: give a mask or a density, not both")
    try:
        given = mask.detach() if isinstance(mask, Tensor) else torch.as_tensor(np.asarray(mask))
        whole = bool(((given == 0) | (given == 1)).all())
    except (TypeError, ValueError, RuntimeError):
        raise NetworkError(f"{what}: a mask is an array of true and false, not {shown(mask)}") from None
    if not whole:
        raise NetworkError(
            f"{what}: a mask is an array of true and false (1 and 0), and here are other numbers"
        )
    if not given.any():
        raise NetworkError(f"{what}: the mask leaves no synapse")
    return given.bool().clone()


def drawn_mask(wanted: Tensor | float | None, shape: Shape, rng: torch.Generator | None) -> Tensor:
    """Return the mask of weights of this shape: the one given, or one drawn at the density given.

    Raises:
        NetworkError: a mask of another shape.
    """
    if isinstance(wanted, Tensor):
        if tuple(wanted.shape) != tuple(shape):
            raise NetworkError(f"the mask has shape {tuple(wanted.shape)}; the weight has {tuple(shape)}")
        return wanted.clone()
    places = torch.Size(shape).numel()
    count = max(1, round(places * (1.0 if wanted is None else wanted)))
    mask = torch.zeros(places, dtype=torch.bool)
    mask[torch.randperm(places, generator=rng)[:count]] = True
    return mask.view(shape)
