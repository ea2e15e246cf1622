"""PCX (github.com/liukidar/pcx, 0.6.3): what ``pcx.utils.save_params`` writes.

A .npz with one array for each parameter, named by its path in the model: ".layers[0].nn.weight"
``[post, pre]``, ".layers[0].nn.bias" ``[post]``; of a convolution ``[post, pre, rows, columns]`` and
``[post, 1, 1]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch

from corticalnet.errors import FormatError, printable
from corticalnet.formats.weights.layers import Array, Layers, floats, named
from corticalnet.network import Network
from corticalnet.store import expanded


def from_pcx(
    source: Any,
    hidden: Any = "tanh",
    output: Any = "linear",
    *,
    into: Network | None = None,
    dtype: torch.dtype | None = None,
) -> Network:
    """Make a network of the weights of a PCX model.

    The file does not say what a model does between its layers, so you do; the layers are in the order in
    which the model defines them.

    Args:
        source: a file of ``pcx.utils.save_params``, or its arrays by name.
        hidden, output: activations, by name, or the functions of JAX that the model calls.
        into: a network to fill, for convolutions and whatever else is not one dense layer after another.
        dtype: of a new network; that of the weights if not given.

    Raises:
        FormatError: the file cannot be read, has parameters of other layers than Linear and Conv2d, or does
            not fit the network.

    >>> import numpy as np
    >>> arrays = {".layers[0].nn.weight": np.ones((3, 2)), ".layers[1].nn.weight": np.ones((1, 3))}
    >>> tuple(link.weight.shape for link in from_pcx(arrays, "relu").links)
    (torch.Size([3, 2]), torch.Size([1, 3]))
    """
    arrays = source if isinstance(source, Mapping) else _read(source)
    layers: dict[str, dict[str, Array]] = {}
    for name, value in arrays.items():
        owner, _, what = str(name).rpartition(".")
        if what not in ("weight", "bias"):
            raise FormatError(
                f"parameter '{printable(name)}' is no weight or bias of a layer that is known here"
            )
        layers.setdefault(owner, {})[what] = floats(value, f"parameter '{printable(name)}'")
    for owner, one in layers.items():
        if "weight" not in one or one["weight"].ndim not in (2, 4):
            raise FormatError(f"'{printable(owner)}' is no Linear or Conv2d, the layers that are known here")
    found = list(layers.values())
    biases = [one["bias"].reshape(-1) if "bias" in one else None for one in found]
    weights = [one["weight"] for one in found]
    rates = [named(hidden)] * (len(found) - 1) + [named(output)]
    return Layers(weights, biases, rates).network(into, dtype)


def _read(path: str | Path) -> dict[str, Array]:
    """Return the arrays of a file.

    Raises:
        FormatError: it cannot be read.
    """
    if not isinstance(path, str | Path):
        raise FormatError(f"from_pcx takes a path or arrays by name, not {type(path).__name__}")
    file = expanded(path)
    name, found = "", {}
    try:
        with open(file, "rb") as stream:
            content = np.load(stream, allow_pickle=False)
            for name in getattr(content, "files", ()):
                found[name] = content[name]
    except OSError as error:
        raise FormatError(f"cannot read {file}: {error.strerror or error}") from None
    except (ValueError, BadZipFile, EOFError) as error:
        if "pickle" in str(error) and name:
            raise FormatError(
                f"{file}: PCX wrote no numbers for '{printable(name)}', which is shared with another layer "
                "(and which PCX cannot load either)"
            ) from None
        raise FormatError(f"{file} is no file of pcx.utils.save_params") from None
    if not found:
        raise FormatError(f"{file} holds no parameters by name")
    return found
