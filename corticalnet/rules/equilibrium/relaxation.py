"""How columns come to rest: areas relax by what comes up and by what comes down, down one energy.

What moves an area in a step is its phase's (:mod:`corticalnet.rules.equilibrium.phase`); here is in which
order areas move, for how long, and what is said where they do not settle. Areas take turns, from below; with
γ = 1 each goes to where the energy is least, given all others. All at once (``order="together"``) they may go
to and fro for ever between two states, and somebody is told.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from corticalnet.checks import positive, whole
from corticalnet.errors import RuleError, one_of
from corticalnet.network.links import Link
from corticalnet.network.wiring import Wiring
from corticalnet.rules.equilibrium.phase import Convergence, RelaxationPhase, needs_piecewise_linear

#: A phase ends where nothing moves by more than this many times what numbers resolve,
_AT_REST = 8.0
#: and it has not settled if something still moves by more than this.
_UNSETTLED = 0.01
#: How often a phase looks (in steps), for looking takes as long as moving a small network.
_LOOK = 4

ORDERS = ("in turn", "together")
DYNAMICS = ("convergent", "hopfield")

Phase = TypeVar("Phase", bound=RelaxationPhase)


class Relaxation:
    """How phases come to rest.

    Args:
        name: of the rule, for messages.
        steps: of a phase, at most; it ends where nothing moves any more.
        rate: γ, size of a step.
        bound: the largest size of a state.
        feedback: κ, strength of what comes down a link, compared to what goes up.
        order: "in turn" or "together".
        dynamics: "convergent" (towards f of the drive) or "hopfield" (towards the drive, within the box).

    Raises:
        RuleError: an impossible number, or no such order or dynamics.
    """

    def __init__(
        self,
        name: str,
        steps: int,
        rate: float,
        bound: float,
        feedback: float,
        order: str,
        dynamics: str = "convergent",
    ) -> None:
        what = name.replace("-", " ")
        self.name = name
        self.steps = whole(f"{what}: steps", steps, RuleError)
        self.rate = positive(f"{what}: rate", rate, RuleError)
        self.bound = positive(f"{what}: bound", bound, RuleError)
        self.feedback = positive(f"{what}: feedback", feedback, RuleError)
        one_of(f"{what}: order", order, ORDERS, RuleError)
        one_of(f"{what}: dynamics", dynamics, DYNAMICS, RuleError)
        self.order, self.dynamics = order, dynamics

    def begin(
        self, wiring: Wiring, x: Tensor, down: Callable[[Link], Tensor] | None = None
    ) -> RelaxationPhase:
        """Sweep up; return the columns as the start of a phase.

        Raises:
            RuleError: the columns are no Hopfield columns, and the dynamics theirs.
        """
        hopfield = self.dynamics == "hopfield"
        for _, area in wiring.above_input if hopfield else ():
            needs_piecewise_linear(f"{self.name}: dynamics='hopfield'", area)
        return RelaxationPhase(wiring, x, self.bound, self.feedback, down, hopfield)

    def rest(
        self,
        phase: Phase,
        each: Callable[[RelaxationPhase, RelaxationPhase], None] | None = None,
        steps: int | None = None,
    ) -> Phase:
        """Relax a phase until it rests, or the steps are over; return the same object.

        Args:
            phase: where it starts.
            each: is called after every step, with the phase as it is and as it was before.
            steps: at most; those of the relaxation if not given. Of a phase that is cut short on purpose,
                with fewer, only the residual says how far it was from its rest.

        Warns:
            UserWarning: it has not settled, and was not to be cut short; or it goes to and fro.
        """
        short, steps = steps is not None and steps < self.steps, steps or self.steps
        before = None if each is None else phase._copy()
        still, together = _AT_REST * torch.finfo(phase.rates[0].dtype).eps, self.order == "together"
        for step in range(steps):
            if step % _LOOK == 0 and (residual := phase.residual()) <= still:
                phase.settled = Convergence(step, residual)
                return phase
            phase.move(self.rate, together)
            if each is not None and before is not None:
                each(phase, before)
                before = phase._copy()
        phase.settled = Convergence(steps, residual := phase.residual())
        if not residual <= _UNSETTLED:
            told = self._to_and_fro(phase, residual)
            if told or not short:
                told = told or (
                    f"a phase has not settled, states still move by {residual:.2g} after {steps} steps; "
                    "choose more steps, smaller weights, weaker feedback, or a smaller beta or rate"
                )
                warnings.warn(f"{self.name}: {told}", stacklevel=4)
        return phase

    def _to_and_fro(self, phase: RelaxationPhase, residual: float) -> str:
        """Return a sentence on a phase that is back where it was two steps ago; "" if it is not."""
        ahead, together = phase._copy(), self.order == "together"
        ahead.move(self.rate, together)
        ahead.move(self.rate, together)
        back = max((a - b).abs().max().item() for a, b in zip(ahead.states, phase.states, strict=True))
        nudged = phase.trial_loss is not None
        if back >= 0.01 * residual or not (together or nudged):
            return ""
        cure = "order='in turn', or a rate below 1" if together else "a smaller beta, or nudge='implicit'"
        return f"a phase goes to and fro between two states, {residual:.2g} apart; choose {cure}"
