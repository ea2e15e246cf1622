"""The Brian2 model as a C++ program of its own.

It is compiled once for one shape of compiled and recording, and then runs again with other weights, states,
patterns and noise: it goes on from where the last run ended. It has a device and a folder of its own, so
other simulations of the process do not notice.
"""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from corticalnet.engines.brian2_engine.layout import Layout
from corticalnet.engines.brian2_engine.library import allowed, brian2, preferences
from corticalnet.engines.brian2_engine.model import Model
from corticalnet.engines.brian2_engine.monitors import Monitors
from corticalnet.engines.plan import Plan
from corticalnet.experiment.compiled import CompiledProtocol
from corticalnet.recordings.recording import Recording

Array = NDArray[np.float64]


class Standalone:
    """Compiles a circuit to a program, and runs it.

    Args:
        plan: what to run.
        directory: for source, program and results; a temporary one if not given.

    Attributes:
        model: the Brian2 objects, once there are some.
        state: after the last run, by "field/NAME" and "synapse/BUNDLE/STATE"; empty at rest.
    """

    def __init__(self, plan: Plan, directory: str | Path | None = None) -> None:
        self._plan, self._given = plan, directory
        self._shape: Any = None
        self._device: Any = None
        self._monitors: Monitors | None = None
        self.model: Model | None = None
        self.state: dict[str, Array] = {}

    def rest(self) -> None:
        """Reset the state, so that the next run begins at rest."""
        self.state = {}

    def run(
        self, compiled: CompiledProtocol, recording: Recording, weights: Mapping[str, Array]
    ) -> dict[tuple[str, str], Tensor]:
        """Run a compiled protocol with these weights; return every step of what was recorded."""
        shape = _shape(compiled, recording)
        if shape != self._shape:
            self._shape = None
            self._build(compiled, recording, weights)
            self._shape = shape
        else:
            self._again(compiled, weights)
        assert self._monitors is not None, "made when built"
        assert self.model is not None, "made when built"
        self.state = {key: np.array(values) for key, values in self.model.state().items()}
        return self._monitors.played(recording)

    def _build(self, compiled: CompiledProtocol, recording: Recording, weights: Mapping[str, Array]) -> None:
        b2 = brian2()
        from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

        folder = str(self._given or mkdtemp(prefix="corticalnet-brian2-"))
        if self._given is None:
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._device = CPPStandaloneDevice()
        noise = {(self._plan.circuit.population(name).role, port) for name, port in compiled.noise}
        b2.set_device(self._device, build_on_run=False)
        try:
            with preferences("cpp_standalone"):
                layout = Layout(self._plan, allowed, list(compiled.signals), noise)
                self.model = model = Model(layout, weights)
                for key, values in self.state.items():
                    model.variable(key).set_value(values)
                for name, (array, dt) in self._tables(compiled).items():
                    model.namespace[name] = b2.TimedArray(array, dt=dt, name=name)
                for k, (population, port) in enumerate(compiled.noise):
                    role = self._plan.circuit.population(population).role
                    table = layout.names("noise", population, port)
                    line, phase = (
                        f"{layout.names(role, port, 'noise')} = {table}(t, i)",
                        self._plan.schedule[0],
                    )
                    model.regularly(layout.rows(population), [line], phase.name, -1 - k)
                self._monitors = Monitors(model, recording)
                model.network.add(self._monitors.monitors)
                model.network.run(compiled.steps * model.dt, namespace={})
                self._device.build(directory=folder, compile=True, run=True, with_output=False)
        finally:
            b2.devices.reset_device()

    def _again(self, compiled: CompiledProtocol, weights: Mapping[str, Array]) -> None:
        """Run the compiled program with other numbers."""
        model = self.model
        assert model is not None, "made when built"
        changed: dict[Any, Any] = {}
        for bundle in model.layout.bundles.all:
            if bundle.weighted:
                changed[model.synapses[bundle.name].w] = model.synaptic_weights(weights, bundle)
        for key, values in (self.state or model.at_rest()).items():
            variable = model.variable(key)
            changed[variable.owner.state(variable.name)] = values
        changed |= {model.namespace[name]: array for name, (array, _) in self._tables(compiled).items()}
        self._device.run(run_args=changed, with_output=False)

    def _tables(self, compiled: CompiledProtocol) -> dict[str, tuple[Array, Any]]:
        """Tabulate the signals and noise of a compiled protocol by name, with the time between rows."""
        assert self.model is not None, "made when built"
        b2, layout, found = brian2(), self.model.layout, {}
        for key, signal in compiled.signals.items():
            table, shown = layout.signal(*key)
            n = layout.circuit.population(key[0]).n
            patterns = np.broadcast_to(signal.patterns[:, 0], (len(signal.patterns), n)).copy()
            found[table] = patterns, 1 * b2.ms
            found[shown] = signal.index.astype(np.float64), self.model.dt
        for key, stream in compiled.noise.items():
            n = layout.circuit.population(key[0]).n
            values = stream.table(compiled.begin, compiled.steps, 1, n)[:, 0]
            found[layout.names("noise", *key)] = values, self.model.dt
        return found


def _shape(compiled: CompiledProtocol, recording: Recording) -> Any:
    """Return the shape of a run: a program serves all runs of the same shape."""
    variables = [(t.part, t.state) for t in recording.variables]
    signals = {key: signal.patterns.shape for key, signal in compiled.signals.items()}
    return compiled.steps, signals, list(compiled.noise), variables
