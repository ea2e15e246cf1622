"""What the parts of a run recorded, as one recording that says how it was made; in memory or in a file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits.schedule import Schedule
from corticalnet.engines.running import Running
from corticalnet.recordings import recording as recordings
from corticalnet.recordings.dataset import build_dataset
from corticalnet.recordings.later import later
from corticalnet.recordings.recording import Recording
from corticalnet.recordings.streaming import RecordingFile

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[Any]
#: To put a dataset together takes as long as some five steps: runs of few more wait until it is looked at.
_SHORT = 10


class Parts:
    """What a run has recorded so far: in memory, or on its way to a file.

    As a context it brings to the file what is there, also when the run is interrupted.

    Args:
        running: the simulator.
        last: only so many steps at the end are asked for.
        to: the file, if there is one.

    Raises:
        ProtocolError: it cannot be written, or does not go on with this run.
    """

    def __init__(self, running: Running, last: int | None, to: str | Path | None) -> None:
        self._running, self._last = running, last
        self._before = running.engine.weights
        self._file = None if to is None else RecordingFile(to, running.step)
        self._made: list[tuple[Recording, list[Array]]] = []
        self._numbers = 0

    def expect(self, recording: Recording, all_of_it: Recording | None) -> None:
        """Check that a file can take what will come: the first part, and the whole if it is known."""
        if self._file is not None:
            none = replace(recording, kept=recording.kept[:0])
            empty = joined(self._running, [(none, none.allocate())], self._before, self._last)
            whole = all_of_it or recording
            numbers = sum(
                math.prod(shape)
                for shape, variable in zip(whole.shapes(), whole.variables, strict=True)
                if variable.state != "spike"  # (they are packed)
            )
            self._file.expect(empty, numbers)

    def add(self, recording: Recording, arrays: list[Array]) -> None:
        """Add the recording of one more part."""
        self._made.append((recording, arrays))
        self._numbers += sum(array.size for array in arrays)
        if self._file is not None and self._numbers >= recordings.PIECE:
            self._write()

    def recording(self) -> xr.Dataset:
        """Return the recording of all parts."""
        if self._file is None:
            return joined(self._running, self._made, self._before, self._last)
        self._write()
        return self._file.open()

    def _write(self) -> None:
        made, self._made, self._numbers = self._made, [], 0
        if made and self._file is not None:
            self._file.append(joined(self._running, made, self._before, self._last))

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._write()


def joined(
    running: Running,
    made: Sequence[tuple[Recording, list[Array]]],
    before: Mapping[str, Array],
    last: int | None,
) -> xr.Dataset:
    """Join the parts to one dataset; that of a short run is built lazily.

    Args:
        running: the simulator, when all parts have run.
        made: what each part recorded; several give their numbers away.
        before: weights before the first.
        last: only so many steps at the end were asked for.
    """
    recording = made[0][0]
    if len(made) > 1:
        compiled_parts = [one.compiled for one, _ in made]
        events = tuple(event for compiled in compiled_parts for event in compiled.events)
        compiled = replace(compiled_parts[0], steps=sum(s.steps for s in compiled_parts), events=events)
        recording = replace(recording, compiled=compiled, kept=np.concatenate([one.kept for one, _ in made]))
    arrays = _end_to_end([arrays for _, arrays in made])
    after = running.engine.weights

    def build() -> xr.Dataset:
        return build_dataset(recording, arrays, before, after, _attributes(running, recording, last))

    return later(build) if recording.compiled.steps < _SHORT else build()


def _end_to_end(parts: list[list[Array]]) -> list[Array]:
    """Concatenate the arrays of all parts in time; each part's own are emptied as they are copied."""
    if len(parts) == 1:
        return parts[0]
    whole = []
    for k in range(len(parts[0])):
        rows = sum(len(part[k]) for part in parts)
        array, row = np.empty((rows, *parts[0][k].shape[1:]), parts[0][k].dtype), 0
        for part in parts:
            array[row : row + len(part[k])] = part[k]
            row += len(part[k])
            part[k] = part[k][:0].copy()
        whole.append(array)
    return whole


def _attributes(running: Running, recording: Recording, last: int | None) -> dict[str, Any]:
    """Return the attributes of a recording that say how it was made."""
    circuit = running.circuit
    dt = float(circuit.dt)
    settings = {
        "every": recording.every,
        "last": last,
        "steps": recording.compiled.steps,
        "batch": recording.compiled.batch,
        **running.options,
    }
    return {
        "title": circuit.name,
        "engine": running.name,
        "dt": dt,
        "seed": running.seed,
        "settings": json.dumps(settings, default=str),
        "events": json.dumps([[step * dt, label] for step, label in recording.compiled.events]),
        "schedule": " → ".join(Schedule(circuit.schedule()).names()),
    }
