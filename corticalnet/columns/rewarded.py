"""BrainProp in time: feedforward and feedback cells, a choice, and dopamine for everyone.

    area.value      f(drive)                    area.feedback      f'(drive) · Σ W credit_above
    output.action   the winner of all contests between bids
    dopamine        reward − what the chosen column expected; broadcast to every plastic synapse

    Δw = rate · rpe · credit_post · rate_pre         the synapses up (Pozzi et al. 2020)
    Δb = rate · rpe · rate_post · credit_pre         the synapses down, if they have weights of their own

A trial is a stimulus and, later, an outcome. Nobody is told of phases: without an outcome dopamine is silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

from corticalnet.circuits import cells
from corticalnet.circuits.parts import MinimumDurations, Wire
from corticalnet.circuits.plasticity import CreditTimesRate, ErrorTimesRate
from corticalnet.columns.actions import add_actions, world_and_dopamine
from corticalnet.columns.area import AreaPopulations, AreaSpec, GlobalPopulations, links_to_input
from corticalnet.columns.continuous import Continuous
from corticalnet.columns.refusals import by_consolidation, by_feedback, by_maximum, by_others, first
from corticalnet.columns.registry import ColumnModel, Options, Source, Target, runs
from corticalnet.rules import Direct, Matching, Random, Reward, SignSymmetric, Sweep, Tied


@runs(Sweep)
class RewardedColumns(ColumnModel):
    """Columns that learn from reward in one sweep up and one sweep down, all the time; in steps.

    Args:
        learning_rate: of every synapse.
        feedback_learns: whether feedback weights of their own learn by the same rule.
    """

    taught_by = Reward
    forward_target = Target("value", "drive")
    feedback_source = Source("feedback", "credit")
    feedback_target = Target("feedback", "feedback")
    average = 0.0  # (ms) for how long bids weigh and eligibility is remembered

    def __init__(self, learning_rate: float, feedback_learns: bool) -> None:
        self.rate, self.feedback_learns = learning_rate, feedback_learns

    @classmethod
    def refuses(cls, rule: Any, options: Options) -> str | None:
        """Return why the model cannot run a rule (its pathway or consolidation); None if it can."""
        why = " for columns that learn from reward"
        return first(
            by_others(rule),
            by_feedback(rule, Tied, Random, SignSymmetric, Direct, Matching),
            by_consolidation(options, "now", why=why),
        )

    @classmethod
    def of(cls, rule: Any, options: Options) -> RewardedColumns:
        """Make the model; feedback learns if that of the rule does."""
        return cls(options.learning_rate, rule.feedback.learns)

    def populations(self, area: AreaSpec) -> AreaPopulations:
        """Return feedforward and feedback cells of an area, with bids and actions at the output."""
        wires = [
            Wire("value", "feedback", "gain", sends="gain"),
            Wire("value", "feedback", "rate", sends="rate"),
            Wire("feedback", "value", "error", sends="credit"),
        ]
        made = AreaPopulations(self.ways(area), wires)
        if area.output:
            add_actions(made, area, "value", "rate", self.average)
            wires.append(Wire("action", "feedback", "feedback", sends="action"))
        return made

    def refuses_pools(self, maximum: bool) -> str | None:
        """Return why areas may not have max pools; None for other pools."""
        return by_maximum(maximum)

    def ways(self, area: AreaSpec) -> dict[str, cells.Cell]:
        """Return the feedforward and the feedback cell."""
        return {"value": cells.Feedforward(area.activation), "feedback": cells.Feedback()}

    def plasticity(self, area: AreaSpec) -> ErrorTimesRate:
        """Return plasticity by credit × rate, modulated by dopamine."""
        return ErrorTimesRate(self.rate, modulator="dopamine", memory=self.average)

    def feedback_plasticity(self, area: AreaSpec) -> CreditTimesRate | None:
        """Return the same plasticity for feedback that learns; otherwise None."""
        if not self.feedback_learns:
            return None
        return CreditTimesRate(self.rate, modulator="dopamine", memory=self.average)

    def global_populations(
        self, areas: Sequence[AreaSpec], learning: dict[str, AreaSpec]
    ) -> GlobalPopulations:
        """Return competitions between actions, the world's reward source, and dopamine."""
        output = next(area for area in areas if area.output)
        return world_and_dopamine(output, list(learning))

    def needs(self, areas: Sequence[AreaSpec]) -> MinimumDurations:
        """Return the least durations until the outcome may come: up, two steps to compete, and down.

        Dopamine receives what is expected one step after the choice; where there is nothing to come down, it
        is this that takes longest.
        """
        links = links_to_input(areas)
        return MinimumDurations(max(2 * links, links + 2), 1)


@runs(Sweep)
class LeakyRewardedColumns(RewardedColumns):
    """Columns that learn from reward in continuous time, with leaky cells.

    Where they receive noise three things take an average: bids weigh for a while, synapses remember what they
    were eligible for, and dopamine comes in bursts.

    Args:
        learning_rate, feedback_learns: as above.
        dynamics: times; a construction is not needed.
    """

    def __init__(self, learning_rate: float, feedback_learns: bool, dynamics: Continuous) -> None:
        self.dynamics, self.average, self.burst = dynamics, dynamics.ms("average"), dynamics.ms("burst")
        self.dt, self.delay = dynamics.ms("dt"), dynamics.ms("delay")
        # The learning rate of one step of a burst.
        super().__init__(
            learning_rate * self.dt / self.burst if self.burst else learning_rate, feedback_learns
        )

    @classmethod
    def runs_in(cls, dynamics: Continuous | None) -> bool:
        """Return whether time is continuous, of any construction."""
        return dynamics is not None

    @classmethod
    def of(cls, rule: Any, options: Options) -> LeakyRewardedColumns:
        """Make the model; feedback learns if that of the rule does."""
        assert options.dynamics is not None, "see runs_in"
        return cls(options.learning_rate, rule.feedback.learns, options.dynamics)

    def ways(self, area: AreaSpec) -> dict[str, cells.Cell]:
        """Return the leaky feedforward and the leaky feedback cell."""
        tau = self.dynamics.ms("tau")
        return {
            "value": cells.LeakyFeedforward(area.activation, tau),
            "feedback": cells.LeakyFeedback(tau),
        }

    def global_populations(
        self, areas: Sequence[AreaSpec], learning: dict[str, AreaSpec]
    ) -> GlobalPopulations:
        """Return competitions, the world's reward source, and dopamine in bursts."""
        output = next(area for area in areas if area.output)
        return world_and_dopamine(output, list(learning), self.burst)

    def needs(self, areas: Sequence[AreaSpec]) -> MinimumDurations:
        """Return the least durations: signals settle up and down, and are averaged for 5 time constants."""
        settled = self.dynamics.ms("read_delay") + 2 * links_to_input(areas) * self.delay + 5 * self.average
        return MinimumDurations(ceil(settled / self.dt) + 3, ceil(self.burst / self.dt) + 2)
