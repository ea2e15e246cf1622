"""Records the tensor operations of one run of a function, while it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from corticalnet.replay.calls import Call, asks, memory, tensors, written
from corticalnet.replay.program import Program


class _Recorder(TorchDispatchMode):
    """Keeps every operation that torch dispatches, until one cannot be kept.

    Attributes:
        calls: in their order. (They hold their tensors, so that no identity and no memory comes twice.)
        refused: the operation that no recording can hold; "" if all can.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.refused = ""

    def __torch_dispatch__(
        self, op: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = op(*args, **kwargs)
        if not self.refused and (asks(op) or not _plain((args, kwargs, result))):
            self.refused = str(op)
        if not self.refused:
            several = isinstance(result, list | tuple)
            results = list(result) if several else [result]
            results = [t if isinstance(t, Tensor) else None for t in results]
            call = Call(op, args, kwargs, results, several)
            call.reads = {memory(t) for t in tensors((args, kwargs))}
            call.writes = {memory(t) for t in written(op, args, kwargs)}
            self.calls.append(call)
        return result


def _plain(value: Any) -> bool:
    """Return whether all tensors are plain ones that lie in memory, of real numbers."""
    return all(
        type(t) in (Tensor, torch.nn.Parameter)
        and t.layout is torch.strided
        and not t.is_complex()
        and not t.is_meta
        and not t.is_quantized
        for t in tensors(value)
    )


def record(function: Callable[..., Any], inputs: Sequence[Tensor]) -> tuple[Any, Program | str]:
    """Run ``function(*inputs)`` once, and return what it returned with a program that does the same.

    What the function reads beside its inputs (weights, states) the program reads where it lies, at each call;
    what it changes in place is changed in place. Everything that is no tensor is as it was when recorded, and
    so are shapes: whoever calls the program sees to it that they are the same.

    Args:
        function: of tensors. It may draw random numbers and change tensors in place; what it does must not
            depend on numbers in them. Tensors in what it returns (in lists, dictionaries, objects) will be
            new ones of each call, or the inputs, or what lies outside.
        inputs: tensors that are others in each call, with the same shapes, strides, types and devices.

    Returns:
        What the function returned; and the program, or the operation that cannot be recorded.

    >>> total, more = torch.zeros(2), torch.ones(2)
    >>> result, program = record(lambda x: total.add_(x * 2).sum(), [more])
    >>> float(result), float(program(more)), total.tolist()
    (4.0, 8.0, [4.0, 4.0])
    """
    recorder = _Recorder()
    with torch.no_grad(), recorder:
        result = function(*inputs)
    if recorder.refused or not _plain(list(inputs)):
        return result, recorder.refused or "an input that is no plain tensor"
    return result, Program(recorder.calls, list(inputs), result)
