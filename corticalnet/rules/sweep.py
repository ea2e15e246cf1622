"""One sweep up, one sweep down: backprop and everything that shares its timing.

    δ_out = f'(a_out) ⊙ error                       from the teaching signal
    δ_l   = f'(a_l) ⊙ signal_l                      from the feedback pathway
    Δw    = ⟨δ_target × rate_source⟩                for every link

With a teacher and tied feedback this is backprop; with random feedback, feedback alignment
(Lillicrap et al. 2016). With reward it is BrainProp (Pozzi, Bohté & Roelfsema 2020): their feedback
φ starts as a one at the chosen column and each synapse multiplies it by the broadcast RPE; here the
RPE rides on the signal from the start, which is the same product and stays right where homeostasis
mixes the samples of a batch.

A sweep takes no time, so which cells hold the signal on its way down is part of the model. An artificial
neural network has none: δ must be worked out, where it is used, from the states and weights of other areas.
With ``feedback_cells`` every column has a cell that holds its signal, and synapses find δ in their column.
"""

from __future__ import annotations

from corticalnet.checks import flag
from corticalnet.errors import RuleError
from corticalnet.rules.trial import Trial
from corticalnet.rules.trigger import Equality, Trigger


class Sweep(Trigger):
    """The trigger of backprop: all synapses change at once, after the signal has swept down.

    Args:
        feedback_cells: whether columns have cells that hold the signal. The numbers are the same; what is
            local to a synapse is not (docs/audit.md).

    >>> import corticalnet as cn
    >>> print(cn.Rule(trigger=Sweep()).equals)
    equals backprop of the squared loss
    """

    equation = "Δw = ⟨δ × rate⟩,  δ = f'(drive) ⊙ signal,  one sweep up and one down"
    writes_once = True
    takes_time = False

    def __init__(self, feedback_cells: bool = False) -> None:
        self.feedback_cells = flag("sweep: feedback_cells", feedback_cells, RuleError)

    def equality(self, loss: str) -> Equality:
        """Return that it equals backprop."""
        return Equality(loss)

    def run(self, trial: Trial) -> None:
        """Make one sweep down from the output; then every link learns."""
        wiring, activity = trial.wiring, trial.activity
        cells = {"rate": activity.rates, "drive": activity.drives}
        if not self.feedback_cells:
            trial.observer.snapshot(wiring, cells)
        errors, _ = trial.feedback.backward(wiring, activity, trial.loss.error(activity.rates[-1]))
        if self.feedback_cells:
            trial.observer.snapshot(wiring, {**cells, "error": errors})
        trial.plasticity.accumulate(wiring, activity, errors)
