"""Short-term dynamics of synapses: what they release depends on what they have released lately.

du/dt = (U − u) / τ_f + U (1 − u) r              utilisation rises with each spike, and falls back
dx/dt = (1 − x) / τ_d − u x r                    resources are used up, and recover
Δ port = w · u · x · what is sent                Tsodyks, Pawelzik & Markram 1998, in mean rates
"""

from __future__ import annotations

from typing import Any, ClassVar

from corticalnet.circuits.plasticity.plasticity import Plasticity
from corticalnet.circuits.pointwise import increment
from corticalnet.circuits.quantities import Milliseconds, PerMillisecond, Probability


class TsodyksMarkram(Plasticity):
    """Short-term facilitation and depression (Tsodyks et al. 1998); weights stay as they are.

    The presynaptic cell has a state ``rate``. States: ``utilisation`` u, ``resources`` x.

    Args:
        release: U, the utilisation at the first spike.
        recovery: τ_d.
        facilitation: τ_f.
        max_rate: how many spikes a rate of 1 stands for.
    """

    release: Probability = 0.5
    recovery: Milliseconds = 800.0
    facilitation: Milliseconds = 50.0
    max_rate: PerMillisecond = 0.1
    state: ClassVar[dict[str, float]] = {"utilisation": 0.0, "resources": 1.0}

    def update(self, synapse: Any, pre: Any, post: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Update utilisation and resources by one Euler step."""
        u, x, spikes = synapse.utilisation, synapse.resources, self.max_rate * pre.rate * dt
        return {
            "utilisation": u
            + increment(self.release - u, self.facilitation, dt)
            + self.release * (1 - u) * spikes,
            "resources": x + increment(1 - x, self.recovery, dt) - u * x * spikes,
        }

    def transmits(self, synapse: Any, sent: Any) -> Any:
        """Compute ``w u x · sent``."""
        return synapse.weight * synapse.utilisation * synapse.resources * sent

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Return 0: the weight does not change."""
        return 0.0 * synapse.weight
