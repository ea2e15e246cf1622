"""Recordings as SONATA files (HDF5), for libsonata, BMTK and Blue Brain's tools.

cn.to_sonata(data, "folder")        spikes.h5, and STATE.h5 for each state, a report of all populations
data = cn.from_sonata("folder")     the recording again: spikes to the last bit, states in single precision

Times are ms, samples of a batch come one after another. SONATA has no weights over time and no trials.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from corticalnet.errors import FormatError
from corticalnet.formats.notes import Wanted, read_notes, recording, written
from corticalnet.formats.timeline import Timeline, fired, read
from corticalnet.recordings.firing import events_of, told_apart
from corticalnet.recordings.reading import numbers
from corticalnet.store import expanded, make_folder, replacing

if TYPE_CHECKING:
    import xarray as xr

#: What makes a file one of SONATA.
MAGIC, VERSION = 0x0A7A, (0, 1)
#: How spikes are sorted.
SORTING = {"none": 0, "by_id": 1, "by_time": 2}
#: The file of spikes, and in it what a recording says of itself, with the states that have reports.
SPIKES, NOTES, REPORTS = "spikes.h5", "corticalnet", "reports"


def to_sonata(data: xr.Dataset, folder: str | Path) -> list[Path]:
    """Write a recording as SONATA files: spikes, and a report for each state.

    Numbers are read and written piece by piece. Left out are weights, states of synapses and what was
    reduced, which the format does not know; states are float32, as it has it.

    Args:
        data: a recording.
        folder: of the files.

    Returns:
        The files.

    Raises:
        FormatError: the recording is empty, records were left out (a report has one time step), or the disk
            says no.

    >>> import corticalnet as cn
    >>> import tempfile
    >>> columns = cn.circuit(cn.mlp([2, 3, 2]), cn.rule("z-il"))
    >>> data = cn.simulate(columns, [cn.Rest(steps=5)], record=["value"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print([path.name for path in to_sonata(data, folder)])
    ['spikes.h5', 'value.h5']
    """
    import h5py

    line, place = Timeline(data), expanded(folder)
    if not line.regular:
        raise FormatError("a SONATA report has one time step, but records were left out of this recording")
    make_folder(place, FormatError)
    events = events_of(data, "spike", "phi") if line.every == 1 else []
    trains = {str(array.name): fired(line, array) for array in events}
    states: dict[str, list[xr.DataArray]] = {}
    for name, array in data.data_vars.items():
        whole = str(name) in trains and trains[str(name)][1]
        if "population" in array.attrs and array.ndim == 3 and not whole:
            states.setdefault(str(array.attrs["state"]), []).append(array)
    with replacing(place / SPIKES, FormatError) as file, h5py.File(file.name, "w") as out:
        _mark(out)
        out.create_dataset(NOTES, data=written(line)).attrs[REPORTS] = np.array([*states], dtype="S")
        for array in events:
            group = out.create_group(f"spikes/{told_apart(data, array)[-1]}")
            _write_spikes(group, array, trains[str(array.name)][0], line.dt)
    for state, arrays in states.items():
        with replacing(place / f"{state}.h5", FormatError) as file, h5py.File(file.name, "w") as out:
            _mark(out)
            for array in arrays:
                _write_report(out, line, array)
    return [place / SPIKES, *(place / f"{state}.h5" for state in states)]


def _mark(out: Any) -> None:
    out.attrs["magic"] = np.uint32(MAGIC)
    out.attrs["version"] = np.array(VERSION, dtype=np.uint32)


def _write_spikes(group: Any, array: xr.DataArray, steps: list[Any], dt: float) -> None:
    """Write the spikes of a population, sorted by time."""
    import h5py

    cells = np.repeat(numbers(array), [len(one) for one in steps])
    when = np.concatenate(steps)
    order = np.lexsort((cells, when))
    group.attrs.create("sorting", SORTING["by_time"], dtype=h5py.enum_dtype(SORTING, basetype="u1"))
    times = group.create_dataset("timestamps", data=when[order] * dt)
    times.attrs["units"] = "ms"
    group.create_dataset("node_ids", data=cells[order].astype(np.uint64))


def _write_report(out: Any, line: Timeline, array: xr.DataArray) -> None:
    """Write a state of a population, ``[samples × records, cells]``."""
    cells, records = numbers(array), len(line.step)
    group = out.create_group(f"report/{array.attrs['population']}")
    unit = str(array.attrs.get("units", "1"))
    shape = (records * len(line.samples), len(cells))
    table = group.create_dataset("data", shape, dtype=np.float32)  # libsonata reads no gzip
    table.attrs["units"] = unit
    at = 0
    for sample, piece in line.pieces(len(cells)):
        values = read(array, sample, piece)
        table[at : at + len(values)] = values
        at += len(values)
    begin, gap = int(line.step[0]) * line.dt, line.every * line.dt
    time = group.create_dataset("mapping/time", data=np.array([begin, begin + shape[0] * gap, gap]))
    time.attrs["units"] = "ms"
    group.create_dataset("mapping/node_ids", data=cells.astype(np.uint64))
    group.create_dataset("mapping/index_pointers", data=np.arange(len(cells) + 1, dtype=np.uint64))
    group.create_dataset("mapping/element_ids", data=np.zeros(len(cells), dtype=np.uint32))


def from_sonata(folder: str | Path) -> xr.Dataset:
    """Read the recording that :func:`to_sonata` wrote; spikes of others: :func:`corticalnet.read_spikes`.

    Args:
        folder: of the files.

    Raises:
        FormatError: a file is missing or damaged, or another tool made it.

    >>> from_sonata("nowhere")
    Traceback (most recent call last):
        ...
    corticalnet.errors.FormatError: there is no file 'nowhere/spikes.h5'
    """
    import h5py

    place = expanded(folder)
    if not (place / SPIKES).is_file():
        raise FormatError(f"there is no file '{Path(folder) / SPIKES}'")
    try:
        with h5py.File(place / SPIKES, "r") as spikes:
            told = read_notes(spikes[NOTES][()] if NOTES in spikes else None)
            if told is not None:
                return recording(told, lambda wanted: _numbers(place, spikes, wanted))
    except Exception as error:  # HDF5 raises nearly anything for a damaged file
        reason = (str(error).splitlines() or [""])[0]
        raise FormatError(f"'{folder}' cannot be read as SONATA: {type(error).__name__}: {reason}") from None
    raise FormatError(
        f"'{folder}' is no recording of corticalnet; cn.read_spikes reads the spikes of any SONATA file"
    )


def _numbers(place: Path, spikes: Any, wanted: Wanted) -> Any:
    """Return a variable's numbers from the report of its state, or else its spikes."""
    import h5py

    if "population" not in wanted.attrs or len(wanted.dims) != 3:
        return None
    population, state = wanted.attrs["population"], wanted.attrs["state"]
    report, reports = place / f"{state}.h5", spikes[NOTES].attrs.get(REPORTS, np.array([state], dtype="S"))
    if state.encode() in reports and report.is_file():  # (another recording may have left one in the folder)
        with h5py.File(report, "r") as file:
            if population in file["report"]:
                return file[f"report/{population}/data"][()]
    own = f"{population}.{state}"
    group = spikes["spikes"][own if own in spikes["spikes"] else population]
    times, who = group["timestamps"][()], group["node_ids"][()]
    order = np.argsort(who, kind="stable")  # (cells together, each in the order of time)
    times, cells = times[order], np.asarray(wanted.cells)
    begin, end = (np.searchsorted(who[order], cells, side) for side in ("left", "right"))
    return wanted.fired([times[one:other] for one, other in zip(begin, end, strict=True)])
