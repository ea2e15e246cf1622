"""The fields of the one group that a circuit is to Brian2: every state of every role is a field of all rows.

Nothing here needs Brian2. All columns of all blocks are rows of the group.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from corticalnet.engines.brian2_engine.code import Names
from corticalnet.engines.plan import Block, Plan


class Fields:
    """Fields by name, and which rows are whose.

    Args:
        plan: what is to run.
        allowed: whether Brian2 accepts a name.
        noise: (role, port) that have noise.

    Attributes:
        names: of fields, by words.
        values: name -> value of every row at rest.
        n: rows in all.
    """

    def __init__(
        self, plan: Plan, allowed: Callable[[str], bool], noise: Collection[tuple[str, str]] = ()
    ) -> None:
        self.plan, self.circuit, self.noise = plan, plan.circuit, noise
        self.names = Names(allowed)
        self.values: dict[str, Any] = {}
        self.n = 0
        self._starts: dict[int, int] = {}
        for block in plan.blocks:
            self._starts[block.index] = self.n
            self.n += block.n
        for block in plan.blocks:
            for role, cell in block.roles.items():
                for state, rest in cell.rest().items():
                    self._field(role, state)[self.span(block)] = rest
                for name in cell.inputs:
                    self._field(role, name)
                for port in cell.ports:
                    self._field(role, port, "noise")
        for population in self.circuit.populations:
            for state, values in plan.scattered(population, 1).items():
                self._field(population.role, state)[slice(*self.rows(population.name))] = values[0]

    def span(self, block: Block) -> slice:
        """Return the slice of a block's rows."""
        start = self._starts[block.index]
        return slice(start, start + block.n)

    def rows(self, population: str) -> tuple[int, int]:
        """Return the first row of a population, and the one after its last."""
        place = self.plan.places[population]
        start = self._starts[place.block.index]
        return start + place.columns.start, start + place.columns.stop

    def new(self, *words: str) -> str:
        """Create a field that is 0 at rest; return its name."""
        self._field(*words)
        return self.names(*words)

    def register(self, population: str, state: str, when: str, steps: int) -> str:
        """Create registers for a state's last steps; return the field of the oldest (at rest at first)."""
        place = self.plan.places[population]
        for k in range(1, steps + 1):
            past = self._field(place.role, state, when, "ago", str(k))
            past[slice(*self.rows(population))] = place.cell.rest()[state]
        return self.names(place.role, state, when, "ago", str(steps))

    def _field(self, *words: str) -> Any:
        return self.values.setdefault(self.names(*words), np.zeros(self.n))
