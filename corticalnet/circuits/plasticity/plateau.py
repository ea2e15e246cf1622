"""Plasticity by plateau potentials (Guerguiev, Lillicrap & Richards 2017).

    Δw = rate · trigger · error_post · (what the presynaptic cell sent in the free phase)

The error is a state of the postsynaptic cell: how its plateau potential has changed, times its gain.
"""

from __future__ import annotations

from typing import Any, ClassVar

from corticalnet.circuits.plasticity.plasticity import Plasticity
from corticalnet.circuits.pointwise import where


class PlateauTimesRate(Plasticity):
    """Plasticity by the postsynaptic error and the presynaptic rate of the free phase, which a synapse keeps.

    The postsynaptic cell has a port ``prediction_phase``, not 0 in the free phase.
    """

    state: ClassVar[dict[str, float]] = {"free": 0.0}

    def update(self, synapse: Any, pre: Any, post: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Store the presynaptic rate while no teacher is there."""
        return {"free": where(port.prediction_phase != 0, pre.rate, synapse.free)}

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute ``error · free rate``."""
        return post.error * synapse.free

    def for_spiking_input(self) -> Plasticity:
        """Return the plasticity that reads the mean postsynaptic potential, kept by the axon."""
        return PlateauTimesPotential(**self.parameters())


class PlateauTimesPotential(Plasticity):
    """Plasticity by the postsynaptic error and the mean postsynaptic potential at the free phase's end."""

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute ``error · held potential``."""
        return post.error * pre.held
