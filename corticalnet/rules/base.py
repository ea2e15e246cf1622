"""What every learning rule is to the rest of the toolkit, however it works inside.

    step = rule.learn(net, x, targets)              fills p.grad of the network's parameters, and of its own
    rule.update(net, x, targets, optimizer)         learns, and moves all of them

A rule with weights of its own, beside the network's, says them in one place:

    draw(net)               their first values, by name; the base keeps them            (or instead)
    named_parameters(net)   the weights themselves, by name, of a rule that keeps them

All else follows from that: ``parameters``, ``state_dict`` and so checkpoints, the optimizer that they join in
``update``, the warning if nobody moves them, the precision and device that they share with the network.
What others want to know of a rule it declares (the attributes of :class:`LearningRule`); nobody asks for its
parts. :class:`~corticalnet.rules.Rule` is the rule that is a product of parts.
"""

from __future__ import annotations

import copy
import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from corticalnet.network import Network
from corticalnet.network.links import Link
from corticalnet.network.wiring import ForwardState, Wiring
from corticalnet.rules.observer import SILENT, Observer
from corticalnet.rules.own_weights import OwnWeights
from corticalnet.rules.teaching import Teacher, Teaching, TrialLoss
from corticalnet.rules.trigger import Equality, Trigger
from corticalnet.rules.updates import Updates


@dataclass(eq=False)
class LearnResult:
    """What one call of ``learn`` returns; everything is computed when it is asked for.

    Attributes:
        trial_loss: of the teaching signal; a rewarded one also has ``action``, ``reward`` and ``rpe``.
        details: what the rule measured, if it measures anything: a dataclass of its trigger's (Fa-Z-IL's,
            :class:`~corticalnet.rules.predictive_coding.fa_z_il.Detections`, says when each φ fired).
    """

    trial_loss: TrialLoss
    details: Any = None

    @property
    def loss(self) -> Tensor:
        """Return the mean loss over the batch, before the weights change."""
        return self.trial_loss.loss

    @property
    def prediction(self) -> Tensor:
        """Return the network's answer ``[batch]``: class indices, or actions if it is taught by reward."""
        return self.trial_loss.prediction

    @property
    def rates(self) -> Tensor:
        """Return output rates ``[batch, n]`` before teaching."""
        return self.trial_loss.rates


class Route(NamedTuple):
    """One way down to a hidden area: the node it leads to, the node above, the link, and what carries it.

    Attributes:
        node, above: of the network's own wiring.
        link: of the network, or one of the rule's own, straight from above.
        weights: shaped as ``link.weight``; the very same where feedback is tied.
        magnitudes: if the weights are magnitudes that stay, with the signs that ``link.weight`` has now.
    """

    node: int
    above: int
    link: Link
    weights: Tensor
    magnitudes: Tensor | None = None


class LearningRule(OwnWeights, ABC):
    """Anything that can teach a network: fills ``.grad`` of its parameters, and of its own.

    Attributes (declared by a class or by an instance; others ask these and no parts):
        name: for people.
        equation: the rule in one line, for ``print(rule)``.
        teaching: the signal that it learns from: what it is compared with is taught by the same.
        stochastic: whether it guesses its changes by noise that it draws, so that they are right on average.
        rewarded: whether it is told a reward for a class instead of the target.
        changes_during_trial: whether :meth:`update` steps the optimizer within a trial, not once after it.
        needs_full_precision: whether it looks at differences so small that autocast would round them away.
        takes_vectors: whether it can be taught target vectors; an audit then disturbs them, column by column.
        takes_time: whether it is a process in time; False for sweeps that no columns are there for.
        inference_rate: γ of inference steps down the energy of predictive coding; None if it is another.
        transports_weights: whether a synapse down has to know the weight of one up; None if it does not say.
        tied: whether what comes down comes by the transpose of the weights up.
        levelled: whether its trials run on wirings with relays (:meth:`Wiring.levelled`).
        decay: λ of a decay of weights that is the rule's own, apart from what it learns; it may be set.
        equals: what its changes equal exactly, and where; None if nothing is known.
        may_diverge: what beside the learning rate may let training run away, and the cure; "" if nothing.
        of_two: whether two activities come down, not their difference: an audit asks what crosses synapses.
        activations: of columns of any area, if it is for these alone; an audit tries it on networks of them.
        observer: who is told what cells hold just before synapses change; nobody, in training.
        by_sample: whether samples are computed alone, so that processes may share a batch.
        capturable: whether its operations depend on no numbers, and it keeps all in tensors changed in place.

    An update of a rule that is ``capturable`` is recorded once and replayed
    (:mod:`corticalnet.rules.updates`); a subclass says so for itself.

    >>> import corticalnet as cn
    >>> rule = cn.rule("equilibrium-propagation")
    >>> isinstance(rule, LearningRule), isinstance(rule, cn.Rule)
    (True, False)
    """

    equation: str = ""
    teaching: Teaching = Teacher()
    stochastic: bool = False
    rewarded: bool = False
    changes_during_trial: bool = False
    needs_full_precision: bool = False
    takes_vectors: bool = False
    takes_time: bool = True
    inference_rate: float | None = None
    transports_weights: bool | None = None
    tied: bool = False
    levelled: bool = False
    decay: float = 0.0
    equals: Equality | None = None
    may_diverge: str = ""
    of_two: bool = False
    by_sample: bool = True
    capturable: bool = True
    activations: tuple[str, ...] = ()
    observer: Observer = SILENT

    _recordings: Updates | None = None

    @abstractmethod
    def learn(self, net: Network, x: Any, targets: Any, *, accumulate: bool = False) -> LearnResult:
        """Fill ``p.grad`` of every parameter of ``net`` with minus its mean plasticity over the batch.

        So too for the rule's own parameters, if it has any. Warns if trial after trial the network's weights
        have moved and the rule's own have not: the optimizer does not know :meth:`parameters`.

        Args:
            net: the network.
            x: inputs ``[batch, *input_shape]``, at least one.
            targets: class indices ``[batch]`` (or ``[batch, 1]``), or vectors ``[batch, n]``. Like inputs
                they may be tensors, NumPy arrays or lists.
            accumulate: add to existing gradients instead of replacing them.

        Raises:
            ShapeError: inputs or targets do not fit the network, or are no finite real numbers.
            RuleError: it is no network, or in a wrapping.
        """

    def update(self, net: Network, x: Any, targets: Any, optimizer: torch.optim.Optimizer) -> LearnResult:
        """Make one whole update: :meth:`learn`, then ``optimizer.step()``.

        The rule's own weights join the optimizer if it does not know them, in the group of the weights of the
        link that they are named by (``"area1->output"``, or between dots, ``"inverse.area1->output.bias"``),
        else of the link to the output; with an ``own_rate`` in a group beside that.

        Raises:
            RuleError: it is no optimizer, or it holds parameters that the network no longer has; or it has a
                schedule already, and the rule's own weights would join at another rate.
        """
        if self._recordings is None:
            self._recordings = Updates()
        return self._recordings.run(self, net, x, targets, optimizer)  # type: ignore[no-any-return]

    def _update(self, net: Network, x: Any, targets: Any, optimizer: torch.optim.Optimizer) -> LearnResult:
        """Make one whole update as it is written, operation by operation."""
        self._ready(net, optimizer)
        step = self._collect(net, x, targets, optimizer)
        self._finish(net, optimizer)
        return step

    def _collect(self, net: Network, x: Any, targets: Any, optimizer: torch.optim.Optimizer) -> LearnResult:
        """Collect the changes of one update, in gradients or in the weights themselves."""
        return self.learn(net, x, targets)

    def _finish(self, net: Network, optimizer: torch.optim.Optimizer) -> None:
        """Let the optimizer apply what was collected."""
        self._step(net, optimizer)

    def _direct(self, optimizer: torch.optim.Optimizer) -> bool:
        """Return whether :meth:`_collect` changes the weights that an optimizer holds, without gradients."""
        return False

    def _replayed(self, net: Network) -> None:
        """Look after a replay at what ``learn`` looks at before it begins."""
        if self._own:
            self._look_for_those_left_behind(net)

    def _step(self, net: Network, optimizer: torch.optim.Optimizer) -> None:
        """Let the optimizer change the weights, and keep those with bounds within them."""
        optimizer.step()
        net.keep_bounds()

    def answer(self, net: Network, x: Tensor) -> Tensor:
        """Compute the output rates ``[batch, n]`` that the network answers with: those of its sweep up.

        Overridden by a rule whose networks answer by something else: the equilibrium of an inference, say.
        Training scores by it.
        """
        return net(x)  # type: ignore[no-any-return]

    def predict(self, net: Network, x: Any) -> Tensor:
        """Predict class indices ``[N]``: the most active output column of :meth:`answer`, in evaluation mode.

        Raises:
            ShapeError: the input does not fit, or some of it is NaN or infinite.
        """
        return net.predict(x, answer=functools.partial(self.answer, net))

    # What carries signals down -----------------------------------------------------------------
    def feedback_routes(self, net: Network) -> list[Route]:
        """Return the routes by which signals come down to hidden areas, from below; none if unknown."""
        return []

    def errors(
        self, net: Network, wiring: Wiring, activity: ForwardState, output_error: Tensor
    ) -> list[Tensor | None] | None:
        """Compute δ of every node by one sweep down; None if the rule does not bring errors down by a sweep.

        Args:
            net: that the rule teaches; not changed, nor is the rule.
            wiring, activity: of the network, levelled or not.
            output_error: at the output's rates ``[batch, *shape]``.
        """
        return None

    def with_signals(self, told: Callable[[str, Tensor], None]) -> LearningRule | None:
        """Return a copy that reports (area, state) whenever one is sent down; None if links carry all."""
        return None

    def own_links(self, net: Network) -> list[Link]:
        """Return the links that the rule has beside the network's: straight from the output, say."""
        return [route.link for route in self.feedback_routes(net) if route.link not in net.links]

    # Others of its kind ------------------------------------------------------------------------
    def for_audit(self) -> LearningRule:
        """Return a copy that computes the state of every cell, for the same weight changes."""
        other = copy.deepcopy(self)
        other.of_two = True
        return other

    def of_its_equilibrium(self) -> LearningRule | None:
        """Return the rule that follows the exact gradient of what this one answers, where no sweep answers.

        None where a sweep does: backprop is exact there.
        """
        return None

    def without_exploration(self) -> LearningRule:
        """Return a copy that always takes the action of highest expected reward."""
        return copy.deepcopy(self)

    def without_noise(self) -> LearningRule:
        """Return a rule whose feedback learns without noise; itself, where it needs none."""
        return self

    def with_trigger(self, trigger: Trigger, name: str = "custom") -> LearningRule | None:
        """Return a rule of the same teaching signal and feedback with another trigger; None if impossible.

        Its pathway is a copy, for one belongs to one network at a time.
        """
        return None

    def in_one_sweep(self) -> LearningRule | None:
        """Return the equivalent rule of one sweep down; None if there is none."""
        return None

    @property
    def cannot_unroll(self) -> str:
        """Return why :class:`~corticalnet.rules.ThroughTime` cannot unroll the rule; empty if it can.

        It can if it is a :class:`~corticalnet.rules.Rule`, whose trials may be of any wiring and loss.
        """
        return f"{self.name} is no teaching signal × feedback × trigger"

    def __str__(self) -> str:
        flags = ("stochastic", "rewarded", "changes_during_trial", "needs_full_precision")
        words = [flag.replace("_", " ") for flag in flags if getattr(self, flag)]
        words += [str(self.equals)] if self.equals else []
        own = {name: tuple(p.shape) for name, p in self._own.items()}
        words += ["learns " + ", ".join(f"{name} {shape}" for name, shape in own.items())] if own else []
        return "\n".join([self.name, *(f"  {line}" for line in (self.equation, *words) if line)])
