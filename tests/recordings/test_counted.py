"""Recordings coarser than a step: what fires is counted, and every figure and number says the same of it."""

import numpy as np
import pytest
import torch
from matplotlib.collections import PathCollection

import corticalnet as cn
from corticalnet.analysis import cv, isi, population_rate, spike_times
from corticalnet.errors import FormatError, ProtocolError
from corticalnet.plotting import figures, raster, spikes, traces

EVERY, DT, STEPS = 4, 0.5, 160
X = np.random.default_rng(0).uniform(0.2, 1, (2, 4))


def simulated(every, record=None, **options):
    """Two trials of two samples by spikes, with φ; trials begin at steps 20 and 90, between two records."""
    net = cn.mlp([4, 3, 2], "sigmoid", seed=0, dtype=torch.float64)
    how = cn.Continuous(tau=1.0, dt=DT, read_delay=4.0, silence=2.0, threshold=0.05, quiet=0.5)
    made = cn.circuit(net, cn.rule("streaming-fa-z-il"), dynamics=how, cells_per_column=5, cell="pif")
    trial = [cn.Present(X, ms=25), cn.Teach(np.array([0.5, -0.5]), ms=10)]
    protocol = [cn.Rest(ms=10), *trial, *trial]
    return cn.simulate(made, protocol, record=record, every=every, check=False, **options)


@pytest.fixture(scope="module")
def fine():
    return simulated(1)


@pytest.fixture(scope="module")
def coarse():
    return simulated(EVERY)


def blocks(array):
    """Sums over the steps of each record."""
    return array.values.reshape(STEPS // EVERY, EVERY, *array.shape[1:]).sum(1)


def test_events_are_counted_and_levels_are_as_they_are_then(fine, coarse):
    np.testing.assert_array_equal(coarse.step, np.arange(EVERY - 1, STEPS, EVERY))
    for name in ("area1.value.on.spike", "output.error.off.spike", "area1.phi.phi", "output.phi.phi"):
        np.testing.assert_array_equal(coarse[name], blocks(fine[name]))
        assert coarse[name].attrs["cell_methods"] == "time: sum"
        assert fine[name].sum() > fine[name].values[EVERY - 1 :: EVERY].sum()
    for name in ("area1.value.value", "output.error.error", "area1.phi.silent"):
        np.testing.assert_array_equal(coarse[name], fine[name].values[EVERY - 1 :: EVERY])
        assert "cell_methods" not in coarse[name].attrs


def test_bursts_and_choices_are_counted_too():
    net = cn.mlp([4, 6, 3], hidden="tanh", seed=0, dtype=torch.float64)
    made = cn.circuit(net, cn.rule("brainprop"), learning_rate=0.1)
    needs = made.needs
    protocol = [cn.Present(X, needs.present), cn.Reinforce([0, 1], needs.teach + 3)]
    steps = (needs.present + needs.teach + 3) // 3 * 3
    one, three = (cn.simulate(made, protocol, record=["action", "rpe"], every=k) for k in (1, 3))
    for name in ("output.action.action", "dopamine.rpe"):
        sums = one[name].values[:steps].reshape(steps // 3, 3, *one[name].shape[1:]).sum(1)
        np.testing.assert_array_equal(three[name], sums)
        assert sums.any()


@pytest.mark.parametrize("reduce", ["mean", "norm", "max"])
def test_what_is_reduced_is_the_sum(reduce, fine, coarse):
    request = [cn.Record("phi", reduce=reduce), cn.Record("area1.value.on.spike", reduce=reduce)]
    found = simulated(EVERY, request)
    apply = {
        "mean": lambda a: np.nanmean(a, 2),
        "norm": lambda a: np.sqrt(np.nansum(a.astype(float) ** 2, 2)),
        "max": lambda a: np.nanmax(abs(a), 2),
    }[reduce]
    for name in ("area1.phi.phi", "area1.value.on.spike"):
        assert found[f"{name} {reduce}"].attrs["cell_methods"] == "time: sum"
        np.testing.assert_allclose(found[f"{name} {reduce}"], apply(coarse[name].values), atol=1e-15)


# Rates ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["area1.value.on", "area1.phi"])
@pytest.mark.parametrize("records", [1, 2, 3, 4])
def test_rates_are_those_of_every_step(fine, coarse, name, records):
    """The same spikes in the same window, wherever that is whole records: half a window before each."""
    width = records * EVERY * DT
    found = population_rate(coarse, name, width)
    right = population_rate(fine, name, width)
    inner = slice(records, -records)
    # fine: [t − w/2, t + w/2) in steps; of coarse ones the border is the nearest end of a record
    at = coarse.step.values + 1 if records % 2 == 0 else coarse.step.values + 1 - EVERY // 2
    np.testing.assert_allclose(found.values[inner], right.values[at[inner]])
    assert float(found.sum()) > 0
    np.testing.assert_array_equal(found.time, coarse.time)


def test_a_window_shorter_than_a_record_says_how_wide_it_is(coarse):
    found = population_rate(coarse, "area1.value.on", 0.5)
    assert found.attrs["width"] == "2 ms"
    np.testing.assert_array_equal(found, population_rate(coarse, "area1.value.on", "2 ms"))


def test_times_of_spikes_that_were_counted_are_refused(coarse):
    for ask in (spike_times, isi, cv):
        with pytest.raises(ProtocolError, match="each record counts the spikes of 4 steps") as caught:
            ask(coarse)
        assert "\n" not in str(caught.value)


# Figures ----------------------------------------------------------------------------------------
def dots(axes):
    found = [c for c in axes.collections if isinstance(c, PathCollection)]
    return {c.get_label(): c.get_offsets().data for c in found}


def test_rasters_miss_nothing(fine, coarse):
    """A dot for each record in which a column fired."""
    for figure in (raster, spikes):
        one, several = (dots(figure(data).axes[0])["area1.phi"] for data in (fine, coarse))
        records = {((int(t / DT) // EVERY + 1) * EVERY - 1, row) for t, row in one}
        assert {(round(t / DT), row) for t, row in several} == records
        assert len(records) > 0


def test_traces_of_counts_say_so_and_stand_before_their_records(coarse):
    figure = traces(coarse, states=["phi", "error"])
    labels = [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()]
    assert labels == ["Σφ", "error ε"]
    styles = {line.get_drawstyle() for axes in figure.axes for line in axes.get_lines()[1:]}
    assert styles == {"steps-pre", "steps-post"}
    assert {"traces", "raster", "spikes"} <= figures(coarse).keys()


# Neo --------------------------------------------------------------------------------------------
def test_neo_has_counts_at_the_times_at_which_they_were_recorded(coarse):
    block = cn.to_neo(coarse)
    for batch in (0, 1):
        segments = [s for s in block.segments if s.annotations["sample"] == batch]
        assert [s.t_start.rescale("ms").item() for s in segments] == [0, 45]
        # The second trial begins within a record (steps 88 to 91), which is its own.
        assert [s.analogsignals[0].times.rescale("ms").magnitude[0] for s in segments] == [1.5, 45.5]
        for name in ("area1.value.on.spike", "area1.phi.phi", "output.error.error"):
            signals = [next(a for a in s.analogsignals if a.name == name) for s in segments]
            times = np.concatenate([signal.times.rescale("ms").magnitude for signal in signals])
            np.testing.assert_allclose(times, coarse.time)
            found = np.concatenate([signal.magnitude for signal in signals])
            np.testing.assert_array_equal(found, coarse[name].isel(batch=batch))
        on = next(a for a in segments[0].analogsignals if a.name == "area1.value.on.spike")
        assert on.array_annotations["column"].tolist() == np.repeat([0, 1, 2], 5).tolist()
        assert on.array_annotations["number"].tolist() == list(range(15))
        assert all(len(s.spiketrains) == 0 for s in segments)
        events = segments[0].events[0]
        assert events.times.rescale("ms").magnitude.tolist() == [0, 10, 35]


def test_neo_places_samples_of_thinned_recordings_at_their_times(fine):
    states = fine[["area1.error.error", "area1.value.value"]]
    thin, odd = states.isel(time=slice(3, None, 5)), states.isel(time=[0, 1, 7, 30, 100])
    for data, kind in ((thin, "analogsignals"), (odd, "irregularlysampledsignals")):
        found = [s for s in cn.to_neo(data).segments if s.annotations["sample"] == 1]
        signals = [a for s in found for a in getattr(s, kind) if a.name == "area1.error.error"]
        times = np.concatenate([a.times.rescale("ms").magnitude for a in signals])
        np.testing.assert_allclose(times, data.time)
        right = data["area1.error.error"].isel(batch=1)
        np.testing.assert_array_equal(np.concatenate([a.magnitude for a in signals]), right)


def test_an_empty_recording_is_said(fine):
    with pytest.raises(FormatError, match="this recording is empty"):
        cn.to_neo(simulated(1000))
