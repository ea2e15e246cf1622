"""How large noise is: per step as it is said, or per √ms, whatever the length of a step."""

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.circuits import Circuit, Population
from corticalnet.circuits.cells import Cell, State
from corticalnet.circuits.quantities import MS, Milliseconds
from corticalnet.errors import ProtocolError

ANIMALS, SIGMA = 4000, 0.3
#: Relative standard error of a variance of so many Gaussian numbers; the bar is five of them.
BAR = 5 * np.sqrt(2 / ANIMALS)


class Integrator(Cell):
    """Σ input dt."""

    ports = {"prediction": "predict"}
    state = {"sum": State(0.0, MS)}

    def move(self, cell, port, dt):
        return {"sum": cell.sum + dt * port.prediction}


class Leak(Cell):
    """τ dr/dt = −r + input."""

    tau: Milliseconds = 4.0
    ports = {"prediction": "predict"}
    state = {"rate": 0.0}

    def move(self, cell, port, dt):
        return {"rate": cell.rate + dt / self.tau * (port.prediction - cell.rate)}


def variance(cell, dt, ms, **size):
    made = Circuit([Population("a", 1, cell)], dt=dt)
    data = cn.simulate(made, [cn.Rest(ms=ms)], noise=[cn.Noise("a", **size)], seed=5, batch=ANIMALS, last=1)
    (name,) = cell.state
    return float(data[f"a.{name}"].var())


@pytest.mark.parametrize("dt", [2.0, 1.0, 0.25])
def test_white_noise_does_not_depend_on_dt(dt):
    """Var ∫ ξ dt over T is σ² T; that of a leaky cell comes near σ²/2τ as dt falls (q = 1 − dt/τ)."""
    assert variance(Integrator(), dt, 16, density=SIGMA) == pytest.approx(SIGMA**2 * 16, rel=BAR)
    q, tau = 1 - dt / 4.0, 4.0
    right = SIGMA**2 * dt / tau**2 * (1 - q ** (2 * 32 / dt)) / (1 - q**2)
    assert variance(Leak(), dt, 32, density=SIGMA) == pytest.approx(right, rel=BAR)


@pytest.mark.parametrize("dt", [2.0, 0.5])
def test_noise_of_each_step_is_that_of_each_step(dt):
    """Σ noise dt over T has the variance sd² dt T: shorter steps, less noise."""
    assert variance(Integrator(), dt, 16, sd=SIGMA) == pytest.approx(SIGMA**2 * dt * 16, rel=BAR)


def test_one_size_is_enough():
    with pytest.raises(
        ProtocolError, match=r"takes sd=… \(in each step\) or density=… \(per √ms\), not both"
    ):
        cn.Noise("a", sd=0.1, density=0.1)
    for wrong in (-1.0, np.inf, np.nan, "0.1", True):
        with pytest.raises(ProtocolError, match="density must be a number from 0"):
            cn.Noise("a", density=wrong)
