"""Integrate-and-fire cells as NIR defines them, each by one forward Euler step.

    LeakyIntegrateAndFire    τ dv/dt = (v_leak − v) + drive
    CubaLIF                  τ dv/dt = (v_leak − v) + I,      τ_s dI/dt = −I + drive
    IntegrateAndFire           dv/dt = slope · drive
    LeakyIntegrator          τ dv/dt = (v_leak − v) + drive   (no spikes)

    a spike in the step in which v > threshold; then v = reset

Pedersen et al., Neuromorphic intermediate representation, Nature Communications 15, 8122 (2024). The
equations there are of continuous time; Norse, snnTorch and SpikingJelly take the Euler step that is taken
here, the current before the voltage. A resistance is in the weights of what arrives.
"""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.cells.state import State
from corticalnet.circuits.pointwise import relax, where
from corticalnet.circuits.quantities import Milliseconds, PerMillisecond, Pure


class LeakyIntegrator(Cell):
    """A leaky integrator: ``τ dv/dt = (v_leak − v) + drive``. Port: ``drive``.

    Args:
        tau: of the membrane.
        leak: the voltage at rest.
    """

    tau: Milliseconds = 20.0
    leak: Pure = 0.0
    ports = {"drive": "predict"}
    state = {"voltage": 0.0}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax to what drives it by one Euler step."""
        return {"voltage": relax(cell.voltage, self.leak + port.drive, self.tau, dt)}

    def rest(self) -> dict[str, float]:
        """Return the voltage at rest: the leak."""
        return {"voltage": self.leak}


class LeakyIntegrateAndFire(Cell):
    """A leaky integrate-and-fire cell: ``τ dv/dt = (v_leak − v) + drive``. Port: ``drive``.

    Args:
        tau: of the membrane.
        threshold: v above it is a spike.
        reset: the voltage after a spike.
        leak: the voltage at rest.
    """

    tau: Milliseconds = 20.0
    threshold: Pure = 1.0
    reset: Pure = 0.0
    leak: Pure = 0.0
    ports = {"drive": "predict"}
    state = {"spike": State(event=True), "voltage": 0.0}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax to what drives it by one Euler step; spike above threshold."""
        return _fired(relax(cell.voltage, self.leak + port.drive, self.tau, dt), self)

    def rest(self) -> dict[str, float]:
        """Return the states at rest: no spike, the voltage at the leak."""
        return {"spike": 0.0, "voltage": self.leak}


class CubaLIF(Cell):
    """A leaky integrate-and-fire cell whose synapses make a current.

        τ dv/dt = (v_leak − v) + I,    τ_s dI/dt = −I + drive

    A jump of 1 in the current needs a drive of τ_s / dt for one step. Port: ``drive``.

    Args:
        tau: of the membrane.
        synapse: τ_s.
        threshold: v above it is a spike.
        reset: the voltage after a spike.
        leak: the voltage at rest.
    """

    tau: Milliseconds = 20.0
    synapse: Milliseconds = 5.0
    threshold: Pure = 1.0
    reset: Pure = 0.0
    leak: Pure = 0.0
    ports = {"drive": "predict"}
    state = {"spike": State(event=True), "voltage": 0.0, "current": 0.0}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Move the current, then the voltage, by one Euler step each; spike above threshold."""
        current = relax(cell.current, port.drive, self.synapse, dt)
        fired = _fired(relax(cell.voltage, self.leak + current, self.tau, dt), self)
        return {**fired, "current": current}

    def rest(self) -> dict[str, float]:
        """Return the states at rest: no spike, no current, the voltage at the leak."""
        return {"spike": 0.0, "voltage": self.leak, "current": 0.0}


class IntegrateAndFire(Cell):
    """A perfect integrate-and-fire cell: ``dv/dt = slope · drive``. Port: ``drive``.

    Args:
        slope: of the voltage at a drive of 1.
        threshold: v above it is a spike.
        reset: the voltage after a spike.
    """

    slope: PerMillisecond = 1.0
    threshold: Pure = 1.0
    reset: Pure = 0.0
    ports = {"drive": "predict"}
    state = {"spike": State(event=True), "voltage": 0.0}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Integrate by one Euler step; spike above threshold."""
        return _fired(cell.voltage + dt * self.slope * port.drive, self)


class Bias(Cell):
    """A cell whose rate is 1 from the first step on, and was 0 before: a bias that a delay brings later."""

    state = {"rate": 0.0}

    def fire(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Set the rate to 1."""
        return {"rate": 0.0 * cell.rate + 1.0}


class LinearReadout(Cell):
    """A readout: the weighted sum of what is sent in this step. Port: ``drive``. State: ``value``."""

    ports = {"drive": "compare"}
    state = {"value": 0.0}

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Take over the sum."""
        return {"value": port.drive}


def _fired(voltage: Any, cell: Any) -> dict[str, Any]:
    """Return spike and voltage after the threshold."""
    fires = voltage > cell.threshold
    return {"spike": where(fires, 1.0, 0.0), "voltage": where(fires, cell.reset, voltage)}
