"""Equilibrium propagation in steps: one population for each area, that relaxes free and nudged.

    area.value     rate ← rate + γ (f(drive + feedback + nudge · (target − rate)) − rate)
    nudge          one cell for all: 0 with a stimulus alone, β once a teacher is there

    Δw = rate · contrast · sent_post · rate_pre

    contrast       −1/β when the free phase ends, 1/β when the nudged one does

The stimulus is the free phase, the teacher the nudged one. What a synapse has seen waits in its trace until
both have ended, for a weight that changed in between would change what the second comes to rest at. The way
down runs along the very synapses of the way up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from corticalnet.circuits.cells import Cell
from corticalnet.circuits.cells.relaxing import Nudge, NudgedRate, Relaxing, RelaxingNext
from corticalnet.circuits.parts import Broadcast, MinimumDurations, Population
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.plasticity.hebbian import SentTimesRate
from corticalnet.columns.area import AreaPopulations, AreaSpec, GlobalPopulations
from corticalnet.columns.refusals import by_consolidation, first
from corticalnet.columns.registry import ColumnModel, Options, Source, Target, runs
from corticalnet.rules.equilibrium.propagation import EquilibriumPropagation


@runs(EquilibriumPropagation)
class EquilibriumColumns(ColumnModel):
    """Columns of equilibrium propagation. Phases are told: to the output, and to all synapses."""

    forward_target = Target("value", "drive")
    feedback_source = Source("value", "sent")
    feedback_target = Target("value", "feedback")
    equal_path_lengths = False
    #: Cells of the output, of areas an odd number of links below it, and of the others.
    cells: tuple[type[Relaxing], type[Relaxing], type[Relaxing]] = (NudgedRate, Relaxing, RelaxingNext)
    #: Whether columns find out themselves which phase it is.
    detects: ClassVar[bool] = False

    def __init__(self, rule: Any, options: Options) -> None:
        self.rule, self.rate = rule, options.learning_rate

    @classmethod
    def refuses(cls, rule: Any, options: Options) -> str | None:
        """Return why the model cannot run a rule (its loss, sign or consolidation); None if it can."""
        loss, why = rule.teaching.loss, ", for changes wait for the end of the nudged phase in any case"
        squared = "columns that relax are nudged by t − y, column by column, of a squared-error Teacher"
        other = None if loss == "squared" else f"{squared}, not by Teacher('{loss}')"
        told = f"no clock tells the phases of form='{rule.form}'; choose 'one-sided' or 'symmetric'"
        untold = None if rule.form in ("one-sided", "symmetric") else told
        nobody = "nobody tells columns the sign of a nudge; choose form='one-sided' or phases='told'"
        signs = nobody if rule.detected and rule.form == "symmetric" else None
        now = by_consolidation(options, "now", why=why)
        return first(other, untold, signs, cls._of_nudges(rule), now, cls.of_phases(rule))

    @classmethod
    def of_phases(cls, rule: Any) -> str | None:
        """Return why the model does not suit how the rule's phases are known; None if it does."""
        return None if cls.detects == bool(rule.detected) else "such columns know their phase in another way"

    @classmethod
    def _of_nudges(cls, rule: Any) -> str | None:
        """Return which setting of the rule's nudged phase columns do not have; None if there is none."""
        if rule.nudge != "explicit":
            return "output columns are nudged by the error that they have; choose nudge='explicit'"
        if rule.relaxation.dynamics != "convergent":
            return "columns relax towards f of their drive; choose dynamics='convergent'"
        return "columns begin a trial where they are; choose persistent=False" if rule.visits else None

    @classmethod
    def of(cls, rule: Any, options: Options) -> EquilibriumColumns:
        """Make the model with the settings of the rule."""
        return cls(rule, options)

    def refuses_pools(self, maximum: bool) -> str | None:
        """Return why areas may not have pools: a pool has no columns that relax."""
        return "a pool has no columns that relax; choose an area without, or a convolution with a stride"

    def populations(self, area: AreaSpec) -> AreaPopulations:
        """Return the relaxing cells of an area; areas of odd and of even depth take turns."""
        kind = self.cells[0 if area.output else 1 if area.depth % 2 else 2]
        weight = self.rule.relaxation.feedback**-area.depth
        cell: Cell = kind(
            self.dt / self.rule.relaxation.rate, area.activation, self.rule.relaxation.bound, weight
        )
        return AreaPopulations({"value": cell}, [])

    def plasticity(self, area: AreaSpec) -> Plasticity:
        """Return plasticity by the difference between the ends of the two phases."""
        return SentTimesRate(self.rate, trigger="contrast", consolidation="done")

    def global_populations(
        self, areas: Sequence[AreaSpec], learning: dict[str, AreaSpec]
    ) -> GlobalPopulations:
        """Return the one cell that nudges."""
        told = [f"{a.name}.value" for a in areas if "nudge" in self.populations(a).cells["value"].ports]
        synapses, clock = list(learning), Nudge(0, self._taught, *self.nudge)
        return GlobalPopulations(
            [Population("nudge", 1, clock)],
            broadcasts=[
                Broadcast("nudge", told, "nudge", port="nudge"),
                Broadcast("nudge", synapses, "contrast", "contrast"),
                Broadcast("nudge", synapses, "tick", "done"),
            ],
        )

    @property
    def nudge(self) -> tuple[float, bool]:
        """Return the strength of the nudge, and whether there is an opposite one too."""
        return self.rule.beta, self.rule.form == "symmetric"

    @property
    def _taught(self) -> int:
        """Return the number of steps with a nudge."""
        steps = getattr(self.rule, "nudged_steps", None) or self.rule.relaxation.steps
        return int(steps) * (1 + self.nudge[1])

    def needs(self, areas: Sequence[AreaSpec]) -> MinimumDurations:
        """Return the least durations: the rule's phases (the first taught step ends the free one)."""
        return MinimumDurations(self.rule.relaxation.steps, 1 + self._taught)
