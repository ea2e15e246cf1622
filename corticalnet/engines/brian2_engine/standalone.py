"""The Brian2 model as a C++ program of its own.

It is compiled once for one shape of script and recording, and then runs again with other weights, patterns
and noise. It has a device and a folder of its own, so other simulations of the process do not notice.
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

from corticalnet.circuits.experiment.recording import Recording
from corticalnet.circuits.experiment.script import Script
from corticalnet.engines.brian2_engine.layout import Layout
from corticalnet.engines.brian2_engine.library import allowed, brian2, preferences
from corticalnet.engines.brian2_engine.model import Model
from corticalnet.engines.brian2_engine.recorder import Recorder
from corticalnet.engines.plan import Plan

Array = NDArray[np.float64]


class Standalone:
    """Compiles and runs; every run starts from rest.

    Args:
        plan: what to run.
        directory: for source, program and results; a temporary one if not given.
    """

    def __init__(self, plan: Plan, directory: str | Path | None = None) -> None:
        self._plan, self._given = plan, directory
        self._shape: Any = None
        self._device: Any = None
        self._recorder: Recorder | None = None
        self.model: Model | None = None

    def run(self, script: Script, recording: Recording, weights: Mapping[str, Array]) -> list[Array]:
        """Run a script with these weights; what was recorded, one array for each track."""
        shape = _shape(script, recording)
        if shape != self._shape:
            self._shape = None
            self._build(script, recording, weights)
            self._shape = shape
        else:
            self._again(script, weights)
        assert self._recorder is not None, "made when built"
        return self._recorder.arrays(recording)

    def _build(self, script: Script, recording: Recording, weights: Mapping[str, Array]) -> None:
        b2 = brian2()
        from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

        folder = str(self._given or mkdtemp(prefix="corticalnet-brian2-"))
        if self._given is None:
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._device = CPPStandaloneDevice()
        noise = {(self._plan.circuit.population(name).role, port) for name, port in script.noise}
        b2.set_device(self._device, build_on_run=False)
        try:
            with preferences("cpp_standalone"):
                layout = Layout(self._plan, allowed, _patterns(script), noise)
                self.model = Model(layout, weights)
                self.model.load(script, _patterns(script))
                self._recorder = Recorder(self.model, recording, origin=1)
                self.model.network.add(self._recorder.monitors)
                self.model.network.run(script.steps * self.model.dt, namespace={})
                self._device.build(directory=folder, compile=True, run=True, with_output=False)
        finally:
            b2.devices.reset_device()

    def _again(self, script: Script, weights: Mapping[str, Array]) -> None:
        """The compiled program with other numbers."""
        assert self.model is not None, "made when built"
        changed: dict[Any, Any] = {}
        for bundle in self.model.layout.bundles.all:
            if bundle.weighted:
                changed[self.model.synapses[bundle.name].w] = self.model.synaptic_weights(weights, bundle)
        changed |= self.model.tables(script, _patterns(script))
        self._device.run(run_args=changed, with_output=False)


def _shape(script: Script, recording: Recording) -> Any:
    """What a compiled program fits."""
    tracks = [
        (t.part, t.state, t.reduce, None if t.index is None else np.asarray(t.index).tobytes())
        for t in recording.tracks
    ]
    signals = {key: signal.patterns.shape for key, signal in script.signals.items()}
    kept = np.asarray(recording.kept).tobytes()
    return script.steps, signals, list(script.noise), tracks, kept


def _patterns(script: Script) -> dict[tuple[str, str], bool]:
    """Every signal as a table of patterns: the program reads its tables from files at every start."""
    return dict.fromkeys(script.signals, True)
