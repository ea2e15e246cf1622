"""A population with two kinds of events, spikes and φ: every format keeps them apart."""

import h5py
import numpy as np
import pytest
import xarray as xr

import corticalnet as cn
from corticalnet.analysis import spike_times
from corticalnet.circuits.cells import Cell, Sensory, State
from corticalnet.errors import CorticalnetError

#: Drives of two cells, a step each. Above 1 is a spike; other than in the step before is φ.
DRIVES = np.array([[0.0, 2.0], [0.5, 2.0], [2.0, 2.0], [2.0, 0.0]])
SPIKES = {0: [2, 3], 1: [0, 1, 2]}
CHANGES = {0: [1, 2], 1: [0, 3]}


class Both(Cell):
    """Spikes when driven above 1, and φ when the drive has changed."""

    ports = {"drive": "predict"}
    state = {"spike": State(event=True), "phi": State(event=True), "last": 0.0}

    def predict(self, cell, port, dt):
        """Compare the drive with 1 and with the last one."""
        return {"spike": port.drive > 1.0, "phi": port.drive != cell.last, "last": port.drive}


@pytest.fixture(scope="module")
def data():
    populations = [cn.Population("eye.value", 2, Sensory()), cn.Population("area1.cell", 2, Both())]
    made = cn.Circuit(populations, [cn.Projection("eye.value", "area1.cell", "drive", np.eye(2))])
    protocol = [cn.SetInput({"eye.value.stimulus": drive}, steps=1) for drive in DRIVES]
    return cn.simulate(made, protocol, record=["spike", "phi"])


def test_by_name(data):
    found = spike_times(data)
    assert {name for name, _ in found} == {"area1.cell.spike", "area1.cell.phi"}
    for cell in (0, 1):
        assert found["area1.cell.spike", cell].tolist() == SPIKES[cell]
        assert found["area1.cell.phi", cell].tolist() == CHANGES[cell]
    with pytest.raises(CorticalnetError, match=r"area1\.cell\.phi"):
        spike_times(data, "area1.cell")


def by_nwb(data, folder):
    pytest.importorskip("pynwb")
    cn.to_nwb(data, folder / "two.nwb")
    return cn.from_nwb(folder / "two.nwb")


def by_sonata(data, folder):
    cn.to_sonata(data, folder)
    return cn.from_sonata(folder)


def by_netcdf(data, folder):
    cn.to_netcdf(data, folder / "two.nc")
    return cn.from_netcdf(folder / "two.nc")


def by_zarr(data, folder):
    pytest.importorskip("zarr")
    cn.to_zarr(data, folder / "two.zarr")
    return cn.from_zarr(folder / "two.zarr")


@pytest.mark.parametrize("way", [by_nwb, by_sonata, by_netcdf, by_zarr])
def test_both_come_back(data, tmp_path, way):
    again = way(data, tmp_path)
    for name in ("area1.cell.spike", "area1.cell.phi"):
        np.testing.assert_array_equal(again[name], data[name])
        assert again[name].any()


def test_other_tools_read_them_apart(data, tmp_path):
    pytest.importorskip("pynwb")
    cn.to_nwb(data, tmp_path / "two.nwb")
    trains = cn.read_spikes(tmp_path / "two.nwb", "area1.cell")
    for state, expected in (("spike", SPIKES), ("phi", CHANGES)):
        mine = trains.where(state=state)
        assert dict(zip(mine.about["number"], [t.tolist() for t in mine.times], strict=True)) == expected
    cn.to_sonata(data, tmp_path)
    assert len(cn.read_spikes(tmp_path / "spikes.h5", "area1.cell.phi")) == 2
    neo = pytest.importorskip("neo")
    block = cn.to_neo(data)
    assert isinstance(block, neo.Block)
    told = {(t.annotations["state"], t.annotations["number"]): t for t in block.segments[0].spiketrains}
    for state, expected in (("spike", SPIKES), ("phi", CHANGES)):
        for cell, times in expected.items():
            assert told[state, cell].magnitude.tolist() == times


def test_a_report_that_another_recording_left_is_not_read(data, tmp_path):
    phi = data["area1.cell.phi"]  # (a product may lose its attributes)
    cn.to_sonata(data.assign({phi.name: phi.copy(data=2 * phi.values)}), tmp_path)  # no mere events
    assert (tmp_path / "phi.h5").exists()
    with h5py.File(tmp_path / "phi.h5") as file:
        assert file["report/area1.cell/data"][()].max() == 2.0
    cn.to_sonata(data, tmp_path)
    xr.testing.assert_equal(cn.from_sonata(tmp_path)["area1.cell.phi"], data["area1.cell.phi"])


def test_a_file_without_the_column_of_states_still_opens(tmp_path):
    """As earlier ones were: of populations with one kind of event nothing else is needed."""
    pytest.importorskip("pynwb")
    made = cn.circuit(cn.mlp([2, 3, 2], "tanh", seed=0), cn.rule("streaming-fa-z-il"))
    data = cn.simulate(made, [cn.Present([[0.5, 1.0]], 8), cn.Teach([1], 6)], record=["phi"])
    path = tmp_path / "early.nwb"
    cn.to_nwb(data, path)
    with h5py.File(path, "a") as file:
        columns = file["units"].attrs["colnames"]
        file["units"].attrs["colnames"] = [name for name in columns if name != "state"]
        del file["units/state"]
    again = cn.from_nwb(path)
    for name in data.data_vars:
        np.testing.assert_array_equal(again[name], data[name])
    assert again["area1.phi.phi"].any()
