"""Contrastive Hebbian learning and GeneRec: a network comes to rest free, and with its output clamped.

    ^ clamped: the output's state is the target          ˇ free
    CHL          Δw = κ^(−d) ⟨û × r̂ − ǔ × ř⟩              Movellan 1990; Xie & Seung 2003
    GeneRec      Δw = κ^(−d) ⟨(û − ǔ) × ř⟩                O'Reilly 1996
    midpoint     Δw = κ^(−d) ⟨(û − ǔ) × (r̂ + ř)⟩ / 2
    symmetric    Δw = ½ of (midpoint, and midpoint of the synapse the other way): half of CHL

d links lie above the target area. With κ → 0 all but the last become backprop of an output whose error is
t − y, without f' (Xie & Seung 2003): of the squared loss for a linear output, of the cross-entropy for one
that is sigmoid. What CHL compares is of size κ^d then, which float32 rounds away in deep networks.

GeneRec's way down may have weights of its own: ``pathway="random"``, say. A synapse up learns from its own
two columns, whatever carries activity down.

Deviations from the papers
    1. Areas take turns (see :mod:`corticalnet.rules.equilibrium.relaxation`), and states are kept within
       ``bound``.
    2. κ = 0.2: at κ = 1 phases settle slowly or not at all, and CHL learns less well than at 0.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from corticalnet.checks import shown
from corticalnet.errors import RuleError, one_of
from corticalnet.network import Network
from corticalnet.rules.base import LearningRule, Route
from corticalnet.rules.catalogue import part_of
from corticalnet.rules.equilibrium.detected_phases import DetectedPhases
from corticalnet.rules.equilibrium.phase import RelaxationPhase
from corticalnet.rules.equilibrium.two_phases import TwoPhases, contrast
from corticalnet.rules.feedback import Feedback
from corticalnet.rules.plasticity import Plasticity
from corticalnet.rules.rows import FEEDBACKS
from corticalnet.rules.teaching import Teaching, TrialLoss


class ContrastiveHebbian(TwoPhases):
    """Contrastive Hebbian learning (Movellan 1990), with feedback of any strength (Xie & Seung 2003).

    Args:
        steps: of a phase, at most; it ends where nothing moves any more.
        rate: γ, size of a step.
        bound: the largest size of a state.
        feedback: κ, strength of what comes down a link, compared to what goes up (the paper's γ).
        order: "in turn", area by area from below, or "together".
        teaching: a teacher, whose target the output is clamped to.
        phases: of a circuit: "told" by a control cell, "detected" by φ, or a
            :class:`~corticalnet.rules.DetectedPhases` that says how.

    Raises:
        RuleError: an impossible number, or a teaching signal that is no teacher.
    """

    name = "contrastive-hebbian"
    equation = "Δw = κ^(−d) ⟨û × r̂ − ǔ × ř⟩  at rest, with the output clamped and free"

    def __init__(
        self,
        steps: int = 300,
        rate: float = 1.0,
        bound: float = 1.0,
        feedback: float = 0.2,
        order: str = "in turn",
        teaching: Teaching | None = None,
        phases: str | DetectedPhases = "told",
    ) -> None:
        super().__init__(steps, rate, bound, feedback, order, teaching, phases)

    def phases(self, free: RelaxationPhase, trial_loss: TrialLoss) -> tuple[RelaxationPhase, RelaxationPhase]:
        """Relax with the output clamped to the target; return that phase and the free one."""
        rates = free.rates[-1]
        target = trial_loss.answer(rates) + trial_loss.error(rates)
        return self.relaxation.rest(free.with_output(target)), free

    def compare(self, plasticity: Plasticity, now: RelaxationPhase, before: RelaxationPhase) -> None:
        """Accumulate the contrastive Hebbian change: clamped minus free product of the rates at both ends."""
        contrast(plasticity, now, before, 1.0)


#: GeneRec's forms: how much of the clamped rate a synapse takes for what is sent up.
FORMS = {"free": 0.0, "midpoint": 0.5, "symmetric": 0.5}


class GeneRec(ContrastiveHebbian):
    """GeneRec (O'Reilly 1996): the postsynaptic column's difference times the presynaptic rate.

    Args:
        form: "free" (the presynaptic rate of the free phase), "midpoint" (the mean of both phases), or
            "symmetric" (midpoint, averaged with the synapse the other way: half of CHL).
        pathway: what carries activity down: "tied", or a pathway with weights of its own ("random",
            "sign-symmetric"), by name or as an object.
        steps, rate, bound, feedback, order, teaching, phases: see :class:`ContrastiveHebbian`.

    Raises:
        RuleError: an impossible number, no such form, or a pathway that learns or does not come link by link.
    """

    name = "generec"
    equation = "Δw = κ^(−d) ⟨(û − ǔ) × ř⟩  at rest, with the output clamped and free"

    def __init__(
        self,
        form: str = "free",
        pathway: str | Feedback = "tied",
        steps: int = 300,
        rate: float = 1.0,
        bound: float = 1.0,
        feedback: float = 0.2,
        order: str = "in turn",
        teaching: Teaching | None = None,
        phases: str | DetectedPhases = "told",
    ) -> None:
        super().__init__(steps, rate, bound, feedback, order, teaching, phases)
        one_of("GeneRec: form", form, FORMS, RuleError)
        self.form = form
        made: Any = part_of(pathway, FEEDBACKS, "feedback pathway")
        self.pathway: Feedback = made() if callable(made) else made
        if not isinstance(self.pathway, Feedback):
            raise RuleError(
                f"{self.name}: pathway must be a Feedback or the name of one, not {shown(pathway)}"
            )
        if not self.pathway.layered or self.pathway.learns:
            raise RuleError(
                f"{self.name}: {type(self.pathway).__name__} does not carry activity down link by link, or "
                "learns by errors that are not there; choose pathway='tied', 'random' or 'sign-symmetric'"
            )
        self.tied = not self.pathway.draws
        self.transports_weights = self.pathway.transports_weights
        if form == "symmetric" and not self.tied:
            raise RuleError(f"{self.name}: form='symmetric' averages a synapse with itself; pathway='tied'")

    def begin(self, net: Network, x: Tensor) -> RelaxationPhase:
        """Sweep up; return the columns, with the pathway's weights on the way down."""
        self.pathway.prepare(net)
        return self.relaxation.begin(net.wiring, x, self.pathway.weights)

    def of_its_equilibrium(self) -> LearningRule | None:
        """Return recurrent backprop, or nothing where weights of its own make the equilibrium another."""
        return super().of_its_equilibrium() if self.tied else None

    def named_parameters(self, net: Network) -> Mapping[str, nn.Parameter]:
        """Return none: the weights down do not learn."""
        return {}

    def feedback_routes(self, net: Network) -> list[Route]:
        """Return the routes of the pathway."""
        self.pathway.prepare(net)
        ways = self.pathway.feedback_routes(net.wiring)
        return [Route(*way, self.pathway.weights(way[2]), self.pathway.magnitudes(way[2])) for way in ways]

    def compare(self, plasticity: Plasticity, now: RelaxationPhase, before: RelaxationPhase) -> None:
        """Accumulate the postsynaptic difference between the phases times the presynaptic rate."""
        if self.form == "symmetric":
            contrast(plasticity, now, before, 0.5)
            return
        share, wiring = FORMS[self.form], now.wiring
        for node, _ in wiring.above_input:
            factor = now.feedback ** -wiring.depth[node]
            moved = now.states[node] - before.states[node]
            for source, link in wiring.arriving[node]:
                rate = before.rates[source]
                sent = rate + share * (now.rates[source] - rate) if share else rate
                plasticity.hebbian(link, sent, moved, factor)
            plasticity.credit(now.parameter_gradients(node), factor)
            plasticity.credit(before.parameter_gradients(node), -factor)
