"""Continual equilibrium propagation: weights move at every step of the nudged phase (Ernoult et al. 2020).

    Δw(t) = κ^(−d) ⟨(u × r)(t + 1) − (u × r)(t)⟩ / β

A synapse compares now with a step ago, and needs no memory of the free phase and no sign of a phase: this is
the form that is local in time. With weights that stay (``rule.learn``) the changes add up to the one-sided
form's, exactly. With weights that move (``rule.update``: the optimizer steps at every step of the phase) the
equilibrium moves with them; the slower they learn, the nearer it is to the one-sided form. Optimizers that
divide by the size of what they were given (Adam) make small last steps as large as the first ones: sgd is the
paper's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from corticalnet.network import Network
from corticalnet.rules.base import LearnResult
from corticalnet.rules.equilibrium.phase import RelaxationPhase
from corticalnet.rules.equilibrium.two_phases import TwoPhases, contrast
from corticalnet.rules.plasticity import Plasticity
from corticalnet.rules.teaching import TrialLoss

#: Relaxes a phase nudged from another one on, with a teacher's loss, and calls somebody at every step.
Nudged = Callable[
    [RelaxationPhase, TrialLoss, Callable[[RelaxationPhase, RelaxationPhase], None]], RelaxationPhase
]


def run(
    rule: TwoPhases,
    nudged: Nudged,
    beta: float,
    net: Network,
    x: Any,
    targets: Any,
    accumulate: bool = False,
    change_weights: Callable[[], Any] | None = None,
) -> LearnResult:
    """Relax freely, then nudged, and learn from every step of that.

    Args:
        rule: whose free phase and teacher.
        nudged: makes its nudged phase.
        beta: β.
        net, x, targets, accumulate: as of :meth:`LearningRule.learn`.
        change_weights: an optimizer's step; without one, changes add up.
    """
    x = net.admit(x, least=1, to_learn=True)
    with torch.autocast(x.device.type, enabled=False):
        free = rule.free_phase(net, x)
        trial_loss = rule.teaching.loss_for(free.rates[-1], targets)
        plasticity = Plasticity(net, len(x), accumulate, learned=rule._learned)

        def learn(now: RelaxationPhase, before: RelaxationPhase) -> None:
            contrast(plasticity, now, before, 1.0 / beta)
            if change_weights is not None:
                plasticity.close()
                change_weights()
                plasticity.restart()

        now = nudged(free, trial_loss, learn)
        rule.tell(net, now, free)
        if change_weights is None:
            plasticity.close()
        return rule.result(trial_loss, now, free)
