"""From the network view to the circuit view: every area becomes populations, one cell per column.

    area.value        x            prediction  μ            error  ε            phi  φ (Fa-Z-IL)

    value below ── W ──▶ prediction                    error ── Wᵀ ──▶ value below (feedback)

This is the skeleton: it walks areas and links. What stands at an area, and what tells its synapses to
learn, is a :class:`~corticalnet.columns.construction.Construction`. Streaming and gated Fa-Z-IL,
and the latch in continuous time, have no control cells at all.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from corticalnet.circuits import cells
from corticalnet.circuits.circuit import Circuit
from corticalnet.circuits.connection import AllToAll, Synapses
from corticalnet.circuits.parts import Broadcast, Population, Projection, Wire
from corticalnet.circuits.quantities import NOT_NEGATIVE, ONE, Range, number
from corticalnet.columns.choice import construction_of
from corticalnet.columns.construction import Construction, Site
from corticalnet.columns.continuous import Continuous
from corticalnet.columns.links import as_connection, bias_connection, check_weights, flat
from corticalnet.columns.spiking import KINDS, spiking
from corticalnet.errors import CircuitError, CircuitWarning, one_of
from corticalnet.network import Network
from corticalnet.network.area import Area
from corticalnet.network.links import Link
from corticalnet.network.stages import Fire
from corticalnet.network.wiring import Wiring
from corticalnet.rules import FaZIL, Feedback, Random, Tied
from corticalnet.rules.energy import stability


def circuit(
    network: Network,
    rule: Any,
    learning_rate: float = 0.1,
    *,
    consolidation: str = "now",
    phase_signal: bool = True,
    dynamics: Continuous | str | None = None,
    cells_per_column: int = 0,
    cell: str = "poisson",
    name: str = "",
) -> Circuit:
    """The populations of a network that learns by a rule.

    Args:
        network: dense, convolutional and local links, any activation, links that skip areas.
        rule: IL (also incremental), Z-IL or Fa-Z-IL, taught by a squared-error teacher, with tied or random
            feedback; a sweep of such (backprop, feedback alignment), which runs in time as Z-IL does; or a
            sweep by reward (BrainProp), whose columns have feedforward and feedback cells; there feedback may
            also be matching: synapses down learn by the same rule as those up. A rule of your own that has a
            method ``circuit(network, learning_rate)`` makes its own.
        learning_rate: of every synapse.
        consolidation: "now", or "phase": changes wait until the teacher has gone (only for rules that are
            told the phase).
        phase_signal: whether ungated rules are told when no teacher is there; without it the same equations
            run in prediction and learning, and prediction must come to rest by itself.
        dynamics: continuous time: :class:`~corticalnet.columns.continuous.Continuous`, or the
            name of a construction ("latch", "delay", "sample_and_hold", "nudge").
        cells_per_column: if more than 0, columns tell other areas their rates by so many spiking cells, in
            continuous time (:func:`spiking_dynamics` if no ``dynamics`` is given). More choices:
            :func:`corticalnet.columns.spiking.spiking`.
        cell: their kind: "poisson", "pif" or "lif".
        name: for titles.

    Returns:
        A circuit; in discrete time its steps are the rule's inference steps (dt = 1 ms).

    Raises:
        CircuitError: the network or the rule has a part that no circuit has been worked out for, or a number
            is out of its range.

    Warns:
        CircuitWarning: feedback that no gate holds back is live, and the network lies beyond the limit up to
            which its steps come to rest.
    """
    _check(learning_rate, phase_signal, cells_per_column, cell, name)
    if hasattr(rule, "circuit"):
        made: Circuit = rule.circuit(network, learning_rate)
        return made
    if not isinstance(network, Network):
        raise CircuitError(f"a circuit is made from a Network (cn.mlp(...)), not {type(network).__name__}")
    if cells_per_column:
        rates = circuit(
            network,
            rule,
            learning_rate,
            consolidation=consolidation,
            phase_signal=phase_signal,
            dynamics=dynamics or spiking_dynamics(rule),
        )
        made = spiking(rates, cells_per_column, cell)
        return replace(made, name=name) if name else made
    check_weights(network)
    how = construction_of(rule, learning_rate, consolidation, phase_signal, dynamics)
    rule.feedback.prepare(network)
    if how.live and type(rule.feedback) is Tied:
        steps = stability(network, rate=how.live, levelled=how.levelled)
        if not steps.stable:
            warnings.warn(
                f"{rule.name}: where columns respond most, steps with live feedback may never come to rest "
                f"({steps}); choose smaller weights, smaller steps or a gate",
                CircuitWarning,
                stacklevel=2,
            )
    return _Expansion(network, how, rule.feedback).build(name or f"{rule.name} columns")


def _check(rate: Any, signal: Any, cells_per_column: Any, cell: Any, name: Any) -> None:
    """What is no matter of the rule."""
    NOT_NEGATIVE.check(number(rate, "learning_rate"), ONE, "learning_rate")
    if not isinstance(signal, bool | np.bool_):
        raise CircuitError(f"phase_signal must be True or False, not {signal!r}")
    Range(0, whole=True).check(number(cells_per_column, "cells_per_column"), ONE, "cells_per_column")
    one_of("spiking cell", cell, KINDS, CircuitError)
    if not cells_per_column and cell != "poisson":
        raise CircuitError(f"cell = '{cell}' says what spikes, but cells_per_column is 0: nothing does")
    if not isinstance(name, str):
        raise CircuitError(f"name must be a text, not {name!r}")


def spiking_dynamics(rule: Any) -> Continuous:
    """Continuous time as spikes need it: steps of ½ ms, 200 ms from area to area, and averages.

    φ (Fa-Z-IL) bears the noise of some hundred perfect integrate-and-fire cells for each column; other rules
    go by a clock.
    """
    if isinstance(getattr(rule, "trigger", None), FaZIL):
        return Continuous("latch", dt=0.5, settle=200.0, average=50.0, threshold=0.05, quiet=0.2)
    return Continuous("sample_and_hold", dt=0.5, settle=200.0, average=40.0, burst=50.0)


class _Expansion:
    def __init__(self, network: Network, how: Construction, feedback: Feedback) -> None:
        self.how, self.feedback = how, feedback
        self.wiring: Wiring = network.levelled() if how.levelled else network.wiring
        self.inputs = int(np.prod(network.input_shape))
        nodes = range(1, self.wiring.output + 1)
        self.sites = {node: self._site(node) for node in nodes}
        self.populations: list[Population] = [Population("input.value", self.inputs, cells.Sensory())]
        self.projections: list[Projection] = []
        self.wires: list[Wire] = []
        self.broadcasts: list[Broadcast] = []
        self.learning: dict[str, Site] = {}

    def build(self, name: str) -> Circuit:
        for node, site in self.sites.items():
            stand = self.how.columns(site)
            self.populations += stand.populations(site)
            wires, projections, broadcasts = stand.joined(site)
            self.wires += wires
            self.projections += projections
            self.broadcasts += broadcasts
            for source, link in self.wiring.arriving[node]:
                self._link(source, node, link)
        if any(p.source == "bias" for p in self.projections):
            self.populations.append(Population("bias", 1, cells.Constant()))
        shared = self.how.shared(list(self.sites.values()), self.learning)
        return Circuit(
            self.populations + shared.populations,
            self.projections + shared.projections,
            self.wires,
            self.broadcasts + shared.broadcasts,
            self.how.dt,
            name,
            self.how.needs(list(self.sites.values())),
        )

    def _site(self, node: int) -> Site:
        area = self.wiring.area(node)
        return Site(
            self.wiring.name(node),
            int(np.prod(area.shape)),
            _activation(area),
            node == self.wiring.output,
            self.wiring.depth[node],
        )

    def _link(self, source: int, node: int, link: Link) -> None:
        """Its synapses up, its feedback down, its bias."""
        below, site = self.wiring.name(source), self.sites[node]
        name = link.name if link.plastic else f"{below}->{site.name}"
        plasticity = self.how.plasticity(site) if link.plastic else None
        connection, delay = as_connection(link), self.how.delay
        up = Projection(
            f"{below}.value",
            f"{site.name}.{self.how.hears[0]}",
            self.how.hears[1],
            flat(link, link.weight),
            connection,
            "rate",
            name,
            plasticity,
            delay=delay,
        )
        self._add(up, site)
        if source:
            role, state = self.how.tells
            down = Projection(
                f"{site.name}.{role}",
                f"{below}.{self.how.listens}",
                "feedback",
                sends=state,
                name=f"{name} feedback",
                shared_with=name,
                delay=delay,
            )
            if isinstance(self.feedback, Random) and link.plastic:
                own = flat(link, self.feedback.weights(link))
                reverse, weight = _reversed(connection, own)
                learns = self.how.feedback_plasticity(site)
                down = replace(down, shared_with="", weight=weight, connection=reverse, plasticity=learns)
            self._add(down, site)
        if link.bias is not None:
            one, bias = bias_connection(link), flat(link, link.bias)
            offset = replace(up, source="bias", weight=bias, connection=one, name=f"{name} bias", delay=0.0)
            self._add(offset, site)

    def _add(self, projection: Projection, site: Site) -> None:
        self.projections.append(projection)
        if projection.plasticity is not None:
            self.learning[projection.name] = site


def _activation(area: Area) -> str:
    """The name of an area's activation.

    Raises:
        CircuitError: the area does more than sum and fire.
    """
    if not area.sequence:
        return "linear"
    first, *rest = area.sequence
    if not isinstance(first, Fire) or rest:
        words = ", ".join(stage.describe() for stage in area.sequence)
        raise CircuitError(
            f"area '{area.name}' fires through {words}; in a circuit an area has an activation alone"
        )
    return first.activation.name


def _reversed(connection: Any, weight: Any) -> tuple[Any, Any]:
    """The same synapses the other way round."""
    if isinstance(connection, AllToAll):
        return connection, weight.T
    return Synapses(connection.post, connection.pre, connection.weights, connection.count), weight
