"""All that a recording says of itself, as JSON, for files whose own fields cannot hold it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from corticalnet.formats.timeline import Timeline


def written(line: Timeline) -> str:
    """Return all but the numbers over time: settings, seed, order of a step, names, units and axes."""
    data = line.data
    variables = {
        str(name): {"dims": list(array.dims), "dtype": str(array.dtype), "attrs": dict(array.attrs)}
        for name, array in data.variables.items()
    }
    for name, array in data.coords.items():
        if "time" not in array.dims:
            variables[str(name)]["values"] = array.values.tolist()
    step = {"first": int(line.step[0]), "gap": line.every, "count": len(line.step)}
    told = {
        "attrs": dict(data.attrs),
        "sizes": dict(data.sizes),
        "step": step if line.regular else line.step.tolist(),
        "variables": variables,
    }
    return json.dumps(told, indent=1, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    """Convert a number or an array of NumPy to what JSON knows."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else str(value)


@dataclass(frozen=True)
class Wanted:
    """A variable whose numbers are somewhere in the file.

    Attributes:
        name: of the variable.
        dims, shape: of it.
        attrs: its attributes.
        step: ``[records]``, the steps.
        dt: length of a step, in ms.
        cells: the numbers along the last of its axes, if it has any.
    """

    name: str
    dims: list[str]
    shape: list[int]
    attrs: dict[str, Any]
    step: NDArray[np.int64]
    dt: float
    cells: list[int]

    @property
    def samples(self) -> int:
        """Return how many samples it has; 1 if they share it."""
        return self.shape[1] if "batch" in self.dims else 1

    def fired(self, trains: list[NDArray[np.float64]]) -> NDArray[np.int8]:
        """Return where cells fired, ``[samples × records, cells]``, from times in ms on the one line."""
        found = np.zeros((self.samples * len(self.step), self.shape[-1]), dtype=np.int8)
        for cell, times in enumerate(trains):
            found[np.rint(times / self.dt).astype(np.int64) - self.step[0], cell] = 1
        return found


def read_notes(text: Any) -> dict[str, Any] | None:
    """Read notes, if a recording wrote them."""
    try:
        told = json.loads(text or "")
    except (ValueError, TypeError):
        return None
    return told if isinstance(told, dict) and {"attrs", "sizes", "step", "variables"} <= told.keys() else None


def recording(told: dict[str, Any], numbers: Callable[[Wanted], NDArray[Any] | None]) -> xr.Dataset:
    """Build the recording.

    Args:
        told: the notes.
        numbers: finds a variable's numbers, ``[samples × records, …]``; None leaves it out.
    """
    step, attrs, sizes = told["step"], told["attrs"], told["sizes"]
    if isinstance(step, dict):
        step = step["first"] + step["gap"] * np.arange(step["count"])
    step = np.asarray(step, dtype=np.int64)
    dt = float(attrs["dt"])
    known = {"step": step, "time": step * dt}
    variables: dict[str, Any] = {}
    coords: dict[str, Any] = {}
    for name, about in told["variables"].items():
        dims, kind = about["dims"], np.dtype(about["dtype"])
        if name in known or "values" in about:
            values = known[name] if name in known else np.array(about["values"], dtype=kind)
            coords[name] = dims, values, about["attrs"]
            continue
        shape = [sizes[dim] for dim in dims]
        cells = told["variables"].get(dims[-1], {}).get("values", list(range(shape[-1])))
        wanted = Wanted(name, dims, shape, about["attrs"], step, dt, cells)
        found = numbers(wanted)
        if found is None:
            continue
        if "batch" in dims:  # samples one after another
            found = np.moveaxis(found.reshape(wanted.samples, len(step), *wanted.shape[2:]), 0, 1)
        variables[name] = dims, found.reshape(wanted.shape).astype(kind, copy=False), about["attrs"]
    whole = xr.Dataset(variables, None, attrs)
    axes = {str(dim) for dim in whole.dims}
    return whole.assign_coords({name: one for name, one in coords.items() if set(one[0]) <= axes})
