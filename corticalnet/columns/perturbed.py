"""Learning by trial and error in time: columns fire noise, and one critic tells all synapses what came of it.

    area.value      rate = f(drive) + ξ           critic     cost expected − cost of the output, for everyone

    Δw = rate/σ² · tick · difference · ξ_post f'(drive_post) · rate_pre

Node perturbation fires its noise after the teacher has come, for as many steps as it takes to the output; a
clock says when, and when synapses learn. REINFORCE fires it all the time, and learns when the teacher comes.
Nothing comes down: there is no feedback. Noise is an input of the columns, which the protocol draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corticalnet.circuits import cells
from corticalnet.circuits.cells.perturbed import (
    AveragingCritic,
    Critic,
    NoisyFeedforward,
    NoisyOutput,
    PerturbationClock,
    PerturbedFeedforward,
    PerturbedOutput,
)
from corticalnet.circuits.connection import AllToAll
from corticalnet.circuits.parts import Broadcast, MinimumDurations, Population, Projection
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.plasticity.perturbation import NoiseTimesRate, NoiseTimesUndisturbedRate
from corticalnet.columns.area import AreaPopulations, AreaSpec, GlobalPopulations, links_to_input
from corticalnet.columns.refusals import by_consolidation, first
from corticalnet.columns.registry import ColumnModel, Options, Target, runs
from corticalnet.rules.perturbation import REINFORCE, NodePerturbation


class _Perturbing(ColumnModel):
    """Common part of columns that fire noise: cells, and a critic."""

    forward_target = Target("value", "drive")
    equal_path_lengths = False
    baseline = "undisturbed"
    kinds: tuple[type[cells.Feedforward], type[cells.Feedforward]]  # of hidden areas, and of the output
    learns: type[Plasticity]

    def __init__(self, rule: Any, options: Options) -> None:
        self.trigger = rule.trigger
        self.rate = options.learning_rate / rule.trigger.deviation**2

    @classmethod
    def refuses(cls, rule: Any, options: Options) -> str | None:
        """Return why the model cannot run a rule (its loss, baseline or consolidation), or None."""
        loss, baseline = rule.teaching.loss, rule.trigger.baseline
        return first(
            f"the critic knows squared loss, not {loss}" if loss != "squared" else None,
            f"the critic compares with baseline '{cls.baseline}', not '{baseline}'"
            if baseline != cls.baseline
            else None,
            by_consolidation(options, "now"),
        )

    @classmethod
    def of(cls, rule: Any, options: Options) -> _Perturbing:
        """Make the model with the rule's own noise."""
        return cls(rule, options)

    def populations(self, area: AreaSpec) -> AreaPopulations:
        """Return the one cell of a column of an area."""
        return AreaPopulations({"value": self.kinds[area.output](activation=area.activation)}, [])

    def plasticity(self, area: AreaSpec) -> Plasticity:
        """Return plasticity by noise × rate, when the clock ticks, modulated by the critic."""
        return self.learns(self.rate, trigger="tick", modulator="critic")

    def judged(
        self, areas: Sequence[AreaSpec], learning: dict[str, AreaSpec], critic: cells.Cell, clock: cells.Cell
    ) -> GlobalPopulations:
        """Return a critic that receives the output's cost, and a clock that tells synapses to learn."""
        output = next(area.name for area in areas if area.output)
        cost = Projection(f"{output}.value", "critic", "cost", 1.0, AllToAll(), "cost")
        tells = [
            Broadcast("critic", [*learning], "difference"),
            Broadcast("clock", [*learning], "tick", "tick"),
        ]
        return GlobalPopulations(
            [Population("critic", 1, critic), Population("clock", 1, clock)], [cost], tells
        )


@runs(NodePerturbation)
class PerturbedColumns(_Perturbing):
    """Columns whose noise comes on when the critic knows the cost without it."""

    kinds = (PerturbedFeedforward, PerturbedOutput)
    learns = NoiseTimesUndisturbedRate

    def global_populations(
        self, areas: Sequence[AreaSpec], learning: dict[str, AreaSpec]
    ) -> GlobalPopulations:
        """Return the critic, and the clock that tells columns, critic and synapses of the noise."""
        made = self.judged(
            areas, learning, Critic(), PerturbationClock(first=1.0, last=links_to_input(areas))
        )
        told = [*(f"{area.name}.value" for area in areas), "critic", *learning]
        made.broadcasts.append(Broadcast("clock", told, "trying", "trying"))
        return made

    def needs(self, areas: Sequence[AreaSpec]) -> MinimumDurations:
        """Return the least durations: up to the output; one step to judge, and up once more with noise."""
        links = links_to_input(areas)
        return MinimumDurations(links, links + 1)


@runs(REINFORCE)
class ReinforcedColumns(_Perturbing):
    """Columns that always fire noise, and a critic with a running average of the cost."""

    baseline = "average"
    kinds = (NoisyFeedforward, NoisyOutput)
    learns = NoiseTimesRate

    def global_populations(
        self, areas: Sequence[AreaSpec], learning: dict[str, AreaSpec]
    ) -> GlobalPopulations:
        """Return the critic, and the clock that tells it and synapses that the teacher has come."""
        made = self.judged(
            areas, learning, AveragingCritic(momentum=self.trigger.momentum), PerturbationClock()
        )
        made.broadcasts.append(Broadcast("clock", ["critic"], "tick", "judging"))
        return made

    def needs(self, areas: Sequence[AreaSpec]) -> MinimumDurations:
        """Return the least durations: up to the output, and one step to judge."""
        return MinimumDurations(links_to_input(areas), 1)
