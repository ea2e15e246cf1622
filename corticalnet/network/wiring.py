"""Wiring: which area drives which, as plain lists; what a network and its rules walk along.

Node 0 is the input; areas follow from the input up; the last is the output. A node's ``depth`` is the
number of links on the longest way from it to the output (the layer index of Song et al., who count
down).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from corticalnet.network.area import Area, Trace
from corticalnet.network.links import Link, Relay


@dataclass
class ForwardState:
    """The state of every node after a forward pass: lists by node; the input has a rate only.

    Attributes:
        rates, drives, traces: of every node.
        noise: what was added to the rates; empty if nothing was.
    """

    rates: list[Tensor]
    drives: list[Tensor]
    traces: list[Trace]
    noise: list[Tensor | None] = field(default_factory=list)


@dataclass
class Wiring:
    """Areas by node, and for each node the links that arrive and leave as ``(other node, link)``.

    ``above_input`` are the areas with their nodes, from the first above the input up to the output.
    """

    areas: list[Area | None] = field(default_factory=lambda: [None])
    arriving: list[list[tuple[int, Link]]] = field(default_factory=lambda: [[]])
    leaving: list[list[tuple[int, Link]]] = field(default_factory=lambda: [[]])
    depth: list[int] = field(default_factory=list)
    above_input: list[tuple[int, Area]] = field(default_factory=list)

    def add(self, area: Area, arriving: list[tuple[int, Link]]) -> int:
        """Append an area driven by ``(source node, link)`` pairs; return its node."""
        node = len(self.areas)
        self.areas.append(area)
        self.above_input.append((node, area))
        area.learns = any(True for _ in area.stages.parameters())  # (stages are built by now)
        self.arriving.append(arriving)
        self.leaving.append([])
        for source, link in arriving:
            self.leaving[source].append((node, link))
        return node

    def measure(self) -> Wiring:
        """Compute the depth of every node, its longest way to the output, once all areas are there."""
        self.depth = [0] * len(self.areas)
        for node in range(len(self.areas) - 1, -1, -1):
            self.depth[node] = max((1 + self.depth[target] for target, _ in self.leaving[node]), default=0)
        return self

    def area(self, node: int) -> Area:
        """Return the area at a node other than the input."""
        area = self.areas[node]
        assert area is not None, "the input is no area"
        return area

    @property
    def output(self) -> int:
        """Return the node of the output, which is the last."""
        return len(self.areas) - 1

    def drive(self, node: int, rates: list[Tensor]) -> Tensor:
        """Sum the drives that arrive at a node's columns: its prediction, in terms of predictive coding."""
        arriving = self.arriving[node]
        drive = arriving[0][1].drive(rates[arriving[0][0]])
        for source, link in arriving[1:]:
            drive = drive + link.drive(rates[source])
        return drive

    def forward(self, x: Tensor, noise: Callable[[Tensor], Tensor] | None = None) -> ForwardState:
        """Run a forward pass from the input up, with ``noise(rate)`` added to the rate of every area."""
        activity = ForwardState([x], [x], [[]], [] if noise is None else [None])
        for node, area in self.above_input:
            drive = self.drive(node, activity.rates)
            rate, trace = area.forward(drive)
            if noise is not None:
                activity.noise.append(own := noise(rate))
                rate = rate + own
            activity.drives.append(drive)
            activity.rates.append(rate)
            activity.traces.append(trace)
        return activity

    def levelled(self) -> Wiring:
        """Return the same wiring with relays, so that all ways from an area to the output are equally long.

        A link that skips k areas goes through k relay areas. Links from the input need none, for no
        error goes there. Link objects are shared with this wiring.
        """
        level = Wiring()
        place = {0: 0}
        chains: dict[tuple[int, int], int] = {}  # (source, how far its rates have been relayed) -> node
        for node in range(1, len(self.areas)):
            arriving = []
            for source, link in self.arriving[node]:
                gap = self.depth[source] - self.depth[node] - 1 if source else 0
                at = place[source]
                for step in range(1, gap + 1):
                    if (source, step) not in chains:
                        relay = Area(Relay(), name=f"{self.name(source)}.relay{step}", stages=())
                        shape = self.area(source).shape
                        relay.shape = relay.drive_shape = shape
                        chains[source, step] = level.add(relay, [(at, relay.arriving[0])])
                    at = chains[source, step]
                arriving.append((at, link))
            place[node] = level.add(self.area(node), arriving)
        return level.measure()

    def name(self, node: int) -> str:
        """Return the area's name; "input" for node 0."""
        return "input" if node == 0 else str(self.area(node).name)
