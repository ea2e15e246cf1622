"""What every library's weights come down to: matrices and biases from the input up, and what columns fire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from corticalnet.activations import Activation
from corticalnet.errors import FormatError
from corticalnet.network import Area, Dense, Identity, Network

Array = NDArray[Any]
#: Activations by their names elsewhere; others are called here as there.
NAMES = {"identity": "linear", "none": "linear", "logistic": "sigmoid", "leaky_relu": "leaky-relu",
         "leakyrelu": "leaky-relu"}  # fmt: skip


@dataclass(frozen=True)
class Layers:
    """Weights ``[post, pre]`` (or of a convolution, ``[post, pre, rows, columns]``) from the input up.

    Attributes:
        weights: one for each layer.
        biases: one for each layer, flat; None where a layer has none.
        activations: of each layer.
        input: what is done to the input first.
        skips: layers to whose drive the rates of the layer below are added.
    """

    weights: Sequence[Array]
    biases: Sequence[Array | None]
    activations: Sequence[str | Activation]
    input: str | Activation = "linear"
    skips: frozenset[int] = frozenset()

    def network(self, into: Network | None, dtype: torch.dtype | None) -> Network:
        """Return a network with these weights: a new one of dense links, or a given one, which is filled.

        Raises:
            FormatError: the weights do not follow each other, or do not fit the given network.
        """
        if not self.weights:
            raise FormatError("there are no weights")
        made = self._new(dtype) if into is None else into
        links = [link for link in made.links if link.plastic]
        if len(links) != len(self.weights):
            raise FormatError(
                f"{len(self.weights)} layers of weights do not fit a network of {len(links)} links"
            )
        for number, (link, weight, bias) in enumerate(zip(links, self.weights, self.biases, strict=True), 1):
            _fits(f"weights of layer {number}", weight, link.weight.shape, link.name)
            if (bias is None) is not (link.bias is None):
                has, link_has = ("a bias", "none") if link.bias is None else ("no bias", "one")
                raise FormatError(f"layer {number} has {has}, and link '{link.name}' has {link_has}")
            if bias is not None and link.bias is not None:
                _fits(f"bias of layer {number}", bias, link.bias.shape, link.name)
        with torch.no_grad():
            for link, weight, bias in zip(links, self.weights, self.biases, strict=True):
                link.weight.copy_(torch.tensor(weight))
                if bias is not None and link.bias is not None:
                    link.bias.copy_(torch.tensor(bias))
        return made

    def _new(self, dtype: torch.dtype | None) -> Network:
        areas = [] if self.input == "linear" else [Area(Identity(), self.input, "input_rate")]
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if weight.ndim != 2:
                raise FormatError(
                    f"weights of layer {k + 1} have shape {weight.shape}: a convolution's, whose stride and "
                    "pooling are in no file; build the network (cn.Network) and give it as into="
                )
            if k and weight.shape[1] != len(self.weights[k - 1]):
                raise FormatError(
                    f"weights of layer {k + 1} take {weight.shape[1]} rates, but layer {k} has "
                    f"{len(self.weights[k - 1])} columns"
                )
            arriving = [Dense(len(weight), bias=bias is not None), *([Identity()] if k in self.skips else [])]
            areas.append(Area(arriving, self.activations[k]))
        kind = dtype or torch.tensor(self.weights[0]).dtype
        return Network((self.weights[0].shape[1],), areas, dtype=kind)


def _fits(what: str, array: Array, shape: Sequence[int], link: str) -> None:
    if tuple(array.shape) != tuple(shape):
        raise FormatError(f"{what} have shape {array.shape}, but link '{link}' has {tuple(shape)}")


def named(activation: Any, what: str = "activation") -> str | Activation:
    """Return the activation here of a name, or of a function of JAX or torch.

    Raises:
        FormatError: there is none here; an :class:`~corticalnet.activations.Activation` may be given instead.
    """
    from corticalnet.activations import ACTIVATIONS

    if isinstance(activation, Activation):
        return activation
    said = activation if isinstance(activation, str) else getattr(activation, "__name__", "")
    said = said or type(activation).__name__
    word = NAMES.get(said.lower(), said.lower())
    if word not in ACTIVATIONS:
        raise FormatError(
            f"{what} '{said}' is not known here: {', '.join(ACTIVATIONS)}, or an Activation(name, rate, gain)"
        )
    return word


def floats(array: Any, what: str) -> Array:
    """Return an array of floating-point numbers, also of torch or JAX.

    Raises:
        FormatError: it is none.
    """
    array = array.detach().cpu() if hasattr(array, "detach") else array
    try:
        found = np.asarray(array)
    except Exception:
        found = np.asarray(None)
    if found.dtype.kind != "f" or found.dtype.itemsize < 2:
        raise FormatError(f"{what} must be an array of floating-point numbers, not {type(array).__name__}")
    return found
