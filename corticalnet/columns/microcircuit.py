"""Dendritic cortical microcircuits in continuous time: no phase, no clock, no trigger.

    area.value           pyramidal cells: basal ← W r below, apical ← B r above + M r of interneurons
    area.interneuron     as many as the area above has columns: basal ← P r of the area, teacher ← u above

    Δw = rate · dt · mismatch_post · rate_pre            W, and P of interneurons

All synapses change all the time, at so much per ms; without a teacher nothing moves. Interneurons belong to
the area below the one that they copy. Laterals begin as those of the rule; "ideal" ones begin self-predicting
and learn then as with "predicting", for no synapse can copy another. With an ``average`` (τ_w) changes are
low-passed, and ``prospective`` cells look ahead (latent equilibrium).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import ceil
from typing import Any

import numpy as np

from corticalnet.circuits.cells.dendritic import Interneuron, Pyramidal, Somatic, TaughtPyramidal
from corticalnet.circuits.connection import OneToOne
from corticalnet.circuits.parts import MinimumDurations, Population, Projection
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.plasticity.dendritic import MismatchTimesRate, Silencing
from corticalnet.columns.area import AreaPopulations, AreaSpec, GlobalPopulations, links_to_input
from corticalnet.columns.continuous import Continuous
from corticalnet.columns.links import turned
from corticalnet.columns.refusals import by_consolidation, first
from corticalnet.columns.registry import ColumnModel, Options, Source, Target, runs
from corticalnet.errors import CircuitError
from corticalnet.rules.dendrites.microcircuit import Microcircuit


@runs(Microcircuit)
class MicrocircuitColumns(ColumnModel):
    """Columns of the dendritic microcircuit, in continuous time.

    Args:
        rule: conductances, laterals, and how the teacher nudges.
        rate: of synapses up, per ms; what is lost on the way down is given back, as the rule does.
        dynamics: τ (capacitance over a conductance of 1), dt, delay, average; a construction is not needed.
    """

    forward_target = Target("value", "basal")
    feedback_source = Source("value", "rate")
    feedback_target = Target("value", "apical")
    equal_path_lengths = False
    looks_ahead = True

    def __init__(self, rule: Microcircuit, rate: float, dynamics: Continuous) -> None:
        self.rule, self.rate, self.dynamics = rule, rate, dynamics
        self.dt, self.delay = dynamics.ms("dt"), dynamics.ms("delay")
        self._reached: set[str] = set()

    @classmethod
    def runs_in(cls, dynamics: Continuous | None) -> bool:
        """Return whether time is continuous, of any construction."""
        return dynamics is not None

    @classmethod
    def refuses(cls, rule: Any, options: Options) -> str | None:
        """Return why the model cannot run a rule (solution, pathway, loss, consolidation); None if it can."""
        solved = "cells settle, and no cell computes a first order; choose solve='settled'"
        squared = "columns are taught target rates one by one, of a squared-error Teacher"
        down = type(rule.pathway).__name__
        moves = f"no synapse down learns as those of {down} do; choose pathway='random'"
        follows = f"weights down of {down} follow those up, and laterals from interneurons stay; choose "
        follows += "pathway='random', laterals='both' or a learning rate of 0"
        stays = rule.laterals == "both" or not options.learning_rate or not rule.transports_weights
        return first(
            None if rule.solve == "settled" else solved,
            moves if rule.pathway.learns else None,
            None if stays else follows,
            None if rule.teaching.loss == "squared" else f"{squared}, not by Teacher('{rule.teaching.loss}')",
            by_consolidation(options, "now", why=", for nobody is told of a phase"),
        )

    @classmethod
    def of(cls, rule: Any, options: Options) -> MicrocircuitColumns:
        """Make the model with the rule's conductances."""
        assert options.dynamics is not None, "see runs_in"
        return cls(rule, options.learning_rate, options.dynamics)

    def refuses_pools(self, maximum: bool) -> str | None:
        """Return why areas may not have pools: a pool has no dendrites."""
        return "a pool has no dendrites; choose an area without, or a convolution with a stride"

    def populations(self, area: AreaSpec) -> AreaPopulations:
        """Return the pyramidal cells of an area."""
        return AreaPopulations({"value": self._pyramidal(area)}, [])

    def _pyramidal(self, area: AreaSpec) -> Somatic:
        rule, g = self.rule, self.rule.conductances
        own = (self.dynamics.ms("tau"), area.activation, g.leak, g.basal, self.dynamics.prospective)
        if area.output:
            return TaughtPyramidal(*own, g.somatic, rule.nudge, rule.margin)
        return Pyramidal(*own, g.apical)

    def beside_link(
        self, area: AreaSpec, up: Projection, down: Projection | None, bias: Projection | None
    ) -> GlobalPopulations:
        """Return the interneurons that copy an area, below it, and their laterals.

        Raises:
            CircuitError: an area with more than one link from below.
        """
        if area.name in self._reached:
            raise CircuitError(
                f"area '{area.name}': interneurons of one area below copy it, and it has links from several; "
                "choose a network without links that skip areas"
            )
        self._reached.add(area.name)
        if down is None:
            return GlobalPopulations()
        rule, g, below = self.rule, self.rule.conductances, up.source
        name = f"{below.rpartition('.')[0]}.interneuron"
        above = self._pyramidal(area)
        tau, ahead = self.dynamics.ms("tau"), self.dynamics.prospective
        cell = Interneuron(tau, area.activation, g.leak, g.dendritic, ahead, g.somatic)
        share = g.basal_share(area.output) / g.dendritic_share
        learned = rule.lateral_weights().get(up.name)
        predicting, offset, cancelling = learned or (None, None, None)
        memory = self.dynamics.ms("average")
        learns = MismatchTimesRate(self._per_step(rule.own_rate), memory=memory)
        lateral = partial(
            replace, target=name, port="basal", plasticity=learns, delay=0.0, low=-np.inf, high=np.inf
        )
        p = share * _array(up) if predicting is None else _like(predicting, up.weight)
        laterals = [lateral(up, weight=p, name=f"{below}->{name}")]
        if bias is not None:
            b = share * _array(bias) if offset is None else _like(offset, bias.weight)
            laterals.append(lateral(bias, weight=b, name=f"{below}->{name} bias"))
        connection, weight = self._comes_down(up, down)
        silences = None
        if cancelling is not None:
            connection, weight = turned(up.connection, -_like(cancelling, up.weight))
            silences = Silencing(learns.rate, memory=memory)
        cancel = Projection(name, below, "apical", -weight, connection, "rate", plasticity=silences)
        copied = Projection(up.target, name, "teacher", 1.0, OneToOne(), above.copied, delay=self.delay)
        return GlobalPopulations([Population(name, area.n, cell)], [*laterals, cancel, copied])

    def _comes_down(self, up: Projection, down: Projection) -> tuple[Any, Any]:
        """Return connection and weights of what comes down beside a link, as they are now."""
        if not down.shared_with:
            return down.connection, down.weight
        weight = _array(up) if down.weight is None else np.sign(_array(up)) * down.weight
        return turned(up.connection, weight)

    def _per_step(self, factor: float) -> float:
        return self.rate * self.dt * factor

    def plasticity(self, area: AreaSpec) -> Plasticity:
        """Return plasticity by mismatch × rate; errors that shrink on the way down are given back."""
        g, memory = self.rule.conductances, self.dynamics.ms("average")
        factor = g.way_up(area.depth) / g.error_size(area.depth)
        return MismatchTimesRate(self._per_step(factor), memory=memory)

    def needs(self, areas: Sequence[AreaSpec]) -> MinimumDurations:
        """Return durations in which potentials settle, up without a teacher, and up and down with one."""
        links, dynamics = links_to_input(areas), self.dynamics
        each = ceil((5 * dynamics.ms("tau") + self.delay) / self.dt)
        return MinimumDurations(links * each, 2 * links * each + ceil(5 * dynamics.ms("average") / self.dt))


def _array(projection: Projection) -> Any:
    """Return the weights of a projection with synapses of its own."""
    assert projection.weight is not None, "of its own"
    return projection.weight


def _like(own: Any, weight: Any) -> Any:
    """Return weights of a rule's own, shaped as a projection's."""
    return own.detach().cpu().numpy().astype(np.float64).reshape(weight.shape)
