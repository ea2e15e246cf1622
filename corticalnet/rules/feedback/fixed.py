"""Pathways that stay as they are: the transpose, none, fixed random, signs, straight from the output."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from corticalnet.errors import RuleError, one_of
from corticalnet.network import Network
from corticalnet.network.initialisation import Scheme, generator, scheme
from corticalnet.network.links import Link
from corticalnet.network.wiring import Wiring
from corticalnet.rules.feedback.base import Feedback


class Tied(Feedback):
    """Feedback through the transpose of the feedforward weights (weight transport)."""

    equation = "signal = Wᵀ error"
    transports_weights = True

    def weights(self, link: Link) -> Tensor:
        """The link's own."""
        return link.weight


class NoPathway(Feedback):
    """No synapse carries anything down: all that comes back is a number that everyone hears.

    For rules that learn by that number (weight and node perturbation, REINFORCE), and for them alone.
    """

    equation = "none: everyone hears how good the outcome was"
    layered = False

    def weights(self, link: Link) -> Tensor:
        """There are none."""
        raise RuleError("without a pathway there are no feedback weights; choose a pathway")

    def into(self, wiring: Wiring, node: int, errors: list[Tensor | None]) -> Tensor | None:
        """Nothing comes."""
        return None


class Random(Feedback):
    """Feedback alignment: fixed random weights, one for every feedforward synapse (Lillicrap et al. 2016).

    Args:
        seed: of the feedback weights (drawn by name, apart from the network's).
        init: their scheme, as for links; "he" if not given.
    """

    equation = "signal = B error,  B fixed and random"

    def __init__(self, seed: int = 1, init: str | float | Scheme = "he") -> None:
        super().__init__()
        self.seed, self.init = seed, init
        self._weights: dict[Link, Tensor] = {}

    def build(self, net: Network) -> None:
        """Draw B for every link."""
        self._weights = {link: self.draw(link) for link in net.links}

    def draw(self, link: Link) -> Tensor:
        """B of one link, in the layout of its weight."""
        _, shape, _, fan_in, fan_out = link.plan(link.source_shape)
        drawn = scheme(self.init)(shape, fan_in, fan_out, generator(self.seed, f"feedback {link.name}"))
        return torch.empty_like(link.weight).copy_(drawn)

    def weights(self, link: Link) -> Tensor:
        """B; a relay between areas hands signals on as they are."""
        return self._weights[link] if link.plastic else link.weight


class SignSymmetric(Random):
    """Feedback weights share only their sign with the feedforward ones (Liao, Leibo & Poggio 2016).

    Args:
        magnitude: "uniform" (every |B| is √(2 / fan-in)) or "random" (fixed random magnitudes).
        seed: of random magnitudes.
    """

    equation = "signal = (sign(Wᵀ) ⊙ |B|) error"
    transports_weights = True

    def __init__(self, magnitude: str = "uniform", seed: int = 1) -> None:
        super().__init__(seed)
        one_of("magnitude", magnitude, ["uniform", "random"], RuleError)
        self.magnitude = magnitude

    def draw(self, link: Link) -> Tensor:
        """|B|."""
        if self.magnitude == "random":
            return super().draw(link).abs()
        fan_in = link.plan(link.source_shape)[3]
        return torch.full_like(link.weight, math.sqrt(2 / fan_in))

    def weights(self, link: Link) -> Tensor:
        """sign(W) ⊙ |B|."""
        return link.weight.sign() * self._weights[link] if link.plastic else link.weight


class Direct(Feedback):
    """Direct feedback alignment: the output's error reaches every area at once (Nøkland 2016).

    Args:
        seed: of the fixed random weights ``[output columns, columns of the area]``.
        init: their scheme; "lecun" (s.d. 1/√outputs) if not given.
    """

    equation = "signal_l = B_l error_out,  B_l fixed and random"
    layered = False

    def __init__(self, seed: int = 1, init: str | float | Scheme = "lecun") -> None:
        super().__init__()
        self.seed, self.init = seed, init
        self._weights: list[Tensor] = []

    def build(self, net: Network) -> None:
        """Draw one B for every hidden area."""
        outputs, like = torch.Size(net.output_shape).numel(), net.links[-1].weight
        self._weights = [like.new_empty(0)]
        for node in range(1, net.wiring.output):
            shape = (outputs, *net.wiring.area(node).shape)
            name = f"direct feedback {net.wiring.name(node)}"
            drawn = scheme(self.init)(shape, outputs, outputs, generator(self.seed, name))
            self._weights.append(drawn.to(like))

    def weights(self, link: Link) -> Tensor:
        """There are none along links."""
        raise RuleError("direct feedback has no weights along links; choose another pathway")

    def into(self, wiring: Wiring, node: int, errors: list[Tensor | None]) -> Tensor | None:
        """``error_out B_l``, whatever lies between."""
        error, weights = errors[-1], self._weights[node]
        if error is None:
            return None
        return torch.mm(error.flatten(1), weights.flatten(1)).view(-1, *weights.shape[1:])
