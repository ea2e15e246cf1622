"""Recording in torch: straight into preallocated tensors, on the device where the engine runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from corticalnet.circuits.experiment.recording import Recording, Track

_REDUCE: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda x: x.mean(1),
    "norm": lambda x: torch.linalg.vector_norm(x, dim=1),
    "max": lambda x: x.abs().amax(1),
}


class TorchRecorder:
    """Writes tracks at the steps that are kept.

    Args:
        recording: what to keep.
        read: the present state of a track, ``[B, n]`` (or the weights).
        like: a tensor of the engine's precision and device.
    """

    def __init__(self, recording: Recording, read: Callable[[Track], Tensor], like: Tensor) -> None:
        self._read, self._tracks = read, recording.tracks
        self._place = {int(step): k for k, step in enumerate(recording.kept)}
        self._arrays = [
            torch.zeros(array.shape, dtype=like.dtype, device=like.device) for array in recording.allocate()
        ]
        self._index: list[Any] = [
            None if track.index is None else torch.as_tensor(np.asarray(track.index), device=like.device)
            for track in self._tracks
        ]

    def take(self, step: int) -> None:
        """Write step ``step`` down, if it is to be kept."""
        k = self._place.get(step)
        if k is None:
            return
        for track, index, array in zip(self._tracks, self._index, self._arrays, strict=True):
            state = self._read(track)
            state = state if index is None else state[:, index]
            array[k] = _REDUCE[track.reduce](state) if track.reduce else state

    def finish(self) -> list[NDArray[np.float64]]:
        """One array for each track, time first."""
        return [array.cpu().numpy().astype(np.float64) for array in self._arrays]
