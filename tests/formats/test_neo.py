"""Recordings as Neo objects: numbers, units, times are the recording's, also through Neo's own files."""

import sys

import numpy as np
import pytest
import quantities as pq
import torch
from neo.io import NeoMatlabIO, PickleIO

import corticalnet as cn
from corticalnet import to_neo
from corticalnet.analysis import spike_times
from corticalnet.circuits.cells import Cell, State
from corticalnet.circuits.quantities import KHZ, MV
from corticalnet.errors import FormatError, ProtocolError, RecordingWarning
from tests.formats.conftest import X

LENGTH = 80


@pytest.fixture
def data(spikes):
    return spikes


def test_a_segment_for_each_trial_of_each_sample(data):
    block = to_neo(data)
    assert block.name == data.attrs["title"]
    assert block.annotations["engine"] == "torch"
    found = [(s.annotations["sample"], s.annotations["trial"]) for s in block.segments]
    assert found == [(0, 0), (0, 1), (1, 0), (1, 1)]
    # The rest before the first trial belongs to it.
    edges = [0.0, 45.0, LENGTH]
    for segment in block.segments:
        k = segment.annotations["trial"]
        assert segment.t_start.rescale("ms").item() == edges[k]
        assert segment.t_stop.rescale("ms").item() == edges[k + 1]
    first, second = (block.segments[k].events[0] for k in (0, 1))
    assert (first.times.rescale("ms").magnitude.tolist(), first.labels.tolist()) == (
        [0, 10, 35],
        ["rest", "present", "teach"],
    )
    assert (second.times.magnitude.tolist(), second.labels.tolist()) == ([45, 70], ["present", "teach"])
    (whole,) = (s for s in to_neo(data, trial="rest").segments if s.annotations["sample"] == 1)
    assert whole.t_stop.rescale("ms").item() == LENGTH


@pytest.mark.parametrize("batch", [0, 1])
def test_spikes_of_all_trials_are_the_spikes_of_the_recording(data, batch):
    expected = spike_times(data, batch=batch)
    segments = [s for s in to_neo(data).segments if s.annotations["sample"] == batch]
    joined: dict = {}
    for segment in segments:
        for train in segment.spiketrains:
            cell = train.annotations["population"], train.annotations["number"]
            joined.setdefault(cell, []).append(train.rescale("ms").magnitude)
            assert train.sampling_rate.rescale("1/ms").item() == 2
    assert joined.keys() == expected.keys()
    for cell, times in expected.items():
        np.testing.assert_array_equal(np.concatenate(joined[cell]), times)
    assert sum(len(t) for (name, _), t in expected.items() if name.endswith(".phi")) > 0
    assert sum(len(t) for (name, _), t in expected.items() if name.endswith(".on")) > 100


def test_a_train_knows_its_column(data):
    trains = [
        t for t in to_neo(data).segments[0].spiketrains if t.annotations["population"] == "area1.value.on"
    ]
    assert [t.annotations["column"] for t in trains] == np.repeat([0, 1, 2], 5).tolist()
    assert {t.annotations["area"] for t in trains} == {"area1"}


def test_signals_are_the_states_of_the_recording(data):
    segments = {(s.annotations["sample"], s.annotations["trial"]): s for s in to_neo(data).segments}
    for (batch, k), segment in segments.items():
        inside = slice(0, 90) if k == 0 else slice(90, 160)
        signals = {signal.name: signal for signal in segment.analogsignals}
        for area, columns in (("area1", 3), ("output", 2)):
            signal = signals[f"{area}.error.error"]
            states = data[f"{area}.error.error"].isel(batch=batch, time=inside)
            np.testing.assert_array_equal(signal.magnitude, states)
            np.testing.assert_allclose(signal.times.rescale("ms").magnitude, states["time"], atol=1e-9)
            assert signal.array_annotations["column"].tolist() == list(range(columns))
            assert (signal.annotations["area"], signal.annotations["state"]) == (area, "error")
        assert not any(name.startswith("input.error") for name in signals)
        assert signals["area1.phi.silent"].units == pq.ms


class Membrane(Cell):
    """A voltage and a rate that stay what they are at rest."""

    state = {"v": State(-70.0, MV), "r": State(0.02, KHZ)}


def test_units_are_physical():
    made = cn.Circuit([cn.Population("cell", 2, Membrane())], dt=1.0)
    (segment,) = to_neo(cn.simulate(made, [cn.Rest(ms=4)])).segments
    voltage, rate = segment.analogsignals
    np.testing.assert_allclose(voltage.rescale("V").magnitude, -0.07)
    np.testing.assert_allclose(rate.rescale("Hz").magnitude, 20)
    assert len(segment.spiketrains) == 0


def test_what_was_reduced_is_a_signal_of_its_population(data):
    net = cn.mlp([4, 3, 2], "tanh", seed=0, dtype=torch.float64)
    made = cn.circuit(net, cn.rule("streaming-fa-z-il"))
    run = cn.simulate(made, [cn.Present(X, 6), cn.Teach(1, 4)], record=cn.Record("error", reduce="norm"))
    block = to_neo(run)
    second = {signal.name: signal for signal in block.segments[1].analogsignals}
    assert second.keys() == {"area1.error.error norm", "output.error.error norm"}
    np.testing.assert_array_equal(
        second["output.error.error norm"].magnitude[:, 0], run["output.error.error norm"][:, 1]
    )


@pytest.mark.filterwarnings("ignore:The truth value of an empty array:DeprecationWarning")  # NumPy 1.26
@pytest.mark.parametrize("form", ["pkl", "mat"])
def test_through_neos_own_files(data, form, tmp_path):
    block = to_neo(data)
    path = str(tmp_path / f"run.{form}")
    made = {"pkl": PickleIO, "mat": NeoMatlabIO}[form]
    made(path).write_block(block)
    again = made(path).read_block()
    assert len(again.segments) == 4
    for one, other in zip(block.segments, again.segments, strict=True):
        for ours, events in zip(one.events, other.events, strict=True):
            # (a Matlab file fills labels up to one length)
            assert [label.strip() for label in events.labels] == ours.labels.tolist()
        assert len(other.spiketrains) == len(one.spiketrains) > 50
        for a, b in zip(one.spiketrains, other.spiketrains, strict=True):
            np.testing.assert_array_equal(a.rescale("ms").magnitude, b.rescale("ms").magnitude)
            assert b.annotations["population"] == a.annotations["population"]
        for a, b in zip(one.analogsignals, other.analogsignals, strict=True):
            assert a.name == b.name
            np.testing.assert_array_equal(a.magnitude, b.magnitude)
            assert a.units == b.units


def test_the_end_of_a_recording_begins_within_a_trial(data):
    late = to_neo(data.isel(time=slice(40, None)))
    spans = [(s.t_start.rescale("ms").item(), s.t_stop.rescale("ms").item()) for s in late.segments[:2]]
    assert spans == [(20, 45), (45, 80)]


def test_mistakes_are_one_sentence(data, monkeypatch):
    with pytest.raises(FormatError, match="event that begins a trial 'taech'; did you mean 'teach'"):
        to_neo(data, trial="taech")
    with pytest.raises(ProtocolError, match="only each 2 steps are in this recording"):
        to_neo(data.isel(time=slice(None, None, 2)))
    monkeypatch.setitem(sys.modules, "neo", None)
    with pytest.raises(FormatError) as caught:
        to_neo(data)
    assert str(caught.value) == "to_neo needs neo: pip install 'corticalnet[neo]'"


def test_one_train_for_each_cell_of_the_whole_recording(data):
    block = to_neo(data, trial=None)
    assert [s.t_stop.rescale("ms").item() for s in block.segments] == [LENGTH, LENGTH]
    expected = spike_times(data, batch=1)
    trains = {
        (t.annotations["population"], t.annotations["number"]): t for t in block.segments[1].spiketrains
    }
    assert trains.keys() == expected.keys()
    for cell, train in trains.items():
        np.testing.assert_array_equal(train.rescale("ms").magnitude, expected[cell])


def test_a_group_for_each_population(data):
    block = to_neo(data)
    groups = {group.name: group for group in block.groups}
    assert len(groups) == len(block.groups)
    trains = groups["area1.value.on"].spiketrains
    assert len(trains) == 15 * len(block.segments)
    assert {train.annotations["population"] for train in trains} == {"area1.value.on"}


def test_weights_are_signals_and_their_changes_events_without_a_unit_of_time(steps):
    """Steps of a rule have no duration: nothing is in ms, so no tool can say Hz."""
    first, *others = to_neo(steps).segments
    weights = steps["input->area1"].values
    (signal,) = (one for one in first.analogsignals if one.name == "input->area1")
    post, pre = (signal.array_annotations[end] for end in ("post", "pre"))
    np.testing.assert_array_equal(signal.magnitude, weights[:, post, pre])
    events = {event.name: event for event in first.events}
    changed = [t for t in range(1, len(weights)) if (weights[t] != weights[t - 1]).any()]
    assert events["changes of input->area1"].times.magnitude.tolist() == changed
    assert changed
    assert not any(one.name == "input->area1" for other in others for one in other.analogsignals)
    for thing in (signal, first.spiketrains[0], events["protocol"]):
        assert thing.times.dimensionality == pq.dimensionless.dimensionality


def test_a_slow_write_is_announced(data, monkeypatch):
    monkeypatch.setattr("corticalnet.formats.neo.MANY", 10)
    with pytest.warns(RecordingWarning, match="spike trains, of which Neo's NixIO writes"):
        to_neo(data)
