"""What of a circuit NIR can hold, with all weights as matrices; what it cannot is refused by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits import Circuit, Population, Projection
from corticalnet.circuits.cells import Bias, Constant
from corticalnet.errors import FormatError
from corticalnet.formats.nir.readers import KINDS, NirReader, weight_gain

Floats = NDArray[np.float64]


@dataclass
class NirContent:
    """What is to be written: spiking populations, their sources, and all weights as matrices.

    Attributes:
        circuit: where they are.
        neurons: populations that become nodes.
        sources: populations that become the input.
        weights: (source, target) -> ``[post, pre]``, as the reader needs them.
        biases: of populations that have some.
    """

    circuit: Circuit
    neurons: list[Population]
    sources: list[Population]
    weights: dict[tuple[str, str], Floats] = field(default_factory=dict)
    biases: dict[str, Floats] = field(default_factory=dict)

    def matrix(self, sources: Sequence[Population], targets: Sequence[Population]) -> Floats:
        """Return the weights between some populations, side by side."""
        zeros = {(s.name, t.name): np.zeros((t.n, s.n)) for s in sources for t in targets}
        return np.block(
            [[self.weights.get((s.name, t.name), zeros[s.name, t.name]) for s in sources] for t in targets]
        )

    def bias(self, targets: Sequence[Population]) -> Floats | None:
        """Return the biases of some populations; None if there are none."""
        if not any(t.name in self.biases for t in targets):
            return None
        return np.concatenate([self.biases.get(t.name, np.zeros(t.n)) for t in targets])


def content_of(circuit: Circuit, reader: NirReader, populations: Sequence[str] | None) -> NirContent:
    """Return what is to be written of a circuit.

    Raises:
        FormatError: something cannot be.
    """
    asked = [populations] if isinstance(populations, str) else populations
    chosen = list(circuit.populations) if asked is None else [circuit.population(name) for name in asked]
    neurons = [p for p in chosen if asked is not None or type(p.cell) in KINDS]
    for population in neurons:
        _check_cell(population, reader)
    names = {p.name for p in neurons}
    if not neurons:
        held = ", ".join(kind.__name__ for kind in KINDS)
        raise FormatError(f"circuit '{circuit.name}' has no population that NIR can hold; it holds {held}")
    arriving = [p for p in circuit.projections if p.target in names]
    _check_else(circuit, names)
    constants = [p.name for p in circuit.populations if isinstance(p.cell, Constant | Bias)]
    sending = {p.source for p in arriving} - names - set(constants)
    sources = [p for p in circuit.populations if p.name in sending]
    for population in circuit.populations if asked is None else ():
        plain = not population.cell.ports and (population.cell.inputs or population.name in constants)
        if population.name not in names and not plain:
            raise FormatError(
                f"population '{population.name}' is made of {type(population.cell).__name__} cells, which "
                "NIR does not have; name the populations to write, and what others send becomes an input"
            )
    content = NirContent(circuit, neurons, sources)
    for projection in arriving:
        _check_projection(circuit, projection, names)
        target = circuit.population(projection.target)
        scaled = _dense(circuit, projection) * weight_gain(target.cell, reader, circuit.dt)
        key = projection.source, projection.target
        if projection.source in constants:
            content.biases[target.name] = content.biases.get(target.name, 0.0) + scaled.sum(1)
        else:
            content.weights[key] = content.weights.get(key, 0.0) + scaled
    if not sources:
        raise FormatError(f"nothing sends to the spiking cells of circuit '{circuit.name}' from outside")
    return content


def _check_cell(population: Population, reader: NirReader) -> None:
    cell, where = population.cell, f"population '{population.name}'"
    if type(cell) not in KINDS:
        held = ", ".join(kind.__name__ for kind in KINDS)
        raise FormatError(f"{where} is made of {type(cell).__name__} cells, which NIR does not have: {held}")
    if KINDS[type(cell)].node == "IF" and reader.if_gain is None:
        raise FormatError(
            f"{where}: {reader.name} reads NIR's IF as a cell that leaks; choose another reader"
        )
    for name, taken in (("reset", reader.resets), ("leak", reader.leaks)):
        value = getattr(cell, name, 0.0)
        if value and not taken:
            raise FormatError(f"{where}: {reader.name} takes a {name} of 0 only, not {value:g}")


def _check_projection(circuit: Circuit, projection: Projection, neurons: set[str]) -> None:
    where = f"projection '{projection.name}'"
    if projection.plasticity is not None:
        raise FormatError(
            f"{where} learns ({projection.plasticity.title()}), and NIR holds weights that stay; write a "
            "circuit without plasticity"
        )
    if projection.delay:
        raise FormatError(f"{where} has a delay of {projection.delay:g} ms, which readers of NIR do not take")
    sent = circuit.sent(projection.source, projection.sends)
    if projection.source in neurons and sent != "spike":
        raise FormatError(f"{where} sends '{sent}', and neurons of NIR send spikes")


def _check_else(circuit: Circuit, neurons: set[str]) -> None:
    """Check that nothing but projections reaches the neurons."""
    for wire in circuit.wires:
        if wire.target in neurons:
            raise FormatError(f"wire '{wire.name}' ends at a spiking cell; NIR joins cells by weights alone")
    for broadcast in circuit.broadcasts:
        if neurons & set(broadcast.targets):
            raise FormatError(f"broadcast '{broadcast.name}' ends at spiking cells; NIR has no broadcasts")


def _dense(circuit: Circuit, projection: Projection) -> Floats:
    """Return a projection's weights as a matrix ``[post, pre]``."""
    pre, post = (circuit.population(end).n for end in (projection.source, projection.target))
    own = circuit.projection(projection.shared_with) if projection.shared_with else projection
    weight = np.abs(np.asarray(projection.weight)) if projection.weight is not None else None
    numbers = np.asarray(own.weight)
    if own is not projection and weight is not None:
        numbers = np.sign(numbers) * weight
    back = projection.runs_back
    sources, targets, index = own.connection.synapses(*((post, pre) if back else (pre, post)))
    matrix = np.zeros((post, pre))
    ends = (sources, targets) if back else (targets, sources)
    np.add.at(matrix, ends, numbers.reshape(-1)[index])
    return matrix
