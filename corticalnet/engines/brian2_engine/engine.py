"""The Brian2 engine: a circuit as a Brian2 model, one sample at a time.

    engine = Brian2Engine(circuit)
    engine.network.add(my_monitor)          all of Brian2 is there
    arrays = engine.run(compiled, recording)

Every object has a slot of its own: Brian2's schedule is the step contract. Quantities are the plain
numbers of the description, which has already checked their dimensions; time is in ms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from corticalnet.circuits import Circuit
from corticalnet.circuits.schedule import SCHEDULE, Phase
from corticalnet.engines.brian2_engine.inputs import Inputs
from corticalnet.engines.brian2_engine.layout import Layout
from corticalnet.engines.brian2_engine.library import allowed, brian2, preferences
from corticalnet.engines.brian2_engine.model import Model
from corticalnet.engines.brian2_engine.standalone import Standalone
from corticalnet.engines.plan import Plan
from corticalnet.engines.recorder import Recorder
from corticalnet.engines.stepping import Diverged, Stepping
from corticalnet.errors import EngineError, one_of
from corticalnet.experiment.compiled import CompiledProtocol
from corticalnet.recordings.recording import Recording
from corticalnet.recordings.variables import RecordedVariable, variables_of_cells, variables_of_synapses

Array = NDArray[np.float64]
TARGETS = ("numpy", "cython", "cpp_standalone")


class Brian2Engine(Stepping):
    """The engine that runs compiled protocols on a circuit with Brian2.

    Args:
        circuit: what to run.
        target: "numpy" (nothing to compile), "cython", or "cpp_standalone" (a program of its own: compiled
            at the first run; later runs of the same shape use it again).
        schedule: the phases in order; see :class:`Plan`.
        directory: where "cpp_standalone" puts its program; a temporary one if not given.
        seed: of the states in which cells differ before all time.

    Attributes:
        circuit: what runs.
        network: the ``brian2.Network`` ("cpp_standalone": after the first run).
        cells: the ``NeuronGroup``: all columns of all areas as rows, states called role_state.
        synapses: ``Synapses`` by name ("projections_001", …: projections that do the same thing share one).

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
        self._like = torch.zeros(0, dtype=torch.float64)
        self._plan = Plan(circuit, schedule, seed)
        self._weights = {name: np.array(weight) for name, weight in circuit.weights.items()}
        self._model: Model | None = None
        self._inputs: Inputs | None = None
        self._noise: set[tuple[str, str]] = set()
        self._late = 0  # absolute step − step of the network
        self._standalone = Standalone(self._plan, directory) if target == "cpp_standalone" else None
        if self._standalone is None:
            with preferences(target):
                self._model = self._made()
        else:
            Layout(self._plan, allowed)  # raises what it has to raise
        self.reset()

    def _made(self) -> Model:
        """Build the model, with input delivery and recording in their slots of a step."""
        layout = Layout(self._plan, allowed)
        model = Model(layout, self._weights)
        model.operate(self._deliver, layout.deliver_phase, 0, "deliver_inputs")
        model.operate(self._take, "record" if "record" in model.network.schedule else "end",
                      layout.record_order, "take_records")  # fmt: skip
        return model

    # What users see ----------------------------------------------------------------------------
    @property
    def model(self) -> Model:
        """Return the Brian2 objects.

        Raises:
            EngineError: "cpp_standalone" has not run yet.
        """
        model = self._model if self._standalone is None else self._standalone.model
        if model is None:
            raise EngineError("target 'cpp_standalone' has no network before its first run")
        return model

    @property
    def network(self) -> Any:
        """Return the ``brian2.Network``."""
        return self.model.network

    @property
    def cells(self) -> Any:
        """Return the ``brian2.NeuronGroup``."""
        return self.model.cells

    @property
    def synapses(self) -> dict[str, Any]:
        """Return the ``brian2.Synapses`` by name."""
        return self.model.synapses

    @property
    def weights(self) -> dict[str, Array]:
        """Return the present weights by projection."""
        if self._standalone is None:
            self.model.read_weights(self._weights)
        return {name: weight.copy() for name, weight in self._weights.items()}

    def set_weights(self, weights: Mapping[str, Array]) -> None:
        """Set the weights of some or all projections.

        Raises:
            CircuitError: a projection is unknown, or an array does not fit.
        """
        changed = self.circuit.with_weights(weights).weights
        self._weights = self.weights | {name: np.array(changed[name]) for name in weights}
        if self._standalone is None:
            self.model.set_weights(self._weights)

    def reset(self, batch: int = 1) -> None:
        """Reset every state to rest; weights stay as they are.

        Raises:
            EngineError: a batch.
        """
        if batch != 1:
            raise EngineError(
                f"the Brian2 engine runs one sample at a time, not a batch of {batch}; "
                "engine='torch' runs batches"
            )
        super().reset(batch)
        if self._standalone is None:
            self.model.rest()
        else:
            self._standalone.rest()

    # Running -----------------------------------------------------------------------------------
    def run(
        self,
        compiled: CompiledProtocol,
        recording: Recording,
        progress: Callable[[int], None] | None = None,
        *,
        guard: bool = False,
    ) -> list[NDArray[Any]]:
        """Run a compiled protocol; see :meth:`Stepping.run`.

        Raises:
            EngineError: the compiled protocol has a batch.
        """
        if self._standalone is None:
            return super().run(compiled, recording, progress, guard=guard)
        if compiled.batch != 1:
            self.reset(compiled.batch)
        played = self._standalone.run(compiled, recording, self._weights)
        self.model.read_weights(self._weights)
        now = compiled.begin

        def read(variable: RecordedVariable) -> Tensor:
            return played[variable.part, variable.state][now - compiled.begin]

        recorder = Recorder(recording, read, self._like, self.windows)
        for now in range(compiled.begin, compiled.end):
            recorder.take(now)
        trouble = self.trouble() if guard else None
        if trouble:
            raise Diverged(compiled.end - 1, *trouble, recorder.finish())
        if progress is not None:
            progress(compiled.steps)
        return recorder.finish()

    def begin(self, compiled: CompiledProtocol) -> None:
        """Prepare the inputs of a compiled protocol; code is rewritten only if another port becomes noisy."""
        model = self.model
        noise = {(self.circuit.population(name).role, port) for name, port in compiled.noise}
        if not noise <= self._noise:  # (noise that has gone is 0)
            self._noise = self._noise | noise
            model.follow(Layout(self._plan, allowed, noise=self._noise))
        model.look()
        self._inputs = Inputs(model, compiled)

    def advance(self, t: int, steps: int) -> None:
        """Advance the network by some steps."""
        self._late = t - self.model.timestep
        self.model.advance(steps, self.target)

    @property
    def stride(self) -> int | None:
        """Return how many steps are made at once: all, if some objects have clocks of their own."""
        return super().stride if self.model.alone else None

    def _deliver(self) -> None:
        if self._inputs is not None:
            self._inputs.deliver(self.model.timestep + self._late)

    def _take(self) -> None:
        self.record(self.model.timestep + self._late)

    # State -------------------------------------------------------------------------------------
    def _read(self, variable: RecordedVariable) -> Tensor:
        if variable.is_weight:
            self.model.read_weights(self._weights, variable.part)
            return torch.from_numpy(self._weights[variable.part])
        if variable.is_synapse:
            values = self.model.of_synapses(variable.part, variable.state)
            return torch.from_numpy(values.reshape(1, *self.circuit.synapse_shape(variable.part)))
        layout = self.model.layout
        name = layout.names(self.circuit.population(variable.part).role, variable.state)
        return torch.from_numpy(self.model.field(name)[slice(*layout.rows(variable.part))])[None]

    def _state(self) -> dict[str, Tensor]:
        found = self.model.state() if self._standalone is None else dict(self._standalone.state)
        found |= {f"weight/{name}": weight for name, weight in self.weights.items()}
        return {name: torch.tensor(values) for name, values in found.items()}

    def _restore(self, state: Mapping[str, Tensor]) -> None:
        arrays = {key: value.numpy().copy() for key, value in state.items()}
        self._weights |= {k.removeprefix("weight/"): v for k, v in arrays.items() if k.startswith("weight/")}
        rest = {k: v for k, v in arrays.items() if not k.startswith("weight/")}
        if self._standalone is not None:
            self._standalone.state = rest
            return
        for key, values in rest.items():
            self.model.variable(key).set_value(values)
        self.model.set_weights(self._weights)

    def trouble(self) -> tuple[str, str] | None:
        """Find a number that is not finite; see :meth:`Stepping.trouble`."""
        model = self.model
        total = sum(float(model.field(name).sum()) for name in model.layout.fields)
        total += sum(float(one.variables["w"].get_value().sum()) for one in model.plastic)
        synapses = [model.variable(f"synapse/{key}") for key in model.synaptic_states()]
        total += sum(float(one.get_value().sum()) for one in synapses)
        if math.isfinite(total):  # (a sum may overflow by itself: then look closer)
            return None
        for variable in (*variables_of_cells(self.circuit), *variables_of_synapses(self.circuit)):
            if not torch.isfinite(self._read(variable)).all():
                return variable.part, variable.state
        for name, weight in self.weights.items():
            if not np.isfinite(weight).all():
                return name, "weight"
        return None
