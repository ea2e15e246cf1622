"""Recorded variables, what a recording is made of, and those that are recorded when nobody names any."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits.cells import Cell, State
from corticalnet.circuits.circuit import Circuit
from corticalnet.circuits.formulas import binary
from corticalnet.errors import RecordingWarning

Indices = NDArray[np.int64]
#: Without ``record``, at most so many numbers of states, and of weights, are written down.
MOST_STATES, MOST_WEIGHTS = 20_000_000, 5_000_000


@dataclass(frozen=True, eq=False)
class RecordedVariable:
    """One array that a recording fills.

    Attributes:
        part: a population or projection.
        state: of the population, or of the projection's synapses; "weight" for its weights.
        index: which cells, increasing; None for all.
        reduce: over the cells or synapses, see :class:`Record`.
        is_weight: whether it tells of a projection's weights.
        is_synapse: whether it tells of states of a projection's synapses.
        kind: of its numbers, where they are whole; None for those of the engine.
    """

    part: str
    state: str
    index: Indices | None = None
    reduce: str = ""
    is_weight: bool = False
    is_synapse: bool = False
    kind: np.dtype[Any] | None = None

    @property
    def name(self) -> str:
        """Return the variable's name: "area1.value.rate", "area1.error.error norm", "up", "up.trace"."""
        if self.is_weight:
            return self.part
        return f"{self.part}.{self.state}" + (f" {self.reduce}" if self.reduce else "")


def variables_of_cells(circuit: Circuit) -> list[RecordedVariable]:
    """Return variables for all states of all populations."""
    return [RecordedVariable(p.name, state) for p in circuit.populations for state in p.cell.state]


def variables_of_synapses(circuit: Circuit) -> list[RecordedVariable]:
    """Return variables for all states of synapses, including traces."""
    rules = [(p.name, p.plasticity) for p in circuit.plastic]
    return [
        RecordedVariable(name, state, is_synapse=True)
        for name, rule in rules
        if rule
        for state in rule.states
    ]


def state_of(circuit: Circuit, variable: RecordedVariable) -> State:
    """Return the declaration of the state that a variable records."""
    if not variable.is_synapse:
        return circuit.population(variable.part).cell.states()[variable.state]
    rule = circuit.projection(variable.part).plasticity
    assert rule is not None, "only plastic projections have states"
    return rule.states[variable.state]


def with_kind(variable: RecordedVariable, circuit: Circuit, every: int) -> RecordedVariable:
    """Return the variable with its dtype, if its numbers are whole.

    Spikes, φ and choices are 0 or 1, and so are sums of them whole numbers (with a sign, so that a difference
    of "on" and "off" is right); what lasts and is 0 or 1 is a truth value.
    """
    if variable.is_weight or variable.is_synapse or variable.reduce:
        return variable
    cell = circuit.population(variable.part).cell
    try:
        whole = _binary(cell)
    except TypeError:  # a parameter that has no hash
        whole = _binary.__wrapped__(cell)
    if variable.state not in whole:
        return variable
    counted = cell.states()[variable.state].adds_up
    return replace(variable, kind=np.min_scalar_type(-every - 1) if counted else np.dtype(bool))


@lru_cache(maxsize=1024)
def _binary(cell: Cell) -> set[str]:
    return binary(cell.equations)


def default_variables(circuit: Circuit, kept: int, batch: int, limited: int = 1) -> list[RecordedVariable]:
    """Return variables for all states and weights, or for as many as are not too much, with a warning.

    Of spiking cells spikes alone: their voltages and dice are many, and tell nothing more. Of synapses
    weights alone: their states are as many again for each sample.

    Args:
        circuit: that runs.
        kept: records.
        batch: samples.
        limited: 0 if nothing is too much.
    """
    spiking = [p for p in circuit.populations if p.cell.sends == "spike"]
    others = [p for p in circuit.populations if p.cell.sends != "spike"]
    left = []
    states = kept * batch * sum(p.n * len(p.cell.state) for p in others) * limited
    if states > MOST_STATES:
        left.append(f"all states but the first of each cell ({_size(states)} in all; record=[…] names some)")
    most = None if states <= MOST_STATES else 1
    variables = [RecordedVariable(p.name, state) for p in others for state in list(p.cell.state)[:most]]
    spikes = kept * batch * sum(p.n for p in spiking) * limited
    stride = max(1, -(-spikes // MOST_STATES))
    if stride > 1:
        left.append(f"spikes of all but one cell in {stride} ({_size(spikes)}; record='spike' keeps them)")
    variables += [
        RecordedVariable(p.name, "spike", None if stride == 1 else np.arange(0, p.n, stride)) for p in spiking
    ]
    weights = kept * sum(circuit.weights[p.name].size for p in circuit.plastic) * limited
    if weights <= MOST_WEIGHTS:
        variables += [RecordedVariable(p.name, "weight", is_weight=True) for p in circuit.plastic]
    else:
        left.append(f"weights over time ({_size(weights)}; record='weights' keeps them)")
    if left:
        warnings.warn(
            f"not recorded: {'; '.join(left)}; every=… records less often, to='run.nc' streams all to disk",
            RecordingWarning,
            stacklevel=5,
        )
    return variables


def _size(numbers: int) -> str:
    return f"{numbers:,} numbers, {8 * numbers / 1e9:.1f} GB"
