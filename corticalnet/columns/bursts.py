"""BurstCCN in steps: one bursting cell for each column, and nobody is told when to learn.

    area.value      basal ← W rates below      apical ← Y bursts above      silence ← Y p_b events above

    Δw = rate · surplus_post · rate_pre         all the time

The output bursts otherwise in the step in which a teacher comes. That goes down one area a step; each learns
in the step in which it gets there, for elsewhere and at other times bursts are as events let expect.

Where the way down shares the weights of the way up, changes wait until all areas have been reached: a clock
says so, for else an area would be taught by weights that have changed already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import log
from typing import Any

from corticalnet.circuits import cells
from corticalnet.circuits.cells.bursting import BurstingColumn, TaughtBursting
from corticalnet.circuits.parts import MinimumDurations, Projection
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.plasticity.bursts import SurplusTimesRate
from corticalnet.columns.area import (
    AreaPopulations,
    AreaSpec,
    GlobalPopulations,
    broadcasters,
    links_to_input,
)
from corticalnet.columns.refusals import by_consolidation, by_feedback, first
from corticalnet.columns.registry import ColumnModel, Options, Source, Target, runs
from corticalnet.errors import CircuitError
from corticalnet.rules import Random, SignSymmetric, Tied
from corticalnet.rules.dendrites.bursts import BurstCCN


@runs(BurstCCN)
class BurstColumns(ColumnModel):
    """Columns of BurstCCN, with tied, random or sign-symmetric feedback."""

    forward_target = Target("value", "basal")
    feedback_source = Source("value", "burst")
    feedback_target = Target("value", "apical")

    def __init__(self, rule: Any, options: Options) -> None:
        self.rate, self.trigger = options.learning_rate, rule.trigger
        self.waits = rule.transports_weights

    @classmethod
    def refuses(cls, rule: Any, options: Options) -> str | None:
        """Return why the model cannot run a rule (its pathway, loss or consolidation); None if it can."""
        loss = rule.teaching.loss
        return first(
            by_feedback(rule, Tied, Random, SignSymmetric),
            None if loss == "squared" else f"outputs burst by t − y, not by Teacher('{loss}')",
            by_consolidation(options, "now", why=", for every column learns as bursts reach it"),
        )

    @classmethod
    def of(cls, rule: Any, options: Options) -> BurstColumns:
        """Make the model with the chances of the rule."""
        return cls(rule, options)

    def refuses_pools(self, maximum: bool) -> str | None:
        """Return why areas may not have pools: a pool has no columns that burst."""
        return "a pool has no columns that burst; choose an area without, or a convolution with a stride"

    def populations(self, area: AreaSpec) -> AreaPopulations:
        """Return the bursting cells of an area.

        Raises:
            CircuitError: it is a relay of a link that skips areas.
        """
        if ".relay" in area.name:
            raise CircuitError(
                f"area '{area.name}': bursts down a link that skips areas arrive sooner than others, and "
                "a relay has no dendrite; choose links from area to area"
            )
        baseline = self.trigger.baseline
        kind = TaughtBursting if area.output else BurstingColumn
        return AreaPopulations(
            {"value": kind(area.activation, log(baseline / (1 - baseline)), self.trigger.slope)}, []
        )

    def plasticity(self, area: AreaSpec) -> Plasticity:
        """Return plasticity by the surplus of bursts."""
        return SurplusTimesRate(self.rate, consolidation="done" if self.waits else "")

    def beside_link(
        self, area: AreaSpec, up: Projection, down: Projection | None, bias: Projection | None
    ) -> GlobalPopulations:
        """Return the synapses by which events silence what bursts excite."""
        if down is None:
            return GlobalPopulations()
        silencing = replace(down, sends="expected", port="silence", name=f"{up.name} silence")
        return GlobalPopulations(projections=[silencing])

    def global_populations(
        self, areas: Sequence[AreaSpec], learning: dict[str, AreaSpec]
    ) -> GlobalPopulations:
        """Return the clock that says when all areas have been reached, where changes wait for it."""
        if not self.waits:
            return GlobalPopulations()
        last = links_to_input(areas) - 1
        clock = broadcasters({"clock": (cells.Clock(first=last, last=last), list(learning))})
        clock.broadcasts = [replace(b, name="done", port="done") for b in clock.broadcasts]
        return clock

    def needs(self, areas: Sequence[AreaSpec]) -> MinimumDurations:
        """Return the least durations: up, and down again (where the teacher may have gone)."""
        links = links_to_input(areas)
        return MinimumDurations(links, links)
