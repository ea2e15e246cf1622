"""A NIR graph as a circuit: ``from_nir("cells.nir")``.

Every node with a state becomes a population, the input node a population that takes the stimulus; all paths
of nodes without a state from one to the other become one projection, ``A x + b``: A its weights, b those of a
cell that is always on. What comes out by such nodes is a readout population.

In the readers of NIR, layers follow each other within one step; here each synapse between spiking cells takes
one. So layer k fires k steps later here, shorter ways are delayed until all that meets arrives together, and
the spikes are the same. A loop of one population takes one step there and here.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from corticalnet.circuits import AllToAll, Circuit, Population, Projection, Synapses
from corticalnet.circuits.cells import Bias, LinearReadout, Sensory
from corticalnet.circuits.quantities import MS, POSITIVE, quantity
from corticalnet.errors import CircuitWarning, FormatError
from corticalnet.formats.nir.graph import Graph, flat_graph
from corticalnet.formats.nir.linear import Floats, Shape, diagonal, identity, linear_map
from corticalnet.formats.nir.neurons import Neurons, neurons_of

#: The step that most readers of NIR take, in ms.
STEP = 0.1


def from_nir(source: Any, dt: float | str | None = None, *, name: str = "") -> Circuit:
    """Convert a NIR graph, or a file with one, to a circuit.

    Knows Input, Output, Affine, Linear, Scale, Conv1d, Conv2d, SumPool2d, AvgPool2d, Flatten, Delay, LIF,
    CubaLIF, IF, LI, graphs within graphs, and loops. Neurons move by the Euler step of their equations,
    current before voltage, as in Norse, snnTorch and SpikingJelly.

    Args:
        source: a ``nir.NIRGraph``, or the path of a file.
        dt: a step, in ms or as "0.1 ms"; the one that the file names (files of :func:`to_nir` do), otherwise
            0.1 ms, as snnTorch and SpikingJelly.
        name: of the circuit; that of the file if not given.

    Raises:
        FormatError: a node that is not known here, neurons of one node that differ in a time constant, or
            sizes that do not fit; NIR is not installed; the file cannot be read.

    Warns:
        CircuitWarning: a loop over several populations, which takes a step for each of them here.

    >>> import corticalnet as cn
    >>> from corticalnet.circuits.cells import DrivenLIF, Sensory
    >>> cells = [cn.Population("retina", 2, Sensory()), cn.Population("cortex", 3, DrivenLIF())]
    >>> circuit = cn.Circuit(cells, [cn.Projection("retina", "cortex", "spikes", 2.0)], dt=0.5)
    >>> again = from_nir(cn.to_nir(circuit))
    >>> [(p.name, p.n, type(p.cell).__name__) for p in again.populations]
    [('input', 2, 'Sensory'), ('cortex', 3, 'CubaLIF')]
    """
    graph = flat_graph(source)
    step = quantity(STEP if dt is None else dt, MS, "dt")
    if dt is None and "dt" in graph.facts:
        step = float(graph.facts["dt"]) * 1e3
    POSITIVE.check(step, MS, "dt")
    drawing = _Drawing(graph, step)
    drawing.draw()
    title = name or (Path(source).stem if isinstance(source, str | Path) else "NIR graph")
    return Circuit(drawing.populations, drawing.projections, dt=step, name=title)


@dataclass
class _Sum:
    """What a node sends, or receives: a sum of matrices times what sources send, and a constant.

    Attributes:
        shape: of the array.
        parts: (source, delay in s) -> A.
        bias: b, by the delay at which it arrives.
    """

    shape: Shape
    parts: dict[tuple[str, float], Any] = field(default_factory=dict)
    bias: dict[float, Floats] = field(default_factory=dict)


class _Drawing:
    """A circuit in the making."""

    def __init__(self, graph: Graph, dt: float) -> None:
        self.graph, self.dt = graph, dt
        self.shapes: dict[str, Shape] = {}
        self.neurons: dict[str, Neurons] = {}  # by population
        self.made_of: dict[str, list[str]] = {}  # node -> its populations
        self.sums: dict[str, _Sum] = {}
        self.populations: list[Population] = []
        self.projections: list[Projection] = []
        self.biased = False

    def draw(self) -> None:
        """Make all populations and projections."""
        self._find_neurons()
        arriving = {node: self._arriving(node) for node in self.made_of}
        targets = {
            name: self._part(arriving[node], name) for node in self.made_of for name in self.made_of[node]
        }
        outputs = {name: self._arriving(name) for name in self.graph.outputs}
        for name in self.graph.inputs:
            self.populations.append(Population(self.graph.words[name], self._size(name), Sensory()))
        for name, one in self.neurons.items():
            self.populations.append(Population(self.graph.words[name], one.n, one.cell))
        late = self._lateness(targets)
        for name, sums in targets.items():
            self._join(name, sums, self.neurons[name].gain, late)
        for name, sums in outputs.items():
            if not self._is_a_population(sums):
                n = int(np.prod(sums.shape))
                self.populations.append(Population(self.graph.words[name], n, LinearReadout()))
                arrives = [late[source] for source, _ in sums.parts] or [0]
                self._join(name, sums, np.ones(n), {**late, name: max(arrives)})
        if self.biased:
            self.populations.append(Population("bias", 1, Bias()))

    def _find_neurons(self) -> None:
        for node, content in self.graph.nodes.items():
            reader = self.graph.facts.get("reader", "nir")
            groups = neurons_of(content, self.graph.where(node), self.dt, reader)
            for k, group in enumerate(groups):
                name = node if len(groups) == 1 else f"{node}.{k + 1}"
                self.graph.words.setdefault(name, f"{self.graph.words[node]}_{k + 1}")
                self.neurons[name] = group
                self.made_of.setdefault(node, []).append(name)

    def _part(self, arriving: _Sum, name: str) -> _Sum:
        """Return what arrives at those of a node's neurons that are a population."""
        index = self.neurons[name].index
        parts = {key: matrix[index] for key, matrix in arriving.parts.items()}
        return _Sum((len(index),), parts, {delay: bias[index] for delay, bias in arriving.bias.items()})

    def _size(self, name: str) -> int:
        return int(np.prod(self.graph.input_shape(name)))

    def _sent(self, name: str, behind: tuple[str, ...]) -> _Sum:
        """Return what a node sends, in terms of inputs and neurons.

        Raises:
            FormatError: nodes without a state are in a loop, or one is not known.
        """
        if name in self.sums:
            return self.sums[name]
        where = self.graph.where(name)
        if name in behind:
            raise FormatError(f"{where} is in a loop without any neuron")
        if name in self.graph.inputs:
            each = identity(self._size(name))
            found = _Sum(self.graph.input_shape(name), {(name, 0.0): each})
        elif name in self.made_of:
            shape = np.shape(self.graph.nodes[name].r)
            each = identity(int(np.prod(shape)))
            found = _Sum(shape, {(k, 0.0): each[:, self.neurons[k].index] for k in self.made_of[name]})
        else:
            found = self._through(name, self._arriving(name, (*behind, name)), where)
        self.sums[name] = found
        return found

    def _through(self, name: str, arriving: _Sum, where: str) -> _Sum:
        """Return what leaves a node without a state."""
        if name in self.graph.passing:
            return arriving
        node = self.graph.nodes[name]
        made = linear_map(node, arriving.shape, where)
        if made is None:
            raise FormatError(f"{where} is a {type(node).__name__}, which is not known here")
        found = _Sum(made.shape)
        for (source, delay), matrix in arriving.parts.items():
            found.parts[source, delay + made.delay] = made.matrix @ matrix
        for delay, bias in arriving.bias.items():
            found.bias[delay + made.delay] = made.matrix @ bias
        if made.bias is not None:
            found.bias[0.0] = found.bias.get(0.0, 0.0) + made.bias
        return found

    def _arriving(self, name: str, behind: tuple[str, ...] = ()) -> _Sum:
        """Return the sum of what arrives at a node.

        Raises:
            FormatError: nothing does, or arrays of other sizes do.
        """
        sent = [self._sent(source, behind) for source in self.graph.before(name)]
        where = self.graph.where(name)
        if not sent:
            raise FormatError(f"nothing arrives at {where}")
        total = _Sum(sent[0].shape)
        wanted = int(np.size(self.graph.nodes[name].r) if name in self.made_of else np.prod(total.shape))
        for one in sent:
            if int(np.prod(one.shape)) != wanted:
                raise FormatError(f"{where} takes {wanted} numbers, but {int(np.prod(one.shape))} arrive")
            for key, matrix in one.parts.items():
                total.parts[key] = total.parts[key] + matrix if key in total.parts else matrix
            for delay, bias in one.bias.items():
                total.bias[delay] = total.bias.get(delay, 0.0) + bias
        return total

    def _is_a_population(self, arriving: _Sum) -> bool:
        """Return whether what arrives is just what one population sends."""
        ((_, delay), matrix), *others = arriving.parts.items() or [(("", 0.0), None)]
        if others or arriving.bias or delay or matrix is None:
            return False
        square = matrix.shape[0] == matrix.shape[1]
        return square and bool((matrix != identity(len(matrix.indptr) - 1)).nnz == 0)

    def _lateness(self, targets: Mapping[str, _Sum]) -> dict[str, int]:
        """Return by how many steps each population is later here than in a reader."""
        names = [*self.graph.inputs, *targets]
        at = {name: number for number, name in enumerate(names)}
        senders = {
            name: {source for source, _ in targets[name].parts} if name in targets else set()
            for name in names
        }
        edges = [(at[source], at[name]) for name in names for source in senders[name]]
        ends = tuple(np.array(edges, dtype=np.int32).reshape(-1, 2).T)  # (as SciPy 1.11 wants them)
        joined = sparse.coo_array((np.ones(len(edges)), ends), shape=(len(names),) * 2)
        loop = connected_components(joined, connection="strong")[1]
        members = {name: {other for other in names if loop[at[other]] == loop[at[name]]} for name in names}
        node_of = {name: node for node, parts in self.made_of.items() for name in parts}
        for one in {frozenset(node_of.get(name, name) for name in group) for group in members.values()}:
            if len(one) > 1:
                listed = ", ".join(sorted(f"'{self.graph.words[name]}'" for name in one))
                warnings.warn(
                    f"populations {listed} are a loop, which takes {len(one)} steps here, and one step in "
                    "the readers of NIR",
                    CircuitWarning,
                    stacklevel=4,
                )
        late = dict.fromkeys(names, 0)
        for _ in names:  # (the longest way has no more steps than there are populations)
            for name in names:
                before = {source for one in members[name] for source in senders[one]} - members[name]
                late[name] = max((late[source] + self._takes(source) for source in before), default=0)
        return late

    def _takes(self, source: str) -> int:
        """Return the steps from a source to what it drives: spiking cells are heard in the next step."""
        return int(source in self.neurons)

    def _join(self, name: str, arriving: _Sum, gain: Floats, late: Mapping[str, int]) -> None:
        """Make the projections to a population, with the delays by which they arrive together."""
        word, readout = self.graph.words[name], name not in self.neurons
        for (source, delay), matrix in arriving.parts.items():
            takes = 0 if readout else self._takes(source)
            together = max(late[name] - late[source] - takes, 0)
            where = f"{self.graph.words[source]}->{word}"
            weights = sparse.coo_array(diagonal(gain) @ matrix)
            self._project(
                self.graph.words[source], word, weights, self._late(delay, where) + together * self.dt
            )
        for delay, bias in arriving.bias.items():
            if np.any(bias):
                self.biased = True
                after = self._late(delay, f"bias of {word}") + late[name] * self.dt
                self._project("bias", word, sparse.coo_array((gain * bias)[:, None]), after)

    def _project(self, source: str, target: str, weights: Any, delay: float) -> None:
        names = {p.name for p in self.projections}
        plain = f"{source}->{target}"
        name = plain if plain not in names else f"{plain} {delay:g} ms"
        if weights.nnz == 0:
            return
        if weights.nnz > weights.shape[0] * weights.shape[1] // 2:
            how: dict[str, Any] = {"weight": weights.toarray(), "connection": AllToAll()}
        else:
            how = {"weight": weights.data, "connection": Synapses(weights.col, weights.row)}
        self.projections.append(Projection(source, target, "drive", name=name, delay=delay, **how))

    def _late(self, delay: float, where: str) -> float:
        """Return a delay in ms, whole steps.

        Raises:
            FormatError: it is no whole number of steps.
        """
        steps = round(delay * 1e3 / self.dt)
        if not np.isclose(steps * self.dt, delay * 1e3, rtol=1e-6):
            raise FormatError(
                f"{where}: a delay of {delay * 1e3:g} ms is no whole number of steps of {self.dt:g} ms; "
                "choose another dt"
            )
        return steps * self.dt
