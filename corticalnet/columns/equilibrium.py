"""Equilibrium propagation in steps: one population for each area, that relaxes free and nudged.

    area.value     rate ← rate + γ (f(drive + feedback + nudge · (target − rate)) − rate)
    nudge          one cell for all: 0 with a stimulus alone, β once a teacher is there

    Δw = rate · contrast · sent_post · rate_pre

    contrast       −1/β when the free phase ends, 1/β when the nudged one does

The stimulus is the free phase, the teacher the nudged one. What a synapse has seen waits in its trace until
both have ended, for a weight that changed in between would change what the second comes to rest at. The way
down runs along the very synapses of the way up. Columns do not go back to where they were: the phase nudged
away from the target begins where that towards it has ended, which is the three-phase form, and at rest the
symmetric one. Of the form with a random sign the cell ``nudge`` draws it, from noise that it is given
(:func:`corticalnet.columns.learning_noise`). For a cross-entropy teacher cells ``answer`` beside the output's
work out the softmax.

The continual form waits for nothing: in every nudged step a weight changes by what has changed at its ends.

    Δw = rate · contrast · (sent_post rate_pre − sent_post rate_pre a step ago)      contrast: 1/β
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from corticalnet.circuits.cells.relaxing import (
    Moving,
    MovingNext,
    MovingNudgedRate,
    Nudge,
    NudgedRate,
    RandomNudge,
    Relaxing,
    RelaxingNext,
)
from corticalnet.circuits.parts import Broadcast, MinimumDurations, Population, Projection, Wire
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.plasticity.hebbian import ChangeOfSent, ChangeOfSentTimesRate, SentTimesRate
from corticalnet.columns.area import AreaPopulations, AreaSpec, GlobalPopulations
from corticalnet.columns.refusals import by_consolidation, first
from corticalnet.columns.registry import ColumnModel, Options, Source, Target, runs
from corticalnet.columns.softmax import add_answer
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
    #: The same, where synapses learn by what has just changed.
    moving: tuple[type[Moving], type[Moving], type[Moving]] = (MovingNudgedRate, Moving, MovingNext)
    #: Whether the output compares its answer with the target.
    compares: ClassVar[bool] = True
    #: Whether columns find out themselves which phase it is.
    detects: ClassVar[bool] = False

    def __init__(self, rule: Any, options: Options) -> None:
        self.rule, self.rate = rule, options.learning_rate
        self.softmax = self.compares and rule.teaching.loss == "cross-entropy"

    @classmethod
    def refuses(cls, rule: Any, options: Options) -> str | None:
        """Return why the model cannot run a rule (its form, nudge or consolidation); None if it can."""
        why = ", for it is the form that says for how long changes wait"
        real = "what columns hold are real numbers, and a nudge around a circle makes complex ones of them; "
        real += "choose form='symmetric', which is a circle of two points"
        form, nobody = None, f"nobody tells columns of a nudge what form='{rule.form}' needs; choose "
        if rule.form == "holomorphic":
            form = real
        elif rule.detected and rule.form != "one-sided":
            form = f"{nobody}form='one-sided' or phases='told'"
        now = by_consolidation(options, "now", why=why)
        return first(form, cls._of_nudges(rule), now, cls.of_phases(rule))

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
        """Return the relaxing cells of an area; areas of odd and of even depth take turns, or all move."""
        kinds, first_half = self.moving if self.stepwise else self.cells, area.depth % 2 and not self.together
        kind = kinds[0 if area.output else 1 if first_half else 2]
        competes: Any = {"competes": True} if area.softmax else {}
        return self.with_answer(AreaPopulations({"value": kind(*self.relaxes(area), **competes)}, []), area)

    def with_answer(self, made: AreaPopulations, area: AreaSpec) -> AreaPopulations:
        """Add the cells that work out a softmax, where the output answers by it."""
        if area.softmax:
            made.wires.append(Wire(add_answer(made, area), "value", "answer", sends="rate"))
        return made

    def relaxes(self, area: AreaSpec) -> tuple[float, str, float, float]:
        """Return how an area relaxes: τ, f, the bound, and the weight of the area in the energy."""
        own = self.rule.relaxation
        return self.tau, area.activation, own.bound, own.feedback**-area.depth

    @property
    def tau(self) -> float:
        """Return τ (ms) of all columns."""
        return float(self.dt / self.rule.relaxation.rate)

    @property
    def together(self) -> bool:
        """Return whether all areas move at once."""
        return bool(self.rule.relaxation.order == "together")

    @property
    def stepwise(self) -> bool:
        """Return whether synapses learn in every nudged step, by what has changed in it."""
        return bool(self.continual)

    @property
    def continual(self) -> bool:
        """Return whether weights change while columns are nudged."""
        return bool(self.rule.form == "continual")

    def plasticity(self, area: AreaSpec) -> Plasticity:
        """Return plasticity by the difference between the ends of the two phases, at once or step by step."""
        kind = ChangeOfSentTimesRate if self.stepwise else SentTimesRate
        return kind(self.rate, trigger="contrast", consolidation="" if self.continual else "done")

    def expanded(self, projection: Projection) -> list[Projection]:
        """Return the projection; of synapses whose source rests only the column above can change."""
        learns = projection.plasticity
        if isinstance(learns, ChangeOfSentTimesRate) and projection.source in ("input.value", "bias"):
            rests = ChangeOfSent(learns.rate, learns.trigger, consolidation=learns.consolidation)
            return [replace(projection, plasticity=rests)]
        return [projection]

    def global_populations(
        self, areas: Sequence[AreaSpec], learning: dict[str, AreaSpec]
    ) -> GlobalPopulations:
        """Return the one cell that nudges."""
        told = [f"{a.name}.value" for a in areas if "nudge" in self.populations(a).cells["value"].ports]
        synapses, done = list(learning), [] if self.continual else ["done"]
        random = getattr(self.rule, "form", "") == "random sign"
        clock = (RandomNudge if random else Nudge)(0, self.taught, *self.nudge, self.stepwise)
        return GlobalPopulations(
            [Population("nudge", 1, clock)],
            broadcasts=[
                Broadcast("nudge", told, "nudge", port="nudge"),
                Broadcast("nudge", synapses, "contrast", "contrast"),
                *(Broadcast("nudge", synapses, "tick", name) for name in done),
            ],
        )

    @property
    def nudge(self) -> tuple[float, bool]:
        """Return the strength of the nudge, and whether there is an opposite one too."""
        return self.rule.beta, self.rule.form in ("symmetric", "three-phase")

    @property
    def taught(self) -> int:
        """Return the number of steps with a nudge."""
        return self.steps(nudged=True) * (1 + self.nudge[1])

    def steps(self, nudged: bool = False) -> int:
        """Return the number of steps of a phase: of a nudged one, or of the free one."""
        own = getattr(self.rule, "nudged_steps", None) if nudged else None
        return int(own or self.rule.relaxation.steps)

    def needs(self, areas: Sequence[AreaSpec]) -> MinimumDurations:
        """Return the least durations: the rule's phases (the first taught step ends the free one)."""
        return MinimumDurations(self.steps(), 1 + self.taught)
