"""Feedback pathways: through which synapses a top-down signal reaches an area. One axis of every rule.

    signal_l = Σ_links feedback(error_above, weights)         layered pathways, link by link

A pathway decides only which weights carry the signal down; the link knows how they carry it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

from torch import Tensor

from corticalnet.links import Link
from corticalnet.network import Network
from corticalnet.wiring import Wiring


class Feedback:
    """Base of feedback pathways.

    Attributes:
        layered: whether signals come down link by link (False: straight from the output).
        transports_weights: whether a feedback synapse must know the weight of a feedforward one.
    """

    equation = ""
    layered = True
    transports_weights = False

    def __init__(self) -> None:
        self._network: weakref.ref[Network] | None = None

    def prepare(self, net: Network) -> None:
        """Make the pathway's own weights when it meets ``net`` first."""
        if self._network is None or self._network() is not net:
            self.build(net)
            self._network = weakref.ref(net)

    def build(self, net: Network) -> None:
        """Draw the pathway's own weights, if it has any."""

    def weights(self, link: Link) -> Tensor:
        """The weights, shaped as ``link.weight``, that carry signals back along ``link``."""
        raise NotImplementedError("a feedback pathway says which weights carry the signal")

    def into(self, wiring: Wiring, node: int, errors: list[Tensor | None]) -> Tensor | None:
        """The top-down signal ``[batch, *shape]`` at the rates of ``node``; None if nothing comes."""
        total: Tensor | None = None
        for target, link in wiring.leaving[node]:
            error = errors[target]
            if error is not None:
                signal = link.feedback(error, self.weights(link))
                total = signal if total is None else total + signal
        return total


class Tied(Feedback):
    """Feedback through the transpose of the feedforward weights (weight transport)."""

    equation = "signal = Wᵀ error"
    transports_weights = True

    def weights(self, link: Link) -> Tensor:
        """The link's own."""
        return link.weight


FEEDBACKS: dict[str, Callable[[], Feedback]] = {"tied": Tied}
