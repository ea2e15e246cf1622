"""Recordings as Neo objects, for the other tools of the field: ``pip install 'corticalnet[neo]'``.

block = to_neo(data)
block.segments[0].spiketrains, .analogsignals, .events
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from corticalnet.errors import FormatError, one_of
from corticalnet.formats.extras import library
from corticalnet.recordings.firing import counted, fires, firing
from corticalnet.recordings.reading import numbers
from corticalnet.recordings.spikes import spike_times

#: What a block says of its simulation.
FACTS = ("engine", "seed", "dt", "corticalnet")


def to_neo(data: xr.Dataset, trial: str = "present") -> Any:
    """Convert a recording to a ``neo.Block``, as PyNN would return it.

    - a *Segment* for each trial of each sample of the batch, annotated with both; times go on from trial to
      trial as in the recording;
    - an *AnalogSignal* for each state of each population, "area1.error.error", with its unit, annotated with
      population, area and state, and each channel with its column; an *IrregularlySampledSignal* where
      records were left out;
    - a *SpikeTrain* for each spiking cell and each φ, annotated with population, number and column; of a
      recording with ``every`` the counts of spikes as a signal for each population instead, each channel
      with number and column;
    - an *Event* "protocol": what begins when.

    Weights and states of synapses stay in the recording.

    Args:
        data: a recording.
        trial: the event with which a trial begins. What comes before the first belongs to it; if there is
            none, all is one trial.

    Raises:
        FormatError: Neo is not installed, no event is called so, nothing was recorded, or records with
            spikes were left out.

    >>> import corticalnet as cn
    >>> columns = cn.circuit(cn.mlp([2, 3, 2]), cn.rule("z-il"))
    >>> data = cn.simulate(columns, [cn.Rest(steps=5)], record=["value"])
    >>> block = to_neo(data)
    >>> len(block.segments)
    1
    """
    neo, ms = library("neo", "neo", "to_neo"), library("quantities", "neo", "to_neo").ms
    times = np.asarray(data["time"].values, dtype=np.float64)
    if not times.size:
        raise FormatError("this recording is empty: it ended before the first record; choose a smaller every")
    dt, every = float(data.attrs["dt"]), counted(data)
    events = [(float(time), str(label)) for time, label in json.loads(data.attrs.get("events", "[]"))]
    # The first record tells of ``every`` steps, and the last of a step that has ended.
    edges = _edges(events, trial, max(0.0, times[0] - (every - 1) * dt), times[-1] + dt)
    facts = {name: _plain(data.attrs[name]) for name in FACTS if name in data.attrs}
    block = neo.Block(name=data.attrs.get("title", ""), **facts)
    step, regular = _clock(data, dt)
    for batch in range(data.sizes["batch"]):
        trains, signals = _trains(data, batch), _signals(data, batch)
        for k, (start, stop) in enumerate(itertools.pairwise(edges)):
            segment = neo.Segment(name=f"sample {batch}, trial {k}", sample=batch, trial=k)
            whole = {"t_start": start * ms, "t_stop": stop * ms, "units": "ms"}
            inside = (times >= start) & (times < stop)
            for fired, about in trains:
                fired = fired[(fired >= start) & (fired < stop)]
                train = neo.SpikeTrain(fired, sampling_rate=1 / (dt * ms), **whole, **about)
                segment.spiketrains.append(train)
            for values, about in signals if inside.any() else ():
                if regular:
                    clock = {"t_start": times[inside][0] * ms, "sampling_period": step * ms}
                    segment.analogsignals.append(neo.AnalogSignal(values[inside], **clock, **about))
                else:
                    sampled = neo.IrregularlySampledSignal(
                        times[inside], values[inside], time_units="ms", **about
                    )
                    segment.irregularlysampledsignals.append(sampled)
            now = [(time, label) for time, label in events if start <= time < stop]
            begins, labels = [time for time, _ in now], np.array([label for _, label in now], dtype="U")
            segment.events.append(neo.Event(np.array(begins), labels, "ms", name="protocol"))
            block.segments.append(segment)
    return block


def _edges(events: Sequence[tuple[float, str]], trial: str, begin: float, end: float) -> list[float]:
    """Return the times at which trials begin, and the end."""
    labels = dict.fromkeys(label for _, label in events)
    if trial != "present":
        one_of("event that begins a trial", trial, labels or ["none"], FormatError)
    starts = [time for time, label in events if label == trial and time < end]
    running = any(time <= begin for time in starts)
    later = [time for time in starts if time > begin]
    return [begin, *(later if running else later[1:]), end]


def _clock(data: xr.Dataset, dt: float) -> tuple[float, bool]:
    """Return the time (ms) from record to record, and whether it is the same for all of them."""
    gaps = np.diff(data["step"].values)
    return float(gaps[0] if len(gaps) else counted(data)) * dt, len(set(gaps.tolist())) < 2


def _trains(data: xr.Dataset, batch: int) -> list[tuple[NDArray[np.float64], dict[str, Any]]]:
    """Return the spike times of each cell with its annotations."""
    if not fires(data) or counted(data) > 1:
        return []
    times, found = spike_times(data, batch=batch), []
    for one in firing(data, batch):
        for number, column in zip(one.number.tolist(), one.column.tolist(), strict=True):
            about = {"population": one.population, "number": number, "area": one.area, "column": column}
            about["name"] = f"{one.population} {number}"
            found.append((times[one.population, number], about))
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
