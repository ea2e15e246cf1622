"""One trial, and what works on it: triggers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from corticalnet.network.wiring import Activity, Wiring
from corticalnet.rules.base import Equality
from corticalnet.rules.feedback import Feedback
from corticalnet.rules.observer import SILENT, Observer
from corticalnet.rules.plasticity import Plasticity
from corticalnet.rules.teaching import Lesson


@dataclass
class Trial:
    """What a trigger works on: a network that has fired, its lesson, and where to write changes."""

    wiring: Wiring
    activity: Activity
    lesson: Lesson
    feedback: Feedback
    plasticity: Plasticity
    #: Who is told what cells hold, just before synapses change.
    observer: Observer = SILENT
    #: An optimizer's step, for triggers that change weights during the trial; None: collect only.
    change_weights: Any = None
    #: What the trigger measured: a dataclass of its own.
    details: Any = None


class Trigger(ABC):
    """Base of triggers: when a synapse changes, and by which error. One axis of every rule.

    Attributes:
        needs_layers: whether feedback must come link by link.
        levelled: whether links that skip areas must go through relays.
        writes_once: whether each weight changes once, after all feedback has been read.
        changes_during_trial: whether weights may change before the trial's end.
        hears_all: whether synapses learn by numbers that everyone hears, so that no pathway is used.
        compares: whether it looks at small differences of losses, which autocast would round away.
        takes_time: whether it is a process in time, and no sweep.
        inference_rate: γ of inference steps down an energy; None if it infers nothing.
        may_diverge: what of it may let training run away, and the cure: "" if nothing.
    """

    equation = ""
    hears_all = False
    compares = False
    needs_layers = False
    levelled = False
    writes_once = False
    changes_during_trial = False
    takes_time = True
    inference_rate: float | None = None
    may_diverge: str = ""

    def equality(self, loss: str) -> Equality | None:
        """What its changes equal if a teacher's ``loss`` comes down along the transpose; None: nothing."""
        return None

    def for_audit(self) -> Trigger:
        """The same trigger on a way that computes every cell; itself, if it always does."""
        return self

    def fire(self, wiring: Wiring, rates: Tensor) -> Activity:
        """The sweep up that the lesson is about."""
        return wiring.fire(rates)

    @abstractmethod
    def run(self, trial: Trial) -> None:
        """Work out the trial's weight changes."""

    def state_dict(self) -> dict[str, Tensor]:
        """What the trigger keeps from trial to trial, if anything."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what :meth:`state_dict` said."""
        for name, tensor in self.state_dict().items():
            tensor.copy_(state[name])
