"""Inference learning in steps, also incremental: one clock tells all synapses when to learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corticalnet.circuits import cells
from corticalnet.circuits.parts import MinimumDurations
from corticalnet.columns.area import AreaSpec, links_to_input
from corticalnet.columns.registry import Options, runs
from corticalnet.columns.stepwise import Clocked
from corticalnet.rules import IL


@runs(IL)
class ILColumns(Clocked):
    """Columns of inference learning: all areas relax together, and learn at the end or at every step."""

    equal_path_lengths = False

    def __init__(self, rule: Any, options: Options) -> None:
        super().__init__(rule, options)
        self.every_step = rule.trigger.update == "every step"
        self.last = rule.trigger.steps - self.every_step

    def trigger(self, area: AreaSpec) -> str:
        """Return the name of the one clock."""
        return "clock"

    def clock(self, area: AreaSpec) -> cells.Clock:
        """Make the clock, which ticks at the last step, or at every step up to it."""
        return cells.Clock(first=0 if self.every_step else self.last, last=self.last)

    def needs(self, areas: Sequence[AreaSpec]) -> MinimumDurations:
        """Return the least durations: the output's error must be gone when the teacher comes."""
        return MinimumDurations(links_to_input(areas) + 1, self.last + 1)
