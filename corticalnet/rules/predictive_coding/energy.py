"""The energy of predictive-coding columns, its slope, and its curvature (Song et al. 2020, §2.2).

    F = ½ Σ_l ‖ε_l‖²          ε_l = x_l − μ_l          μ_l = Σ W f(x_{l−1})
    −∂F/∂x_l = −ε_l + f'(x_l) ⊙ Wᵀ ε_{l+1}             what a value cell moves by, times γ

The output's part of F is the trial's loss while a teacher is there, and ½‖y − f(μ)‖² while its value y is
free (y is a rate). An inference step is a step down the slope; so with λ the largest curvature (eigenvalue of
∂²F/∂x²), steps of size γ come to rest only if γ λ < 2.

Curvature along v is how the slope changes along v: a central difference of the slope, so drive, feedback and
gain are all it needs, and the terms with f'' are in it. Across a kink (a ReLU begins to fire, another column
wins a pool) a difference would be a jump over a small number, and no curvature: it is taken on the linear
piece on which the values lie. Where all errors are at rest they vanish, and the
curvature is JᵀJ with J = ∂ε/∂x (Gauss and Newton's). All in float64.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from corticalnet.checks import positive, whole
from corticalnet.errors import RuleError
from corticalnet.network import Network
from corticalnet.network.area import Area, Trace
from corticalnet.network.homeostasis import BatchHomeostasis
from corticalnet.network.reading import finite
from corticalnet.network.stages import Fire, MaxPool
from corticalnet.network.wiring import ForwardState, Wiring
from corticalnet.rules.feedback import Tied
from corticalnet.rules.teaching import Teacher, TrialLoss

_SMALL = 1e-5  # of a central difference in float64: rounding and curvature of the slope err by 1e-10 each


class Energy:
    """The energy F as a function of the values of all free columns, ``[batch, n]``, sample by sample.

    Args:
        wiring: of a float64 network.
        activity: its response to the input.
        trial_loss: what the output is taught; None: no teacher is there, and the output's value is free too.

    Raises:
        RuleError: batch homeostasis mixes the samples.

    Attributes:
        nodes: whose values are free, from the input up.
        start: those values after the feedforward sweep ``[batch, n]``, where all hidden errors are 0.
    """

    def __init__(self, wiring: Wiring, activity: ForwardState, trial_loss: TrialLoss | None = None) -> None:
        self.wiring, self.activity, self.trial_loss = wiring, activity, trial_loss
        self.nodes = list(range(1, wiring.output + (trial_loss is None)))
        for node in range(1, wiring.output + 1):
            stages = wiring.area(node).sequence
            if any(isinstance(stage, BatchHomeostasis) and stage.training for stage in stages):
                raise RuleError(
                    f"area '{wiring.name(node)}': batch homeostasis mixes samples, so that none has an "
                    "energy of its own; choices: homeostasis='slow', None"
                )
        self.start = self.joined(activity.drives[:-1] + activity.rates[-1:])
        self._feedback = Tied()

    def joined(self, values: list[Tensor]) -> Tensor:
        """Concatenate values by node to one row per sample."""
        parts = [values[node].flatten(1) for node in self.nodes]
        return torch.cat(parts, 1) if parts else self.activity.rates[0].new_zeros(len(values[0]), 0)

    def __call__(self, values: Tensor) -> Tensor:
        """Compute F of each area ``[batch, areas]``, from the area above the input up; their sum is F."""
        errors, difference, rates, _ = self._errors(values)
        parts = [0.5 * error.flatten(1).square().sum(1) for error in errors[1:-1]]
        above = (
            0.5 * difference.square().sum(1) if self.trial_loss is None else self.trial_loss.losses(rates[-1])
        )
        return torch.stack([*parts, above], 1)

    def slope(self, values: Tensor, piece: list[Trace] | None = None) -> Tensor:
        """Compute ``∂F/∂x`` ``[batch, n]``: minus the change of value cells in an inference step, per γ.

        ``piece``: traces of other values; who fires and who wins is as it was there.
        """
        errors, difference, _, traces = self._errors(values, piece)
        slopes = list(errors)
        slopes[-1] = difference
        for node in range(1, self.wiring.output):
            signal = self._feedback.into(self.wiring, node, list(errors))
            assert signal is not None, "every area sends somewhere"
            slopes[node] = errors[node] - self.wiring.area(node).backward(signal, traces[node])
        return self.joined(slopes)

    def curvature(self, values: Tensor, iterations: int = 200) -> tuple[Tensor, Tensor]:
        """Estimate the smallest and largest eigenvalue of ``∂²F/∂x²`` at these values, ``[batch]`` each."""

        size = _SMALL * (1 + values.square().mean(1, keepdim=True).sqrt())
        piece = self._errors(values)[-1]

        def along(direction: Tensor) -> Tensor:
            move = size * direction
            return (self.slope(values + move, piece) - self.slope(values - move, piece)) / (2 * size)

        return extremes(along, torch.zeros_like(values), iterations)

    def _errors(
        self, values: Tensor, piece: list[Trace] | None = None
    ) -> tuple[list[Tensor], Tensor, list[Tensor], list[Trace]]:
        """Compute ε of every node (with the gain at the output; without it, apart), all rates, all traces."""
        state = self._by_node(values)
        rates, traces, before = [self.activity.rates[0]], [self.activity.traces[0]], self.activity.traces
        errors = [torch.zeros_like(rates[0])]
        for node in range(1, self.wiring.output):
            errors.append(state[node] - self.wiring.drive(node, rates))
            rate, trace = _forward(
                self.wiring.area(node), state[node], before[node], None if piece is None else piece[node]
            )
            rates.append(rate)
            traces.append(trace)
        above = self.wiring.area(-1)
        drive = self.wiring.drive(self.wiring.output, rates)
        answer, trace = _forward(above, drive, before[-1], None if piece is None else piece[-1])
        difference = state[-1] - answer if self.trial_loss is None else self.trial_loss.error(answer)
        errors.append(above.backward(difference, trace))
        return errors, difference, [*rates, answer], [*traces, trace]

    def _by_node(self, values: Tensor) -> list[Tensor]:
        """Split values into the shapes of their areas (the input's are not used)."""
        areas = [self.wiring.area(node) for node in self.nodes]
        shapes = [area.drive_shape for area in areas]
        if self.trial_loss is None:
            shapes[-1] = areas[-1].shape
        sizes = [torch.Size(shape).numel() for shape in shapes]
        parts = zip(values.split(sizes, 1), shapes, strict=True)
        return [values, *(part.reshape(-1, *shape) for part, shape in parts)]


def _forward(area: Area, drive: Tensor, before: Trace, piece: Trace | None) -> tuple[Tensor, Trace]:
    """Fire as an area does; with a piece, by the columns that fired and won there, and no others."""
    if piece is None:
        return area.forward(drive, before)
    trace: Trace = []
    for stage, (x, y, memory) in zip(area.sequence, piece, strict=True):
        if isinstance(stage, Fire) and stage.activation.name == "relu":
            drive = stage.backward(drive, x, y, memory)
            trace.append((x, y, memory))
            continue
        if isinstance(stage, MaxPool):
            rate = drive.flatten(2).gather(2, memory.flatten(2)).view_as(memory)
        else:
            rate, memory = stage.forward(drive, memory)
        trace.append((drive, rate, memory))
        drive = rate
    return drive, trace


@dataclass(frozen=True)
class Stability:
    """The stability of inference: whether its steps come to rest.

    Attributes:
        curvature: λ, the largest eigenvalue of ∂²F/∂x².
        rate: γ, size of a step.
        limit: 2/γ.
        stable: whether λ < 2/γ.
    """

    curvature: float
    rate: float

    @property
    def limit(self) -> float:
        """Return the limit 2/γ of stable inference."""
        return 2 / self.rate

    @property
    def stable(self) -> bool:
        """Return whether inference is stable, ``λ < 2/γ``."""
        return self.curvature < self.limit

    def __str__(self) -> str:
        verdict = "stable" if self.stable else "unstable"
        return f"{verdict}: curvature {self.curvature:.3g}, limit 2/γ = {self.limit:.3g} (γ = {self.rate:g})"


@torch.no_grad()
def stability(
    network: Network,
    x: Tensor | None = None,
    *,
    rate: float = 1.0,
    output_free: bool = True,
    iterations: int = 200,
    levelled: bool = True,
) -> Stability:
    """Test whether inference steps of size γ with live feedback are stable around a network's response.

    For one hidden area, a free linear output and γ = 1 that is the case if and only if k < ½, with k the
    largest eigenvalue of D WᵀW D, D = f'(x).

    Args:
        network: the network; it is not changed.
        x: inputs ``[batch, *input_shape]``; the sample of largest curvature decides. None: no input is
            known, and every hidden column is taken where its gain is largest (tanh and sigmoid at 0, ReLU
            above 0). That is the worst activity or near it (in random ReLU networks some inputs had up to
            14 % more curvature); inputs that silence or saturate columns may still be stable.
        rate: γ.
        output_free: whether the output's value is free (prediction phase) or held (learning phase; here at
            the network's own answer, where all errors are 0).
        iterations: at most so many steps of Lanczos.
        levelled: whether links that skip areas go through relays, as in Z-IL and Fa-Z-IL (not in IL).

    Raises:
        RuleError: γ is not positive, or there are no iterations.
        ShapeError: inputs do not fit the network.
    """
    rate = positive("stability: rate", rate, RuleError)
    iterations = whole("stability: iterations", iterations, RuleError)
    twin = copy.deepcopy(network).double().eval()
    wiring = twin.levelled() if levelled else twin.wiring
    shown = torch.zeros(1, *twin.input_shape) if x is None else x
    activity = wiring.forward(finite(twin.admit(shown, least=1), "input"))
    if x is None:
        _excite(wiring, activity)
    trial_loss = None if output_free else Teacher().loss_for(activity.rates[-1], activity.rates[-1])
    energy = Energy(wiring, activity, trial_loss)
    if not energy.start.numel():
        return Stability(0.0, rate)
    return Stability(energy.curvature(energy.start, iterations)[1].max().item(), rate)


def _excite(wiring: Wiring, activity: ForwardState) -> None:
    """Set every hidden column to the drive at which its gain is largest; the output answers to that."""
    for node in range(1, wiring.output + 1):
        area, drive = wiring.area(node), activity.drives[node]
        if node == wiring.output:
            drive = wiring.drive(node, activity.rates)
        else:
            drive = torch.full_like(drive, most_excitable(area))
        activity.drives[node] = drive
        activity.rates[node], activity.traces[node] = area.forward(drive)


def most_excitable(area: Area) -> float:
    """Return the drive at which an area's gain f' is largest (the one nearest to 0, if there are several)."""
    fire = next((stage for stage in area.sequence if isinstance(stage, Fire)), None)
    if fire is None:
        return 0.0
    drives = torch.arange(-200, 201, dtype=torch.float64) / 8
    gains = fire.backward(torch.ones_like(drives), drives, fire.forward(drives)[0], None)
    best = drives[gains >= gains.max() * (1 - 1e-12)]
    return float(best[best.abs().argmin()])


def extremes(
    product: Callable[[Tensor], Tensor], like: Tensor, iterations: int = 200
) -> tuple[Tensor, Tensor]:
    """Estimate the smallest and largest eigenvalue of symmetric matrices by Lanczos' iteration.

    Args:
        product: v ``[batch, n]`` -> A v, each row with a matrix of its own.
        like: shape, dtype and device of v.
        iterations: at most so many products; 3n are always enough, rounding included.

    Returns:
        Two tensors ``[batch]``.
    """
    rng = torch.Generator(like.device).manual_seed(0)
    q = torch.randn(like.shape, generator=rng, dtype=like.dtype, device=like.device)
    q = q / q.norm(dim=1, keepdim=True)
    last, off = torch.zeros_like(q), q.new_zeros(len(q))
    diagonal: list[Tensor] = []
    beside: list[Tensor] = []
    alive = torch.ones_like(off, dtype=torch.bool)
    for _ in range(min(iterations, 3 * like.shape[1])):
        w = product(q) - off[:, None] * last
        a = (w * q).sum(1)
        # Where the iteration has seen all there is, go on with a number between the extremes.
        diagonal.append(torch.where(alive, a, diagonal[0] if diagonal else a))
        w = w - a[:, None] * q
        off = w.norm(dim=1)
        alive = alive & (off > 1e-9 * diagonal[0].abs())
        off = torch.where(alive, off, torch.zeros_like(off))
        beside.append(off)
        last, q = q, torch.where(alive[:, None], w / off.clamp_min(1e-300)[:, None], torch.zeros_like(w))
        if not alive.any():
            break
    matrix = torch.diag_embed(torch.stack(diagonal, 1))
    step = torch.diag_embed(torch.stack(beside, 1)[:, :-1], 1)
    found = torch.linalg.eigvalsh(matrix + step + step.mT)
    return found[:, 0], found[:, -1]
