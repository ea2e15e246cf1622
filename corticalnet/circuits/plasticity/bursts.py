"""Burst-dependent plasticity: more bursts than events let expect, times the presynaptic rate of events."""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.plasticity.plasticity import Plasticity


class SurplusTimesRate(Plasticity):
    """Plasticity by the postsynaptic surplus of bursts times the presynaptic rate (Greedy et al. 2022)."""

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute ``surplus · rate``."""
        return post.surplus * pre.rate
