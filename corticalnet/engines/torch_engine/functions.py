"""What tensors are to the pointwise functions. Importing this module registers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from corticalnet.circuits import pointwise


def _where(condition: Any, then: Any, otherwise: Any) -> Any:
    if not isinstance(condition, Tensor):
        return then if condition else otherwise
    condition = condition if condition.dtype == torch.bool else condition != 0
    if not isinstance(then, Tensor) and not isinstance(otherwise, Tensor):  # torch would make float32 of them
        if (then, otherwise) == (1.0, 0.0):
            return condition.to(torch.float64)  # type: ignore[no-any-return]
        then = torch.tensor(then, dtype=torch.float64, device=condition.device)
    return torch.where(condition, then, otherwise)


def _pair(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Any, Any], Tensor]:
    def call(x: Any, y: Any) -> Tensor:
        like = x if isinstance(x, Tensor) else y
        # (as_tensor alone would make float32 of a number)
        return function(*(torch.as_tensor(z, dtype=like.dtype, device=like.device) for z in (x, y)))

    return call


pointwise.register(
    Tensor,
    {
        "where": _where,
        "exp": torch.exp,
        "expm1": torch.expm1,
        "log": torch.log,
        "log1p": torch.log1p,
        "sqrt": torch.sqrt,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "absolute": torch.abs,
        "floor": torch.floor,
        "sign": torch.sign,
        "minimum": _pair(torch.minimum),
        "maximum": _pair(torch.maximum),
    },
)
