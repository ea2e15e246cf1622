"""What Brian2 writes down: StateMonitors for the tracks of a recording, and arrays made from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits.experiment.recording import Recording, Track
from corticalnet.engines.brian2_engine.library import brian2
from corticalnet.engines.brian2_engine.model import Model

Array = NDArray[np.float64]
_REDUCED: Mapping[str, Any] = {
    "mean": lambda x: x.mean(-1),
    "norm": lambda x: np.sqrt((x * x).sum(-1)),
    "max": lambda x: np.abs(x).max(-1),
}


class Recorder:
    """The monitors of one run.

    Args:
        model: that runs.
        recording: what to write down.
        first: step (counted from the start of the run) at which monitors become active.
        origin: that step, counted from the network's beginning.

    Attributes:
        monitors: to be added to the network.
    """

    def __init__(self, model: Model, recording: Recording, first: int = 0, origin: int = 0) -> None:
        b2 = brian2()
        self._model = model
        kept = np.asarray(recording.kept) - first
        every = int(kept[1] - kept[0]) if len(kept) > 1 else 1
        regular = not len(kept) or (kept[0] == 0 and (np.diff(kept) == every).all() and origin % every == 0)
        self._picked = np.arange(len(kept)) if regular else kept
        options = {
            "when": "record" if "record" in model.network.schedule else "end",
            "order": model.layout.record_order,
            **({"dt": every * model.dt} if regular and every > 1 else {}),
        }
        wanted: dict[tuple[str, bytes], tuple[Any, Any, list[str]]] = {}
        self._keys = []
        for track in recording.tracks:
            source, name, index = self._what(track)
            key = (source.name, index.tobytes())
            _, _, names = wanted.setdefault(key, (source, index, []))
            if name not in names:
                names.append(name)
            self._keys.append((key, name))
        self._by_key = {
            key: b2.StateMonitor(source, names, record=index, name=f"record_{k}", **options)
            for k, (key, (source, index, names)) in enumerate(wanted.items())
        }
        self.monitors = list(self._by_key.values())

    def _what(self, track: Track) -> tuple[Any, str, Any]:
        """Whose variable a track is, its name, and which rows or synapses."""
        layout = self._model.layout
        if track.is_weight:
            bundle = layout.bundles.of(track.part)
            member = next(m for m in bundle.members if m.projection == track.part)
            _, first = np.unique(member.weight, return_index=True)
            return self._model.synapses[bundle.name], "w", first + member.synapses.start
        start, stop = layout.rows(track.part)
        index = np.arange(start, stop) if track.index is None else start + np.asarray(track.index)
        name = layout.names(layout.circuit.population(track.part).role, track.state)
        return self._model.cells, name, index

    def arrays(self, recording: Recording) -> list[Array]:
        """One array for each track, as the recording (of the same shape) allocates them."""
        made = recording.allocate()
        for array, track, (key, name) in zip(made, recording.tracks, self._keys, strict=True):
            values = np.asarray(self._by_key[key].variables[name].get_value())[self._picked]
            if track.is_weight:
                bundle = self._model.layout.bundles.of(track.part)
                member = next(m for m in bundle.members if m.projection == track.part)
                flat = array.reshape(len(array), -1)
                flat[:] = np.ravel(
                    recording.circuit.weights[track.part]
                )  # weights that no synapse has stay as they were
                flat[:, np.unique(member.weight)] = values
            else:
                array[:, 0] = _REDUCED[track.reduce](values) if track.reduce else values
        return made
