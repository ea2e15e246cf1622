"""Recordings as NetCDF by the CF conventions, and as Zarr: for whoever reads arrays with units by name.

cn.to_netcdf(data, "run.nc")        names of letters, digits and underscores, Conventions, events as variables
cn.to_zarr(data, "run.zarr")        the same in a folder of chunks (extra `zarr`), for long runs
data = cn.from_netcdf("run.nc"), cn.from_zarr("run.zarr")       the recording, to the last bit

Our own files (``simulate(to="run.nc")``, ``cn.load_recording``) have the names that are used in Python,
"input->area1", which CF does not allow, and which other languages cannot write as names.
"""

from __future__ import annotations

import json
import re
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from corticalnet.errors import FormatError
from corticalnet.formats.extras import library
from corticalnet.formats.timeline import PIECE, Timeline
from corticalnet.recordings.loading import readable
from corticalnet.store import expanded, replacing

if TYPE_CHECKING:
    import xarray as xr

CONVENTIONS = "CF-1.11"
#: Attributes that say what a variable or an axis is called here.
NAME, DIMS, NAMES = "corticalnet_name", "corticalnet_dims", "corticalnet_coordinates"
#: What a file keeps is read from attributes, not guessed from units.
_RAW: dict[str, Any] = {"decode_times": False, "decode_timedelta": False}


def as_cf(data: xr.Dataset) -> xr.Dataset:
    """Return a recording with plain names, Conventions, and its events as variables.

    Raises:
        FormatError: the recording is empty.

    >>> import corticalnet as cn
    >>> columns = cn.circuit(cn.mlp([2, 3, 2]), cn.rule("z-il"))
    >>> "area1_value_rate" in as_cf(cn.simulate(columns, [cn.Rest(steps=5)], record=["rate"]))
    True
    """
    line = Timeline(data)
    plain = _plain_names([*data.variables, *data.dims])
    named = data.rename({old: new for old, new in plain.items() if old in data.variables or old in data.dims})
    for old in data.variables:
        array = named.variables[plain[str(old)]]
        array.attrs = {**array.attrs, NAME: str(old), DIMS: json.dumps([str(dim) for dim in data[old].dims])}
        array.encoding = {}
    begins = {"units": data["time"].attrs.get("units", "ms"), "long_name": "time at which an event begins"}
    named["event_time"] = ("event", np.array([time for time, _ in line.events], dtype=np.float64), begins)
    words = {"long_name": "element of the protocol"}
    named["event"] = ("event", np.array([label for _, label in line.events], dtype=object), words)
    return named.assign_attrs(Conventions=CONVENTIONS, source=f"corticalnet {data.attrs['corticalnet']}")


def _plain_names(names: list[Any]) -> dict[str, str]:
    """Return a name of letters, digits and underscores for each; no two are alike."""
    taken = {"event", "event_time"}
    found: dict[str, str] = {}
    for name in dict.fromkeys(map(str, names)):
        base = re.sub(r"\W+", "_", name.replace("->", "_to_"), flags=re.ASCII).strip("_")
        base = base if base[:1].isalpha() else f"v_{base}"
        plain, k = base, 1
        while plain in taken:
            k += 1
            plain = f"{base}_{k}"
        taken.add(plain)
        found[name] = plain
    return found


def _from_cf(named: xr.Dataset, path: object) -> xr.Dataset:
    """Return the recording with its own names.

    Raises:
        FormatError: another tool made it.
    """
    attrs = {name: value for name, value in named.attrs.items() if name not in ("Conventions", "source")}
    if "corticalnet" not in attrs or NAME not in named["time"].attrs:
        raise FormatError(f"'{path}' is no recording that corticalnet wrote by the CF conventions")
    named = named.drop_vars(["event", "event_time"], errors="ignore")
    back: dict[str, str] = {}
    for name, array in named.variables.items():
        back[str(name)] = array.attrs.pop(NAME)
        back |= dict(zip(map(str, array.dims), json.loads(array.attrs.pop(DIMS)), strict=True))
    found = named.rename(
        {old: new for old, new in back.items() if old in named.variables or old in named.dims}
    )
    for array in found.variables.values():
        array.attrs = {name: _native(value) for name, value in array.attrs.items()}
    found.attrs = {name: _native(value) for name, value in attrs.items()}
    return readable(found)


def _native(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def to_netcdf(data: xr.Dataset, path: str | Path) -> Path:
    """Write a recording as a NetCDF-4 file by the CF conventions.

    Args:
        data: a recording.
        path: of the file.

    Returns:
        The file.

    Raises:
        FormatError: the recording is empty, or the disk says no.

    >>> import corticalnet as cn
    >>> import tempfile
    >>> columns = cn.circuit(cn.mlp([2, 3, 2]), cn.rule("z-il"))
    >>> data = cn.simulate(columns, [cn.Rest(steps=5)], record=["rate"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cn.from_netcdf(to_netcdf(data, f"{folder}/run.nc")).identical(data)
    True
    """
    place = expanded(path)
    named = as_cf(data)
    packed = {
        name: {"zlib": True, "complevel": 1, "shuffle": True}
        for name, array in named.data_vars.items()
        if "time" in array.dims
    }
    with replacing(place, FormatError) as file:
        named.to_netcdf(file.name, engine="h5netcdf", encoding=packed)
    return place


def from_netcdf(path: str | Path) -> xr.Dataset:
    """Read the recording that :func:`to_netcdf` wrote, to the last bit.

    Raises:
        FormatError: there is no file, it cannot be read, or another tool made it.

    >>> from_netcdf("nowhere.nc")
    Traceback (most recent call last):
        ...
    corticalnet.errors.FormatError: there is no file 'nowhere.nc'
    """
    import xarray as xr

    place = expanded(path)
    if not place.is_file():
        raise FormatError(f"there is no file '{path}'")
    try:
        named = xr.load_dataset(place, engine="h5netcdf", **_RAW)
    except Exception as error:  # HDF5 raises nearly anything for what is no such file
        reason = (str(error).splitlines() or [""])[0]
        raise FormatError(f"'{path}' cannot be read: {type(error).__name__}: {reason}") from None
    if "time" not in named.variables:
        raise FormatError(f"'{path}' is no recording that corticalnet wrote by the CF conventions")
    return _from_cf(named, path)


def to_zarr(data: xr.Dataset, path: str | Path) -> Path:
    """Write a recording as a Zarr folder, piece after piece: for long runs, and for readers that want a part.

    Args:
        data: a recording; what was streamed to disk need not fit into memory.
        path: of the folder; one that is there is replaced when the new one is complete.

    Returns:
        The folder.

    Raises:
        FormatError: zarr is not installed, the recording is empty, the name is taken, or the disk says no.

    >>> import corticalnet as cn
    >>> columns = cn.circuit(cn.mlp([2, 3, 2]), cn.rule("z-il"))
    >>> data = cn.simulate(columns, [cn.Rest(steps=5)], record=["rate"])
    >>> path = cn.to_zarr(data, "run.zarr")  # doctest: +SKIP
    """
    library("zarr", "zarr", "to_zarr")
    place = expanded(path)
    if place.exists() and not (place / "zarr.json").is_file():
        raise FormatError(f"'{path}' is there and is no Zarr folder; choose another name")
    named = as_cf(data)
    named["event"] = named["event"].astype(str)
    beside = place.with_name(f".{place.name}.part")
    row = max([1, *(int(np.prod(a.shape[1:])) for a in named.data_vars.values() if a.dims[:1] == ("time",))])
    length = max(1, PIECE // row)
    try:
        shutil.rmtree(beside, ignore_errors=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # (texts of one length have no specification in Zarr 3 yet)
            for begin in range(0, named.sizes["time"], length):
                part = named.isel(time=slice(begin, begin + length))
                if begin:
                    part = part.drop_vars(
                        [name for name, a in part.variables.items() if "time" not in a.dims]
                    )
                part.to_zarr(beside, mode="a" if begin else "w", append_dim="time" if begin else None,
                             consolidated=False)  # fmt: skip
        shutil.rmtree(place, ignore_errors=True)
        beside.rename(place)
    except OSError as reason:
        raise FormatError(f"cannot write {place}: {reason.strerror or reason}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return place


def from_zarr(path: str | Path, *, lazy: bool = False) -> xr.Dataset:
    """Read the recording that :func:`to_zarr` wrote, to the last bit.

    Args:
        path: of the folder.
        lazy: leave its numbers there until they are needed.

    Raises:
        FormatError: zarr is not installed, there is no folder, it cannot be read, or another tool made it.

    >>> from_zarr("nowhere.zarr")
    Traceback (most recent call last):
        ...
    corticalnet.errors.FormatError: there is no folder 'nowhere.zarr'
    """
    import xarray as xr

    place = expanded(path)
    if not place.is_dir():
        raise FormatError(f"there is no folder '{path}'")
    library("zarr", "zarr", "from_zarr")
    try:
        named = xr.open_zarr(place, consolidated=False, chunks=None, **_RAW)
        named = named if lazy else named.load()
    except Exception as error:  # many libraries, many errors
        reason = (str(error).splitlines() or [""])[0]
        raise FormatError(f"'{path}' cannot be read: {type(error).__name__}: {reason}") from None
    if "time" not in named.variables:
        raise FormatError(f"'{path}' is no recording that corticalnet wrote by the CF conventions")
    return _from_cf(named, path)
