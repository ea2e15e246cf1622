"""What a learning rule is: teaching signal × feedback pathway × trigger.

    rule = Rule(teaching=Teacher(), feedback=Tied(), trigger=Sweep())        # backprop
    step = rule.learn(net, x, targets)                                       # fills p.grad
    optimizer.step()

Most of the literature is one point of this product. Rules that carry something other than errors
derive from :class:`~corticalnet.rules.base.LearningRule` directly, which is all that others know of a rule:
here it is only put together from what the three parts say.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from corticalnet.checks import shown
from corticalnet.errors import RuleError
from corticalnet.network import Network
from corticalnet.network.wiring import ForwardState, Wiring
from corticalnet.replay import capturable
from corticalnet.rules.base import LearningRule, LearnResult, Route
from corticalnet.rules.feedback import Feedback, NoPathway, Tied
from corticalnet.rules.feedback.base import with_signals
from corticalnet.rules.plasticity import DirectPlasticity, Plasticity
from corticalnet.rules.reward import Reward, SoftmaxReward
from corticalnet.rules.sweep import Sweep
from corticalnet.rules.teaching import Teacher, Teaching
from corticalnet.rules.trial import Trial
from corticalnet.rules.trigger import Equality, Trigger


class Rule(LearningRule):
    """A learning rule as a product: teaching signal × feedback pathway × trigger.

    Raises:
        RuleError: the parts do not go together.

    >>> import corticalnet as cn
    >>> import torch
    >>> rule, net = Rule(cn.Teacher(), cn.Random(), cn.ZIL(), name="mine"), cn.mlp([4, 3, 2])
    >>> step = rule.learn(net, torch.rand(5, 4), [0, 1, 0, 1, 1])
    >>> tuple(net.links[0].weight.grad.shape)
    (3, 4)
    """

    takes_vectors = True

    def __init__(
        self,
        teaching: Teaching | None = None,
        feedback: Feedback | None = None,
        trigger: Trigger | None = None,
        name: str = "custom",
    ) -> None:
        self.teaching = Teacher() if teaching is None else teaching
        self.trigger, self.name = Sweep() if trigger is None else trigger, name
        usual: Feedback = NoPathway() if getattr(trigger, "uses_global_signal", False) else Tied()
        self.feedback = usual if feedback is None else feedback
        for part, kind in ((self.teaching, Teaching), (self.feedback, Feedback), (self.trigger, Trigger)):
            if not isinstance(part, kind):
                raise RuleError(f"{name}: {shown(part)} is no {kind.__name__.lower()}")
        if self.trigger.needs_layers and not self.feedback.layered:
            raise RuleError(
                f"{type(self.trigger).__name__} needs feedback that comes down link by link, "
                f"which {type(self.feedback).__name__} does not; choose another feedback or trigger"
            )
        if self.trigger.uses_global_signal != isinstance(self.feedback, NoPathway):
            need = (
                "learns by a global signal: NoPathway"
                if self.trigger.uses_global_signal
                else "needs a pathway"
            )
            raise RuleError(
                f"{type(self.trigger).__name__} {need}, not {type(self.feedback).__name__}; "
                "choose another feedback or trigger"
            )
        if self.changes_during_trial or not (self.trigger.by_sample and self.feedback.by_sample):
            self.by_sample = False
        self.needs_full_precision = self.trigger.needs_full_precision or self.feedback.needs_full_precision
        if self.needs_full_precision and isinstance(self.teaching, SoftmaxReward):
            raise RuleError(
                f"{name} compares losses, and SoftmaxReward's error is no loss's derivative; "
                "choose teaching='teacher', 'cross-entropy' or 'reward'"
            )

    # What the parts say -------------------------------------------------------------------------
    @property
    def capturable(self) -> bool:  # type: ignore[override]
        """Return whether all parts say that they can be recorded."""
        return all(capturable(part) for part in (self.teaching, self.feedback, self.trigger))

    @property
    def stochastic(self) -> bool:  # type: ignore[override]
        """Return whether synapses learn by noise and a global outcome signal."""
        return self.trigger.uses_global_signal

    @property
    def rewarded(self) -> bool:  # type: ignore[override]
        """Return whether the teaching signal is a reward."""
        return self.teaching.rewarded

    @property
    def changes_during_trial(self) -> bool:  # type: ignore[override]
        """Return whether the trigger changes weights during the trial."""
        return self.trigger.changes_during_trial

    @property
    def decay(self) -> float:  # type: ignore[override]
        """Return the weight decay λ of the pathway."""
        return self.feedback.decay

    @decay.setter
    def decay(self, decay: float) -> None:
        self.feedback.decay = decay

    @property
    def equals(self) -> Equality | None:  # type: ignore[override]
        """Return what the changes equal exactly, for a teacher and transposed feedback; otherwise None."""
        if type(self.feedback) is Tied and isinstance(self.teaching, Teacher):
            return self.trigger.equality(self.teaching.loss)
        return None

    @property
    def takes_time(self) -> bool:  # type: ignore[override]
        """Return whether the trigger is a process in time, or the teaching signal is a reward.

        Columns that learn by reward have cells that hold what comes down, even if that takes a single sweep.
        """
        return self.trigger.takes_time or isinstance(self.teaching, Reward)

    @property
    def inference_rate(self) -> float | None:  # type: ignore[override]
        """Return the inference rate γ of the trigger; None if it has none."""
        return self.trigger.inference_rate

    @property
    def transports_weights(self) -> bool:  # type: ignore[override]
        """Return whether the pathway uses the feedforward weights."""
        return self.feedback.transports_weights

    @property
    def tied(self) -> bool:  # type: ignore[override]
        """Return whether the pathway is the transpose of the feedforward weights."""
        return isinstance(self.feedback, Tied)

    @property
    def levelled(self) -> bool:  # type: ignore[override]
        """Return whether the trigger needs relays in links that skip areas."""
        return self.trigger.levelled

    @property
    def may_diverge(self) -> str:  # type: ignore[override]
        """Return the trigger's warning of divergence; empty if there is none."""
        return self.trigger.may_diverge

    def named_parameters(self, net: Network) -> dict[str, nn.Parameter]:
        """Return the feedback weights that learn, by name (``feedback.area1->output``)."""
        if not self.feedback.draws:
            return {}
        self.feedback.prepare(net)
        return {f"feedback.{name}": b for name, b in self.feedback.named_parameters().items()}

    def named_buffers(self) -> dict[str, Tensor]:
        """Return the state that the parts keep and no optimizer moves."""
        return {name: t for name, t in self.state_dict().items() if name not in self._own}

    def feedback_routes(self, net: Network) -> list[Route]:
        """Return the routes of the pathway."""
        self.feedback.prepare(net)
        ways = self.feedback.feedback_routes(net.wiring)
        own = self.feedback
        return [Route(*way, own.weights(way[2]), own.magnitudes(way[2])) for way in ways]

    def state_dict(self) -> dict[str, Tensor]:
        """Return the state of the pathway and the trigger that lasts from trial to trial."""
        parts = (("feedback", self.feedback), ("trigger", self.trigger))
        return {f"{kind}.{name}": t for kind, part in parts for name, t in part.state_dict().items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`state_dict` returned; see :meth:`LearningRule.load_state_dict`."""
        for kind, part in (("feedback", self.feedback), ("trigger", self.trigger)):
            own = {n.removeprefix(f"{kind}."): t for n, t in state.items() if n.startswith(f"{kind}.")}
            part.load_state_dict(own)

    def for_audit(self) -> Rule:
        """Return a copy whose trigger computes the state of every cell."""
        other = copy.deepcopy(self)
        other.trigger = other.trigger.for_audit()
        return other

    def without_exploration(self) -> Rule:
        """Return a copy whose teaching signal chooses greedily."""
        other = copy.deepcopy(self)
        other.teaching = other.teaching.without_exploration()
        return other

    def with_trigger(self, trigger: Trigger, name: str = "custom") -> Rule:
        """Return a rule with the same teaching signal, a copy of the pathway, and another trigger."""
        return Rule(self.teaching, copy.copy(self.feedback), trigger, name)

    def in_one_sweep(self) -> Rule:
        """Return the same rule with the trigger :class:`Sweep`."""
        return self.with_trigger(Sweep(), f"{self.name}'s twin")

    def errors(
        self, net: Network, wiring: Wiring, activity: ForwardState, output_error: Tensor
    ) -> list[Tensor | None]:
        """Compute δ of every node by a copy of the pathway (one belongs to one network at a time)."""
        feedback = copy.copy(self.feedback)
        feedback.prepare(net)
        return feedback.backward(wiring, activity, output_error)[0]

    def with_signals(self, told: Callable[[str, Tensor], None]) -> Rule:
        """Return a copy that reports to ``told`` which area sends what down its pathway."""
        other = copy.deepcopy(self)
        other.feedback = with_signals(other.feedback, told)
        return other

    @property
    def cannot_unroll(self) -> str:
        """Return why the rule cannot be unrolled over steps that share their links; empty if it can."""
        if not isinstance(self.teaching, Teacher):
            return f"{self.name} is taught by {type(self.teaching).__name__}; each step needs a Teacher"
        if self.trigger.changes_during_trial:
            return f"{self.name} changes weights within a trial; choose another trigger"
        return self.feedback.cannot_unroll

    # A trial ------------------------------------------------------------------------------------
    @torch.no_grad()
    def learn(self, net: Network, x: Any, targets: Any, *, accumulate: bool = False) -> LearnResult:
        """Fill the gradients by one trial; see :meth:`LearningRule.learn`."""
        x = net.admit(x, least=1, to_learn=True)  # (changes are means over samples)
        trial = self.trial(net, x, targets, self._changes(net, x, accumulate))
        return LearnResult(trial.loss, trial.details)

    @torch.no_grad()
    def _collect(self, net: Network, x: Any, targets: Any, optimizer: torch.optim.Optimizer) -> LearnResult:
        """Run one trial; where weights change within it, the optimizer steps at every inference step."""
        x = net.admit(x, least=1, to_learn=True)
        plasticity = self._changes(net, x)
        if self._direct(optimizer):
            plasticity = DirectPlasticity(net, len(x), optimizer, self._learned)
        within = partial(self._step, net, optimizer) if self.trigger.changes_during_trial else None
        trial = self.trial(net, x, targets, plasticity, within)
        return LearnResult(trial.loss, trial.details)

    def _changes(self, net: Network, x: Tensor, accumulate: bool = False) -> Plasticity:
        """Return where a trial writes its changes."""
        own = self.feedback
        return Plasticity(net, len(x), accumulate, own.paired_weights, own.decay, self._learned)

    def _direct(self, optimizer: torch.optim.Optimizer) -> bool:
        """Return whether an update changes the weights themselves, in one pass, and leaves no gradient."""
        return self.trigger.writes_once and not self.feedback.learns and DirectPlasticity.suits(optimizer)

    def _finish(self, net: Network, optimizer: torch.optim.Optimizer) -> None:
        """Let the optimizer step, unless it did within the trial."""
        if not self.trigger.changes_during_trial:
            self._step(net, optimizer)

    def trial(
        self,
        net: Network,
        x: Tensor,
        targets: Any,
        plasticity: Plasticity,
        change_weights: Callable[[], Any] | None = None,
    ) -> Trial:
        """Run one trial: the forward pass, the teaching signal, and what the trigger makes of it.

        Args:
            net: a network that the pathway has met.
            x: inputs ``[batch, *input_shape]``, as :meth:`Network.admit` returns them.
            targets: as for :meth:`learn`.
            plasticity: where to write changes.
            change_weights: an optimizer's step, for triggers that change weights within the trial.
        """
        trigger, feedback = self.trigger, self.feedback
        with torch.autocast(x.device.type, enabled=False) if self.needs_full_precision else nullcontext():
            wiring = net.levelled() if trigger.levelled else net.wiring
            activity = wiring.forward(x, trigger.forward_noise)
            trial_loss = self.teaching.loss_for(activity.rates[-1], targets)
            trial = Trial(wiring, activity, trial_loss, feedback, plasticity, self.observer, change_weights)
            if feedback.learns:
                feedback.learn(trial)
            trigger.run(trial)
        plasticity.close()
        return trial

    def __str__(self) -> str:
        parts = (("taught by", self.teaching), ("feedback", self.feedback), ("trigger", self.trigger))
        lines = [f"  {label:10s}{type(part).__name__:20s}{part.equation}" for label, part in parts]
        return "\n".join([self.name, *lines])
