"""Number formats: what torch is told while a network trains or answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from corticalnet.errors import SettingError
from corticalnet.network import Network
from corticalnet.training.settings import Settings


def number_format(settings: Settings, net: Network) -> torch.dtype:
    """The format in which weights, and data at the input, are kept: the network's own, unless told otherwise.

    Raises:
        SettingError: the network is in a format that cannot be trained in, or in several.
    """
    if settings.precision is not None:
        return torch.float64 if settings.precision == "float64" else torch.float32
    own = {tensor.dtype for tensor in net.parameters()}
    if len(own) == 1 and own <= {torch.float32, torch.float64}:
        return own.pop()
    found = " and ".join(sorted(str(dtype).removeprefix("torch.") for dtype in own))
    raise SettingError(
        f"the network is in {found}; training needs float32 or float64: set precision to one of them"
    )


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
            yield
    finally:
        torch.set_float32_matmul_precision(before)
        cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark = old
