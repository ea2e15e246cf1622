"""Pathways that stay as they are: the transpose, none, fixed random, signs, straight from the output."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from corticalnet.checks import flag, fraction, whole
from corticalnet.errors import RuleError, one_of
from corticalnet.network import Network
from corticalnet.network.area import Area
from corticalnet.network.initialisation import Scheme, generator, scheme
from corticalnet.network.links import Dense, Link
from corticalnet.network.links.link import Shape
from corticalnet.network.links.mask import drawn_mask
from corticalnet.network.wiring import Wiring
from corticalnet.rules.feedback.base import Feedback


class NoPathway(Feedback):
    """No feedback pathway: all that comes back is a global scalar (neuromodulator).

    For rules that learn by that number (weight and node perturbation, REINFORCE), and for them alone.
    """

    equation = "none: a global scalar says how good the outcome was"
    layered = False
    draws = False
    cannot_unroll = ""  # a global scalar does not come down

    def weights(self, link: Link) -> Tensor:
        """Refuse: there are no feedback weights."""
        raise RuleError("without a pathway there are no feedback weights; choose a pathway")

    def outgoing(self, wiring: Wiring, node: int) -> list[tuple[int, Link]]:
        """Return no links: no signal comes down."""
        return []


class Random(Feedback):
    """Feedback alignment: fixed random weights, one for every feedforward synapse (Lillicrap et al. 2016).

    Args:
        seed: of the feedback weights (drawn by name, apart from the network's).
        init: their scheme, as for links; if not given "he", or "lecun" (s.d. 1/√outputs) if direct.
        direct: whether they come straight from the output to every hidden area, along links of their own
            (:class:`DirectFeedbackLink`), instead of beside the network's links.

    >>> import corticalnet as cn
    >>> rule, net = cn.Rule(feedback=Random(seed=4)), cn.mlp([4, 3, 2])
    >>> [tuple(route.weights.shape) for route in rule.feedback_routes(net)]
    [(2, 3)]
    """

    equation = "signal = B error,  B fixed and random"

    def __init__(self, seed: int = 1, init: str | float | Scheme | None = None, direct: bool = False) -> None:
        super().__init__()
        self.layered = not flag("feedback: direct", direct, RuleError)
        self.seed = whole("feedback: seed", seed, RuleError, least=None)
        self.init = init if init is not None else "he" if self.layered else "lecun"
        scheme(self.init, "feedback")
        self._weights: dict[str, Tensor] = {}  # by the name of the link
        self._direct_links: dict[str, DirectFeedbackLink] = {}

    def build(self, net: Network) -> None:
        """Draw B for every link."""
        self.build_direct_links(net)
        links = net.links if self.layered else self.feedback_links(net)
        self._weights = {link.name: self.draw(link) for link in links if link.plastic}

    def build_direct_links(self, net: Network) -> None:
        """Build the links from the output, if signals come straight from there.

        Raises:
            RuleError: the output is no row of columns.
        """
        if self.layered:
            return
        if len(net.output_shape) != 1:
            raise RuleError(f"direct feedback needs a row of output columns, not {net.output_shape}")
        areas = {net.wiring.name(node): net.wiring.area(node) for node in range(1, net.wiring.output)}
        there = {name: self._direct_links.get(name) for name in areas}
        self._direct_links = {
            name: old
            if (old := there[name]) is not None and old.fits(net, area)
            else DirectFeedbackLink(net, area)
            for name, area in areas.items()
        }

    def outgoing(self, wiring: Wiring, node: int) -> list[tuple[int, Link]]:
        """Return the network's links that leave the node, or the direct link to it."""
        if self.layered:
            return super().outgoing(wiring, node)
        straight = self._direct_links.get(wiring.name(node))
        return [] if straight is None else [(wiring.output, straight)]

    def draw(self, link: Link) -> Tensor:
        """Draw B of one link, in the layout of its weight."""
        name = f"feedback {link.name}" if self.layered else link.name
        drawn = link.draw(self.init, generator(self.seed, name))
        return torch.empty_like(link.weight).copy_(drawn)

    def weights(self, link: Link) -> Tensor:
        """Return B of a link; an identity link has none, and passes signals on as they are."""
        return self._weights[link.name] if link.plastic else link.weight


class DirectFeedbackLink(Dense):
    """A dense link between a hidden area and the output that only brings signals down.

    Args:
        net: whose precision and device it has.
        area: the hidden one.
    """

    def __init__(self, net: Network, area: Area) -> None:
        super().__init__(net.output_shape[0], init=0.0)
        like = net.links[-1].weight
        self.build(area.shape, 0, f"direct feedback {area.name}", False, like.dtype)
        self.to(like.device)

    def fits(self, net: Network, area: Area) -> bool:
        """Return whether the link could serve this area of another network."""
        like, own = net.links[-1].weight, self.weight
        place = own.dtype is like.dtype and own.device == like.device
        return place and (self.source_shape, self.target_shape) == (area.shape, net.output_shape)

    def plan(self, source_shape: Shape) -> tuple[Shape, Shape, Shape, int, int]:
        """Return the shapes of all-to-all synapses, with the fans exchanged, as signals come down."""
        *shapes, pre, outputs = super().plan(source_shape)
        target, weight, bias = shapes
        return target, weight, bias, outputs, pre


class SignSymmetric(Random):
    """Sign-symmetric feedback: weights share only the sign with those up (Liao, Leibo & Poggio 2016).

    Args:
        magnitude: "uniform" (every ``|B|`` is √(2 / fan-in)) or "random" (fixed random magnitudes).
        seed: of random magnitudes.

    >>> import corticalnet as cn
    >>> rule, net = cn.Rule(feedback=SignSymmetric()), cn.mlp([4, 3, 2])
    >>> route, = rule.feedback_routes(net)
    >>> bool((route.weights.sign() == route.link.weight.sign()).all())
    True
    """

    equation = "signal = (sign(Wᵀ) ⊙ |B|) error"
    transports_weights = True

    def __init__(self, magnitude: str = "uniform", seed: int = 1) -> None:
        super().__init__(seed)
        one_of("magnitude", magnitude, ["uniform", "random"], RuleError)
        self.magnitude = magnitude

    def draw(self, link: Link) -> Tensor:
        """Draw the magnitudes ``|B|``."""
        if self.magnitude == "random":
            return super().draw(link).abs()
        return link.present(torch.full_like(link.weight, math.sqrt(2 / link.fans[0])))

    def weights(self, link: Link) -> Tensor:
        """Return ``sign(W) ⊙ |B|``."""
        return link.weight.sign() * self._weights[link.name] if link.plastic else link.weight

    def magnitudes(self, link: Link) -> Tensor | None:
        """Return the magnitudes ``|B|``."""
        return self._weights[link.name] if link.plastic else None


class Direct(Random):
    """Direct feedback alignment: the output's error reaches every area at once (Nøkland 2016).

    Args:
        seed: of the fixed random weights ``[output columns, columns of the area]``.
        init: their scheme; "lecun" (s.d. 1/√outputs) if not given.
        density: fraction of the synapses that there are; those are 1/density times as strong (Guerguiev,
            Lillicrap & Richards 2017 leave one in five).

    Raises:
        RuleError: a density that is no fraction above 0.

    >>> import corticalnet as cn
    >>> cn.rule("backprop", feedback=Direct(seed=3)).feedback.layered
    False
    """

    equation = "signal_l = B_l error_out,  B_l fixed and random"

    def __init__(self, seed: int = 1, init: str | float | Scheme | None = None, density: float = 1.0) -> None:
        super().__init__(seed, init, direct=True)
        self.density = fraction("direct feedback: density", density, RuleError)

    def draw(self, link: Link) -> Tensor:
        """Draw B of one link; those of a sparse pathway are the strengthened part of a full one's."""
        drawn = super().draw(link)
        if self.density == 1.0:
            return drawn
        rng = generator(self.seed, f"{link.name} mask")
        return drawn * drawn_mask(self.density, drawn.shape, rng).to(drawn) / self.density
