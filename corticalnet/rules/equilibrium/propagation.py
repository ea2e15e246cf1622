"""Equilibrium propagation: a network that comes to rest twice, free and nudged (Scellier & Bengio 2017).

    u ← u + γ (f(Σ W r below + Σ κ Wᵀ u above) − u)          free phase: the answer is where this rests
    u ← u + γ (f(Σ W r below + β error) − u)                 nudged phase: draws the output to the target

    one-sided      Δw = κ^(−d) ⟨(u × r)|β − (u × r)|0⟩ / β          error O(β)
    random sign    the same, with a sign of β drawn in every trial: O(β²) on average
    symmetric      Δw = κ^(−d) ⟨(u × r)|β − (u × r)|−β⟩ / 2β        O(β²) (Laborieux et al. 2021)
    three-phase    symmetric, but the phase at −β begins where that at β ended
    continual      one-sided, step by step of the nudged phase (Ernoult et al. 2020; continual.py)
    holomorphic    Δw = κ^(−d) ⟨Σ_k (u × r)|β_k / β_k⟩ / N,  β_k = β e^(2πik/N)      O(β^N), for analytic f
                   (Laborieux & Zenke 2022; holomorphic.py)

As β → 0 this is minus the gradient of the loss *of the free equilibrium* (recurrent backprop: Almeida 1987,
Pineda 1987), not of a sweep: feedback changes what the network answers, so it is no backprop. With κ → 0
that difference goes too (Xie & Seung 2003).

Three-phase is what a circuit can do that cannot go back to its free state. It is symmetric where both phases
settle, to the same equilibrium; where they are cut short, what is left of β in the last one is an error that
falls with the steps, and not with β. (Laborieux's code goes back to the free state: ``form="symmetric"``.)

Deviations from the paper
    1. Areas take turns, from below; with γ = 1 each goes to where the energy is least, given all others.
       Areas that move all at once may go to and fro for ever, and the paper's small steps are many.
    2. States leak towards f of their drive, and are not moved by ρ' times it; inside (0, 1) rests are alike.
       ``dynamics="hopfield"`` with relu columns and ``rate=0.5`` is the paper's form.
    3. ``bound`` keeps states in [−1, 1], the paper's ρ in [0, 1]: ReLU is the paper's hard sigmoid, and every
       network has an energy with a minimum, whatever its activation and weights.
    4. κ = ½ by default, 1 in the paper. With κ = 1 columns and a linear output excite each other until they
       stay where they are, whatever comes in: digits, tanh, 64-32-10, are not learned (10 %).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from corticalnet.checks import flag, positive, whole
from corticalnet.errors import RuleError, one_of
from corticalnet.network import Network
from corticalnet.rules.base import LearningRule, LearnResult
from corticalnet.rules.equilibrium import continual, holomorphic
from corticalnet.rules.equilibrium.detected_phases import DetectedPhases
from corticalnet.rules.equilibrium.persistent import Visits
from corticalnet.rules.equilibrium.phase import RelaxationPhase, needs_piecewise_linear
from corticalnet.rules.equilibrium.two_phases import TwoPhases, contrast
from corticalnet.rules.plasticity import Plasticity
from corticalnet.rules.teaching import Teaching, TrialLoss

#: Forms: whether some of their trials nudge away from the target, and what synapses learn.
FORMS = {
    "one-sided": (False, "⟨(u × r)|β − (u × r)|0⟩ / β"),
    "random sign": (True, "⟨(u × r)|±β − (u × r)|0⟩ / ±β"),
    "symmetric": (True, "⟨(u × r)|β − (u × r)|−β⟩ / 2β"),
    "three-phase": (True, "⟨(u × r)|β − (u × r)|−β⟩ / 2β"),
    "continual": (False, "⟨(u × r)(t + 1) − (u × r)(t)⟩ / β"),
    "holomorphic": (True, "⟨Σ_k (u × r)|β_k / β_k⟩ / N"),
}
NUDGES = ("explicit", "implicit")


class EquilibriumPropagation(TwoPhases):
    """Equilibrium propagation, with a free and a nudged phase (Scellier & Bengio 2017).

    Args:
        beta: β, strength of the nudge (of the holomorphic form, the radius of the circle).
        form: "one-sided", "random sign", "symmetric", "three-phase", "continual" or "holomorphic"; see
            :mod:`corticalnet.rules.equilibrium.propagation`.
        points: N, of the holomorphic form.
        nudge: "explicit" (by the error that the output has now) or "implicit" (the output goes to where it
            would rest, (a + β t) / (1 + β) at a drive of a). Explicit steps of a linear output contract for
            β < 1 alone; implicit ones for every β > 0. Away from the target, (a − β t) / (1 − β), there is
            such a place for β < 1 alone, however it is looked for: beyond, states would run to their bound.
        persistent: start each free phase from where the sample's last one ended; see
            :mod:`corticalnet.rules.equilibrium.persistent`, also for what that hides.
        steps: of a phase, at most; it ends where nothing moves any more.
        nudged_steps: of a nudged phase, at most; as many as of the free one if not given. A phase that is cut
            short so is warned of only if it goes to and fro; its residual is in the result's ``details``.
        rate: γ, size of a step.
        bound: the largest size of a state.
        feedback: κ, strength of what comes down a link, compared to what goes up.
        order: "in turn", area by area from below, or "together".
        dynamics: "convergent", or "hopfield" (Scellier & Bengio 2017): columns move towards their drive, not
            towards f of it, within their box. The rests are the same; so are steps with γ = 1.
        teaching: a teacher, whose error says where to.
        phases: of a circuit: "told" by a control cell, "detected" by φ, or a
            :class:`~corticalnet.rules.DetectedPhases` that says how.

    Raises:
        RuleError: an impossible number, no such form, a form that does not go with the nudge, or a teaching
            signal that is no teacher. When it learns: columns that the form, nudge or dynamics is not for.
    """

    name = "equilibrium-propagation"

    def __init__(
        self,
        beta: float = 0.5,
        form: str = "one-sided",
        points: int = 4,
        nudge: str = "explicit",
        persistent: bool = False,
        steps: int = 300,
        nudged_steps: int | None = None,
        rate: float = 1.0,
        bound: float = 1.0,
        feedback: float = 0.5,
        order: str = "in turn",
        dynamics: str = "convergent",
        teaching: Teaching | None = None,
        phases: str | DetectedPhases = "told",
    ) -> None:
        what = "equilibrium propagation"
        self.beta = positive(f"{what}: beta", beta, RuleError)
        one_of(f"{what}: form", form, FORMS, RuleError)
        one_of(f"{what}: nudge", nudge, NUDGES, RuleError)
        self.form, self.nudge = form, nudge
        self.points = whole(f"{what}: points", points, RuleError, least=2)
        self.visits = Visits() if flag(f"{what}: persistent", persistent, RuleError) else None
        super().__init__(steps, rate, bound, feedback, order, teaching, phases, dynamics)
        self.nudged_steps = (
            None if nudged_steps is None else whole(f"{what}: nudged_steps", nudged_steps, RuleError)
        )
        self.changes_during_trial = form == "continual"
        if self.visits is not None or self.changes_during_trial:
            self.by_sample = False
        if form == "holomorphic":
            self.activations = holomorphic.ANALYTIC
        elif nudge == "implicit" or dynamics == "hopfield":
            self.activations = ("relu",)  # (a hard sigmoid, within its bound)
        if nudge == "implicit" and self.teaching.loss != "squared":
            raise RuleError(
                f"{what}: nudge='implicit' needs the squared loss, of which β (t − y) is solved for y"
            )
        if nudge == "implicit" and FORMS[form][0] and self.beta >= 1:
            raise RuleError(
                f"{what}: away from the target, a linear output nudged with beta = {self.beta:g} has no "
                "equilibrium, (a − βt) / (1 − β); choose a beta below 1, or form='one-sided'"
            )
        if form == "holomorphic":
            holomorphic.check(what, nudge, dynamics, self.teaching)

    @property
    def equation(self) -> str:  # type: ignore[override]
        """Return what a synapse learns in this form."""
        return f"Δw = {FORMS[self.form][1]}  at rest of  u ← u + γ (f(Σ W r + κ Σ Wᵀ u + β error) − u)"

    def begin(self, net: Network, x: Tensor) -> RelaxationPhase:
        """Sweep up; return the columns as the start of the free phase.

        Raises:
            RuleError: columns that the form, the nudge or the dynamics is not for.
        """
        phase = super().begin(net, x)
        if self.nudge == "implicit":
            output = net.wiring.area(-1)
            needs_piecewise_linear(f"{self.name}: nudge='implicit'", output)
            if len(output.sequence) != 1 or not output.fires_first:
                raise RuleError(
                    f"{self.name}: nudge='implicit' is for an output that fires and no more; '{output.name}' "
                    "has other stages"
                )
        if self.form == "holomorphic":
            holomorphic.check_columns(self.name, net.wiring)
        return phase

    def free_phase(self, net: Network, x: Tensor) -> RelaxationPhase:
        """Relax without a teacher, from a sweep, or from where the samples were left."""
        if self.visits is None:
            return super().free_phase(net, x)
        free = self.begin(net, x)
        self.visits.restore(free)
        self.relaxation.rest(free)
        self.visits.keep(free)
        return free

    def phases(self, free: RelaxationPhase, trial_loss: TrialLoss) -> tuple[RelaxationPhase, RelaxationPhase]:
        """Relax nudged towards the target; return that phase, and the free one or the one nudged away."""
        if self.form == "holomorphic":
            circle = holomorphic.circle(
                self.relaxation, free, trial_loss, self.beta, self.points, self.nudged_steps
            )
            return circle, free
        back = self.form == "random sign" and bool(torch.rand(()) < 0.5)
        now = self.nudged(free, trial_loss, -self.beta if back else self.beta)
        if self.form == "symmetric":
            return now, self.nudged(free, trial_loss, -self.beta)
        return now, self.nudged(now, trial_loss, -self.beta) if self.form == "three-phase" else free

    def nudged(
        self, start: RelaxationPhase, trial_loss: TrialLoss, beta: float, each: Any = None
    ) -> RelaxationPhase:
        """Relax nudged with strength β, from where a phase is; ``each``: see :meth:`Relaxation.rest`."""
        phase = start.nudged(trial_loss, beta, self.nudge == "implicit")
        return self.relaxation.rest(phase, each, self.nudged_steps)

    def compare(self, plasticity: Plasticity, now: RelaxationPhase, before: RelaxationPhase) -> None:
        """Accumulate the difference of the product of both ends between the phases, per β."""
        if isinstance(now, holomorphic.Circle):
            holomorphic.compare(plasticity, now, before)
        else:
            contrast(plasticity, now, before, 1.0 / (now.beta - before.beta))

    @torch.no_grad()
    def learn(self, net: Network, x: Any, targets: Any, *, accumulate: bool = False) -> LearnResult:
        """Relax and fill the gradients by the difference; see :meth:`LearningRule.learn`.

        Warns:
            UserWarning: a phase has not settled.
        """
        if self.form == "continual":
            return continual.run(self, self._towards, self.beta, net, x, targets, accumulate)
        return super().learn(net, x, targets, accumulate=accumulate)

    @torch.no_grad()
    def update(self, net: Network, x: Any, targets: Any, optimizer: torch.optim.Optimizer) -> LearnResult:
        """Make one whole update; of the continual form, one at every step of the nudged phase."""
        if self.form != "continual":
            return super().update(net, x, targets, optimizer)
        self._ready(net, optimizer)
        step = partial(self._step, net, optimizer)
        return continual.run(self, self._towards, self.beta, net, x, targets, change_weights=step)

    def without_noise(self) -> LearningRule:
        """Return a copy that always nudges towards the target, as a circuit without noise does."""
        other = copy.deepcopy(self)
        other.form = "one-sided" if self.form == "random sign" else self.form
        return other

    def _towards(self, free: RelaxationPhase, trial_loss: TrialLoss, each: Any) -> RelaxationPhase:
        return self.nudged(free, trial_loss, self.beta, each)

    def state_dict(self) -> dict[str, Tensor]:
        """Return where persistent states are; nothing without."""
        return {} if self.visits is None else self.visits.state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            RuleError: it is no such state.
        """
        if self.visits is None:
            super().load_state_dict(state)
        else:
            self.visits.load_state_dict(self.name, state)
