"""Recordings that grow on disk while a simulation runs: a NetCDF file, piece after piece.

data = simulate(circuit, protocol, to="run.nc")         a dataset whose numbers stay in the file
running.run(protocol, to="run.nc")                      goes on in the same file

HDF5 may end the process by a signal if the disk is full while it writes. So the first piece is made in
memory, and room for each further one is reserved on the disk before HDF5 opens the file: what fails then is a
piece that nobody has begun to write, and what was recorded so far stays as it was.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from corticalnet.errors import ProtocolError
from corticalnet.recordings.join import SAME
from corticalnet.recordings.layout import LAYOUT
from corticalnet.recordings.loading import let_go, opened, other_version, readable
from corticalnet.store import expanded, replacing, write_whole

if TYPE_CHECKING:
    import xarray as xr

#: A file keeps numbers in chunks of about so many bytes.
_CHUNK = 1 << 16
#: What HDF5 itself needs to append a piece, at most: bytes, and as a part of the piece.
_EXTRA, _SHARE = 1 << 20, 0.05


class RecordingFile:
    """A file that recordings are appended to, in the order of their steps.

    Args:
        path: of the file; one that is there goes on, if its recording ends before ``begin``.
        begin: absolute number of the first step that will come.

    Raises:
        ProtocolError: the file cannot be written, is no recording, or already has these steps.
    """

    def __init__(self, path: str | Path, begin: int) -> None:
        self._there = False
        try:
            self.path = expanded(path)
            self.path.lstat()
            self._there = True
        except (TypeError, ValueError):
            raise ProtocolError(f"to must be the name of a file, such as 'run.nc', not {path!r}") from None
        except OSError:
            pass  # nothing is there; what else is wrong is found now
        with self._trying():
            if not self._there:
                with suppress(_Tried), replacing(self.path, ProtocolError):
                    raise _Tried
            elif not stat.S_ISREG(self.path.stat().st_mode):
                raise ProtocolError(
                    f"'{self.path}' is no file that a recording can go to; choose another name"
                )
            else:
                self.path.open("r+b").close()
                self._see_that_it_goes_on(begin)

    def expect(self, data: xr.Dataset, numbers: int) -> None:
        """Check in advance that what will come fits the file, and the space on the disk.

        Args:
            data: a recording like those that will come, of no step.
            numbers: how many will come at least.

        Raises:
            ProtocolError: it does not.
        """
        if self._there:
            self._fits(data)
        with suppress(OSError):
            free = shutil.disk_usage(self.path.absolute().parent).free
            if 8 * numbers > free:
                raise ProtocolError(
                    f"'{self.path}' would have {8 * numbers / 1e9:.3g} GB, but there are only "
                    f"{free / 1e9:.3g} GB left on its disk; record less, or every so many steps"
                )

    def append(self, data: xr.Dataset) -> None:
        """Append a piece to the file.

        Raises:
            ProtocolError: the disk says no, or the piece is of another recording; the file is as it was.
        """
        with self._trying():
            if not self._there and not os.path.lexists(self.path):
                self._create(data)
            else:
                if not self._there:  # another has made it since
                    self._fits(data)
                self._extend(data)
            self._there = True

    def open(self) -> xr.Dataset:
        """Open the recording so far; states are read from the file when they are needed."""
        return opened(self.path)

    def _create(self, data: xr.Dataset) -> None:
        encoding = {}
        for name, array in data.variables.items():
            if array.dims and array.dims[0] == "time" and all(array.shape[1:]):
                row = array.dtype.itemsize * int(np.prod(array.shape[1:]))
                chunks = max(1, _CHUNK // row), *array.shape[1:]
                encoding[str(name)] = {**array.encoding, "chunksizes": chunks}
        image = io.BytesIO()
        data.to_netcdf(image, engine="h5netcdf", unlimited_dims=["time"], encoding=encoding)
        with image.getbuffer() as content:  # left to an error's traceback, it ends Python 3.12 by a signal
            write_whole(self.path, content, ProtocolError)

    def _extend(self, data: xr.Dataset) -> None:
        import h5netcdf

        let_go()
        self._reserve(data)
        with h5netcdf.File(self.path, "r+") as file:
            self._follows(file, data["step"].values)
            before = len(file.dimensions["time"])
            try:
                file.resize_dimension("time", before + data.sizes["time"])
                for name, array in data.variables.items():
                    if array.dims and array.dims[0] == "time":
                        file.variables[str(name)][before:] = array.values
            except BaseException:  # Ctrl-C: half a piece is none
                file.resize_dimension("time", before)
                raise
            for name, array in data.variables.items():
                if "when" in array.dims and str(name) != "when":
                    file.variables[str(name)][1] = array.values[1]
            events = json.loads(file.attrs["events"]) + json.loads(data.attrs["events"])
            settings = json.loads(file.attrs["settings"])
            settings["steps"] += json.loads(data.attrs["settings"])["steps"]
            file.attrs["events"], file.attrs["settings"] = json.dumps(events), json.dumps(settings)

    def _reserve(self, data: xr.Dataset) -> None:
        """Reserve space on the disk for a piece; HDF5 gives back what is not needed.

        Raises:
            OSError: there is none.
        """
        need = int(data.nbytes * (1 + _SHARE)) + _EXTRA + _CHUNK * len(data.variables)
        size = self.path.stat().st_size
        with self.path.open("r+b") as file:
            if hasattr(os, "posix_fallocate"):
                try:
                    os.posix_fallocate(file.fileno(), size, need)
                except OSError:
                    file.truncate(size)
                    raise
            elif shutil.disk_usage(self.path.absolute().parent).free < need:
                raise OSError("No space left on device")

    def _see_that_it_goes_on(self, begin: int) -> None:
        import h5netcdf

        let_go()
        try:
            with h5netcdf.File(self.path, "r") as file:
                if not {"corticalnet", "events", "settings"} <= set(file.attrs):
                    raise KeyError
                if file.attrs.get("layout") != LAYOUT:
                    raise other_version(self.path, file.attrs)
                self._follows(file, np.array([begin]))
        except ProtocolError:
            raise
        except BlockingIOError:
            raise ProtocolError(f"'{self.path}' is being written by another process") from None
        except Exception:  # HDF5 raises nearly anything for what is no such file
            raise ProtocolError(
                f"'{self.path}' is there already and is no recording; choose another name"
            ) from None

    def _follows(self, file: Any, steps: Any) -> None:
        """Check that steps come after those in the file."""
        there = file.variables["step"]
        if len(there) and len(steps) and (last := int(there[-1])) >= steps[0]:
            raise ProtocolError(
                f"'{self.path}' already has a recording up to step {last}, and this one begins with "
                f"step {steps[0]}; choose another name"
            )

    def _fits(self, data: xr.Dataset) -> None:
        """Check that the recording in the file is of the same simulation and variables."""
        import xarray as xr

        def other(what: object) -> ProtocolError:
            return ProtocolError(f"'{self.path}' is another recording: {what}; choose another name")

        with xr.open_dataset(self.path, engine="h5netcdf", decode_times=False) as file:
            there = readable(file)
            for fact in SAME:
                if there.attrs.get(fact) != data.attrs.get(fact):
                    raise other(f"its {fact} is {there.attrs.get(fact)}, not {data.attrs.get(fact)}")
            if apart := sorted(map(str, set(there.variables) ^ set(data.variables))):
                has = "a" if apart[0] in there.variables else "no"
                raise other(f"it has {has} variable '{apart[0]}'")
            for name, array in data.variables.items():
                its = there[name]
                if (its.dims, its.dtype.kind) != (array.dims, array.dtype.kind) or (
                    [n for d, n in its.sizes.items() if d != "time"]
                    != [n for d, n in zip(array.dims, array.shape, strict=True) if d != "time"]
                ):
                    raise other(f"its '{name}' has other dimensions")
                if name in data.coords and "time" not in array.dims and (its.values != array.values).any():
                    raise other(f"its '{name}' is of other cells")

    @contextmanager
    def _trying(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._refused(error) from None

    def _refused(self, error: OSError) -> ProtocolError:
        reason = os.strerror(error.errno) if error.errno else (str(error).splitlines() or ["no reason"])[0]
        rest = "; what it held before is still there" if self._there else ""
        return ProtocolError(f"'{self.path}' cannot be written: {reason}{rest}")


class _Tried(Exception):
    """Raised to undo a trial: the file could be made."""
