"""One trial: what a feedback pathway and a trigger work on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from corticalnet.network.links import Link
from corticalnet.network.wiring import ForwardState, Wiring
from corticalnet.rules.observer import SILENT, Observer
from corticalnet.rules.plasticity import Plasticity
from corticalnet.rules.teaching import TrialLoss


class Pathway(Protocol):
    """What a trial asks of its feedback pathway: see :class:`~corticalnet.rules.feedback.Feedback`."""

    def into(self, wiring: Wiring, node: int, errors: list[Tensor | None]) -> Tensor | None:
        """Compute the top-down signal at the rates of a node."""

    def backward(
        self, wiring: Wiring, activity: ForwardState, output_error: Tensor
    ) -> tuple[list[Tensor | None], list[Tensor | None]]:
        """Compute the errors of all nodes, and the signals that came down to them."""

    def feedback_routes(self, wiring: Wiring) -> list[tuple[int, int, Link]]:
        """Return all routes down to hidden areas: (to node, from node, along link)."""


@dataclass
class Trial:
    """A network after its forward pass, its loss, what brings errors down, and where to write changes.

    Attributes:
        wiring, activity: of the network, levelled if the trigger needs that.
        loss: of what the teaching signal says about this trial.
        feedback: the rule's pathway.
        plasticity: where to write changes.
        observer: who is told what cells hold, just before synapses change.
        change_weights: an optimizer's step, for triggers that change weights within it; None: collect only.
        details: what the trigger measured: a dataclass of its own.
    """

    wiring: Wiring
    activity: ForwardState
    loss: TrialLoss
    feedback: Pathway
    plasticity: Plasticity
    observer: Observer = SILENT
    change_weights: Callable[[], Any] | None = None
    details: Any = None
