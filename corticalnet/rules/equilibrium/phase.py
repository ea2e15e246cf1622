"""The columns of a network in one phase of its relaxation: what they hold, what they send, what moves them.

    u ← u + γ (f(Σ W r below + Σ κ Wᵀ u above) − u)          −bound ≤ u ≤ bound

u is the state of a column, r what it sends up: the same, unless pools, homeostasis or silence come in
between; what comes down then returns through these. An area d links below the output counts κ^(−d) in the
energy, of which −W u_target r_source is the part of a weight. At the output a phase may

    nudge    u ← u + γ (f(Σ W r below + β error) − u)         drawn to the target with strength β
    clamp    u = target

Hopfield columns (Scellier & Bengio 2017; f: a hard sigmoid) move towards their drive, and stay in their box:

    u ← f(u + γ (Σ W r below + Σ κ Wᵀ u above − u))          the same rests; with γ = 1, the same steps
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from corticalnet.errors import RuleError
from corticalnet.network.area import Area, Trace
from corticalnet.network.links import Link
from corticalnet.network.stages import Fire, MaxPool
from corticalnet.network.wiring import Wiring
from corticalnet.rules.teaching import TrialLoss

#: Activations that are linear between the bounds: those of Hopfield columns and of implicit nudges.
PIECEWISE_LINEAR = ("relu", "linear")


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
        hopfield: whether columns move towards their drive, not towards f of it.

    Attributes:
        states: u.
        rates: r, what is sent up.
        signals: what comes down to the rates; None: nothing.
        settled: how it came to rest.
    """

    trial_loss: TrialLoss | None = None
    beta: Any = 0.0
    implicit = False
    clamped: Tensor | None = None
    settled = Convergence(0, float("inf"))

    def __init__(
        self,
        wiring: Wiring,
        x: Tensor,
        bound: float,
        feedback: float,
        down: Callable[[Link], Tensor] | None = None,
        hopfield: bool = False,
    ) -> None:
        activity = wiring.forward(x)
        self.wiring, self.bound, self.feedback, self._down = wiring, bound, feedback, down
        self.hopfield = hopfield
        self.rates = activity.rates
        self.states, self.traces = list(activity.drives), list(activity.traces)
        self.signals: list[Tensor | None] = [None] * len(self.rates)
        for node, area in self.wiring.above_input:
            trace = self.traces[node] = area.freeze_statistics(activity.traces[node])
            self.states[node] = area.state(activity.drives[node], trace)

    def nudged(
        self, trial_loss: TrialLoss, beta: complex | Tensor, implicit: bool = False
    ) -> RelaxationPhase:
        """Return a copy whose output is nudged to the target with strength β (one, or one per sample).

        Args:
            trial_loss: the target's.
            beta: β.
            implicit: whether the output goes where it would rest, u = (a + β t) / (1 + β) at a drive of a,
                and not by the error that it has now. For outputs that are linear between their bounds.
        """
        other = self._copy()
        other.trial_loss, other.beta, other.implicit = trial_loss, beta, implicit
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
        if together:
            moved = [self._moved(node, area, rate) for node, area in self._free]
        for k, (node, area) in enumerate(self._free):
            self.states[node] = state = moved[k] if together else self._moved(node, area, rate)
            self.rates[node], self.traces[node] = fire(area, state, self.traces[node])

    def _moved(self, node: int, area: Area, rate: float) -> Tensor:
        """Compute the states of an area after a step of it."""
        if self.hopfield and rate != 1.0:
            state = self.states[node]
            ahead = state + rate * (self._drive(node, area) - state)
            return area.state_of(ahead).clamp(-self.bound, self.bound)
        pull = self._pull(node, area)
        return self.states[node] + (pull if rate == 1.0 else rate * pull)

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
        drive = drive if signal is None else drive + area.to_state(signal, self.traces[node])
        if self.implicit and node == self.wiring.output:  # u = a + β (t − u), solved for u
            drive = (drive + self.beta * self.states[node]) / (1 + self.beta)
        return drive

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


def needs_piecewise_linear(what: str, area: Area) -> None:
    """Check that what columns hold is linear in their drive, between their bounds.

    Raises:
        RuleError: it is not; the message begins with ``what``.
    """
    first = area.sequence[0] if area.fires_first else None
    if isinstance(first, Fire) and first.activation.name not in PIECEWISE_LINEAR:
        raise RuleError(
            f"{what} is for columns that are linear within their bound (relu: a hard sigmoid; linear), and "
            f"area '{area.name}' fires by {first.activation.name}"
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
