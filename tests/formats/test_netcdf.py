"""NetCDF by the CF conventions, and Zarr: names that CF allows, numbers that come back to the last bit."""

import re

import numpy as np
import pytest
import xarray as xr

import corticalnet as cn
from corticalnet.errors import FormatError
from corticalnet.formats import netcdf


def test_a_recording_comes_back_to_the_last_bit(spikes, steps, tmp_path):
    for data in (spikes, steps, steps.isel(time=[0, 3, 4])):
        again = cn.from_netcdf(cn.to_netcdf(data, tmp_path / "run.nc"))
        xr.testing.assert_identical(again, data)
        assert {name: a.dtype for name, a in again.items()} == {name: a.dtype for name, a in data.items()}


def test_other_readers_find_names_units_and_events_by_the_conventions(spikes, tmp_path):
    """Names of letters, digits and underscores; xarray reads the file with its own defaults."""
    with xr.open_dataset(cn.to_netcdf(spikes, tmp_path / "run.nc"), engine="h5netcdf") as file:
        assert file.attrs["Conventions"] == "CF-1.11"
        assert all(
            re.fullmatch(r"[A-Za-z]\w*", str(name), re.ASCII) for name in {*file.variables, *file.dims}
        )
        assert all("units" in a.attrs or a.dtype.kind in "OUT" for a in file.variables.values())
        states = file["area1_error_error"]
        assert states.dims == ("time", "batch", "area1")
        np.testing.assert_array_equal(states, spikes["area1.error.error"])
        assert file["time"].attrs["units"] == "ms"
        assert file["event"].values.tolist() == ["rest", "present", "teach", "present", "teach"]
        assert file["event_time"].values.tolist() == [0, 10, 35, 45, 70]
        np.testing.assert_array_equal(file["weights_input_to_area1"], spikes["weights input->area1"])


def test_names_that_become_alike_stay_two():
    names = netcdf._plain_names(["a.b", "a b", "a_b", "1st", "event"])
    assert names == {"a.b": "a_b", "a b": "a_b_2", "a_b": "a_b_3", "1st": "v_1st", "event": "event_2"}


def test_zarr_in_pieces_comes_back_to_the_last_bit(spikes, tmp_path, monkeypatch):
    pytest.importorskip("zarr")
    monkeypatch.setattr(netcdf, "PIECE", 2000)
    path = cn.to_zarr(spikes, tmp_path / "run.zarr")
    cn.to_zarr(spikes, path)  # the new one replaces it
    xr.testing.assert_identical(cn.from_zarr(path), spikes)
    xr.testing.assert_identical(cn.from_zarr(path, lazy=True).load(), spikes)
    assert [one.name for one in tmp_path.iterdir()] == ["run.zarr"]


def test_mistakes_are_one_sentence(spikes, tmp_path, monkeypatch):
    path = tmp_path / "run.nc"
    path.write_bytes(b"mine")
    (tmp_path / "other.nc").write_bytes(b"no")
    xr.Dataset({"time": ("time", [0.0])}).to_netcdf(tmp_path / "theirs.nc", engine="h5netcdf")
    for message, call in {
        "this recording is empty": lambda: cn.to_netcdf(spikes.isel(time=[]), path),
        "cannot write": lambda: cn.to_netcdf(spikes, tmp_path / "nowhere" / "run.nc"),
        "there is no file": lambda: cn.from_netcdf(tmp_path / "nothing.nc"),
        "other.nc' cannot be read": lambda: cn.from_netcdf(tmp_path / "other.nc"),
        "theirs.nc' is no recording that corticalnet wrote": lambda: cn.from_netcdf(tmp_path / "theirs.nc"),
    }.items():
        with pytest.raises(FormatError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert path.read_bytes() == b"mine"
    monkeypatch.setitem(__import__("sys").modules, "zarr", None)
    with pytest.raises(FormatError, match=r"to_zarr needs zarr: pip install 'corticalnet\[zarr\]'"):
        cn.to_zarr(spikes, tmp_path / "run.zarr")
