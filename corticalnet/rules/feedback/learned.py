"""Pathways that learn without ever seeing a forward weight: synapses down become like those up.

    Kolen–Pollack    Δw = post × pre − λ w      Δb = post × pre − λ b        W − B shrinks by 1 − lr λ a step
    matching         Δw = post × pre            Δb = post × pre              W − B stays
    weight mirror    Δb = rate · (⟨drive above × noise below⟩ / σ² − b)      E[⟨drive × noise⟩] = σ² W

All fill ``.grad`` of weights that belong to the pathway; the optimizer that moves the links' weights moves
them too (docs/decisions/0015).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from corticalnet.checks import not_negative, positive, whole
from corticalnet.errors import RuleError
from corticalnet.network import Network
from corticalnet.network.initialisation import Scheme
from corticalnet.network.links import Link
from corticalnet.network.links.link import accumulate_
from corticalnet.rules.feedback.base import SweepCount
from corticalnet.rules.feedback.fixed import Random
from corticalnet.rules.trial import Trial


class Learned(Random):
    """Base of pathways that learn: weights of their own for every link along which signals come down.

    They begin as those of :class:`Random`, and belong to all networks with the same links (a copy of a
    network, say).

    Args:
        seed, init, direct: as for :class:`Random`.
    """

    equation = "signal = B error,  B learns"
    learns = True

    def __init__(self, seed: int = 1, init: str | float | Scheme | None = None, direct: bool = False) -> None:
        super().__init__(seed, init, direct)
        self._own: dict[str, nn.Parameter] = {}

    @torch.no_grad()
    def build(self, net: Network) -> None:
        """Draw B for a network with other links; move B to the network's precision and device."""
        self.build_direct_links(net)
        links = {link.name: link for link in self.feedback_links(net)}
        if {name: b.shape for name, b in self._own.items()} != {n: k.weight.shape for n, k in links.items()}:
            self._own = {name: nn.Parameter(self.draw(link)) for name, link in links.items()}
            self.begin(net)
        for name, link in links.items():
            b = self._own[name]
            b.data = b.data.to(link.weight)
            b.grad = None if b.grad is None else b.grad.to(b)

    def begin(self, net: Network) -> None:
        """Forget what was learned with another network; called when a network with other links is met."""

    def weights(self, link: Link) -> Tensor:
        """Return B of a link; for links without (from the input, identities), the link's own weight."""
        own = self._own.get(link.name)
        return link.weight if own is None else own

    def named_parameters(self) -> Mapping[str, nn.Parameter]:
        """Return B by the name of its link."""
        return self._own

    def state_dict(self) -> dict[str, Tensor]:
        """Return B by the name of its link."""
        return {name: b.data for name, b in self._own.items()}


class KolenPollack(Learned):
    """Kolen–Pollack feedback (1994; Akrout et al. 2019): synapses up and down change alike and decay.

    ``∂/∂w`` and ``∂/∂b`` hold the same post × pre product, which both synapses can work out from the same
    two columns, and λ times the weight itself. So under plain SGD ``W − B`` shrinks by ``1 − lr λ`` in every
    update, whatever the rule. With momentum it follows the same linear recurrence as the weights. An
    optimizer that scales each weight by its own gradients (Adam) breaks the law a little, because the two
    gradients differ by the decay; AdamW with its own ``weight_decay`` and ``decay=0`` keeps it exactly.

    Args:
        decay: λ of both.
        seed, init: of the first weights, as for :class:`Random`.

    >>> import corticalnet as cn
    >>> rule, net = cn.rule("z-il", feedback=KolenPollack(decay=0.01)), cn.mlp([4, 3, 2])
    >>> [tuple(b.shape) for b in rule.parameters(net)]
    [(2, 3)]
    """

    equation = "signal = B error,  Δb = Δw but for the decay of each"

    def __init__(self, decay: float = 0.01, seed: int = 1, init: str | float | Scheme | None = None) -> None:
        super().__init__(seed, init)
        self.decay = not_negative("Kolen-Pollack: decay", decay, RuleError)

    @property
    def paired_weights(self) -> Mapping[str, nn.Parameter]:  # type: ignore[override]
        """Return all of B, by the name of its link."""
        return self._own

    def extra_cost(self, net: Network) -> SweepCount:
        """Return the cost of one more product for every synapse down."""
        return SweepCount(learning=share(net, self.feedback_links(net)))


class Matching(KolenPollack):
    """Matching feedback: synapses up and down change alike without decay; ``W − B`` stays what it was.

    The baseline of Lansdell, Prakash & Kording 2020. Their angle shrinks as both grow. A weight decay of the
    optimizer's, which moves both, makes it Kolen–Pollack.

    Args:
        seed, init: of the first weights, as for :class:`Random`.

    >>> import corticalnet as cn
    >>> rule, net = cn.rule("brainprop", feedback=Matching()), cn.mlp([4, 3, 2])
    >>> list(rule.named_parameters(net))
    ['feedback.area1->output']
    """

    equation = "signal = B error,  Δb = Δw"

    def __init__(self, seed: int = 1, init: str | float | Scheme | None = None) -> None:
        super().__init__(0.0, seed, init)


class WeightMirror(Learned):
    """Weight mirror: between trials areas fire noise, whose effect above is mirrored (Akrout et al. 2019).

    One area after the other fires noise of s.d. σ and mean 0; a link that leaves it drives its target by
    ``W ξ``, and its synapses down become ``B ← B + lr · rate · (⟨W ξ × ξ⟩ / σ² − B)``. The expectation of
    that product is W, for kernels and locally connected links too (each sum is divided by the number of
    positions in it). The target's *drive* is mirrored; Akrout et al. mirror its rate, which needs columns
    that all work near one point of their activation.

    Args:
        rate: how fast B learns, in units of the optimizer's learning rate.
        samples: noise patterns of a trial.
        deviation: σ.
        seed, init: of the first weights, as for :class:`Random`.

    >>> import corticalnet as cn
    >>> cn.rule("z-il", feedback=WeightMirror(samples=8)).feedback.samples
    8
    """

    equation = "signal = B error,  Δb = rate (⟨W ξ × ξ⟩ / σ² − b)"

    def __init__(
        self,
        rate: float = 0.1,
        samples: int = 32,
        deviation: float = 1.0,
        seed: int = 1,
        init: str | float | Scheme | None = None,
    ) -> None:
        super().__init__(seed, init)
        self.rate = positive("weight mirror: rate", rate, RuleError)
        self.samples = whole("weight mirror: samples", samples, RuleError)
        self.deviation = positive("weight mirror: deviation", deviation, RuleError)
        self._places: dict[str, Tensor] = {}

    def begin(self, net: Network) -> None:
        """Count at how many positions each weight is used."""
        for link in self.feedback_links(net):
            ones = link.weight.new_ones(1, *link.source_shape), link.weight.new_ones(1, *link.target_shape)
            self._places[link.name] = torch.empty_like(link.weight)
            link.hebbian(*ones, self._places[link.name])

    def learn(self, trial: Trial) -> None:
        """Run one noise phase on all links, and mirror its correlations in B."""
        wiring = trial.plasticity.net.wiring
        for source, target, link in self.feedback_routes(wiring):
            if not link.plastic:
                continue
            like = link.weight
            noise = self.deviation * torch.randn(
                self.samples, *link.source_shape, dtype=like.dtype, device=like.device
            )
            answer = link.drive(noise)
            if link.bias is not None:  # a resting drive is nobody's answer
                answer = answer - link.drive(torch.zeros_like(noise[:1]))
            cells = {"noise": [noise if n == source else None for n in range(len(wiring.areas))]}
            cells["answer"] = [answer if n == target else None for n in range(len(wiring.areas))]
            trial.observer.snapshot(wiring, cells)
            seen = torch.empty_like(like)
            link.hebbian(noise, answer, seen, 1 / (self.samples * self.deviation**2))
            b = self._own[link.name]
            out, _, beta = trial.plasticity.gradient_buffer(b)
            accumulate_(b - seen / self._places[link.name].to(b).clamp_min(1), out, self.rate, beta)

    def extra_cost(self, net: Network) -> SweepCount:
        """Return the drives and products of the noise, for a batch as large as ``samples``."""
        down = share(net, self.feedback_links(net))
        return SweepCount(up=down, learning=down)


def share(net: Network, links: list[Link]) -> float:
    """Return the share of all synapses that lie along some links."""
    return sum(link.synapses for link in links) / sum(link.synapses for link in net.links)
