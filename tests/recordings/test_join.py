"""Recordings of runs that follow each other, as the recording of the longer run."""

import json

import numpy as np
import pytest
import xarray as xr

import corticalnet as cn
from corticalnet.errors import ProtocolError
from tests.engines.random_experiments import one_experiment

EXPERIMENT = one_experiment()


def running(seed=3):
    return cn.simulator(EXPERIMENT.circuit, seed=seed)


def parts(simulator, **options):
    return [simulator.run([one], noise=EXPERIMENT.noise, **options) for one in EXPERIMENT.elements]


@pytest.mark.parametrize("every", [1, 3])
def test_joined_runs_are_the_longer_run_in_every_respect(every):
    """Numbers, coordinates, events, settings; weights before of the first and after of the last."""
    whole = running().run(EXPERIMENT.elements, noise=EXPERIMENT.noise, every=every)
    several = parts(running(), every=every)
    xr.testing.assert_identical(cn.join(several), whole)
    xr.testing.assert_identical(cn.join(iter(several[:1])), several[0])
    assert not several[-1]["weights up"].sel(when="after").equals(several[0]["weights up"].sel(when="after"))


def test_trials_of_joined_runs_are_exported_as_trials():
    simulator = running()
    trial = [cn.Present(np.ones(2), 4), cn.Rest(3)]
    data = cn.join([simulator.run(trial) for _ in range(3)])
    assert [s.t_start.rescale("ms").item() for s in cn.to_neo(data).segments] == [0, 3.5, 7]
    assert len(json.loads(data.attrs["events"])) == 6


def test_recordings_that_are_not_one():
    simulator, other = running(), running(4)
    one, two = simulator.run([cn.Rest(3)]), simulator.run([cn.Rest(3)])
    other.run([cn.Rest(3)])
    for given, words in (
        ([], "join needs at least one recording"),
        ([one, 3], "number 2 is no recording of a simulation"),
        ([one, xr.Dataset()], "number 2 is no recording of a simulation"),
        ([one, other.run([cn.Rest(3)])], "recording 2 is of another seed: 4, not 3"),
        ([one, simulator.run([cn.Rest(3)], every=2)], "recording 2 is of another every: 2, not 1"),
        ([one, simulator.run([cn.Rest(3)], record="spike")], "recording 2 records other things: a"),
        ([two, one], "what begins with step 0 does not follow what ends with step 5"),
        ([one, one], "what begins with step 0 does not follow what ends with step 2"),
    ):
        with pytest.raises(ProtocolError, match=words) as caught:
            cn.join(given)
        assert "\n" not in str(caught.value)
