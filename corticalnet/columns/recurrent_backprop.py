"""Recurrent backprop in steps: columns relax, and beside them error cells, along the very same synapses.

    area.value       rate ← rate + γ (f(drive + feedback) − rate)
    area.error       v ← v + γ (gain · (W v below + κ Wᵀ v above + error) − v)     error: t − y, at the output
                     (cross-entropy: t − softmax(y), which cells ``answer`` work out)

    Δw = rate · κ^(−d) (v_post · rate_pre + rate_post · v_pre)                    at one tick of the clock

Areas of odd and of even depth take turns, columns and errors alike, and rest in about the rule's steps.
Without a teacher errors go to 0. Signed errors cross synapses both ways: each synapse is read four times, up
and down, by columns and by error cells. Where feedback is strong columns may rest in more than one way: they
go on from where the trial before has left them, and the rule from a sweep up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from corticalnet.circuits import cells
from corticalnet.circuits.cells.responding import (
    RelaxingError,
    RelaxingErrorNext,
    RelaxingOutputError,
    Responding,
    RespondingNext,
)
from corticalnet.circuits.parts import MinimumDurations, Projection, Wire
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.plasticity.hebbian import MovedTimesRate, ResponseOfBoth
from corticalnet.columns.area import AreaPopulations, AreaSpec, GlobalPopulations, broadcasters
from corticalnet.columns.refusals import by_consolidation, first
from corticalnet.columns.registry import ColumnModel, Options, Source, Target, runs
from corticalnet.columns.softmax import add_answer
from corticalnet.rules.equilibrium.recurrent_backprop import RecurrentBackprop


@runs(RecurrentBackprop)
class RecurrentBackpropColumns(ColumnModel):
    """Columns of recurrent backprop. One clock tells all synapses when errors have come to rest."""

    forward_target = Target("value", "drive")
    feedback_source = Source("value", "sent")
    feedback_target = Target("value", "feedback")
    equal_path_lengths = False

    def __init__(self, rule: Any, options: Options) -> None:
        self.rule, self.rate = rule, options.learning_rate
        self.softmax = rule.teaching.loss == "cross-entropy"

    @classmethod
    def refuses(cls, rule: Any, options: Options) -> str | None:
        """Return why the model cannot run a rule (its dynamics or consolidation); None if it can."""
        how = rule.relaxation.dynamics
        return first(
            None if how == "convergent" else f"columns relax towards f of their drive, not by '{how}'",
            by_consolidation(options, "now", why=", for changes wait until errors are at rest anyway"),
        )

    @classmethod
    def of(cls, rule: Any, options: Options) -> RecurrentBackpropColumns:
        """Make the model with the settings of the rule."""
        return cls(rule, options)

    def refuses_pools(self, maximum: bool) -> str | None:
        """Return why areas may not have pools: a pool has no columns that relax."""
        return "a pool has no columns that relax; choose an area without, or a convolution with a stride"

    def populations(self, area: AreaSpec) -> AreaPopulations:
        """Return the relaxing cells of an area; areas of odd and of even depth take turns."""
        own, tau = self.rule.relaxation, self.dt / self.rule.relaxation.rate
        weight = own.feedback**-area.depth
        value = (Responding if area.depth % 2 else RespondingNext)(tau, area.activation, own.bound, weight)
        hidden = RelaxingError if area.depth % 2 else RelaxingErrorNext
        error = (RelaxingOutputError if area.output else hidden)(tau, weight)
        wires = [Wire("value", "error", "gain", sends="gain"), Wire("error", "value", "error", sends="rate")]
        made = AreaPopulations({"value": value, "error": error}, wires)
        if area.output:
            answer = add_answer(made, area) if area.softmax else "value"
            made.wires.append(Wire(answer, "error", "rate", sends="rate"))
        return made

    def plasticity(self, area: AreaSpec) -> Plasticity:
        """Return plasticity by the errors at both ends of a synapse."""
        return ResponseOfBoth(self.rate, "clock")

    def expanded(self, projection: Projection) -> list[Projection]:
        """Return what a projection of a link becomes: error cells read the same synapses, up and down."""
        below, above = (end.rpartition(".")[0] for end in (projection.source, projection.target))
        if below in ("", "input"):  # (the input has no error, and neither have biases)
            learns = projection.plasticity and MovedTimesRate(self.rate, "clock")
            return [replace(projection, plasticity=learns)]
        back = bool(projection.shared_with)
        again = Projection(
            f"{below}.error",
            f"{above}.error",
            projection.port,
            sends="sent" if back else "rate",
            name=f"{projection.name} error",
            shared_with=projection.shared_with or projection.name,
            same_way=not back,
        )
        return [projection, again]

    def global_populations(
        self, areas: Sequence[AreaSpec], learning: dict[str, AreaSpec]
    ) -> GlobalPopulations:
        """Return the clock, which ticks when errors have come to rest."""
        last = self.rule.relaxation.steps
        return broadcasters({"clock": (cells.Clock(last, last), list(learning))})

    def needs(self, areas: Sequence[AreaSpec]) -> MinimumDurations:
        """Return the least durations: those of the rule's phases."""
        steps = int(self.rule.relaxation.steps)
        return MinimumDurations(steps, steps + 1)
