"""What a learning rule is: teaching signal × feedback pathway × trigger.

    rule = Rule(teaching=Teacher(), feedback=Tied(), trigger=Sweep())        # backprop
    step = rule.learn(net, x, targets)                                       # fills p.grad
    optimizer.step()

Most of the literature is one point of this product. Rules that carry something other than errors
derive from :class:`LearningRule` directly.
"""

from __future__ import annotations

import warnings
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from corticalnet.checks import shown
from corticalnet.errors import RuleError
from corticalnet.network import Network
from corticalnet.network.reading import lesson_input
from corticalnet.rules.feedback import Feedback, NoPathway, Tied
from corticalnet.rules.plasticity import DirectPlasticity, Plasticity
from corticalnet.rules.reward import SoftmaxReward
from corticalnet.rules.sweep import Sweep
from corticalnet.rules.teaching import Lesson, Teacher, Teaching
from corticalnet.rules.trial import Trial, Trigger

#: Trials in which feedback stays as it was while weights move, before somebody is warned.
PATIENCE = 20


def _nobody() -> None:
    """Where a weak reference will stand."""


class Step:
    """What one call of ``learn`` returns; everything is computed when it is asked for.

    Attributes:
        lesson: the trial's lesson; a rewarded one also has ``action``, ``reward`` and ``rpe``.
        details: what the trigger measured, by name (for example which cells' φ fired).
    """

    def __init__(self, lesson: Lesson, details: dict[str, Any]) -> None:
        self.lesson, self.details = lesson, details

    @property
    def loss(self) -> Tensor:
        """Mean loss over the batch, before the weights change."""
        return self.lesson.loss

    @property
    def prediction(self) -> Tensor:
        """What the network answered, ``[batch]`` (its action, if it was taught by reward)."""
        return self.lesson.prediction

    @property
    def rates(self) -> Tensor:
        """Output rates ``[batch, n]`` before teaching."""
        return self.lesson.rates


class LearningRule(ABC):
    """Anything that can teach a network: fills ``.grad`` of its parameters."""

    name = "custom"

    @abstractmethod
    def learn(self, net: Network, x: Any, targets: Any, *, accumulate: bool = False) -> Step:
        """Fill ``p.grad`` of every parameter of ``net`` with minus its mean plasticity over the batch.

        Args:
            net: the network.
            x: inputs ``[batch, *input_shape]``, at least one.
            targets: class indices ``[batch]`` (or ``[batch, 1]``), or vectors ``[batch, n]``. Like inputs
                they may be tensors, NumPy arrays or lists.
            accumulate: add to existing gradients instead of replacing them.

        Raises:
            ShapeError: inputs or targets do not fit the network, or are no finite real numbers.
        """

    def update(self, net: Network, x: Any, targets: Any, optimizer: torch.optim.Optimizer) -> Step:
        """One whole update: ``learn``, then ``optimizer.step()``."""
        step = self.learn(net, x, targets)
        optimizer.step()
        return step

    def parameters(self, net: Network) -> list[nn.Parameter]:
        """What the rule itself learns beside ``net``, with an optimizer: feedback weights of its own, say."""
        return []


class Rule(LearningRule):
    """Teaching signal × feedback pathway × trigger.

    Raises:
        RuleError: the parts do not go together.
    """

    def __init__(
        self,
        teaching: Teaching | None = None,
        feedback: Feedback | None = None,
        trigger: Trigger | None = None,
        name: str = "custom",
    ) -> None:
        self.teaching = Teacher() if teaching is None else teaching
        self.trigger, self.name = Sweep() if trigger is None else trigger, name
        self._taught: Callable[[], Network | None] = _nobody  # in the last trial
        self._versions, self._left_behind = (0, 0), 0  # torch's, of weights up and down
        self._moved: tuple[tuple[nn.Parameter, ...], Callable[[], Any]] = ((), _nobody)  # what, and by whom
        usual: Feedback = NoPathway() if getattr(trigger, "hears_all", False) else Tied()
        self.feedback = usual if feedback is None else feedback
        for part, kind in ((self.teaching, Teaching), (self.feedback, Feedback), (self.trigger, Trigger)):
            if not isinstance(part, kind):
                raise RuleError(f"{name}: {shown(part)} is no {kind.__name__.lower()}")
        if self.trigger.needs_layers and not self.feedback.layered:
            raise RuleError(
                f"{type(self.trigger).__name__} needs feedback that comes down link by link, "
                f"which {type(self.feedback).__name__} does not; choose another feedback or trigger"
            )
        if self.trigger.hears_all != isinstance(self.feedback, NoPathway):
            need = "learns by what everyone hears: NoPathway" if self.trigger.hears_all else "needs a pathway"
            raise RuleError(
                f"{type(self.trigger).__name__} {need}, not {type(self.feedback).__name__}; "
                "choose another feedback or trigger"
            )
        if self._compares and isinstance(self.teaching, SoftmaxReward):
            raise RuleError(
                f"{name} compares losses, and SoftmaxReward's error is no loss's derivative; "
                "choose teaching='teacher', 'cross-entropy' or 'reward'"
            )

    def __getstate__(self) -> dict[str, Any]:
        """All but the network that was taught last: pickles and copies may teach another."""
        return self.__dict__ | {
            "_taught": _nobody,
            "_versions": (0, 0),
            "_left_behind": 0,
            "_moved": ((), _nobody),
        }

    @property
    def _compares(self) -> bool:
        return self.trigger.compares or self.feedback.compares

    @torch.no_grad()
    def learn(self, net: Network, x: Any, targets: Any, *, accumulate: bool = False) -> Step:
        """See :meth:`LearningRule.learn`.

        Warns if trial after trial the weights have moved and the pathway's have not: the optimizer does not
        know :meth:`parameters`.
        """
        learned, feedback = self._meet(net), self.feedback
        x = lesson_input(net.admit(x, least=1))  # (changes are means over samples)
        plasticity = Plasticity(net, len(x), accumulate, feedback.partners, feedback.decay, learned)
        if feedback.learns:
            self._look_for_those_left_behind(net, learned)
        return self._trial(net, x, targets, plasticity, None)

    @torch.no_grad()
    def update(self, net: Network, x: Any, targets: Any, optimizer: torch.optim.Optimizer) -> Step:
        """One whole update.

        Triggers that change weights during the trial step the optimizer at every inference step. For
        plain SGD and triggers that write once, weights change in place and ``.grad`` stays empty. Feedback
        weights that learn join the optimizer if it does not know them, in the groups of the links' weights.
        """
        learned, feedback = self._meet(net), self.feedback
        x = lesson_input(net.admit(x, least=1))
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise RuleError(f"{self.name}: update takes an optimizer of torch.optim, not {shown(optimizer)}")
        if feedback.learns:
            self._join(net, optimizer)
        self._look_for_those_replaced(net, learned, optimizer)
        plasticity: Plasticity
        if self.trigger.writes_once and not feedback.learns and DirectPlasticity.suits(optimizer):
            plasticity = DirectPlasticity(net, len(x), optimizer, learned)
        else:
            plasticity = Plasticity(net, len(x), False, feedback.partners, feedback.decay, learned)
        if self.trigger.changes_during_trial:
            return self._trial(net, x, targets, plasticity, optimizer.step)
        step = self._trial(net, x, targets, plasticity, None)
        optimizer.step()
        return step

    def _meet(self, net: Network) -> tuple[nn.Parameter, ...]:
        """See that the network can be taught, and what there is to learn.

        Raises:
            RuleError: it is something else, or in a wrapping.
        """
        if not isinstance(net, Network):
            kind = type(net).__name__
            inside = next((n for n in ("module", "_orig_mod") if isinstance(getattr(net, n, 0), Network)), "")
            cure = "a Recurrent one learns by cn.ThroughTime(rule)"
            raise RuleError(
                f"{self.name} teaches a Network, not {kind}; "
                + (f"give it the one inside: {kind}.{inside}" if inside else cure)
            )
        learned = net.learned
        self.feedback.prepare(net)
        return learned

    def _look_for_those_left_behind(self, net: Network, learned: tuple[nn.Parameter, ...]) -> None:
        own = [b for b in self.feedback.own().values() if b.requires_grad]
        now = sum(p._version for p in learned), sum(b._version for b in own)
        up, down = self._versions
        left = bool(own) and self._taught() is net and now[0] != up and now[1] == down
        self._taught, self._versions = weakref.ref(net), now
        self._left_behind = self._left_behind + 1 if left else 0
        if self._left_behind == PATIENCE:
            warnings.warn(
                f"{self.name}: the network learns, but its feedback does not; give the optimizer "
                "[*net.parameters(), *rule.parameters(net)], or call rule.update",
                stacklevel=3,
            )

    def _look_for_those_replaced(
        self, net: Network, learned: tuple[nn.Parameter, ...], optimizer: torch.optim.Optimizer
    ) -> None:
        """See that the optimizer holds what the network has now, not what it had once.

        Raises:
            RuleError: it does not.
        """
        moved, by = self._moved
        if moved is learned and by() is optimizer:
            return
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        now = {id(p) for p in learned}
        if held.isdisjoint(now | {id(b) for b in self.feedback.own().values()}):
            raise RuleError(
                f"{self.name}: the optimizer holds none of the network's parameters, and would move nothing; "
                "make it anew of net.parameters()"
            )
        if self._taught() is net and any(id(p) in held and id(p) not in now for p in moved):
            raise RuleError(
                f"{self.name}: parameters of the network were replaced since the last update, and the "
                "optimizer holds the old ones; make the optimizer anew"
            )
        self._taught, self._moved = weakref.ref(net), (learned, weakref.ref(optimizer))

    def _join(self, net: Network, optimizer: torch.optim.Optimizer) -> None:
        """A synapse down is moved as the synapse up beside it is; one from the output, as those to there."""
        groups = {p: group for group in optimizer.param_groups for p in group["params"]}
        weights = {link.name: link.weight for link in net.links}
        for name, own in self.feedback.own().items():
            beside = weights.get(name, net.links[-1].weight)
            if own not in groups and beside in groups:
                groups[beside]["params"].append(own)

    def parameters(self, net: Network) -> list[nn.Parameter]:
        """Feedback weights that learn."""
        self.feedback.prepare(net)
        return list(self.feedback.own().values())

    def state_dict(self) -> dict[str, Tensor]:
        """All that the rule has learned or keeps from trial to trial."""
        parts = (("feedback", self.feedback), ("trigger", self.trigger))
        return {f"{kind}.{name}": t for kind, part in parts for name, t in part.state_dict().items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what :meth:`state_dict` said (of a rule that has met a network with the same links)."""
        for kind, part in (("feedback", self.feedback), ("trigger", self.trigger)):
            own = {n.removeprefix(f"{kind}."): t for n, t in state.items() if n.startswith(f"{kind}.")}
            part.load_state_dict(own)

    def _trial(self, net: Network, x: Tensor, targets: Any, plasticity: Plasticity, change: Any) -> Step:
        with torch.autocast(x.device.type, enabled=False) if self._compares else nullcontext():
            wiring = net.levelled() if self.trigger.levelled else net.wiring
            activity = self.trigger.fire(wiring, x)
            lesson = self.teaching.begin(activity.rates[-1], targets)
            trial = Trial(wiring, activity, lesson, self.feedback, plasticity, {}, change)
            self.feedback.learn(trial)
            self.trigger.run(trial)
        plasticity.close()
        return Step(lesson, trial.details)

    def __str__(self) -> str:
        parts = (("taught by", self.teaching), ("feedback", self.feedback), ("trigger", self.trigger))
        lines = [f"  {label:10s}{type(part).__name__:20s}{part.equation}" for label, part in parts]
        return "\n".join([self.name, *lines])
