"""Segregated dendrites: apical dendrites receive the output alone, and fire a plateau when a phase ends.

    apical_l = Σ B_l y            y: rates of the output, straight to every hidden area
    α        = σ(apical)          the plateau potential at the end of a phase

    Δw_l   = f'(a_l) ⊙ (α taught − α free) × rate        hidden areas
    Δw_out = f'(a) ⊙ (y taught − y free) × rate          the output

(Guerguiev, Lillicrap & Richards 2017.) A free phase, then one in which a teacher drives the output's somata.
No error crosses a synapse: each dendrite receives what the output does, and compares two of its own plateaus.
The apical dendrite is so far from the soma that it does not move it, so rates below the output stay as they
were, and every area is taught in the same step.

To first order in what the teacher does to the output this is direct feedback alignment with a gain of the
dendrite's own: f'(a_l) ⊙ σ'(apical free) ⊙ B_l (y taught − y free).

Deviations from the paper
    1. Rates in units of the greatest one, and weights that hold the conductances of the basal dendrite: the
       paper's factors (k_B, λ_max, and P_hidden, P_output, which undo them) are one learning rate here. With
       its numbers that is 0.12 for its η = 0.21.
    2. Without a ``reversal`` potential (the default) the teacher moves rates, so that outputs of any
       activation and range can be taught.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from corticalnet.checks import fraction, positive
from corticalnet.errors import RuleError
from corticalnet.rules.trial import Trial
from corticalnet.rules.trigger import Trigger

#: The paper's teacher: g_E / (g_L + g_D + g_E) with g_E = 1, g_D = 0.6, g_L = 0.1; and E_E = −E_I.
PAPER = {"nudge": 1 / 1.7, "reversal": 8.0}


class SegregatedDendrites(Trigger):
    """The trigger of segregated dendrites: a synapse changes by two plateau potentials of its column.

    Any pathway will do that comes straight from the output: :class:`~corticalnet.rules.Direct` (sparse too),
    or, in a network of one hidden area, link by link (:class:`~corticalnet.rules.KolenPollack`, say).

    Args:
        nudge: λ, how far the teacher takes the output on its way to the target; 1: all of it.
        reversal: None: the teacher moves rates, ``y ← y + λ error``. Otherwise it moves potentials, by
            currents with the reversal potentials ± ``reversal``: ``a ← a + λ (reversal (2t − 1) − a)``, for
            outputs that fire between 0 and 1.

    Raises:
        RuleError: an impossible number; in a trial: feedback to a hidden area that is not the output's.

    >>> import corticalnet as cn
    >>> rule, net = cn.rule("segregated-dendrites", nudge=0.5), cn.mlp([4, 3, 2], "sigmoid")
    >>> rule.trigger.nudge, [tuple(route.weights.shape) for route in rule.feedback_routes(net)]
    (0.5, [(2, 3)])
    """

    equation = "Δw = ⟨f'(drive) ⊙ (σ(B y taught) − σ(B y free)) × rate⟩,  y: the output's rates"
    needs_full_precision = True

    def __init__(self, nudge: float = 1.0, reversal: float | None = None) -> None:
        self.nudge = fraction("segregated dendrites: nudge", nudge, RuleError)
        own = "segregated dendrites: reversal"
        self.reversal = None if reversal is None else positive(own, reversal, RuleError)

    def run(self, trial: Trial) -> None:
        """Compare the plateaus of both phases; then every link learns."""
        wiring, activity, observer = trial.wiring, trial.activity, trial.observer
        for node, above, _ in trial.feedback.feedback_routes(wiring):
            if above != wiring.output:
                raise RuleError(
                    f"segregated dendrites: apical dendrites of '{wiring.name(node)}' would hear "
                    f"'{wiring.name(above)}', which is taught no target; choose feedback='direct'"
                )
        free, taught = activity.rates[-1], self.taught_rates(trial)
        before, after = self._plateaus(trial, free), self._plateaus(trial, taught)
        cells: dict[str, Sequence[Tensor | None]] = {"rate": activity.rates, "drive": activity.drives}
        cells |= {"plateau": before, "taught plateau": after}
        cells["taught rate"] = [*[None] * wiring.output, taught]
        observer.snapshot(wiring, cells)
        errors: list[Tensor | None] = [None] * wiring.output
        for node, area in wiring.above_input[:-1]:
            now, then = after[node], before[node]
            if now is not None and then is not None:  # (something comes down to it)
                errors[node] = area.backward(now - then, activity.traces[node])
        errors.append(wiring.area(-1).backward(taught - free, activity.traces[-1]))
        trial.plasticity.accumulate(wiring, activity, errors)

    def taught_rates(self, trial: Trial) -> Tensor:
        """Compute the output's rates while the teacher is there."""
        activity, loss = trial.activity, trial.loss
        rates, drive = activity.rates[-1], activity.drives[-1]
        if self.reversal is None:
            return rates + self.nudge * loss.error(rates)
        target = loss.answer(rates) + loss.error(rates)
        current = self.reversal * (2 * target - 1) - drive
        return trial.wiring.area(-1).forward(drive + self.nudge * current, activity.traces[-1])[0]

    def _plateaus(self, trial: Trial, output: Tensor) -> list[Tensor | None]:
        """Compute the plateau potentials by node, of hidden areas, for some rates of the output."""
        wiring = trial.wiring
        rates: list[Tensor | None] = [None] * wiring.output + [output]
        apical = [trial.feedback.into(wiring, node, rates) for node in range(1, wiring.output)]
        return [None, *(None if one is None else torch.sigmoid(one) for one in apical), None]
