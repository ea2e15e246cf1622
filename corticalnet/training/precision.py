"""Number formats: what torch is told while a network trains or answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from corticalnet.links.link import put
from corticalnet.training.settings import Settings

_PRODUCTS: dict[Any, Any] = {torch.addmm: torch.mm, torch.baddbmm: torch.bmm}
_LEFT_ALONE = (
    torch.tensordot,
    torch.ops.aten.convolution_backward,
    torch.ops.aten.max_pool2d_with_indices_backward,
)


def number_format(settings: Settings) -> torch.dtype:
    """The format in which weights, and data at the input, are kept."""
    return torch.float64 if settings.precision == "float64" else torch.float32


@contextmanager
def computing(settings: Settings, device: torch.device) -> Iterator[None]:
    """Compute in the settings' precision, and reproducibly, until the block ends."""
    cudnn, before = torch.backends.cudnn, torch.get_float32_matmul_precision()
    old = (cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark)
    torch.set_float32_matmul_precision("high" if settings.precision == "tf32" else "highest")
    # A resumed run repeats an uninterrupted one to the bit only if kernels add in one order.
    cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark = settings.precision == "tf32", True, False
    try:
        with ExitStack() as stack:
            if settings.precision == "bfloat16":
                # No cache: it would keep the first bfloat16 copy of weights that change in place.
                stack.enter_context(torch.autocast(device.type, torch.bfloat16, cache_enabled=False))
                stack.enter_context(_Bfloat16())
            yield
    finally:
        torch.set_float32_matmul_precision(before)
        cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark = old


class _Bfloat16(TorchFunctionMode):
    """What autocast leaves alone: some products, and whatever writes into a given tensor.

    Products are computed in bfloat16, and added to weights and averages in float32.
    """

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if function in _PRODUCTS and "out" in kwargs:
            total = _PRODUCTS[function](*map(_short, args[1:]))
            put(total, kwargs["out"], kwargs.get("alpha", 1.0), kwargs.get("beta", 1.0))
            return kwargs["out"]
        if function in _LEFT_ALONE:
            args = tuple(map(_short, args))
        elif function is Tensor.lerp_:
            args = (args[0], args[1].to(args[0].dtype), *args[2:])
        return function(*args, **kwargs)


def _short(value: Any) -> Any:
    """Floating tensors in bfloat16; anything else as it is."""
    floating = isinstance(value, Tensor) and value.is_floating_point()
    return value.to(torch.bfloat16) if floating else value
