"""Bursting cells: events by the basal dendrite, the share of bursts among them by the apical one.

    rate     = f(basal)                                          events, what goes up
    chance   = σ(slope (1 − rate) (apical − silence) + logit p_b)    of an event to be a burst
    burst    = chance · rate                                     what comes down
    expected = p_b · rate                                        what comes down, too, and silences dendrites

(Greedy et al. 2022.) Facilitating synapses pass bursts on, depressing ones events; here each has a state to
send. Where f is no sigmoid, f' takes the place of the rate in all but what goes up, and 1 that of 1 − rate.
"""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.cells.activation import activation
from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.pointwise import sigmoid, where
from corticalnet.circuits.quantities import ONE, Magnitude, Pure


class BurstingColumn(Cell):
    """A hidden column that fires events and bursts.

    Ports: ``basal``, ``apical`` (bursts from above), ``silence`` (those that events from above let expect).
    States: ``rate``, ``basal``, ``burst``, ``expected``, ``surplus`` (burst − expected; its synapses learn by
    it).

    Args:
        activation: f.
        logit: of p_b, the chance of a burst where the apical dendrite is silent.
        slope: of the chance by the apical dendrite.
    """

    activation: str = "sigmoid"
    logit: Pure = 0.0
    slope: Magnitude = 4.0
    ports = {"basal": "predict", "apical": "feedback", "silence": "feedback"}
    state = {"rate": 0.0, "basal": 0.0, "burst": 0.0, "expected": 0.0, "surplus": 0.0}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Fire events at f of the basal dendrite."""
        return {"basal": port.basal, "rate": activation(self.activation).rate(port.basal)}

    def feedback(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute bursts as the apical dendrite says."""
        events, gain = self._multiplexed(cell)
        chance = sigmoid(self.slope * gain * (port.apical - port.silence) + self.logit)
        return self._bursts(chance * events, sigmoid(self.logit) * events)

    def _multiplexed(self, cell: Any) -> tuple[Any, Any]:
        """Return events, and the gain of the apical dendrite: f' is their product."""
        if self.activation == "sigmoid":
            return cell.rate, 1 - cell.rate
        return activation(self.activation).gain(1.0, cell.basal, cell.rate), 1.0

    def _bursts(self, burst: Any, expected: Any) -> dict[str, Any]:
        return {"burst": burst, "expected": expected, "surplus": burst - expected}

    def rest(self) -> dict[str, float]:
        """Return the state without drive, with the rate f(0)."""
        return {**super().rest(), "rate": float(activation(self.activation).rate(0.0))}


class TaughtBursting(BurstingColumn):
    """An output column that bursts more, or less, in the step in which a teacher comes.

        chance = p_b (1 + (1 − rate) (target − rate))

    Outside inputs: ``target``, ``clamped``. Later steps of the same teacher bring nothing new, so that a
    lesson is one, however long it takes, and no clock has to say so. State beside the others: ``taught``
    (whether the teacher was there in the last step).
    """

    ports = {"basal": "predict"}
    state = {**BurstingColumn.state, "taught": 0.0}
    inputs = {"target": ONE, "clamped": ONE}

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute bursts by how far the rate is from the target, if a teacher has come."""
        events, gain = self._multiplexed(cell)
        comes = (cell.clamped != 0) & (cell.taught == 0)
        error = where(comes, cell.target - cell.rate, 0.0)
        baseline = sigmoid(self.logit)
        bursts = self._bursts(baseline * (1 + gain * error) * events, baseline * events)
        return bursts | {"taught": where(cell.clamped != 0, 1.0, 0.0)}

    def feedback(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Keep the bursts: nothing comes down to an output."""
        return {"burst": cell.burst}
