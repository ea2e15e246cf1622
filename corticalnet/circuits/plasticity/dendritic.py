"""Plasticity by what dendrites hold: what they did not predict of their soma, and what nobody expected."""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.plasticity.plasticity import Plasticity


class MismatchTimesRate(Plasticity):
    """Synapses learn what their basal dendrite did not predict of the soma (Urbanczik & Senn 2014)."""

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute ``mismatch · rate``."""
        return post.mismatch * pre.rate


class Silencing(Plasticity):
    """Synapses learn to bring an apical dendrite to rest (Sacramento et al. 2018)."""

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute ``−apical · rate``."""
        return -post.apical * pre.rate
