"""Fa-Z-IL without a teacher: the output chooses, and dopamine kicks the chosen column.

Its error leaves rest by the reward-prediction error; φ does the rest, as with a teacher.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corticalnet.circuits import cells
from corticalnet.circuits.parts import MinimumDurations, Wire
from corticalnet.columns.actions import add_actions, world_and_dopamine
from corticalnet.columns.area import AreaPopulations, AreaSpec, GlobalPopulations, links_to_input
from corticalnet.columns.detected import DetectedColumns
from corticalnet.columns.refusals import by_consolidation, by_feedback, by_others, first
from corticalnet.columns.registry import Options, runs
from corticalnet.rules import FaZIL, Random, Reward, SignSymmetric, Tied


@runs(FaZIL)
class RewardedDetectedColumns(DetectedColumns):
    """Columns of Fa-Z-IL that learn from reward, without a teacher or a phase signal."""

    taught_by = Reward

    @classmethod
    def refuses(cls, rule: Any, options: Options) -> str | None:
        """Return why the model cannot run a rule (an ungated φ, or as rewarded columns); None if it can."""
        phases = None
        if rule.trigger.gate == "none":
            phases = (
                "columns that learn from reward are told no phases, and the φ without a gate has to be; "
                "choose gate = 'prediction' or 'pulse', or a Teacher"
            )
        why = " for columns that learn from reward"
        return first(
            phases,
            by_others(rule),
            by_feedback(rule, Tied, Random, SignSymmetric),
            by_consolidation(options, "now", why=why),
        )

    @classmethod
    def hears_phase(cls, rule: Any, options: Options) -> bool:
        """Return whether cells receive phase signals: they never do."""
        return False

    def value(self, area: AreaSpec) -> cells.Cell:
        """Return the value cell; dopamine kicks that of the output."""
        return cells.RewardedValue(tau=self.dt) if area.output else super().value(area)

    def populations(self, area: AreaSpec) -> AreaPopulations:
        """Return the cells of a taught area, with bids and actions at the output."""
        made = super().populations(area)
        if area.output:
            add_actions(made, area, "prediction", "predicted_rate" if area.nonlinear_output else "prediction")
            made.wires.append(Wire("action", "value", "action", sends="action"))
        return made

    def needs(self, areas: Sequence[AreaSpec]) -> MinimumDurations:
        """Return the least durations: two steps more to choose, one more for dopamine."""
        links = links_to_input(areas)
        return MinimumDurations(links + self.detector.silence + 2, max(links + 1, self.detector.steps or 0))

    def global_populations(
        self, areas: Sequence[AreaSpec], learning: dict[str, AreaSpec]
    ) -> GlobalPopulations:
        """Return competitions, the world's reward source, and dopamine."""
        output = next(area for area in areas if area.output)
        return world_and_dopamine(output, [f"{output.name}.value"])
