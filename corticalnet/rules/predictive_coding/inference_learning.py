"""Inference learning (IL): predictive coding as it is usually trained (Whittington & Bogacz 2017).

    for t in 1..T:  x_l ← x_l + γ (−ε_l + f'(x_l) ⊙ Wᵀ ε_{l+1})
    Δw = ⟨ε_target × f(x_source)⟩                         once, after T steps ("last")

With ``update="every step"`` all weights change together with the values at every step (incremental
predictive coding, Salvatori et al. 2024). At equilibrium, and as the output error e vanishes, IL tends to
backprop of what inference leaves of e, ``(1 + Σ J Jᵀ)⁻¹ e`` (docs/decisions/0007).
"""

from __future__ import annotations

from corticalnet.checks import not_negative, positive, whole
from corticalnet.errors import RuleError, one_of
from corticalnet.rules.predictive_coding.inference import PredictiveCodingState
from corticalnet.rules.trial import Trial
from corticalnet.rules.trigger import Trigger


class IL(Trigger):
    """The trigger of inference learning: relax for ``steps`` inference steps, then all links learn.

    Args:
        steps: T, inference steps before the weights change (20 in Song et al. 2020, Table 4).
        rate: γ, size of an inference step.
        update: "last" (once, at the end) or "every step" (incremental). Under ``rule.update`` the
            optimizer then steps at every inference step; ``rule.learn`` alone adds the changes up.
        noise: s.d. of the initial values around their predictions.

    >>> import corticalnet as cn
    >>> cn.rule("il", steps=8).trigger.steps
    8
    """

    equation = "Δw = ⟨ε × rate⟩ after T steps of x ← x + γ (−ε + f'(x) ⊙ signal)"
    needs_layers = True

    def __init__(self, steps: int = 20, rate: float = 0.1, update: str = "last", noise: float = 0.0) -> None:
        one_of("update", update, ["last", "every step"], RuleError)
        # With no step before the last, what leads to the output learns; with a change at every step, nothing.
        self.steps = whole("IL: steps", steps, RuleError, least=0 if update == "last" else 1)
        self.rate = positive("IL: rate", rate, RuleError)
        self.noise, self.update = not_negative("IL: noise", noise, RuleError), update
        self.changes_during_trial = update == "every step"
        self.writes_once = not self.changes_during_trial

    @property
    def inference_rate(self) -> float:  # type: ignore[override]
        """Return γ, the inference rate of value cells."""
        return self.rate

    @property
    def may_diverge(self) -> str:  # type: ignore[override]
        """Return the warning that inference may be unstable at this γ; empty without inference steps."""
        if not self.steps:
            return ""
        return f"γ={self.rate:g} makes the {self.steps} inference steps unstable (lower its rate)"

    def run(self, trial: Trial) -> None:
        """Relax for all inference steps, then learn; or learn at every step."""
        columns = PredictiveCodingState(trial, self.noise)
        for step in range(self.steps):
            if self.changes_during_trial:
                if step and trial.change_weights is not None:
                    trial.plasticity.restart()
                columns.teach(columns.errors)
                trial.plasticity.close()
            columns.move(self.rate, weights_change=self.changes_during_trial)
        if not self.changes_during_trial:
            columns.teach(columns.errors)
