"""Copies of networks that tell what passes through them: made of parts that tell, nothing is patched.

    with_sweeps(net, swept)      ``swept(activity, wiring)`` after every forward sweep
    with_links(net, told)        ``told(link, operation, arrived, result)`` at every operation of a link

They compute what the network computes; a rule finds in them what it finds in any network.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from torch import Tensor

from corticalnet.network.links import Link
from corticalnet.network.network import Network
from corticalnet.network.parts import Parts
from corticalnet.network.wiring import ForwardState, Wiring

T = TypeVar("T")
Swept = Callable[[ForwardState, Wiring], None]
#: A link, "drive", "feedback" or "hebbian", the first tensor that it was given, and what came of it.
Told = Callable[[Link, str, Tensor, Tensor | None], None]


class _ObservedWiring(Wiring):
    """A wiring that reports each of its sweeps to an observer."""

    def __init__(self, wiring: Wiring, swept: Swept) -> None:
        super().__init__(wiring.areas, wiring.arriving, wiring.leaving, wiring.depth, wiring.above_input)
        self.swept = swept

    def forward(self, x: Tensor, noise: Callable[[Tensor], Tensor] | None = None) -> ForwardState:
        activity = super().forward(x, noise)
        self.swept(activity, self)
        return activity

    def levelled(self) -> Wiring:
        return _ObservedWiring(super().levelled(), self.swept)


def with_sweeps(net: Network, swept: Swept) -> Network:
    """Return a copy of a network whose wiring, levelled or not, reports every sweep up to ``swept``."""
    other = copy.deepcopy(net)
    other.wiring, other._levelled = _ObservedWiring(other.wiring, swept), None
    return other


def with_links(net: Network, told: Told) -> Network:
    """Return a copy of a network whose links report every operation to ``told`` (relays do not)."""
    other = copied(net, net.links, told)
    other.parts = Parts(other)
    return other


def copied(whole: T, links: Iterable[Link], told: Told) -> T:
    """Copy whatever holds links, so that some of them report every operation to ``told``."""
    memo: dict[int, Any] = {}
    for link in links:
        memo[id(link)] = _observed(copy.deepcopy(link, memo), told)
    return copy.deepcopy(whole, memo)


def _observed(link: Link, told: Told) -> Link:
    """Return a link that shares this link's state, in a subclass that reports its operations."""
    kind: Any = type(link)

    class Observed(kind):  # type: ignore[misc]
        capturable = False  # (it reports at every operation)

        def drive(self, rates: Tensor) -> Tensor:
            result: Tensor = super().drive(rates)
            told(self, "drive", rates, result)
            return result

        def feedback(self, signal: Tensor, weights: Tensor) -> Tensor:
            result: Tensor = super().feedback(signal, weights)
            told(self, "feedback", signal, result)
            return result

        def hebbian(self, pre: Tensor, *others: Any, **options: Any) -> None:
            super().hebbian(pre, *others, **options)
            told(self, "hebbian", pre, None)

    Observed.__name__ = kind.__name__
    other: Link = Observed.__new__(Observed)
    other.__dict__.update(vars(link))
    return other
