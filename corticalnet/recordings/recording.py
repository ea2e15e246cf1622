"""What is written down while a circuit runs.

    simulate(circuit, protocol, record=["error", "weights"])
    simulate(circuit, protocol, record=Record("error", where={"area1": [0, 1]}), every=10)

A plan is a list of variables; engines fill one array per variable, and
:mod:`corticalnet.recordings.dataset` puts them together.

With ``every=k`` something is written down after each k steps (steps k − 1, 2k − 1, … of the whole simulation,
however it is cut into runs): states as they are then, but the sum over these k steps of what says something
about single steps (spikes, φ, choices, bursts of dopamine; :class:`corticalnet.circuits.cells.State`).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.checks import array, whole
from corticalnet.circuits.circuit import Circuit
from corticalnet.circuits.parts import Population
from corticalnet.errors import ProtocolError, one_of, unknown
from corticalnet.experiment.compiled import CompiledProtocol
from corticalnet.recordings.layout import see_that_names_differ
from corticalnet.recordings.variables import (
    RecordedVariable,
    default_variables,
    state_of,
    variables_of_cells,
    variables_of_synapses,
    with_kind,
)

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
#: How cells can be made one number: "" leaves them, "norm" is the root of the sum of squares.
REDUCTIONS = ("", "mean", "norm", "max")
#: A recording that streams to a file keeps about so many numbers in memory.
PIECE = 8_000_000


@dataclass(frozen=True, eq=False)
class Record:
    """One request of what to record.

    Args:
        what: a state of all cells or synapses that have it ("error", "trace"), a population ("area1.error",
            all its states), one state of a population ("area1.phi.silent") or of a plastic projection's
            synapses ("input->area1.trace"), "weights" (of all plastic projections), or a plastic projection
            by name, for its weights.
        where: {area: indices of cells}, or just indices for a single population; all cells if not given.
            Areas that are not named are left out.
        reduce: "mean", "norm" or "max" over the cells of each population, or all synapses of a projection;
            "" keeps them apart.

    Raises:
        ProtocolError: an unknown way to reduce.

    >>> import corticalnet as cn
    >>> circuit = cn.circuit(cn.mlp([2, 3, 2]), cn.rule("z-il"))
    >>> data = cn.simulate(circuit, [cn.Rest(steps=5)], record=[Record("area1.value.value", where=[0, 2])])
    >>> data["area1.value.value"].shape
    (5, 1, 2)
    """

    what: str
    where: Mapping[str, Sequence[int]] | Sequence[int] | None = None
    reduce: str = ""

    def __post_init__(self) -> None:
        one_of(f"reduce of record '{self.what}'", self.reduce, REDUCTIONS, ProtocolError)


@dataclass
class Recording:
    """The plan of one simulation.

    Attributes:
        circuit, compiled: what runs.
        variables: what to write down.
        kept: ``[K]``, after which steps (absolute numbers, increasing).
        every: steps from one record to the next; events of all of them are added up.
    """

    circuit: Circuit
    compiled: CompiledProtocol
    variables: list[RecordedVariable]
    kept: Indices
    every: int = 1

    def adds_up(self, variable: RecordedVariable) -> bool:
        """Return whether records of a variable are sums over several steps."""
        return self.every > 1 and not variable.is_weight and _adds_up(self.circuit, variable)

    def allocate(self) -> list[NDArray[Any]]:
        """Allocate an array per variable: ``[K, B, n]``, or ``[K, B]`` if reduced.

        Of weights it is ``[K, *weight shape]``, of synapses ``[K, B, *shape]``.
        """
        kinds = [variable.kind or np.float64 for variable in self.variables]
        return [np.empty(shape, kind) for shape, kind in zip(self.shapes(), kinds, strict=True)]

    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shape of each variable's array."""
        weights = self.circuit.weights if any(variable.is_weight for variable in self.variables) else {}
        return [self._shape(variable, weights) for variable in self.variables]

    def _shape(self, variable: RecordedVariable, weights: Mapping[str, Floats]) -> tuple[int, ...]:
        kept, batch = len(self.kept), self.compiled.batch
        if variable.is_weight:
            return kept, *weights[variable.part].shape
        if variable.reduce:
            return kept, batch
        if variable.is_synapse:
            return kept, batch, *self.circuit.synapse_shape(variable.part)
        cells = self.circuit.population(variable.part).n if variable.index is None else len(variable.index)
        return kept, batch, cells

    def pieces(self) -> list[tuple[CompiledProtocol, Recording]]:
        """Split the recording into consecutive parts of about ``PIECE`` numbers at most."""
        each = sum(int(np.prod(shape[1:])) for shape in self.shapes())
        rows = max(1, PIECE // max(1, each))
        ends = [int(step) + 1 for step in self.kept[rows - 1 :: rows]]
        cuts = [self.compiled.begin, *(end for end in ends if end < self.compiled.end), self.compiled.end]
        found = []
        for begin, end in itertools.pairwise(cuts):
            compiled = self.compiled.part(begin, end)
            kept = self.kept[(self.kept >= begin) & (self.kept < end)]
            found.append((compiled, replace(self, compiled=compiled, kept=kept)))
        return found


def plan_recording(
    circuit: Circuit,
    compiled: CompiledProtocol,
    record: str | Record | Sequence[str | Record] | None = None,
    every: int = 1,
    last: int | None = None,
    stream: bool = False,
) -> Recording:
    """Plan what to record of a simulation.

    Args:
        circuit: that runs.
        compiled: what it does.
        record: requests; a name stands for ``Record(name)``. None: all states (or if that is more than
            20 million numbers, the first of each cell) and weights (unless more than 5 million numbers); of
            spiking cells only their spikes (or if that is more than 20 million, those of each second cell,
            each third, …). What is left out is said (:class:`RecordingWarning`).
        every: write down after each so many steps.
        last: only of so many steps at the end.
        stream: the recording goes to a file, so nothing is too much.

    Raises:
        ProtocolError: unknown names, cells that are not there, no whole numbers.
    """
    every = whole("every", every, ProtocolError)
    begin = compiled.begin
    if last is not None:
        begin = max(begin, compiled.end - whole("last", last, ProtocolError))
    first = -(-(begin + 1) // every) * every - 1  # windows end at steps every − 1, 2 · every − 1, …
    kept = np.arange(first, compiled.end, every, dtype=np.int64)
    if record is None:
        variables = default_variables(circuit, len(kept), compiled.batch, 0 if stream else 1)
    else:
        variables = _requested(circuit, record)
    variables = [with_kind(variable, circuit, every) for variable in variables]
    see_that_names_differ(circuit, variables)
    return Recording(circuit, compiled, variables, kept, every)


def _requested(circuit: Circuit, record: str | Record | Sequence[str | Record]) -> list[RecordedVariable]:
    """Return the recorded variables of all requests, each once."""
    requests = [record] if isinstance(record, str | Record) else list(record)
    variables_by: dict[tuple[str, str, str, bool], RecordedVariable] = {}
    for request in requests:
        if not isinstance(request, str | Record):
            raise ProtocolError(f"record takes names and Records, not {request!r}")
        for variable in _variables(circuit, Record(request) if isinstance(request, str) else request):
            key = (variable.part, variable.state, variable.reduce, variable.is_synapse)
            variables_by[key] = _both(variables_by[key], variable) if key in variables_by else variable
    return list(variables_by.values())


def again(recording: Recording, compiled: CompiledProtocol) -> Recording:
    """Plan the same variables for another compiled protocol of the same length, batch and phase."""
    kept = recording.kept + (compiled.begin - recording.compiled.begin)
    return Recording(recording.circuit, compiled, recording.variables, kept, recording.every)


def _adds_up(circuit: Circuit, variable: RecordedVariable) -> bool:
    return state_of(circuit, variable).adds_up


def _both(one: RecordedVariable, other: RecordedVariable) -> RecordedVariable:
    """Merge two requests for one state: the cells of either; if reduced, they must be the same."""
    if one.index is None or other.index is None:
        same, index = one.index is other.index, None
    else:
        same, index = np.array_equal(one.index, other.index), np.union1d(one.index, other.index)
    if one.reduce and not same:
        raise ProtocolError(
            f"record: the {one.reduce} of '{one.state}' of '{one.part}' is asked for over two sets of cells"
        )
    return replace(one, index=index)


def _variables(circuit: Circuit, record: Record) -> list[RecordedVariable]:
    """Convert a request to recorded variables."""
    what = record.what
    plastic = [p.name for p in circuit.plastic]
    names = {p.name: p for p in circuit.populations}
    owner, _, last_word = what.rpartition(".")
    having = [p for p in circuit.populations if what in p.cell.state]
    synapses = [
        replace(t, reduce=record.reduce) for t in variables_of_synapses(circuit) if what in (t.state, t.name)
    ]
    also: list[RecordedVariable] = []
    if what in names:
        found = [(names[what], state) for state in names[what].cell.state]
    elif owner in names and last_word in names[owner].cell.state:
        found = [(names[owner], last_word)]
    elif having:
        found = [(population, what) for population in having]
        also = synapses if record.where is None else []  # (where chooses cells)
    elif what in plastic or (what == "weights" and plastic):
        if record.where is not None or record.reduce:
            raise ProtocolError(f"record '{what}': weights are recorded as a whole, without where and reduce")
        return [
            RecordedVariable(name, "weight", is_weight=True)
            for name in (plastic if what == "weights" else [what])
        ]
    elif synapses:
        if record.where is not None:
            raise ProtocolError(f"record '{what}': where chooses cells, and this is a state of synapses")
        return synapses
    else:
        raise ProtocolError(_unknown(circuit, what))
    chosen = _where(record, [population for population, _ in found])
    return [
        RecordedVariable(p.name, s, chosen[p.name], record.reduce) for p, s in found if p.name in chosen
    ] + also


def _unknown(circuit: Circuit, what: str) -> str:
    """Describe what can be recorded instead: of the population or projection named, or of all."""
    owner, _, state = what.rpartition(".")
    cells, synapses = variables_of_cells(circuit), variables_of_synapses(circuit)
    for part, variables, name in (
        (circuit.populations, cells, f"state of '{owner}' to record"),
        (circuit.plastic, synapses, f"state of synapses of '{owner}' to record"),
    ):
        if owner in {one.name for one in part}:
            return unknown(
                name, state, [variable.state for variable in variables if variable.part == owner] or ["none"]
            )
    states = dict.fromkeys(variable.state for variable in (*cells, *synapses))
    plastic = [p.name for p in circuit.plastic]
    names = [p.name for p in circuit.populations]
    choices = [*states, *names, *(["weights"] if plastic else []), *plastic]
    return unknown("thing to record", what, choices)


def _where(record: Record, populations: list[Population]) -> dict[str, Indices | None]:
    """Return the cells of each population that ``where`` selects."""
    what, where = f"record '{record.what}'", record.where
    if where is None:
        return dict.fromkeys(p.name for p in populations)
    if isinstance(where, Mapping):
        areas = dict.fromkeys(p.area for p in populations)
        for area in where:
            one_of(f"area in where of {what}", area, areas, ProtocolError)
        return {p.name: _cells(where[p.area], p, what) for p in populations if p.area in where}
    several = dict.fromkeys(p.name for p in populations)
    if len(several) > 1:
        raise ProtocolError(
            f"{what} is of several populations, so where must be {{area: indices}}; "
            f"choices: {', '.join(several)}"
        )
    return {p.name: _cells(where, p, what) for p in populations}


def _cells(given: Any, population: Population, what: str) -> Indices:
    cells = array(f"{what}: where", given, ProtocolError, finite=True)
    if cells.ndim != 1 or not cells.size or cells.dtype.kind not in "iu":
        raise ProtocolError(f"{what}: where must list whole numbers, such as [0, 1], not {given!r}")
    for cell in (cells.min(), cells.max()):
        if not 0 <= cell < population.n:
            raise ProtocolError(
                f"{what}: there is no cell {cell} in population '{population.name}' of {population.n} cells; "
                f"choose from 0 to {population.n - 1}"
            )
    return np.unique(cells).astype(np.int64)
