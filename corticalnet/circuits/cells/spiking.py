"""Spiking cells: they turn a rate that is wanted into spikes, and synapses turn spikes into a rate again.

    wanted rate r = max_rate · max(0, base + drive)

    Poisson     a spike in each step with probability r dt
    PIF         dv/dt = r;  a spike at v = 1, which is taken off v            perfect integrate-and-fire
    LIF         τ dv/dt = I − v;  a spike at v = 1, then v = 0                leaky integrate-and-fire
                r = 1 / (τ ln(I / (I − 1)))      its f–I curve
                I = 1 / (1 − e^(−1/(τ r)))       and the current that the wanted rate needs

What happens in a step after a threshold was crossed within it is not lost: the voltage begins there anew,
so rates are right also where a step is not short.

A spike is a state, ``spike``, that is 1 in the step in which it happens.
"""

from __future__ import annotations

from abc import ABC
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.cells.state import State
from corticalnet.circuits.pointwise import exp, floor, log, maximum, relax, where
from corticalnet.circuits.quantities import Milliseconds, PerMillisecond, Probability, Pure

Floats = NDArray[np.float64]
#: Fewer spikes than this in a time constant are silence.
_NEVER = 1e-6


class Spiking(Cell, ABC):
    """Base class of cells that spike at a target rate. Port: ``drive``.

    Args:
        max_rate: rate at a drive of 1.
        base: drive that is always there.
    """

    max_rate: PerMillisecond = 0.1
    base: Pure = 0.0
    ports = {"drive": "predict"}
    output = "spike"

    def wanted(self, drive: Any) -> Any:
        """Compute the target rate ``max_rate · max(0, base + drive)``."""
        return self.max_rate * maximum(self.base + drive, 0.0)


class Poisson(Spiking):
    """A Poisson cell: spikes come independently, with probability r dt in a step.

    Each cell draws its own chances: Wichmann and Hill's generator (1982, AS 183), three whole numbers that
    any engine computes exactly (also in float32), so all engines see the same spikes.
    """

    state = {"spike": State(event=True), "first": 1.0, "second": 1.0, "third": 1.0}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Draw a random number, and spike with probability r dt."""
        first, second, third = (
            _remainder(171.0 * cell.first, 30269.0),
            _remainder(172.0 * cell.second, 30307.0),
            _remainder(170.0 * cell.third, 30323.0),
        )
        chance = _remainder(first / 30269.0 + second / 30307.0 + third / 30323.0, 1.0)
        fires = chance < self.wanted(port.drive) * dt
        return {"spike": where(fires, 1.0, 0.0), "first": first, "second": second, "third": third}

    def initial_spread(self, shape: tuple[int, ...], rng: np.random.Generator) -> dict[str, Floats]:
        """Draw the initial state of each cell's random generator."""
        sizes = {"first": 30269, "second": 30307, "third": 30323}
        return {name: rng.integers(1, size, shape).astype(np.float64) for name, size in sizes.items()}


class PIF(Spiking):
    """A perfect integrate-and-fire cell: ``dv/dt = r``; a spike takes 1 off."""

    state = {"spike": State(event=True), "voltage": 0.0}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Integrate the rate; spike at threshold."""
        voltage = cell.voltage + dt * self.wanted(port.drive)
        fires = voltage >= 1
        return {"spike": where(fires, 1.0, 0.0), "voltage": where(fires, voltage - 1, voltage)}

    def initial_spread(self, shape: tuple[int, ...], rng: np.random.Generator) -> dict[str, Floats]:
        """Draw the phase of the cycle uniformly."""
        return {"voltage": rng.random(shape)}


class LIF(Spiking):
    """A leaky integrate-and-fire cell: ``τ dv/dt = I − v``; v is in thresholds, a spike at 1 resets it to 0.

    Args:
        tau: of the membrane.
    """

    tau: Milliseconds = 20.0
    state = {"spike": State(event=True), "voltage": 0.0}

    def current(self, rate: Any) -> Any:
        """Compute the current I for a rate: the inverse of the f–I curve; 0 for silence."""
        spikes = self.tau * rate  # in one time constant
        return where(spikes > _NEVER, 1 / (1 - exp(-1 / maximum(spikes, _NEVER))), 0.0)

    def rate(self, current: Any) -> Any:
        """Compute the rate at a current, the f–I curve; 0 up to the rheobase, I = 1."""
        above = maximum(current, 1 + 1e-12)
        return where(current > 1, 1 / (self.tau * log(above / (above - 1))), 0.0)

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Integrate exactly for a constant current; spike at threshold, with the time interpolated."""
        current = self.current(self.wanted(port.drive))
        voltage = current + (cell.voltage - current) * exp(-dt / self.tau)
        fires = voltage >= 1
        left = dt * maximum(voltage - 1, 0.0) / maximum(voltage - cell.voltage, 1e-12)
        return {
            "spike": where(fires, 1.0, 0.0),
            "voltage": where(fires, current * (1 - exp(-left / self.tau)), voltage),
        }

    def initial_spread(self, shape: tuple[int, ...], rng: np.random.Generator) -> dict[str, Floats]:
        """Draw the phase of the cycle uniformly, at the rate of the base (half the maximum without one)."""
        rate = float(self.max_rate) * (float(self.base) or 0.5)
        phase = rng.random(shape)
        if rate <= 0:  # held silent: anywhere below the threshold
            return {"voltage": phase}
        return {"voltage": self.current(rate) * (1 - np.exp(-phase / (rate * float(self.tau))))}


class DrivenLIF(Cell):
    """A leaky integrate-and-fire cell that is driven by the spikes of others, not by a target rate.

        τ dv/dt = I − v,  a spike at v = 1, then v = 0          τ_s dI/dt = −I, and what arrives

    For spiking networks of one's own, with synapses from cell to cell. Port: ``spikes`` (jumps of I).

    Args:
        tau: of the membrane.
        synapse: τ_s.
        spread: voltages begin uniformly in 0 … spread; 0 for all at rest, as other tools begin.
    """

    tau: Milliseconds = 20.0
    synapse: Milliseconds = 5.0
    spread: Probability = 1.0
    ports = {"spikes": "predict"}
    state = {"spike": State(event=True), "voltage": 0.0, "current": 0.0}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Integrate current and voltage by one Euler step; spike at threshold."""
        current = cell.current * (1 - dt / self.synapse) + port.spikes
        voltage = relax(cell.voltage, current, self.tau, dt)
        fires = voltage >= 1
        return {
            "spike": where(fires, 1.0, 0.0),
            "voltage": where(fires, 0.0, voltage),
            "current": current,
        }

    def initial_spread(self, shape: tuple[int, ...], rng: np.random.Generator) -> dict[str, Floats]:
        """Draw voltages uniformly below ``spread``."""
        return {"voltage": self.spread * rng.random(shape)}


class SynapticCurrent(Cell):
    """A synaptic current: τ d rate/dt = −rate, with a jump at each spike.

    With weight z / (N r τ) from each of N cells that fire at r, its mean is z. Port: ``spikes``.

    Args:
        tau: of the synapse.
    """

    tau: Milliseconds = 20.0
    ports = {"spikes": "predict"}
    state = {"rate": 0.0}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Decay by one Euler step, and jump by the spikes that arrive."""
        return {"rate": relax(cell.rate, 0.0, self.tau, dt) + port.spikes}


def _remainder(x: Any, size: float) -> Any:
    """Compute x modulo size."""
    return x - size * floor(x / size)
