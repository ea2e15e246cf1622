"""Where the numbers of a running circuit lie: one flat array, and what is beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.engines.plan import Block, Place

#: What lies in memory: ("state", block, role, name), ("port", …), ("synapse", projection, name), …
Key = tuple[Any, ...]
#: Every array begins at a multiple of so many numbers, as a vector of them does.
_ALIGNED = 16


@dataclass
class FlatMemory:
    """The flat array of a program, and numbered things beside it.

    Args:
        batch: samples.

    Attributes:
        size: numbers in all.
        moving, standing: where what changes in every step ends, and what may stand still; then inputs and
            what is only there within a step.
        places: where each array begins, and its shape.
        weights, turned, noise, delays, learners: projections (``turned``: whose weights are read by
            presynaptic cell) and ports, in the order of the program's tables.
        index, constants: arrays that do not change: of synapses, and of numbers.
        versions: of what may stay the same from step to step, by number.
        seen: how many versions are remembered.
        exact: whether every sum is made as torch makes it.
    """

    batch: int
    size: int = 0
    moving: int = 0
    standing: int = 0
    places: dict[Key, tuple[int, tuple[int, ...]]] = field(default_factory=dict)
    weights: list[str] = field(default_factory=list)
    turned: list[str] = field(default_factory=list)
    noise: list[Key] = field(default_factory=list)
    delays: list[str] = field(default_factory=list)
    learners: list[str] = field(default_factory=list)
    index: list[NDArray[np.int32]] = field(default_factory=list)
    constants: list[NDArray[Any]] = field(default_factory=list)
    versions: dict[Key, int] = field(default_factory=dict)
    seen: int = 0
    exact: bool = True

    def array(self, key: Key, *shape: int) -> int:
        """Return where an array begins; it is given a place when it is first asked for."""
        if key not in self.places:
            self.places[key] = self.size, shape
            self.size += -(-math.prod(shape) // _ALIGNED) * _ALIGNED
        return self.places[key][0]

    def scratch(self, name: str, size: int) -> int:
        """Return where an array begins that is only there within an operation; operations share it."""
        return self.array(("scratch", name, size), size)

    def of_block(self, kind: str, block: Block, role: str, name: str) -> int:
        """Return where a state, an input or a port of a block begins: ``[batch, columns]``."""
        return self.array((kind, block.index, role, name), self.batch, block.n)

    def version(self, *key: Any) -> str:
        """Return the C name of a version."""
        return f"v[{self.versions.setdefault(key, len(self.versions))}]"

    def remember(self, versions: list[str]) -> tuple[str, list[str]]:
        """Return a condition that holds once a version has changed, and statements that remember them."""
        names = [f"q[{self.seen + k}]" for k in range(len(versions))]
        self.seen += len(versions)
        pairs = list(zip(names, versions, strict=True))
        return " || ".join(f"{a} != {b}" for a, b in pairs), [f"{a} = {b};" for a, b in pairs]

    @staticmethod
    def number(table: list[Any], one: Any) -> int:
        """Return the number of a thing in a table, where it is added if it is new."""
        if one not in table:
            table.append(one)
        return table.index(one)

    def synapses(self, index: Any) -> str:
        """Return the C name of an array of synapses."""
        self.index.append(np.ascontiguousarray(index, dtype=np.int32))
        return f"w->index[{len(self.index) - 1}]"

    def at(self, kind: str, place: Place, name: str, index: str) -> str:
        """Return the C name of a number of a cell of sample ``b``."""
        begin = self.of_block(kind, place.block, place.role, name) + place.columns.start
        return f"m[{begin} + b * {place.block.n} + {index}]"
