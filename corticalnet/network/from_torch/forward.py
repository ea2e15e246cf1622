"""What the forward of a torch module does: links, stages and sums, each with its sources.

A call without a counterpart here is refused by name. What is done in place changes all that share the memory,
as torch's tensors do.
"""

from __future__ import annotations

import operator
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from math import prod
from typing import Any

import torch
from torch import fx, nn

from corticalnet.checks import shown
from corticalnet.errors import NetworkError
from corticalnet.network.from_torch.layers import (
    FUNCTIONS,
    INSTEAD,
    KNOWN,
    LINKS,
    insist,
    linking,
    staging,
)
from corticalnet.network.from_torch.trace import layer_name, plain, traced
from corticalnet.network.links import Link
from corticalnet.network.stages import AvgPool, Flatten, Stage

Shape = tuple[int, ...]


@dataclass(eq=False)
class Operation:
    """One step of a forward.

    Attributes:
        shape: of what comes out of it, without the batch.
        sources: whose results it takes: none for the input, several for a sum.
        part: the link or stage that does it; None for the input and for sums.
        layer: the layer of torch that it was.
        where: its name and its kind, for messages.
        number: of all, in the order in which the forward does them.
    """

    shape: Shape
    sources: tuple[Operation, ...] = ()
    part: Link | Stage | None = None
    layer: nn.Module | None = None
    where: str = ""
    number: int = field(default_factory=count().__next__)


@dataclass(frozen=True)
class _Signal:
    """What a tensor of the forward is: the result of an operation, perhaps as a row."""

    made: Operation
    flat: bool = False

    @property
    def shape(self) -> Shape:
        return (prod(self.made.shape),) if self.flat else self.made.shape


class _Batch:
    """The number of samples, which is unknown when a module is read."""


_BATCH = _Batch()


def read_forward(module: nn.Module, input_shape: Shape) -> Operation:
    """Read a module's forward; return its last operation, on which all others depend.

    Raises:
        NetworkError: the forward cannot be read, or does something that is not known here.
    """
    module = plain(module)
    return _Reader(module, traced(module)).read(input_shape)


# Reading -----------------------------------------------------------------------------------------
class _Reader:
    """Reads the calls of a forward, one by one, as operations.

    Args:
        module: whose forward it is.
        graph: its calls.
    """

    def __init__(self, module: nn.Module, graph: fx.Graph) -> None:
        self.module, self.nodes = module, list(graph.nodes)
        self.at = {node: number for number, node in enumerate(self.nodes)}
        self.values: dict[fx.Node, Any] = {}
        self.memory: dict[fx.Node, int] = {}  # by number: which calls return one and the same tensor
        self.perhaps: dict[int, int] = {}  # dropout in evaluation returns the tensor that it was given
        self.used: set[nn.Module] = set()

    def read(self, input_shape: Shape) -> Operation:
        """Read all calls; return the operation whose result is the output."""
        for node in self.nodes:
            if node.op == "placeholder":
                self._place(node, input_shape)
            elif node.op == "output":
                (result,) = node.args
                signal = self.values.get(result) if isinstance(result, fx.Node) else None
                if not isinstance(signal, _Signal):
                    raise NetworkError(f"forward must return one tensor, not {shown(result)}")
                return self._row(signal).made
            else:
                try:
                    self._step(node)
                except NetworkError as error:
                    raise NetworkError(f"{self._where(node)}: {error}") from None
        raise AssertionError("every graph has an output")

    def _place(self, node: fx.Node, shape: Shape) -> None:
        if not self.values:
            self.values[node], self.memory[node] = _Signal(Operation(shape, where="input")), self.at[node]
        elif not node.args or node.users:
            raise NetworkError(f"forward takes one input, not '{node.target}' too")

    def _step(self, node: fx.Node) -> None:
        arguments, options = self._known(node.args), self._known(node.kwargs)
        first = arguments[0] if arguments else None
        if node.op == "call_module":
            layer = self.module.get_submodule(str(node.target))
            if len(arguments) != 1 or options or not isinstance(first, _Signal):
                raise NetworkError("takes one tensor here")
            self._once(layer)
            self._keep(node, self._apply(layer, first, self._where(node)), layer)
        elif node.op == "get_attr":
            raise NetworkError("numbers that are in no layer; known are those of " + KNOWN)
        elif node.target in _SUMS:
            self._keep(node, self._sum(node, arguments, options))
        elif node.target in FUNCTIONS and isinstance(first, _Signal):
            options.pop("input", None)
            try:
                layer = FUNCTIONS[node.target](*arguments[1:], **options)
            except TypeError as error:
                raise NetworkError(f"these options are not known here ({error})") from None
            self._keep(node, self._apply(layer, first, self._where(node)), layer)
        elif node.target in ("view", "reshape", torch.reshape) and isinstance(first, _Signal):
            self._keep(node, _viewed(first, arguments[1:] or [*options.values()]), nn.Flatten())
        elif node.target in ("mean", torch.mean) and isinstance(first, _Signal):
            self._keep(node, self._mean(first, arguments[1:], options, self._where(node)))
        else:
            self.values[node] = _size(node, arguments, options)

    def _known(self, given: Any) -> Any:
        """Replace the graph's nodes in some arguments by the values that they stand for."""
        if isinstance(given, fx.Node):
            return self.values[given]
        if isinstance(given, dict):
            return {name: self._known(value) for name, value in given.items()}
        return [self._known(value) for value in given] if isinstance(given, list | tuple) else given

    def _once(self, layer: nn.Module) -> None:
        if layer in self.used and any(True for _ in (*layer.parameters(), *layer.buffers())):
            raise NetworkError("is used twice; give each its own weights")
        self.used.add(layer)

    def _where(self, node: fx.Node) -> str:
        if node.op == "call_module":
            return layer_name(str(node.target), self.module.get_submodule(str(node.target)))
        path = next(reversed((node.meta.get("nn_module_stack") or {"": ""}).keys()))
        name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", node.name)
        inside = type(self.module.get_submodule(path)).__name__ if path else type(self.module).__name__
        return f"'{node.name}' ({name}) in {path + ' ' if path else ''}({inside})"

    # What calls do -------------------------------------------------------------------------------
    def _apply(self, layer: nn.Module, signal: _Signal, where: str) -> _Signal:
        if type(layer) is nn.Identity or (type(layer) is nn.Dropout and layer.p == 0):
            return signal
        if type(layer) is nn.Flatten:
            insist(layer, start_dim=1, end_dim=-1)
            return _Signal(signal.made, len(signal.made.shape) > 1)
        if type(layer) in LINKS:
            made, flat = signal.made if type(layer) is nn.Linear else self._row(signal).made, False
        elif type(layer) in _ALIKE:  # to every column the same: in a row or on a sheet
            made, flat = signal.made, signal.flat
        else:
            made, flat = self._row(signal).made, False
        part = linking(layer, made.shape) or staging(layer, made.shape)
        if part is None:
            raise NetworkError(f"has no local operations here; known: {KNOWN}")
        shape = part.plan(made.shape)[0] if isinstance(part, Link) else deepcopy(part).build(made.shape)
        return _Signal(Operation(shape, (made,), part, layer, where), flat)

    def _row(self, signal: _Signal) -> _Signal:
        """Flatten a signal that is a row: with an operation, if it is not one already."""
        if not signal.flat:
            return signal
        return _Signal(Operation(signal.shape, (signal.made,), Flatten(), nn.Flatten(), "flatten"))

    def _sum(self, node: fx.Node, arguments: list[Any], options: dict[str, Any]) -> _Signal:
        if options.get("alpha", 1) != 1:
            raise NetworkError(f"alpha={options['alpha']!r} is not known here; only 1")
        parts = [*arguments, *(options[name] for name in ("input", "other") if name in options)]
        parts = [part for part in parts if type(part) is not int or part]  # sum([…]) begins with 0
        if not parts or not all(isinstance(part, _Signal) for part in parts):
            raise NetworkError("adds what is no signal of the network; links add up signals alone")
        if len(parts) == 1:
            return parts[0]  # type: ignore[no-any-return]
        shapes = [part.shape for part in parts]
        if shapes[0] != shapes[1]:
            raise NetworkError(f"adds {shapes[0]} and {shapes[1]}; a sum needs equal shapes")
        flat = parts[0].flat and parts[0].made.shape == parts[1].made.shape and parts[1].flat
        made = tuple(part.made if flat else self._row(part).made for part in parts)
        return _Signal(Operation(made[0].shape, made, where=self._where(node)), flat)

    def _mean(self, signal: _Signal, arguments: list[Any], options: dict[str, Any], where: str) -> _Signal:
        named = dict(zip(("dim", "keepdim"), arguments, strict=False)) | options
        over = named.get("dim")
        places = {n % 4 for n in over} if isinstance(over, list | tuple) else set()
        if len(signal.shape) != 3 or places != {2, 3} or named.keys() - {"dim", "keepdim", "input"}:
            raise NetworkError("only the mean over height and width, dim=(2, 3), is known here")
        pooled = Operation((signal.shape[0], 1, 1), (signal.made,), AvgPool(), None, where)
        return _Signal(pooled, not named.get("keepdim", False))

    # Memory --------------------------------------------------------------------------------------
    def _keep(self, node: fx.Node, signal: _Signal, layer: nn.Module | None = None) -> None:
        """Record the result of a call, and overwrite its source too if the call works in place."""
        self.values[node], self.memory[node] = signal, self.at[node]
        (source, *_) = node.all_input_nodes
        if _in_place(node, layer):
            self._overwrite(node, source, signal)
        elif type(layer) in (nn.Identity, nn.Flatten) or (type(layer) is nn.Dropout and layer.p == 0):
            self.memory[node] = self.memory[source]
        elif type(layer) is nn.Dropout:
            self.perhaps[self.memory[node]] = self.memory[source]

    def _overwrite(self, node: fx.Node, source: fx.Node, signal: _Signal) -> None:
        there, later = self.memory[source], self.at[node]
        doubtful = {self.perhaps.get(there)} | {new for new, old in self.perhaps.items() if old == there}
        for other, memory in self.memory.items():
            used = any(self.at[user] > later for user in other.users)
            if memory in doubtful and used and other is not node:
                raise NetworkError(
                    f"changes '{other.name}' in place in one mode and not in the other, for dropout lies "
                    "between; do not work in place here"
                )
            if memory == there:
                flat = self.values[other].flat
                self.values[other] = _Signal(signal.made, flat)
        self.memory[node] = there


#: Calls that add two signals; those in place write over the first.
_SUMS = (operator.add, operator.iadd, torch.add, "add", "add_")
_ALIKE = (nn.Sigmoid, nn.Tanh, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.Softplus, nn.Dropout)


def _in_place(node: fx.Node, layer: nn.Module | None) -> bool:
    return bool(getattr(layer, "inplace", False)) or node.target in (operator.iadd, "add_")


def _viewed(signal: _Signal, sizes: list[Any]) -> _Signal:
    """Return the signal that a view gives: as a row, or as it is."""
    if len(sizes) == 1 and isinstance(sizes[0], list | tuple):
        sizes = [*sizes[0]]
    batch, *others = sizes if sizes else [None]
    if (batch is _BATCH and others in ([-1], [prod(signal.shape)])) or (
        batch == -1 and others == [prod(signal.shape)]
    ):
        return _Signal(signal.made, len(signal.made.shape) > 1)
    if (batch is _BATCH or batch == -1) and tuple(others) == signal.shape:
        return signal
    raise NetworkError(
        "only a row of each sample's numbers is known here, x.flatten(1) or x.view(x.size(0), -1)"
    )


def _size(node: fx.Node, arguments: list[Any], options: dict[str, Any]) -> Any:
    """Return what a call says about sizes, if that is known: (parts of) a shape, or a product of sizes."""
    if node.op == "call_method" and node.target == "size" and isinstance(arguments[0], _Signal):
        sizes = (_BATCH, *arguments[0].shape)
        dims = [*arguments[1:], *options.values()]
        return sizes[dims[0]] if dims else sizes
    if node.target is getattr and arguments[1] == "shape" and isinstance(arguments[0], _Signal):
        return (_BATCH, *arguments[0].shape)
    if node.target is operator.getitem and isinstance(arguments[0], tuple):
        return arguments[0][arguments[1]]
    if node.target is operator.mul and all(isinstance(n, int) for n in arguments):
        return prod(arguments)
    instead = f"use {INSTEAD[node.target]}" if node.target in INSTEAD else f"known: sums, {KNOWN}"
    raise NetworkError(f"has no local operations here; {instead}")
