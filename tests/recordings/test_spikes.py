"""Spikes in numbers, against arrays made by hand, counts by hand, and closed forms of point processes."""

import numpy as np
import pytest
import xarray as xr

from corticalnet.analysis import cv, isi, population_rate, spike_times
from corticalnet.circuits import Circuit, OneToOne, Population, Projection
from corticalnet.circuits.cells import LIF, PIF, Poisson, Sensory
from corticalnet.engines import simulate
from corticalnet.errors import ProtocolError, UnitError
from corticalnet.experiment.protocol import SetInput

DT, ON, OFF = 0.5, "area1.value.on", "area1.value.off"


def recording(fired, populations=None, phi=None):
    """Spikes ``[time, batch, cell]`` by hand: two cells for each column; φ of an area with three columns."""
    steps, batch, cells = fired.shape
    names = populations or [ON] * cells
    coordinates = {
        "time": ("time", DT * np.arange(steps)),
        "step": ("time", np.arange(steps)),
        "batch": ("batch", np.arange(batch)),
    }
    variables = {}
    for name in dict.fromkeys(names):
        here = np.flatnonzero(np.array(names) == name)
        axis, numbers, about = f"{name}:cell", np.arange(len(here)), {"population": name, "state": "spike"}
        variables[f"{name}.spike"] = (("time", "batch", axis), fired[:, :, here].astype(np.int8), about)
        coordinates |= {axis: (axis, numbers), f"{name}:column": (axis, numbers // 2)}
    if phi is not None:
        about = {"population": "area1.phi", "state": "phi"}
        variables["area1.phi.phi"] = (("time", "batch", "area1"), phi, about)
        coordinates["area1"] = "area1", np.arange(3)
    return xr.Dataset(variables, coordinates, {"dt": DT})


def by_hand():
    fired = np.zeros((10, 2, 4), dtype=bool)
    fired[[1, 4, 9], 0, 0] = fired[[2, 3], 1, 3] = fired[0, 0, 2] = True
    return fired


# Times and intervals ----------------------------------------------------------------------------
def test_times_are_those_of_steps_with_a_spike():
    data = recording(by_hand(), [ON, ON, OFF, OFF])
    first, second = spike_times(data), spike_times(data, batch=1)
    assert list(first) == [(ON, 0), (ON, 1), (OFF, 0), (OFF, 1)]
    assert [t.tolist() for t in first.values()] == [[0.5, 2.0, 4.5], [], [0.0], []]
    assert [t.tolist() for t in second.values()] == [[], [], [], [1.0, 1.5]]
    assert list(spike_times(data, OFF)) == [(OFF, 0), (OFF, 1)]


def test_phi_fires_too():
    phi = np.zeros((10, 2, 3))
    phi[[3, 7], 0, 2] = 1
    times = spike_times(recording(by_hand(), phi=phi), "area1.phi")
    assert {cell: t.tolist() for cell, t in times.items()} == {
        ("area1.phi", 0): [], ("area1.phi", 1): [], ("area1.phi", 2): [1.5, 3.5],
    }  # fmt: skip


def test_intervals_and_their_variation():
    gaps = isi(recording(by_hand()))
    assert [g.tolist() for g in gaps.values()] == [[1.5, 2.5], [], [], []]
    found = list(cv(recording(by_hand())).values())
    assert found[0] == pytest.approx(0.5 / 2.0)
    assert np.isnan(found[1:]).all()


def fire(cell, drive, steps=8000, n=40):
    populations = [Population("source", n, Sensory()), Population("cells", n, cell)]
    up = Projection("source", "cells", "drive", 1.0, OneToOne())
    protocol = [SetInput({"source.stimulus": np.full(n, drive)}, steps=steps)]
    return simulate(Circuit(populations, [up], dt=DT), protocol, record="spike", seed=1)


@pytest.mark.parametrize("cell", [PIF(max_rate=0.1), LIF(max_rate=0.1)])
def test_integrators_are_clocks(cell):
    """40 Hz: every interval is 50 steps of ½ ms."""
    data = fire(cell, 0.4, steps=1200)
    gaps = np.concatenate(list(isi(data).values()))
    np.testing.assert_allclose(gaps, 25.0, atol=DT)
    assert max(cv(data).values()) < 0.02
    rates = population_rate(data, "cells", "100 ms").isel(time=slice(400, 800))
    np.testing.assert_allclose(rates, 40.0, atol=11)  # one spike more or less in 100 ms is 10 Hz
    assert abs(float(rates.mean()) - 40) < 0.5


def test_poisson_cells_are_as_irregular_as_coins():
    """In steps, intervals are geometric: mean 1/p steps and CV √(1 − p), p = r dt."""
    data = fire(Poisson(max_rate=0.2), 1.0)
    p = 0.2 * DT
    gaps = isi(data)
    joined = np.concatenate(list(gaps.values()))
    assert joined.mean() == pytest.approx(DT / p, rel=0.02)
    assert joined.std() / joined.mean() == pytest.approx(np.sqrt(1 - p), rel=0.02)
    assert np.mean(list(cv(data).values())) == pytest.approx(np.sqrt(1 - p), rel=0.02)


# Rates ------------------------------------------------------------------------------------------
def test_a_rate_is_spikes_over_cells_and_time():
    """Cells 0 and 1 stand for column 0. A window of 2 ms is four steps: [t − 2, t + 2)."""
    rates = population_rate(recording(by_hand()), ON, 2.0)
    assert rates.dims == ("time", "batch", "column")
    assert rates.attrs["units"] == "Hz"
    one = 1000 / (2 * 2.0)  # one spike of two cells in 2 ms
    # Spikes of column 0 in sample 0 are at steps 1, 4 and 9; windows at the ends are of 2, 3, and 3 steps.
    expected = [4 / 2, 4 / 3, 1, 2, 1, 1, 1, 0, 1, 4 / 3]
    np.testing.assert_allclose(rates[:, 0, 0], one * np.array(expected))
    assert float(rates.isel(batch=1, column=0).sum()) == 0
    np.testing.assert_allclose(rates[:, 1, 1], one * np.array([0, 4 / 3, 2, 2, 2, 1, 0, 0, 0, 0]))


def test_a_window_of_one_step_is_the_spikes_themselves():
    rates = population_rate(recording(by_hand()), ON, DT)
    np.testing.assert_allclose(rates[:, 0, 0], by_hand()[:, 0, :2].sum(1) * 1000 / (2 * DT))


def test_a_window_longer_than_the_recording_is_all_of_it():
    rates = population_rate(recording(by_hand()), ON, "1 s")
    np.testing.assert_allclose(rates[:, 0], np.tile(1000 / (2 * 10 * DT) * np.array([3, 1]), (10, 1)))


def test_rates_of_steps_that_were_kept():
    """Of a cell that fires in every step each second is kept; its rate is 1/dt all the same."""
    whole = recording(np.ones((12, 1, 2), dtype=bool))
    data = whole.isel(time=slice(None, None, 2))
    np.testing.assert_allclose(population_rate(data, ON, 3.0), 1000 / DT)
    for ask in (spike_times, isi, cv):
        with pytest.raises(ProtocolError, match="only each 2 steps are in this recording"):
            ask(data)
    for ask in (spike_times, isi, cv, lambda data: population_rate(data, ON, 3.0)):
        with pytest.raises(ProtocolError, match="a gap from step 1 to 5; look at its pieces"):
            ask(whole.isel(time=[0, 1, 5, 6]))


def test_rates_of_chosen_cells_are_by_their_column():
    data = recording(by_hand()).isel({f"{ON}:cell": [0, 3]})
    rates = population_rate(data, ON, DT)
    assert rates["column"].values.tolist() == [0, 1]
    np.testing.assert_allclose(rates[:, 0, 0], by_hand()[:, 0, 0] * 1000 / DT)


# What users get wrong ---------------------------------------------------------------------------
def test_mistakes_are_one_sentence():
    data = recording(by_hand())
    for ask, error, words in (
        (lambda: spike_times(data, "area1.valu.on"), ProtocolError, "did you mean 'area1.value.on'"),
        (lambda: spike_times(data, batch=2), ProtocolError, "choose 0 to 1"),
        (lambda: spike_times(data.drop_vars(f"{ON}.spike")), ProtocolError, "neither spikes nor φ"),
        (lambda: population_rate(data, ON, 0), ProtocolError, "more than 0 ms, not 0"),
        (lambda: population_rate(data, ON, "20 mV"), UnitError, "mV"),
    ):
        with pytest.raises(error) as caught:
            ask()
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
