"""What figures read from a recording: its states, one trial of one state, and its events."""

from __future__ import annotations

import itertools
import json

import numpy as np
import xarray as xr

from corticalnet.errors import ProtocolError, one_of

#: Names of states in the papers, in the order in which figures show them.
SYMBOLS = {"value": "x", "prediction": "μ", "error": "ε", "phi": "φ", "rpe": "δ"}


def state_names(data: xr.Dataset) -> list[str]:
    """Names of all cell states in a recording, those with a symbol first."""
    names = [str(name) for name, array in data.data_vars.items() if {"time", "column"} <= set(array.dims)]
    order = list(SYMBOLS)
    return sorted(names, key=lambda name: order.index(name) if name in order else len(order))


def state(data: xr.Dataset, name: str, batch: int) -> xr.DataArray:
    """One state of one trial, ``[time, column]``.

    Raises:
        ProtocolError: the state was not recorded, or there is no such trial in the batch.
    """
    one_of("recorded state", name, state_names(data) or ["none"], ProtocolError)
    size = data.sizes["batch"]
    if not 0 <= batch < size:
        raise ProtocolError(f"batch index {batch} is not in this recording of {size}: choose 0 to {size - 1}")
    return data[name].isel(batch=batch).transpose("time", "column")


def symbol(data: xr.Dataset, name: str) -> str:
    """How a state is labelled: its symbol or name, its unit if it has one, and Σ if it is a sum."""
    text = SYMBOLS.get(name, name.replace("_", " "))
    text = f"Σ{text}" if summed(data[name]) else text
    unit = data[name].attrs.get("units", "1")
    return text if unit in ("", "1") else f"{text} ({unit})"


def summed(array: xr.DataArray) -> bool:
    """Whether each number is the sum over the steps since the last record."""
    return bool(array.attrs.get("cell_methods") == "time: sum")


def area_names(data: xr.Dataset) -> list[str]:
    """Areas in the order of the recording."""
    return [str(area) for area in dict.fromkeys(data["area"].values)]


def present(array: xr.DataArray) -> np.ndarray:
    """Positions on the column axis of the cells that have the state (their numbers are not all NaN)."""
    found: np.ndarray = np.flatnonzero(~np.isnan(array.values).all(axis=0))
    return found


def plastic_projections(data: xr.Dataset) -> list[str]:
    """Names of the projections whose weights before and after are in a recording."""
    names = [str(name).removesuffix(" before") for name in data.data_vars if str(name).endswith(" before")]
    return [name for name in names if f"{name} after" in data]


def phases(data: xr.Dataset) -> list[tuple[float, float, str]]:
    """Start and end (ms) and label of each phase, as far as it lies in the recorded time."""
    times = data["time"].values
    if len(times) < 2:
        return []
    first, last = float(times[0]), float(times[-1])
    events = [(float(time), str(label)) for time, label in json.loads(data.attrs.get("events", "[]"))]
    following = itertools.pairwise([*events, (last, "")])
    spans = [(max(start, first), min(end, last), label) for (start, label), (end, _) in following]
    return [span for span in spans if span[0] < span[1]]
