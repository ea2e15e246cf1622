"""The torch engine: a batch of animals that share their weights, all columns of a block at once.

``step()`` is the step contract: it walks the plan's phases and does one of five things. States are
``[batch, columns]`` tensors, one for each state of each role of each block; cells' own functions are
called with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from corticalnet.circuits import Broadcast, Circuit, Projection
from corticalnet.circuits.cells import Cell
from corticalnet.circuits.recording import Recording, Track
from corticalnet.circuits.schedule import SCHEDULE, Phase
from corticalnet.circuits.script import Script
from corticalnet.engines import torch_functions  # noqa: F401  (pointwise functions learn what tensors are)
from corticalnet.engines.plan import Act, Block, Deliver, Learn, Plan, Sum
from corticalnet.engines.torch_connections import Connected, connected
from corticalnet.engines.torch_inputs import Inputs
from corticalnet.engines.torch_learning import Learner
from corticalnet.engines.torch_recorder import TorchRecorder
from corticalnet.errors import EngineError, one_of

Array = NDArray[np.float64]
_PRECISIONS = {"float64": torch.float64, "float32": torch.float32}


class TorchEngine:
    """Runs a circuit as batched tensors.

    Args:
        circuit: what to run.
        precision: "float64" or "float32".
        device: "cpu" or "cuda" (or any of torch's).
        schedule: the phases in order (another than the contract's shows that it matters).

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
    ) -> None:
        one_of("precision", precision, _PRECISIONS, EngineError)
        try:
            self.device = torch.zeros(0, device=device).device
        except (RuntimeError, AssertionError) as error:
            raise EngineError(f"device '{device}': {str(error).splitlines()[0]}") from None
        self.circuit, self.plan, self.dtype = circuit, Plan(circuit, schedule), _PRECISIONS[precision]
        self._connections = {p.name: self._connect(p) for p in circuit.projections if not p.shared_with}
        self._learners = {
            p.name: Learner(
                p,
                self._connections[p.name],
                circuit.population(p.source).cell,
                circuit.population(p.target).cell,
            )
            for p in circuit.plastic
        }
        self._weights = {name: self._tensor(weight) for name, weight in circuit.weights.items()}
        self._reads = {
            (index, role, phase): self._ports_read(block, role, phase)
            for index, block in enumerate(self.plan.blocks)
            for role, cell in block.roles.items()
            for phase in cell.phases
        }
        self._lines: dict[str, list[Tensor]] = {}
        self._batch = 0

    # What users see ----------------------------------------------------------------------------
    @property
    def weights(self) -> dict[str, Array]:
        """Weights by projection, as they are now."""
        return {name: w.cpu().numpy().astype(np.float64) for name, w in self._weights.items()}

    @torch.no_grad()
    def run(
        self, script: Script, recording: Recording, progress: Callable[[int], None] | None = None
    ) -> list[Array]:
        """Run a script; return what was recorded, one array for each track.

        States go on from where the last run left them if the batch is as large; weights always do.
        """
        if script.batch != self._batch:
            self.reset(script.batch)
        like = torch.zeros(0, dtype=self.dtype, device=self.device)
        self._inputs = Inputs(self.plan, script, self.states, like)
        self._recorder = TorchRecorder(recording, self._read, like)
        for t in range(script.steps):
            self.step(t)
            if progress is not None:
                progress(t + 1)
        return self._recorder.finish()

    def reset(self, batch: int = 1) -> None:
        """Bring every state to rest (weights stay as they are)."""
        self._batch = batch
        self._lines.clear()
        self.states: list[dict[str, SimpleNamespace]] = []
        self.ports: list[dict[str, SimpleNamespace]] = []
        for block in self.plan.blocks:
            self.states.append({role: self._at_rest(cell, block.n) for role, cell in block.roles.items()})
            self.ports.append({role: SimpleNamespace() for role in block.roles})
        for name, learner in self._learners.items():
            p = self.circuit.projection(name)
            sizes = self.circuit.population(p.source).n, self.circuit.population(p.target).n
            learner.sizes, learner.trace = (batch, sizes), None

    # One step ----------------------------------------------------------------------------------
    def step(self, t: int) -> None:
        """One step of the contract, in its order."""
        self._now = t
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
                    self._recorder.take(t)
            for name, change in changes:  # all of them were computed from the same weights
                if change is not None:
                    self._weights[name] += change

    def _act(self, act: Act) -> None:
        """New states of one role, all from the old ones."""
        cell, state = act.block.roles[act.role], self.states[act.block.index][act.role]
        port = self._port(act.block, act.role, self._reads[act.block.index, act.role, act.phase])
        shape = (self._batch, act.block.n)
        for name, value in cell.act(act.phase)(state, port, self.circuit.dt).items():
            if not isinstance(value, Tensor):
                value = torch.full(shape, float(value), dtype=self.dtype, device=self.device)
            elif value.dtype != self.dtype:
                value = value.to(self.dtype)
            setattr(state, name, value if value.shape == shape else value.expand(shape))

    def _port(self, block: Block, role: str, names: Sequence[str]) -> SimpleNamespace:
        """What a role hears: wires now, sums as they were delivered; 0 where nothing is connected."""
        arrived, heard = self.ports[block.index][role], {}
        for port in names:
            total = getattr(arrived, port, None)
            for wire in block.wires[role, port]:
                value = getattr(self.states[block.index][wire.role], wire.state)
                value = value if wire.weight == 1 else wire.weight * value
                total = value if total is None else total + value
            noise = self._inputs.noise(block, role, port, self._now)
            if noise is not None:
                total = noise if total is None else total + noise
            heard[port] = 0.0 if total is None else total
        return SimpleNamespace(**heard)

    def _sum(self, total: Sum) -> None:
        """Everything that arrives at one port of a block, area by area."""
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

    def _arrives(self, projection: Projection | Broadcast) -> Tensor:
        """Weight × what the source sends (or sent, a delay ago)."""
        rates = self._sent(projection)
        if isinstance(projection, Broadcast):
            return rates
        if projection.delay:
            line = self._lines.setdefault(projection.name, [])
            line.append(rates)
            late = len(line) > self.circuit.delay_steps(projection)
            rates = line.pop(0) if late else self._before(projection, rates)
        name = projection.shared_with or projection.name
        connection, weight = self._connections[name], self._weights[name]
        return connection.back(rates, weight) if projection.shared_with else connection.forth(rates, weight)

    def _sent(self, part: Projection | Broadcast) -> Tensor:
        place = self.plan.places[part.source]
        state: Tensor = getattr(
            self.states[place.block.index][place.role], self.circuit.sent(part.source, part.sends)
        )
        return state if place.columns == slice(0, place.block.n) else state[:, place.columns]

    def _before(self, projection: Projection, like: Tensor) -> Tensor:
        """What was sent before all time: the state at rest."""
        cell = self.circuit.population(projection.source).cell
        return torch.full_like(like, cell.rest()[self.circuit.sent(projection.source, projection.sends)])

    def _learn(self, projection: Projection) -> Tensor | None:
        learner = self._learners[projection.name]
        pre, post = self._view(projection.source), self._view(projection.target)
        place = self.plan.places[projection.target]
        heard = self._port(place.block, place.role, place.cell.ports)
        port = SimpleNamespace(**{name: _cut(value, place.columns) for name, value in vars(heard).items()})
        slots = {}
        for slot, name in learner.plasticity.slots.items():
            if name in place.cell.ports:
                slots[slot] = getattr(port, name)
            elif name in place.cell.state:
                slots[slot] = getattr(post, name)
            else:
                slots[slot] = self._sent(next(b for b in self.circuit.broadcasts if b.name == name))
        return learner.change(self._weights[projection.name], pre, post, port, slots)

    # Getting ready -----------------------------------------------------------------------------
    def _view(self, population: str) -> SimpleNamespace:
        """The states of one population."""
        place = self.plan.places[population]
        states = vars(self.states[place.block.index][place.role])
        return SimpleNamespace(**{name: _cut(states[name], place.columns) for name in place.cell.state})

    def _at_rest(self, cell: Cell, n: int) -> SimpleNamespace:
        shape, rest = (self._batch, n), cell.rest()
        state = {k: torch.full(shape, v, dtype=self.dtype, device=self.device) for k, v in rest.items()}
        return SimpleNamespace(**state, **dict.fromkeys(cell.inputs, 0.0))

    def _connect(self, projection: Projection) -> Connected:
        pre, post = (self.circuit.population(end).n for end in (projection.source, projection.target))
        return connected(projection.connection, pre, post, self.device)

    def _ports_read(self, block: Block, role: str, phase: str) -> list[str]:
        cell = block.roles[role]
        used = {s.name for expr in cell.equations[phase].values() for s in expr.free_symbols}
        return [port for port in cell.ports if f"port_{port}" in used]

    def _tensor(self, array: Any) -> Tensor:
        return torch.tensor(np.asarray(array), dtype=self.dtype, device=self.device)

    def _read(self, track: Track) -> Tensor:
        """What a track records now."""
        if track.is_weight:
            return self._weights[track.part]
        place = self.plan.places[track.part]
        state: Tensor = getattr(self.states[place.block.index][place.role], track.state)
        return state[:, place.columns]


def _cut(value: Any, columns: slice) -> Any:
    """An area's columns of a block's; a number or a number for each sample stays."""
    if not isinstance(value, Tensor) or value.shape[1] == 1:
        return value
    return value[:, columns]
