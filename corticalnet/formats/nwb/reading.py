"""A recording from the NWB file that it wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from corticalnet.errors import FormatError
from corticalnet.formats.extras import library
from corticalnet.store import expanded


def from_nwb(path: str | Path) -> xr.Dataset:
    """Read the recording that :func:`to_nwb` wrote, to the last bit.

    Args:
        path: of the file.

    Raises:
        FormatError: pynwb is not installed, there is no file, it cannot be read, or another tool made it (its
            spikes: :func:`corticalnet.read_spikes`).

    >>> from_nwb("nowhere.nwb")
    Traceback (most recent call last):
        ...
    corticalnet.errors.FormatError: there is no file 'nowhere.nwb'
    """
    place = expanded(path)
    if not place.is_file():
        raise FormatError(f"there is no file '{path}'")
    pynwb = library("pynwb", "nwb", "from_nwb")
    try:
        with pynwb.NWBHDF5IO(str(place), "r") as io:
            nwb = io.read()
            told = _told(nwb)
            if told is not None:
                return _recording(nwb, told)
    except Exception as error:  # HDF5 and hdmf raise nearly anything for what is no such file
        reason = (str(error).splitlines() or [""])[0]
        raise FormatError(f"'{path}' cannot be read as NWB: {type(error).__name__}: {reason}") from None
    raise FormatError(
        f"'{path}' is no recording of corticalnet; cn.read_spikes reads the spikes of any NWB file"
    )


def _told(nwb: Any) -> dict[str, Any] | None:
    """Return what the notes say, if a recording wrote them."""
    try:
        told = json.loads(nwb.notes or "")
    except ValueError:
        return None
    return told if isinstance(told, dict) and {"attrs", "sizes", "step", "variables"} <= told.keys() else None


def _recording(nwb: Any, told: dict[str, Any]) -> xr.Dataset:
    """Build the recording from what the notes and the tables say."""
    step, attrs, sizes = told["step"], told["attrs"], told["sizes"]
    if isinstance(step, dict):
        step = step["first"] + step["gap"] * np.arange(step["count"])
    step = np.asarray(step, dtype=np.int64)
    known = {"step": step, "time": step * float(attrs["dt"])}
    variables: dict[str, Any] = {}
    coords: dict[str, Any] = {}
    for name, about in told["variables"].items():
        if name in known or "values" in about:
            values = known[name] if name in known else np.array(about["values"], dtype=about["dtype"])
            coords[name] = about["dims"], values, about["attrs"]
    for name, about in told["variables"].items():
        if name in coords:
            continue
        dims, kind = about["dims"], np.dtype(about["dtype"])
        shape = [sizes[dim] for dim in dims]
        if name in nwb.acquisition:
            values = nwb.acquisition[name].data[()]
        elif "plasticity" in nwb.processing and name in nwb.processing["plasticity"].data_interfaces:
            values = _synaptic(nwb.processing["plasticity"][name], dims, coords)
        else:
            values = _fired(nwb.units, about["attrs"]["population"], step, float(attrs["dt"]), shape)
        if "batch" in dims:  # samples one after another
            values = np.moveaxis(values.reshape(sizes["batch"], len(step), *shape[2:]), 0, 1)
        variables[name] = dims, values.reshape(shape).astype(kind), about["attrs"]
    return xr.Dataset(variables, coords, attrs)


def _synaptic(found: Any, dims: list[str], coords: dict[str, Any]) -> Any:
    """Return weights or states of synapses, whichever table or series they are in."""
    if "when" not in dims:
        return found.data[()]
    return np.stack([found[str(when)].data[()] for when in coords["when"][1]])


def _fired(units: Any, population: str, step: Any, dt: float, shape: list[int]) -> Any:
    """Return where cells of a population fired, ``[samples × records, cells]``."""
    _, samples, cells = shape
    found = np.zeros((samples * len(step), cells), dtype=np.int8)
    ends = np.concatenate([[0], units["spike_times"].data[()]]).astype(np.int64)
    times = units["spike_times"].target.data[()]
    mine = np.flatnonzero(np.asarray(units["population"].data[()]) == population)
    for cell, row in enumerate(mine):
        when = np.rint(times[ends[row] : ends[row + 1]] * 1000.0 / dt).astype(np.int64)
        found[when - step[0], cell] = 1
    return found
