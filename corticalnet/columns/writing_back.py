"""From the circuit view back to the network view: what a circuit has learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from corticalnet.circuits import Circuit
from corticalnet.errors import CircuitError
from corticalnet.network import Network


def recorded_change(data: Any, name: str, like: Any) -> NDArray[np.float64]:
    """Read a recorded circuit's change of a projection's weights, in a row; 0 where none of them learn.

    Args:
        data: the recording.
        name: of the projection.
        like: its weights, for their number.
    """
    if f"weights {name}" not in data:
        return np.zeros(like.numel())
    before, after = data[f"weights {name}"].sel(when=["before", "after"]).values
    change: NDArray[np.float64] = (after - before).ravel()
    return change


def write_back(circuit: Circuit, network: Network, data: Any = None) -> None:
    """Copy a circuit's weights (or those at the end of a recording of it) into the network it came from.

    Args:
        circuit: made by :func:`circuit` from a network of this shape.
        network: its weights change in place.
        data: a recording; its weights "after" are taken.

    Raises:
        CircuitError: a link of the network has no projection in the circuit, or a weight is not finite; then
            the network stays as it was.

    >>> import corticalnet as cn
    >>> net = cn.mlp([4, 3, 2], seed=0)
    >>> columns = cn.circuit(net, cn.rule("z-il"))
    >>> other = cn.mlp([4, 3, 2], seed=1)
    >>> write_back(columns, other)
    >>> bool((other.links[0].weight == net.links[0].weight).all())
    True
    """
    weights, changes = circuit.weights, []
    for link in filter(lambda link: link.plastic, network.links):
        for name, parameter in ((link.name, link.weight), (f"{link.name} bias", link.bias)):
            if parameter is None:
                continue
            circuit.projection(name, "projection for a link of the network")
            learned = None if data is None else data.get(f"weights {name}")
            new = weights[name] if learned is None else learned.sel(when="after").values
            if not np.isfinite(new).all():
                raise CircuitError(
                    f"weights of '{name}' are not finite: the simulation diverged; nothing was written back"
                )
            changes.append((parameter, new))
    with torch.no_grad():
        for parameter, new in changes:
            parameter.copy_(torch.as_tensor(new.reshape(parameter.shape)))
