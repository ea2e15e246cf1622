"""Equilibrium propagation: a network that comes to rest twice, free and nudged (Scellier & Bengio 2017).

Areas relax by what comes up and by what comes down the same synapses:

    u ← u + γ (f(Σ W r below + Σ κ Wᵀ u above) − u)          free phase: the answer is where this rests
    u ← u + γ (f(Σ W r below + β error) − u)                 nudged phase: draws the output to the target

u is the state of a column, r what it sends up: the same, unless pools, homeostasis or silence come in
between; what comes down then returns through these. Both phases go down one energy (an area d links below
the output counts κ^(−d) in it), of which −W u_target r_source is the part of a weight; so a synapse learns
from what its own two columns do in the two phases:

    Δw = κ^(−d) ⟨(u × r)|β − (u × r)|0⟩ / β                  error O(β)
    Δw = κ^(−d) ⟨(u × r)|β − (u × r)|−β⟩ / 2β                symmetric, O(β²) (Laborieux et al. 2021)

As β → 0 this is minus the gradient of the loss *of the free equilibrium* (recurrent backprop: Almeida 1987,
Pineda 1987), not of a sweep: feedback changes what the network answers, so it is no backprop. With κ → 0
that difference goes too (Xie & Seung 2003).

Deviations from the paper
    1. Areas take turns, from below; with γ = 1 each goes to where the energy is least, given all others.
       Areas that move all at once may go to and fro for ever, and the paper's small steps are many.
    2. States leak towards f of their drive, and are not moved by ρ' times it; inside (0, 1) rests are alike.
    3. ``bound`` keeps states in [−1, 1], the paper's ρ in [0, 1]: ReLU is the paper's hard sigmoid, and every
       network has an energy with a minimum, whatever its activation and weights.
    4. κ = ½ by default, 1 in the paper. With κ = 1 columns and a linear output excite each other until they
       stay where they are, whatever comes in: digits, tanh, 64-32-10, are not learned (10 %).
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from corticalnet.checks import flag, positive, shown, whole
from corticalnet.errors import RuleError
from corticalnet.network import Network
from corticalnet.network.area import Area, Trace
from corticalnet.network.stages import MaxPool
from corticalnet.network.wiring import Wiring
from corticalnet.rules.base import LearningRule, LearnResult, Route
from corticalnet.rules.plasticity import Plasticity
from corticalnet.rules.teaching import Teacher, Teaching, TrialLoss

#: A phase ends where nothing moves by more than this many times what numbers resolve,
_AT_REST = 8.0
#: and it has not settled if something still moves by more than this.
_UNSETTLED = 0.01
#: How often a phase looks (in steps), for looking takes as long as moving a small network.
_LOOK = 4


class EquilibriumPropagation(LearningRule):
    """Equilibrium propagation, with a free and a nudged phase (Scellier & Bengio 2017).

    Args:
        beta: β, strength of the nudge.
        symmetric: nudge also away from the target, and compare these two.
        steps: of a phase, at most; it ends where nothing moves any more.
        rate: γ, size of a step.
        bound: the largest size of a state.
        feedback: κ, strength of what comes down a link, compared to what goes up.
        teaching: a teacher, whose error says where to.

    Raises:
        RuleError: an impossible number, or a teaching signal that is no teacher.
    """

    name = "equilibrium-propagation"
    equation = "Δw = ⟨(u × r)|β − (u × r)|0⟩ / β  at rest of  u ← u + γ (f(Σ W r + κ Σ Wᵀ u + β error) − u)"
    needs_full_precision = True
    takes_vectors = True
    transports_weights = True
    tied = True

    def __init__(
        self,
        beta: float = 0.5,
        symmetric: bool = False,
        steps: int = 300,
        rate: float = 1.0,
        bound: float = 1.0,
        feedback: float = 0.5,
        teaching: Teaching | None = None,
    ) -> None:
        what = "equilibrium propagation"
        self.beta = positive(f"{what}: beta", beta, RuleError)
        self.symmetric = flag(f"{what}: symmetric", symmetric, RuleError)
        self.steps = whole(f"{what}: steps", steps, RuleError)
        self.rate = positive(f"{what}: rate", rate, RuleError)
        self.bound = positive(f"{what}: bound", bound, RuleError)
        self.feedback = positive(f"{what}: feedback", feedback, RuleError)
        teacher = Teacher() if teaching is None else teaching
        if not isinstance(teacher, Teacher):
            raise RuleError(f"{self.name} is nudged by a Teacher, not by {shown(teacher)}")
        self.teaching: Teacher = teacher

    def feedback_routes(self, net: Network) -> list[Route]:
        """Every link between areas carries states down, too."""
        leaving = [(node, net.wiring.leaving[node]) for node in range(1, net.wiring.output)]
        return [Route(node, above, link, link.weight) for node, links in leaving for above, link in links]

    @torch.no_grad()
    def answer(self, net: Network, x: Tensor) -> Tensor:
        """Output rates ``[batch, n]`` of the free equilibrium."""
        x = net.admit(x)
        with torch.autocast(x.device.type, enabled=False):
            return (
                self._rest(_Columns(net.wiring, x, self.bound, self.feedback)).rates[-1] if len(x) else net(x)
            )

    @torch.no_grad()
    def learn(self, net: Network, x: Any, targets: Any, *, accumulate: bool = False) -> LearnResult:
        """See :meth:`LearningRule.learn`. The step's rates and loss are those of the free equilibrium.

        Warns:
            UserWarning: a phase has not settled.
        """
        x = net.admit(x, least=1, to_learn=True)
        free = self._rest(_Columns(net.wiring, x, self.bound, self.feedback))
        trial_loss = self.teaching.loss_for(free.rates[-1], targets)
        now = self._rest(free.nudged(trial_loss, self.beta))
        before = self._rest(free.nudged(trial_loss, -self.beta)) if self.symmetric else free
        cells: dict[str, Sequence[Tensor | None]] = {}
        for when, phase in (("", now), ("held ", before)):
            cells |= {
                f"{when}rate": phase.rates,
                f"{when}state": phase.states,
                f"{when}signal": phase.signals,
            }
        self.observer.snapshot(net.wiring, cells)
        plasticity = Plasticity(net, len(x), accumulate, learned=self._learned)
        _contrast(plasticity, now, before, 1.0 / (self.beta * (2 if self.symmetric else 1)))
        plasticity.close()
        return LearnResult(trial_loss)

    def _rest(self, columns: _Columns) -> _Columns:
        """Columns after a phase."""
        still = _AT_REST * torch.finfo(columns.rates[0].dtype).eps
        for step in range(self.steps):
            if step % _LOOK == 0 and columns.unrest() <= still:
                return columns
            columns.move(self.rate)
        unrest = columns.unrest()
        if not unrest <= _UNSETTLED:
            warnings.warn(
                f"{self.name}: a phase has not settled, states still move by {unrest:.2g} after {self.steps} "
                f"steps; choose more steps, smaller weights, or a smaller beta or rate",
                stacklevel=4,
            )
        return columns


class _Columns:
    """Columns of all areas in one phase, from a sweep up on. Lists go by node.

    Args:
        wiring: the network's own.
        x: the input.
        bound: the largest size of a state.
        feedback: κ.

    Attributes:
        states: u.
        rates: r, what is sent up.
        signals: what comes down to the rates; None: nothing.
    """

    trial_loss: TrialLoss | None = None
    beta = 0.0

    def __init__(self, wiring: Wiring, x: Tensor, bound: float, feedback: float) -> None:
        activity = wiring.forward(x)
        self.wiring, self.bound, self.feedback = wiring, bound, feedback
        self.rates = activity.rates
        self.states, self.traces = list(activity.drives), list(activity.traces)
        self.signals: list[Tensor | None] = [None] * len(self.rates)
        for node, area in wiring.above_input:
            trace = self.traces[node] = area.freeze_statistics(activity.traces[node])
            self.states[node] = area.state(activity.drives[node], trace)

    def nudged(self, trial_loss: TrialLoss, beta: float) -> _Columns:
        """A copy, whose output is drawn to the target with strength β."""
        other = copy.copy(self)
        other.states, other.rates, other.traces = list(self.states), list(self.rates), list(self.traces)
        other.signals, other.trial_loss, other.beta = list(self.signals), trial_loss, beta
        return other

    def move(self, rate: float) -> None:
        """One step of every area, from below; each fires at once."""
        for node, area in self.wiring.above_input:
            pull = self._pull(node, area)
            self.states[node] = state = self.states[node] + (pull if rate == 1.0 else rate * pull)
            self.rates[node], self.traces[node] = _fire(area, state, self.traces[node])

    def unrest(self) -> float:
        """How far the farthest column is from where it is driven to."""
        pulls = [self._pull(node, area) for node, area in self.wiring.above_input]
        return max(pull.abs().max().item() for pull in pulls)

    def _pull(self, node: int, area: Area) -> Tensor:
        """From the states of an area to where they are driven to now."""
        drive = self.wiring.drive(node, self.rates)
        signal = self.signals[node] = self._signal(node)
        if signal is not None:
            drive = drive + area.to_state(signal, self.traces[node])
        return area.state_of(drive).clamp(-self.bound, self.bound) - self.states[node]

    def _signal(self, node: int) -> Tensor | None:
        """What comes down to the rates of an area; to the output, from the teacher."""
        if node == self.wiring.output:
            return None if self.trial_loss is None else self.beta * self.trial_loss.error(self.rates[node])
        depth = self.wiring.depth
        signals = [
            self.feedback ** (depth[node] - depth[above]) * link.feedback(self.states[above], link.weight)
            for above, link in self.wiring.leaving[node]
        ]
        return signals[0] if len(signals) == 1 else torch.stack(signals).sum(0)

    def parameter_gradients(self, node: int) -> list[tuple[nn.Parameter, Tensor]]:
        """What homeostasis of an area learns from what comes down."""
        area, signal = self.wiring.area(node), self.signals[node]
        if signal is None or not area.learns:
            return []
        area.to_state(signal, self.traces[node])
        return area.parameter_gradients(self.traces[node])


def _contrast(plasticity: Plasticity, now: _Columns, before: _Columns, factor: float) -> None:
    """Every synapse learns by how the product of its two columns differs between the phases.

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


def _fire(area: Area, state: Tensor, before: Trace) -> tuple[Tensor, Trace]:
    """Rates of columns in a state, through all that comes after their activation, and the trace of that.

    The winners of a pool are those of the sweep: where what comes down silences a winner, another would win,
    and be silenced, and so to and fro.
    """
    rate, trace = state, list(before)
    for k in range(int(area.fires_first), len(before)):
        stage, memory, x = area.sequence[k], before[k][2], rate
        if isinstance(stage, MaxPool):
            rate = x.flatten(2).gather(2, memory.flatten(2)).view_as(memory)
        else:
            rate, memory = stage.forward(x, memory)
        trace[k] = (x, rate, memory)
    return rate, trace
