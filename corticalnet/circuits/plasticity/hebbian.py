"""Error × rate: the plasticity of predictive coding (Song et al. 2020) and of BrainProp (Pozzi et al. 2020).

    Δw = rate · trigger · modulator · error_post · rate_pre

At the port ``error`` a prediction cell receives the error of its column.
"""

from __future__ import annotations

from typing import Any, ClassVar

from corticalnet.circuits.plasticity.plasticity import Plasticity
from corticalnet.circuits.pointwise import where
from corticalnet.circuits.quantities import Magnitude, Probability


class ErrorTimesRate(Plasticity):
    """Plasticity by the postsynaptic column's error times the presynaptic rate."""

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute ``error · rate``."""
        return port.error * pre.rate


class DecayingErrorTimesRate(ErrorTimesRate):
    """Error × rate, and decay at the same moments: synapses up with partners down (Kolen & Pollack 1994).

    Args:
        decay: λ, share of its weight that a synapse loses with each lesson, in units of the learning rate.
    """

    decay: Magnitude = 0.0

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute ``error · rate − decay · w``."""
        return port.error * pre.rate - self.decay * synapse.weight


class RateTimesError(Plasticity):
    """Plasticity of feedback synapses by the product that changes their partners up, with the ends exchanged.

    The rate of the column below times the error of the column above, which both synapses can work out.

    Args:
        decay: λ, as of the partner up.
    """

    decay: Magnitude = 0.0

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute ``rate · error − decay · b``."""
        return post.rate * pre.error - self.decay * synapse.weight


class CreditTimesRate(Plasticity):
    """Plasticity of feedback synapses by the same product, with the two ends exchanged.

    The rate of the column below (at port ``rate`` of its feedback cell) times the credit of the column
    above: what changes the synapse up between the two, so that pairs of synapses become alike (AGREL).
    """

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute ``rate · credit``."""
        return port.rate * pre.credit

    def for_spiking_input(self) -> Plasticity:
        """Return the plasticity that reads the credit from a synaptic current."""
        return CreditTimesSynapticRate(**self.parameters())


class CreditTimesSynapticRate(CreditTimesRate):
    """Plasticity of feedback synapses where the credit above arrives as spikes, read from a current."""

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute ``rate · rate of the current``."""
        return port.rate * pre.rate


class SentTimesRate(Plasticity):
    """Hebbian product of both ends: a weight's factor in the energy of equilibrium propagation."""

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute ``sent · rate``."""
        return post.sent * pre.rate


class SentTimesRateDifference(SentTimesRate):
    """How the product of both ends differs from that of the free phase.

    The synapse remembers the product as it was before port ``nudge`` of the column above was on.
    """

    state: ClassVar[dict[str, float]] = {"free": 0.0}

    def update(self, synapse: Any, pre: Any, post: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Store the product of both ends while nothing is nudged."""
        return {"free": where(port.nudge != 0, synapse.free, post.sent * pre.rate)}

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute ``sent · rate`` less what it was."""
        return post.sent * pre.rate - synapse.free


class ChangeOfSentTimesRate(Plasticity):
    """How the product of both ends has changed in this step: equilibrium propagation, local in time.

    Over the steps of a nudged phase such changes add up to the difference between its two ends (Ernoult et
    al. 2020), and no synapse remembers a phase.
    """

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute ``sent · rate`` less what it was a step ago."""
        return post.sent * pre.rate - post.sent_before * pre.rate_before


class ChangeOfSent(ChangeOfSentTimesRate):
    """The same where the presynaptic column rests: in the input, or that of biases."""

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute the change of ``sent`` in this step, times the rate."""
        return (post.sent - post.sent_before) * pre.rate


class SentDifferenceTimesRate(Plasticity):
    """What the postsynaptic column does otherwise than in the free phase, times a presynaptic rate (GeneRec).

        (sent_post − free_post) · ((1 − share) free_pre + share rate_pre)

    The synapse remembers what its two columns did before port ``nudge`` of the column above was on.

    Args:
        share: of the presynaptic rate that is there now: 0 GeneRec, ½ the midpoint rule (O'Reilly 1996).
    """

    share: Probability = 0.0
    state: ClassVar[dict[str, float]] = {"free_pre": 0.0, "free_post": 0.0}

    def update(self, synapse: Any, pre: Any, post: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Store the states of both ends while nothing is nudged."""
        taught = port.nudge != 0
        return {
            "free_pre": where(taught, synapse.free_pre, pre.rate),
            "free_post": where(taught, synapse.free_post, post.sent),
        }

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute the postsynaptic difference times the (mixed) presynaptic rate."""
        sent = synapse.free_pre + self.share * (pre.rate - synapse.free_pre)
        return (post.sent - synapse.free_post) * sent


class MovedTimesRate(Plasticity):
    """Plasticity by the error of the column above, as it counts in the energy, times the presynaptic rate."""

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute ``moved · rate``."""
        return post.moved * pre.rate


class ResponseOfBoth(Plasticity):
    """How the product of both ends moves with a small error: both halves of recurrent backprop's gradient."""

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute ``moved · rate + sent · error``."""
        return post.moved * pre.rate + post.sent * pre.error
