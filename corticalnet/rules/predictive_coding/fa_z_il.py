"""Fully autonomous Z-IL (Fa-Z-IL, Song et al. 2020): a change detector φ tells each column when to learn.

    φ_t = 1  iff  ε_t ≠ 0  and  ε_{t−1} = … = ε_{t−t_d} = 0          (one φ cell per column)
    Δw  = ⟨φ ε × rate⟩  at every step

That is the paper's φ. Where f' = 0 (ReLU) a column misses the error when it first arrives, is moved
later through its *prediction*, and fires late. The gated forms cure that with what a column has:
whether its own prediction μ moved.

    gate="prediction"   φ also needs a quiet μ;  feedback passes from φ until μ moves
    gate="pulse"        φ also needs a quiet μ;  feedback is the pulse φ ε   (streaming Fa-Z-IL)

A gate that merely opened whenever μ is quiet would let a lasting output error knock again and again,
and φ fire with it; so a column speaks once for each error that left rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from corticalnet.checks import flag, not_negative, whole
from corticalnet.errors import RuleError, one_of
from corticalnet.rules.predictive_coding.detector import ChangeDetector
from corticalnet.rules.predictive_coding.inference import PredictiveCodingState
from corticalnet.rules.trial import Trial
from corticalnet.rules.trigger import Equality, Trigger

_GATES = ("none", "prediction", "pulse")


@dataclass
class Detections:
    """When each φ fired in one trial: ``step.details`` of a rule that Fa-Z-IL triggers.

    Attributes:
        phi: step by step, a mask ``[batch, *columns]`` for each node of the trial's wiring (``[batch, 1, …]``
            for one φ per area; None where no error can be yet).
    """

    phi: list[list[Tensor | None]] = field(default_factory=list)


class FaZIL(Trigger):
    """The trigger of Fa-Z-IL: every link learns at every step, by the errors whose φ fires.

    Args:
        silence: t_d, steps for which an error must have been at rest.
        steps: inference steps of a trial; the depth of the network if not given.
        gate: "none" (the paper's φ), "prediction" or "pulse".
        threshold: errors (and moves of predictions) up to this size count as rest; 0 in the papers.
        pooled: one φ for all columns of an area, which watches Σ|ε| and Σ|Δμ|, instead of one per column.
            Only with a gate.

    ``step.details`` are :class:`Detections`.

    >>> import corticalnet as cn
    >>> cn.rule("fa-z-il", silence=2, gate="prediction").trigger.silence
    2
    """

    equation = "Δw = ⟨φ ε × rate⟩ at every step,  φ = error just left rest"
    needs_layers = True
    levelled = True
    inference_rate = 1.0

    def __init__(
        self,
        silence: int = 4,
        steps: int | None = None,
        gate: str = "none",
        threshold: float = 0.0,
        pooled: bool = False,
    ) -> None:
        one_of("gate", gate, _GATES, RuleError)
        self.silence = whole("Fa-Z-IL: silence", silence, RuleError)
        self.steps = None if steps is None else whole("Fa-Z-IL: steps", steps, RuleError)
        self.threshold = not_negative("Fa-Z-IL: threshold", threshold, RuleError)
        self.gate, self.pooled = gate, flag("Fa-Z-IL: pooled", pooled, RuleError)
        if pooled and gate == "none":
            raise RuleError(
                "Fa-Z-IL: one φ for many columns needs a gate; choices: gate='prediction', gate='pulse'"
            )
        if gate != "none":
            self.equation += " while its prediction is quiet"

    def equality(self, loss: str) -> Equality | None:
        """Return that it equals backprop (where f' ≠ 0, if without a gate); None with a threshold."""
        if self.threshold:
            return None
        return Equality(loss, self.gate == "none", self.steps, 1e-12 if self.gate == "none" else 1e-10)

    def run(self, trial: Trial) -> None:
        """Run the inference steps; columns learn by their own detectors, without clock or layer index."""
        columns = PredictiveCodingState(trial)
        watch = self.gate, self.silence, self.threshold, self.pooled
        detectors = [ChangeDetector(*watch) for _ in columns.errors]
        trial.details = found = Detections()
        steps = self.steps if self.steps is not None else trial.wiring.depth[0]
        sent: list[Tensor | None] = []
        for step in range(steps):
            if step:
                columns.move(1.0, sent)
            seen = zip(detectors, columns.errors, columns.moved, strict=True)
            watched = [detector.watch(error, moved) for detector, error, moved in seen]
            columns.teach([pulse for _, pulse, _ in watched])
            sent = [what for _, _, what in watched]
            found.phi.append([phi for phi, _, _ in watched])
