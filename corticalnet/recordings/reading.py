"""What a recording holds: its states, weights and events."""

from __future__ import annotations

import itertools
import json

import numpy as np
import xarray as xr

from corticalnet.errors import ProtocolError, one_of
from corticalnet.recordings.layout import weights_name

#: Names of states in the papers, in the order in which figures show them.
SYMBOLS = {"value": "x", "prediction": "μ", "error": "ε", "phi": "φ", "rpe": "δ"}


def states(data: xr.Dataset) -> list[xr.DataArray]:
    """Return all states of cells in a recording except spikes, ``[time, batch, cell]``."""
    found = [array for array in data.data_vars.values() if "population" in array.attrs and array.ndim == 3]
    return [array for array in found if array.attrs["state"] != "spike"]


def all_cells(data: xr.Dataset, state: str) -> np.ndarray:
    """Concatenate a state over all cells that have it, ``[time, batch, cell]``, in the recording's order.

    Raises:
        ProtocolError: it was not recorded.
    """
    found = [
        array
        for array in data.filter_by_attrs(state=state).data_vars.values()
        if "population" in array.attrs and array.ndim == 3
    ]
    if not found:
        names = dict.fromkeys(array.attrs["state"] for array in states(data))
        one_of("recorded state", state, names or ["none"], ProtocolError)
    return np.concatenate([array.transpose("time", "batch", ...).values for array in found], axis=2)


def numbers(array: xr.DataArray) -> np.ndarray:
    """Return the numbers of the cells in their population, along the last axis of a variable."""
    axis = array.dims[-1]
    found: np.ndarray = np.asarray(
        array[axis].values if axis in array.coords else np.arange(array.sizes[axis])
    )
    return found


def summed(array: xr.DataArray) -> bool:
    """Return whether each number is the sum over the steps since the last record."""
    return bool(array.attrs.get("cell_methods") == "time: sum")


def area_names(data: xr.Dataset) -> list[str]:
    """Return the names of the areas in the order of the recording."""
    return list(dict.fromkeys(array.attrs["area"] for array in states(data)))


def plastic_projections(data: xr.Dataset) -> list[str]:
    """Return the names of the projections whose weights before and after are in a recording."""
    return [str(array.attrs["projection"]) for array in data.data_vars.values() if "when" in array.dims]


def weights(data: xr.Dataset, projection: str, when: str) -> np.ndarray:
    """Return the weights of a projection "before" or "after"."""
    found: np.ndarray = data[weights_name(projection)].sel(when=when).values
    return found


def weight_change(data: xr.Dataset, projection: str) -> np.ndarray:
    """Compute the change of a projection's weights: after − before."""
    found: np.ndarray = weights(data, projection, "after") - weights(data, projection, "before")
    return found


def clock(data: xr.Dataset) -> str:
    """Return the label of an axis of time: "time (ms)", or "step" where steps have no duration."""
    return "step" if untimed(data) else "time (ms)"


def untimed(data: xr.Dataset) -> bool:
    """Return whether a recording's steps are those of a rule, which have no duration."""
    return bool(data["time"].attrs.get("units") == "1")


def phases(data: xr.Dataset) -> list[tuple[float, float, str]]:
    """Return start and end (ms) and label of each phase, as far as it lies in the recorded time."""
    times = data["time"].values
    if len(times) < 2:
        return []
    first, last = float(times[0]), float(times[-1])
    events = [(float(time), str(label)) for time, label in json.loads(data.attrs.get("events", "[]"))]
    following = itertools.pairwise([*events, (last, "")])
    spans = [(max(start, first), min(end, last), label) for (start, label), (end, _) in following]
    return [span for span in spans if span[0] < span[1]]
