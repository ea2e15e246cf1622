"""A NIR graph laid flat: graphs within graphs are put in their place, and every node has a name of ours."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from corticalnet.errors import FormatError, printable
from corticalnet.formats.extras import library
from corticalnet.store import expanded


@dataclass
class Graph:
    """Nodes and edges of a graph without graphs in it.

    Attributes:
        nodes: by name: those that do something.
        edges: from node to node.
        inputs, outputs: names of the graph's own.
        passing: names of nodes that send on what arrives: inputs and outputs of inner graphs.
        facts: what the file says of itself.
        words: name -> the name of a population.
    """

    nodes: dict[str, Any] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    passing: set[str] = field(default_factory=set)
    facts: dict[str, Any] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)

    def before(self, name: str) -> list[str]:
        """Return the nodes that send to a node."""
        return [source for source, target in self.edges if target == name]

    def where(self, name: str) -> str:
        """Describe a node by its name, for messages."""
        return f"node '{printable(name)}'"

    def input_shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an input node."""
        (shape,) = self.inputs[name].input_type.values()
        return tuple(int(n) for n in np.asarray(shape).reshape(-1))


def flat_graph(source: Any) -> Graph:
    """Return a graph, or the graph in a file, laid flat.

    Raises:
        FormatError: it is none, or has no input or output.
    """
    nir = library("nir", "nir", "from_nir")
    graph = _opened(nir, source) if isinstance(source, str | Path) else source
    if not isinstance(graph, nir.NIRGraph):
        raise FormatError(f"from_nir takes a nir.NIRGraph or the path of one, not {type(graph).__name__}")
    found = Graph(facts={key: _text(value) for key, value in graph.metadata.items()})
    _lay(nir, graph, "", found)
    for kind, there in (("Input", found.inputs), ("Output", found.outputs)):
        if not there:
            raise FormatError(f"the graph has no {kind} node")
    ends = set(found.nodes) | set(found.inputs) | set(found.outputs) | found.passing
    for edge in found.edges:
        for end in edge:
            if end not in ends:
                raise FormatError(f"an edge of the graph names '{printable(end)}', which is no node of it")
    found.edges = list(dict.fromkeys(found.edges))
    _name(found)
    return found


def _opened(nir: Any, path: str | Path) -> Any:
    file = expanded(path)
    try:
        return nir.read(file, type_check=False)  # (sizes are checked here, as the graph is read)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "it is no HDF5 file"
        raise FormatError(f"cannot read NIR file {file}: {reason}") from None
    except (KeyError, ValueError, AssertionError, TypeError) as error:
        raise FormatError(
            f"{file} holds no NIR graph that nir can read: {' '.join(str(error).split())}"
        ) from None


def _lay(nir: Any, graph: Any, inside: str, found: Graph) -> None:
    """Add the nodes and edges of a graph, all names behind ``inside``."""
    entry: dict[str, str] = {}
    leave: dict[str, str] = {}
    for name, node in graph.nodes.items():
        full = entry[name] = leave[name] = f"{inside}{name}"
        if isinstance(node, nir.NIRGraph):
            _lay(nir, node, f"{full}.", found)
            ends = [
                [k for k, n in node.nodes.items() if isinstance(n, kind)] for kind in (nir.Input, nir.Output)
            ]
            if [len(end) for end in ends] != [1, 1]:
                raise FormatError(f"{found.where(full)} is a graph that has not one Input and one Output")
            entry[name], leave[name] = (f"{full}.{end[0]}" for end in ends)
        elif isinstance(node, nir.Input | nir.Output):
            if inside:
                found.passing.add(full)
            else:
                (found.inputs if isinstance(node, nir.Input) else found.outputs)[full] = node
        else:
            found.nodes[full] = node
    for source, target in graph.edges:
        found.edges.append((leave.get(source, f"{inside}{source}"), entry.get(target, f"{inside}{target}")))


def _name(graph: Graph) -> None:
    """Choose a word for every node that a population can be called."""
    taken = {"bias"}
    for name in [*graph.inputs, *graph.nodes, *graph.outputs]:
        word = "".join(c if c.isalnum() and c.isascii() else "_" for c in name)
        word = word if word[:1].isalpha() else f"node_{word}"
        while word in taken:
            word += "_"
        taken.add(word)
        graph.words[name] = word


def _text(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
