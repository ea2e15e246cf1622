"""The calls that the forward of a torch module makes, by torch.fx.

Nothing is computed: the module is called once in either mode with stand-ins for tensors, and its calls are
put down. A forward whose calls depend on the numbers, on chance or on the mode is refused.
"""

from __future__ import annotations

import operator
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import fx, nn

from corticalnet.errors import NetworkError
from corticalnet.network.from_torch.layers import unhooked


def plain(module: nn.Module) -> nn.Module:
    """Return the module, if its forward alone says what it does; a layer of torch's own in a sequence of one.

    Raises:
        NetworkError: something else does, too.
    """
    own = type(module).__module__.startswith("torch.")
    inside = next((n for n in ("module", "_orig_mod") if isinstance(getattr(module, n, 0), nn.Module)), "")
    if own and inside:
        kind = type(module).__name__
        raise NetworkError(f"from_torch reads a plain module; give it the one inside: {kind}.{inside}")
    if isinstance(module, torch.jit.ScriptModule):
        raise NetworkError("from_torch cannot read a ScriptModule; give it the module that it was made of")
    if own and not isinstance(module, nn.Sequential | fx.GraphModule):
        module = nn.Sequential(module)
    for name, inner in module.named_modules():
        try:
            unhooked(inner)
        except NetworkError as error:
            raise NetworkError(f"{layer_name(name, inner)}: {error}") from None
    return module


class _Proxy(fx.Proxy):
    """A stand-in that puts ``x += y`` down as what it is; torch.fx's own makes a sum of it."""

    def __iadd__(self, other: Any) -> Any:
        return self.tracer.create_proxy("call_function", operator.iadd, (self, other), {})


class _Tracer(fx.Tracer):
    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)


def traced(module: nn.Module) -> fx.Graph:
    """Trace the calls of a forward with torch.fx.

    Raises:
        NetworkError: they cannot be told, or are not the same in training and in evaluation.
    """
    kind, graphs = type(module).__name__, []
    for training in (True, False):
        with _in_mode(module, training):
            before = torch.get_rng_state(), random.getstate()
            try:
                graphs.append(_Tracer().trace(module))
            except NetworkError:
                raise
            except Exception as error:  # whatever the forward does with a stand-in that is no tensor
                reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
                raise NetworkError(
                    f"torch.fx cannot trace {kind}: {reason[0]}; its forward must make the same calls for "
                    "whatever it is given"
                ) from error
            drew = not torch.equal(before[0], torch.get_rng_state()) or before[1] != random.getstate()
            torch.set_rng_state(before[0])
            random.setstate(before[1])
            if drew:
                raise NetworkError(f"the forward of {kind} draws random numbers itself; only nn.Dropout may")
    one, other = ([_call(node) for node in graph.nodes] for graph in graphs)
    if one != other:
        first = next((a for a, b in zip(one, other, strict=False) if a != b), max(one, other, key=len)[-1])
        raise NetworkError(
            f"the forward of {kind} makes other calls in training than in evaluation ('{first[0]}'); only "
            "layers may know their mode: nn.Dropout, nn.BatchNorm2d"
        )
    return graphs[0]


def _call(node: fx.Node) -> tuple[str, ...]:
    return node.name, node.op, str(node.target), str(node.args), str(node.kwargs)


@contextmanager
def _in_mode(module: nn.Module, training: bool) -> Iterator[None]:
    modes = [(inner, inner.training) for inner in module.modules()]
    try:
        for inner, _ in modes:
            inner.training = training
        yield
    finally:
        for inner, mode in modes:
            inner.training = mode


def layer_name(name: str, module: nn.Module) -> str:
    """Describe a layer in words, by its name and class."""
    return f"layer {name} ({type(module).__name__})" if name else type(module).__name__
