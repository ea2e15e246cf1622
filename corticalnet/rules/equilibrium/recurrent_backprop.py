"""Recurrent backprop: the exact gradient of a network's equilibrium (Almeida 1987; Pineda 1987).

    u = f(Σ W r below + Σ κ Wᵀ u above)                             the answer is where this rests

    v ← v + γ (f' ⊙ (Σ W v below + κ Σ Wᵀ v above + error) − v)      error: t − y, at the output alone
    Δw = κ^(−d) ⟨v × r + u × v below⟩                               both halves: W carries activity both ways

v is how the equilibrium would move with a nudge too small to see. Almeida's and Pineda's errors, which relax
along the transposed synapses, are κ^(−d) v: up and down are one synapse here, so the transposed network is
the network. It is what equilibrium propagation becomes in the limit β → 0, and no backprop of a sweep: with
strong feedback its direction is another. Signed errors cross synapses both ways, which is why it is an oracle
and no proposal for cortex.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from corticalnet.errors import RuleError
from corticalnet.network import Network
from corticalnet.network.area import Area, Trace
from corticalnet.network.stages import Fire, MaxPool
from corticalnet.rules.equilibrium.phase import Convergence, RelaxationPhase, fire
from corticalnet.rules.equilibrium.two_phases import TwoPhases, contrast
from corticalnet.rules.plasticity import Plasticity
from corticalnet.rules.teaching import Teaching, TrialLoss


class RecurrentBackprop(TwoPhases):
    """Recurrent backprop (Almeida 1987; Pineda 1987): a small error relaxes as activity did.

    Args:
        steps: of a phase, at most; it ends where nothing moves any more.
        rate: γ, size of a step.
        bound: the largest size of a state.
        feedback: κ, strength of what comes down a link, compared to what goes up.
        order: "in turn", area by area, or "together".
        teaching: a teacher.

    Raises:
        RuleError: an impossible number, or a teaching signal that is no teacher; when it learns: an area
            whose homeostasis comes before its activation.
    """

    name = "recurrent-backprop"
    equation = "Δw = κ^(−d) ⟨v × r + u × v below⟩,  v = f' ⊙ (Σ W v below + κ Σ Wᵀ v above + error)"

    def __init__(
        self,
        steps: int = 300,
        rate: float = 1.0,
        bound: float = 1.0,
        feedback: float = 0.5,
        order: str = "in turn",
        teaching: Teaching | None = None,
    ) -> None:
        super().__init__(steps, rate, bound, feedback, order, teaching)

    def phases(self, free: RelaxationPhase, trial_loss: TrialLoss) -> tuple[RelaxationPhase, RelaxationPhase]:
        """Relax v beside the equilibrium; return both together, and the equilibrium."""
        errors = _Response(free, trial_loss.error(free.rates[-1]))
        return _WithErrors(free, errors, errors.rest(self)), free

    def tell(self, net: Network, now: RelaxationPhase, before: RelaxationPhase) -> None:
        """Report to the observer the equilibrium that columns hold, and their errors v."""
        error = _errors(now)
        cells: dict[str, Sequence[Tensor | None]] = {
            "rate": before.rates,
            "state": before.states,
            "signal": before.signals,
            "error": error.states,
            "error sent up": error.rates,
            "error signal": error.signals,
        }
        self.observer.snapshot(net.wiring, cells)

    def compare(self, plasticity: Plasticity, now: RelaxationPhase, before: RelaxationPhase) -> None:
        """Accumulate half of (u + v) (r + dr) − (u − v) (r − dr) = 2 (v r + u dr)."""
        error = _errors(now)
        contrast(plasticity, error.moved(1.0), error.moved(-1.0), 0.5)


class _WithErrors(RelaxationPhase):
    """An equilibrium beside which errors have relaxed; ``settled`` says how they have."""

    def __init__(self, free: RelaxationPhase, errors: _Response, settled: Convergence) -> None:
        self.__dict__.update(vars(free))
        self.errors, self.settled = errors, settled


def _errors(phase: RelaxationPhase) -> _Response:
    assert isinstance(phase, _WithErrors), "it is the phase that teaches"
    return phase.errors


class _Response:
    """How an equilibrium moves with a small error at its output. Lists go by node.

    Args:
        free: the equilibrium.
        error: at the output's rates.
    """

    def __init__(self, free: RelaxationPhase, error: Tensor) -> None:
        self.free, self.error = free, error
        self.states = [torch.zeros_like(state) for state in free.states]
        self.rates = [torch.zeros_like(rate) for rate in free.rates]
        self.signals: list[Tensor] = [*self.rates]
        wiring = free.wiring
        nothing = [torch.zeros_like(rate[:1]) for rate in free.rates]
        self._rested = [wiring.drive(node, nothing) if node else nothing[0] for node in range(len(nothing))]
        self._gains = [free.trace_of(node, area) for node, area in wiring.above_input]

    def rest(self, rule: RecurrentBackprop) -> Convergence:
        """Relax the response to its equilibrium.

        Warns:
            UserWarning: it has not settled.
        """
        relaxation, size = rule.relaxation, max(float(self.error.abs().max()), 1e-30)
        residual = float("inf")
        for step in range(1, relaxation.steps + 1):
            last = list(self.states), list(self.rates)
            residual = 0.0
            for node, area in reversed(self.free.wiring.above_input):
                states, rates = last if relaxation.order == "together" else (self.states, self.rates)
                pull = self._wanted(node, area, states, rates) - self.states[node]
                self.states[node] = self.states[node] + relaxation.rate * pull
                self.rates[node] = carried(area, self.states[node], self.free.traces[node])
                residual = max(residual, pull.abs().max().item())
            if residual <= 8 * torch.finfo(self.error.dtype).eps * size:
                return Convergence(step, residual)
        if not residual <= 0.01 * size:
            warnings.warn(
                f"{rule.name}: errors have not settled, they still move by {residual / size:.2g} of the "
                f"output's after {relaxation.steps} steps; choose more steps, smaller weights, or weaker "
                "feedback",
                stacklevel=6,
            )
        return Convergence(relaxation.steps, residual)

    def _wanted(self, node: int, area: Area, states: list[Tensor], rates: list[Tensor]) -> Tensor:
        """Compute f' ⊙ all that arrives: the state that the response relaxes to."""
        free = self.free
        drive = free.wiring.drive(node, rates) - self._rested[node]
        signal = self.error if node == free.wiring.output else free.down(node, states)
        self.signals[node] = signal
        drive = drive + area.to_state(signal, free.traces[node])
        inside = free.states[node].abs() < free.bound  # what is held at the bound does not move
        return area.to_drive(drive, self._gains[node - 1]) * inside

    def moved(self, sign: float) -> RelaxationPhase:
        """Return the equilibrium moved by ``sign`` times the response."""
        free, wiring = self.free, self.free.wiring
        phase = copy.copy(free)
        phase.states = [u + sign * v for u, v in zip(free.states, self.states, strict=True)]
        phase.rates = [r + sign * v for r, v in zip(free.rates, self.rates, strict=True)]
        phase.signals = [
            sign * v if s is None else s + sign * v for s, v in zip(free.signals, self.signals, strict=True)
        ]
        phase.traces = [
            fire(wiring.area(node), state, trace)[1] if node else trace
            for node, (state, trace) in enumerate(zip(phase.states, free.traces, strict=True))
        ]
        return phase


def carried(area: Area, moved: Tensor, trace: Trace) -> Tensor:
    """Map a change of an area's states to that of its rates, through the stages after its activation.

    Raises:
        RuleError: homeostasis comes before the activation.
    """
    for k in range(int(area.fires_first), len(trace)):
        stage, (x, y, memory) = area.sequence[k], trace[k]
        if isinstance(stage, MaxPool):
            moved = moved.flatten(2).gather(2, memory.flatten(2)).view_as(memory)
        elif isinstance(stage, Fire):
            moved = stage.backward(moved, x, y, memory)  # (column by column: one way is the other)
        elif not area.fires_first and area.learns:
            raise RuleError(
                f"recurrent-backprop: homeostasis of area '{area.name}' comes before its activation; choose "
                "an area that fires first, or equilibrium-propagation"
            )
        else:  # what is left is affine, given the trial's statistics and masks
            moved = stage.forward(x + moved, memory)[0] - y
    return moved
