"""The torch engine: a batch of animals that share their weights, all columns of a block at once.

``step()`` is the step contract: it walks the plan's phases and does one of five things. States are
``[batch, columns]`` tensors, one for each state of each role of each block; cells' own functions are
called with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from corticalnet.circuits import Broadcast, Circuit, Projection
from corticalnet.circuits.schedule import SCHEDULE, Phase
from corticalnet.engines.plan import Act, Block, Deliver, Learn, Place, Plan, Sum
from corticalnet.engines.stepping import Stepping
from corticalnet.engines.torch_engine import functions  # noqa: F401  (pointwise functions learn what tensors are)
from corticalnet.engines.torch_engine.delays import Delays
from corticalnet.engines.torch_engine.inputs import Inputs
from corticalnet.engines.torch_engine.learning import Learner
from corticalnet.engines.torch_engine.ports import Ports, find
from corticalnet.engines.torch_engine.states import named, states_at_rest, trouble
from corticalnet.engines.torch_engine.weights import Array, Weights
from corticalnet.errors import EngineError, one_of
from corticalnet.experiment.script import Script
from corticalnet.recordings.recording import Track

_PRECISIONS = {"float64": torch.float64, "float32": torch.float32}


class TorchEngine(Stepping):
    """Runs a circuit as batched tensors.

    Args:
        circuit: what to run.
        precision: "float64" or "float32".
        device: "cpu" or "cuda" (or any of torch's).
        schedule: the phases in order (another than the contract's shows that it matters).
        seed: of the states in which cells differ before all time.

    Raises:
        EngineError: an unknown precision or device.
    """

    def __init__(
        self,
        circuit: Circuit,
        *,
        precision: str = "float64",
        device: str = "cpu",
        schedule: Sequence[Phase] = SCHEDULE,
        seed: int = 0,
    ) -> None:
        one_of("precision", precision, _PRECISIONS, EngineError)
        try:
            self.device = torch.zeros(0, device=device).device
        except (RuntimeError, AssertionError) as error:
            raise EngineError(f"device '{device}': {str(error).splitlines()[0]}") from None
        self.circuit, self.plan, self.dtype = circuit, Plan(circuit, schedule, seed), _PRECISIONS[precision]
        self._like = torch.zeros(0, dtype=self.dtype, device=self.device)
        self._weights = Weights(circuit, self._like)
        self._broadcasts = {b.name: b for b in circuit.broadcasts}
        #: Projections that send what is nearly always 0.
        self._events = {p.name for p in circuit.projections if circuit.is_event(p)}
        self._learners = {
            p.name: Learner(
                p,
                self._weights.connections[p.name],
                circuit.population(p.source).cell,
                circuit.population(p.target).cell,
                float(circuit.dt),
            )
            for p in circuit.plastic
        }
        self._reads = {
            (index, role, phase): self._names_read(block, role, phase)
            for index, block in enumerate(self.plan.blocks)
            for role, cell in block.roles.items()
            for phase in cell.phases
        }
        self._seen: dict[Act | Sum, list[Any]] = {}
        self._delays = Delays(circuit)
        self.reset()

    # What users see ----------------------------------------------------------------------------
    @property
    def weights(self) -> dict[str, Array]:
        """Weights by projection, as they are now."""
        return self._weights.arrays()

    def set_weights(self, weights: Mapping[str, Array]) -> None:
        """Give some or all projections other weights (checked by :meth:`Circuit.with_weights`)."""
        changed = self.circuit.with_weights(weights).weights
        self._weights.set({name: changed[name] for name in weights})

    def reset(self, batch: int = 1) -> None:
        """Bring every state to rest (weights stay as they are)."""
        super().reset(batch)
        self._delays.clear()
        self._seen.clear()
        self.states = states_at_rest(self.plan, batch, self._like)
        self._inputs = Inputs(self.plan, self.states, batch, self._like)
        self.ports = [{role: SimpleNamespace() for role in block.roles} for block in self.plan.blocks]
        for name, learner in self._learners.items():
            p = self.circuit.projection(name)
            sizes = self.circuit.population(p.source).n, self.circuit.population(p.target).n
            learner.sizes, learner.trace = (batch, sizes), None

    def begin(self, script: Script) -> None:
        """Take a script's inputs."""
        self._inputs.begin(script)

    def _state(self) -> dict[str, Tensor]:
        """All that the next step depends on, but for inputs: tensors that are replaced, never written into.

        (Weights alone are changed in place, so they are copied.)
        """
        found = {f"weight/{name}": weight.clone() for name, weight in self._weights.tensors.items()}
        found |= named(self.plan, "state", self.states) | named(self.plan, "port", self.ports)
        found |= {f"delay/{name}": line for name, line in self._delays.lines().items()}
        found |= {f"trace/{n}": one.trace for n, one in self._learners.items() if one.trace is not None}
        return found

    def _restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what :meth:`_state` said."""
        self.reset(self._batch)
        lines = {}
        for key, value in state.items():
            kind, _, name = key.partition("/")
            if kind == "weight":
                self._weights.tensors[name].copy_(value)
            elif kind == "delay":
                lines[name] = value
            elif kind == "trace":
                self._learners[name].trace = value
            else:
                index, role, one = name.split("/", 2)
                setattr((self.states if kind == "state" else self.ports)[int(index)][role], one, value)
        self._weights.renew()
        self._delays.fill(lines)

    def trouble(self) -> tuple[str, str] | None:
        """The first population and state (or projection and "weight") that is no longer finite."""
        return trouble(self.plan, self.states, self._weights.tensors)

    # One step ----------------------------------------------------------------------------------
    def advance(self, t: int, steps: int) -> None:
        """Make steps."""
        for k in range(t, t + steps):
            self.step(k)

    def step(self, t: int) -> None:
        """One step of the contract, in its order."""
        for _, operations in self.plan.steps:
            changes = []
            for operation in operations:
                if isinstance(operation, Act):
                    self._act(operation)
                elif isinstance(operation, Sum):
                    self._sum(operation)
                elif isinstance(operation, Deliver):
                    self._inputs.deliver(t)
                elif isinstance(operation, Learn):
                    changes.append((operation.projection.name, self._learn(operation.projection)))
                else:
                    self.record(t)
            for name, change in changes:  # all of them were computed from the same weights
                if change is not None:
                    self._weights.change(name, change)

    def _act(self, act: Act) -> None:
        """New states of one role, all from the old ones.

        Cells are pure: one that hears nothing, reads what it read last, and finds what it wrote then still
        there, has nothing new to say.
        """
        cell, state = act.block.roles[act.role], self.states[act.block.index][act.role]
        states, ports = self._reads[act.block.index, act.role, act.phase]
        written = list(cell.equations[act.phase])
        read = [getattr(state, name) for name in states]
        if not ports and self._unchanged(act, [*read, *(getattr(state, name) for name in written)]):
            return
        port = Ports(self._heard, act.block, act.role)
        shape = (self._batch, act.block.n)
        for name, value in cell.act(act.phase)(state, port, self.circuit.dt).items():
            if not isinstance(value, Tensor):
                value = torch.full(shape, float(value), dtype=self.dtype, device=self.device)
            elif value.dtype != self.dtype:
                value = value.to(self.dtype)
            setattr(state, name, value if value.shape == shape else value.expand(shape))
        self._seen[act] = [*read, *(getattr(state, name) for name in written)]

    def _heard(self, block: Block, role: str, port: str) -> Any:
        """What a role hears at a port: sums as they were delivered, wires now, noise; 0 without any."""
        total = getattr(self.ports[block.index][role], port, None)
        for wire in block.wires[role, port]:
            value = getattr(self.states[block.index][wire.role], wire.state)
            value = value if wire.weight == 1 else wire.weight * value
            total = value if total is None else total + value
        noise = self._inputs.noise(block, role, port)
        if noise is not None:
            total = noise if total is None else total + noise
        return self._like.new_zeros((1, 1)) if total is None else total

    def _sum(self, total: Sum) -> None:
        """Everything that arrives at one port of a block, area by area.

        Where neither what is sent nor a weight has changed, the sum stays as it is: a stimulus that stands
        costs nothing.
        """
        if self._unchanged(total, self._said(total)):
            return
        parts = []
        for columns, arriving in zip(total.block.columns, total.arriving, strict=True):
            shape = self._batch, columns.stop - columns.start
            part: Tensor | None = None
            for projection in arriving:
                one = self._arrives(projection).expand(shape)
                part = one if part is None else part + one
            parts.append(torch.zeros(shape, dtype=self.dtype, device=self.device) if part is None else part)
        whole = parts[0] if len(parts) == 1 else torch.cat(parts, 1)
        setattr(self.ports[total.block.index][total.role], total.port, whole)

    def _unchanged(self, operation: Act | Sum, reads: list[Any]) -> bool:
        """Whether an operation reads the very same things as the last time."""
        before, self._seen[operation] = self._seen.get(operation), reads
        # By identity: comparing numbers would read all of them, and whatever is computed is a new tensor.
        return before is not None and all(a is b for a, b in zip(before, reads, strict=True))

    def _said(self, total: Sum) -> list[Any]:
        """All that a sum depends on: states that are sent, and weights with their versions."""
        said: list[Any] = []
        for part in (p for parts in total.arriving for p in parts):
            space = self._space(self.plan.places[part.source])
            said.append(getattr(space, self.circuit.sent(part.source, part.sends)))
            if isinstance(part, Projection):
                said.append(self._weights.version(part))
                if part.delay:
                    said.append(object())  # like no other: what arrives now was sent earlier
        return said

    def _arrives(self, projection: Projection | Broadcast) -> Tensor:
        """Weight × what the source sends (or sent, a delay ago)."""
        rates = self._sent(projection)
        if isinstance(projection, Broadcast):
            return rates
        if projection.delay:
            rates = self._delays.carry(projection, rates)
        return self._weights.carry(projection, rates, projection.name in self._events)

    def _sent(self, part: Projection | Broadcast) -> Tensor:
        place = self.plan.places[part.source]
        state: Tensor = getattr(self._space(place), self.circuit.sent(part.source, part.sends))
        return state if place.columns == slice(0, place.block.n) else state[:, place.columns]

    def _learn(self, projection: Projection) -> Tensor | None:
        learner = self._learners[projection.name]
        pre, post = self.plan.places[projection.source], self.plan.places[projection.target]
        ports, states = post.cell.ports, post.cell.state
        heard: Any = Ports(self._heard, post.block, post.role)
        slots: dict[str, Any] = {}
        for slot, name in learner.plasticity.slots.items():
            if name in ports:
                slots[slot] = find(post, {"": name}, heard)[""]
            elif name in states:
                slots[slot] = find(post, {"": name}, self._space(post))[""]
            else:
                slots[slot] = self._sent(self._broadcasts[name])
        if not learner.awake(slots):
            return None
        if projection.delay:
            values: dict[str, Any] = dict.fromkeys(learner.reads["pre"], self._delays.arrived(projection))
        else:
            values = find(pre, learner.reads["pre"], self._space(pre))
        values |= find(post, learner.reads["post"], self._space(post))
        values |= find(post, learner.reads["port"], heard)
        return learner.change(self._weights.tensors[projection.name], values, slots)

    def _space(self, place: Place) -> SimpleNamespace:
        return self.states[place.block.index][place.role]

    # Getting ready -----------------------------------------------------------------------------
    def _names_read(self, block: Block, role: str, phase: str) -> tuple[list[str], list[str]]:
        """States and inputs, and ports, that a role reads in a phase."""
        cell = block.roles[role]
        used = {s.name for expr in cell.equations[phase].values() for s in expr.free_symbols}
        states = [name for name in (*cell.state, *cell.inputs) if name in used]
        return states, [port for port in cell.ports if f"port_{port}" in used]

    def _read(self, track: Track) -> Tensor:
        """What a track records now."""
        if track.is_weight:
            return self._weights.tensors[track.part]
        place = self.plan.places[track.part]
        state: Tensor = getattr(self.states[place.block.index][place.role], track.state)
        return state[:, place.columns]
