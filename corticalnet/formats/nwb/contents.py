"""What is in an NWB file: units, trials, states and weights over time."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from corticalnet.formats.extras import library
from corticalnet.formats.timeline import PIECE, Span, Timeline, fired, read, rows
from corticalnet.recordings.firing import Firing, cells_of, events_of, told_apart

#: Columns of the table of units, beside those of NWB.
COLUMNS = {
    "location": "where the cell is: its area, and its column there; there was no electrode",
    "population": "population of the circuit",
    "area": "area of the network",
    "role": "what the cells of the population are for",
    "sign": "of the numbers that the cell encodes: on (positive), off (negative), or both",
    "state": "of the cell whose changes from 0 the times are: spike, or phi, a change detector",
    "number": "of the cell in its population",
    "column": "position in its area of the column that the cell stands for",
}


def add_units(pynwb: Any, nwb: Any, data: xr.Dataset, line: Timeline) -> set[str]:
    """Add a row for each cell that fires; return the variables of which this tells everything."""
    if line.every > 1 or not line.regular:
        return set()
    whole, trains, about = set(), [], {name: [] for name in COLUMNS}  # type: ignore[var-annotated]
    for array in events_of(data, "spike", "phi"):
        steps, plain = fired(line, array)
        whole |= {str(array.name)} if plain else set()
        trains += [line.seconds(one) for one in steps]
        one = Firing(*told_apart(data, array), *cells_of(array), np.empty((0, 0), np.int64))
        for number, column in zip(one.number.tolist(), one.column.tolist(), strict=True):
            row = (
                f"{one.area}, column {column}",
                one.population,
                one.area,
                one.role,
                one.side,
                one.state,
                number,
                column,
            )
            for values, value in zip(about.values(), row, strict=True):
                values.append(value)
    if not trains:
        return set()
    spans = np.array([[line.seconds(line.first, k), line.seconds(line.first + line.steps, k)]
                      for k in range(len(line.samples))])  # fmt: skip
    common = pynwb.core
    columns = [common.VectorData(name=name, description=COLUMNS[name], data=v) for name, v in about.items()]
    for name, text, ragged in (
        ("spike_times", "times of spikes, and of changes that φ saw, in s", trains),
        ("obs_intervals", "when each sample ran", [spans] * len(trains)),
    ):
        values = common.VectorData(name=name, description=text, data=np.concatenate(ragged))
        ends = np.cumsum([len(one) for one in ragged]).astype(np.uint64)
        columns += [values, common.VectorIndex(name=f"{name}_index", target=values, data=ends)]
    nwb.units = pynwb.misc.Units(
        name="units",
        description="simulated cells: what fires, and the change detectors φ; silent ones too",
        columns=columns,
        colnames=[*COLUMNS, "spike_times", "obs_intervals"],
        id=list(range(len(trains))),
        resolution=line.dt / 1000.0,
    )
    return whole


def add_intervals(nwb: Any, line: Timeline) -> None:
    """Add the tables of trials and of what the protocol did."""
    sample = "sample of the batch"
    nwb.add_trial_column("sample", sample)
    nwb.add_trial_column("trial", "number of the trial of its sample")
    for span in line.trials():
        nwb.add_trial(**_row(line, span))
    phases = list(line.phases())
    if phases:
        nwb.add_epoch_column("sample", sample)
        nwb.add_epoch_column("trial", "number of the trial of its sample that it is in")
        nwb.add_epoch_column("label", "element of the protocol")
        for span in phases:
            nwb.add_epoch(**_row(line, span), label=span.label, tags=[span.label])


def _row(line: Timeline, span: Span) -> dict[str, Any]:
    start, stop = (float(line.seconds(round(t / line.dt), span.sample)) for t in (span.start, span.stop))
    return {
        "start_time": start,
        "stop_time": stop,
        "sample": line.samples[span.sample],
        "trial": span.trial,
    }


def add_numbers(pynwb: Any, nwb: Any, line: Timeline, name: str, array: xr.DataArray) -> None:
    """Add a variable: states and weights over time as a TimeSeries, weights before and after as a table."""
    about = str(array.attrs.get("long_name", name))
    if "time" in array.dims and "population" in array.attrs:
        nwb.add_acquisition(_series(pynwb, line, name, array, about))
        return
    if "plasticity" not in nwb.processing:
        nwb.create_processing_module("plasticity", "weights and states of synapses")
    module = nwb.processing["plasticity"]
    if "time" in array.dims:
        shape = ", ".join(str(dim).rpartition(" ")[2] for dim in array.dims if dim not in ("time", "batch"))
        shared = "" if "batch" in array.dims else "; of all samples at once, at the times of the first"
        module.add(_series(pynwb, line, name, array, f"{about} [time, {shape}]{shared}"))
        return
    module.add(_table(pynwb, name, array, about))


def _table(pynwb: Any, name: str, array: xr.DataArray, about: str) -> Any:
    """Return weights before and after as a table with a row for each."""
    ends = [str(dim) for dim in array.dims if dim != "when"]
    shape = tuple(array.sizes[dim] for dim in ends)
    columns = {
        dim.rpartition(" ")[2]: (f"number along '{dim}'", index.ravel())
        for dim, index in zip(ends, np.indices(shape), strict=True)
    }
    columns |= {
        str(when): (f"weights {when} the simulation", array.sel(when=when).values.ravel())
        for when in array["when"].values
    }
    return pynwb.core.DynamicTable(
        name=name,
        description=f"{about}, before and after; a row for each",
        columns=[_column(pynwb, name, text, values) for name, (text, values) in columns.items()],
        id=np.arange(int(np.prod(shape))),
    )


def _column(pynwb: Any, name: str, text: str, values: Any) -> Any:
    packed = pynwb.H5DataIO(values, compression="gzip", compression_opts=1, shuffle=True)
    return pynwb.core.VectorData(name=name, description=text, data=packed)


def _series(pynwb: Any, line: Timeline, name: str, array: xr.DataArray, about: str) -> Any:
    """Return a variable over time, the samples one after another."""
    samples = len(line.samples) if "batch" in array.dims else 1
    unit = str(array.attrs.get("units", "1"))
    if line.regular:
        when: dict[str, Any] = {
            "starting_time": float(line.seconds(line.step[0])),
            "rate": 1000.0 / (line.dt * line.every),
        }
    else:
        times = [line.seconds(line.step, k) for k in range(samples)]
        when = {"timestamps": np.concatenate(times)}
    return pynwb.TimeSeries(
        name=name,
        description=about,
        comments="a value is the state after the step that begins at its time",
        data=pynwb.H5DataIO(
            _stack(line, array, samples), compression="gzip", compression_opts=1, shuffle=True
        ),
        unit="unitless" if unit == "1" else unit,
        continuity="instantaneous" if array.attrs.get("cell_methods") == "time: sum" else "step",
        **when,
    )


def _stack(line: Timeline, array: xr.DataArray, samples: int) -> Any:
    """Return the numbers ``[samples × records, …]``; of many, an iterator that reads them piece by piece."""
    kind = np.dtype(np.int8) if array.dtype == bool else array.dtype
    row = rows(array)
    size = int(np.prod(row)) if row else 1

    pieces = (
        read(array, sample, records).astype(kind, copy=False)
        for sample, records in line.pieces(size)
        if sample < samples
    )
    if samples * len(line.step) * size <= PIECE:
        return np.concatenate(list(pieces))
    iterator = library("hdmf.data_utils", "nwb", "to_nwb").DataChunkIterator
    return iterator(
        (record for piece in pieces for record in piece),
        maxshape=(None, *row),
        dtype=kind,
        buffer_size=max(1, (1 << 20) // max(1, size)),
    )
