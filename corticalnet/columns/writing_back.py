"""From the circuit view back to the network view: what a circuit has learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from corticalnet.circuits import Circuit
from corticalnet.circuits.connection import AllToAll
from corticalnet.errors import CircuitError
from corticalnet.network import Network
from corticalnet.rules import LearningRule
from corticalnet.rules.own_weights import link_of


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


def write_back(
    circuit: Circuit, network: Network, data: Any = None, rule: LearningRule | None = None
) -> None:
    """Copy a circuit's weights (or those at the end of a recording of it) into the network it came from.

    With a rule, its own weights too: decoders, and feedback weights that learn.

    Args:
        circuit: made by :func:`circuit` from a network of this shape.
        network: its weights change in place.
        data: a recording; its weights "after" are taken.
        rule: the circuit's, or another one with weights of the same names; they change in place.

    Raises:
        CircuitError: a link of the network, or a weight of the rule, has no projection in the circuit, or a
            weight is not finite; then network and rule stay as they were.

    >>> import corticalnet as cn
    >>> net = cn.mlp([4, 3, 2], seed=0)
    >>> columns = cn.circuit(net, cn.rule("z-il"))
    >>> other = cn.mlp([4, 3, 2], seed=1)
    >>> write_back(columns, other)
    >>> bool((other.links[0].weight == net.links[0].weight).all())
    True
    """
    weights, changes = circuit.weights, []
    own = {} if rule is None else _own(network, rule)
    for what, found in (("link of the network", _of(network)), (f"weight of {rule and rule.name}", own)):
        for name, parameter in found.items():
            projection = circuit.projection(name, f"projection for a {what}")
            if name not in weights:
                raise CircuitError(
                    f"'{name}' has no weights of its own in this circuit, and so none for a {what}"
                )
            learned = None if data is None else data.get(f"weights {name}")
            new = weights[name] if learned is None else learned.sel(when="after").values
            if not np.isfinite(new).all():
                raise CircuitError(
                    f"weights of '{name}' are not finite: the simulation diverged; nothing was written back"
                )
            turned = found is own and isinstance(projection.connection, AllToAll)
            changes.append((parameter, new.T if turned else new))
    with torch.no_grad():
        for parameter, new in changes:
            parameter.copy_(torch.as_tensor(new.reshape(parameter.shape)))


def _of(network: Network) -> dict[str, nn.Parameter]:
    """Return the weights and biases of links that learn, by projection."""
    plastic = [link for link in network.links if link.plastic]
    found = {link.name: link.weight for link in plastic}
    return found | {f"{link.name} bias": link.bias for link in plastic if link.bias is not None}


def _own(network: Network, rule: LearningRule) -> dict[str, nn.Parameter]:
    """Return a rule's own weights, by the projection down that has them in its circuit.

    Those that are named by a link (``decoder.area1->area2``) are its feedback; a decoder has a bias for its
    area, and one for auxiliary columns beside the output.
    """
    found, names = {}, {link.name for link in network.links}
    for name, parameter in rule.named_parameters(network).items():
        link, kind = link_of(name, names), name.rpartition(".")[2]
        below = link.partition("->")[0]
        kinds = {"bias": f"{below} decoder bias", "auxiliary": f"{below}->auxiliary feedback"}
        found[kinds.get(kind, f"{link} feedback")] = parameter
    return found
