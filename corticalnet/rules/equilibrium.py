"""Equilibrium propagation: a network that comes to rest twice, free and nudged (Scellier & Bengio 2017).

    u ← u + γ (f(Σ W r below + Σ κ Wᵀ u above) − u)          free phase: the answer is where this rests
    u ← u + γ (f(Σ W r below + β error) − u)                 nudged phase: draws the output to the target

    Δw = κ^(−d) ⟨(u × r)|β − (u × r)|0⟩ / β                  error O(β)
    Δw = κ^(−d) ⟨(u × r)|β − (u × r)|−β⟩ / 2β                symmetric, O(β²) (Laborieux et al. 2021)

As β → 0 this is minus the gradient of the loss *of the free equilibrium* (recurrent backprop: Almeida 1987,
Pineda 1987), not of a sweep: feedback changes what the network answers, so it is no backprop. With κ → 0
that difference goes too (Xie & Seung 2003). With a sign of β that is drawn anew in every trial the error of
the one-sided form is O(β²) on average (Scellier & Bengio 2017).

Deviations from the paper
    1. Areas take turns, from below; with γ = 1 each goes to where the energy is least, given all others.
       Areas that move all at once may go to and fro for ever, and the paper's small steps are many.
    2. States leak towards f of their drive, and are not moved by ρ' times it; inside (0, 1) rests are alike.
    3. ``bound`` keeps states in [−1, 1], the paper's ρ in [0, 1]: ReLU is the paper's hard sigmoid, and every
       network has an energy with a minimum, whatever its activation and weights.
    4. κ = ½ by default, 1 in the paper. With κ = 1 columns and a linear output excite each other until they
       stay where they are, whatever comes in: digits, tanh, 64-32-10, are not learned (10 %).
"""

from __future__ import annotations

import torch

from corticalnet.checks import flag, positive
from corticalnet.errors import RuleError
from corticalnet.rules.detected_phases import DetectedPhases
from corticalnet.rules.plasticity import Plasticity
from corticalnet.rules.relaxation import RelaxationPhase
from corticalnet.rules.teaching import Teaching, TrialLoss
from corticalnet.rules.two_phases import TwoPhases, contrast


class EquilibriumPropagation(TwoPhases):
    """Equilibrium propagation, with a free and a nudged phase (Scellier & Bengio 2017).

    Args:
        beta: β, strength of the nudge.
        symmetric: nudge also away from the target, and compare these two.
        random_sign: nudge to the target or away from it, as torch's generator says, trial by trial.
        steps: of a phase, at most; it ends where nothing moves any more.
        rate: γ, size of a step.
        bound: the largest size of a state.
        feedback: κ, strength of what comes down a link, compared to what goes up.
        order: "in turn", area by area from below, or "together".
        teaching: a teacher, whose error says where to.
        phases: of a circuit: "told" by a control cell, "detected" by φ, or a
            :class:`~corticalnet.rules.DetectedPhases` that says how.

    Raises:
        RuleError: an impossible number, both kinds of sign, or a teaching signal that is no teacher.
    """

    name = "equilibrium-propagation"
    equation = "Δw = ⟨(u × r)|β − (u × r)|0⟩ / β  at rest of  u ← u + γ (f(Σ W r + κ Σ Wᵀ u + β error) − u)"

    def __init__(
        self,
        beta: float = 0.5,
        symmetric: bool = False,
        random_sign: bool = False,
        steps: int = 300,
        rate: float = 1.0,
        bound: float = 1.0,
        feedback: float = 0.5,
        order: str = "in turn",
        teaching: Teaching | None = None,
        phases: str | DetectedPhases = "told",
    ) -> None:
        what = "equilibrium propagation"
        self.beta = positive(f"{what}: beta", beta, RuleError)
        self.symmetric = flag(f"{what}: symmetric", symmetric, RuleError)
        self.random_sign = flag(f"{what}: random_sign", random_sign, RuleError)
        if self.symmetric and self.random_sign:
            raise RuleError(f"{what}: symmetric nudges have both signs; choose symmetric or random_sign")
        super().__init__(steps, rate, bound, feedback, order, teaching, phases)

    def phases(self, free: RelaxationPhase, trial_loss: TrialLoss) -> tuple[RelaxationPhase, RelaxationPhase]:
        """Relax nudged towards the target; return that phase, and the free one or the one nudged away."""
        beta = self.beta
        if self.random_sign and torch.rand(()) < 0.5:
            beta = -beta
        now = self.relaxation.rest(free.nudged(trial_loss, beta))
        return now, self.relaxation.rest(free.nudged(trial_loss, -beta)) if self.symmetric else free

    def compare(self, plasticity: Plasticity, now: RelaxationPhase, before: RelaxationPhase) -> None:
        """Accumulate the difference of the product of both ends between the phases, per β."""
        contrast(plasticity, now, before, 1.0 / (now.beta * (2 if self.symmetric else 1)))
