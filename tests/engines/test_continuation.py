"""A simulation in pieces is the simulation in one piece, bit for bit: random circuits, protocols and cuts."""

import copy
import pickle

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import corticalnet as cn
from corticalnet import Noise, Present
from corticalnet.circuits import Circuit, Population, Projection
from corticalnet.circuits.cells import PIF, Poisson, Sensory
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.pointwise import relax
from corticalnet.circuits.quantities import Milliseconds
from corticalnet.errors import CircuitError, RecordingWarning
from tests.engines.random_experiments import cut, experiments, one_experiment

SETTINGS = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


def running_of(experiment, engine):
    return cn.simulator(experiment.circuit, engine, experiment.seed, batch=experiment.batch)


def run(running, experiment, elements):
    return running.run(elements, noise=experiment.noise, every=experiment.every)


def equal(joined, whole):
    """All that changes in time; the pieces' weights before and after are those of their own ends."""
    assert set(joined.data_vars) == set(whole.data_vars)
    for name in [*whole.data_vars, "time", "step"]:
        if "time" in whole[name].dims:
            np.testing.assert_array_equal(joined[name].values, whole[name].values, err_msg=name)


def pieces_are_the_whole(experiment, cuts, engine):
    whole = run(running_of(experiment, engine), experiment, experiment.elements)
    running, parts, rest, done = running_of(experiment, engine), [], experiment.elements, 0
    for at in sorted(set(cuts)):
        first, rest = cut(rest, at - done)
        if first:
            parts.append(run(running, experiment, first))
        done = max(at, done)
        assert running.step == min(at, experiment.steps())
    parts += [run(running, experiment, rest)] if rest else []
    equal(xr.concat(parts, "time", data_vars="minimal", compat="override", coords="minimal"), whole)
    for name, weight in running.weights.items():
        if f"{name} after" in whole:
            np.testing.assert_array_equal(weight, whole[f"weights {name}"].sel(when="after").values)


@pytest.mark.slow
@settings(max_examples=25, **SETTINGS)
@given(experiments(), st.lists(st.integers(1, 20), min_size=1, max_size=3))
def test_pieces_are_the_whole_on_torch(experiment, cuts):
    pieces_are_the_whole(experiment, cuts, "torch")


@pytest.mark.slow
@settings(max_examples=2, **SETTINGS)
@given(experiments(batches=(1,)), st.lists(st.integers(1, 20), min_size=1, max_size=3))
def test_pieces_are_the_whole_in_brian2(experiment, cuts):
    pieces_are_the_whole(experiment, cuts, "brian2")


@settings(max_examples=15, **SETTINGS)
@given(experiments(), st.integers(1, 15))
def test_a_snapshot_goes_on_as_its_simulation_did(experiment, at):
    """Restored into a simulator that has done something else; and a deep copy, and a pickle."""
    first, rest = cut(experiment.elements, min(at, experiment.steps() - 1))
    if not first or not rest:
        return
    running = running_of(experiment, "torch")
    run(running, experiment, first)
    snapshot, twin, thawed = running.snapshot(), copy.deepcopy(running), pickle.loads(pickle.dumps(running))
    right = run(running, experiment, rest)
    other = running_of(experiment, "torch")
    run(other, experiment, experiment.elements[::-1])
    other.restore(snapshot)
    for branch in (twin, other, thawed):
        assert branch.step == snapshot.about.step
        assert run(branch, experiment, rest).identical(right)
    running.restore(snapshot)  # and back
    assert run(running, experiment, rest).identical(right)


@pytest.mark.slow
def test_a_brian2_snapshot_goes_on_too():
    experiment = one_experiment()
    first, rest = cut(experiment.elements, 7)
    running = running_of(experiment, "brian2")
    run(running, experiment, first)
    twin = copy.deepcopy(running)
    assert run(twin, experiment, rest).identical(run(running, experiment, rest))


class LowPass(Plasticity):
    """Learns by a state of each synapse: a low-pass of what comes."""

    tau: Milliseconds = 5.0
    state = {"low": 0.25}

    def update(self, synapse, pre, post, port, dt):
        return {"low": relax(synapse.low, pre.rate, self.tau, dt)}

    def eligibility(self, synapse, pre, post, port):
        return port.drive * synapse.low


@pytest.mark.slow
@pytest.mark.usefixtures("without_optimisation")
def test_a_program_of_its_own_goes_on_too():
    """Brian2's C++ target: compiled for both lengths; the second run begins where the first ended.

    With a delay, noise, spikes, a state of synapses and their trace, each recorded: few parts, for they cost
    a second each to compile.
    """
    made = Circuit(
        [Population("in", 2, Sensory()), Population("cells", 3, Poisson(max_rate=0.4, base=0.2))],
        [Projection("in", "cells", "drive", 0.5, name="up", delay=3.0, plasticity=LowPass(0.1, memory=4.0))],
    )
    shown, noise = [Present([1.0, -0.5], 5), Present([0.5, 1.0], 6)], [Noise("cells", "drive", sd=0.2)]
    record = ["spike", "up", "up.low", "trace"]
    whole = cn.simulator(made, seed=3).run(shown, record, noise=noise)
    assert whole["cells.spike"].values.any()
    running = cn.simulator(made, "brian2", seed=3, target="cpp_standalone")
    parts = [running.run(part, record, noise=noise) for part in cut(shown, 4)]
    joined = xr.concat(parts, "time", data_vars="minimal", compat="override", coords="minimal")
    for name in whole.data_vars:
        if "time" in whole[name].dims:
            np.testing.assert_allclose(joined[name].values, whole[name].values, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(running.read("up.low")[0], parts[1]["up.low"].values[-1, 0])


@pytest.mark.parametrize("engine", ["torch", "brian2"])
@pytest.mark.parametrize("before", [{"every": 1}, {"every": 10, "record": "voltage"}])
def test_a_window_whose_begin_was_not_counted_is_left_out_and_said(engine, before):
    """Cells that fire once in ten steps: no window may say that they did not, or that they were slower."""
    made = Circuit(
        [Population("in", 1, Sensory()), Population("cells", 4, PIF(max_rate="100 Hz"))],
        [Projection("in", "cells", "drive", 1.0)],
    )
    running = cn.simulator(made, engine)
    running.run([Present([1.0], 33)], **before)
    with pytest.warns(RecordingWarning, match="no record of steps 30 to 39: 'spike' of 'cells'"):
        data = running.run([Present([1.0], 67)], "spike", every=10)
    assert data.step.values.tolist() == [49, 59, 69, 79, 89, 99]
    assert (data["cells.spike"] == 1).all()
    levels = running.run([Present([1.0], 3)], "voltage", every=2)  # a level is what it is
    assert levels.step.values.tolist() == [101]
    assert running.run([Present([1.0], 3)], "voltage", every=4).step.values.tolist() == [103]


def test_noise_that_comes_and_goes_is_the_same_on_both_engines_and_costs_no_new_code(monkeypatch):
    made = Circuit(
        [Population("in", 1, Sensory()), Population("cells", 4, PIF(max_rate="100 Hz"))],
        [Projection("in", "cells", "drive", 1.0)],
    )
    noise = [Noise("cells", "drive", sd=0.9)]
    parts = {}
    for engine in ("torch", "brian2"):
        running = cn.simulator(made, engine, 3)
        parts[engine] = [running.run([Present([1.0], 20)], "voltage", noise=noise)]
        if engine == "brian2":
            monkeypatch.setattr(running.engine.model.network, "run", pytest.fail)
        parts[engine] += [running.run([Present([1.0], 20)], "voltage", noise=k % 2 * noise) for k in range(4)]
    for one, other in zip(*parts.values(), strict=True):
        np.testing.assert_allclose(one["cells.voltage"], other["cells.voltage"], rtol=1e-12)
    assert not np.array_equal(*(one["cells.voltage"] for one in parts["torch"][1:3]))


@pytest.mark.parametrize("engine", ["torch", "brian2"])
def test_weights_that_do_not_fit_are_refused_in_the_middle_of_a_simulation(engine):
    running = cn.simulator(one_experiment().circuit, engine)
    weights = running.weights
    for name, weight in (
        ("upp", weights["up"]),
        ("up", weights["up"][:, :1]),
        ("up", weights["up"] * np.nan),
    ):
        with pytest.raises(CircuitError, match=name):
            running.engine.set_weights({name: weight})
    running.engine.set_weights({"up": 2 * weights["up"]})
    np.testing.assert_array_equal(running.weights["up"], 2 * weights["up"])
