"""Recordings from files: all at once, or their numbers when they are needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from corticalnet.errors import ProtocolError
from corticalnet.recordings.layout import LAYOUT

if TYPE_CHECKING:
    import xarray as xr

#: Files behind datasets that read from them: closed before one is written, they open again when needed.
_OPEN: WeakSet[Any] = WeakSet()


def load_recording(path: str | Path, *, lazy: bool = False) -> xr.Dataset:
    """Load a recording that ``to=path`` or ``data.to_netcdf(path, engine="h5netcdf")`` saved.

    Args:
        path: of the file.
        lazy: leave its numbers in the file until they are needed, for what does not fit into memory.

    Raises:
        ProtocolError: there is no file, it cannot be read, is no recording, or one of an older version.

    >>> import corticalnet as cn
    >>> import tempfile
    >>> columns = cn.circuit(cn.mlp([2, 3, 2]), cn.rule("z-il"))
    >>> data = cn.simulate(columns, [cn.Rest(steps=5)], record=["value"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = data.to_netcdf(f"{folder}/rest.nc", engine="h5netcdf")
    ...     print(load_recording(f"{folder}/rest.nc").sizes["time"])
    5
    """
    import xarray as xr

    if not Path(path).is_file():
        raise ProtocolError(f"there is no recording '{path}'")
    try:
        if lazy:
            data = opened(Path(path))
        else:
            data = readable(xr.load_dataset(path, engine="h5netcdf", decode_times=False))
    except Exception as error:  # HDF5 raises nearly anything for a damaged file
        reason = (str(error).splitlines() or [""])[0]
        raise ProtocolError(f"recording '{path}' cannot be read: {type(error).__name__}: {reason}") from None
    if "corticalnet" not in data.attrs or "time" not in data.coords:
        raise ProtocolError(f"'{path}' is no recording of corticalnet")
    if data.attrs.get("layout") != LAYOUT:
        raise other_version(path, data.attrs)
    return data


def other_version(path: str | Path, attrs: Any) -> ProtocolError:
    """Return the error for a recording with another layout of variables."""
    layout = attrs.get("layout", 1)
    return ProtocolError(
        f"recording '{path}' is of corticalnet {attrs['corticalnet']} and of layout {layout}, but this "
        f"version reads layout {LAYOUT}; simulate again"
    )


def readable(data: xr.Dataset) -> xr.Dataset:
    """Convert what a file holds to a recording: HDF5 gives texts back as objects."""
    if "when" not in data.coords:
        return data
    when = data["when"]
    return data.assign_coords(when=(when.dims, when.values.astype(str), when.attrs))


def opened(path: Path) -> xr.Dataset:
    """Open a recording in a file; states are read from it when they are needed, all else at once."""
    import h5netcdf
    import xarray as xr
    from xarray.backends import CachingFileManager, H5NetCDFStore

    file = CachingFileManager(h5netcdf.File, str(path.absolute()), mode="r")
    _OPEN.add(file)
    data = readable(xr.open_dataset(H5NetCDFStore(file), decode_times=False, cache=False))
    for array in data.variables.values():
        if "time" not in array.dims or array.ndim == 1:
            array.load()
    return data.isel(time=slice(0, data.sizes["time"]))  # (and not what the file will have later)


def let_go() -> None:
    """Close the files that datasets read from: they cannot be written while they are open."""
    for file in list(_OPEN):
        file.close()
