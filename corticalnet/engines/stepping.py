"""What engines that go step by step have in common: the loop, its records, a guard on numbers, snapshots.

An engine says how to take a compiled protocol's inputs, how to make one step and what its state is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from corticalnet.circuits import Circuit
from corticalnet.engines.recorder import Recorder, Windows
from corticalnet.experiment.compiled import CompiledProtocol
from corticalnet.recordings.recording import Recording
from corticalnet.recordings.variables import RecordedVariable

Array = NDArray[np.float64]
#: The guard looks each so many steps, and then finds the very step.
_LOOK = 32


class Diverged(Exception):
    """Raised when a number is no longer finite.

    Attributes:
        step: absolute number of the step.
        part, state: a population and its state, or a projection and one of its synapses, or "weight".
        arrays: what was recorded until then.
    """

    def __init__(self, step: int, part: str, state: str, arrays: list[NDArray[Any]]) -> None:
        super().__init__(step, part, state)
        self.step, self.part, self.state, self.arrays = step, part, state, arrays


class Stepping(ABC):
    """Base of the engines that run in this process.

    Attributes:
        circuit: what runs.
        windows: sums of what adds up, since the last record.
    """

    circuit: Circuit
    _like: Tensor
    _batch = 1

    @abstractmethod
    def begin(self, compiled: CompiledProtocol) -> None:
        """Prepare the inputs of a compiled protocol."""

    @abstractmethod
    def advance(self, t: int, steps: int) -> None:
        """Make steps of the compiled protocol from (absolute) step ``t`` on, and :meth:`record` each."""

    @abstractmethod
    def _read(self, variable: RecordedVariable) -> Tensor:
        """Return the present value of a variable."""

    @abstractmethod
    def _state(self) -> dict[str, Tensor]:
        """Return all tensors that the next step depends on, except inputs; none is written into later."""

    @abstractmethod
    def _restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`_state` returned."""

    @abstractmethod
    def trouble(self) -> tuple[str, str] | None:
        """Find the first population and state (or projection and state, or "weight") that is not finite."""

    def reset(self, batch: int = 1) -> None:
        """Reset every state to rest (weights stay as they are)."""
        self._batch, self.windows = batch, Windows()
        self._recorder: Recorder | None = None

    @torch.no_grad()
    def run(
        self,
        compiled: CompiledProtocol,
        recording: Recording,
        progress: Callable[[int], None] | None = None,
        *,
        guard: bool = False,
    ) -> list[NDArray[Any]]:
        """Run a compiled protocol from where the last one ended; return an array for each variable.

        States at rest and another batch: see :meth:`reset`.

        Args:
            compiled: what to run.
            recording: what to write down.
            progress: called with the number of steps done.
            guard: whether to stop at a number that is not finite.

        Raises:
            Diverged: with ``guard``, such a number was met.
        """
        if compiled.batch != self._batch:
            self.reset(compiled.batch)
        self.begin(compiled)
        recorder = self._recorder = Recorder(recording, self._read, self._like, self.windows)
        t = compiled.begin
        while t < compiled.end:
            steps = min(self.stride or compiled.steps, compiled.end - t)
            sound, sums = self._state() if steps > 1 else {}, dict(self.windows.sums)
            try:
                self.advance(t, steps)
            except BaseException:  # Ctrl-C, or a cell of the user's: back to where all had been done
                if sound:
                    self._restore(sound)
                    self.windows = Windows(recording.every, t, sums)
                raise
            if guard and (found := self.trouble()):
                raise (
                    self._find_trouble(compiled, sound, t)
                    if steps > 1
                    else Diverged(t, *found, recorder.finish())
                )
            t += steps
            if progress is not None:
                progress(t - compiled.begin)
        self._recorder = None
        return recorder.finish()

    @property
    def stride(self) -> int | None:
        """Return how many steps are made before numbers are checked; None for all."""
        return _LOOK

    def record(self, t: int) -> None:
        """Record what was asked for after step ``t``."""
        if self._recorder is not None:
            self._recorder.take(t)

    def _find_trouble(self, compiled: CompiledProtocol, sound: Mapping[str, Tensor], begin: int) -> Diverged:
        """Repeat steps one by one from a sound state to find the first number that is not finite."""
        recorder, self._recorder = self._recorder, None
        assert recorder is not None, "it was running"
        arrays, found, t = recorder.finish(), None, begin
        self._restore(sound)
        self.begin(compiled)
        while found is None:
            self.advance(t, 1)
            found, t = self.trouble(), t + 1
        return Diverged(t - 1, *found, arrays)

    def read(self, variable: RecordedVariable) -> Array:
        """Return the present value of a variable: ``[B, n]`` of cells, ``[B, *shape]`` of synapses."""
        return self._read(variable).cpu().numpy().astype(np.float64)

    def snapshot(self) -> dict[str, Array]:
        """Return all that the next step depends on, except inputs, as arrays."""
        state = self._state() | {f"window/{'/'.join(key)}": total for key, total in self.windows.sums.items()}
        return {name: value.detach().cpu().numpy().copy() for name, value in state.items()}

    def restore(self, snapshot: Mapping[str, Array], batch: int, every: int, step: int) -> None:
        """Restore a snapshot of ``batch`` samples, taken at a step while each ``every`` were recorded."""
        self.reset(batch)
        state = {name: torch.tensor(value).to(self._like) for name, value in snapshot.items()}
        sums = {key: state.pop(key) for key in list(state) if key.startswith("window/")}
        self._restore(state)
        names = {key: (key.split("/", 1)[1].rpartition("/")) for key in sums}
        self.windows = Windows(every, step, {(names[k][0], names[k][2]): total for k, total in sums.items()})
