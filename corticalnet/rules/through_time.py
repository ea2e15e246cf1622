"""Learning through time: a rule on a recurrent network, unrolled over windows of steps.

    δ_t = f'(a_t) ⊙ (V's feedback of e_t + W's feedback of δ_(t+1))        within a window
    Δw  = Σ_t ⟨δ_t × rate before⟩                                           rates of a step ago, for W

A recurrent network over some steps is a deep network with shared links (:class:`Unrolled`), so a window is
one trial of any rule. With tied feedback this is truncated backprop through time (Werbos 1990; Williams &
Peng 1990); with random feedback, feedback alignment through time; with :class:`Perturbed`, node-perturbation
synthetic gradients for recurrent networks (Lansdell, Prakash & Kording 2019, Fig. 4). Between windows the
state is handed on and no error comes back.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from corticalnet.checks import shown, whole
from corticalnet.errors import RuleError, ShapeError
from corticalnet.network import Recurrent
from corticalnet.network.reading import numbers, trial_input
from corticalnet.rules.base import LearningRule
from corticalnet.rules.plasticity import Plasticity
from corticalnet.rules.product import Rule
from corticalnet.rules.teaching import Teaching, TrialLoss


class SequenceResult:
    """What ``learn`` returns for a sequence: outputs, state and loss before the weights change.

    Attributes:
        rates: outputs ``[batch, steps, outputs]``.
        state: hidden rates after the last step ``[batch, columns]``: where the next sequence goes on.
        loss: mean over the batch of the loss summed over steps, a scalar.
    """

    def __init__(self, rates: Tensor, state: Tensor, loss: Tensor) -> None:
        self.rates, self.state, self.loss = rates, state, loss

    @property
    def prediction(self) -> Tensor:
        """Return the most active output column of each step ``[batch, steps]``."""
        return self.rates.argmax(2)


class ThroughTime:
    """A rule for recurrent networks: another rule, unrolled through time in windows of steps.

    Args:
        rule: teaching signal × feedback pathway × trigger, e.g. ``cn.rule("backprop")``.
        window: steps that errors go back through; None: the whole sequence.

    Raises:
        RuleError: the rule cannot be unrolled in time, or the window is no whole number from 1.

    >>> from corticalnet.rules import rule
    >>> net = Recurrent(2, 5, 1, seed=0)
    >>> step = ThroughTime(rule("backprop"), window=3).learn(net, torch.ones(4, 7, 2), torch.ones(4, 7, 1))
    >>> step.state.shape
    torch.Size([4, 5])
    """

    def __init__(self, rule: Rule, window: int | None = None) -> None:
        if not isinstance(rule, LearningRule):
            raise RuleError(f"through time: {shown(rule)} is no learning rule; give one of cn.rule(name)")
        if why := rule.cannot_unroll:
            raise RuleError(f"through time: {why}")
        self.rule = rule
        self._rule = copy.copy(rule)  # the same parts, taught at every step
        self._rule.teaching = PerStepLoss(rule.teaching)
        self.window = None if window is None else whole("through time: window", window, RuleError)

    @torch.no_grad()
    def learn(self, net: Recurrent, sequence: Any, targets: Any, state: Any = None) -> SequenceResult:
        """Fill ``p.grad`` of every parameter; those of the feedback pathway too, if it learns.

        With backprop it is the derivative of the mean over the batch of the summed loss, but for what a
        window's loss owes to rates before it.

        Args:
            net: the network.
            sequence: inputs ``[batch, steps, inputs]``.
            targets: class indices ``[batch, steps]``, or vectors ``[batch, steps, outputs]``.
            state: hidden rates before the first step ``[batch, columns]``; zero if not given.

        Raises:
            ShapeError: inputs, targets or state do not fit the network.
            RuleError: the network is not recurrent.
        """
        if not isinstance(net, Recurrent):
            raise RuleError(f"through time: teaches a Recurrent network, not {type(net).__name__}")
        sequence, state = net.admit(sequence, state)
        targets = numbers(targets, "targets", sequence.device)
        if not len(sequence) or sequence.is_meta:
            raise ShapeError("through time: the sequence has no samples or no numbers to learn from")
        trial_input(sequence, "sequence")
        trial_input(state, "state")
        if targets.shape[:2] != sequence.shape[:2] or targets.dim() > 3:
            raise ShapeError(
                f"targets have shape {tuple(targets.shape)}; for this sequence they are class indices "
                f"{tuple(sequence.shape[:2])} or vectors {(*sequence.shape[:2], net.outputs)}"
            )
        window, rates, loss = self.window or sequence.shape[1], [], sequence.new_zeros(())
        parts = zip(sequence.split(window, 1), targets.split(window, 1), strict=True)
        for k, (x, wanted) in enumerate(parts):
            seen, state, lost = self._window(net, x, wanted, state, first=k == 0)
            rates.append(seen)
            loss = loss + lost
        return SequenceResult(torch.cat(rates, 1), state, loss)

    def _window(
        self, net: Recurrent, x: Tensor, wanted: Tensor, state: Tensor, first: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Run one trial of the rule; return outputs, the state after it, and its loss."""
        rule, deep = self._rule, net.unrolled(x.shape[1])
        # Learned weights go by the name of their link; a window of one step has no feedback along W.
        rule.feedback.prepare(net.unrolled(2) if rule.feedback.learns else deep)
        decay = rule.feedback.decay if first else 0.0  # once for a sequence, however it is cut
        plasticity = Plasticity(deep, len(x), not first, rule.feedback.paired_weights, decay)
        trial = rule.trial(deep, deep.join(x, state), wanted, plasticity)
        last = next(n for n, area in trial.wiring.above_input if area.name == f"hidden{deep.steps}")
        rates = trial.loss.rates.view(len(x), deep.steps, -1)
        return rates, trial.activity.rates[last].clone(), trial.loss.loss

    def parameters(self, net: Recurrent) -> list[nn.Parameter]:
        """Return the feedback weights that learn; all steps share one set."""
        return self.rule.parameters(net.unrolled(2))


class PerStepLoss(Teaching):
    """A teacher who teaches at every step of a window: the loss is summed over steps.

    Args:
        teaching: who teaches.
    """

    def __init__(self, teaching: Teaching) -> None:
        self.teaching = teaching
        self.equation = teaching.equation

    def loss_for(self, rates: Tensor, targets: Any) -> TrialLoss:
        """Return the trial's loss, summed over all steps.

        Args:
            rates: outputs ``[batch, steps · outputs]``.
            targets: class indices ``[batch, steps]``, or vectors ``[batch, steps, outputs]``.
        """
        batch, steps = targets.shape[:2]
        apart = rates.reshape(batch * steps, -1)
        return _SummedLoss(rates, steps, self.teaching.loss_for(apart, targets.flatten(0, 1)))


@dataclass(eq=False)
class _SummedLoss(TrialLoss):
    """One loss for each step; losses of a sample are summed over steps."""

    steps: int
    single: TrialLoss

    def error(self, rates: Tensor) -> Tensor:
        """Compute the errors ``[batch, steps · outputs]``."""
        return self.single.error(self._apart(rates)).view(rates.shape)

    def losses(self, rates: Tensor) -> Tensor:
        """Compute the losses ``[batch]``, each summed over the steps."""
        return self.single.losses(self._apart(rates)).view(len(rates), self.steps).sum(1)

    @property
    def loss(self) -> Tensor:
        """Return the mean over the batch of the summed loss, a scalar."""
        return self.steps * self.single.loss

    def _apart(self, rates: Tensor) -> Tensor:
        """Reshape rates to ``[batch · steps, outputs]``."""
        return rates.reshape(len(rates) * self.steps, -1)
