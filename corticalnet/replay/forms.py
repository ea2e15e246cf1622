"""How an operation is called at its fastest: by torch's own functions, and into memory that is there."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

_aten = torch.ops.aten

#: Operations whose function in ``torch`` takes the same arguments in the same order, and is called faster.
_DIRECT = frozenset(
    [
        "abs",
        "add",
        "addbmm",
        "addcdiv",
        "addcmul",
        "addmm",
        "addmv",
        "amax",
        "amin",
        "argmax",
        "baddbmm",
        "bitwise_and",
        "bitwise_not",
        "bitwise_or",
        "bmm",
        "cat",
        "clamp",
        "clamp_max",
        "clamp_min",
        "cos",
        "div",
        "empty_like",
        "eq",
        "exp",
        "gather",
        "ge",
        "gt",
        "le",
        "lerp",
        "log",
        "logical_and",
        "logical_not",
        "logical_or",
        "lt",
        "maximum",
        "mean",
        "minimum",
        "mm",
        "mul",
        "mv",
        "ne",
        "neg",
        "pow",
        "rand",
        "rand_like",
        "randn",
        "randn_like",
        "reciprocal",
        "rsqrt",
        "sigmoid",
        "sign",
        "sin",
        "sqrt",
        "square",
        "stack",
        "sub",
        "sum",
        "tanh",
        "tril",
        "where",
        "zeros_like",
    ]
)
#: Operations that are also methods of tensors, with the same arguments in the same order, and called faster.
_METHODS = frozenset(
    [
        "add_",
        "addmm_",
        "baddbmm_",
        "bernoulli_",
        "clamp_",
        "copy_",
        "div_",
        "expand",
        "exp_",
        "fill_",
        "index_fill_",
        "lerp_",
        "log_",
        "masked_fill_",
        "mul_",
        "neg_",
        "normal_",
        "permute",
        "scatter_",
        "sub_",
        "t",
        "transpose",
        "uniform_",
        "unsqueeze",
        "view",
        "zero_",
    ]
)
#: What makes a tensor of numbers that are known, and the method that writes them into one that is there.
FILLS: dict[Any, str] = {
    _aten.zeros_like.default: "zero_",
    _aten.zeros.default: "zero_",
    _aten.new_zeros.default: "zero_",
    _aten.rand_like.default: "uniform_",
    _aten.randn_like.default: "normal_",
}
#: What makes a tensor of no numbers yet.
EMPTY = frozenset({_aten.empty.memory_format, _aten.empty_like.default, _aten.new_empty.default})
#: Copies of the numbers in another tensor, perhaps in another format.
COPIES = frozenset({_aten.clone.default, _aten._to_copy.default})


@functools.cache
def function(op: Any) -> Callable[..., Any]:
    """Return the fastest function that does what an operation does, with the same arguments."""
    name = op._schema.name.partition("::")[2]
    direct = getattr(torch, name, None) if name in _DIRECT else None
    return op._op if direct is None else direct  # type: ignore[no-any-return]


def method(op: Any) -> str:
    """Return the name of the method of tensors that does what an operation does; "" if there is none."""
    name = str(op._schema.name).partition("::")[2]
    return name if name in _METHODS and op._schema.arguments[0].name == "self" else ""


@functools.cache
def into(op: Any) -> tuple[Callable[..., Any], str] | None:
    """Return the function that writes an operation's one result into a tensor, and the name of that argument.

    None if torch has none that is better than a copy.
    """
    if op is _aten.relu.default:
        return functools.partial(_clamp), "out"
    given = [(a.name, str(a.type)) for a in op._schema.arguments]
    for name in op.overloadpacket.overloads():
        other = getattr(op.overloadpacket, name)
        arguments = other._schema.arguments
        own = [(a.name, str(a.type)) for a in arguments if not a.is_out]
        out = [a.name for a in arguments if a.is_out]
        if len(out) == 1 and own == given and torch.Tag.generated not in other.tags:
            return function(other), out[0]
    return None


def _clamp(x: Any, out: Any) -> Any:
    return torch.clamp_min(x, 0, out=out)
