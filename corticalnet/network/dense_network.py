"""Networks of dense links alone, in one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch

from corticalnet.activations import Activation
from corticalnet.errors import NetworkError
from corticalnet.network.area import Area
from corticalnet.network.initialisation import Scheme
from corticalnet.network.links import Dense, WeightBounds
from corticalnet.network.network import Network


def mlp(
    columns: Sequence[int],
    hidden: str | Activation = "sigmoid",
    output: str | Activation = "linear",
    seed: int = 0,
    *,
    bias: bool = False,
    init: str | float | Scheme = "auto",
    bounds: WeightBounds | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> Network:
    """Build a dense network: ``mlp([784, 32, 32, 10])`` has 784 inputs, two hidden areas of 32, 10 outputs.

    Args:
        columns: numbers of columns, from the input to the output.
        hidden, output: activations.
        seed: of the initial weights.
        bias, init, bounds: as for :class:`~corticalnet.network.links.Dense`, of every link.
        dtype, device: of the weights; torch's own choice if not given.

    Raises:
        NetworkError: fewer than two sizes, or a setting is impossible.

    >>> import torch
    >>> net = mlp([64, 32, 10], hidden="tanh", seed=0)
    >>> tuple(net(torch.rand(5, 64)).shape)
    (5, 10)
    """
    columns = list(columns) if isinstance(columns, Iterable) and not isinstance(columns, str) else [columns]
    if len(columns) < 2:
        raise NetworkError(f"mlp needs at least input and output sizes, not {columns}")
    last = len(columns) - 1
    areas = [
        Area(Dense(n, bias=bias, init=init, bounds=bounds), output if k == last else hidden)
        for k, n in enumerate(columns)
        if k
    ]
    return Network((columns[0],), areas, seed, dtype=dtype, device=device)
