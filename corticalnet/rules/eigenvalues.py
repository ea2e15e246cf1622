"""Extreme eigenvalues of symmetric matrices that are known only by their products with vectors."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def extremes(
    product: Callable[[Tensor], Tensor], like: Tensor, iterations: int = 200
) -> tuple[Tensor, Tensor]:
    """Smallest and largest eigenvalue of symmetric matrices by Lanczos' iteration.

    Args:
        product: v ``[batch, n]`` -> A v, each row with a matrix of its own.
        like: shape, dtype and device of v.
        iterations: at most so many products; 3n are always enough, rounding included.

    Returns:
        Two tensors ``[batch]``.
    """
    rng = torch.Generator(like.device).manual_seed(0)
    q = torch.randn(like.shape, generator=rng, dtype=like.dtype, device=like.device)
    q = q / q.norm(dim=1, keepdim=True)
    last, off = torch.zeros_like(q), q.new_zeros(len(q))
    diagonal: list[Tensor] = []
    beside: list[Tensor] = []
    alive = torch.ones_like(off, dtype=torch.bool)
    for _ in range(min(iterations, 3 * like.shape[1])):
        w = product(q) - off[:, None] * last
        a = (w * q).sum(1)
        # Where the iteration has seen all there is, go on with a number between the extremes.
        diagonal.append(torch.where(alive, a, diagonal[0] if diagonal else a))
        w = w - a[:, None] * q
        off = w.norm(dim=1)
        alive = alive & (off > 1e-9 * diagonal[0].abs())
        off = torch.where(alive, off, torch.zeros_like(off))
        beside.append(off)
        last, q = q, torch.where(alive[:, None], w / off.clamp_min(1e-300)[:, None], torch.zeros_like(w))
        if not alive.any():
            break
    matrix = torch.diag_embed(torch.stack(diagonal, 1))
    step = torch.diag_embed(torch.stack(beside, 1)[:, :-1], 1)
    found = torch.linalg.eigvalsh(matrix + step + step.mT)
    return found[:, 0], found[:, -1]
