"""In which regime does predictive coding learn? A verdict on any run, from its energy and its curvature.

    backprop-like      weights change in backprop's direction: cosine ≥ 0.995 in every area
    unstable           else, if γ λ ≥ 2 where weights change, or F rose by more than 0.01 F_0 before
    at equilibrium     else, if (F_0 − F_t) / (F_0 − F_∞) ≥ 0.99 when weights change
    partly relaxed     else

F is ½ Σ ε² (with the lesson's loss for the output), F_0 when the teacher comes, F_t at the last change of a
weight, F_∞ in the minimum that inference is on its way to; λ is the largest eigenvalue of ∂²F/∂x².

Both borders allow a tenth: a cosine of 0.995 is a change that lies 10 % off backprop's direction (sin = 0.1),
and 1 % of the energy left is 10 % of the way left, for near the minimum F − F_∞ = ½ ‖x − x_∞‖² in the metric
of the curvature. If γ λ < 2 all along, F falls at every step; so F that rose shows that γ λ was above 2
(a hundredth is forgiven: values that go to and fro across a kink of a ReLU or a pool lift it a little).

Z-IL is backprop-like by its timing, not by its energy: a synapse l links below the output changes at step l,
by an error that left the output at step 0, when nothing had relaxed. ``sent`` measures that: how much of F
had changed when the errors left the output by which a weight changed. The energy at the step of
the change itself may be anything, and steps of γ = 1 would often not come to rest if they went on.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from corticalnet.analysis.trajectory import InferenceTrajectory, trajectory_of_recording, trajectory_of_rule
from corticalnet.compare import cosine
from corticalnet.errors import CircuitWarning
from corticalnet.network import Network
from corticalnet.rules.predictive_coding.energy import Energy

if TYPE_CHECKING:
    import xarray as xr

COSINE, RELAXED = 0.995, 0.99


@dataclass(frozen=True)
class Regime:
    """The regime in which predictive coding learned: the verdict, and the numbers behind it.

    Attributes:
        word: "backprop-like", "unstable", "at equilibrium" or "partly relaxed".
        rule: its name.
        cosines: area -> cosine of its weight change with that of a sweep (backprop).
        changed: area -> steps at which its weights changed; the teacher comes at step 0.
        sent: largest share of F_0 by which F had changed when the errors left the output that taught.
        relaxed: (F_0 − F_t) / (F_0 − F_∞) at the last change; of a recording it is above 1 where weights that
            changed on the way took F below F_∞, which is that of the first weights.
        rate: γ.
        curvature: λ at the last change, of the steepest sample; infinite if values were not finite.
        softest: the smallest eigenvalue there: the slowest part takes 1 / (γ · softest) steps; negative on a
            saddle, before the minimum's valley.
        energies: area -> F at every step, a mean over the batch.
        rest: F_∞.
    """

    word: str
    rule: str
    cosines: dict[str, float]
    changed: dict[str, list[int]]
    sent: float
    relaxed: float
    rate: float
    curvature: float
    softest: float
    energies: dict[str, list[float]]
    rest: float

    @property
    def energy(self) -> list[float]:
        """Return the energy F at every inference step, summed over areas."""
        return [sum(step) for step in zip(*self.energies.values(), strict=True)]

    def to_dict(self) -> dict[str, Any]:
        """Return the regime as data for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        F, last = self.energy, max((max(s) for s in self.changed.values() if s), default=0)
        steps = ", ".join(f"{area} {_span(at)}" for area, at in self.changed.items())
        least = min(self.cosines, key=lambda area: self.cosines[area], default=None)
        near = "no weight changes" if least is None else f"{self.cosines[least]:.6f} with backprop ({least})"
        steep = self.rate * self.curvature
        rests = "comes to rest" if steep < 2 else "with live feedback it would not come to rest"
        way = f"{self.relaxed:.1%}" if self.relaxed >= 0 else "no, it rose"
        if self.relaxed > 1 + 1e-6:  # (a recording has the errors of the weights as they are by then)
            way = "below what inference alone reaches, for weights changed on the way"
        rows = [
            ("cosine", near),
            ("weights change", f"at step: {steps}"),
            ("sent", f"{self.sent:.1%} of F had changed when the errors that teach left the output"),
            ("relaxed", f"{way}: F {F[0]:.4g} → {F[last]:.4g} at step {last}; {self.rest:.4g} at rest"),
            ("γ λ", f"{steep:.3g}, limit 2: {rests} (γ = {self.rate:g}, λ = {self.curvature:.3g})"),
        ]
        return "\n".join([f"{self.rule}: {self.word}", *(f"  {name:15s}{what}" for name, what in rows)])


def regime(net: Network, rule: Any, x: Any, targets: Any, seed: int = 0) -> Regime:
    """Judge the regime in which a rule learns from one batch; the network is not changed.

    Args:
        net: the network.
        rule: IL (also incremental), Z-IL or Fa-Z-IL in any form, with tied feedback.
        x: inputs ``[batch, *input_shape]``.
        targets: class indices ``[batch]`` or vectors.
        seed: of silent columns, actions and noise.

    Raises:
        RuleError: the rule is none of predictive coding, or its value cells go down no energy.
        ShapeError: inputs or targets do not fit.

    >>> import torch, corticalnet as cn
    >>> x, y = torch.ones(1, 4), torch.tensor([0])
    >>> regime(cn.mlp([4, 3, 2], "tanh"), cn.rule("z-il"), x, y).word
    'backprop-like'
    """
    return _judge(trajectory_of_rule(net, rule, x, targets, seed))


def recorded_regime(net: Network, rule: Any, recording: xr.Dataset) -> Regime:
    """Judge the regime of a recorded circuit, in its first taught trial.

    Args:
        net: the network that the circuit was made of, with the weights with which the trial began.
        rule: that it was made with.
        recording: states of all cells and weights, at every step.

    Raises:
        RuleError: as :func:`regime`.
        ProtocolError: the recording does not tell enough, or the network is another.
    """
    return _judge(trajectory_of_recording(net, rule, recording))


@torch.no_grad()
def _judge(trajectory: InferenceTrajectory) -> Regime:
    F, last, energy = trajectory.energies.sum(1), trajectory.last, trajectory.energy
    if not F.isfinite().all():
        step = int((~F.isfinite()).nonzero()[0])
        warnings.warn(
            f"{trajectory.name} ran away: its energy is infinite or no number from step {step} after the "
            "teacher on; choose a smaller rate, smaller weights or inputs",
            CircuitWarning,
            stacklevel=3,
        )
    state = trajectory.values[last]
    softest, curvature = 0.0, math.inf
    if state.isfinite().all() and F[last].isfinite():
        low, high = energy.curvature(state)
        softest, curvature = low.min().item(), high.max().item()
    sound = curvature < math.inf and F[last] <= F[0]
    rest = settle(energy, state if sound else energy.start).item()
    relaxable = F[0].item() - rest
    relaxed = (F[0] - F[last]).item() / relaxable if relaxable > 0 else 1.0
    cosines = {a: _cosine(c, trajectory.wanted[a]) for a, c in trajectory.change.items() if c.any()}
    rose = not (F[: last + 1] - F[: last + 1].cummin(0).values).max() <= (1 - RELAXED) * F[0]
    if cosines and min(cosines.values()) >= COSINE:
        word = "backprop-like"
    elif rose or trajectory.rate * curvature >= 2:
        word = "unstable"
    else:
        word = "at equilibrium" if relaxed >= RELAXED else "partly relaxed"
    names = [trajectory.wiring.name(node) for node in range(1, trajectory.wiring.output + 1)]
    energies = {name: trajectory.energies[:, k].tolist() for k, name in enumerate(names)}
    sent, rate = _sent(trajectory), trajectory.rate
    return Regime(word, trajectory.name, cosines, trajectory.changed, sent, relaxed, rate, curvature, softest,
                  energies, rest)  # fmt: skip


def settle(energy: Energy, values: Tensor) -> Tensor:
    """Minimise the energy from these values by a quasi-Newton descent; return F_∞, a mean over the batch."""
    F = energy(values).sum(1).mean()
    if not values.numel():
        return F
    x = values.clone()
    search = torch.optim.LBFGS([x], max_iter=1000, tolerance_grad=1e-9, tolerance_change=1e-12,
                               line_search_fn="strong_wolfe")  # fmt: skip

    @torch.no_grad()
    def closure() -> Tensor:
        x.grad = energy.slope(x)
        return energy(x).sum()

    search.step(closure)  # type: ignore[no-untyped-call]
    return torch.minimum(F, energy(x).sum(1).mean())


def _sent(trajectory: InferenceTrajectory) -> float:
    """Compute the largest share by which F had moved when errors left the output, one link per step."""
    F, wiring = trajectory.energies.sum(1), trajectory.wiring
    depth = {wiring.name(node): wiring.depth[node] for node in range(1, wiring.output + 1)}
    left = [max(max(steps) - depth[area], 0) for area, steps in trajectory.changed.items() if steps]
    shares = [abs((F[0] - F[t]) / F[0]).item() for t in left if F[0] > 0]
    return max(shares, default=0.0)


def _cosine(one: Tensor, other: Tensor) -> float:
    found = cosine(one, other)
    return 0.0 if math.isnan(found) else found


def _span(steps: list[int]) -> str:
    if not steps:
        return "never"
    return str(steps[0]) if len(steps) == 1 else f"{steps[0]}–{steps[-1]} ({len(steps)} times)"
