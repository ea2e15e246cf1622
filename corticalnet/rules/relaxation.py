"""Columns that come to rest: areas relax by what comes up and by what comes down, down one energy.

    u ← u + γ (f(Σ W r below + Σ κ Wᵀ u above) − u)          −bound ≤ u ≤ bound

u is the state of a column, r what it sends up: the same, unless pools, homeostasis or silence come in
between; what comes down then returns through these. An area d links below the output counts κ^(−d) in the
energy, of which −W u_target r_source is the part of a weight. At the output a phase may

    nudge    u ← u + γ (f(Σ W r below + β error) − u)         drawn to the target with strength β
    clamp    u = target

Areas take turns, from below; with γ = 1 each goes to where the energy is least, given all others. All at once
(``order="together"``) they may go to and fro for ever between two states, and somebody is told.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from corticalnet.checks import positive, whole
from corticalnet.errors import RuleError, one_of
from corticalnet.network.area import Area, Trace
from corticalnet.network.links import Link
from corticalnet.network.stages import MaxPool
from corticalnet.network.wiring import Wiring
from corticalnet.rules.teaching import TrialLoss

#: A phase ends where nothing moves by more than this many times what numbers resolve,
_AT_REST = 8.0
#: and it has not settled if something still moves by more than this.
_UNSETTLED = 0.01
#: How often a phase looks (in steps), for looking takes as long as moving a small network.
_LOOK = 4

ORDERS = ("in turn", "together")


@dataclass(frozen=True)
class Convergence:
    """How a phase came to rest.

    Attributes:
        steps: taken.
        residual: how far the farthest column still is from where it is driven to.
    """

    steps: int
    residual: float


class RelaxationPhase:
    """Columns of all areas in one phase, from a sweep up on. Lists go by node.

    Args:
        wiring: the network's own.
        x: the input.
        bound: the largest size of a state.
        feedback: κ.
        down: the weights that carry states down a link; the link's own if not given.

    Attributes:
        states: u.
        rates: r, what is sent up.
        signals: what comes down to the rates; None: nothing.
        settled: how it came to rest.
    """

    trial_loss: TrialLoss | None = None
    beta = 0.0
    clamped: Tensor | None = None
    settled = Convergence(0, float("inf"))

    def __init__(
        self,
        wiring: Wiring,
        x: Tensor,
        bound: float,
        feedback: float,
        down: Callable[[Link], Tensor] | None = None,
    ) -> None:
        activity = wiring.forward(x)
        self.wiring, self.bound, self.feedback, self._down = wiring, bound, feedback, down
        self.rates = activity.rates
        self.states, self.traces = list(activity.drives), list(activity.traces)
        self.signals: list[Tensor | None] = [None] * len(self.rates)
        for node, area in self.wiring.above_input:
            trace = self.traces[node] = area.freeze_statistics(activity.traces[node])
            self.states[node] = area.state(activity.drives[node], trace)

    def nudged(self, trial_loss: TrialLoss, beta: float | Tensor) -> RelaxationPhase:
        """Return a copy whose output is nudged to the target with strength β (one, or one per sample)."""
        other = self._copy()
        other.trial_loss, other.beta = trial_loss, beta  # type: ignore[assignment]
        return other

    def with_output(self, target: Tensor) -> RelaxationPhase:
        """Return a copy whose output is clamped to the target."""
        other, output = self._copy(), self.wiring.output
        other.clamped = other.states[output] = target
        other.rates[output], other.traces[output] = fire(
            self.wiring.area(output), target, other.traces[output]
        )
        return other

    def _copy(self) -> RelaxationPhase:
        other = copy.copy(self)
        other.states, other.rates, other.traces = list(self.states), list(self.rates), list(self.traces)
        other.signals = list(self.signals)
        return other

    def move(self, rate: float, together: bool = False) -> None:
        """Make one step of every area: from below, one after the other, or all together."""
        before = list(self.rates), list(self.states)
        if together:
            pulls = [self._pull(node, area) for node, area in self._free]
        for k, (node, area) in enumerate(self._free):
            pull = pulls[k] if together else self._pull(node, area)
            self.states[node] = state = before[1][node] + (pull if rate == 1.0 else rate * pull)
            self.rates[node], self.traces[node] = fire(area, state, self.traces[node])

    def residual(self) -> float:
        """Return the largest distance of a column from the state that it is driven to."""
        pulls = [self._pull(node, area) for node, area in self._free]
        return max((pull.abs().max().item() for pull in pulls), default=0.0)

    @property
    def _free(self) -> list[tuple[int, Area]]:
        """Return the areas that relax: all above the input, but for a clamped output."""
        return self.wiring.above_input if self.clamped is None else self.wiring.above_input[:-1]

    def _pull(self, node: int, area: Area) -> Tensor:
        """Compute the distance of an area's states from those that it is driven to now."""
        return area.state_of(self._drive(node, area)).clamp(-self.bound, self.bound) - self.states[node]

    def _drive(self, node: int, area: Area) -> Tensor:
        """Compute the whole drive of an area, from below and from above."""
        drive = self.wiring.drive(node, self.rates)
        signal = self.signals[node] = self._signal(node)
        return drive if signal is None else drive + area.to_state(signal, self.traces[node])

    def _signal(self, node: int) -> Tensor | None:
        """Compute the top-down signal at the rates of an area; the output's comes from the teacher."""
        if node == self.wiring.output:
            return None if self.trial_loss is None else self.beta * self.trial_loss.error(self.rates[node])
        return self.down(node, self.states)

    def down(self, node: int, states: list[Tensor]) -> Tensor:
        """Compute the top-down signal at the rates of a hidden area from given states above."""
        depth = self.wiring.depth
        signals = [
            self.feedback ** (depth[node] - depth[above])
            * link.feedback(states[above], link.weight if self._down is None else self._down(link))
            for above, link in self.wiring.leaving[node]
        ]
        return signals[0] if len(signals) == 1 else torch.stack(signals).sum(0)

    def trace_of(self, node: int, area: Area) -> Trace:
        """Return the trace of an area's activation at its present drive."""
        drive = self._drive(node, area)
        return [(drive, area.state_of(drive), None)]

    def parameter_gradients(self, node: int) -> list[tuple[nn.Parameter, Tensor]]:
        """Return the gradients of an area's homeostasis by the top-down signal; none without one."""
        area, signal = self.wiring.area(node), self.signals[node]
        if signal is None or not area.learns:
            return []
        area.to_state(signal, self.traces[node])
        return area.parameter_gradients(self.traces[node])


class Relaxation:
    """How phases come to rest.

    Args:
        name: of the rule, for messages.
        steps: of a phase, at most; it ends where nothing moves any more.
        rate: γ, size of a step.
        bound: the largest size of a state.
        feedback: κ, strength of what comes down a link, compared to what goes up.
        order: "in turn" or "together".

    Raises:
        RuleError: an impossible number, or no such order.
    """

    def __init__(self, name: str, steps: int, rate: float, bound: float, feedback: float, order: str) -> None:
        what = name.replace("-", " ")
        self.name = name
        self.steps = whole(f"{what}: steps", steps, RuleError)
        self.rate = positive(f"{what}: rate", rate, RuleError)
        self.bound = positive(f"{what}: bound", bound, RuleError)
        self.feedback = positive(f"{what}: feedback", feedback, RuleError)
        one_of(f"{what}: order", order, ORDERS, RuleError)
        self.order = order

    def begin(
        self, wiring: Wiring, x: Tensor, down: Callable[[Link], Tensor] | None = None
    ) -> RelaxationPhase:
        """Sweep up; return the columns as the start of a phase."""
        return RelaxationPhase(wiring, x, self.bound, self.feedback, down)

    def rest(self, phase: RelaxationPhase) -> RelaxationPhase:
        """Relax a phase until it rests, or the steps are over; return the same object.

        Warns:
            UserWarning: it has not settled, or goes to and fro.
        """
        still, together = _AT_REST * torch.finfo(phase.rates[0].dtype).eps, self.order == "together"
        for step in range(self.steps):
            if step % _LOOK == 0 and (residual := phase.residual()) <= still:
                phase.settled = Convergence(step, residual)
                return phase
            phase.move(self.rate, together)
        phase.settled = Convergence(self.steps, residual := phase.residual())
        if not residual <= _UNSETTLED:
            warnings.warn(f"{self.name}: {self._unsettled(phase, residual)}", stacklevel=4)
        return phase

    def _unsettled(self, phase: RelaxationPhase, residual: float) -> str:
        ahead, together = phase._copy(), self.order == "together"
        ahead.move(self.rate, together)
        ahead.move(self.rate, together)
        back = max((a - b).abs().max().item() for a, b in zip(ahead.states, phase.states, strict=True))
        if together and back < 0.01 * residual:
            return (
                f"a phase goes to and fro between two states, {residual:.2g} apart; choose order='in turn', "
                "or a rate below 1"
            )
        return (
            f"a phase has not settled, states still move by {residual:.2g} after {self.steps} steps; choose "
            "more steps, smaller weights, weaker feedback, or a smaller beta or rate"
        )


def fire(area: Area, state: Tensor, before: Trace) -> tuple[Tensor, Trace]:
    """Compute the rates of columns in a state, through all stages after the activation, and their trace.

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
