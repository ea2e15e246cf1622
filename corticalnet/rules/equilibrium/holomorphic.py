"""Holomorphic equilibrium propagation: nudges around a circle in the complex plane (Laborieux & Zenke 2022).

    β_k = r e^(2πik/N)                                       k = 0 … N − 1
    u ← u + γ (f(Σ W r below + Σ κ Wᵀ u above + β_k error) − u)        complex states, analytic f
    Δw = κ^(−d) ⟨Σ_k (u × r)|β_k / β_k⟩ / N

That is Cauchy's formula for the derivative of u × r by β at 0: the error is O(r^N), where one-sided and
symmetric nudges have O(β) and O(β²), so that a nudge that noise does not hide still gives the gradient. N = 2
is symmetric. Phases at β and at its conjugate are conjugate, and one of them is relaxed.

No bound holds complex states. A column that the free phase leaves at its bound stays there, as recurrent
backprop has it. If r is so large that the equilibrium ceases to be analytic within the circle (f has poles:
those of sigmoid and tanh are at ±iπ and ±iπ/2 of drive), phases do not settle, and somebody is told.
"""

from __future__ import annotations

import cmath
import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from corticalnet.activations import Activation
from corticalnet.errors import RuleError
from corticalnet.network.area import Area
from corticalnet.network.stages import Fire
from corticalnet.network.wiring import Wiring
from corticalnet.rules.equilibrium.phase import Convergence, RelaxationPhase
from corticalnet.rules.plasticity import Plasticity
from corticalnet.rules.teaching import Teacher, TrialLoss

if TYPE_CHECKING:
    from corticalnet.rules.equilibrium.relaxation import Relaxation


#: Analytic activations of hidden columns.
ANALYTIC = ("sigmoid", "tanh", "softplus")


class ComplexPhase(RelaxationPhase):
    """A phase with a complex nudge, from where a free phase rests. Links carry real and imaginary parts.

    Args:
        free: the free phase, whose states are real.
        trial_loss: the target's, squared.
        beta: β.
    """

    def __init__(self, free: RelaxationPhase, trial_loss: TrialLoss, beta: complex) -> None:
        self.__dict__.update(vars(free.nudged(trial_loss, beta)))
        nothing = [torch.zeros_like(rate[:1]) for rate in free.rates]
        self._offsets, self._moves = [nothing[0]], [nothing[0]]
        for node, _ in self.wiring.above_input:
            self._offsets.append(self.wiring.drive(node, nothing))
            self._moves.append(free.states[node].abs() < self.bound)
        self.states = [torch.complex(state, torch.zeros_like(state)) for state in free.states]
        self.rates = [torch.complex(rate, torch.zeros_like(rate)) for rate in free.rates]

    def _pull(self, node: int, area: Area) -> Tensor:
        fires = area.sequence[0]
        assert isinstance(fires, Fire)
        wanted: Tensor = analytic(fires.activation)(self._drive(node, area))
        return self._moves[node] * (wanted - self.states[node])

    def _drive(self, node: int, area: Area) -> Tensor:
        real, imaginary = ([getattr(rate, part) for rate in self.rates] for part in ("real", "imag"))
        turned = self.wiring.drive(node, imaginary) - self._offsets[node]
        drive, signal = torch.complex(self.wiring.drive(node, real), turned), self._signal(node)
        self.signals[node] = signal
        return drive if signal is None else drive + signal

    def _signal(self, node: int) -> Tensor | None:
        if node != self.wiring.output:
            return self.down(node, self.states)
        rates, loss = self.rates[node], self.trial_loss
        assert loss is not None
        signal: Tensor = self.beta * torch.complex(loss.error(rates.real), -rates.imag)  # t − y
        return signal

    def down(self, node: int, states: list[Tensor]) -> Tensor:
        """Compute the top-down signal at the rates of a hidden area from given states above."""
        real, imaginary = ([getattr(state, part) for state in states] for part in ("real", "imag"))
        return torch.complex(super().down(node, real), super().down(node, imaginary))


class Circle(RelaxationPhase):
    """The phase at β_0 = r, and those all around the circle.

    Attributes:
        around: each with its share: 1/β_k/N, or twice that if it stands for its conjugate too.
    """

    around: list[tuple[complex, ComplexPhase]]


def circle(
    relaxation: Relaxation,
    free: RelaxationPhase,
    trial_loss: TrialLoss,
    radius: float,
    points: int,
    steps: int | None = None,
) -> Circle:
    """Relax at each β of the upper half of a circle, from where the free phase rests."""
    found: list[tuple[complex, ComplexPhase]] = []
    for k in range(points // 2 + 1):
        beta = cmath.rect(radius, 2 * cmath.pi * k / points)
        alone = k == 0 or 2 * k == points
        phase = relaxation.rest(ComplexPhase(free, trial_loss, beta), None, steps)
        found.append(((1 if alone else 2) / (points * beta), phase))
    first = found[0][1]
    now = Circle.__new__(Circle)
    now.__dict__.update(vars(copy.copy(free)))
    now.trial_loss, now.beta, now.around = trial_loss, radius, found
    now.states, now.rates = [s.real for s in first.states], [r.real for r in first.rates]
    now.signals = [None if s is None else s.real for s in first.signals]
    rests = [phase.settled for _, phase in found]
    now.settled = Convergence(max(r.steps for r in rests), max(r.residual for r in rests))
    return now


def compare(plasticity: Plasticity, now: Circle, free: RelaxationPhase) -> None:
    """Accumulate Re Σ_k share_k (u × r)|β_k for every synapse.

    Since Σ 1/β_k = 0, u r − u° r° may stand for u r: as (u − u°) r° + u (r − r°), of which nothing cancels.
    """
    wiring = free.wiring
    for node, _ in wiring.above_input:
        factor = free.feedback ** -wiring.depth[node]
        shares = [share * (phase.states[node] - free.states[node]) for share, phase in now.around]
        moved = torch.stack(shares).sum(0).real
        for source, link in wiring.arriving[node]:
            plasticity.hebbian(link, free.rates[source], moved, factor)
            if not source or not link.plastic or not link.weight.requires_grad:
                continue  # (the input rests)
            for share, phase in now.around:
                state, sent = share * phase.states[node], phase.rates[source] - free.rates[source]
                out, scale, beta = plasticity.gradient_buffer(link.weight)
                link.hebbian(sent.real, state.real, out, factor * scale, beta)
                link.hebbian(sent.imag, state.imag, out, -factor * scale, beta)


# What it is for -------------------------------------------------------------------------------
def check(what: str, nudge: str, dynamics: str, teaching: Teacher) -> None:
    """Check that nudge, dynamics and teacher have a complex form.

    Raises:
        RuleError: they do not; the message begins with ``what``.
    """
    if nudge != "explicit" or dynamics != "convergent" or teaching.loss != "squared":
        raise RuleError(
            f"{what}: form='holomorphic' needs nudge='explicit', dynamics='convergent' and the squared loss"
        )


def check_columns(name: str, wiring: Wiring) -> None:
    """Check that areas fire by an analytic activation and do nothing else.

    Raises:
        RuleError: one does not.
    """
    for _, area in wiring.above_input:
        fires = area.sequence[0] if len(area.sequence) == 1 else None
        if not isinstance(fires, Fire):
            raise RuleError(
                f"{name}: form='holomorphic' is for areas that fire and no more, and '{area.name}' has other "
                "stages"
            )
        if not _is_analytic(fires.activation):
            raise RuleError(
                f"{name}: form='holomorphic' needs an analytic activation (linear, sigmoid, tanh, softplus, "
                f"or one of your own), and area '{area.name}' fires by {fires.activation.name}"
            )


def analytic(activation: Activation) -> Any:
    """Return the rate function for complex drives."""
    if activation.name == "softplus":  # (torch's is for real numbers)
        return lambda z: torch.log(1 + torch.exp(z))
    return activation.rate


def _is_analytic(activation: Activation) -> bool:
    """Return whether a small imaginary step turns the rate by f', as of an analytic function it does."""
    drive, step = torch.linspace(-2, 2, 8, dtype=torch.float64), 1e-6
    try:
        turned = analytic(activation)(torch.complex(drive, torch.full_like(drive, step)))
        gain = activation.gain(torch.ones_like(drive), drive, activation.rate(drive))
        return bool((turned.imag / step - gain).abs().max() < 1e-6)
    except (RuntimeError, TypeError):  # torch has no such function of complex numbers
        return False
