"""SONATA: libsonata reads our files as we wrote them, and we read them, and others' spikes, as they are."""

import h5py
import numpy as np
import pytest
import xarray as xr

import corticalnet as cn
from corticalnet.analysis import spike_times
from corticalnet.errors import FormatError

LENGTH = 80


@pytest.fixture(scope="module")
def folder(spikes, tmp_path_factory):
    place = tmp_path_factory.mktemp("sonata")
    paths = cn.to_sonata(spikes, place)
    assert {path.name for path in paths} >= {"spikes.h5", "silent.h5", "error.h5"}
    assert {path.name for path in place.iterdir()} == {path.name for path in paths}
    return place


def test_libsonata_reads_the_spikes(spikes, folder):
    libsonata = pytest.importorskip("libsonata")
    reader = libsonata.SpikeReader(str(folder / "spikes.h5"))
    expected = [spike_times(spikes, batch=batch) for batch in (0, 1)]
    assert set(reader.get_population_names()) == {name for name, _ in expected[0]}
    for name in reader.get_population_names():
        population = reader[name]
        assert (population.sorting, population.time_units) == ("by_time", "ms")
        found = np.array(population.get(), dtype=float).reshape(-1, 2)
        assert (np.diff(found[:, 1]) >= 0).all()
        for cell in {number for other, number in expected[0] if other == name}:
            both = np.concatenate([expected[0][name, cell], expected[1][name, cell] + LENGTH])
            np.testing.assert_array_equal(found[found[:, 0] == cell, 1], both)


def test_libsonata_reads_the_reports(spikes, folder):
    libsonata = pytest.importorskip("libsonata")
    population = libsonata.SomaReportReader(str(folder / "silent.h5"))["area1.phi"]
    assert (population.time_units, population.data_units) == ("ms", "ms")
    assert population.times == (0.0, 160.0, 0.5)
    frame, states = population.get(), spikes["area1.phi.silent"]
    np.testing.assert_array_equal(frame.data, np.concatenate([states[:, 0], states[:, 1]]).astype(np.float32))
    np.testing.assert_allclose(frame.times, np.arange(320) * 0.5)


def test_a_recording_comes_back_but_for_weights_and_half_of_the_digits(spikes, folder):
    again = cn.from_sonata(folder)
    kept = [name for name, array in spikes.items() if "population" in array.attrs]
    assert set(again.data_vars) == set(kept)
    assert again.attrs == spikes.attrs
    for name in kept:
        same = xr.testing.assert_identical if spikes[name].dtype == np.int8 else xr.testing.assert_allclose
        same(again[name].drop_vars("when", errors="ignore"), spikes[name].drop_vars("when", errors="ignore"))
        np.testing.assert_array_equal(again[name].astype(np.float32), spikes[name].astype(np.float32))
    assert again["area1.value.on.spike"].sum() > 100


def test_states_in_single_precision_and_chosen_cells_come_back_to_the_last_bit(tmp_path):
    made = cn.circuit(cn.mlp([4, 3, 2], "tanh", seed=0), cn.rule("streaming-fa-z-il"))
    record = [cn.Record("error", where={"area1": [0, 2]}), cn.Record("phi", where={"area1": [2]})]
    trial = [cn.Present(np.ones((2, 4)), 8), cn.Teach(1, 6)]
    for every in (1, 2):
        data = cn.simulate(made, trial, record=record, precision="float32", every=every)
        cn.to_sonata(data, tmp_path / str(every))
        again = cn.from_sonata(tmp_path / str(every))
        for name in ("area1.error.error", "area1.phi.phi"):
            assert again[name].equals(data[name])
            assert again[name].dtype == data[name].dtype


def test_each_population_has_its_own_unit(tmp_path):
    """Which BMTK 1.2.0 mixes (findings/bmtk_relabels_units_of_spike_times.sh)."""
    with h5py.File(tmp_path / "two.h5", "w") as file:
        for name, unit, times in (("V1", "s", [0.5, 1.5]), ("V2", "ms", [0.25])):
            group = file.create_group(f"spikes/{name}")
            group["timestamps"], group["node_ids"] = times, np.arange(len(times))
            group["timestamps"].attrs["units"] = unit
    read = cn.read_spikes(tmp_path / "two.h5")
    assert read.about["population"] == ["V1", "V1", "V2"]
    assert [train.tolist() for train in read.times] == [[500.0], [1500.0], [0.25]]


def test_mistakes_are_one_sentence(spikes, tmp_path):
    (tmp_path / "spikes.h5").write_bytes(b"mine")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["spikes/V1/timestamps"], file["spikes/V1/node_ids"] = [0.5], [3]
        file["spikes/V1/timestamps"].attrs["units"] = "weeks"
    for message, call in {
        "records were left out": lambda: cn.to_sonata(spikes.isel(time=[0, 1, 7]), tmp_path),
        "this recording is empty": lambda: cn.to_sonata(spikes.isel(time=[]), tmp_path),
        "there is no file": lambda: cn.from_sonata(tmp_path / "nowhere"),
        "cannot be read as SONATA": lambda: cn.from_sonata(tmp_path),
        "unknown unit of times of .* 'weeks'": lambda: cn.read_spikes(tmp_path / "other.h5"),
        "unknown population of .* 'V2'; did you": lambda: cn.read_spikes(tmp_path / "other.h5", "V2"),
    }.items():
        with pytest.raises(FormatError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert (tmp_path / "spikes.h5").read_bytes() == b"mine"
