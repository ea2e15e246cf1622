"""Synapses that are tagged when they had a part in an action, and change when dopamine comes (AuGMEnT).

    tag ← decay · tag + what a synapse had to do with the action         when feedback of an action is there
    Δw  = rate · dopamine · tag                                          whenever dopamine is
    tag ← 0                                                              when a trial is forgotten

Rombouts, Bohte & Roelfsema 2015, equations 12–17; decay = λγ. Postsynaptic cells have the ports ``tagging``
and ``forget`` (:mod:`corticalnet.circuits.cells.delayed_reward`).
"""

from __future__ import annotations

from typing import Any, ClassVar

from corticalnet.circuits.plasticity.plasticity import Plasticity
from corticalnet.circuits.pointwise import where
from corticalnet.circuits.quantities import Probability


class TaggedErrorTimesRate(Plasticity):
    """Plasticity by a tag: the postsynaptic column's credit (port ``error``) × the presynaptic rate.

    Args:
        decay: λγ, what is left of a tag when the next action is taken.
    """

    decay: Probability = 0.18
    state: ClassVar[dict[str, float]] = {"tag": 0.0}

    def update(self, synapse: Any, pre: Any, post: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Decay and add to the tag when feedback of an action is there; remove it when told to forget."""
        return {"tag": self._tag(synapse, port, port.error * pre.rate)}

    def _tag(self, synapse: Any, port: Any, part: Any) -> Any:
        tag = where(port.tagging != 0, self.decay * synapse.tag + part, synapse.tag)
        return where(port.forget != 0, 0.0, tag)

    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Return the tag."""
        return synapse.tag


class TaggedErrorTimesReceived(TaggedErrorTimesRate):
    """The same for synapses onto memory cells: credit × all that the synapse has received.

        received ← (leak at a new look, else 1) · received + rate

    Args:
        leak: as of the memory cell.
    """

    leak: Probability = 1.0
    state: ClassVar[dict[str, float]] = {"tag": 0.0, "received": 0.0}

    def update(self, synapse: Any, pre: Any, post: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Add up what arrives; move the tag by it when feedback of an action is there."""
        kept = where(port.look != 0, self.leak * synapse.received, synapse.received)
        return {
            "tag": self._tag(synapse, port, port.error * synapse.received),
            "received": where(port.forget != 0, 0.0, kept) + pre.rate,
        }


class TaggedRateTimesCredit(TaggedErrorTimesRate):
    """The same for synapses down: the rate of the column below × the credit of the action above."""

    def update(self, synapse: Any, pre: Any, post: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Decay and add to the tag when feedback of an action is there; remove it when told to forget."""
        return {"tag": self._tag(synapse, port, port.rate * pre.credit)}
