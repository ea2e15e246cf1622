"""Layers of torch that have a counterpart here, with the options that both know; functions as their layers.

``linking`` makes a link of a layer and ``staging`` a stage; both refuse an option that has no counterpart, or
a layer that something has been done to. ``FUNCTIONS`` make a layer of a call of torch's functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize

from corticalnet.errors import NetworkError
from corticalnet.network.homeostasis import BatchHomeostasis
from corticalnet.network.links import Convolution, Dense, Link
from corticalnet.network.stages import AvgPool, Dropout, Fire, MaxPool, Stage

Shape = tuple[int, ...]


def linking(layer: nn.Module, shape: Shape) -> Link | None:
    """Return the link equivalent to a layer whose input has this shape; None if there is none.

    Raises:
        NetworkError: it does something that no link does.
    """
    maker = LINKS.get(type(layer))
    if maker is None:
        return None
    untouched(layer, prunable=True)
    return maker(layer, shape)


def staging(layer: nn.Module, shape: Shape) -> Stage | None:
    """Return the stage equivalent to a layer whose input has this shape; None if there is none.

    Raises:
        NetworkError: it does something that no stage does.
    """
    maker = STAGES.get(type(layer))
    if maker is None:
        return None
    untouched(layer, prunable=False)
    return maker(layer, shape)


def untouched(layer: nn.Module, prunable: bool) -> None:
    """Check that a layer's parameters are its own (neither computed nor hooked into).

    Raises:
        NetworkError: it is otherwise.
    """
    unhooked(layer)
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
    if any(p.is_meta for p in layer.parameters(recurse=False)):
        raise NetworkError(
            "its parameters have no numbers (device 'meta'); call to_empty and load_state_dict"
        )


def unhooked(module: nn.Module) -> None:
    """Check that a module computes what its class says, and has its parameters.

    Raises:
        NetworkError: it may do something else, or has no parameters yet.
    """
    if parametrize.is_parametrized(module):
        names = ", ".join(f"'{name}'" for name in module.parametrizations)  # type: ignore[union-attr]
        raise NetworkError(
            f"its {names} is computed from other parameters; end that with "
            "torch.nn.utils.parametrize.remove_parametrizations"
        )
    if any(nn.parameter.is_lazy(p) for p in module.parameters(recurse=False)):
        raise NetworkError("its parameters have no shape before it has seen an input; call it once")
    hooks = [*module._forward_pre_hooks.values(), *module._forward_hooks.values()]
    if any(not type(hook).__module__.startswith("torch.nn.utils") for hook in hooks):
        raise NetworkError("it has a hook, which may change what it does; remove it")
    if "forward" in vars(module):
        raise NetworkError("its forward was replaced, so it does something else; give it a class of its own")


def insist(layer: Any, **options: Any) -> None:
    """Check that the layer's options have these values.

    Raises:
        NetworkError: one has another.
    """
    for option, wanted in options.items():
        value = getattr(layer, option)
        if value != wanted:
            raise NetworkError(f"{option}={value!r} is not known here; only {wanted!r}")


# Links -------------------------------------------------------------------------------------------
def _linear(layer: nn.Linear, shape: Shape) -> Link:
    if layer.in_features != prod(shape):
        weight = (layer.out_features, layer.in_features)
        raise NetworkError(f"weights of shape {weight} do not fit an input of {shape}")
    return Dense(layer.out_features, bias=layer.bias is not None, mask=_mask(layer))


def _convolution(layer: nn.Conv2d, shape: Shape) -> Link:
    insist(layer, dilation=(1, 1), groups=1, padding_mode="zeros")
    if len(shape) == 3 and layer.in_channels != shape[0]:
        raise NetworkError(f"weights of shape {tuple(layer.weight.shape)} do not fit an input of {shape}")
    padding: Any = layer.padding
    return Convolution(
        layer.out_channels, layer.kernel_size, layer.stride, padding, bias=layer.bias is not None,  # type: ignore[arg-type]
        mask=_mask(layer),
    )  # fmt: skip


def _mask(layer: nn.Module) -> Any:
    """Return the mask of a pruned layer; None if it is not pruned."""
    return layer._buffers.get("weight_mask")


# Stages ------------------------------------------------------------------------------------------
def _leaky(layer: nn.LeakyReLU, shape: Shape) -> Stage:
    insist(layer, negative_slope=0.01)
    return Fire("leaky-relu")


def _elu(layer: nn.ELU, shape: Shape) -> Stage:
    insist(layer, alpha=1.0)
    return Fire("elu")


def _softplus(layer: nn.Softplus, shape: Shape) -> Stage:
    insist(layer, beta=1, threshold=20)
    return Fire("softplus")


def _max_pool(layer: nn.MaxPool2d, shape: Shape) -> Stage:
    insist(layer, dilation=1, ceil_mode=False, return_indices=False)
    return MaxPool(*_square(layer.kernel_size, layer.stride, layer.padding))


def _avg_pool(layer: nn.AvgPool2d, shape: Shape) -> Stage:
    insist(layer, ceil_mode=False, divisor_override=None)
    size, stride, padding = _square(layer.kernel_size, layer.stride, layer.padding)
    if padding:
        insist(layer, count_include_pad=True)
    return AvgPool(size, stride, padding)


def _adaptive(layer: nn.AdaptiveAvgPool2d, shape: Shape) -> Stage | None:
    wanted: Any = layer.output_size
    rows, columns = wanted if isinstance(wanted, tuple) else (wanted, wanted)
    if len(shape) != 3 or (rows, columns) == (1, 1):
        return AvgPool()
    height, width = shape[1:]
    rows, columns = rows or height, columns or width  # (None: as many as there are)
    size = height // rows
    if (rows * size, columns * size) != (height, width):
        raise NetworkError(
            f"output_size={wanted!r} of a sheet of {height}×{width} is no mean over equal squares; only 1, "
            "or a size that divides both sides alike"
        )
    return AvgPool(size)


def _square(*settings: Any) -> tuple[int, int, int]:
    """Return size, stride and padding of a pool, each one number.

    Raises:
        NetworkError: one is two numbers.
    """
    alike = [s[0] if isinstance(s, tuple | list) and len(set(s)) == 1 else s for s in settings]
    if not all(isinstance(size, int) for size in alike):
        raise NetworkError(f"pooling must be square, not {settings}")
    return alike[0], alike[1], alike[2]


def _normalisation(layer: nn.BatchNorm1d | nn.BatchNorm2d, shape: Shape) -> Stage:
    insist(layer, track_running_stats=True)
    if (len(shape) == 3) is not isinstance(layer, nn.BatchNorm2d) or layer.num_features != shape[0]:
        raise NetworkError(f"{layer.num_features} channels do not fit an input of {shape}")
    # torch's momentum=None is the mean over all batches so far: a newest batch never has less weight.
    return BatchHomeostasis(momentum=0.0 if layer.momentum is None else layer.momentum, eps=layer.eps)


LINKS: dict[type, Callable[[Any, Shape], Link]] = {nn.Linear: _linear, nn.Conv2d: _convolution}
STAGES: dict[type, Callable[[Any, Shape], Stage | None]] = {
    nn.Sigmoid: lambda layer, shape: Fire("sigmoid"),
    nn.Tanh: lambda layer, shape: Fire("tanh"),
    nn.ReLU: lambda layer, shape: Fire("relu"),
    nn.LeakyReLU: _leaky,
    nn.ELU: _elu,
    nn.Softplus: _softplus,
    nn.MaxPool2d: _max_pool,
    nn.AvgPool2d: _avg_pool,
    nn.AdaptiveAvgPool2d: _adaptive,
    nn.Dropout: lambda layer, shape: Dropout(layer.p),
    nn.BatchNorm1d: _normalisation,
    nn.BatchNorm2d: _normalisation,
}


# Functions ---------------------------------------------------------------------------------------
def _layer(kind: Callable[..., nn.Module], *names: str) -> Callable[..., nn.Module]:
    """Return a function that makes a layer of a function's arguments, positional ones by ``names``."""

    def made(*arguments: Any, **options: Any) -> nn.Module:
        return kind(**dict(zip(names, arguments, strict=False)), **options)

    return made


def _without_place(kind: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """Return a function that makes a layer of a call without options."""
    return lambda: kind()


_pool = ("kernel_size", "stride", "padding")
_relu, _in_place = _layer(nn.ReLU, "inplace"), lambda: nn.ReLU(inplace=True)
_sigmoid, _tanh = _without_place(nn.Sigmoid), _without_place(nn.Tanh)
_flatten = _layer(lambda start_dim=0, end_dim=-1: nn.Flatten(start_dim, end_dim), "start_dim", "end_dim")

#: Functions and (by name) methods that do what a layer does.
FUNCTIONS: Mapping[Any, Callable[..., nn.Module]] = {
    F.relu: _relu, torch.relu: _relu, "relu": _relu, torch.relu_: _in_place, "relu_": _in_place,
    F.sigmoid: _sigmoid, torch.sigmoid: _sigmoid, "sigmoid": _sigmoid,
    F.tanh: _tanh, torch.tanh: _tanh, "tanh": _tanh,
    F.leaky_relu: _layer(nn.LeakyReLU, "negative_slope", "inplace"),
    F.elu: _layer(nn.ELU, "alpha", "inplace"),
    F.softplus: _layer(nn.Softplus, "beta", "threshold"),
    F.max_pool2d: _layer(nn.MaxPool2d, *_pool, "dilation", "ceil_mode", "return_indices"),
    F.avg_pool2d: _layer(
        nn.AvgPool2d, *_pool, "ceil_mode", "count_include_pad", "divisor_override"
    ),
    F.adaptive_avg_pool2d: _layer(nn.AdaptiveAvgPool2d, "output_size"),
    torch.flatten: _flatten, "flatten": _flatten,
    "contiguous": _without_place(nn.Identity),
}  # fmt: skip

#: The layer to use instead of a function that is told its parameters or its mode.
INSTEAD: Mapping[Any, str] = {
    F.linear: "nn.Linear", F.conv2d: "nn.Conv2d", F.dropout: "nn.Dropout", F.batch_norm: "nn.BatchNorm2d",
}  # fmt: skip

KNOWN = ", ".join(kind.__name__ for kind in (*LINKS, *STAGES, nn.Flatten, nn.Identity))
