"""What cells and synapses read, as formulas: states, and what ports receive."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from corticalnet.engines.formula import Formula, formula
from corticalnet.engines.plan import Block, Place, Plan, PortSum
from corticalnet.engines.torch_engine.learning import Learner
from corticalnet.engines.torch_engine.native.memory import FlatMemory, Key
from corticalnet.engines.torch_engine.weights import Weights


class Reading:
    """What a program is written from, and where it finds every number.

    Args:
        plan: what runs.
        weights: that carry messages.
        learners: of plastic projections.
        batch: samples.
        noise: ports that receive noise, (block, role, port).

    Attributes:
        memory: where everything lies.
        summed: ports at which sums arrive.
    """

    def __init__(
        self,
        plan: Plan,
        weights: Weights,
        learners: Mapping[str, Learner],
        batch: int,
        noise: Collection[Key],
    ) -> None:
        self.plan, self.weights, self.learners, self.batch = plan, weights, learners, batch
        self.dt, self.memory, self.noise = float(plan.circuit.dt), FlatMemory(batch), frozenset(noise)
        operations = [operation for _, phase in plan.steps for operation in phase]
        self.summed = {(o.block.index, o.role, o.port) for o in operations if isinstance(o, PortSum)}

    def state(self, place: Place, name: str, index: str) -> Formula:
        """Return a state of a cell of sample ``b``."""
        return Formula(self.memory.at("state", place, name, index))

    def heard(self, place: Place, port: str, index: str) -> Formula:
        """Return what a cell of sample ``b`` receives at a port."""

        def read(role: str, name: str) -> Formula:
            return self.state(Place(place.block, role, place.columns), name, index)

        element = f"{place.columns.start} + b * {place.block.n} + {index}"
        return self.received(place.block, place.role, port, element, read)

    def received(
        self, block: Block, role: str, port: str, element: str, read: Callable[[str, str], Formula]
    ) -> Formula:
        """Return what a port receives, as :class:`.readers.Port` does: its sum, its wires, its noise."""
        total: Formula | None = None
        if (block.index, role, port) in self.summed:
            total = Formula(f"m[{self.memory.of_block('port', block, role, port)} + {element}]")
        for wire in block.wires[role, port]:
            value = read(wire.role, wire.state)
            value = value if wire.weight == 1 else wire.weight * value
            total = value if total is None else total + value
        if (block.index, role, port) in self.noise:
            nth = self.memory.number(self.memory.noise, (block.index, role, port))
            noise = Formula(f"w->noise[{nth}][k * {self.batch * block.n} + {element}]")
            total = noise if total is None else total + noise
        return formula(0.0) if total is None else total
