"""The plasticity of decoders (target propagation): synapses down that learn to bring back what drove them."""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.plasticity.plasticity import Plasticity
from corticalnet.circuits.quantities import Magnitude


class MissingTimesCode(Plasticity):
    """Plasticity by what the decoders of a column below miss, times the code of the column above."""

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute ``missing · code``."""
        return post.missing * pre.code


class MissingTimesRate(Plasticity):
    """The same where the column above tells its rate: biases, and auxiliary columns."""

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute ``missing · rate``."""
        return post.missing * pre.rate


class MissingTimesMoved(Plasticity):
    """What noise below has not come back, times how the code above has moved (DRL, Meulemans et al. 2020).

    Args:
        decay: λ σ², a decay of weights in units of the rate.
    """

    decay: Magnitude = 0.0

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute ``missing · moved − decay · w``."""
        return post.missing * pre.moved - self.decay * synapse.weight


class NoiseTimesResponse(Plasticity):
    """Noise below times the response above, minus the echo below times the jitter above (L-DRL).

    Hebbian in two patterns of noise, with a decay like Oja's (Ernoult et al. 2022).
    """

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute ``noise · response − echo · jitter``."""
        return post.noise * pre.response - post.echo * pre.jitter
