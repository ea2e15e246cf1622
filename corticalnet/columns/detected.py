"""Fa-Z-IL in steps: φ cells watch the errors, and tell synapses when to learn.

Gated ones (also streaming) need no control of any kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corticalnet.circuits import cells
from corticalnet.circuits.circuit import Needs
from corticalnet.circuits.parts import Wire
from corticalnet.columns.area import AreaPopulations, AreaSpec, links_to_input
from corticalnet.columns.registry import Options, Source, runs
from corticalnet.columns.stepwise import Stepwise
from corticalnet.rules import FaZIL


@runs(FaZIL)
class DetectedColumns(Stepwise):
    """Columns with a φ of their own, or with one for their area."""

    def __init__(self, options: Options, told: bool, trigger: FaZIL) -> None:
        super().__init__(options, 1.0, told)
        self.detector, self.gated = trigger, trigger.gate != "none"
        if self.gated:
            self.feedback_source, self.ungated_step_size = Source("error", "sent"), 0.0

    @classmethod
    def of(cls, rule: Any, options: Options) -> DetectedColumns:
        """With the rule's φ."""
        return cls(options, cls.hears_phase(rule, options), rule.trigger)

    @classmethod
    def hears_phase(cls, rule: Any, options: Options) -> bool:
        """Gated ones do not."""
        return options.phase_signal and rule.trigger.gate == "none"

    def populations(self, area: AreaSpec) -> AreaPopulations:
        """Value, prediction, error and φ."""
        made, rule = super().populations(area), self.detector
        silence, threshold = float(rule.silence), float(rule.threshold)
        if not self.gated:
            made.cells["phi"] = cells.ChangeDetector(silence, threshold)
            made.wires += [
                Wire("error", "phi", "own", sends="error"),
                Wire("phi", "prediction", "modulator", sends="phi"),
            ]
            return made
        gate = "phi" if rule.gate == "pulse" else "gate"
        phi = (cells.PulseDetector if gate == "phi" else cells.GatingDetector)(silence, threshold)
        made.cells["error"] = cells.GatedOutputError() if area.nonlinear_output else cells.GatedError()
        if not rule.pooled:
            made.cells["phi"] = phi
            made.wires += [
                Wire("error", "phi", "own", sends="error"),
                Wire("prediction", "phi", "prediction", sends="shift"),
                Wire("phi", "prediction", "modulator", sends="phi"),
                Wire("phi", "error", "modulator", sends=gate),
            ]
            return made
        made.cells["error"] = cells.SizedOutputError() if area.nonlinear_output else cells.SizedError()
        # One φ for the area: it hears how large all errors are, and how far all predictions moved.
        made.cells["prediction"] = cells.WatchedPrediction(
            area.activation, area.nonlinear_output, memory=self.dt
        )
        made.add_pool(phi, {"error": gate, "prediction": "phi"})
        return made

    def needs(self, areas: Sequence[AreaSpec]) -> Needs:
        """Errors must have been silent for t_d steps when the teacher comes.

        The teacher stays for the trial's steps: where f' = 0 the paper's φ fires late, and learns late.
        """
        links = links_to_input(areas)
        return Needs(links + self.detector.silence, max(links, self.detector.steps or 0))
