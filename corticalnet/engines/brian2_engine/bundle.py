"""What a bundle is: projections or broadcasts that do the same thing, as one future Synapses object."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits import Projection

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Delayed:
    """A state of a population that is remembered for some steps."""

    population: str
    state: str
    when: str
    steps: int


@dataclass(eq=False)
class SummedVariable:
    """A sum over a bundle's synapses into a field.

    Attributes:
        target: the field.
        reads: the field that is summed.
        back: whether it runs towards the source's rows.
        event: whether nearly all that is read is 0: then only cells that fire send, each when it does.
        magnitudes: of every synapse, if it runs back by the signs of weights alone.
        phase, order: when; set as the plan is walked.
    """

    target: str
    reads: str
    back: bool
    event: bool = False
    magnitudes: list[NDArray[np.float64]] | None = None
    phase: str = ""
    order: int = 0


@dataclass(frozen=True)
class Member:
    """A projection in a bundle, whose synapses follow one another.

    Attributes:
        projection: its name.
        weight: which weight each synapse has.
        place: of each in the list of its connection.
        first: number of the first in the bundle.
    """

    projection: str
    weight: Indices
    place: Indices
    first: int = 0

    @property
    def synapses(self) -> slice:
        """Return the slice of the bundle's synapses that are its own."""
        return slice(self.first, self.first + len(self.weight))

    def listed(self, own: Any) -> NDArray[np.float64]:
        """Rearrange numbers of its synapses, ``[..., synapses]``, to the order of its connection's list."""
        found: NDArray[np.float64] = np.empty_like(own)
        found[..., self.place] = own
        return found


@dataclass(eq=False)
class Bundle:
    """What becomes one Synapses object of Brian2.

    Attributes:
        name: of the object.
        weighted: whether synapses have weights (those of broadcasts are 1).
        totals: what it sums.
        pre, post: rows of the group, for every synapse.
        members: projections.
        plastic: one of them, if they learn.
        tied: whether synapses share weights and learn.
        low, high: bounds of every synapse's weight; empty if there are none.
    """

    name: str
    weighted: bool
    totals: list[SummedVariable]
    pre: list[Indices] = field(default_factory=list)
    post: list[Indices] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    plastic: Projection | None = None
    tied: bool = False
    low: list[NDArray[np.float64]] = field(default_factory=list)
    high: list[NDArray[np.float64]] = field(default_factory=list)
    learn_phase: str = ""
    learn_order: int = 0
    size: int = 0

    def member(self, projection: str) -> Member:
        """Return the member of a projection."""
        return next(member for member in self.members if member.projection == projection)

    def add(self, pre: Indices, post: Indices, member: Member | None = None) -> None:
        """Append synapses; those of a projection become a member."""
        self.pre.append(pre)
        self.post.append(post)
        if member is not None:
            self.members.append(replace(member, first=self.size))
        self.size += len(pre)
