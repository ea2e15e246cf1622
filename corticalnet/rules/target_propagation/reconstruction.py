"""How decoders learn to reconstruct: noise goes up, and what is decoded of it is compared with it.

ε, ζ ~ N(0, σ²) for every column, r̃ = r + ε, c̃: the codes of what areas above hold then, ċ = c(s + ζ) − c.
Each change is minus half the gradient of a loss, in which all but the decoder is constant.

    noise-preserving    ‖g(c̃) − r̃‖²                       ΔV = ⟨q × c̃⟩, Δb = ⟨q⟩, q = d' ⊙ (r̃ − g(c̃))
    denoising           ‖g(c̃) − r‖²                       the same with q = d' ⊙ (r − g(c̃))
    difference          ‖ε − Δg‖² / σ² + λ ‖V‖²           ΔV = ⟨(ε − Δg) × Δc⟩ / σ² − λ V
                                                          Δ: by ε, through to the top and back down
    local difference    (−2 ε·V (c̃ − c) + ‖V ċ‖²) / σ²    ΔV = ⟨ε × (c̃ − c) − V ċ × ċ⟩ / σ²

Minimisers of linear decoders (J: the way up): with "difference" (JᵀJ + λ)⁻¹ Jᵀ, the damped pseudo-inverse
(Meulemans et al. 2020), so that targets are Gauss–Newton's; with "local difference" Jᵀ, so that targets are
backprop's (Ernoult et al. 2022). The first two are those of Lee et al. 2015 and Bartunov et al. 2018.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from corticalnet.network.links.link import accumulate_
from corticalnet.network.wiring import ForwardState, Wiring
from corticalnet.rules.observer import Observer
from corticalnet.rules.perturbed_pass import frozen, gaussian
from corticalnet.rules.plasticity import Plasticity
from corticalnet.rules.target_propagation.decoders import Decoders, Way


@dataclass
class Encoding:
    """What columns hold after a sweep up, and what decoders are told of it. Lists go by node.

    Attributes:
        wiring, activity: of the network.
        decoders: of all areas.
        top: from what the output's columns hold to what they tell: the same, or their softmax.
        of_two: whether linear decoders decode two activities, not their difference.
        states: of all areas (the input's are its rates).
        codes: of all areas, and of auxiliary columns after the output.
    """

    wiring: Wiring
    activity: ForwardState
    decoders: Decoders
    top: Callable[[Tensor], Tensor] | None = None
    of_two: bool = False

    def __post_init__(self) -> None:
        drives, traces = self.activity.drives, self.activity.traces
        self.states = [drives[0]] + [a.state(drives[n], traces[n]) for n, a in self.wiring.above_input]
        self.codes = self.told(self.states, self.activity.rates)
        self._recalled: dict[int, Tensor] = {}

    def recalled(self, node: int) -> Tensor:
        """Return g, the rates of an area as they are decoded of what areas above hold; decoded once."""
        if node not in self._recalled:
            rates = self.decoders.rates(node, self.codes)
            assert rates is not None, "it has a decoder"
            self._recalled[node] = rates
        return self._recalled[node]

    def told(self, states: list[Tensor], rates: list[Tensor]) -> list[Tensor]:
        """Return the codes of some states, and of the auxiliary columns for some rates."""
        codes = [self.code(node, state) if node else state for node, state in enumerate(states)]
        beside = self.decoders.auxiliary
        return codes if beside is None else [*codes, beside.rates(rates)]

    def gated(self, node: int) -> bool:
        """Return whether gated decoders hear it through its gain: not an answer, nor auxiliary columns."""
        return node < self.wiring.output + (self.top is None)

    def code(self, node: int, state: Tensor) -> Tensor:
        """Return the code of an area in a state: the input that decoders get from it."""
        if node == self.wiring.output and self.top is not None:
            return self.top(state)
        return self.decoders.code(node, state, self.activity.traces[node])

    def noise(self, draw: Callable[[Tensor], Tensor]) -> list[Tensor | None]:
        """Draw noise for the rates of hidden areas (None for others)."""
        hidden = range(1, self.wiring.output)
        return [draw(rate) if node in hidden else None for node, rate in enumerate(self.activity.rates)]

    def disturbed(self, noise: list[Tensor | None]) -> tuple[list[Tensor], list[Tensor]]:
        """Return all rates with noise, and the state that each area has when its sources fire so."""
        rates = [r if e is None else r + e for r, e in zip(self.activity.rates, noise, strict=True)]
        drives = list(self.activity.drives)
        for node, arriving in enumerate(self.wiring.arriving):
            if any(noise[source] is not None for source, _ in arriving):  # (the input is as it was)
                drives[node] = self.wiring.drive(node, rates)
        states = [a.state_of(drives[n]) for n, a in self.wiring.above_input]
        return rates, [drives[0], *states]


class Reconstruction(ABC):
    """How decoders learn to reconstruct rates.

    Args:
        sigma: s.d. of the noise.
        samples: noise patterns in a trial.
        damping: λ of the difference loss.
    """

    #: Which kinds of decoders it is for.
    kinds: tuple[str, ...] = ("linear", "gated")
    equation = ""
    #: Whether there is noise at all: columns in a circuit have none that nobody gives them.
    noisy = True

    def __init__(self, sigma: float, samples: int, damping: float) -> None:
        self.sigma, self.samples, self.damping = sigma, samples, damping

    def draw(self, like: Tensor) -> Tensor:
        """Draw Gaussian noise for some rates or states."""
        return self.sigma * gaussian(like) if self.noisy else like.new_zeros(like.shape)

    def learn(self, encoding: Encoding, plasticity: Plasticity, observer: Observer) -> None:
        """Accumulate the gradients of all decoders, over all samples of noise."""
        for _ in range(self.samples):
            self.sample(encoding, plasticity, observer)

    @abstractmethod
    def sample(self, encoding: Encoding, plasticity: Plasticity, observer: Observer) -> None:
        """Accumulate the gradients of all decoders for one pattern of noise."""

    def change(
        self, ways: list[Way], plasticity: Plasticity, pre: Tensor, post: list[Tensor], factor: float
    ) -> None:
        """Accumulate ``factor · pre × post`` for every synapse down to an area; post: by the node above."""
        for above, link, weight in ways:
            out, scale, beta = plasticity.gradient_buffer(weight)
            link.hebbian(pre, post[above], out, factor / self.samples * scale, beta)


class NoisePreserving(Reconstruction):
    """Reconstruct the noisy rates from what they drive (Lee et al. 2015)."""

    kinds = ("activation", "linear", "gated")
    equation = "ΔV = ⟨(r̃ − g(c̃)) ⊙ d' × c̃⟩"

    def wanted(self, rate: Tensor, noisy: Tensor) -> Tensor:
        """Return the decoders' target: the noisy rates."""
        return noisy

    def sample(self, encoding: Encoding, plasticity: Plasticity, observer: Observer) -> None:
        """Perturb all hidden areas at once by one noise pattern, which goes up by one link."""
        decoders, rates = encoding.decoders, encoding.activity.rates
        noisy, states = encoding.disturbed(encoding.noise(self.draw))
        codes = encoding.told(states, noisy)
        errors: list[Tensor | None] = [None] * len(rates)
        for node in decoders.ways:
            drive = decoders.drive(node, codes)
            if drive is not None:
                guess = decoders.fired(node, drive)
                error = self.wanted(rates[node], noisy[node]) - guess
                errors[node] = decoders.gain(node, error, drive, guess)
        cells: dict[str, list[Any]] = {"reconstruction error": errors, "noisy code": codes}
        observer.snapshot(encoding.wiring, _cells(encoding, cells))
        for node, q in enumerate(errors):
            if q is not None:
                self.change(decoders.ways[node], plasticity, q, codes, 1.0)
                if node in decoders.biases:
                    bias = decoders.biases[node]
                    out, scale, beta = plasticity.gradient_buffer(bias)
                    total = q.sum(0) if bias.shape == q.shape[1:] else q.sum((0, 2, 3)).view_as(bias)
                    accumulate_(total, out, scale / self.samples, beta)


class Denoising(NoisePreserving):
    """Reconstruct the rates without the noise (Bartunov et al. 2018: SDTP, AO-SDTP)."""

    equation = "ΔV = ⟨(r − g(c̃)) ⊙ d' × c̃⟩"

    def wanted(self, rate: Tensor, noisy: Tensor) -> Tensor:
        """Return the decoders' target: the rates without noise."""
        return rate


class LocalDifference(Reconstruction):
    """L-DRL (Ernoult et al. 2022): what noise changes above, times the noise, minus what V makes of noise."""

    equation = "ΔV = ⟨ε × (c̃ − c) − V ċ × ċ⟩ / σ²"

    def sample(self, encoding: Encoding, plasticity: Plasticity, observer: Observer) -> None:
        """Perturb all areas at once: for what the noise drives above, and for what is decoded of noise."""
        noise, decoders = encoding.noise(self.draw), encoding.decoders
        noisy, states = encoding.disturbed(noise)
        moved = [now - then for now, then in zip(encoding.told(states, noisy), encoding.codes, strict=True)]
        above = [s + self.draw(s) if n else s for n, s in enumerate(encoding.states)]
        jitter = [encoding.code(n, s) - encoding.codes[n] if n else s for n, s in enumerate(above)]
        jitter += [self.draw(c) for c in encoding.codes[len(jitter) :]]
        echo: list[Tensor | None] = [None] * len(noise)
        for node in decoders.ways:
            echo[node] = decoders.moved(node, encoding.codes, jitter, encoding.of_two)
        cells: dict[str, list[Any]] = {"noise": noise, "response": moved, "jitter": jitter, "echo": echo}
        observer.snapshot(encoding.wiring, _cells(encoding, cells))
        for node in decoders.ways:
            own, heard = noise[node], echo[node]
            if own is not None and heard is not None:
                self.change(decoders.ways[node], plasticity, own, moved, self.sigma**-2)
                self.change(decoders.ways[node], plasticity, heard, jitter, -(self.sigma**-2))


class Difference(Reconstruction):
    """DRL (Meulemans et al. 2020): noise of one area goes up to the output, and comes down as targets do."""

    equation = "ΔV = ⟨(ε − Δg) × Δc⟩ / σ² − λ V,  through to the top and down"

    def sample(self, encoding: Encoding, plasticity: Plasticity, observer: Observer) -> None:
        """Perturb one hidden area after the other, from the top."""
        wiring, decoders, noise = encoding.wiring, encoding.decoders, encoding.noise(self.draw)
        traces = frozen(wiring, encoding.activity)
        for node in reversed(decoders.ways):
            own = noise[node]
            if own is None or not decoders.ways[node]:
                continue
            rates, states = list(encoding.activity.rates), list(encoding.states)
            rates[node] = rates[node] + own
            for above in range(node + 1, wiring.output + 1):
                drive = wiring.drive(above, rates)
                states[above] = wiring.area(above).state_of(drive)
                rates[above], _ = wiring.area(above).forward(drive, traces[above])
            moved = returned(encoding, states, rates, down_to=node)
            guess = decoders.moved(node, encoding.codes, moved, encoding.of_two)
            assert guess is not None, "it has a way"
            error: list[Tensor | None] = [None] * len(rates)
            error[node] = missing = own - guess
            told: list[Tensor | None] = [None] * len(encoding.codes)
            for above, *_ in decoders.ways[node]:
                told[above] = moved[above]
            cells: dict[str, list[Any]] = {"reconstruction error": error, "returned code": told}
            observer.snapshot(wiring, _cells(encoding, cells))
            self.change(decoders.ways[node], plasticity, missing, moved, self.sigma**-2)
            for *_, weight in decoders.ways[node]:
                out, _, beta = plasticity.gradient_buffer(weight)
                accumulate_(weight.data, out, self.damping / self.samples, beta)


def returned(encoding: Encoding, states: list[Tensor], rates: list[Tensor], down_to: int) -> list[Tensor]:
    """Return how codes above an area change when the output's state comes down as targets do."""
    wiring, decoders = encoding.wiring, encoding.decoders
    goal = list(encoding.codes)
    goal[wiring.output] = encoding.code(wiring.output, states[wiring.output])
    if decoders.auxiliary is not None:
        goal[-1] = decoders.auxiliary.rates(rates)
    for node in range(wiring.output - 1, down_to, -1):
        there = decoders.rates(node, goal)
        if there is not None:
            difference = there - encoding.recalled(node)
            moved = wiring.area(node).to_state(difference, encoding.activity.traces[node])
            goal[node] = encoding.code(node, encoding.states[node] + moved)
    return [there - here for there, here in zip(goal, encoding.codes, strict=True)]


def _cells(encoding: Encoding, cells: dict[str, list]) -> dict[str, list[Tensor | None]]:
    """Arrange cells by state and node; those of auxiliary columns stand at the output's node."""
    nodes, shown = len(encoding.wiring.areas), {}
    for state, values in cells.items():
        shown[state] = values[:nodes]
        if len(values) > nodes:
            shown[f"auxiliary {state}"] = [None] * (nodes - 1) + [values[nodes]]
    return shown


RECONSTRUCTIONS: dict[str, type[Reconstruction]] = {
    "noise-preserving": NoisePreserving,
    "denoising": Denoising,
    "difference": Difference,
    "local difference": LocalDifference,
}
