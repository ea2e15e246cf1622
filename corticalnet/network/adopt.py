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
from torch.nn.utils import prune

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
    opened. The result computes the same function and shares no memory with the original. Linear and Conv2d
    layers pruned by ``torch.nn.utils.prune`` become links with a mask; frozen parameters stay frozen.

    Raises:
        NetworkError: a layer, or an option of it, is not known here; its weights are computed from others, or
            shared with another layer; a hook could change what it does.

    >>> net = from_torch(nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)), (4,))
    >>> [tuple(link.weight.shape) for link in net.links]
    [(3, 4), (2, 3)]
    """
    arriving: list[tuple[Link, nn.Module]] = []
    stages: list[list[tuple[Stage, nn.Module]]] = []
    seen: set[nn.Module] = set()
    owners: dict[nn.Parameter, str] = {}
    for name, layer in _layers(sequential):
        if layer in seen and any(True for _ in layer.parameters()):
            raise NetworkError(
                f"layer {name} ({type(layer).__name__}) is used twice; give each its own weights"
            )
        seen.add(layer)
        for parameter in layer.parameters():
            if owners.setdefault(parameter, name) != name:
                raise NetworkError(
                    f"layer {name} ({type(layer).__name__}) shares a parameter with layer "
                    f"{owners[parameter]}; give each its own weights"
                )
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
        _untouched(layer, prunable=isinstance(layer, nn.Linear | nn.Conv2d))
        return maker(layer)
    except NetworkError as error:
        raise NetworkError(f"layer {name} ({type(layer).__name__}): {error}") from None


def _untouched(layer: nn.Module, prunable: bool) -> None:
    """A layer's parameters must be its own, and nothing may change what it computes.

    Raises:
        NetworkError: it is otherwise.
    """
    hooks = [*layer._forward_pre_hooks.values(), *layer._forward_hooks.values()]
    for name in ("weight", "bias"):
        pruned = f"{name}_mask" in layer._buffers and f"{name}_orig" in layer._parameters
        if (
            hasattr(layer, name)
            and name not in layer._parameters
            and not (pruned and prunable and name == "weight")
        ):
            others = ", ".join(other for other in layer._parameters if other.startswith(name))
            cure = f"prune.remove(layer, '{name}')" if pruned else "the remove_… function of what did it"
            raise NetworkError(f"its {name} is computed from {others}; make it a parameter by {cure}")
    if any(not isinstance(hook, prune.BasePruningMethod) for hook in hooks):
        raise NetworkError("it has a hook, which may change what it does; remove it")
    if any(p.is_meta for p in layer.parameters()):
        raise NetworkError(
            "its parameters have no numbers (device 'meta'); call to_empty and load_state_dict"
        )


def _mask(layer: nn.Module) -> Any:
    """That of a pruned layer."""
    return layer._buffers.get("weight_mask")


def _insist(layer: Any, **options: Any) -> None:
    """The layer's options must have these values."""
    for option, wanted in options.items():
        value = getattr(layer, option)
        if value != wanted:
            raise NetworkError(f"{option}={value!r} is not known here; only {wanted!r}")


def _linear(layer: nn.Linear) -> Link:
    return Dense(layer.out_features, bias=layer.bias is not None, mask=_mask(layer))


def _convolution(layer: nn.Conv2d) -> Link:
    _insist(layer, dilation=(1, 1), groups=1, padding_mode="zeros")
    padding: Any = layer.padding
    return Convolution(
        layer.out_channels, layer.kernel_size, layer.stride, padding, bias=layer.bias is not None,  # type: ignore[arg-type]
        mask=_mask(layer),
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
    weight = layer._parameters["weight" if link.mask is None else "weight_orig"]  # (`weight` may be old)
    if link.weight.shape != weight.shape:
        raise NetworkError(
            f"weights of shape {tuple(weight.shape)} do not fit an input of {link.source_shape}"
        )
    link.weight.copy_(link.present(weight.to(link.weight)))
    link.weight.requires_grad_(weight.requires_grad)
    if link.bias is not None:
        link.bias.copy_(layer.bias)
        link.bias.requires_grad_(layer.bias.requires_grad)


@torch.no_grad()
def _copy_normalisation(stage: BatchHomeostasis, layer: Any) -> None:
    stage.scale.copy_(layer.weight)
    stage.shift.copy_(layer.bias)
    stage.scale.requires_grad_(layer.weight.requires_grad)
    stage.shift.requires_grad_(layer.bias.requires_grad)
    stage.running_mean.copy_(layer.running_mean)
    stage.running_variance.copy_(layer.running_var)
    stage.count.fill_(1_000_000)  # torch's averages move by their momentum from the first batch on
