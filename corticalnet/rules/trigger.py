"""Triggers: when a synapse changes, and by which error. One axis of every rule."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from corticalnet.replay import Guarded
from corticalnet.rules.trial import Trial


@dataclass(frozen=True)
class Equality:
    """What a rule's change is equal to: minus the gradient of a loss, by autograd, in float64.

    Attributes:
        loss: "squared" (½ Σ (t − y)²) or "cross-entropy" (of the softmax of the output rates).
        smooth: only where f' is nowhere 0 (sigmoid, tanh, softplus; no pooling, no dropout).
        links: only in networks where an error has at most so many links to go; None: in all.
        tolerance: relative distance of every parameter's change.
    """

    loss: str
    smooth: bool = False
    links: int | None = None
    tolerance: float = 1e-12

    def __str__(self) -> str:
        where = ", where f' is nowhere 0" if self.smooth else ""
        where += f", down to {self.links} links below the output" if self.links is not None else ""
        return f"equals backprop of the {self.loss} loss{where}"


class Trigger(Guarded, ABC):
    """Base class of all triggers of change.

    Attributes:
        needs_layers: whether feedback must come link by link.
        levelled: whether links that skip areas must go through relays.
        writes_once: whether each weight changes once, after all feedback has been read.
        changes_during_trial: whether weights may change before the trial's end.
        forward_noise: from an area's rate to noise on it, in the sweep whose output is taught; None: none.
        uses_global_signal: whether synapses learn by global scalars (neuromodulators), without a pathway.
        needs_full_precision: whether it compares losses, whose differences autocast would round away.
        takes_time: whether it is a process in time, and no sweep.
        inference_rate: γ of inference steps down the energy of predictive coding; None if it is another.
        by_sample: whether its changes are a sum over samples that are computed alone.
        capturable: whether what it does can be recorded: see :attr:`LearningRule.capturable`.
        may_diverge: what of it may let training run away, and the cure: "" if nothing.
    """

    equation = ""
    forward_noise: Callable[[Tensor], Tensor] | None = None
    uses_global_signal = False
    needs_full_precision = False
    needs_layers = False
    levelled = False
    writes_once = False
    changes_during_trial = False
    takes_time = True
    inference_rate: float | None = None
    may_diverge: str = ""
    by_sample: bool = True
    capturable: bool = True

    def equality(self, loss: str) -> Equality | None:
        """Return what the changes equal for a teacher's ``loss`` and transposed feedback; None if nothing."""
        return None

    def for_audit(self) -> Trigger:
        """Return an equal trigger that computes the state of every cell; itself, if it always does."""
        return self

    @abstractmethod
    def run(self, trial: Trial) -> None:
        """Accumulate the trial's weight changes."""

    def state_dict(self) -> dict[str, Tensor]:
        """Return the tensors that the trigger keeps from trial to trial; none unless overridden."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`state_dict` returned."""
        for name, tensor in self.state_dict().items():
            tensor.copy_(state[name])
