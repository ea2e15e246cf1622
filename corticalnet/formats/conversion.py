"""Files of one format into another: which formats there are, and how a file's own is told.

    convert("run.nwb", "run.zarr")        recordings: NWB, SONATA, NetCDF by CF, Zarr, and our own
    convert("cells.nir", "cells.json")    circuits: NIR, and our own

What a format cannot hold is lost on the way, as the docstring of its ``to_…`` says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corticalnet.circuits import Circuit
from corticalnet.errors import FormatError, one_of
from corticalnet.formats.netcdf import from_netcdf, from_zarr, to_netcdf, to_zarr
from corticalnet.formats.nir import from_nir, to_nir
from corticalnet.formats.nwb import from_nwb, to_nwb
from corticalnet.formats.sonata import SPIKES, from_sonata, to_sonata
from corticalnet.recordings.loading import load_recording
from corticalnet.store import expanded, make_folder, replacing

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Format:
    """A format that files are written and read in.

    Attributes:
        holds: "recording" or "circuit".
        suffix: of its files; empty for a folder.
        read: what is in a file.
        write: to a file.
    """

    holds: str
    suffix: str
    read: Callable[[Path], Any]
    write: Callable[[Any, Path], object]


def _read_recording(path: Path) -> xr.Dataset:
    return load_recording(path, lazy=True)  # (it need not fit into memory)


def _write_recording(data: xr.Dataset, path: Path) -> None:
    with replacing(path, FormatError) as file:
        data.to_netcdf(file.name, engine="h5netcdf")


#: By name. Of two with one suffix the first is written, unless another is asked for.
FORMATS = {
    "nwb": Format("recording", ".nwb", from_nwb, to_nwb),
    "netcdf": Format("recording", ".nc", from_netcdf, to_netcdf),
    "recording": Format("recording", ".nc", _read_recording, _write_recording),
    "zarr": Format("recording", ".zarr", from_zarr, to_zarr),
    "sonata": Format("recording", "", from_sonata, to_sonata),
    "nir": Format("circuit", ".nir", from_nir, to_nir),
    "circuit": Format("circuit", ".json", Circuit.load, lambda circuit, path: circuit.save(path)),
}


def format_of(path: str | Path) -> str:
    """Return the format of a file or folder that is there.

    Raises:
        FormatError: it is not there, or of no format that is known here.

    >>> format_of("nowhere.nwb")
    Traceback (most recent call last):
        ...
    corticalnet.errors.FormatError: there is no 'nowhere.nwb'
    """
    place = expanded(path)
    if not place.exists():
        raise FormatError(f"there is no '{path}'")
    if place.is_dir():
        for name, file in (("zarr", "zarr.json"), ("sonata", SPIKES), ("recording", "recording.nc")):
            if (place / file).exists():
                return name
        raise FormatError(f"folder '{path}' holds no recording (recording.nc, {SPIKES} or zarr.json)")
    if place.suffix == ".nc":
        return "netcdf" if _by_cf(place) else "recording"
    return _by_suffix(place)


def format_for(path: str | Path, name: str | None = None) -> str:
    """Choose the format of a file that is to be written: ``name``, or what its suffix says.

    Raises:
        FormatError: no format of that name or suffix.

    >>> format_for("run.nwb"), format_for("run.nc"), format_for("run.nc", "recording")
    ('nwb', 'netcdf', 'recording')
    """
    if name is None:
        return _by_suffix(Path(path))
    one_of("format", name, FORMATS, FormatError)
    wanted = FORMATS[name].suffix
    if wanted and Path(path).suffix != wanted:
        raise FormatError(f"a file of format {name} is called …{wanted}, not '{path}'")
    return name


def _by_suffix(path: Path) -> str:
    for name, one in FORMATS.items():
        if one.suffix and one.suffix == path.suffix:
            return name
    known = ", ".join(dict.fromkeys(one.suffix for one in FORMATS.values() if one.suffix))
    raise FormatError(f"'{path}' has the suffix of no format; choose from {known}, or a folder for sonata")


def _by_cf(path: Path) -> bool:
    """Return whether a NetCDF file says that it follows conventions."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return "Conventions" in file.attrs
    except OSError:
        return False


def convert(source: str | Path, path: str | Path, to: str | None = None, **options: Any) -> str:
    """Write a file's recording or circuit in another format.

    Args:
        source: a file, or the folder of a format that has several files, or of ``corticalnet simulate``.
        path: of the new file, which replaces one that is there.
        to: its format, "nwb", "netcdf", "recording", "zarr", "sonata", "nir" or "circuit"; what the suffix
            of ``path`` says if not given.
        options: of the format's own function: ``trial`` of :func:`corticalnet.to_nwb`, ``reader`` of
            :func:`corticalnet.to_nir`.

    Returns:
        The format that ``source`` has.

    Raises:
        FormatError: one of both is of no format that is known here, is damaged, or holds something else than
            the other; a format's library is not installed; the disk says no.
        ProtocolError, CircuitError: a recording or a circuit of our own that cannot be read.

    >>> import corticalnet as cn
    >>> import tempfile
    >>> columns = cn.circuit(cn.mlp([2, 3, 2]), cn.rule("z-il"))
    >>> data = cn.simulate(columns, [cn.Rest(steps=5)], record=["rate"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = cn.to_netcdf(data, f"{folder}/run.nc")
    ...     convert(f"{folder}/run.nc", f"{folder}/run", "sonata")
    'netcdf'
    """
    new, known = format_for(path, to), format_of(source)
    old, wanted = FORMATS[known], FORMATS[new]
    if old.holds != wanted.holds:
        raise FormatError(f"'{source}' holds a {old.holds}, and {new} a {wanted.holds}")
    place, given = expanded(path), expanded(source)
    if known == "recording" and given.is_dir():
        given /= "recording.nc"
    content = old.read(given)
    make_folder(place.parent, FormatError)
    wanted.write(content, place, **options)
    return known
