"""Recording while an engine runs: straight into preallocated tensors, where the engine runs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from corticalnet.circuits.experiment.recording import Recording, Track

_REDUCE: dict[str, Callable[[Tensor], Tensor]] = {
    "": lambda x: x,
    "mean": lambda x: x.mean(1),
    "norm": lambda x: torch.linalg.vector_norm(x, dim=1),
    "max": lambda x: x.abs().amax(1),
}


@dataclass
class Windows:
    """Sums over the steps since the last record, of what adds up: they go on from run to run.

    Attributes:
        every: length of a window, in steps.
        step: absolute number of the next step.
        sums: by (population, state), ``[B, n]`` of all its cells.
    """

    every: int = 1
    step: int = 0
    sums: dict[tuple[str, str], Tensor] = field(default_factory=dict)


class Recorder:
    """Writes tracks at the steps that are kept.

    Args:
        recording: what to keep.
        read: the present state of a track, ``[B, n]`` (or the weights).
        like: a tensor of the engine's precision and device.
        windows: what the last run left of a window that had begun; sums go on in it.
    """

    def __init__(
        self, recording: Recording, read: Callable[[Track], Tensor], like: Tensor, windows: Windows
    ) -> None:
        self._read, self._tracks, self._windows = read, recording.tracks, windows
        self._kept, self._rows = recording.kept.tolist(), 0
        # One piece of memory for all: a run of few steps has many tracks and few numbers.
        self._shapes = recording.shapes()
        self._sizes = [math.prod(shape) for shape in self._shapes]
        self._whole = torch.empty(sum(self._sizes), dtype=like.dtype, device=like.device)
        parts = self._whole.split(self._sizes)
        self._arrays = [part.view(shape) for part, shape in zip(parts, self._shapes, strict=True)]
        self._index: list[Any] = [
            None if track.index is None else torch.as_tensor(np.asarray(track.index), device=like.device)
            for track in self._tracks
        ]
        if (windows.every, windows.step) != (recording.every, recording.script.begin):
            windows.every, windows.sums = recording.every, {}
        self._sums = [recording.adds_up(track) for track in self._tracks]
        added = [track for track, adds in zip(self._tracks, self._sums, strict=True) if adds]
        self._added = {(track.part, track.state): track for track in added}
        windows.sums = {key: total for key, total in windows.sums.items() if key in self._added}

    def take(self, step: int) -> None:
        """Write step ``step`` down, if it is to be kept."""
        windows, k = self._windows, self._rows
        for key, track in self._added.items():
            now, total = self._read(track), windows.sums.get(key)
            windows.sums[key] = now.clone() if total is None else total + now
        windows.step = step + 1
        if k < len(self._kept) and self._kept[k] == step:
            self._rows += 1
            for track, index, adds, array in zip(
                self._tracks, self._index, self._sums, self._arrays, strict=True
            ):
                state = windows.sums[track.part, track.state] if adds else self._read(track)
                array[k] = _REDUCE[track.reduce](state if index is None else state[:, index])
        if windows.step % windows.every == 0:
            windows.sums.clear()

    def finish(self) -> list[NDArray[np.float64]]:
        """One array for each track, time first: all steps to be kept that there have been."""
        whole = self._whole.cpu().numpy().astype(np.float64, copy=False)
        parts = np.split(whole, list(itertools.accumulate(self._sizes))[:-1])
        return [part.reshape(shape)[: self._rows] for part, shape in zip(parts, self._shapes, strict=False)]
