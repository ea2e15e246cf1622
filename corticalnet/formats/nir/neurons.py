"""NIR's neurons as cells: what all neurons of a node share is the cell's, what differs is in the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits.cells import (
    Cell,
    CubaLIF,
    IntegrateAndFire,
    LeakyIntegrateAndFire,
    LeakyIntegrator,
)
from corticalnet.errors import FormatError

Floats = NDArray[np.float64]
#: More populations are not made of one node.
MOST = 64

_TAU = {"tau": ("tau", "s"), "v_leak": ("leak", "")}
_CURRENT = {"tau_mem": ("tau", "s"), "tau_syn": ("synapse", "s"), "v_leak": ("leak", "")}
_FIRES = {"v_threshold": ("threshold", ""), "v_reset": ("reset", "")}
#: Class in NIR -> the cell, and its parameters by their names in NIR.
CELLS: dict[str, tuple[type[Cell], dict[str, tuple[str, str]]]] = {
    "LIF": (LeakyIntegrateAndFire, _TAU | _FIRES),
    "CubaLIF": (CubaLIF, _CURRENT | _FIRES),
    "IF": (IntegrateAndFire, _FIRES),
    "LI": (LeakyIntegrator, _TAU),
}


@dataclass(frozen=True, eq=False)
class Neurons:
    """The neurons of a node that are alike.

    Attributes:
        cell: what they are made of.
        index: which of the node's they are, ``[n]``.
        gain: what the weights to each of them are multiplied by, ``[n]``.
    """

    cell: Cell
    index: NDArray[np.int64]
    gain: Floats

    @property
    def n(self) -> int:
        """Return how many there are."""
        return len(self.index)


def neurons_of(node: Any, where: str, dt: float, reader: str) -> list[Neurons]:
    """Return the neurons of a node, those that are alike together; none if it is no neuron.

    Thresholds that differ are made 1, and the neuron's voltage counts in them (if leak and reset are 0).

    Args:
        node: of NIR.
        where: its name, for messages.
        dt: the step in ms.
        reader: for whom the file was written.

    Raises:
        FormatError: nearly every neuron differs from all others.
    """
    kind = type(node).__name__
    if kind not in CELLS:
        return []
    given = {
        name: np.asarray(value, dtype=np.float64).reshape(-1)
        for name, value in vars(node).items()
        if name in (*CELLS[kind][1], "r", "w_in")
    }
    gain = given.pop("r")
    if kind == "IF":
        # Per second, or (as Norse reads and writes it) per step.
        gain = np.full_like(gain, 1 / dt) if reader == "norse" else gain * 1e-3
    elif kind == "LIF" and reader == "norse":
        gain = np.ones_like(gain)
    gain = gain * given.pop("w_in", 1.0)
    threshold = given.get("v_threshold")
    zero = not any(given[name].any() for name in ("v_reset", "v_leak") if name in given)
    if threshold is not None and zero and len(np.unique(threshold)) > 1:
        gain, given["v_threshold"] = gain / threshold, np.ones_like(threshold)
    return _alike(kind, given, gain, where)


def _alike(kind: str, given: dict[str, Floats], gain: Floats, where: str) -> list[Neurons]:
    """Group neurons with the same parameters."""
    made, names = CELLS[kind]
    rows, group = np.unique(np.stack([given[name] for name in names], axis=1), axis=0, return_inverse=True)
    if len(rows) > MOST:
        differ = [name for name in names if len(np.unique(given[name])) > 1]
        raise FormatError(
            f"{where}: its neurons are of {len(rows)} kinds, by {' and '.join(differ)}; the cells of a "
            f"population are alike, and {MOST} populations of a node are the most"
        )
    found = []
    for k, row in enumerate(rows):
        settings = {
            name: float(value) * (1e3 if unit == "s" else 1.0)
            for (name, unit), value in zip(names.values(), row, strict=True)
        }
        index = np.flatnonzero(group.reshape(-1) == k)
        found.append(Neurons(made(**settings), index, gain[index]))
    return found
