"""Delayed exclusive or, as a stream: two bits come one after another, a cue asks, a step later one answers.

    step        g−2        g−1        g        g+1
    channel 0   .          .          1 cue    .
    channel 1   X2 = ±1    X1 = ±1    .        .
    target      0          0          0        +1 if X1 ≠ X2, else −1

Lansdell, Prakash & Kording 2019, Fig. 4. Cues come at random, so nothing tells which steps matter until one
comes. Who does not solve it does best to answer 0, at a loss of about half the share of cued steps.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from corticalnet.checks import probability, whole
from corticalnet.errors import TaskError


def delayed_xor(
    steps: int,
    batch: int = 1,
    seed: int = 0,
    *,
    cue: float = 0.05,
    as_coded: bool = False,
    dtype: torch.dtype | None = None,
) -> tuple[Tensor, Tensor]:
    """Generate inputs ``[batch, steps, 2]`` and targets ``[batch, steps, 1]``.

    Args:
        steps: length of each stream.
        batch: streams side by side, each with chance of its own.
        seed: of all chance.
        cue: probability of a cue in a step.
        as_coded: the stream of the authors' code: one long one, cut into ``batch`` parts. There a cue right
            after another overwrites its X1 (its target then belongs to inputs nobody saw), what a cue
            needs from before the beginning is written at the stream's end, and the answer to a cue in the
            last step is due in the first. Otherwise a cue is there only if both its bits have room: not in
            the first two steps, and not right after another.
        dtype: of both; torch's default if not given.

    Raises:
        TaskError: sizes are no whole numbers of at least 1, the seed is none, or ``cue`` is no probability.

    >>> x, target = delayed_xor(steps=6, cue=1.0)
    >>> x[0, :, 0]  # cues
    tensor([0., 0., 1., 0., 1., 0.])
    """
    steps, batch = (
        whole("delayed xor: steps", steps, TaskError),
        whole("delayed xor: batch", batch, TaskError),
    )
    cue = probability("delayed xor: cue", cue, TaskError)
    rng = np.random.default_rng(whole("delayed xor: seed", seed, TaskError, least=0))
    x, target = np.zeros((batch, steps, 2)), np.zeros((batch, steps, 1))
    asked = rng.random((batch, steps)) < cue
    bits = rng.choice([-1.0, 1.0], (batch, steps, 2))  # X1 and X2 of a cue at each step
    if as_coded:
        long = (a.reshape(1, batch * steps, *a.shape[2:]) for a in (x, target, asked, bits))
        _as_coded(*long)
    else:
        _with_room(x, target, asked, bits)
    kind = dtype or torch.get_default_dtype()
    return torch.from_numpy(x).to(kind), torch.from_numpy(target).to(kind)


def _with_room(x: np.ndarray, target: np.ndarray, asked: np.ndarray, bits: np.ndarray) -> None:
    """Draw all streams at once, step by step; cues without room for both bits are dropped."""
    asked[:, :2] = False
    for g in range(2, x.shape[1]):
        asked[:, g] &= ~asked[:, g - 1]
        cued = asked[:, g]
        x[cued, g, 0] = 1.0
        x[cued, g - 1, 1], x[cued, g - 2, 1] = bits[cued, g].T
        if g + 1 < x.shape[1]:
            target[cued, g + 1, 0] = _answer(bits[cued, g])


def _as_coded(x: np.ndarray, target: np.ndarray, asked: np.ndarray, bits: np.ndarray) -> None:
    """Draw one stream, as in the authors' ``gen_data``: by the step of the answer; indices below 0 wrap."""
    x[0, asked[0], 0] = 1.0
    for answer in np.flatnonzero(np.roll(asked[0], 1)):
        own = bits[0, answer - 1]
        x[0, answer - 2, 1], x[0, answer - 3, 1] = own
        target[0, answer, 0] = _answer(own)


def _answer(bits: np.ndarray) -> np.ndarray:
    """Return +1 if two bits differ, −1 if they do not."""
    answers: np.ndarray = -bits[..., 0] * bits[..., 1]
    return answers
