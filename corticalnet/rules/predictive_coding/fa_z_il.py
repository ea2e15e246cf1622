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

Nothing but a wave of pulses moves streaming columns, and one whose prediction moves is silent. So each φ
fires at the step of arrival, or never, and what is learned is the wave front's: by default it alone is
computed. The paper's φ looks at later steps, too; but where every column of every sample has an error at
that step, none has been at rest for t_d steps again before the trial ends (of at most t_d + 1 steps), and the
front is all there is. ``simulate=True`` runs every cell of every area at every step, as a circuit would, and
gives the same numbers.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
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


@dataclass
class FrontDetections:
    """When each φ fired in a trial of which the wave front was computed; read as :class:`Detections`.

    Attributes:
        errors: those that arrived, by node; None where none does.
        depth: the step of arrival, by node.
        steps: of the trial.
        pooled: one φ for all columns of an area.
    """

    errors: Sequence[Tensor | None]
    depth: Sequence[int]
    steps: int
    pooled: bool

    @property
    def phi(self) -> list[list[Tensor | None]]:
        """Return masks step by step: at its own step whoever has an error, and nobody later."""
        return [[self._at(step, node) for node in range(len(self.errors))] for step in range(self.steps)]

    def _at(self, step: int, node: int) -> Tensor | None:
        error = self.errors[node]
        if error is None or step < self.depth[node]:
            return None
        fires = error != 0
        if self.pooled:
            fires = fires.flatten(1).any(1).view(-1, *(1,) * (error.dim() - 1))
        return fires if step == self.depth[node] else torch.zeros_like(fires)


class FaZIL(Trigger):
    """The trigger of Fa-Z-IL: every link learns at every step, by the errors whose φ fires.

    Args:
        silence: t_d, steps for which an error must have been at rest.
        steps: inference steps of a trial; the depth of the network if not given.
        gate: "none" (the paper's φ), "prediction" or "pulse".
        threshold: errors (and moves of predictions) up to this size count as rest; 0 in the papers.
        pooled: one φ for all columns of an area, which watches Σ|ε| and Σ|Δμ|, instead of one per column.
            Only with a gate.
        simulate: compute all areas at all steps also where the wave front alone gives the same changes.

    ``step.details`` are :class:`Detections`, or of a wave front :class:`FrontDetections`.

    >>> import corticalnet as cn
    >>> cn.rule("fa-z-il", silence=2, gate="prediction").trigger.silence
    2
    """

    equation = "Δw = ⟨φ ε × rate⟩ at every step,  φ = error just left rest"
    needs_layers = True
    inference_rate = 1.0

    def __init__(
        self,
        silence: int = 4,
        steps: int | None = None,
        gate: str = "none",
        threshold: float = 0.0,
        pooled: bool = False,
        simulate: bool = False,
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
        self.simulate = flag("Fa-Z-IL: simulate", simulate, RuleError)
        waves = gate == "pulse" and not self.threshold and self.silence > 0 and self.steps is None
        self.levelled = self.simulate or not waves  # every cell is computed, which needs relays
        self.writes_once = self.capturable = not self.levelled

    def for_audit(self) -> FaZIL:
        """Return a copy that simulates every area at every step (a wave front has no cells)."""
        other = copy.copy(self)
        other.simulate = other.levelled = True
        other.writes_once = other.capturable = False
        return other

    def equality(self, loss: str) -> Equality | None:
        """Return that it equals backprop (where f' ≠ 0, if without a gate); None with a threshold."""
        if self.threshold:
            return None
        return Equality(loss, self.gate == "none", self.steps, 1e-12 if self.gate == "none" else 1e-10)

    def _may_be_front(self, trial: Trial, steps: int) -> bool:
        """Return whether it is worth looking if the paper's φ fires at the front alone."""
        paper = self.gate == "none" and not self.threshold and not self.simulate
        if not paper or steps != trial.wiring.depth[0] or steps > self.silence + 1:
            return False
        return all(len(area.sequence) < 2 and not area.rectifying for _, area in trial.wiring.above_input)

    def _front(self, trial: Trial) -> list[Tensor | None]:
        """Compute the errors that arrive at every area, each at its own step."""
        rates = trial.activity.rates[-1]
        return trial.feedback.backward(trial.wiring, trial.activity, trial.loss.error(rates))[0]

    def run(self, trial: Trial) -> None:
        """Run the inference steps; columns learn by their own detectors, without clock or layer index."""
        steps = self.steps if self.steps is not None else trial.wiring.depth[0]
        if not self.levelled or self._may_be_front(trial, steps):
            errors = self._front(trial)
            if not self.levelled or _all_moved(errors):
                trial.plasticity.accumulate(trial.wiring, trial.activity, errors)
                trial.details = FrontDetections(errors, trial.wiring.depth, steps, self.pooled)
                return
        columns = PredictiveCodingState(trial)
        watch = self.gate, self.silence, self.threshold, self.pooled
        detectors = [ChangeDetector(*watch) for _ in columns.errors]
        trial.details = found = Detections()
        sent: list[Tensor | None] = []
        for step in range(steps):
            if step:
                columns.move(1.0, sent)
            seen = zip(detectors, columns.errors, columns.moved, strict=True)
            watched = [detector.watch(error, moved) for detector, error, moved in seen]
            columns.teach([pulse for _, pulse, _ in watched])
            sent = [what for _, _, what in watched]
            found.phi.append([phi for phi, _, _ in watched])


def _all_moved(errors: Sequence[Tensor | None]) -> bool:
    """Return whether no error is 0, of any column of any sample."""
    return all(error is not None and bool((error != 0).all()) for error in errors[1:])
