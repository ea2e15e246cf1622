"""Fa-Z-IL in steps: φ cells watch the errors, and tell synapses when to learn.

Gated ones (also streaming) need no control of any kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corticalnet.circuits import cells
from corticalnet.circuits.parts import Broadcast, MinimumDurations, Wire
from corticalnet.columns.area import AreaPopulations, AreaSpec, links_to_input
from corticalnet.columns.registry import Options, Source, runs
from corticalnet.columns.stepwise import Stepwise
from corticalnet.rules import FaZIL


@runs(FaZIL)
class DetectedColumns(Stepwise):
    """Columns of Fa-Z-IL, with a φ of their own, or with one for their area."""

    def __init__(self, rule: Any, options: Options) -> None:
        super().__init__(rule, options)
        self.detector, self.gated = rule.trigger, rule.trigger.gate != "none"
        if self.gated:
            self.feedback_source, self.ungated_step_size = Source("error", "sent"), 0.0

    @classmethod
    def hears_phase(cls, rule: Any, options: Options) -> bool:
        """Return whether cells receive phase signals: not those of a gated φ."""
        return options.phase_signal and rule.trigger.gate == "none"

    def refuses_pools(self, maximum: bool) -> str | None:
        """Return why areas may not have pools; None with a gate."""
        return None if self.gated else super().refuses_pools(maximum)

    def prediction(self, area: AreaSpec) -> cells.Cell:
        """Return the prediction cell; if one φ watches the whole area, the cell reports its motion."""
        if not self.detector.pooled:
            return super().prediction(area)
        return cells.PredictionWithMotion(area.activation, area.nonlinear_output, memory=self.dt)

    def error(self, area: AreaSpec) -> cells.Cell:
        """Return the error cell: gated by φ if φ has a gate, measured if one φ watches the whole area."""
        if not self.gated:
            return super().error(area)
        return cells.Error(True, area.nonlinear_output, measured=bool(self.detector.pooled))

    def populations(self, area: AreaSpec) -> AreaPopulations:
        """Return value, prediction, error and φ cells of an area."""
        made, trigger = super().populations(area), self.detector
        silence, threshold = float(trigger.silence), float(trigger.threshold)
        if not self.gated:
            made.cells["phi"] = cells.ChangeDetector(silence, threshold)
            made.wires += [
                Wire("error", "phi", "error", sends="error"),
                Wire("phi", "prediction", "phi", sends="phi"),
            ]
            return made
        gate = "phi" if trigger.gate == "pulse" else "gate"
        phi = (cells.PulseDetector if gate == "phi" else cells.GatingDetector)(silence, threshold)
        if trigger.pooled:
            tells = [Broadcast("phi", ["error"], gate, port="gate"), Broadcast("phi", ["prediction"], "phi")]
            made.add_pool(phi, tells)
            return made
        made.cells["phi"] = phi
        made.wires += [
            Wire("error", "phi", "error", sends="error"),
            Wire("prediction", "phi", "motion", sends="shift"),
            Wire("phi", "prediction", "phi", sends="phi"),
            Wire("phi", "error", "gate", sends=gate),
        ]
        return made

    def needs(self, areas: Sequence[AreaSpec]) -> MinimumDurations:
        """Return the least durations: errors must have been at rest for t_d steps when the teacher comes.

        The teacher stays for the trial's steps: where f' = 0 the paper's φ fires late, and learns late.
        """
        links = links_to_input(areas)
        return MinimumDurations(links + self.detector.silence, max(links, self.detector.steps or 0))
