"""Recordings that grow on disk while a simulation runs: a NetCDF file, piece after piece.

data = simulate(circuit, protocol, to="run.nc")         a dataset whose numbers stay in the file
running.run(protocol, to="run.nc")                      goes on in the same file
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from corticalnet.circuits.experiment.dataset import indexed
from corticalnet.errors import ProtocolError

if TYPE_CHECKING:
    import xarray as xr


class RecordingFile:
    """A file that recordings are appended to, in the order of their steps.

    Args:
        path: of the file; one that is there goes on, if its recording ends before ``begin``.
        begin: absolute number of the first step that will come.

    Raises:
        ProtocolError: the file cannot be written, is no recording, or already has these steps.
    """

    def __init__(self, path: str | Path, begin: int) -> None:
        self.path = Path(path)
        if self.path.exists():
            self._see_that_it_goes_on(begin)
        else:
            self._try(lambda: self.path.open("xb").close())
            self.path.unlink()

    def append(self, data: xr.Dataset) -> None:
        """Write a piece at the end.

        Raises:
            ProtocolError: the disk says no, or the piece records other things than the file.
        """
        if self.path.exists():
            self._try(lambda: self._extend(data))
        else:
            self._try(lambda: self._create(data))

    def open(self) -> xr.Dataset:
        """The recording so far; numbers are read from the file when they are needed."""
        import xarray as xr

        return indexed(xr.open_dataset(self.path, engine="h5netcdf", decode_times=False, cache=False))

    def _create(self, data: xr.Dataset) -> None:
        encoding = {
            str(name): {"chunksizes": (min(1024, max(1, len(data["time"]))), *array.shape[1:])}
            for name, array in data.variables.items()
            if array.dims and array.dims[0] == "time" and array.ndim > 1 and all(array.shape[1:])
        }
        data.to_netcdf(self.path, engine="h5netcdf", unlimited_dims=["time"], encoding=encoding)

    def _extend(self, data: xr.Dataset) -> None:
        import h5netcdf

        with h5netcdf.File(self.path, "r+") as file:
            known, new = set(file.variables), {str(name) for name in data.variables}
            if known != new:
                names = ", ".join(sorted(known ^ new)[:3])
                raise ProtocolError(f"'{self.path}' records other things than this run: {names}")
            before = len(file.dimensions["time"])
            file.resize_dimension("time", before + len(data["time"]))
            for name, array in data.variables.items():
                values: Any = array.values
                if array.dims and array.dims[0] == "time":
                    file.variables[str(name)][before:] = values
                elif str(name).endswith(" after"):
                    file.variables[str(name)][...] = values
            events = json.loads(file.attrs["events"]) + json.loads(data.attrs["events"])
            file.attrs["events"] = json.dumps(_once(events))

    def _see_that_it_goes_on(self, begin: int) -> None:
        import h5netcdf

        try:
            with h5netcdf.File(self.path, "r") as file:
                steps = np.asarray(file.variables["step"][:])
        except Exception:  # HDF5 raises nearly anything for what is no such file
            raise ProtocolError(
                f"'{self.path}' is there already and is no recording; choose another name"
            ) from None
        if len(steps) and steps[-1] >= begin:
            raise ProtocolError(
                f"'{self.path}' already has a recording up to step {steps[-1]}, and this one begins with "
                f"step {begin}; choose another name"
            )

    def _try(self, work: Any) -> None:
        try:
            work()
        except OSError as error:
            raise ProtocolError(f"'{self.path}' cannot be written: {error.strerror or error}") from None


def _once(events: list[Any]) -> list[Any]:
    """Events in order, each once (pieces of one run all know them)."""
    return [list(one) for one in dict.fromkeys(map(tuple, events))]
