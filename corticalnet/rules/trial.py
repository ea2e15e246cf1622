"""One trial, and what works on it: triggers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from corticalnet.network.wiring import Activity, Wiring
from corticalnet.rules.feedback import Feedback
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
    details: dict[str, Any]
    #: An optimizer's step, for triggers that change weights during the trial; None: collect only.
    change_weights: Any = None


class Trigger(ABC):
    """Base of triggers: when a synapse changes, and by which error. One axis of every rule.

    Attributes:
        needs_layers: whether feedback must come link by link.
        levelled: whether links that skip areas must go through relays.
        writes_once: whether each weight changes once, after all feedback has been read.
        changes_during_trial: whether weights may change before the trial's end.
    """

    equation = ""
    needs_layers = False
    levelled = False
    writes_once = False
    changes_during_trial = False

    @abstractmethod
    def run(self, trial: Trial) -> None:
        """Work out the trial's weight changes."""
