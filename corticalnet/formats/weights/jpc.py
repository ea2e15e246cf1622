"""jpc (github.com/thebuckleylab/jpc, 1.0.0): models of ``jpc.make_mlp``, and their files by Equinox.

A layer is ``W φ(z_below) + b``, φ before the weights, so its columns' drives are jpc's activities z, and
their rates φ(z); the first layer takes the input as it is. ``eqx.tree_serialise_leaves`` writes the arrays
one after another, without names: W ``[post, pre]``, then b.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from corticalnet.activations import Activation
from corticalnet.errors import FormatError, one_of
from corticalnet.formats.weights.layers import Array, Layers, floats, named
from corticalnet.network import Network
from corticalnet.store import expanded

#: Parameterisations: (inputs D, width N, layers L, skips) -> scale of the first, middle and last layers.
SCALES = {
    "sp": lambda d, n, layers, skips: (1.0, 1.0, 1.0),
    "ntp": lambda d, n, layers, skips: (d**-0.5, _middle(n, layers, skips), n**-0.5),
    "mupc": lambda d, n, layers, skips: (d**-0.5, _middle(n, layers, skips), 1 / n),
}


def from_jpc(
    source: Any,
    hidden: Any = None,
    *,
    param_type: str = "sp",
    skips: bool = False,
    into: Network | None = None,
    dtype: torch.dtype | None = None,
) -> Network:
    """Make a network of the weights of a jpc model.

    Args:
        source: the model (a list of layers, as ``jpc.make_mlp`` returns), a file of
            ``eqx.tree_serialise_leaves(path, model)`` (also behind a line of JSON, as Equinox's documentation
            writes it), or the arrays in order.
        hidden: φ by name; that of the layers if they are given.
        param_type: "sp", "ntp" or "mupc": its scales are multiplied into the weights.
        skips: whether the model goes with ``jpc.make_skip_model``: every layer but the first and the last
            then adds the activities below, which is the same as here only for a linear φ.
        into: a network to fill.
        dtype: of a new network; that of the weights if not given.

    Raises:
        FormatError: the file or a layer cannot be read, or does not fit; φ is not known here.

    >>> import numpy as np
    >>> net = from_jpc([np.ones((3, 2)), np.ones((1, 3))], "relu")
    >>> net.areas["area1"].sequence[0].activation.name
    'relu'
    """
    one_of("param_type of jpc", param_type, SCALES, FormatError)
    activation = hidden
    if isinstance(source, str | Path):
        arrays = _read(source)
    elif isinstance(source, Sequence) and source and hasattr(source[0], "layers"):
        arrays, found = _of_layers(source)
        activation = found if hidden is None else hidden
    elif isinstance(source, Sequence):
        arrays = [floats(one, f"array {k}") for k, one in enumerate(source)]
    else:
        raise FormatError(f"from_jpc takes a model, a path or arrays, not {type(source).__name__}")
    if activation is None:
        raise FormatError("from_jpc of weights alone must be told what columns fire: hidden='tanh', …")
    phi = named(activation)
    if skips and phi != "linear":
        raise FormatError(
            "with jpc's skip model an activity z is added to the next, and here a rate φ(z); the two are the "
            "same for hidden='linear' only"
        )
    weights, biases = _paired(arrays)
    scales = SCALES[param_type](weights[0].shape[1], len(weights[0]), len(weights), skips)
    last = len(weights) - 1
    each = [scales[0 if k == 0 else 2 if k == last else 1] for k in range(len(weights))]
    weights = [weight * weight.dtype.type(scale) for weight, scale in zip(weights, each, strict=True)]
    biases = [b if b is None else b * b.dtype.type(scale) for b, scale in zip(biases, each, strict=True)]
    added = frozenset(range(1, last)) if skips else frozenset()
    return Layers(weights, biases, [phi] * last + ["linear"], skips=added).network(into, dtype)


def _middle(width: int, layers: int, skips: bool) -> float:
    return float((width * layers) ** -0.5 if skips else width**-0.5)


def _of_layers(model: Sequence[Any]) -> tuple[list[Array], str | Activation]:
    """Return the arrays and the activation of live layers.

    Raises:
        FormatError: a layer is not as ``jpc.make_mlp`` makes it.
    """
    arrays, activations = [], []
    for k, layer in enumerate(model):
        parts = list(layer.layers)
        linear = [part for part in parts if hasattr(part, "weight")]
        others = [part for part in parts if not hasattr(part, "weight")]
        if len(linear) != 1 or parts[-1] is not linear[0] or len(others) > 1:
            raise FormatError(f"layer {k + 1} is not φ and then Linear, as jpc.make_mlp makes it")
        arrays.append(floats(linear[0].weight, f"weights of layer {k + 1}"))
        if linear[0].bias is not None:
            arrays.append(floats(linear[0].bias, f"bias of layer {k + 1}"))
        activations.append(named(getattr(others[0], "fn", others[0]) if others else "linear"))
    if activations[0] != "linear" or len(set(map(str, activations[1:]))) > 1:
        raise FormatError(f"layers of a jpc model share one φ, and the first has none; here: {activations}")
    return arrays, (activations[1:] or activations)[0]


def _paired(arrays: Sequence[Array]) -> tuple[list[Array], list[Array | None]]:
    """Return weights and biases of arrays in order.

    Raises:
        FormatError: a bias stands before any weights, or an array is neither.
    """
    weights: list[Array] = []
    biases: list[Array | None] = []
    for k, array in enumerate(arrays):
        if array.ndim == 2:
            weights.append(array)
            biases.append(None)
        elif array.ndim == 1 and weights and biases[-1] is None and len(array) == len(weights[-1]):
            biases[-1] = array
        else:
            raise FormatError(f"array {k} of shape {array.shape} is neither weights nor their bias")
    if not weights:
        raise FormatError("there are no weights")
    return weights, biases


def _read(path: str | Path) -> list[Array]:
    """Return the arrays of a file, in order.

    Raises:
        FormatError: it cannot be read.
    """
    file = expanded(path)
    found: list[Array] = []
    try:
        with open(file, "rb") as stream:
            if stream.read(1) == b"{":
                stream.readline()
            else:
                stream.seek(0)
            while stream.peek(1):
                found.append(floats(np.load(stream, allow_pickle=False), f"array {len(found)} of {file}"))
    except OSError as error:
        raise FormatError(f"cannot read {file}: {error.strerror or error}") from None
    except (ValueError, EOFError):
        raise FormatError(f"{file} is no file of equinox.tree_serialise_leaves") from None
    return found
