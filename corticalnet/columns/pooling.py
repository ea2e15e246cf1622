"""Pools as areas of their own: a sheet, and above it the columns that receive its neighbourhoods.

A mean is a fixed projection. For a maximum every two columns of a neighbourhood have a contest, and a winner
cell of each column, which has won all of its own, lets it speak and be spoken to.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from corticalnet.circuits import cells
from corticalnet.circuits.connection import Synapses
from corticalnet.circuits.parts import Population, Projection, Wire
from corticalnet.columns.area import AreaPopulations, AreaSpec
from corticalnet.errors import CircuitError
from corticalnet.network.area import Area
from corticalnet.network.links import Identity
from corticalnet.network.stages import AvgPool, Dropout, Fire, Flatten, MaxPool, Stage
from corticalnet.network.wiring import Wiring

Indices = NDArray[np.int64]


class PoolLink(Identity):
    """A fixed link from a sheet to its pools.

    Args:
        members: columns of each pool ``[pools, members]``, in the order of the sheet; −1 beyond its edges.
        winners: whether the most active alone counts; otherwise it is the mean.
    """

    def __init__(self, members: Indices, winners: bool) -> None:
        super().__init__()
        self.name, self.members, self.winners = "pool", members, winners

    @property
    def connection(self) -> Synapses:
        """Return the connection of members to their pool, all with one weight."""
        post, place = np.nonzero(self.members >= 0)
        return Synapses(
            self.members[post, place], post, weight_index=np.zeros(len(post), dtype=np.int64), count=1
        )

    @property
    def strength(self) -> float:
        """Return the one weight: 1 for a maximum, 1/members for a mean."""
        return 1.0 if self.winners else 1 / self.members.shape[1]


def unfolded(wiring: Wiring) -> tuple[Wiring, dict[str, str]]:
    """Return the wiring with pools as areas above their sheet, and whose rates each area sends on.

    Raises:
        CircuitError: an area fires through something that has no circuit.
    """
    stages = {node: _stages(area) for node, area in wiring.above_input}
    new, place, sends = Wiring(), {0: 0}, {}
    for node, area in wiring.above_input:
        fire, pools = stages[node]
        shape = area.drive_shape
        at = new.add(
            _area(str(area.name), shape, [fire] if fire else []),
            [(place[source], link) for source, link in wiring.arriving[node]],
        )
        for k, stage in enumerate(pools, start=1):
            link, shape = _link(str(area.name), stage, shape)
            at = new.add(_area(f"{area.name}-pool{k if k > 1 else ''}", shape, []), [(at, link)])
        place[node], sends[str(area.name)] = at, new.name(at)
    return new.measure(), sends


def activation_of(area: Area) -> str:
    """Return the name of an area's activation; "linear" if it has none."""
    fire, _ = _stages(area)
    return fire.activation.name if fire else "linear"


def _stages(area: Area) -> tuple[Fire | None, list[MaxPool | AvgPool]]:
    """Return an area's activation, if it is the first stage, and its pools."""
    known: list[Stage] = [  # (columns in time are flat; and without training nobody is silenced)
        stage
        for stage in area.sequence
        if not isinstance(stage, Flatten) and not (isinstance(stage, Dropout) and not stage.training)
    ]
    fire = known.pop(0) if known and isinstance(known[0], Fire) else None
    pools = [stage for stage in known if isinstance(stage, MaxPool | AvgPool)]
    if len(pools) < len(known):
        words = ", ".join(stage.describe() for stage in area.sequence)
        raise CircuitError(
            f"area '{area.name}' fires through {words}; in a circuit an area has an activation and pools: "
            "homeostasis takes statistics over samples, and dropout draws once in a trial who is silent; "
            "columns in time are told of neither samples nor trials (net.eval() leaves dropout out)"
        )
    return fire if isinstance(fire, Fire) else None, pools


def _area(name: str, shape: tuple[int, ...], stages: Sequence[Stage]) -> Area:
    area = Area(Identity(), name=name, stages=stages)
    area.shape = area.drive_shape = shape
    return area


def _link(area: str, stage: MaxPool | AvgPool, shape: tuple[int, ...]) -> tuple[PoolLink, tuple[int, ...]]:
    """Make the link from a sheet to the pools of a stage; return it with the shape of the pools."""
    if isinstance(stage, AvgPool) and stage.whole:
        size, stride, padding = (shape[1], shape[2]), (1, 1), 0
    else:
        size, stride, padding = (stage.size,) * 2, (stage.stride,) * 2, stage.padding
    winners = isinstance(stage, MaxPool)
    if winners and (stage.stride < stage.size or padding):
        raise CircuitError(
            f"area '{area}': neighbourhoods of {stage.describe()} overlap, so that a column may win in one "
            "and lose in another, and its one winner cell cannot gate what comes down from both; choose "
            "stride = size and no padding, or a mean (AvgPool)"
        )
    # Columns count from 1; 0 are places beyond the edges.
    index = torch.arange(1, int(np.prod(shape)) + 1, dtype=torch.float64).reshape(1, *shape)
    windows = F.unfold(index, size, padding=padding, stride=stride)  # [1, channels · members, places]
    members = windows.reshape(shape[0], size[0] * size[1], -1).permute(0, 2, 1).flatten(0, 1)
    places = [(n + 2 * padding - k) // s + 1 for n, k, s in zip(shape[1:], size, stride, strict=True)]
    return PoolLink(members.numpy().astype(np.int64) - 1, winners), (shape[0], *places)


def add_winners(made: AreaPopulations, area: AreaSpec) -> None:
    """Add a winner cell for every column of a sheet below a max pool."""
    assert area.members is not None, "only below a maximum"
    made.cells["winner"] = cells.Winner(rivals=float(area.members.shape[1] - 1))
    made.wires += [
        Wire("value", "winner", "value", sends="rate"),
        Wire("winner", "value", "winner", "winner"),
    ]


def contests(area: AreaSpec) -> tuple[list[Population], list[Projection]]:
    """Return a competition for every two columns of a neighbourhood, and the projections of both."""
    assert area.members is not None, "only below a maximum"
    pairs = list(combinations(range(area.members.shape[1]), 2))
    if not pairs:
        return [], []
    first, second = (area.members[:, [pair[k] for pair in pairs]].ravel() for k in (0, 1))
    name, index = f"{area.name}-contest", np.arange(len(first))
    projections = []
    for side, winner, sign in ((first, "first", 1.0), (second, "second", -1.0)):
        one: Any = {"weight_index": index * 0, "count": 1}
        bids, wins = Synapses(side, index, **one), Synapses(index, side, **one)
        projections += [
            Projection(f"{area.name}.value", name, "difference", sign, bids, "rate", f"{name} {winner}"),
            Projection(name, f"{area.name}.winner", "wins", 1.0, wins, winner, f"{name} wins, {winner}"),
        ]
    return [Population(name, len(first), cells.PairwiseCompetition())], projections


def neighbourhoods(wiring: Wiring, node: int) -> Indices | None:
    """Return the neighbourhoods of a sheet below a max pool; otherwise None."""
    for _, link in wiring.leaving[node]:
        if isinstance(link, PoolLink) and link.winners:
            return link.members
    return None
