"""In steps: one inference step of the rule is one step of the circuit (dt = 1 ms).

What the models of predictive coding in steps have in common: value, prediction and error cells. When synapses
learn is said by a clock (:mod:`corticalnet.columns.z_il`, :mod:`corticalnet.columns.il`) or by φ
(:mod:`corticalnet.columns.detected`).

Ungated rules need to know that no teacher is there: a phase signal makes value cells settle and keeps φ
quiet. It can be left out; then the same equations run in prediction and in learning, and prediction must
come to rest by itself.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from corticalnet.circuits import cells
from corticalnet.circuits.parts import Wire
from corticalnet.circuits.plasticity import ErrorTimesRate
from corticalnet.columns.area import AreaPopulations, AreaSpec, GlobalPopulations, broadcasters
from corticalnet.columns.pooling import add_winners
from corticalnet.columns.refusals import by_consolidation, by_feedback, by_noise, first
from corticalnet.columns.registry import ColumnModel, Options
from corticalnet.columns.softmax import with_softmax
from corticalnet.rules import Random, SignSymmetric, Tied


class Stepwise(ColumnModel):
    """Base of predictive coding in steps.

    Attributes:
        gamma: γ, size of an inference step; 1 for a sweep.
        told: whether cells are told when no teacher is there.
        waits: whether changes wait until the teacher has gone.
    """

    def __init__(self, rule: Any, options: Options) -> None:
        self.rate, self.gamma = options.learning_rate, rule.inference_rate or 1.0
        self.told, self.waits = self.hears_phase(rule, options), options.consolidation == "phase"
        self.ungated_step_size = 0.0 if self.told else self.gamma
        self.softmax = getattr(rule.teaching, "loss", "") == "cross-entropy"

    @classmethod
    def of(cls, rule: Any, options: Options) -> Stepwise:
        """Make the model with the rule's own γ and times."""
        return cls(rule, options)

    @classmethod
    def refuses(cls, rule: Any, options: Options) -> str | None:
        """Return why the model cannot run a rule (its pathway, noise or consolidation); None if it can."""
        phases = ("now", "phase") if cls.hears_phase(rule, options) else ("now",)
        return first(
            cls.by_feedback(rule),
            by_noise(rule),
            by_consolidation(options, *phases),
        )

    @classmethod
    def by_feedback(cls, rule: Any) -> str | None:
        """Return why a rule's pathway is refused; None for layered fixed ones."""
        return by_feedback(rule, Tied, Random, SignSymmetric)

    @classmethod
    def hears_phase(cls, rule: Any, options: Options) -> bool:
        """Return whether cells receive a signal of the phase (teacher or none)."""
        return options.phase_signal

    def populations(self, area: AreaSpec) -> AreaPopulations:
        """Return value, prediction and error cells of an area."""
        kinds = {"value": self.value(area), "prediction": self.prediction(area), "error": self.error(area)}
        wires = [
            Wire("value", "error", "change", sends="change"),
            Wire("prediction", "error", "change", sends="shift", weight=-1.0),
            # A value in rates is pulled by the difference of rates, not by the error.
            Wire("error", "value", "error", sends="difference" if area.nonlinear_output else "error"),
            Wire("error", "prediction", "error", sends="error"),
        ]
        if area.nonlinear_output:
            wires.append(Wire("prediction", "error", "gain", sends="gain"))
        made = with_softmax(AreaPopulations(kinds, wires), area, self.dt)
        if area.members is not None:
            add_winners(made, area)
        return made

    def value(self, area: AreaSpec) -> cells.Cell:
        """Return the value cell of an area; a teacher clamps that of the output."""
        tau = self.dt / self.gamma
        if area.output:
            return cells.Clamped(tau=tau)
        kind = cells.Value if area.members is None else cells.PooledValue
        return kind(tau=tau, activation=area.activation)

    def prediction(self, area: AreaSpec) -> cells.Cell:
        """Return the prediction cell of an area."""
        nonlinear = area.nonlinear_output
        return cells.OutputPrediction(activation=area.activation) if nonlinear else cells.Prediction()

    def error(self, area: AreaSpec) -> cells.Cell:
        """Return the error cell of an area."""
        return cells.Error(nonlinear_output=area.nonlinear_output)

    def plasticity(self, area: AreaSpec) -> ErrorTimesRate:
        """Return plasticity by error × rate, at the trigger."""
        return ErrorTimesRate(self.rate, self.trigger(area), consolidation="phase" if self.waits else "")

    def trigger(self, area: AreaSpec) -> str:
        """Return the port or broadcast at which synapses onto an area learn."""
        return "phi"

    def global_populations(
        self, areas: Sequence[AreaSpec], learning: dict[str, AreaSpec]
    ) -> GlobalPopulations:
        """Return the cell of the phase signal, if cells receive one."""
        if not self.told:
            return GlobalPopulations()
        targets = [
            f"{area.name}.{role}"
            for area in areas
            for role in ("value", "phi")
            if "prediction_phase" in getattr(self.populations(area).cells.get(role), "ports", ())
        ]
        return broadcasters(
            {"phase": (cells.PhaseSignal(), targets + (list(learning) if self.waits else []))},
            port="prediction_phase",
        )


class Clocked(Stepwise):
    """Base of stepwise models whose synapses learn by clocks, which start with the teacher."""

    @abstractmethod
    def clock(self, area: AreaSpec) -> cells.Clock:
        """Make the clock that ``trigger`` names."""

    def global_populations(
        self, areas: Sequence[AreaSpec], learning: dict[str, AreaSpec]
    ) -> GlobalPopulations:
        """Return the clocks, and the phase signal."""
        clocks: dict[str, tuple[cells.Cell, list[str]]] = {}
        for name, area in learning.items():
            clocks.setdefault(self.trigger(area), (self.clock(area), []))[1].append(name)
        return broadcasters(clocks) + super().global_populations(areas, learning)
