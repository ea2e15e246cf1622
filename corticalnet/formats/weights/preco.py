"""PRECO (github.com/bjornvz/PRECO, commit c8709c4): networks (PCnet) and layered graphs (PCgraph).

Weights are ``[pre, post]`` in a PCnet (``x @ w``) and one ``[N, N]`` matrix ``[post, pre]`` of all nodes in a
PCgraph. Two conventions:

    MBA   μ = f(W x + b)         as here
    AMB   μ = W f(x) + b         f acts before the weights, also on the input; the output is linear
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from corticalnet.errors import FormatError, one_of
from corticalnet.formats.weights.layers import Array, Layers, floats, named
from corticalnet.network import Network

CONVENTIONS = ("amb", "mba")


def from_preco(
    source: Any,
    hidden: Any = None,
    convention: str | None = None,
    output: Any = None,
    *,
    layers: Sequence[int] | None = None,
    into: Network | None = None,
    dtype: torch.dtype | None = None,
) -> Network:
    """Make a network of the weights of a PRECO model.

    Args:
        source: a ``PCnet``, a layered ``PCgraph``, or its ``params``: {"w": …, "b": …, "use_bias": …}.
        hidden: f; that of the model if one is given.
        convention: "amb" or "mba"; that of the model if one is given.
        output: fL, as PCNStructure takes it; f if not given.
        layers: sizes of the layers of a graph's ``params``.
        into: a network to fill.
        dtype: of a new network; that of the weights if not given.

    With "amb" the input passes f first, by an area of its own ("input_rate") if f is not linear.

    Raises:
        FormatError: a graph without layers, a generative network (``upward=False``), activations that are not
            known here, or arrays that do not fit.

    >>> import numpy as np
    >>> net = from_preco({"w": [np.ones((2, 3)), np.ones((3, 1))], "b": [], "use_bias": False}, "tanh", "mba")
    >>> tuple(link.weight.shape for link in net.links)
    (torch.Size([3, 2]), torch.Size([1, 3]))
    """
    structure = getattr(source, "structure", None)
    params = source if isinstance(source, Mapping) else getattr(source, "params", None)
    if not isinstance(params, Mapping) or "w" not in params:
        raise FormatError(f"from_preco takes a PCnet, a PCgraph or its params, not {type(source).__name__}")
    if structure is not None:
        hidden = structure.f if hidden is None else hidden
        convention = type(structure).__name__.rpartition("_")[2].lower() if convention is None else convention
        output = getattr(structure, "fL", None) if output is None else output
        layers = getattr(structure, "layers", None) if layers is None else layers
        if getattr(structure, "upward", True) is False:
            raise FormatError(
                "a network with upward=False generates its input; only upward=True is known here"
            )
    if hidden is None or convention is None:
        raise FormatError(
            "from_preco of params alone must be told hidden='tanh', … and convention='amb' or 'mba'"
        )
    one_of("convention of PRECO", convention, CONVENTIONS, FormatError)
    weights, biases = _listed(params) if isinstance(params["w"], Sequence) else _cut(params, layers)
    f, last = named(hidden), named(hidden if output is None else output)
    if convention == "mba":
        return Layers(weights, biases, [f] * (len(weights) - 1) + [last]).network(into, dtype)
    # fL is what the layer below the output sends.
    sent = [f] * (len(weights) - 1) + [last]
    return Layers(weights, biases, [*sent[1:], "linear"], input=sent[0]).network(into, dtype)


def _listed(params: Mapping[str, Any]) -> tuple[list[Array], list[Array | None]]:
    """Return the weights ``[post, pre]`` and biases of a PCnet."""
    weights = [floats(w, f"weights of layer {k}") for k, w in enumerate(params["w"], 1)]
    weights = [np.ascontiguousarray(w.T) for w in weights if w.size]  # (PRECO keeps an empty one, too)
    given = list(params.get("b") or []) if params.get("use_bias", "b" in params) else []
    found = [floats(b, f"bias of layer {k}") for k, b in enumerate(given, 1)]
    biases: list[Array | None] = [b for b in found if b.size]
    if biases and len(biases) != len(weights):
        raise FormatError(f"{len(weights)} weights and {len(biases)} biases do not fit")
    return weights, biases or [None] * len(weights)


def _cut(params: Mapping[str, Any], layers: Sequence[int] | None) -> tuple[list[Array], list[Array | None]]:
    """Return the weights ``[post, pre]`` and biases of a graph in layers.

    Raises:
        FormatError: it has none, or has weights elsewhere.
    """
    w = floats(params["w"], "weights")
    if not layers or w.shape != (sum(layers),) * 2:
        raise FormatError(f"a graph of {len(w)} nodes must have layers=[…] of as many in all, not {layers}")
    ends = np.cumsum([0, *layers])
    weights, left = [], w.copy()
    inner = list(zip(ends[:-2], ends[1:-1], ends[2:], strict=True))
    for low, middle, high in inner:
        weights.append(np.ascontiguousarray(w[middle:high, low:middle]))
        left[middle:high, low:middle] = 0
    if left.any():
        raise FormatError("the graph has weights that do not lead from one layer to the next")
    if not params.get("use_bias", "b" in params):
        return weights, [None] * len(weights)
    b = floats(params["b"], "biases")
    return weights, [b[middle:high] for _, middle, high in inner]
