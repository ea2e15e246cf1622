"""A spiking circuit as a NIR graph, for a reader that is named: ``to_nir(circuit, "cells.nir", "norse")``.

In a reader, layers follow each other within one step, and only loops take one; here every synapse between
spiking cells takes a step. So there are two forms:

    layers   a node for each population; what fires in layer k here fires k steps earlier there
    loop     all cells in one node, whose loop carries all synapses between them: step by step as here

A circuit whose populations are a plain chain (each may have a loop of its own) is written in layers, any
other as a loop.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits import Circuit, Population
from corticalnet.circuits.schedule import SCHEDULE
from corticalnet.errors import FormatError, one_of
from corticalnet.formats.extras import library
from corticalnet.formats.nir.content import NirContent, content_of
from corticalnet.formats.nir.readers import KINDS, READERS, NirReader, node_of
from corticalnet.store import expanded, write_whole

Floats = NDArray[np.float64]


def to_nir(
    circuit: Circuit,
    path: str | Path | None = None,
    reader: str = "norse",
    *,
    populations: Sequence[str] | None = None,
) -> Any:
    """Convert the spiking populations of a circuit to a NIR graph, and write it to a file.

    A step of the reader is a step of the circuit: the same spikes in the same steps (up to float32, and in
    layer k by k steps earlier, see ``graph.metadata["later"]``). Readers begin with all voltages at 0.

    Holds ``DrivenLIF``, ``CubaLIF``, ``LeakyIntegrateAndFire`` and ``IntegrateAndFire`` cells and the
    synapses between them. What else sends spikes or numbers to them becomes the graph's input: all sources
    side by side, in the order of the circuit.

    Args:
        circuit: populations and what joins them.
        path: of the file; none is written if not given.
        reader: "norse" (call ``norse.torch.from_nir(graph, dt=graph.metadata["dt"])``), "snntorch",
            "spikingjelly" (``import_from_nir(graph, dt=graph.metadata["dt"])``), or "nir": the equations as
            they read.
        populations: which; all if not given, and then only plain inputs may send to them.

    Returns:
        A ``nir.NIRGraph``. Its metadata say: ``dt``, the step in s; ``reader``; and as JSON ``inputs``
        (``[[name, cells, steps until it arrives], …]``), ``populations`` (``[[name, cells], …]`` of the
        output) and ``later`` (steps by which a population's spikes come later here than there).

    Raises:
        FormatError: NIR or the reader has no such cell, synapse or parameter; NIR is not installed; the file
            cannot be written.

    >>> import corticalnet as cn
    >>> from corticalnet.circuits.cells import DrivenLIF, Sensory
    >>> cells = [cn.Population("retina", 2, Sensory()), cn.Population("cortex", 3, DrivenLIF())]
    >>> circuit = cn.Circuit(cells, [cn.Projection("retina", "cortex", "spikes", 2.0)], dt=0.5)
    >>> graph = to_nir(circuit, reader="norse")
    >>> sorted(graph.nodes), graph.metadata["dt"]
    (['cortex', 'input', 'output', 'to_cortex'], 0.0005)
    """
    nir = library("nir", "nir", "to_nir")
    if not isinstance(circuit, Circuit):
        raise FormatError(f"to_nir takes a Circuit, not {type(circuit).__name__}")
    one_of("reader of NIR", reader, READERS, FormatError)
    how = READERS[reader]
    content = content_of(circuit, how, populations)
    step = how.step or circuit.dt * 1e-3
    layered = _layers(content)
    write = _in_layers if layered else _in_a_loop
    nodes, edges = write(nir, content, how, step)
    later = {p.name: k if layered else 0 for k, p in enumerate(layered or content.neurons)}
    facts = {
        "dt": step,
        "reader": reader,
        "inputs": json.dumps([[p.name, p.n, _lag(circuit, p)] for p in content.sources]),
        "populations": json.dumps([[p.name, p.n] for p in layered[-1:] or content.neurons]),
        "later": json.dumps(later),
        "circuit_dt_ms": float(circuit.dt),
    }
    graph = nir.NIRGraph(nodes=nodes, edges=edges, metadata=facts)
    if path is not None:
        _write(nir, graph, path)
    return graph


def _lag(circuit: Circuit, source: Population) -> int:
    """Return the steps from what a source is to what spiking cells receive of it: 1 if it acts with them."""
    order = SCHEDULE.names()
    sent = {p.sends or source.cell.sends for p in circuit.projections if p.source == source.name}
    acts = [order.index(phase) for phase, new in source.cell.equations.items() if sent & new.keys()]
    return int(max(acts, default=0) >= order.index("predict"))


def _layers(content: NirContent) -> list[Population]:
    """Return the populations in order if they are a chain; otherwise none."""
    before = {p.name: {s for s, t in content.weights if t == p.name and s != p.name} for p in content.neurons}
    outside = {p.name for p in content.sources}
    first = [p for p in content.neurons if before[p.name] <= outside]
    chain = first if len(first) == 1 else []
    while chain and len(chain) < len(content.neurons):
        following = [p for p in content.neurons if before[p.name] == {chain[-1].name}]
        if len(following) != 1 or following[0].name in content.biases:
            return []  # (a bias would reach a later layer some steps earlier than here)
        chain = [*chain, *following]
    return chain


def _sum_node(nir: Any, weight: Floats, bias: Floats | None) -> Any:
    return nir.Linear(weight=weight) if bias is None else nir.Affine(weight=weight, bias=bias)


def _in_layers(
    nir: Any, content: NirContent, reader: NirReader, step: float
) -> tuple[dict[str, Any], list[Any]]:
    chain = _layers(content)
    nodes = {"input": nir.Input({"input": np.array([sum(p.n for p in content.sources)])})}
    edges: list[tuple[str, str]] = []
    last, senders = "input", content.sources
    for population in chain:
        name, weight = _word(population.name), content.matrix(senders, [population])
        nodes[f"to_{name}"] = _sum_node(nir, weight, content.bias([population]))
        nodes[name] = _neurons(nir, [population], reader, content.circuit.dt, step)
        edges += [(last, f"to_{name}"), (f"to_{name}", name)]
        if (population.name, population.name) in content.weights:
            edges += _loop(nir, nodes, name, content.matrix([population], [population]))
        last, senders = name, [population]
    nodes["output"] = nir.Output({"output": np.array([chain[-1].n])})
    return nodes, [*edges, (last, "output")]


def _in_a_loop(
    nir: Any, content: NirContent, reader: NirReader, step: float
) -> tuple[dict[str, Any], list[Any]]:
    cells = content.neurons
    weight = content.matrix(content.sources, cells)
    nodes = {
        "input": nir.Input({"input": np.array([weight.shape[1]])}),
        "to_cells": _sum_node(nir, weight, content.bias(cells)),
        "cells": _neurons(nir, cells, reader, content.circuit.dt, step),
        "output": nir.Output({"output": np.array([weight.shape[0]])}),
    }
    loop = _loop(nir, nodes, "cells", content.matrix(cells, cells))
    return nodes, [("input", "to_cells"), ("to_cells", "cells"), *loop, ("cells", "output")]


def _loop(nir: Any, nodes: dict[str, Any], name: str, weight: Floats) -> list[tuple[str, str]]:
    """Add a node's synapses onto itself; return their edges.

    They are two nodes, the second without effect: snnTorch 1.0.0 takes a neuron with one linear node in a
    loop for a recurrent layer, and then sends what comes from outside through the loop's weights alone.
    """
    nodes[f"{name}_loop"] = nir.Linear(weight=weight)
    nodes[f"{name}_loop_end"] = nir.Linear(weight=np.eye(len(weight)))
    return [(name, f"{name}_loop"), (f"{name}_loop", f"{name}_loop_end"), (f"{name}_loop_end", name)]


def _neurons(nir: Any, populations: Sequence[Population], reader: NirReader, dt: float, step: float) -> Any:
    """Return one node with the cells of some populations.

    Raises:
        FormatError: they are of several kinds, or differ in what the reader wants alike.
    """
    kinds = {KINDS[type(p.cell)].node: p.name for p in populations}
    if len(kinds) > 1:
        names = " and ".join(f"'{name}' ({kind})" for kind, name in kinds.items())
        raise FormatError(f"populations {names} are in one loop, and a node of NIR has one kind of neuron")
    for name in reader.alike:
        default = 1.0 if name == "threshold" else 0.0
        found = {getattr(p.cell, name, default): p.name for p in populations}
        if len(found) > 1:
            names = ", ".join(f"{value:g} in '{owner}'" for value, owner in found.items())
            raise FormatError(f"{reader.name} wants one {name} for all neurons of a loop, not {names}")
    return node_of(nir, [p.cell for p in populations for _ in range(p.n)], reader, dt, step)


def _word(name: str) -> str:
    """Return a population's name as that of a node: readers take no dots."""
    return name.replace(".", "_").replace("-", "_")


def _write(nir: Any, graph: Any, path: str | Path) -> None:
    """Write a graph to a file, which is whole or not there at all."""
    import io

    content = io.BytesIO()
    nir.write(content, graph)
    write_whole(expanded(path), content.getvalue(), FormatError)
