"""Noise × rate: plasticity of perturbation (Williams 1992; Lansdell, Prakash & Kording 2020).

Δw = rate · trigger · critic · ξ_post gain_post · rate_pre
"""

from __future__ import annotations

from typing import Any, ClassVar

from corticalnet.circuits.plasticity.plasticity import Plasticity
from corticalnet.circuits.pointwise import where


class NoiseTimesRate(Plasticity):
    """Plasticity by the postsynaptic column's own noise and gain times the presynaptic rate (REINFORCE)."""

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute ``ξ · gain · rate``."""
        return post.xi * post.gain * pre.rate


class NoiseTimesUndisturbedRate(Plasticity):
    """The same with the presynaptic rate from before the noise, which the synapse remembers."""

    state: ClassVar[dict[str, float]] = {"undisturbed": 0.0}

    def update(self, synapse: Any, pre: Any, post: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Store the presynaptic rate while there is no noise."""
        return {"undisturbed": where(port.trying != 0, synapse.undisturbed, pre.rate)}

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute ``ξ · gain · undisturbed rate``."""
        return post.xi * post.gain * synapse.undisturbed
