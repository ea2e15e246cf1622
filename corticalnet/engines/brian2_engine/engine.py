"""The Brian2 engine: a circuit as a Brian2 model, one animal at a time.

    engine = Brian2Engine(circuit)
    engine.network.add(my_monitor)          all of Brian2 is there
    arrays = engine.run(script, recording)

Every object has a slot of its own: Brian2's schedule is the step contract. Quantities are the plain
numbers of the description, which has already checked their dimensions; time is in ms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits import Circuit
from corticalnet.circuits.experiment.recording import Recording
from corticalnet.circuits.experiment.script import Script
from corticalnet.circuits.schedule import SCHEDULE, Phase
from corticalnet.engines.brian2_engine.layout import Layout, tabled
from corticalnet.engines.brian2_engine.library import allowed, brian2, preferences
from corticalnet.engines.brian2_engine.model import Model
from corticalnet.engines.brian2_engine.recorder import Recorder
from corticalnet.engines.brian2_engine.standalone import Standalone
from corticalnet.engines.plan import Plan
from corticalnet.errors import EngineError, one_of

Array = NDArray[np.float64]
TARGETS = ("numpy", "cython", "cpp_standalone")


class Brian2Engine:
    """Runs scripts on a circuit with Brian2.

    Args:
        circuit: what to run.
        target: "numpy" (nothing to compile), "cython", or "cpp_standalone" (a program of its own: compiled
            at the first run; later runs of the same shape use it again, each from rest).
        schedule: the phases in order; see :class:`Plan`.
        directory: where "cpp_standalone" puts its program; a temporary one if not given.
        seed: of the states in which cells differ before all time.

    Attributes:
        circuit: what runs.
        network: the ``brian2.Network`` ("cpp_standalone": after the first run).
        cells: the ``NeuronGroup``: all columns of all areas as rows, states called role_state.
        synapses: ``Synapses`` by name.

    Raises:
        EngineError: brian2 is not installed, the target is unknown, or a projection runs back along another
            between other columns.
    """

    def __init__(
        self,
        circuit: Circuit,
        *,
        target: str = "numpy",
        schedule: Sequence[Phase] = SCHEDULE,
        directory: str | Path | None = None,
        seed: int = 0,
    ) -> None:
        one_of("target", target, TARGETS, EngineError)
        brian2()
        self.circuit, self.target = circuit, target
        self._plan = Plan(circuit, schedule, seed)
        self._weights = {name: np.array(weight) for name, weight in circuit.weights.items()}
        self._model: Model | None = None
        self._standalone = Standalone(self._plan, directory) if target == "cpp_standalone" else None
        if self._standalone is None:
            with preferences(target):
                self._model = Model(Layout(self._plan, allowed), self._weights)
        else:
            Layout(self._plan, allowed)  # raises what it has to raise

    # What users see ----------------------------------------------------------------------------
    @property
    def model(self) -> Model:
        """The Brian2 objects.

        Raises:
            EngineError: "cpp_standalone" has not run yet.
        """
        model = self._model if self._standalone is None else self._standalone.model
        if model is None:
            raise EngineError("target 'cpp_standalone' has no network before its first run")
        return model

    @property
    def network(self) -> Any:
        """The ``brian2.Network``."""
        return self.model.network

    @property
    def cells(self) -> Any:
        """The ``brian2.NeuronGroup``."""
        return self.model.cells

    @property
    def synapses(self) -> dict[str, Any]:
        """The ``brian2.Synapses`` by name."""
        return self.model.synapses

    @property
    def weights(self) -> dict[str, Array]:
        """Weights by projection, as they are now."""
        return {name: weight.copy() for name, weight in self._weights.items()}

    def set_weights(self, weights: Mapping[str, Array]) -> None:
        """Go on with other weights (of some or all projections).

        Raises:
            CircuitError: a projection is unknown, or an array does not fit.
        """
        changed = self.circuit.with_weights(weights).weights
        self._weights |= {name: np.array(changed[name]) for name in weights}
        if self._standalone is None:
            self.model.set_weights(self._weights)

    def reset(self) -> None:
        """Bring every state to rest; weights stay as they are."""
        if self._standalone is None:
            self.model.rest()

    # Running -----------------------------------------------------------------------------------
    def run(
        self, script: Script, recording: Recording, progress: Callable[[int], None] | None = None
    ) -> list[Array]:
        """Run a script; return what was recorded, one array for each track.

        States and weights go on from where the last run left them (states of "cpp_standalone": from rest).

        Raises:
            EngineError: the script has a batch.
        """
        if script.batch != 1:
            raise EngineError(
                f"the Brian2 engine runs one animal at a time, not a batch of {script.batch}; "
                "engine='torch' runs batches"
            )
        if self._standalone is not None:
            arrays = self._standalone.run(script, recording, self._weights)
        else:
            with preferences(self.target):
                arrays = self._run(self.model, script, recording, progress)
        self.model.read_weights(self._weights)
        if progress is not None:
            progress(script.steps)
        return arrays

    def _run(
        self, model: Model, script: Script, recording: Recording, progress: Callable[[int], None] | None
    ) -> list[Array]:
        """In this process."""
        network, b2 = model.network, brian2()
        self._write_code(model, script)
        model.namespace["run_start"] = network.t
        model.load(script, tabled(self.circuit, script))
        first = int(recording.kept[0]) if len(recording.kept) else 0
        begun = round(float(network.t / model.dt))
        recorder = Recorder(model, recording, first, begun + first)
        done = 0
        try:
            for steps, watched in ((first, False), (script.steps - first, True)):
                if not steps:
                    continue
                if watched:
                    network.add(recorder.monitors)

                def report(
                    elapsed: Any,
                    completed: float,
                    start: Any,
                    duration: Any,
                    done: int = done,
                    n: int = steps,
                ) -> None:
                    assert progress is not None, "asked for only then"
                    progress(done + round(completed * n))

                asked = {} if progress is None else {"report": report, "report_period": 0.2 * b2.second}
                network.run(steps * model.dt, namespace={}, **asked)
                done += steps
        finally:
            present = network.objects
            network.remove([one for one in recorder.monitors if one in present])
        return recorder.arrays(recording)

    def _write_code(self, model: Model, script: Script) -> None:
        """Code that reads the inputs and noise of this script."""
        noise = {(self.circuit.population(name).role, port) for name, port in script.noise}
        layout = Layout(self._plan, allowed, tabled(self.circuit, script), noise)
        model.follow(layout)
