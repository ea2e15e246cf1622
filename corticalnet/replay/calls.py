"""What has been recorded: calls of tensor operations in their order, on the very tensors that they met.

A tensor is known by its identity and a piece of memory by where it lies; a :class:`Call` says which pieces it
reads and which it writes. Everything that is done to a recording later follows from that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

#: What an operation asks the numbers of, or what its result's shape depends on: no recording can hold that.
_ASKS = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape, torch.Tag.inplace_view}
#: Operations that look whether an index is within range: they are no dead work, for users need the check.
_CHECKS = {"gather", "scatter", "scatter_", "index", "index_select", "take_along_dim", "embedding"}


@dataclass(eq=False)
class Call:
    """One call of an operation of torch's.

    Attributes:
        op: the operation (an ``OpOverload`` of ``torch.ops.aten``).
        args, kwargs: what it was called with; tensors are those of the recording.
        results: the tensors that came out, in order; None where none did.
        several: whether it returns a tuple.
        reads, writes: pieces of memory.
    """

    op: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    results: list[Tensor | None]
    several: bool
    reads: set[int] = field(default_factory=set)
    writes: set[int] = field(default_factory=set)

    @property
    def name(self) -> str:
        """Return the operation's name, without its overload: "addmm"."""
        return str(self.op._schema.name).partition("::")[2]

    @property
    def made(self) -> list[Tensor]:
        """Return the tensors that came out."""
        return [t for t in self.results if t is not None]

    @property
    def random(self) -> bool:
        """Return whether it draws numbers, so that a generator goes on."""
        return torch.Tag.nondeterministic_seeded in self.op.tags

    @property
    def checks(self) -> bool:
        """Return whether it may refuse an index that is out of range."""
        return self.name in _CHECKS

    @property
    def pointwise(self) -> bool:
        """Return whether each number of the result depends on the numbers at its own place alone."""
        return torch.Tag.pointwise in self.op.tags

    @property
    def new(self) -> set[int]:
        """Return the memory that was not there before: of what is neither written to nor a view."""
        return set() if self.writes or self.view else {memory(t) for t in self.made}

    @property
    def view(self) -> bool:
        """Return whether all that comes out is another look at what went in."""
        return bool(self.results) and not self.writes and all(memory(t) in self.reads for t in self.made)


def asks(op: Any) -> bool:
    """Return whether what follows an operation may depend on numbers, not on shapes alone."""
    return not _ASKS.isdisjoint(op.tags)


def memory(tensor: Tensor) -> int:
    """Return where a tensor's piece of memory begins; an own number for each empty tensor."""
    return tensor.untyped_storage().data_ptr() or -id(tensor)


def tensors(value: Any) -> Iterator[Tensor]:
    """Yield all tensors in arguments: in lists, tuples and dictionaries, too."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from tensors(one)
    elif isinstance(value, dict):
        yield from tensors(list(value.values()))


def mapped(value: Any, change: Callable[[Tensor], Any]) -> Any:
    """Return arguments with every tensor changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, list | tuple):
        return type(value)(mapped(one, change) for one in value)
    if isinstance(value, dict):
        return {key: mapped(one, change) for key, one in value.items()}
    return value


def written(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
    """Return the tensors that an operation writes to, by its schema."""
    found: list[Tensor] = []
    for place, argument in enumerate(op._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            given = args[place] if place < len(args) else kwargs.get(argument.name)
            found += tensors(given)
    return found
