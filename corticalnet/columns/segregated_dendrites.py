"""Segregated dendrites in time: one pyramidal cell for each column, in two phases (Guerguiev et al. 2017).

    area.value      basal ← W rates below        apical ← B rates of the output        α, before and after
    output.value    basal ← W rates below        a teacher moves its rate, or its potential

    Δw = rate · tick · error_post · rate_pre in the free phase

In steps somata follow their basal dendrites at once, and a clock says when the phase with a teacher is over.
In continuous time ("sample_and_hold": without φ) somata are slow, phases are as long as they are (each of
another length, if one likes), and synapses change once the teacher has gone.

With spikes (``cells_per_column``) every column, inputs too, tells its rate by that many Poisson cells, one in
the paper; what a spike leaves behind is the difference of two exponentials, and the mean of that over the
last 20 ms of the free phase is what a synapse learns by.

Deviations from the paper
    1. A cell fires at most once in a step of 1 ms, with probability 0.2 at most; there also more often.
    2. Phases are as long as a protocol says; there 50 ms, and more by a draw from a Wald distribution.
    3. What a spike leaves behind never ends; there it is cut off after 10 ms, half of its area.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Any

from corticalnet.circuits import cells
from corticalnet.circuits.cells.segregated import (
    CurrentTaughtOutput,
    PhaseEnd,
    PostsynapticPotential,
    SegregatedOutput,
    SegregatedPyramidal,
)
from corticalnet.circuits.circuit import Circuit
from corticalnet.circuits.connection import OneToOne
from corticalnet.circuits.parts import Broadcast, MinimumDurations, Population, Projection
from corticalnet.circuits.plasticity.plateau import PlateauTimesRate
from corticalnet.columns.area import AreaPopulations, AreaSpec, GlobalPopulations, links_to_input
from corticalnet.columns.continuous import Continuous
from corticalnet.columns.refusals import by_consolidation, by_feedback, first
from corticalnet.columns.registry import ColumnModel, Options, Source, Target, runs
from corticalnet.columns.spiking import spiking
from corticalnet.rules import Direct
from corticalnet.rules.dendrites.segregated_dendrites import SegregatedDendrites

#: Of the means, and the least length of a phase, in ms; spikes at most, in 1/ms; synapses, in ms.
WINDOW, PHASE, MAX_RATE, SYNAPSE, RISE = 20.0, 50.0, 0.2, 10.0, 3.0
#: Of the soma: 1 / (g_L + g_B), in ms.
SOMA = 1 / 0.7


@runs(SegregatedDendrites)
class SegregatedColumns(ColumnModel):
    """Columns of pyramidal cells with segregated dendrites."""

    forward_target = Target("value", "basal")
    feedback_source = Source("value", "rate")
    feedback_target = Target("value", "apical")
    equal_path_lengths = False

    def __init__(self, rule: Any, options: Options) -> None:
        self.trigger, self.rate, self.dynamics = rule.trigger, options.learning_rate, options.dynamics
        self.window, self.tau = WINDOW * self.dt, self.dt
        if self.dynamics is not None:
            self.dt, self.tau = self.dynamics.ms("dt"), self.dynamics.ms("tau")
            self.window = self.dynamics.ms("average") or self.dt

    @classmethod
    def runs_in(cls, dynamics: Continuous | None) -> bool:
        """Return whether the model runs in this time: in steps, or in continuous time without φ."""
        return dynamics is None or dynamics.construction == "sample_and_hold"

    @classmethod
    def refuses(cls, rule: Any, options: Options) -> str | None:
        """Return why the model cannot run a rule (its pathway, loss or consolidation); None if it can."""
        loss = rule.teaching.loss
        return first(
            by_feedback(rule, Direct),
            None if loss == "squared" else f"such outputs are moved to a target, not by Teacher('{loss}')",
            by_consolidation(options, "now", why=", for changes wait for the end of the phase anyway"),
        )

    @classmethod
    def of(cls, rule: Any, options: Options) -> SegregatedColumns:
        """Make the model with the teacher of the rule."""
        return cls(rule, options)

    @classmethod
    def spiking_dynamics(cls, rule: Any) -> Continuous:
        """Return the paper's time: steps of 1 ms, means over 20 ms."""
        return Continuous("sample_and_hold", tau=SOMA, dt=1.0, average=WINDOW, read_delay=PHASE)

    def populations(self, area: AreaSpec) -> AreaPopulations:
        """Return the cells of an area, with the axons by which they know what they were a window ago."""
        own, trigger = (self.tau, area.activation, self.window), self.trigger
        cell: cells.Cell = SegregatedPyramidal(*own)
        if area.output and trigger.reversal is None:
            cell = SegregatedOutput(*own, trigger.nudge)
        elif area.output:
            cell = CurrentTaughtOutput(*own, trigger.nudge, trigger.reversal)
        states = ("soma", "rate") if area.output else ("soma", "apical")
        return AreaPopulations({"value": cell}, [], projections=[self._before("value", s) for s in states])

    def _before(self, role: str, state: str) -> Projection:
        """Return the axon that brings a state back when it leaves the mean (it is read a step later)."""
        port = f"{state}_before"
        return Projection(role, role, port, 1.0, OneToOne(), state, delay=self.window - self.dt)

    def plasticity(self, area: AreaSpec) -> PlateauTimesRate:
        """Return plasticity by the plateau potentials, once the phase with a teacher is over."""
        return PlateauTimesRate(self.rate, trigger="tick")

    def global_populations(
        self, areas: Sequence[AreaSpec], learning: dict[str, AreaSpec]
    ) -> GlobalPopulations:
        """Return the signal of the phase, and what says that it is over."""
        values, synapses = [f"{area.name}.value" for area in areas], list(learning)
        told = [
            Broadcast("phase", values, state, f"columns {state}", state)
            for state in ("prediction_phase", "taught")
        ]
        ends = self._steps(self.window) - 1
        clock = cells.Clock(first=ends, last=ends)
        populations = [Population("phase", 1, PhaseEnd())]
        if self.dynamics is None:
            populations.append(Population("clock", 1, clock))
        source = populations[-1].name
        return GlobalPopulations(populations, [], [*told, Broadcast(source, synapses, "tick", "tick")])

    def needs(self, areas: Sequence[AreaSpec]) -> MinimumDurations:
        """Return the least durations: all means have come to rest in steps, the paper's otherwise."""
        if self.dynamics is None:
            return MinimumDurations(
                links_to_input(areas) + self._steps(self.window), self._steps(self.window)
            )
        steps = self._steps(max(PHASE, self.window))
        return MinimumDurations(steps, steps)

    def in_spikes(self, circuit: Circuit, cells_per_column: int, cell: str) -> Circuit:
        """Return the columns with spikes, with what synapses keep of them as the paper has it."""
        made = spiking(
            circuit,
            cells_per_column,
            cell,
            ranges={"input.value": (0.0, 1.0)},
            max_rate=MAX_RATE,
            synapse=SYNAPSE,
            axon=PostsynapticPotential(SYNAPSE, RISE, self.window),
        )
        axons = [p.name for p in made.populations if isinstance(p.cell, PostsynapticPotential)]
        late = [replace(self._before(name, "rate"), port="before", name=f"{name} before") for name in axons]
        told = Broadcast("phase", axons, "prediction_phase", "axons prediction_phase", "prediction_phase")
        return replace(
            made,
            projections=[*made.projections, *late],
            broadcasts=[*made.broadcasts, told],
            needs=circuit.needs,
        )

    def _steps(self, ms: float) -> int:
        return ceil(ms / self.dt - 1e-9)
