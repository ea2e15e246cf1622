"""Zero-divergence inference learning (Z-IL, Song, Lukasiewicz, Xu & Bogacz 2020): exactly backprop.

    x starts at the feedforward sweep (C1);  γ = 1 (C3)
    links into the area l below the output learn at step t = l, and only then (C2)

Error reaches that area first at step l, while the rates below still have their feedforward values, so
``ε_l = δ_l``. With another γ the update is ``γ^l δ_l``. Nothing computed before or after step l is used
for area l; so by default only this wave front is computed. ``simulate=True`` runs every cell of
every area at every step, as a circuit would (links that skip areas then need relays), and gives the
same numbers.
"""

from __future__ import annotations

import copy

from corticalnet.checks import flag, not_negative, positive
from corticalnet.errors import RuleError
from corticalnet.rules.predictive_coding.inference import PredictiveCodingState
from corticalnet.rules.trial import Trial
from corticalnet.rules.trigger import Equality, Trigger


class ZIL(Trigger):
    """The trigger of Z-IL: area l below the output learns at step l.

    Args:
        rate: γ of inference; 1 for exact backprop.
        noise: s.d. of the initial values around their predictions (breaks C1).
        simulate: compute all areas at all steps instead of the wave front alone.

    >>> import corticalnet as cn
    >>> print(cn.Rule(trigger=ZIL()).equals)
    equals backprop of the squared loss
    """

    equation = "Δw_l = ⟨ε_l × rate⟩ at step l of x ← x + γ (−ε + f'(x) ⊙ signal)"
    needs_layers = True

    def __init__(self, rate: float = 1.0, noise: float = 0.0, simulate: bool = False) -> None:
        self.rate = positive("Z-IL: rate", rate, RuleError)
        self.noise = not_negative("Z-IL: noise", noise, RuleError)
        self.simulate = flag("Z-IL: simulate", simulate, RuleError)
        self.levelled = self.simulate or self.noise > 0  # every cell is computed, which needs relays
        self.writes_once = not self.levelled

    def for_audit(self) -> ZIL:
        """Return a copy that simulates every area at every step (a wave front has no cells)."""
        other = copy.copy(self)
        other.simulate = other.levelled = True
        other.writes_once = False
        return other

    @property
    def inference_rate(self) -> float:  # type: ignore[override]
        """Return γ, the inference rate of value cells."""
        return self.rate

    def equality(self, loss: str) -> Equality | None:
        """Return that it equals backprop under C1 and C3 (γ = 1, no noise); otherwise None."""
        return Equality(loss) if self.rate == 1 and not self.noise else None

    def run(self, trial: Trial) -> None:
        """Run the wave front alone, or the whole relaxation if it is to be simulated."""
        if not self.levelled:
            wiring, activity = trial.wiring, trial.activity
            errors, _ = trial.feedback.backward(wiring, activity, trial.loss.error(activity.rates[-1]))
            trial.plasticity.accumulate(wiring, activity, errors, self.rate)
            return
        columns, depth = PredictiveCodingState(trial, self.noise), trial.wiring.depth
        for step in range(depth[0]):
            if step:
                columns.move(self.rate)
            columns.teach([e if depth[k] == step else None for k, e in enumerate(columns.errors)])
