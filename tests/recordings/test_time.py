"""Which state a recorded value is: the one after the step that begins at its time. Worked by hand."""

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.circuits import Circuit, Population
from corticalnet.experiment.protocol import SetInput
from corticalnet.recordings.reading import clock
from tests.engines.small import Leaky

#: τ = 4 ms, dt = 1 ms, rate 0.25 at rest, drive 1.25: each step takes a quarter of what is missing.
STEPS = [0.25 + 0.25 * 1.0, 0.5 + 0.25 * 0.75, 0.6875 + 0.25 * 0.5625, 0.828125 + 0.25 * 0.421875]
CELL = Circuit([Population("a", 1, Leaky())], dt=1.0)


def recorded(engine, every=1):
    """Rate of the cell in four steps."""
    if engine == "brian2":
        pytest.importorskip("brian2")
    drive = SetInput({"a.drive": np.array([[1.25]])}, 4)
    return cn.simulate(CELL, [drive], engine, record=["a.rate"], every=every)["a.rate"]


@pytest.mark.parametrize("engine", ["torch", "brian2"])
def test_a_value_is_the_state_after_the_step_that_begins_at_its_time(engine):
    rate = recorded(engine)
    assert rate["time"].values.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert rate.values.ravel() == pytest.approx(STEPS, rel=1e-12)  # (and not 0.25, its state at time 0)


@pytest.mark.parametrize("engine", ["torch", "brian2"])
def test_of_every_second_step_too(engine):
    rate = recorded(engine, every=2)
    assert rate["time"].values.tolist() == [1.0, 3.0]
    assert rate.values.ravel() == pytest.approx([STEPS[1], STEPS[3]], rel=1e-12)


def test_the_axis_of_time_says_so_also_in_a_file(tmp_path):
    data = cn.simulate(CELL, [cn.Rest(2)], record=["a.rate"])
    data.to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
    for one in (data, cn.load_recording(tmp_path / "run.nc")):
        about = one["time"].attrs
        assert about["units"] == "ms"
        assert about["long_name"] == "time at which the step begins"
        assert about["comment"] == "a recorded value is the state after the step that begins at its time"


@pytest.mark.parametrize(("dynamics", "unit", "label"), [(None, "1", "step"), ("latch", "ms", "time (ms)")])
def test_steps_of_a_rule_are_no_durations(dynamics, unit, label, tmp_path):
    made = cn.circuit(cn.mlp([2, 3, 2], "tanh"), cn.rule("streaming-fa-z-il"), dynamics=dynamics)
    assert ("steps have no duration" in str(made)) == (dynamics is None)
    made.save(tmp_path / "made")
    for one in (made, cn.Circuit.load(tmp_path / "made")):
        data = cn.simulate(one, [cn.Rest(steps=3)], record=["error"])
        assert data["time"].attrs["units"] == unit
        assert clock(data) == label
