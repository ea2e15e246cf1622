"""Links of the network view as lists of synapses: which column meets which, by which weight."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits.connection import AllToAll, Connection, OneToOne, Synapses
from corticalnet.columns.pooling import PoolLink
from corticalnet.errors import CircuitError, NetworkError
from corticalnet.network import Network
from corticalnet.network.links import Convolution, Dense, Identity, Link, Local


def check_weights(network: Network) -> None:
    """Check that every link has weights of its own: neither shared nor computed from others.

    Raises:
        CircuitError: one has not.
    """
    try:
        _ = network.learned
    except NetworkError as error:
        raise CircuitError(str(error)) from None
    owners: dict[int, str] = {}
    for link in network.links:
        if link.plastic:
            owner = owners.setdefault(link.weight.data_ptr(), link.name)
            if owner != link.name:
                raise CircuitError(
                    f"links '{owner}' and '{link.name}' share their weights, and those of a circuit do not; "
                    "give each its own"
                )


def as_connection(link: Link) -> Connection:
    """Convert a link to a connection, its synapses.

    Raises:
        CircuitError: a kind of link that is not known here.
    """
    if isinstance(link, Dense):
        return AllToAll() if link.mask is None else _listed(link.mask)
    if isinstance(link, PoolLink):
        return link.connection
    if isinstance(link, Identity):
        return OneToOne()
    if isinstance(link, Convolution | Local):
        return _sheet(link)
    raise CircuitError(
        f"link '{link.name}': {type(link).__name__} has no circuit; choices: Dense, Convolution, Local, "
        "Identity"
    )


def _listed(mask: Any) -> Synapses:
    """List the synapses of a mask; each keeps the index of its weight."""
    (weight,) = np.nonzero(mask.cpu().numpy().ravel())
    post, pre = np.divmod(weight, mask.shape[1])
    return Synapses(pre, post, weight_index=weight, count=mask.numel())


def _sheet(link: Convolution | Local) -> Synapses:
    """List the synapses of a kernel at every position that lies on the source's sheet."""
    (kh, kw), (sh, sw), (ph, pw) = link.kernel, link.stride, link.padding
    below, height, width = link.source_shape
    channels, rows, columns = link.target_shape
    o, r, c, i, j, b = (
        axis.ravel()
        for axis in np.meshgrid(*map(np.arange, (channels, rows, columns, kh, kw, below)), indexing="ij")
    )
    y, x = r * sh - ph + i, c * sw - pw + j
    post, pre = (o * rows + r) * columns + c, (b * height + y) * width + x
    if isinstance(link, Convolution):
        weight = ((o * below + b) * kh + i) * kw + j
    else:
        weight = ((r * columns + c) * channels + o) * (kh * kw * below) + (i * kw + j) * below + b
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    if link.mask is not None:
        inside &= link.mask.cpu().numpy().ravel()[weight]
    # Weights that lie beyond the sheet at every position have no synapse, but keep their place.
    return Synapses(pre[inside], post[inside], weight_index=weight[inside], count=link.weight.numel())


def bounds(link: Link) -> dict[str, Any]:
    """Return the bounds of a link's weights, as a projection takes them; none if there are none."""
    if link.low is None or link.high is None:
        return {}
    return {"low": flat(link, link.low), "high": flat(link, link.high)}


def bias_connection(link: Link) -> Connection:
    """Connect the one bias cell to a link's target: one weight per column, or per channel."""
    assert link.bias is not None, "only for links with a bias"
    n = int(np.prod(link.target_shape))
    per_channel = n // link.bias.numel()
    return Synapses(np.zeros(n, dtype=np.int64), np.arange(n), weight_index=np.arange(n) // per_channel)


def flat(link: Link, weights: Any) -> NDArray[np.float64]:
    """Flatten a link's weights (or a tensor of their shape) as its connection takes them."""
    if isinstance(link, Identity):
        return np.asarray(link.strength if isinstance(link, PoolLink) else 1.0)
    if weights.shape == link.weight.shape:
        weights = link.present(weights)
    array: NDArray[np.float64] = weights.detach().cpu().contiguous().numpy().astype(np.float64)
    all_to_all = isinstance(link, Dense) and link.mask is None and array.ndim == 2
    return array if all_to_all else array.ravel()


def turned(connection: Any, weight: Any) -> tuple[Any, Any]:
    """Return the same synapses with both ends exchanged."""
    if isinstance(connection, AllToAll):
        return connection, weight.T
    return Synapses(
        connection.post, connection.pre, weight_index=connection.weights, count=connection.count
    ), weight
