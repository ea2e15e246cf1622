"""Recordings as xarray data sets: a variable for each state of each population, with its unit.

data["area1.error.error"]                       errors of an area, [time, batch, area1]
data["input->area1.trace"]                      a state of its synapses, [time, batch, post, pre]
data["weights input->area1"].sel(when="after")  of a plastic projection, [post, pre]
data.filter_by_attrs(state="error")             the errors of all areas: a smaller data set
data.to_netcdf("run.nc", engine="h5netcdf")
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.about import VERSION
from corticalnet.recordings.layout import LAYOUT, axes, coordinates, synapse_axes, weight_axes, weights_name
from corticalnet.recordings.recording import Recording
from corticalnet.recordings.variables import RecordedVariable, state_of

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[Any]
#: A step of dt takes the state at its time to the state at its time + dt; the latter is recorded.
_TIME = {
    "units": "ms",
    "long_name": "time at which the step begins",
    "comment": "a recorded value is the state after the step that begins at its time",
}
#: What is told of it where steps are those of a rule, and last for no time.
_COUNTED = {"units": "1", "long_name": "number of the step"}
#: A file keeps what is 0 nearly always in a hundredth of the room.
_PACKED = {"zlib": True, "complevel": 1}


def build_dataset(
    recording: Recording,
    arrays: Sequence[Array],
    before: Mapping[str, Array],
    after: Mapping[str, Array],
    attrs: Mapping[str, Any],
) -> xr.Dataset:
    """Build the recording with names, units and coordinates; the arrays become its variables uncopied.

    Args:
        recording: what was asked for.
        arrays: one for each variable, as :meth:`Recording.allocate` shaped them.
        before, after: weights of the plastic projections.
        attrs: what the engine adds: its name, seed, settings.
    """
    import xarray as xr  # a third of a second that training need not wait for

    circuit, steps = recording.circuit, recording.kept
    where: dict[str, Any] = {
        "time": (("time",), steps * float(circuit.dt), _TIME if circuit.timed else _TIME | _COUNTED),
        "step": (
            ("time",),
            steps,
            {"units": "1", "long_name": "step of the whole simulation, counted from 0"},
        ),
        "batch": (("batch",), np.arange(recording.compiled.batch), {"units": "1", "long_name": "sample"}),
    }
    variables: dict[str, Any] = {}
    order = {p.name: k for k, p in enumerate(circuit.populations)}
    found = zip(recording.variables, arrays, axes(circuit, recording.variables), strict=True)
    for variable, array, axis in sorted(found, key=lambda one: order.get(one[0].part, len(order))):
        if axis is not None:
            where |= coordinates(axis)
        if not variable.is_weight:
            dims: tuple[str, ...] = () if axis is None else (axis.name,)
            if variable.is_synapse and not variable.reduce:
                dims = synapse_axes(circuit, variable.part)
            packed = {} if variable.kind is None else _PACKED
            variables[variable.name] = ("time", "batch", *dims), array, _describe(recording, variable), packed
    during = {
        variable.name: array
        for variable, array in zip(recording.variables, arrays, strict=True)
        if variable.is_weight
    }
    for name in [p.name for p in circuit.plastic]:
        shape = weight_axes(circuit, name)
        about = {"units": "1", "long_name": f"weights of {name}", "projection": name}
        where["when"] = ("when",), ["before", "after"], {"long_name": "the simulation"}
        variables[weights_name(name)] = ("when", *shape), np.stack([before[name], after[name]]), about
        if name in during:
            variables[name] = ("time", *shape), during[name], about
    return xr.Dataset(variables, where, _attributes(recording) | dict(attrs))


def _describe(recording: Recording, variable: RecordedVariable) -> dict[str, str]:
    """Return the attributes of a variable; ``data.filter_by_attrs`` selects by them."""
    what = f"{variable.reduce} of {variable.state}" if variable.reduce else variable.state
    about = {"units": state_of(recording.circuit, variable).unit.symbol}
    if variable.is_synapse:
        about |= {
            "long_name": f"{what} of synapses {variable.part}".replace("_", " "),
            "projection": variable.part,
        }
    else:
        population = recording.circuit.population(variable.part)
        about |= {
            "long_name": f"{what} of {population.role} cells".replace("_", " "),
            "population": population.name,
            "area": population.area,
            "role": population.role,
        }
    about["state"] = variable.state
    about |= {"reduce": variable.reduce} if variable.reduce else {}
    return about | ({"cell_methods": "time: sum"} if recording.adds_up(variable) else {})  # (as CF has it)


def _attributes(recording: Recording) -> dict[str, Any]:
    circuit, dt = recording.circuit, float(recording.circuit.dt)
    return {
        "title": circuit.name,
        "dt": dt,
        "events": json.dumps([[step * dt, label] for step, label in recording.compiled.events]),
        "schedule": " → ".join(circuit.schedule().names()),
        "every": recording.every,
        "corticalnet": VERSION,
        "layout": LAYOUT,
    }
