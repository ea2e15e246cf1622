"""Adopting a plain torch network: ``cn.from_torch(nn.Sequential(...), input_shape)``.

Every linear or convolutional layer becomes the link of a new area; the layers after it become that
area's stages, in their order. Weights are copied. Anything whose local operations this toolkit does
not know is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from corticalnet.errors import NetworkError
from corticalnet.network.area import Area
from corticalnet.network.homeostasis import BatchHomeostasis
from corticalnet.network.links import Convolution, Dense, Link
from corticalnet.network.network import Network
from corticalnet.network.stages import Dropout, Fire, MaxPool, Stage


def from_torch(sequential: nn.Sequential, input_shape: Sequence[int]) -> Network:
    """A network with the layers and weights of an ``nn.Sequential``.

    Knows Linear, Conv2d, Sigmoid, Tanh, ReLU, LeakyReLU, ELU, Softplus, Identity, MaxPool2d, Dropout,
    BatchNorm1d/2d and Flatten, with the options that its own layers have. Nested Sequentials are
    opened. The result computes the same function and shares no memory with the original.

    Raises:
        NetworkError: a layer, or an option of it, is not known here.

    >>> net = from_torch(nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)), (4,))
    >>> [tuple(link.weight.shape) for link in net.links]
    [(3, 4), (2, 3)]
    """
    arriving: list[tuple[Link, nn.Module]] = []
    stages: list[list[tuple[Stage, nn.Module]]] = []
    seen: set[nn.Module] = set()
    for name, layer in _layers(sequential):
        if layer in seen and any(True for _ in layer.parameters()):
            raise NetworkError(
                f"layer {name} ({type(layer).__name__}) is used twice; give each its own weights"
            )
        seen.add(layer)
        link = _refusing(name, layer, _LINKS)
        if link is not None:
            arriving.append((link, layer))
            stages.append([])
            continue
        stage = _refusing(name, layer, _STAGES)
        if isinstance(layer, nn.Flatten | nn.Identity):
            continue
        if stage is None:
            raise NetworkError(
                f"layer {name} is a {type(layer).__name__}, which has no local operations here; known: "
                + ", ".join(kind.__name__ for kind in (*_LINKS, *_STAGES, nn.Flatten, nn.Identity))
            )
        if not stages:
            raise NetworkError(f"layer {name} ({type(layer).__name__}) comes before any Linear or Conv2d")
        stages[-1].append((stage, layer))
    areas = [
        Area(link, stages=[s for s, _ in through])
        for (link, _), through in zip(arriving, stages, strict=True)
    ]
    dtype = next(sequential.parameters()).dtype if arriving else None
    net = Network(input_shape, areas, dtype=dtype)
    for node, ((_, layer), through) in enumerate(zip(arriving, stages, strict=True), start=1):
        area = net.wiring.area(node)
        _copy_link(area.arriving[0], layer)
        for stage, (_, source) in zip(area.sequence, through, strict=True):
            if isinstance(stage, BatchHomeostasis):
                _copy_normalisation(stage, source)
    net.train(sequential.training)
    return net.to(next(sequential.parameters()).device)


def _layers(sequential: nn.Module, prefix: str = "") -> list[tuple[str, nn.Module]]:
    if not isinstance(sequential, nn.Sequential):
        raise NetworkError(f"from_torch takes an nn.Sequential, not a {type(sequential).__name__}")
    layers: list[tuple[str, nn.Module]] = []
    for name, layer in sequential._modules.items():  # (named_children leaves out a layer used again)
        assert layer is not None
        inner = isinstance(layer, nn.Sequential)
        layers += _layers(layer, f"{prefix}{name}.") if inner else [(f"{prefix}{name}", layer)]
    return layers


def _refusing(name: str, layer: nn.Module, makers: dict[type, Callable[[Any], Any]]) -> Any:
    maker = makers.get(type(layer))
    if maker is None:
        return None
    try:
        return maker(layer)
    except NetworkError as error:
        raise NetworkError(f"layer {name} ({type(layer).__name__}): {error}") from None


def _insist(layer: Any, **options: Any) -> None:
    """The layer's options must have these values."""
    for option, wanted in options.items():
        value = getattr(layer, option)
        if value != wanted:
            raise NetworkError(f"{option}={value!r} is not known here; only {wanted!r}")


def _linear(layer: nn.Linear) -> Link:
    return Dense(layer.out_features, bias=layer.bias is not None)


def _convolution(layer: nn.Conv2d) -> Link:
    _insist(layer, dilation=(1, 1), groups=1, padding_mode="zeros")
    padding: Any = layer.padding
    return Convolution(
        layer.out_channels, layer.kernel_size, layer.stride, padding, bias=layer.bias is not None  # type: ignore[arg-type]
    )  # fmt: skip


def _max_pool(layer: nn.MaxPool2d) -> Stage:
    _insist(layer, dilation=1, ceil_mode=False, return_indices=False)
    sizes = (layer.kernel_size, layer.stride, layer.padding)
    if not all(isinstance(size, int) for size in sizes):
        raise NetworkError(f"pooling must be square, not {sizes}")
    return MaxPool(*sizes)  # type: ignore[arg-type]


def _normalisation(layer: nn.BatchNorm1d | nn.BatchNorm2d) -> Stage:
    _insist(layer, affine=True, track_running_stats=True)
    if layer.momentum is None:
        raise NetworkError("momentum=None is not known here; give a number")
    return BatchHomeostasis(momentum=layer.momentum, eps=layer.eps)


def _flatten(layer: nn.Flatten) -> None:
    _insist(layer, start_dim=1, end_dim=-1)


def _leaky(layer: nn.LeakyReLU) -> Stage:
    _insist(layer, negative_slope=0.01)
    return Fire("leaky-relu")


def _elu(layer: nn.ELU) -> Stage:
    _insist(layer, alpha=1.0)
    return Fire("elu")


def _softplus(layer: nn.Softplus) -> Stage:
    _insist(layer, beta=1, threshold=20)
    return Fire("softplus")


_LINKS: dict[type, Callable[[Any], Any]] = {nn.Linear: _linear, nn.Conv2d: _convolution}
_STAGES: dict[type, Callable[[Any], Any]] = {
    nn.Sigmoid: lambda layer: Fire("sigmoid"),
    nn.Tanh: lambda layer: Fire("tanh"),
    nn.ReLU: lambda layer: Fire("relu"),
    nn.LeakyReLU: _leaky,
    nn.ELU: _elu,
    nn.Softplus: _softplus,
    nn.MaxPool2d: _max_pool,
    nn.Dropout: lambda layer: Dropout(layer.p),
    nn.BatchNorm1d: _normalisation,
    nn.BatchNorm2d: _normalisation,
    nn.Flatten: _flatten,
}


@torch.no_grad()
def _copy_link(link: Link, layer: Any) -> None:
    if link.weight.shape != layer.weight.shape:
        raise NetworkError(
            f"weights of shape {tuple(layer.weight.shape)} do not fit an input of {link.source_shape}"
        )
    link.weight.copy_(layer.weight)
    if link.bias is not None:
        link.bias.copy_(layer.bias)


@torch.no_grad()
def _copy_normalisation(stage: BatchHomeostasis, layer: Any) -> None:
    stage.scale.copy_(layer.weight)
    stage.shift.copy_(layer.bias)
    stage.running_mean.copy_(layer.running_mean)
    stage.running_variance.copy_(layer.running_var)
    stage.count.fill_(1_000_000)  # torch's averages move by their momentum from the first batch on
