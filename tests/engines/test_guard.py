"""Numbers that are no longer finite: the very step, who, and why; what was recorded is not lost."""

import warnings

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.circuits import Circuit, Population
from corticalnet.circuits.cells import Cell
from corticalnet.circuits.cells.cell import State
from corticalnet.circuits.pointwise import where
from corticalnet.circuits.quantities import MS, ONE
from corticalnet.errors import CircuitError, CircuitWarning, ProtocolError, SimulationError


class Doubling(Cell):
    """Its rate is squared in each step: 10, 1e2, 1e4, …, 1e256, and then too much."""

    state = {"rate": 10.0}

    def move(self, cell, port, dt):
        return {"rate": cell.rate * cell.rate}


class Waiting(Cell):
    """Counts."""

    state = {"rate": 0.0, "silent": State(0.0, MS)}

    def move(self, cell, port, dt):
        return {"silent": cell.silent + dt}


def runaway(circuit, engine="torch", steps=60, **options):
    return cn.simulate(circuit, [cn.Rest(steps)], engine, **options)


@pytest.mark.parametrize("engine", ["torch", "brian2"])
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_the_very_step_and_population(engine):
    """10^(2^k) is finite up to k = 8: the ninth step, number 8."""
    circuit = Circuit([Population("calm", 2, Waiting()), Population("wild", 3, Doubling())], dt=0.5)
    with pytest.raises(SimulationError) as caught:
        runaway(circuit, engine)
    said = str(caught.value)
    assert "in step 8 (4 ms) 'rate' of population 'wild' became infinite or no number" in said
    assert "\n" not in said
    data = caught.value.recording
    right = 10.0 ** (2.0 ** np.arange(1, 9))
    assert data.step.values.tolist() == list(range(9))
    np.testing.assert_allclose(data["wild.rate"].values[:8, 0, 0], right)


@pytest.mark.parametrize("engine", ["torch", "brian2"])
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_the_very_step_is_found_under_the_inputs_that_were_on(engine):
    """Late in a run: the steps that are made again to find it see what the first ones saw."""

    class Driven(Cell):
        state = {"rate": 10.0}
        inputs = {"drive": ONE}

        def move(self, cell, port, dt):
            return {"rate": where(cell.drive > 0, cell.rate * cell.rate, cell.rate)}

    circuit = Circuit([Population("wild", 1, Driven())])
    protocol = [cn.Rest(40), cn.SetInput({"wild.drive": 1.0}, 60)]
    with pytest.raises(SimulationError, match="in step 48 ") as caught:
        cn.simulate(circuit, protocol, engine)
    assert caught.value.recording.step.values.tolist() == list(range(49))


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_warnings_and_silence_if_asked_for():
    circuit = Circuit([Population("wild", 1, Doubling())])
    with pytest.warns(CircuitWarning, match="'rate' of population 'wild'"):
        assert runaway(circuit, diverged="warn").sizes["time"] == 60
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert runaway(circuit, diverged="ignore").sizes["time"] == 60
    with pytest.raises(ProtocolError, match="unknown choice for diverged 'stopp'; did you mean 'stop'"):
        runaway(circuit, diverged="stopp")


def test_a_learning_rate_that_is_too_large_is_named():
    net = cn.mlp([4, 6, 3], hidden="relu", seed=0, dtype=torch.float64)
    before = net.links[0].weight.clone()
    circuit = cn.circuit(net, cn.rule("z-il"), learning_rate=500.0)
    x = np.random.default_rng(0).normal(size=(200, 4))
    stream = cn.Stream(x, np.zeros(200, int), present=(6, 6), teach=(6, 6))
    with pytest.raises(SimulationError, match=r"weights of '.*' ran away: choose a smaller learning rate"):
        cn.simulate(circuit, [stream], record="weights")
    data = cn.simulate(circuit, [stream], record="weights", diverged="ignore")
    with pytest.raises(CircuitError, match=r"weights of '.*' are not finite"):
        cn.write_back(circuit, net, data)
    assert torch.equal(net.links[0].weight, before)


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_step_by_step_it_is_found_too():
    running = cn.simulator(Circuit([Population("wild", 1, Doubling())]))
    for _ in range(8):
        running.run([cn.Rest(1)], record=[])
    with pytest.raises(SimulationError, match="in step 8 "):
        running.run([cn.Rest(1)], record=[])
    assert running.step == 9


def test_large_but_finite_numbers_pass():
    """Sums of states that overflow are no trouble of any state."""

    class Large(Cell):
        state = {"rate": 1e308}

        def move(self, cell, port, dt):
            return {"rate": cell.rate}

    assert np.isfinite(runaway(Circuit([Population("large", 9, Large())]))["large.rate"]).all()
