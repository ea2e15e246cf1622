"""Feedback learned by perturbation: synapses down learn to predict what activity does to the loss.

    λ_l = −(L̃ − L) ξ_l / σ²                     what a perturbed forward pass says of the rates of area l
    B   = argmin Σ ‖λ_l − feedback(ê, B)‖²        ê: errors above, as B itself brings them down

Lansdell, Prakash & Kording 2020 (node-perturbation synthetic gradients). As samples grow and σ → 0 the top B
tends to W; in linear networks every B does. Gradients of the forward weights come from the undisturbed sweep.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor, nn

from corticalnet.checks import fraction, function, positive
from corticalnet.errors import RuleError, one_of
from corticalnet.network import Network
from corticalnet.network.area import Trace
from corticalnet.network.initialisation import Scheme
from corticalnet.network.links import Link
from corticalnet.network.wiring import ForwardState, Wiring
from corticalnet.rules.feedback.base import SweepCount
from corticalnet.rules.feedback.learned import Learned, share
from corticalnet.rules.feedback.least_squares import LeastSquares
from corticalnet.rules.perturbed_pass import Draw, by_sample, frozen, gaussian, perturb
from corticalnet.rules.trial import Trial


class Perturbed(Learned):
    """Feedback learned by perturbation: loss change × noise, regressed on the feedback signal.

    Args:
        deviation: σ of the noise on the rates of every hidden area.
        fit: "gradient" (``∂/∂b`` of ½‖λ − feedback‖², for the optimizer that moves the links' weights), or
            "least squares" (the exact ridge solution over all samples ever seen, solved in every trial
            before the links learn; no optimizer moves it).
        rate: scale of the gradient: B's learning rate in units of the optimizer's.
        ridge: γ of least squares (0.1 in the authors' code).
        memory: what is left of old sums after each trial; 1 (nothing is forgotten) in the authors' code,
            where weights move slowly.
        seed, init: of the first weights, as for :class:`Random`.
        draw: noise for a tensor, instead of standard-normal numbers (of variance 1).
        direct: whether B brings the output's error straight to every area, as in the convolutional networks
            of Lansdell et al. 2020.

    >>> import corticalnet as cn
    >>> cn.rule("backprop", feedback=Perturbed(deviation=0.05)).transports_weights
    False
    """

    equation = "signal = B error,  B = argmin ‖−(L̃ − L) ξ / σ² − B error‖²"
    needs_full_precision = True

    def __init__(
        self,
        deviation: float = 0.01,
        fit: str = "gradient",
        rate: float = 1.0,
        ridge: float = 0.1,
        memory: float = 1.0,
        seed: int = 1,
        init: str | float | Scheme | None = None,
        draw: Draw = gaussian,
        direct: bool = False,
    ) -> None:
        super().__init__(seed, init, direct)
        name = "perturbed feedback"
        self.deviation = positive(f"{name}: deviation (σ of the noise)", deviation, RuleError)
        one_of("fit", fit, ["gradient", "least squares"], RuleError)
        self.fit, self.draw_noise = fit, function(f"{name}: draw", draw, RuleError)
        self.rate = positive(f"{name}: rate", rate, RuleError)
        self.ridge = positive(f"{name}: ridge", ridge, RuleError)
        self.memory = fraction(f"{name}: memory", memory, RuleError)
        self._sums: dict[str, LeastSquares] = {}

    @property
    def capturable(self) -> bool:  # type: ignore[override]
        """Return whether noise is drawn from torch's generator, and nothing is solved."""
        return self.draw_noise is gaussian and self.fit == "gradient"

    @property
    def by_sample(self) -> bool:  # type: ignore[override]
        """Return whether nothing is solved, over all samples ever seen."""
        return self.fit == "gradient"

    @property
    def cannot_unroll(self) -> str:
        """Return why it cannot serve unrolled steps: least squares would need sums for every step."""
        if self.fit != "gradient":
            return "least squares has no sums for shared links; choose fit='gradient'"
        return super().cannot_unroll

    def begin(self, net: Network) -> None:
        """Reset the sums of least squares."""
        self._sums = {}
        if self.fit == "least squares":
            for node in range(1, net.wiring.output):
                links = [link for _, link in self.outgoing(net.wiring, node) if link.plastic]
                if links:
                    self._sums[net.wiring.name(node)] = LeastSquares(links, self.ridge)

    def learn(self, trial: Trial) -> None:
        """Run one perturbed forward pass and one sweep down through B, and fit B to the loss changes."""
        wiring, activity = without_relays(trial)
        activity.traces = traces = frozen(wiring, activity)
        noise: list[Tensor | None] = [None] * len(wiring.areas)
        for node in range(1, wiring.output):
            noise[node] = self.deviation * self.draw_noise(activity.rates[node])
        rates = perturb(wiring, activity, traces, noise)
        change = trial.loss.losses(rates[-1]) - trial.loss.losses(activity.rates[-1])
        errors, signals = self.backward(wiring, activity, trial.loss.error(activity.rates[-1]))
        cells = {"noise": noise, "feedback": signals, "error": errors}
        trial.observer.snapshot(wiring, cells, {"loss difference": change})
        for node in range(wiring.output - 1, 0, -1):
            own, signal = noise[node], signals[node]
            assert own is not None, "every hidden area has noise"
            assert signal is not None, "every hidden area has feedback"
            wanted = by_sample(change, own) * own / -(self.deviation**2)
            self._fit(trial, wiring, node, wanted, signal, errors)

    def _fit(
        self,
        trial: Trial,
        wiring: Wiring,
        node: int,
        wanted: Tensor,
        signal: Tensor,
        errors: list[Tensor | None],
    ) -> None:
        links: list[tuple[Tensor, Link]] = []
        for target, link in self.outgoing(wiring, node):
            error = errors[target]
            assert error is not None, "errors come from above"
            if link.plastic:
                links.append((error, link))
            else:  # what an identity link brings down is there already
                wanted, signal = wanted - error, signal - error
        if not links:
            return
        if self.fit == "gradient":
            for error, link in links:
                out, scale, beta = trial.plasticity.gradient_buffer(self._own[link.name])
                link.hebbian(wanted - signal, error, out, self.rate * scale, beta)
            return
        sums = self._sums[wiring.name(node)]
        sums.add([error for error, _ in links], wanted, self.memory)
        for (_, link), solution in zip(links, sums.solution(), strict=True):
            self._own[link.name].data.copy_(solution)

    def named_parameters(self) -> Mapping[str, nn.Parameter]:
        """Return B by the name of its link if an optimizer moves it; otherwise none."""
        return self._own if self.fit == "gradient" else {}

    def extra_cost(self, net: Network) -> SweepCount:
        """Return a perturbed forward pass above the first areas, a sweep down, and a product per synapse."""
        self.prepare(net)
        wiring = net.wiring
        perturbed = [
            link
            for node in range(1, wiring.output + 1)
            for _, link in wiring.arriving[node]
            if any(source for source, _ in wiring.arriving[node])
        ]
        down = share(net, self.feedback_links(net))
        return SweepCount(share(net, perturbed), down, down)

    def state_dict(self) -> dict[str, Tensor]:
        """Return B, and the sums over samples that least squares is solved from."""
        sums = {
            f"{area} {name}": tensor
            for area, own in self._sums.items()
            for name, tensor in own.state_dict().items()
        }
        return super().state_dict() | sums


def without_relays(trial: Trial) -> tuple[Wiring, ForwardState]:
    """Return the network's own wiring, and the trial's forward state on its nodes."""
    wiring, there = trial.plasticity.net.wiring, trial.activity
    if wiring is trial.wiring:
        return wiring, replace(there)
    place = {id(area): node for node, area in enumerate(trial.wiring.areas)}
    nodes = [place[id(area)] for area in wiring.areas]
    parts: list[list[Tensor]] = [[own[node] for node in nodes] for own in (there.rates, there.drives)]
    traces: list[Trace] = [there.traces[node] for node in nodes]
    return wiring, ForwardState(parts[0], parts[1], traces)
