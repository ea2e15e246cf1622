"""NWB: what pynwb reads in our files is the recording's, and what we read back is it, to the last bit."""

import json
import sys
from datetime import UTC, datetime

import numpy as np
import pytest
import xarray as xr

import corticalnet as cn
from corticalnet.analysis import spike_times
from corticalnet.errors import FormatError
from corticalnet.formats import timeline

pynwb = pytest.importorskip("pynwb")
#: Of a sample of `spikes`, in ms.
LENGTH = 80


@pytest.fixture(scope="module")
def written(spikes, tmp_path_factory):
    (path,) = cn.to_nwb(spikes, tmp_path_factory.mktemp("nwb") / "run.nwb")
    return path


@pytest.fixture
def nwb(written):
    with pynwb.NWBHDF5IO(str(written), "r") as io:
        yield io.read()


def test_a_row_for_each_cell_with_the_spikes_of_both_samples_in_seconds(spikes, nwb):
    expected = [spike_times(spikes, batch=batch) for batch in (0, 1)]
    units = nwb.units.to_dataframe()
    assert list(zip(units["population"], units["number"], strict=True)) == list(expected[0])
    assert sum(map(len, expected[0].values())) > 100
    for cell, found in zip(expected[0], units["spike_times"], strict=True):
        both = np.concatenate([expected[0][cell], expected[1][cell] + LENGTH])
        np.testing.assert_allclose(found, both / 1000, rtol=0, atol=1e-12)
    assert {len(times) == 0 for times in units["spike_times"]} == {True, False}  # silent cells have rows, too
    np.testing.assert_allclose(units["obs_intervals"].iloc[3], [[0, 0.08], [0.08, 0.16]], atol=1e-12)
    assert nwb.units.resolution == 0.0005
    on = units[units["population"] == "area1.value.on"]
    assert on["column"].tolist() == np.repeat([0, 1, 2], 5).tolist()
    assert set(on["area"]) == {"area1"}
    assert set(on["sign"]) == {"on"}
    assert on["location"].iloc[-1] == "area1, column 2"


def test_trials_and_what_the_protocol_did_are_tables(nwb):
    trials = nwb.trials.to_dataframe()
    assert trials[["sample", "trial"]].values.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    starts = np.array([0, 45, 80, 125]) / 1000
    np.testing.assert_allclose(trials["start_time"], starts)
    np.testing.assert_allclose(trials["stop_time"], [*starts[1:], 0.16])
    phases = nwb.epochs.to_dataframe()
    assert phases["label"].tolist() == 2 * ["rest", "present", "teach", "present", "teach"]
    np.testing.assert_allclose(phases["start_time"][5:], (np.array([0, 10, 35, 45, 70]) + 80) / 1000)
    assert phases["trial"].tolist() == 2 * [0, 0, 0, 1, 1]


def test_states_have_rate_and_unit_and_the_samples_one_after_another(spikes, nwb):
    series = nwb.acquisition["area1.phi.silent"]
    assert (series.rate, series.starting_time, series.unit) == (2000.0, 0.0, "ms")
    states = spikes["area1.phi.silent"]
    np.testing.assert_array_equal(series.data[()], np.concatenate([states[:, 0], states[:, 1]]))
    weights = nwb.processing["plasticity"]["weights input->area1"].to_dataframe()
    before, after = spikes["weights input->area1"].values
    np.testing.assert_array_equal(before[weights["post"], weights["pre"]], weights["before"])
    np.testing.assert_array_equal(after[weights["post"], weights["pre"]], weights["after"])
    over_time = nwb.processing["plasticity"]["input->area1"]
    np.testing.assert_array_equal(over_time.data[()], spikes["input->area1"])
    assert "[time, post, pre]" in over_time.description


def test_it_says_what_it_is(spikes, nwb):
    assert "simulated by corticalnet" in nwb.session_description
    assert "one after another" in nwb.session_description
    assert nwb.subject.description.startswith("nothing alive")
    assert nwb.session_start_time.tzinfo is not None
    attrs = json.loads(nwb.notes)["attrs"]
    assert (attrs["seed"], attrs["engine"]) == (0, "torch")
    assert attrs["schedule"] == spikes.attrs["schedule"]


def test_it_is_valid_by_the_schema(written, steps, tmp_path):
    (other,) = cn.to_nwb(steps[["input.value.value", "area1.error.error"]], tmp_path / "steps.nwb")
    for path in (written, other):
        assert pynwb.validate(path=str(path)) == []


#: What a simulation cannot avoid: it has no species, and records of many cells may be few.
UNAVOIDABLE = {"check_subject_species_exists", "check_data_orientation"}


@pytest.mark.parametrize("late", [False, True])
def test_the_inspector_finds_nothing_but_what_a_simulation_cannot_avoid(late, spikes, tmp_path):
    inspector = pytest.importorskip("nwbinspector")
    data = spikes.isel(time=slice(158, None)) if late else spikes
    (path,) = cn.to_nwb(data, tmp_path / "run.nwb", about={"experimenter": ["Doe, Jane"], "institution": "—"})
    found = [
        message.check_function_name
        for message in inspector.inspect_nwbfile(nwbfile_path=path)
        if message.importance.value > inspector.Importance.BEST_PRACTICE_SUGGESTION.value
    ]
    assert set(found) == (UNAVOIDABLE if late else UNAVOIDABLE - {"check_data_orientation"})


SOME = ["area1.value.on.spike", "area1.phi.phi", "area1.phi.silent", "input->area1", "weights input->area1"]
CUTS = {
    "all": lambda data: data[SOME],
    "the end": lambda data: data[SOME].isel(time=slice(70, None)),
    "one sample": lambda data: data[SOME].isel(batch=[1]),
    "each fifth": lambda data: data[SOME].isel(time=slice(3, None, 5)),
    "some": lambda data: data[SOME].isel(time=[0, 1, 7, 30]),
    "spikes alone": lambda data: data[["area1.value.on.spike", "area1.phi.phi"]],
}


@pytest.mark.parametrize("piece", [timeline.PIECE, 50], ids=["whole", "in pieces"])
@pytest.mark.parametrize("cut", CUTS)
def test_a_recording_comes_back_to_the_last_bit(cut, piece, spikes, tmp_path, monkeypatch):
    for module in ("timeline", "nwb.contents"):
        monkeypatch.setattr(f"corticalnet.formats.{module}.PIECE", piece)
    data = CUTS[cut](spikes)
    same(data, tmp_path)


def same(data, folder):
    (path,) = cn.to_nwb(data, folder / "again.nwb")
    again = cn.from_nwb(path)
    xr.testing.assert_identical(again, data)
    assert {name: array.dtype for name, array in again.items()} == {
        name: array.dtype for name, array in data.items()
    }


def test_in_steps_with_weights_and_states_of_synapses(steps, tmp_path):
    same(steps, tmp_path)
    with pynwb.NWBHDF5IO(str(tmp_path / "again.nwb"), "r") as io:
        assert "have no duration: each is written as 0.001 s" in io.read().session_description


def test_counts_and_what_was_reduced_and_single_precision(tmp_path):
    made = cn.circuit(cn.mlp([4, 3, 2], "tanh", seed=0), cn.rule("z-il"))
    trial = [cn.Present(np.ones((2, 4)), 9), cn.Teach(1, 7)]
    record = ["value", cn.Record("error", reduce="norm"), "tick"]
    for options in ({"every": 4}, {"precision": "float32"}):
        same(cn.simulate(made, trial, record=record, **options), tmp_path)


def test_a_recording_on_disk_stays_there(steps, tmp_path):
    """Numbers are read piece by piece: the variables of the dataset are never loaded."""
    few = steps[["area1.error.error", "input->area1"]]
    few.to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
    there = cn.load_recording(tmp_path / "run.nc", lazy=True)
    (path,) = cn.to_nwb(there, tmp_path / "run.nwb")
    assert not there["area1.error.error"].variable._in_memory
    xr.testing.assert_equal(cn.from_nwb(path), few)


def test_one_file_for_each_sample(spikes, tmp_path):
    paths = cn.to_nwb(spikes[SOME], tmp_path / "run-{sample}.nwb")
    assert [path.name for path in paths] == ["run-0.nwb", "run-1.nwb"]
    xr.testing.assert_identical(cn.from_nwb(paths[1]), spikes[SOME].isel(batch=[1]))


def test_neo_reads_the_file_of_one_sample(spikes, tmp_path):
    """It takes no keywords, nor cells with several intervals: a batch needs a file for each sample."""
    io = pytest.importorskip("neo.io")
    (path,) = cn.to_nwb(spikes[["area1.value.on.spike"]].isel(batch=[1]), tmp_path / "run.nwb")
    (block,) = io.NWBIO(str(path), "r").read_all_blocks()
    trains = [train for segment in block.segments for train in segment.spiketrains]
    expected = spike_times(spikes, "area1.value.on", batch=1)
    assert sum(map(len, trains)) == sum(map(len, expected.values())) > 10


def test_what_else_is_told(spikes, tmp_path):
    start = datetime(2026, 1, 2, 3, tzinfo=UTC)
    about = {"lab": "ours", "session_start_time": start, "subject": {"species": "Mus musculus"}}
    (path,) = cn.to_nwb(spikes[SOME], tmp_path / "run.nwb", trial="teach", about=about)
    with pynwb.NWBHDF5IO(str(path), "r") as io:
        nwb = io.read()
        assert (nwb.lab, nwb.session_start_time, nwb.subject.species) == ("ours", start, "Mus musculus")
        np.testing.assert_allclose(nwb.trials["start_time"][:2], [0, 0.07])


def test_mistakes_are_one_sentence(spikes, tmp_path, monkeypatch):
    path = tmp_path / "run.nwb"
    path.write_bytes(b"mine")
    for message, call in {
        "an NWB file is called something.nwb, not": lambda: cn.to_nwb(spikes, tmp_path / "run.h5"),
        "about of to_nwb 'laab'; did you mean 'lab'": lambda: cn.to_nwb(spikes, path, about={"laab": 1}),
        "about does not fit NWB: ": lambda: cn.to_nwb(spikes, path, about={"lab": 1}),
        "event that begins a trial 'taech'; did": lambda: cn.to_nwb(spikes, path, trial="taech"),
        "this recording is empty": lambda: cn.to_nwb(spikes.isel(time=[]), path),
        "cannot write": lambda: cn.to_nwb(spikes, tmp_path / "nowhere" / "run.nwb"),
        "there is no file": lambda: cn.from_nwb(tmp_path / "other.nwb"),
        "cannot be read as NWB": lambda: cn.from_nwb(path),
    }.items():
        with pytest.raises(FormatError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert path.read_bytes() == b"mine"
    assert [one.name for one in tmp_path.iterdir()] == ["run.nwb"]
    monkeypatch.setitem(sys.modules, "pynwb", None)
    with pytest.raises(FormatError, match=r"to_nwb needs pynwb: pip install 'corticalnet\[nwb\]'"):
        cn.to_nwb(spikes, path)
