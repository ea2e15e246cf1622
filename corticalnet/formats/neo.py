"""Recordings as Neo objects, for the other tools of the field: ``pip install 'corticalnet[neo]'``.

block = to_neo(data)
block.segments[0].spiketrains, .analogsignals, .events
"""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from corticalnet.errors import RecordingWarning
from corticalnet.formats.extras import library
from corticalnet.formats.timeline import Timeline
from corticalnet.recordings.firing import counted, fires, firing
from corticalnet.recordings.reading import numbers, plastic_projections, untimed
from corticalnet.recordings.spikes import spike_times

#: What a block says of its simulation.
FACTS = ("engine", "seed", "dt", "corticalnet")
#: More spike trains than these take NixIO more than a minute to write, at 35 to 70 ms each.
MANY = 2_000


def to_neo(data: xr.Dataset, trial: str | None = "present") -> Any:
    """Convert a recording to a ``neo.Block``, as PyNN would return it.

    - a *Segment* for each trial of each sample of the batch, annotated with both; times go on from trial to
      trial as in the recording, in ms, or as numbers without a unit where steps have no duration;
    - an *AnalogSignal* for each state of each population, "area1.error.error", with its unit, annotated with
      population, area and state, and each channel with its column; an *IrregularlySampledSignal* where
      records were left out. In the segments of the first sample weights over time, too, if recorded,
      "input->area1", each channel with post and pre;
    - a *SpikeTrain* for each spiking cell and each φ, annotated with population, state, number and column; of
      a recording with ``every`` the counts of spikes as a signal for each population instead, each channel
      with number and column;
    - an *Event* "protocol": what begins when; and "changes of input->area1": when weights changed;
    - a *Group* for each population, of its trains and signals in all segments.

    States of synapses stay in the recording.

    Args:
        data: a recording.
        trial: the event with which a trial begins. What comes before the first belongs to it; if there is
            none, all is one trial. None: one segment, and one train for each cell, for the whole recording.

    Raises:
        FormatError: Neo is not installed, no event is called so, or nothing was recorded.
        ProtocolError: records with spikes were left out.

    Warns:
        RecordingWarning: there are so many trains that Neo takes minutes to write them.

    >>> import corticalnet as cn
    >>> columns = cn.circuit(cn.mlp([2, 3, 2]), cn.rule("z-il"))
    >>> data = cn.simulate(columns, [cn.Rest(steps=5)], record=["value"])
    >>> block = to_neo(data)
    >>> len(block.segments), block.groups[0].name
    (1, 'input.value')
    """
    neo, units = library("neo", "neo", "to_neo"), library("quantities", "neo", "to_neo")
    line = Timeline(data, "present" if trial is None else trial)
    unit = units.dimensionless if untimed(data) else units.ms
    times, dt = np.asarray(data["time"].values, dtype=np.float64), line.dt
    edges = [line.begin, line.end] if trial is None else line.edges
    facts = {name: _plain(data.attrs[name]) for name in FACTS if name in data.attrs}
    block = neo.Block(name=data.attrs.get("title", ""), **facts)
    groups: dict[str, Any] = {}
    step, regular = _clock(data, dt)
    for batch in range(data.sizes["batch"]):
        trains, signals = _trains(data, batch), _signals(data, batch)
        signals += _weights(data) if batch == 0 else []
        changes = _changes(data) if batch == 0 else {}
        for k, (start, stop) in enumerate(itertools.pairwise(edges)):
            segment = neo.Segment(name=f"sample {batch}, trial {k}", sample=batch, trial=k)
            whole = {"t_start": start * unit, "t_stop": stop * unit, "units": unit}
            inside = (times >= start) & (times < stop)
            for fired, about in trains:
                fired = fired[(fired >= start) & (fired < stop)]
                train = neo.SpikeTrain(fired, sampling_rate=1 / (dt * unit), **whole, **about)
                segment.spiketrains.append(train)
                _into(neo, groups, train)
            for values, about in signals if inside.any() else ():
                if regular:
                    clock = {"t_start": times[inside][0] * unit, "sampling_period": step * unit}
                    signal = neo.AnalogSignal(values[inside], **clock, **about)
                    segment.analogsignals.append(signal)
                else:
                    signal = neo.IrregularlySampledSignal(
                        times[inside], values[inside], time_units=unit, **about
                    )
                    segment.irregularlysampledsignals.append(signal)
                _into(neo, groups, signal)
            now = [(time, label) for time, label in line.events if start <= time < stop]
            for name, listed in {"protocol": now, **changes}.items():
                mine = [(time, label) for time, label in listed if start <= time < stop]
                labels = np.array([label for _, label in mine], dtype="U")
                begins = np.array([time for time, _ in mine], dtype=np.float64)
                segment.events.append(neo.Event(begins, labels, unit, name=name))
            block.segments.append(segment)
    block.groups.extend(groups.values())
    _say_if_slow(sum(len(segment.spiketrains) for segment in block.segments))
    return block


def _into(neo: Any, groups: dict[str, Any], thing: Any) -> None:
    """Add a train or a signal to the group of its population, or of its projection."""
    name = thing.annotations.get("population", thing.annotations.get("projection"))
    if name not in groups:
        groups[name] = neo.Group(name=name, area=thing.annotations.get("area", ""))
    groups[name].add(thing)


def _say_if_slow(trains: int) -> None:
    if trains > MANY:
        warnings.warn(
            f"this block has {trains:,} spike trains, of which Neo's NixIO writes about 20 in a second: "
            "trial=None makes one for each cell, and cn.to_nwb writes all of them in seconds",
            RecordingWarning,
            stacklevel=3,
        )


def _clock(data: xr.Dataset, dt: float) -> tuple[float, bool]:
    """Return the time from record to record, and whether it is the same for all of them."""
    gaps = np.diff(data["step"].values)
    return float(gaps[0] if len(gaps) else counted(data)) * dt, len(set(gaps.tolist())) < 2


def _over_time(data: xr.Dataset) -> dict[str, xr.DataArray]:
    """Return weights over time, by projection."""
    names = [name for name in plastic_projections(data) if name in data.data_vars]
    return {name: data[name] for name in names}


def _weights(data: xr.Dataset) -> list[tuple[NDArray[np.float64], dict[str, Any]]]:
    """Return weights over time ``[time, weights]`` with their annotations."""
    found = []
    for name, array in _over_time(data).items():
        ends = [str(dim).rpartition(" ")[2] for dim in array.dims[1:]]
        places = dict(zip(ends, (index.ravel() for index in np.indices(array.shape[1:])), strict=True))
        about = {"name": name, "units": "dimensionless", "projection": name, "state": "weight"}
        values = array.values.reshape(len(array), -1).astype(np.float64)
        found.append((values, about | {"array_annotations": places}))
    return found


def _changes(data: xr.Dataset) -> dict[str, list[tuple[float, str]]]:
    """Return when the weights of each projection changed: the steps after which they are others."""
    times, found = np.asarray(data["time"].values, dtype=np.float64), {}
    for name, array in _over_time(data).items():
        values = array.values.reshape(len(array), -1)
        moved = (values[1:] != values[:-1]).any(axis=1)
        found[f"changes of {name}"] = [(float(time), name) for time in times[1:][moved]]
    return found


def _trains(data: xr.Dataset, batch: int) -> list[tuple[NDArray[np.float64], dict[str, Any]]]:
    """Return the spike times of each cell with its annotations."""
    if not fires(data) or counted(data) > 1:
        return []
    times, found = spike_times(data, batch=batch), []
    for one in firing(data, batch):
        for number, column in zip(one.number.tolist(), one.column.tolist(), strict=True):
            about = {"population": one.population, "state": one.state, "number": number, "area": one.area}
            about |= {"column": column, "name": f"{one.name} {number}"}
            found.append((times[one.name, number], about))
    return found


def _signals(data: xr.Dataset, batch: int) -> list[tuple[NDArray[np.float64], dict[str, Any]]]:
    """Return the states ``[time, cells]`` of each population with their annotations."""
    found = []
    for array in data.data_vars.values():
        state = array.attrs.get("state")
        if "population" not in array.attrs or (state == "spike" and array.ndim == 3):
            continue
        values = array.isel(batch=batch).transpose("time", ...).values
        channels = {"column": numbers(array)} if values.ndim == 2 else {}
        values = (values if values.ndim == 2 else values[:, None]).astype(np.float64)
        found.append((values, _about(array) | ({"array_annotations": channels} if channels else {})))
    for one in firing(data, batch) if fires(data) and counted(data) > 1 else ():
        if one.role != "phi":
            about = {"name": f"{one.population}.spike", "units": "dimensionless", "area": one.area}
            channels = {"number": one.number, "column": one.column}
            found.append((one.count, about | {"state": "spike", "array_annotations": channels}))
    return found


def _about(array: xr.DataArray) -> dict[str, Any]:
    unit = array.attrs.get("units", "1")
    return {
        "name": str(array.name),
        "units": "dimensionless" if unit in ("", "1") else unit,
        **{fact: array.attrs[fact] for fact in ("population", "area", "state")},
    }


def _plain(value: Any) -> Any:
    """Convert a number of NumPy to one of Python, which files keep."""
    return value.item() if isinstance(value, np.generic) else value
