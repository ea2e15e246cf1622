"""What the parts of a run recorded, as one recording that says how it was made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits.experiment.later import later
from corticalnet.circuits.experiment.recording import Recording
from corticalnet.circuits.schedule import Schedule

if TYPE_CHECKING:
    import xarray as xr

    from corticalnet.engines.simulator import Simulator

Array = NDArray[np.float64]
#: To put a dataset together takes as long as some ten steps: runs of fewer wait until somebody looks at it.
_SHORT = 10


def joined(
    running: Simulator,
    made: Sequence[tuple[Recording, list[Array]]],
    before: Mapping[str, Array],
    last: int | None,
) -> xr.Dataset:
    """One dataset; that of a short run is put together when somebody looks at it.

    Args:
        running: the simulator, when all parts have run.
        made: what each part recorded.
        before: weights before the first.
        last: only so many steps at the end were asked for.
    """
    recording, arrays = made[0]
    if len(made) > 1:
        scripts = [one.script for one, _ in made]
        events = tuple(event for script in scripts for event in script.events)
        script = replace(scripts[0], steps=sum(s.steps for s in scripts), events=events)
        recording = replace(recording, script=script, kept=np.concatenate([one.kept for one, _ in made]))
        arrays = [np.concatenate(tracks) for tracks in zip(*(a for _, a in made), strict=True)]
    after = running.engine.weights

    def build() -> xr.Dataset:
        return recording.dataset(arrays, before, after, _attributes(running, recording, last))

    return later(build) if recording.script.steps < _SHORT else build()


def _attributes(running: Simulator, recording: Recording, last: int | None) -> dict[str, Any]:
    """What a recording says of how it was made."""
    circuit = running.circuit
    dt = float(circuit.dt)
    settings = {
        "every": recording.every,
        "last": last,
        "steps": recording.script.steps,
        "batch": recording.script.batch,
        **running.options,
    }
    return {
        "title": circuit.name,
        "engine": running.name,
        "dt": dt,
        "seed": running.seed,
        "settings": json.dumps(settings, default=str),
        "events": json.dumps([[step * dt, label] for step, label in recording.script.events]),
        "schedule": " → ".join(Schedule(circuit.schedule()).names()),
    }
