"""What a Brian2 program of its own writes down: StateMonitors of all that a recording asks for, each step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from corticalnet.engines.brian2_engine.library import brian2
from corticalnet.engines.brian2_engine.model import Model
from corticalnet.recordings.recording import Recording
from corticalnet.recordings.variables import RecordedVariable

Array = NDArray[np.float64]


class Monitors:
    """The monitors of a program, and what they saw, step by step.

    Args:
        model: that runs.
        recording: what to write down.

    Attributes:
        monitors: to be added to the network.
    """

    def __init__(self, model: Model, recording: Recording) -> None:
        b2 = brian2()
        self._model = model
        when = "record" if "record" in model.network.schedule else "end"
        wanted: dict[tuple[str, bytes], tuple[Any, Any, list[str]]] = {}
        self._keys: dict[tuple[str, str], tuple[tuple[str, bytes], str]] = {}
        for variable in recording.variables:
            source, name, index = self._what(variable)
            key = (source.name, index.tobytes())
            _, _, names = wanted.setdefault(key, (source, index, []))
            if name not in names:
                names.append(name)
            self._keys[variable.part, variable.state] = key, name
        self._by_key = {
            key: b2.StateMonitor(
                source, names, record=index, name=f"record_{k}", when=when, order=model.layout.record_order
            )
            for k, (key, (source, index, names)) in enumerate(wanted.items())
        }
        self.monitors = list(self._by_key.values())

    def _what(self, variable: RecordedVariable) -> tuple[Any, str, Any]:
        """Return the object of a variable, its name there, and its rows or synapses."""
        layout = self._model.layout
        if variable.is_synapse:
            bundle = layout.bundles.of(variable.part)
            own = bundle.member(variable.part).synapses
            name = layout.names("synapse", variable.state)
            return self._model.synapses[bundle.name], name, np.arange(own.start, own.stop)
        if variable.is_weight:
            bundle = layout.bundles.of(variable.part)
            member = bundle.member(variable.part)
            _, first = np.unique(member.weight, return_index=True)
            return self._model.synapses[bundle.name], "w", first + member.first
        name = layout.names(layout.circuit.population(variable.part).role, variable.state)
        return self._model.cells, name, np.arange(*layout.rows(variable.part))

    def played(self, recording: Recording) -> dict[tuple[str, str], Tensor]:
        """Return the recorded steps by part and state.

        Of cells they are ``[T, 1, n]``, of synapses ``[T, 1, *shape]``, of weights ``[T, *weight shape]``.
        """
        found = {}
        for variable in recording.variables:
            key, name = self._keys[variable.part, variable.state]
            values = np.asarray(self._by_key[key].variables[name].get_value())
            if variable.is_weight:
                member = self._model.layout.bundles.of(variable.part).member(variable.part)
                weight = recording.circuit.weights[variable.part]
                flat = np.tile(
                    np.ravel(weight), (len(values), 1)
                )  # weights that no synapse has stay as they were
                flat[:, np.unique(member.weight)] = values
                found[variable.part, variable.state] = torch.from_numpy(flat.reshape(-1, *weight.shape))
            elif variable.is_synapse:
                member = self._model.layout.bundles.of(variable.part).member(variable.part)
                shape = recording.circuit.synapse_shape(variable.part)
                found[variable.part, variable.state] = torch.from_numpy(
                    member.listed(values).reshape(-1, 1, *shape)
                )
            else:
                found[variable.part, variable.state] = torch.from_numpy(values)[:, None]
        return found
