"""Rules of two phases: a network comes to rest as it answers, and again as it is taught; synapses compare.

    free phase      the answer is where this rests
    second phase    the output is drawn to the target, or held there

    Δw = κ^(−d) · factor · ⟨(u × r) in the second − (u × r) in the first⟩      d: links above the target area

Each synapse compares what its own two columns do in the two phases, and nothing else
(:mod:`corticalnet.rules.equilibrium.relaxation`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from corticalnet.checks import shown
from corticalnet.errors import RuleError
from corticalnet.network import Network
from corticalnet.rules.base import LearningRule, LearnResult, Route
from corticalnet.rules.catalogue import rule
from corticalnet.rules.equilibrium.detected_phases import DetectedPhases, detected
from corticalnet.rules.equilibrium.phase import Convergence, RelaxationPhase
from corticalnet.rules.equilibrium.relaxation import Relaxation
from corticalnet.rules.plasticity import Plasticity
from corticalnet.rules.teaching import Teacher, Teaching, TrialLoss


@dataclass(frozen=True)
class TrialConvergence:
    """How the two phases of a trial came to rest.

    Attributes:
        before, now: the first and the second that are compared.
    """

    before: Convergence
    now: Convergence


class TwoPhases(LearningRule):
    """Base of rules that compare two equilibria.

    Args:
        steps, rate, bound, feedback, order, dynamics: see
            :class:`~corticalnet.rules.equilibrium.relaxation.Relaxation`.
        teaching: a teacher, who shows the whole target.
        phases: "told" (a control cell tells a circuit its phase), "detected", or how they are detected.

    Attributes:
        detected: how φ detects the phases of a circuit; None if they are told.
    """

    needs_full_precision = True
    takes_vectors = True
    transports_weights = True
    tied = True

    def __init__(
        self,
        steps: int,
        rate: float,
        bound: float,
        feedback: float,
        order: str,
        teaching: Teaching | None,
        phases: str | DetectedPhases = "told",
        dynamics: str = "convergent",
    ) -> None:
        self.relaxation = Relaxation(self.name, steps, rate, bound, feedback, order, dynamics)
        teacher = Teacher() if teaching is None else teaching
        if not isinstance(teacher, Teacher):
            raise RuleError(f"{self.name} is nudged by a Teacher, not by {shown(teacher)}")
        self.teaching: Teacher = teacher
        self.detected = detected(self.name, phases)

    def feedback_routes(self, net: Network) -> list[Route]:
        """Return a route for every link between areas: each carries states down too."""
        leaving = [(node, net.wiring.leaving[node]) for node in range(1, net.wiring.output)]
        return [Route(node, above, link, link.weight) for node, links in leaving for above, link in links]

    def begin(self, net: Network, x: Tensor) -> RelaxationPhase:
        """Sweep up; return the columns as the start of the free phase."""
        return self.relaxation.begin(net.wiring, x)

    def free_phase(self, net: Network, x: Tensor) -> RelaxationPhase:
        """Relax without a teacher, from a sweep."""
        return self.relaxation.rest(self.begin(net, x))

    def of_its_equilibrium(self) -> LearningRule | None:
        """Return recurrent backprop, with the same phases and teacher."""
        own = self.relaxation
        same = {"steps": own.steps, "rate": own.rate, "bound": own.bound, "order": own.order}
        return rule("recurrent-backprop", **same, feedback=own.feedback, teaching=self.teaching)

    @torch.no_grad()
    def answer(self, net: Network, x: Tensor) -> Tensor:
        """Compute the output rates ``[batch, n]`` of the free equilibrium."""
        x = net.admit(x)
        with torch.autocast(x.device.type, enabled=False):
            return self.relaxation.rest(self.begin(net, x)).rates[-1] if len(x) else net(x)

    @torch.no_grad()
    def learn(self, net: Network, x: Any, targets: Any, *, accumulate: bool = False) -> LearnResult:
        """Relax twice and fill the gradients by the difference; see :meth:`LearningRule.learn`.

        The result's rates and loss are those of the free equilibrium.

        Warns:
            UserWarning: a phase has not settled.
        """
        x = net.admit(x, least=1, to_learn=True)
        free = self.free_phase(net, x)
        trial_loss = self.teaching.loss_for(free.rates[-1], targets)
        now, before = self.phases(free, trial_loss)
        self.tell(net, now, before)
        plasticity = Plasticity(net, len(x), accumulate, learned=self._learned)
        self.compare(plasticity, now, before)
        plasticity.close()
        return self.result(trial_loss, now, before)

    def tell(self, net: Network, now: RelaxationPhase, before: RelaxationPhase) -> None:
        """Report to the observer what columns hold in the two phases."""
        cells: dict[str, Sequence[Tensor | None]] = {}
        for when, phase in (("", now), ("held ", before)):
            cells |= {
                f"{when}rate": phase.rates,
                f"{when}state": phase.states,
                f"{when}signal": phase.signals,
            }
        self.observer.snapshot(net.wiring, cells)

    def result(self, trial_loss: TrialLoss, now: RelaxationPhase, before: RelaxationPhase) -> LearnResult:
        """Return the loss, and how the two phases came to rest."""
        return LearnResult(trial_loss, TrialConvergence(before.settled, now.settled))

    @abstractmethod
    def phases(self, free: RelaxationPhase, trial_loss: TrialLoss) -> tuple[RelaxationPhase, RelaxationPhase]:
        """Relax; return the phase that teaches, and the one that it is compared with."""

    @abstractmethod
    def compare(self, plasticity: Plasticity, now: RelaxationPhase, before: RelaxationPhase) -> None:
        """Accumulate the changes of every synapse: the difference of its two columns between the phases."""


def contrast(plasticity: Plasticity, now: RelaxationPhase, before: RelaxationPhase, factor: float) -> None:
    """Accumulate for every synapse the difference of the product of its two columns between the phases.

    u r − u' r'  =  (u − u') r' + u (r − r')         (differences of states are exact, those of products not)
    """
    wiring, most = now.wiring, factor
    for node, _ in wiring.above_input:
        factor = most / now.feedback ** wiring.depth[node]
        state, moved = now.states[node], now.states[node] - before.states[node]
        for source, link in wiring.arriving[node]:
            plasticity.hebbian(link, before.rates[source], moved, factor)
            if source and link.plastic and link.weight.requires_grad:  # (the input rests, and so do biases)
                out, scale, beta = plasticity.gradient_buffer(link.weight)
                link.hebbian(now.rates[source] - before.rates[source], state, out, factor * scale, beta)
        plasticity.credit(now.parameter_gradients(node), factor)
        plasticity.credit(before.parameter_gradients(node), -factor)
