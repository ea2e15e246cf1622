"""Adopting a plain torch network: ``cn.from_torch(module, input_shape)``.

Every linear or convolutional layer becomes the link of a new area; the layers after it become that area's
stages, in their order. What is added to something is an identity link, or one more link into the same area; a
sum whose parts have fired already is an area of its own, driven by identity links alone. Weights are copied.
Anything whose local operations this toolkit does not know is refused by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from corticalnet.checks import shown
from corticalnet.errors import NetworkError
from corticalnet.network.area import Area
from corticalnet.network.from_torch.forward import Operation, read_forward
from corticalnet.network.homeostasis import BatchHomeostasis
from corticalnet.network.links import Identity, Link
from corticalnet.network.network import Network, whole_shape
from corticalnet.network.stages import Stage


def from_torch(module: nn.Module, input_shape: Sequence[int]) -> Network:
    """Convert a torch module to a network with the same layers and weights.

    The module is an ``nn.Sequential``, or any whose forward torch.fx can trace: modules within modules, and
    residual blocks, ``x + f(x)`` in all spellings. Knows Linear, Conv2d, Sigmoid, Tanh, ReLU, LeakyReLU, ELU,
    Softplus, Identity, MaxPool2d, AvgPool2d, AdaptiveAvgPool2d, Dropout, BatchNorm1d/2d and Flatten, with the
    options that its own layers have, and the functions and methods that do the same (``F.relu``, ``x.view(n,
    -1)``, ``x.mean((2, 3))``), in place too. The result computes the same function and shares no memory with
    the original. Linear and Conv2d layers pruned by ``torch.nn.utils.prune`` become links with a mask; frozen
    parameters stay frozen, and layers in evaluation mode stay there.

    Args:
        module: the torch module.
        input_shape: of one input, without the batch.

    Raises:
        NetworkError: a layer or a call, or an option of it, is not known here; its weights are computed from
            others, or shared with another layer; a hook could change what it does; the forward cannot be
            traced.

    >>> net = from_torch(nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)), (4,))
    >>> [tuple(link.weight.shape) for link in net.links]
    [(3, 4), (2, 3)]
    """
    if not isinstance(module, nn.Module):
        raise NetworkError(f"from_torch takes an nn.Module, not {shown(module)}")
    last = read_forward(module, whole_shape(input_shape))
    like = _common(module)
    drafts = _drafts(last)
    areas = [draft.area(f"area{number}") for number, draft in enumerate(drafts[:-1], start=1)]
    areas += [draft.area("output") for draft in drafts[-1:]]
    net = Network(input_shape, areas, dtype=None if like is None else like.dtype)
    net.train(module.training)
    for node, draft in enumerate(drafts, start=1):
        draft.fill(net.wiring.area(node))
    return net if like is None else net.to(like.device)


class _Draft:
    """An area to be: links with their sources and stages, each with the layer that it comes from."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.links: list[tuple[Link, _Draft, nn.Module | None]] = []
        self.stages: list[tuple[Stage, nn.Module | None]] = []

    def hear(self, source: _Draft) -> None:
        """Add an identity link from a source."""
        self.links.append((Identity(), source, None))

    def area(self, name: str) -> Area:
        """Return the area, driven by areas that have been made."""
        self.name = name
        for link, source, _ in self.links:
            link.source_name = source.name
        return Area(
            [link for link, _, _ in self.links], name=name, stages=[stage for stage, _ in self.stages]
        )

    def fill(self, area: Area) -> None:
        """Copy the parameters and the modes of the layers to the area of a network."""
        for link, (_, _, layer) in zip(area.arriving, self.links, strict=True):
            if layer is not None:
                _copy_link(link, layer)
        for stage, (_, layer) in zip(area.sequence, self.stages, strict=True):
            if layer is not None:
                stage.train(layer.training)
            if isinstance(stage, BatchHomeostasis):
                _copy_normalisation(stage, layer)


def _drafts(last: Operation) -> list[_Draft]:
    """Return drafts of the areas that do what the operations do, from the input up."""
    operations = _in_order(last)
    readers = Counter(source for one in operations for source in one.sources)
    found: dict[Operation, _Draft] = {}
    drafts: list[_Draft] = []

    def begin() -> _Draft:
        drafts.append(_Draft())
        return drafts[-1]

    for one in operations:
        if not one.sources:
            found[one] = _Draft("input")
        elif isinstance(one.part, Link):
            found[one] = begin()
            found[one].links.append((one.part, found[one.sources[0]], one.layer))
        elif isinstance(one.part, Stage):
            (source,) = one.sources
            if readers[source] == 1 and source.sources:
                found[one] = found[source]
            else:  # others receive what it was before
                found[one] = begin()
                found[one].hear(found[source])
            found[one].stages.append((one.part, one.layer))
        else:
            found[one] = begin()
            for source in one.sources:
                part = found[source]
                if readers[source] == 1 and source.sources and not part.stages:
                    found[one].links += part.links  # nothing but a drive, and of nobody else
                    drafts.remove(part)
                else:
                    found[one].hear(part)
    return drafts


def _in_order(last: Operation) -> list[Operation]:
    """Return all operations that ``last`` depends on, in the forward's order (that of dropout's draws)."""
    todo, found = [last], {last}
    while todo:
        new = set(todo.pop().sources) - found
        todo += new
        found |= new
    return sorted(found, key=lambda one: one.number)


def _common(module: nn.Module) -> torch.Tensor | None:
    """Return a parameter that has the precision and device of all others; None if there are none.

    Raises: NetworkError: they differ in precision or device, or layers share a parameter.

    Raises:
        NetworkError: they have several, or layers share one.
    """
    owners: dict[nn.Parameter, str] = {}
    for name, layer in module.named_modules():
        for parameter in layer._parameters.values():
            if parameter is not None and owners.setdefault(parameter, name) != name:
                raise NetworkError(
                    f"layer {name} ({type(layer).__name__}) shares a parameter with layer "
                    f"{owners[parameter]}; give each its own weights"
                )
    for what in ("dtype", "device"):
        kinds = sorted({str(getattr(parameter, what)) for parameter in owners})
        if len(kinds) > 1:
            raise NetworkError(f"the module's parameters are of more than one {what}: {', '.join(kinds)}")
    return next(iter(owners), None)


@torch.no_grad()
def _copy_link(link: Link, layer: Any) -> None:
    weight = layer._parameters["weight" if link.mask is None else "weight_orig"]  # (`weight` may be old)
    link.weight.copy_(link.present(weight.to(link.weight)))
    link.weight.requires_grad_(weight.requires_grad)
    if link.bias is not None:
        link.bias.copy_(layer.bias)
        link.bias.requires_grad_(layer.bias.requires_grad)


@torch.no_grad()
def _copy_normalisation(stage: BatchHomeostasis, layer: Any) -> None:
    for own, theirs in ((stage.scale, layer.weight), (stage.shift, layer.bias)):
        if theirs is None:  # affine=False: they stay at 1 and 0
            own.requires_grad_(False)
        else:
            own.copy_(theirs)
            own.requires_grad_(theirs.requires_grad)
    stage.running_mean.copy_(layer.running_mean)
    stage.running_variance.copy_(layer.running_var)
    if layer.momentum is None:
        stage.count.copy_(layer.num_batches_tracked)
    else:
        stage.count.fill_(1 << 62)  # torch's averages move by their momentum from the first batch on
