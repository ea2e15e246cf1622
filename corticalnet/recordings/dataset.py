"""Recordings as xarray data sets: dims time, batch, column; every variable knows its unit.

data["error"].sel(area="area1")         the error cells of an area
data["spike"].sel(population="area1.value.on")      spikes, on an axis of cells
data.to_netcdf("run.nc", engine="h5netcdf")
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.about import VERSION
from corticalnet.circuits.parts import Population
from corticalnet.errors import ProtocolError

if TYPE_CHECKING:
    import xarray as xr

    from corticalnet.recordings.recording import Recording, Track

Floats = NDArray[np.float64]
#: A variable as xarray takes it: dims, numbers, attributes (and how a file keeps it).
Variable = tuple[tuple[str, ...], Any, dict[str, str]] | tuple[tuple[str, ...], Any, dict[str, str], Any]
_INDEXED = ("area", "population")
_TIME = "time at which the step began; values are those after it"
_COORDINATES = (
    "time", "step", "batch", "area", "index", "column", "sheet", "cell", "population", "number", "column_of"
)  # fmt: skip
#: Spikes are few: a file keeps them in a hundredth of the room.
_PACKED = {"zlib": True, "complevel": 1}


def build_dataset(
    recording: Recording,
    arrays: Sequence[Floats],
    before: Mapping[str, Floats],
    after: Mapping[str, Floats],
    attrs: Mapping[str, Any],
) -> xr.Dataset:
    """Put the arrays of a recording's tracks together; see :meth:`Recording.dataset`."""
    import xarray as xr  # a third of a second that training need not wait for

    pairs = list(zip(recording.tracks, arrays, strict=True))
    cells = [(t, a) for t, a in pairs if not t.is_weight and not t.reduce]
    reduced = [(t, a) for t, a in pairs if t.reduce]
    spikes = [(t, a) for t, a in cells if t.state == "spike"]
    variables, coordinates = _states(recording, [(t, a) for t, a in cells if t.state != "spike"])
    for more, where in (
        _reduced(recording, reduced),
        _spikes(recording, spikes),
        (_weights(recording, pairs, before, after), {}),
    ):
        variables |= more
        coordinates |= where
    steps = recording.kept
    coordinates |= {
        "time": (("time",), steps * float(recording.circuit.dt), {"units": "ms", "long_name": _TIME}),
        "step": (
            ("time",),
            steps,
            {"units": "1", "long_name": "step of the whole simulation, counted from 0"},
        ),
        "batch": (("batch",), np.arange(recording.script.batch), {"units": "1", "long_name": "sample"}),
    }
    return indexed(xr.Dataset(variables, coordinates, _attributes(recording) | dict(attrs)))


def load_recording(path: str | Path, *, lazy: bool = False) -> xr.Dataset:
    """A recording that ``to=path`` or ``data.to_netcdf(path, engine="h5netcdf")`` saved, with its indices.

    Args:
        path: of the file.
        lazy: leave its numbers in the file until they are needed, for what does not fit into memory.

    Raises:
        ProtocolError: there is no file, it cannot be read, or it is no recording.
    """
    import xarray as xr

    if not Path(path).is_file():
        raise ProtocolError(f"there is no recording '{path}'")
    try:
        if lazy:
            from corticalnet.recordings.streaming import opened

            data = opened(Path(path))
        else:
            data = xr.load_dataset(path, engine="h5netcdf", decode_times=False)
    except Exception as error:  # HDF5 raises nearly anything for a damaged file
        reason = (str(error).splitlines() or [""])[0]
        raise ProtocolError(f"recording '{path}' cannot be read: {type(error).__name__}: {reason}") from None
    if "corticalnet" not in data.attrs or "time" not in data.coords:
        raise ProtocolError(f"'{path}' is no recording of corticalnet")
    return readable(data)


def readable(data: xr.Dataset) -> xr.Dataset:
    """What a file holds as a recording: with texts (which HDF5 gives back as objects) and indices."""
    for name in {"area", "sheet", "population"} & set(data.coords):
        data = data.assign_coords({name: (data[name].dims, data[name].values.astype(str), data[name].attrs)})
    return indexed(data)


def indexed(data: xr.Dataset) -> xr.Dataset:
    """A recording with areas and spiking populations to select by."""
    for name in _INDEXED:
        if name in data.coords and name not in data.xindexes:
            data = data.set_xindex(name)
    return data


def _states(
    recording: Recording, pairs: Sequence[tuple[Track, Floats]]
) -> tuple[dict[str, Variable], dict[str, Variable]]:
    """States of cells on the axis of columns, and that axis."""
    columns: dict[str, NDArray[np.int64]] = {}
    for population in recording.circuit.populations:
        for track, _ in pairs:
            if track.part == population.name:
                known = columns.get(population.area, np.array([], dtype=np.int64))
                columns[population.area] = np.union1d(known, _cells(track, population))
    if not columns:
        return {}, {}
    sizes = [len(index) for index in columns.values()]
    first = dict(zip(columns, np.cumsum(sizes) - sizes, strict=True))
    shape = (len(recording.kept), recording.script.batch, sum(sizes))
    variables: dict[str, Variable] = {}
    for track, array in pairs:
        population = recording.circuit.population(track.part)
        name = _name(recording, population, track.state)
        if name not in variables:
            attrs = _describe(recording, population, track)
            variables[name] = (("time", "batch", "column"), np.full(shape, np.nan), attrs)
        area = population.area
        at = first[area] + np.searchsorted(columns[area], _cells(track, population))
        variables[name][1][:, :, at] = array
    names = np.repeat(np.array(list(columns)), sizes)
    index = np.concatenate(list(columns.values()))
    return variables, {
        "area": (("column",), names, {"long_name": "area of the column"}),
        "index": (("column",), index, {"units": "1", "long_name": "position of the column in its area"}),
    }


def _spikes(
    recording: Recording, pairs: Sequence[tuple[Track, Floats]]
) -> tuple[dict[str, Variable], dict[str, Variable]]:
    """Spikes of all spiking populations, on an axis of cells (there are many more than columns)."""
    if not pairs:
        return {}, {}
    parts = [recording.circuit.population(track.part) for track, _ in pairs]
    which = [_cells(track, population) for (track, _), population in zip(pairs, parts, strict=True)]
    names = np.repeat(np.array([p.name for p in parts]), [len(index) for index in which])
    columns = [index // _per_column(recording, p) for index, p in zip(which, parts, strict=True)]
    attrs = {"units": "1", "long_name": "1 in the step in which a cell fires"}
    if recording.every > 1:
        attrs = {
            "units": "1",
            "long_name": "spikes in the steps since the last record",
            "cell_methods": "time: sum",
        }
    kind = np.min_scalar_type(recording.every)  # a cell fires at most once in a step
    spikes = np.concatenate([array.astype(kind) for _, array in pairs], axis=2)
    return {"spike": (("time", "batch", "cell"), spikes, attrs, _PACKED)}, {
        "population": (("cell",), names, {"long_name": "population of the cell"}),
        "number": (("cell",), np.concatenate(which), {"units": "1", "long_name": "its number there"}),
        "column_of": (
            ("cell",),
            np.concatenate(columns),
            {"units": "1", "long_name": "position in its area of the column it speaks for"},
        ),
    }


def _per_column(recording: Recording, population: Population) -> int:
    """N: "area1.value.on" has so many cells for each column of "area1.value"; 1 if they speak for nobody."""
    columns = {p.name: p.n for p in recording.circuit.populations}.get(population.area, population.n)
    return population.n // columns if population.n % columns == 0 else 1


def _reduced(
    recording: Recording, pairs: Sequence[tuple[Track, Floats]]
) -> tuple[dict[str, Variable], dict[str, Variable]]:
    """What was reduced, on an axis of areas."""
    there = {recording.circuit.population(track.part).area for track, _ in pairs}
    areas = list(dict.fromkeys(p.area for p in recording.circuit.populations if p.area in there))
    shape = (len(recording.kept), recording.script.batch, len(areas))
    variables: dict[str, Variable] = {}
    for track, array in pairs:
        population = recording.circuit.population(track.part)
        name = f"{_name(recording, population, track.state)}_{track.reduce}"
        if name not in variables:
            attrs = _describe(recording, population, track)
            variables[name] = (("time", "batch", "sheet"), np.full(shape, np.nan), attrs)
        variables[name][1][:, :, areas.index(population.area)] = array
    return variables, {"sheet": (("sheet",), np.array(areas), {"long_name": "area"})} if areas else {}


def _weights(
    recording: Recording,
    pairs: Sequence[tuple[Track, Floats]],
    before: Mapping[str, Floats],
    after: Mapping[str, Floats],
) -> dict[str, Variable]:
    """Weights over time, and of all plastic projections before and after."""
    variables: dict[str, Variable] = {}
    during = {track.part: array for track, array in pairs if track.is_weight}
    for name in [p.name for p in recording.circuit.plastic]:
        shape = np.shape(before[name])
        ends = ("post", "pre") if len(shape) == 2 else ("weight",)
        dims = tuple(f"{name} {end}" for end in ends)
        attrs = {"units": "1", "long_name": f"weights of {name}"}
        for when, weights in (("before", before), ("after", after)):
            variables[f"{name} {when}"] = (dims, np.array(weights[name], dtype=np.float64), attrs)
        if name in during:
            variables[name] = (("time", *dims), during[name], attrs)
    return variables


def _cells(track: Track, population: Population) -> NDArray[np.int64]:
    return np.arange(population.n) if track.index is None else track.index


def _name(recording: Recording, population: Population, state: str) -> str:
    """A state's name; with its role where that would be the name of something else too."""
    roles = {p.role for p in recording.circuit.populations if state in p.cell.state}
    taken = {*_COORDINATES, *(p.name for p in recording.circuit.plastic)}
    return f"{population.role}_{state}" if len(roles) > 1 or state in taken else state


def _describe(recording: Recording, population: Population, track: Track) -> dict[str, str]:
    what = f"{track.reduce} of {track.state}" if track.reduce else track.state
    unit = population.cell.states()[track.state].unit.symbol
    about = {"units": unit, "long_name": f"{what} of {population.role} cells".replace("_", " ")}
    return about | ({"cell_methods": "time: sum"} if recording.adds_up(track) else {})  # (as CF has it)


def _attributes(recording: Recording) -> dict[str, Any]:
    circuit, dt = recording.circuit, float(recording.circuit.dt)
    return {
        "title": circuit.name,
        "dt": dt,
        "events": json.dumps([[step * dt, label] for step, label in recording.script.events]),
        "schedule": " → ".join(circuit.schedule().names()),
        "every": recording.every,
        "corticalnet": VERSION,
    }
