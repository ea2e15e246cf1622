"""Noise on ports: drawn by seed and absolute step, however a simulation is cut into runs.

simulate(circuit, protocol, noise=[Noise("area1.value", "prediction", sd=0.1)], seed=1)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from corticalnet.checks import not_negative, whole
from corticalnet.errors import ProtocolError
from corticalnet.seeds import seed_of

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Noise:
    """Gaussian noise that is added to a port, drawn anew for each step, sample and cell.

    ``sd`` is that of the number added in each step, whatever the length dt of a step: the same ``sd`` in
    shorter steps is less noise. ``density`` σ is that of white noise, in the port's unit × √ms: each step
    gets σ/√dt, so that what a cell integrates, Σ noise dt over a time T, has the variance σ² T for every dt.

    Every population and port has a stream of its own, by the simulation's seed, ``seed`` and the absolute
    step: all engines receive the same noise, what else is noisy changes nothing, and a simulation that goes
    on goes on with new noise. The samples of a batch receive independent noise.

    Args:
        population: whose cells receive it.
        port: of theirs.
        sd: standard deviation in each step, in the port's unit; 0.01 if no size is given.
        seed: a whole number, beside the simulation's own.
        density: σ of white noise instead, in the port's unit × √ms.

    Raises:
        ProtocolError: an impossible sd, density or seed, or both sd and density.

    >>> import corticalnet as cn
    >>> circuit = cn.circuit(cn.mlp([2, 3, 2]), cn.rule("z-il"))
    >>> quiet = cn.simulate(circuit, [cn.Rest(steps=5)], record=["value"])
    >>> noise = [Noise("area1.prediction", sd=0.1)]
    >>> loud = cn.simulate(circuit, [cn.Rest(steps=5)], record=["value"], noise=noise)
    >>> bool(quiet["area1.value.value"].any()), bool(loud["area1.value.value"].any())
    (False, True)
    """

    population: str
    port: str = "prediction"
    sd: float | None = None
    seed: int = 0
    density: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        what = f"Noise on '{self.population}'"
        if self.sd is not None and self.density is not None:
            raise ProtocolError(f"{what} takes sd=… (in each step) or density=… (per √ms), not both")
        if self.sd is None and self.density is None:
            object.__setattr__(self, "sd", 0.01)
        name, size = ("sd", self.sd) if self.density is None else ("density", self.density)
        object.__setattr__(self, name, not_negative(f"{what}: {name}", size, ProtocolError))
        whole(f"{what}: seed", self.seed, ProtocolError, least=0)

    def stream(self, dt: float, seed: int = 0) -> NoiseStream:
        """Return the noise stream of a simulation with this step length (ms) and this seed."""
        size = float(self.sd) if self.sd is not None else float(self.density or 0.0) / math.sqrt(dt)
        return NoiseStream(size, seed_of(seed, self.seed, self.population, self.port, size=16))

    def draw(
        self, steps: int, batch: int, n: int, *, dt: float = 1.0, seed: int = 0, begin: int = 0
    ) -> Floats:
        """Draw ``[steps, batch, n]`` from step ``begin`` on; more steps or samples begin like fewer."""
        return self.stream(dt, seed).table(begin, steps, batch, n)


@dataclass(frozen=True)
class NoiseStream:
    """The noise of one port in one simulation.

    Attributes:
        sd: of each number.
        key: of the counter-based generator (Philox); the counter is the step.
    """

    sd: float
    key: int

    def at(self, step: int, batch: int, n: int) -> Floats:
        """Draw the noise ``[batch, n]`` of one absolute step."""
        counter = np.array([0, 0, step, 0], dtype=np.uint64)  # a step never needs 2^128 numbers
        rng = np.random.Generator(np.random.Philox(counter=counter, key=self.key))
        return rng.normal(0.0, self.sd, (batch, n))

    def table(self, begin: int, steps: int, batch: int, n: int) -> Floats:
        """Draw the noise ``[steps, batch, n]`` of several steps."""
        return np.stack([self.at(step, batch, n) for step in range(begin, begin + steps)])
