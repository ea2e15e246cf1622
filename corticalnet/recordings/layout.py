"""How a recording calls what it holds: names of variables and of axes, which hang on nobody else.

"area1.value.rate"          a state of a population, [time, batch, area1]: as it is asked for and read
"area1.error.error norm"    the same made one number, [time, batch]
"input->area1"              weights over time, [time, post, pre]
"input->area1.trace"        a state of its synapses, [time, batch, post, pre]
"weights input->area1"      those of a plastic projection, [when, post, pre], when = "before", "after"

The populations of an area have one axis, "area1", whose numbers are those of its columns: what is recorded of
them can be subtracted and multiplied cell by cell. Populations of another size, and those of which some cells
were asked for, have an axis of their own, "area1.clock:cell".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits.circuit import Circuit
from corticalnet.circuits.parts import Population
from corticalnet.errors import ProtocolError
from corticalnet.recordings.variables import RecordedVariable

#: Recordings of another layout cannot be read.
LAYOUT = 2
#: What every recording has.
COMMON = ("time", "step", "batch", "when")


@dataclass(frozen=True, eq=False)
class Axis:
    """The cells of a variable.

    Attributes:
        name: of the dimension.
        cells: their numbers in the population.
        columns: which column of its area each cell speaks for; None if that is itself.
    """

    name: str
    cells: NDArray[np.int64]
    columns: NDArray[np.int64] | None = None


def axes(circuit: Circuit, variables: Iterable[RecordedVariable]) -> list[Axis | None]:
    """Return the axis of cells of each variable; None for reduced variables, weights and synapses."""
    known: dict[str, Axis] = {}
    found: list[Axis | None] = []
    for variable in variables:
        if variable.is_weight or variable.is_synapse or variable.reduce:
            found.append(None)
            continue
        population = circuit.population(variable.part)
        names = [f"{variable.part}:cell", f"{variable.name}:cell"]
        cells = np.arange(population.n) if variable.index is None else np.asarray(variable.index)
        if len(cells) == population.n == _columns(circuit, population.area):
            names.insert(0, f"{population.area}:cell" if population.area in COMMON else population.area)
        for name in names:  # (two states of one population may be of other cells)
            axis = known.setdefault(name, Axis(name, cells, _spoken_for(circuit, population, cells)))
            if np.array_equal(axis.cells, cells):
                break
        found.append(axis)
    return found


def weights_name(projection: str) -> str:
    """Return the name of the variable with a projection's weights before and after."""
    return f"weights {projection}"


def weight_axes(circuit: Circuit, projection: str) -> tuple[str, ...]:
    """Return the names of the axes of a projection's weights."""
    ends = ("post", "pre") if np.ndim(circuit.weights[projection]) == 2 else ("weight",)
    return tuple(f"{projection} {end}" for end in ends)


def synapse_axes(circuit: Circuit, projection: str) -> tuple[str, ...]:
    """Return the axes of one number per synapse: those of the weights if synapse k has weight k."""
    one = circuit.projection(projection)
    weight = one.connection.synapses(*(circuit.population(end).n for end in (one.source, one.target)))[2]
    if np.array_equal(weight, np.arange(np.size(circuit.weights[projection]))):
        return weight_axes(circuit, projection)
    return (f"{projection} synapse",)


def columns_name(axis: str) -> str:
    """Return the name of the coordinate with the column that each cell of an axis encodes."""
    return f"{axis.removesuffix(':cell')}:column"  # (files take no space in it)


def see_that_names_differ(circuit: Circuit, variables: Iterable[RecordedVariable]) -> None:
    """Check that no two variables, axes or coordinates have one name.

    Raises:
        ProtocolError: they are.
    """
    listed = list(variables)
    found = [axis for axis in axes(circuit, listed) if axis is not None]
    names = [variable.name for variable in listed] + [weights_name(p.name) for p in circuit.plastic]
    names += {axis.name for axis in found} | {columns_name(a.name) for a in found if a.columns is not None}
    names += COMMON
    for name, count in Counter(names).items():
        if count > 1:
            raise ProtocolError(
                f"two things in the recording would be called '{name}'; give a population or projection of "
                f"'{circuit.name}' another name"
            )


def coordinates(axis: Axis) -> dict[str, Any]:
    """Return the coordinates of an axis, as xarray takes them."""
    number = {"units": "1", "long_name": "number of the cell in its population"}
    found: dict[str, Any] = {axis.name: ((axis.name,), axis.cells, number)}
    if axis.columns is not None:
        column = {"units": "1", "long_name": "position in its area of the column it speaks for"}
        found[columns_name(axis.name)] = (axis.name,), axis.columns, column
    return found


def _columns(circuit: Circuit, area: str) -> int:
    """Return the number of columns of an area: the number of cells of its first population."""
    return next(p.n for p in circuit.populations if p.area == area)


def _spoken_for(
    circuit: Circuit, population: Population, cells: NDArray[np.int64]
) -> NDArray[np.int64] | None:
    """Return the column that each cell encodes: "area1.value.on" has N cells per column of "area1.value"."""
    columns = next((p.n for p in circuit.populations if p.name == population.area), 0)
    if not columns or population.name == population.area or population.n % columns:
        return None
    return cells // (population.n // columns)
