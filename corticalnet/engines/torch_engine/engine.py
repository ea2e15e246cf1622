"""The torch engine: a batch of samples that share their weights, all columns of a block at once.

``step()`` is the step contract: it does the operations of the plan, one by one; see
:mod:`corticalnet.engines.torch_engine.operations`. Long runs on a processor make the same steps by a compiled
program, many in a call; see :mod:`corticalnet.engines.torch_engine.native`. States are ``[batch, columns]``
tensors, one for each state of each role of each block; cells' own functions are called with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace

import torch
from torch import Tensor

from corticalnet.circuits import Circuit
from corticalnet.circuits.schedule import SCHEDULE, Phase
from corticalnet.engines.plan import Act, Deliver, Learn, Operation, Plan, PortSum
from corticalnet.engines.stepping import Stepping
from corticalnet.engines.torch_engine import functions  # noqa: F401  (pointwise functions learn what tensors are)
from corticalnet.engines.torch_engine.inputs import Inputs
from corticalnet.engines.torch_engine.learning import Learner
from corticalnet.engines.torch_engine.native import Choice, Stepper, StepProgram
from corticalnet.engines.torch_engine.operations import Acting, Learning, Summing
from corticalnet.engines.torch_engine.readers import Readers
from corticalnet.engines.torch_engine.states import named, states_at_rest, trouble
from corticalnet.engines.torch_engine.weights import Array, Weights
from corticalnet.errors import EngineError, one_of
from corticalnet.experiment.compiled import CompiledProtocol
from corticalnet.recordings.variables import RecordedVariable

_PRECISIONS = {"float64": torch.float64, "float32": torch.float32}


class TorchEngine(Stepping):
    """The engine that runs a circuit as batched tensors of torch.

    Args:
        circuit: what to run.
        precision: "float64" or "float32".
        device: "cpu" or "cuda" (or any of torch's).
        schedule: the phases in order (another than the contract's shows that it matters).
        seed: of the states in which cells differ before all time.
        compiled: whether steps are made by a compiled program (a C compiler must be there): None where it
            pays, from 1,000 steps on; False never, True always. The numbers are the same.

    Raises:
        EngineError: an unknown precision or device, or steps that cannot be compiled as they should.
    """

    def __init__(
        self,
        circuit: Circuit,
        *,
        precision: str = "float64",
        device: str = "cpu",
        schedule: Sequence[Phase] = SCHEDULE,
        seed: int = 0,
        compiled: bool | None = None,
    ) -> None:
        one_of("precision", precision, _PRECISIONS, EngineError)
        try:
            self.device = torch.zeros(0, device=device).device
        except (RuntimeError, AssertionError) as error:
            raise EngineError(f"device '{device}': {str(error).splitlines()[0]}") from None
        self.circuit, self.plan, self.dtype = circuit, Plan(circuit, schedule, seed), _PRECISIONS[precision]
        self._like = torch.zeros(0, dtype=self.dtype, device=self.device)
        self._weights = Weights(circuit, self._like)
        self._learners = {
            p.name: Learner(
                p,
                self._weights.connections[p.name],
                circuit.population(p.source),
                circuit.population(p.target),
                float(circuit.dt),
            )
            for p in circuit.plastic
        }
        self._choice = Choice(compiled, self.plan, self._weights, self._learners, self._like)
        self._stepper: Stepper | None = None
        self.reset()

    # What users see ----------------------------------------------------------------------------
    @property
    def weights(self) -> dict[str, Array]:
        """Return the present weights by projection."""
        return self._weights.arrays()

    def set_weights(self, weights: Mapping[str, Array]) -> None:
        """Set the weights of some or all projections (checked by :meth:`Circuit.with_weights`)."""
        changed = self.circuit.with_weights(weights).weights
        self._weights.set({name: changed[name] for name in weights})

    def reset(self, batch: int = 1) -> None:
        """Reset every state to rest (weights stay as they are)."""
        super().reset(batch)
        self._program: StepProgram | None = None
        self._stepper, self._steps = None, 0
        self.states = states_at_rest(self.plan, batch, self._like)
        self.ports = [{role: SimpleNamespace() for role in block.roles} for block in self.plan.blocks]
        self._inputs = Inputs(self.plan, self.states, batch, self._like)
        readers = Readers(self.plan, self.states, self.ports, self._inputs, self._like)
        self._lines = readers.lines
        for learner in self._learners.values():
            learner.attach(readers, batch, self._like)
        self._operations = [
            self._prepared(operation, readers) for _, phase in self.plan.steps for operation in phase
        ]

    def _prepared(self, operation: Operation, readers: Readers) -> Callable[[int], None]:
        """Return an operation of the plan as a function, with all lookups done."""
        if isinstance(operation, Act):
            shape = self._batch, operation.block.n
            return Acting(operation, readers, shape, float(self.circuit.dt), self._like).run
        if isinstance(operation, PortSum):
            return Summing(operation, readers, self._weights, self._learners, self._batch, self._like).run
        if isinstance(operation, Learn):
            return Learning(
                {p.name: self._learners[p.name] for p in operation.projections}, self._weights
            ).run
        return self._inputs.deliver if isinstance(operation, Deliver) else self.record

    def begin(self, compiled: CompiledProtocol) -> None:
        """Prepare the inputs of a compiled protocol."""
        self._inputs.begin(compiled)
        self._steps += compiled.steps
        program = self._choice.program(self._batch, self._inputs.noisy, self._steps)
        if program is not self._program:
            self._program, self._stepper = program, None
        if program is not None and self._stepper is None:
            self._stepper = Stepper(program, self.states, self.ports, self._lines, self._inputs, self._like)
            self._stepper.load(self._choice.path(program))

    def _state(self) -> dict[str, Tensor]:
        """Return what the next step depends on, except inputs: tensors are replaced, never written into.

        (Weights that learn are changed in place, so they are copied.)
        """
        found = {
            f"weight/{name}": weight.clone() if name in self._learners else weight
            for name, weight in self._weights.tensors.items()
        }
        found |= named(self.plan, "state", self.states) | named(self.plan, "port", self.ports)
        found |= {
            f"delay/{name}/{state}": content
            for name, line in self._lines.items()
            for state, content in line.content().items()
        }
        found |= {
            f"synapse/{name}/{state}": value
            for name, learner in self._learners.items()
            for state, value in learner.synapse.items()
        }
        return found

    def _restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`_state` returned."""
        self.reset(self._batch)
        for key, value in state.items():
            kind, _, rest = key.partition("/")
            name, _, one = rest.rpartition("/")
            if kind == "weight":
                self._weights.tensors[rest].copy_(value)
            elif kind == "delay":
                self._lines[name].fill(one, value)
            elif kind == "synapse":
                self._learners[name].restore(one, value)
            else:
                index, _, role = name.partition("/")
                setattr((self.states if kind == "state" else self.ports)[int(index)][role], one, value)
        self._weights.renew()

    def trouble(self) -> tuple[str, str] | None:
        """Find a number that is not finite; see :meth:`Stepping.trouble`."""
        synapses = {name: learner.synapse for name, learner in self._learners.items()}
        return trouble(self.plan, self.states, self._weights.tensors, synapses)

    @property
    def compiled(self) -> bool:
        """Return whether steps are made by a compiled program, by what has been run since the last reset."""
        return self._stepper is not None

    @property
    def stride(self) -> int | None:
        """Return how many steps are made before numbers are checked."""
        return super().stride if self._stepper is None else self._stepper.stride

    # One step ----------------------------------------------------------------------------------
    def advance(self, t: int, steps: int) -> None:
        """Advance by some steps, and record each."""
        if self._stepper is not None:
            self._stepper.advance(t, steps, self._recorder)
            return
        for k in range(t, t + steps):
            self.step(k)

    def step(self, t: int) -> None:
        """Make one step, in the order of the phases."""
        for do in self._operations:
            do(t)

    def _read(self, variable: RecordedVariable) -> Tensor:
        """Return the present value of a variable."""
        if variable.is_weight:
            return self._weights.tensors[variable.part]
        if variable.is_synapse:
            return self._learners[variable.part].synapse[variable.state]
        place = self.plan.places[variable.part]
        state: Tensor = getattr(self.states[place.block.index][place.role], variable.state)
        return state[:, place.columns]
