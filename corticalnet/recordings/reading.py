"""What figures read from a recording: its states, one trial of one state, and its events."""

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
    """All states of cells in a recording, ``[time, batch, cell]``, by population; no spikes."""
    found = [array for array in data.data_vars.values() if "population" in array.attrs and array.ndim == 3]
    return [array for array in found if array.attrs["state"] != "spike"]


def kinds(data: xr.Dataset) -> dict[str, list[xr.DataArray]]:
    """The recorded states, those with a symbol first: each with the areas that have it.

    A state is told from one of the same name that cells of another role have: "value.rate",
    "prediction.rate".
    """
    recorded = states(data)
    roles: dict[str, set[str]] = {}
    for array in recorded:
        roles.setdefault(array.attrs["state"], set()).add(array.attrs["role"])
    found: dict[str, list[xr.DataArray]] = {}
    for array in recorded:
        role, name = array.attrs["role"], array.attrs["state"]
        found.setdefault(name if len(roles[name]) == 1 else f"{role}.{name}", []).append(array)
    order = list(SYMBOLS)
    return {
        name: found[name]
        for name in sorted(found, key=lambda n: order.index(n) if n in order else len(order))
    }


def state_names(data: xr.Dataset) -> list[str]:
    """Names of :func:`kinds`."""
    return list(kinds(data))


def state(data: xr.Dataset, name: str, batch: int) -> dict[str, xr.DataArray]:
    """A state in one trial, ``[time, cell]`` in each area that has it.

    Args:
        data: a recording.
        name: as :func:`kinds` calls it, or with its role or population: "rate", "value.rate",
            "area1.value.rate".
        batch: which trial.

    Raises:
        ProtocolError: the state was not recorded, or there is no such trial in the batch.
    """
    known = kinds(data)
    if name in data and "projection" in data[name].attrs and "state" in data[name].attrs:
        raise ProtocolError(
            f"'{name}' is a state of synapses, and figures show states of cells: choose one of "
            f"{', '.join(known) or 'none'}, or plot what data['{name}'] holds"
        )
    meant = known.get(name) or [x for x in states(data) if f".{x.name}".endswith(f".{name}")]
    areas = [array.attrs["area"] for array in meant]
    if len(set(areas)) < len(areas) or not meant:
        one_of("recorded state", name, known or ["none"], ProtocolError)
    size = data.sizes["batch"]
    if not 0 <= batch < size:
        raise ProtocolError(f"batch index {batch} is not in this recording of {size}: choose 0 to {size - 1}")
    return {
        area: array.isel(batch=batch).transpose("time", ...) for area, array in zip(areas, meant, strict=True)
    }


def all_cells(data: xr.Dataset, state: str) -> np.ndarray:
    """A state of all cells that have it side by side, ``[time, batch, cell]``, in the order of the recording.

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
    """Which cells of their population an array tells of."""
    axis = array.dims[-1]
    found: np.ndarray = np.asarray(
        array[axis].values if axis in array.coords else np.arange(array.sizes[axis])
    )
    return found


def symbol(name: str, array: xr.DataArray) -> str:
    """How a state is labelled: its symbol or name, its unit if it has one, and Σ if it is a sum."""
    text = SYMBOLS.get(name, name.replace("_", " ").replace(".", " "))
    text = f"Σ{text}" if summed(array) else text
    unit = array.attrs.get("units", "1")
    return text if unit in ("", "1") else f"{text} ({unit})"


def summed(array: xr.DataArray) -> bool:
    """Whether each number is the sum over the steps since the last record."""
    return bool(array.attrs.get("cell_methods") == "time: sum")


def area_names(data: xr.Dataset) -> list[str]:
    """Areas in the order of the recording."""
    return list(dict.fromkeys(array.attrs["area"] for array in states(data)))


def plastic_projections(data: xr.Dataset) -> list[str]:
    """Names of the projections whose weights before and after are in a recording."""
    return [str(array.attrs["projection"]) for array in data.data_vars.values() if "when" in array.dims]


def weights(data: xr.Dataset, projection: str, when: str) -> np.ndarray:
    """Weights of a projection "before" or "after"."""
    found: np.ndarray = data[weights_name(projection)].sel(when=when).values
    return found


def weight_change(data: xr.Dataset, projection: str) -> np.ndarray:
    """By how much the weights of a projection have changed: after − before."""
    found: np.ndarray = weights(data, projection, "after") - weights(data, projection, "before")
    return found


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
