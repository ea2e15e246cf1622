"""What a compiled program writes down: where it finds each variable, and room for many steps of it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from corticalnet.engines.recorder import Recorder
from corticalnet.engines.torch_engine.native.memory import Key
from corticalnet.engines.torch_engine.native.program import StepProgram
from corticalnet.recordings.variables import RecordedVariable


class Copied(ctypes.Structure):
    """Rows that are copied one after the other: ``Copied`` of steps.h."""

    _fields_ = [
        ("source", ctypes.c_void_p),
        ("to", ctypes.c_void_p),
        ("rows", ctypes.c_long),
        ("columns", ctypes.c_long),
        ("stride", ctypes.c_long),
    ]


@dataclass
class Room:
    """Room for the records of some steps.

    Attributes:
        keep, full: of each step, whether it is recorded, and whether a window of sums ends with it.
        states: of each variable, time first.
        sums: over the window that has begun, by population and state.
        record, window: what is copied there, and added up.
    """

    keep: NDArray[np.uint8]
    full: NDArray[np.uint8]
    states: list[Tensor] = field(default_factory=list)
    sums: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    record: list[Copied] = field(default_factory=list)
    window: list[Copied] = field(default_factory=list)


class Records:
    """Knows where a program has what is recorded.

    Args:
        program: that runs.
        view: returns an array of its memory.
        like: a tensor of its precision.
    """

    def __init__(self, program: StepProgram, view: Callable[[Key], Tensor], like: Tensor) -> None:
        self._program, self._view, self._like = program, view, like

    def room(self, t: int, steps: int, recorder: Recorder | None) -> Room:
        """Make room for the records of steps from ``t`` on."""
        found = Room(np.zeros(steps, dtype=np.uint8), np.zeros(steps, dtype=np.uint8))
        if recorder is None:
            return found
        found.keep[:], found.full[:] = recorder.when(t, steps)
        rows = int(found.keep.sum())
        for key, variable in recorder.added.items():
            one = self._where(variable)
            total = found.sums[key] = self._like.new_zeros((one.rows, one.columns))
            if key in recorder.windows.sums:
                total += recorder.windows.sums[key]
            one.to = total.data_ptr()
            found.window.append(one)
        for variable, adds in zip(recorder.variables, recorder.adds, strict=True):
            one = self._where(variable)
            if adds:
                one.source, one.stride = found.sums[variable.part, variable.state].data_ptr(), one.columns
            found.states.append(self._like.new_empty((rows, *self._shape(variable))))
            one.to = found.states[-1].data_ptr()
            found.record.append(one)
        return found

    def size(self, variable: RecordedVariable) -> int:
        """Return how many numbers a variable has."""
        return int(np.prod(self._shape(variable)))

    def _shape(self, variable: RecordedVariable) -> tuple[int, ...]:
        program = self._program
        if variable.is_weight:
            return tuple(program.weights.tensors[variable.part].shape)
        if variable.is_synapse:
            return program.batch, *program.learners[variable.part].shape
        columns = program.plan.places[variable.part].columns
        return program.batch, columns.stop - columns.start

    def _where(self, variable: RecordedVariable) -> Copied:
        """Return where a variable is."""
        program, size = self._program, self.size(variable)
        if variable.is_weight:
            return Copied(program.weights.tensors[variable.part].data_ptr(), 0, 1, size, size)
        if variable.is_synapse:
            states = self._view(("synapse", variable.part, variable.state))
            return Copied(states.data_ptr(), 0, 1, size, size)
        place = program.plan.places[variable.part]
        state = self._view(("state", place.block.index, place.role, variable.state))[:, place.columns]
        return Copied(state.data_ptr(), 0, program.batch, state.shape[1], place.block.n)
