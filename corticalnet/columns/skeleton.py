"""The skeleton of a circuit: every area becomes populations, every link projections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from corticalnet.circuits import cells
from corticalnet.circuits.circuit import Circuit
from corticalnet.circuits.parts import Broadcast, MinimumDurations, Population, Projection, Wire
from corticalnet.columns.area import AreaSpec
from corticalnet.columns.links import as_connection, bias_connection, bounds, flat, turned
from corticalnet.columns.pooling import PoolLink, activation_of, contests, neighbourhoods, unfolded
from corticalnet.columns.registry import ColumnModel
from corticalnet.errors import CircuitError
from corticalnet.network import Network
from corticalnet.network.links import Link, Relay
from corticalnet.network.wiring import Wiring
from corticalnet.rules.base import Route


class Skeleton:
    """Walks areas and links, and puts together what a column model says of them.

    Args:
        network: not changed.
        model: what stands where.
        routes: ways along which signals come down.
    """

    def __init__(self, network: Network, model: ColumnModel, routes: Sequence[Route]) -> None:
        self.model = model
        wiring, sends = unfolded(network.wiring)
        self.wiring: Wiring = wiring.levelled() if model.equal_path_lengths else wiring
        links = set(network.links)
        #: What carries signals back along each link.
        self.down = {way.link: (way.weights, way.magnitudes) for way in routes if way.link in links}
        #: Ways straight from above: (name of the area, name of that above, the way).
        self.direct = [
            (sends[network.wiring.name(route.node)], network.wiring.name(route.above), route)
            for route in routes
            if route.link not in links
        ]
        self.areas = {node: self._spec(node) for node in range(1, self.wiring.output + 1)}
        inputs = int(np.prod(network.input_shape))
        self.populations: list[Population] = [Population("input.value", inputs, cells.Sensory())]
        self.projections: list[Projection] = []
        self.wires: list[Wire] = []
        self.broadcasts: list[Broadcast] = []
        self.learning: dict[str, AreaSpec] = {}

    def build(self, name: str, timed: bool) -> Circuit:
        """Build the circuit; ``timed`` if its steps are durations, and not the steps of a rule."""
        for node, area in self.areas.items():
            made = self.model.populations(area)
            self.populations += made.populations(area)
            wires, projections, broadcasts = made.joined(area)
            self.wires += wires
            self.projections += projections
            self.broadcasts += broadcasts
            if area.members is not None:
                self._contests(area)
            for source, link in self.wiring.arriving[node]:
                self._link(source, node, link)
        for below, above, route in self.direct:
            self.projections.append(self._straight(below, above, route))
        areas = list(self.areas.values())
        shared = self.model.global_populations(areas, self.learning)
        if any(p.source == "bias" for p in self.projections + shared.projections):
            self.populations.append(Population("bias", 1, cells.Constant()))
        return Circuit(
            self.populations + shared.populations,
            self.projections + shared.projections,
            self.wires + shared.wires,
            self.broadcasts + shared.broadcasts,
            self.model.dt,
            name,
            self._needs(areas),
            timed=timed,
        )

    def _needs(self, areas: list[AreaSpec]) -> MinimumDurations:
        """Return the model's least durations, with one step more for each sheet below a max pool."""
        needs = self.model.needs(areas)
        return replace(needs, present=needs.present + sum(area.members is not None for area in areas))

    def _contests(self, area: AreaSpec) -> None:
        populations, projections = contests(area)
        self.populations += populations
        self.projections += projections

    def _spec(self, node: int) -> AreaSpec:
        area = self.wiring.area(node)
        return AreaSpec(
            self.wiring.name(node),
            int(np.prod(area.shape)),
            activation_of(area),
            node == self.wiring.output,
            self.wiring.depth[node],
            self.model.softmax and node == self.wiring.output,
            neighbourhoods(self.wiring, node),
        )

    def _link(self, source: int, node: int, link: Link) -> None:
        """Add a link's synapses up, its feedback down, and its bias."""
        model, area, below = self.model, self.areas[node], self.wiring.name(source)
        relay, pool = isinstance(link, Relay), isinstance(link, PoolLink)
        if isinstance(link, PoolLink) and (reason := model.refuses_pools(link.winners)):
            raise CircuitError(f"area '{below}': {reason}")
        name = f"{below}->{area.name}" if relay or pool else link.name
        sender = "winner" if isinstance(link, PoolLink) and link.winners else "value"
        up = Projection(
            f"{below}.{sender}",
            f"{area.name}.{model.forward_target.role}",
            model.forward_target.port,
            flat(link, link.weight),
            as_connection(link),
            "rate",
            name,
            model.plasticity(area) if link.plastic else None,
            delay=model.delay,
            **bounds(link),
        )
        down = offset = None
        if link in self.down or (source and relay and self.down) or (pool and (self.down or self.direct)):
            down = self._feedback(up, below, area, link)
        if link.bias is not None:
            one, bias = bias_connection(link), flat(link, link.bias)
            offset = replace(up, source="bias", weight=bias, connection=one, name=f"{name} bias", delay=0.0)
            offset = replace(offset, low=-np.inf, high=np.inf)
        if down is not None and down.plasticity is not None:
            up = replace(up, plasticity=model.paired_plasticity(area))
        beside = model.beside_link(area, up, down, offset)
        self.populations += beside.populations
        self.broadcasts += beside.broadcasts
        self.wires += beside.wires
        for projection in (up, down, offset, *beside.projections):
            if projection is not None:
                self._add(projection, area)

    def _feedback(self, up: Projection, below: str, area: AreaSpec, link: Link) -> Projection:
        """Return feedback along a link's own synapses (or a relay's), or along others beside them."""
        model = self.model
        role, state = model.feedback_source
        down = Projection(
            f"{area.name}.{role}",
            f"{below}.{model.feedback_target.role}",
            model.feedback_target.port,
            sends=state,
            name=f"{up.name} feedback",
            shared_with=up.name,
            delay=model.delay,
        )
        weights, magnitudes = self.down.get(link, (link.weight, None))
        if weights is link.weight:
            return down
        if magnitudes is not None:
            return replace(down, weight=flat(link, magnitudes))
        connection, weight = turned(up.connection, flat(link, weights))
        learns = model.feedback_plasticity(area)
        return replace(down, shared_with="", weight=weight, connection=connection, plasticity=learns)

    def _straight(self, below: str, above: str, route: Route) -> Projection:
        """Return a direct feedback projection, with synapses of its own, from the output to an area."""
        model, area = self.model, next(area for area in self.areas.values() if area.name == below)
        role, state = model.feedback_source
        connection, weight = turned(as_connection(route.link), flat(route.link, route.weights))
        return Projection(
            f"{above}.{role}",
            f"{below}.{model.feedback_target.role}",
            model.feedback_target.port,
            weight,
            connection,
            state,
            f"{above}->{below} feedback",
            delay=model.direct_delay(area),
        )

    def _add(self, projection: Projection, area: AreaSpec) -> None:
        for one in self.model.expanded(projection):
            self.projections.append(one)
            if one.plasticity is not None:
                self.learning[one.name] = area
