"""Recording while an engine runs: straight into the arrays that the recording will have, made once.

Where the engine runs on a GPU they are there, and come to the host when it has run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from corticalnet.recordings.recording import Recording
from corticalnet.recordings.variables import RecordedVariable

_REDUCE: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda x: x.mean(-1),
    "norm": lambda x: torch.linalg.vector_norm(x, dim=-1),
    "max": lambda x: x.abs().amax(-1),
}
#: Whole numbers and truth values, by NumPy's name.
_KINDS = {
    "bool": torch.bool, "int8": torch.int8, "int16": torch.int16, "int32": torch.int32, "int64": torch.int64,
}  # fmt: skip


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
    """Writes variables at the steps that are kept.

    Args:
        recording: what to keep.
        read: the present state of a variable, ``[B, n]`` (or the weights).
        like: a tensor of the engine's precision and device.
        windows: what the last run left of a window that had begun; sums go on in it.

    Attributes:
        variables: what is written down; ``adds``: of each, whether it is a sum over a window.
        added: variables that add up, by population and state.
    """

    def __init__(
        self, recording: Recording, read: Callable[[RecordedVariable], Tensor], like: Tensor, windows: Windows
    ) -> None:
        self._read, self.variables, self.windows = read, recording.variables, windows
        self._recording = recording
        self._kept, self._rows = recording.kept.tolist(), 0
        # (a single row is made when it is there: many short runs do not pay for room)
        shapes = recording.shapes() if len(self._kept) != 1 else []
        self._kinds = [
            _KINDS[variable.kind.name] if variable.kind else like.dtype for variable in self.variables
        ]
        self._arrays = [
            torch.empty(shape, dtype=kind, device=like.device)
            for shape, kind in zip(shapes, self._kinds, strict=False)
        ]
        self._index: list[Any] = [
            None
            if variable.index is None
            else torch.as_tensor(np.asarray(variable.index), device=like.device)
            for variable in self.variables
        ]
        if (windows.every, windows.step) != (recording.every, recording.compiled.begin):
            windows.every, windows.sums = recording.every, {}
        self.adds = [recording.adds_up(variable) for variable in self.variables]
        added = [variable for variable, adds in zip(self.variables, self.adds, strict=True) if adds]
        self.added = {(variable.part, variable.state): variable for variable in added}
        windows.sums = {key: total for key, total in windows.sums.items() if key in self.added}

    def take(self, step: int) -> None:
        """Record the state after step ``step``, if it is to be kept."""
        windows, k = self.windows, self._rows
        for key, variable in self.added.items():
            state, total = self._read(variable), windows.sums.get(key)
            windows.sums[key] = state.clone() if total is None else total + state
        windows.step = step + 1
        if k < len(self._kept) and self._kept[k] == step:
            self._rows += 1
            now = [self._now(*one) for one in zip(self.variables, self._index, self.adds, strict=True)]
            if len(self._kept) == 1:
                self._arrays = [
                    value.to(kind, copy=True)[None] for value, kind in zip(now, self._kinds, strict=True)
                ]
            else:
                for array, value in zip(self._arrays, now, strict=True):
                    array[k] = value
        if windows.step % windows.every == 0:
            windows.sums.clear()

    def _now(self, variable: RecordedVariable, index: Tensor | None, adds: bool) -> Tensor:
        """Return the present value of a variable, as it is recorded."""
        state = self.windows.sums[variable.part, variable.state] if adds else self._read(variable)
        return _recorded(variable, index, state)

    # Many steps at once ------------------------------------------------------------------------
    def when(self, begin: int, steps: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return of each step whether it is recorded, and whether a window of sums ends with it."""
        numbers = np.arange(begin, begin + steps)
        return np.isin(numbers, self._kept[self._rows :]), (numbers + 1) % self.windows.every == 0

    def take_many(self, end: int, states: Sequence[Tensor], sums: Mapping[tuple[str, str], Tensor]) -> None:
        """Record what somebody else has collected.

        Args:
            end: the next step.
            states: of each variable, its state (or sum) after every step to be recorded, time first.
            sums: of the window that has begun.
        """
        windows, k = self.windows, self._rows
        windows.step, windows.sums = end, {} if end % windows.every == 0 else dict(sums)
        rows = len(states[0]) if states else 0
        self._rows += rows
        now = [
            _recorded(variable, index, state, 1)
            for variable, index, state in zip(self.variables, self._index, states, strict=True)
        ]
        if len(self._kept) == 1 and rows:
            self._arrays = [value.to(kind) for value, kind in zip(now, self._kinds, strict=True)]
        elif rows:
            for array, value in zip(self._arrays, now, strict=True):
                array[k : k + rows] = value

    def finish(self) -> list[NDArray[Any]]:
        """Return one array for each variable, time first, with the steps recorded so far."""
        if len(self._kept) == 1 and not self._rows:  # stopped before
            shapes = zip(self._recording.shapes(), self._kinds, strict=True)
            self._arrays = [torch.empty((0, *shape[1:]), dtype=kind) for shape, kind in shapes]
        return [array[: self._rows].cpu().numpy() for array in self._arrays]


def _recorded(variable: RecordedVariable, index: Tensor | None, state: Tensor, times: int = 0) -> Tensor:
    """Return states as they are recorded: chosen cells, or one number of all; ``times`` axes come first."""
    if index is not None:
        state = state[:, :, index] if times else state[:, index]
    return _REDUCE[variable.reduce](state.flatten(1 + times)) if variable.reduce else state
