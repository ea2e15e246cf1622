"""Which cells fire when, as figures and :mod:`corticalnet.recordings.spikes` read it from a recording."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from corticalnet.errors import ProtocolError, one_of
from corticalnet.recordings.layout import columns_name
from corticalnet.recordings.reading import numbers


@dataclass(frozen=True, eq=False)
class Firing:
    """The spikes of one population, in one sample of the batch.

    Attributes:
        population: "area1.value.on", "area1.phi".
        state: of its cells that says when they fire: "spike" or "phi".
        name: the population, with the state where the recording has two such of it: "area1.cell.phi".
        number: ``[n]``, of the cells in their population.
        column: ``[n]``, the column in its area that each cell stands for.
        count: ``[time, n]``, how often in the steps of each record.
    """

    population: str
    state: str
    name: str
    number: NDArray[np.int64]
    column: NDArray[np.int64]
    count: NDArray[np.int64]

    @property
    def fired(self) -> NDArray[np.bool_]:
        """Return whether each cell fired in each record, ``[time, n]``."""
        return np.not_equal(self.count, 0)

    @property
    def side(self) -> str:
        """Return the sign that the cells encode, "on" or "off"; empty for cells without a sign."""
        last = self.population.rpartition(".")[2]
        return last if last in ("on", "off") else ""

    @property
    def speaker(self) -> str:
        """Return the population whose rates the cells encode: "area1.value"."""
        return self.population.removesuffix(f".{self.side}") if self.side else self.population

    @property
    def area(self) -> str:
        """Return the area of the population."""
        return self.speaker.rpartition(".")[0] or self.speaker

    @property
    def role(self) -> str:
        """Return the role of the population that is encoded: "value", "error", "dopamine"."""
        return self.speaker.rpartition(".")[2]


def fires(data: xr.Dataset) -> bool:
    """Return whether spikes or φ were recorded."""
    return bool(events_of(data, "spike", "phi"))


def spiking(data: xr.Dataset) -> bool:
    """Return whether spikes were recorded."""
    return bool(events_of(data, "spike"))


def firing(data: xr.Dataset, batch: int = 0) -> list[Firing]:
    """Return the spikes of all populations that spike, then all φ, in the order of the recording.

    Raises:
        ProtocolError: there is no such sample, or no spikes were recorded.
    """
    size = data.sizes.get("batch", 0)
    if not 0 <= batch < size:
        raise ProtocolError(f"batch index {batch} is not in this recording of {size}: choose 0 to {size - 1}")
    found = []
    for array in events_of(data, "spike", "phi"):
        fired = array.isel(batch=batch).transpose("time", ...).values.astype(np.int64)
        found.append(Firing(*told_apart(data, array), *cells_of(array), fired))
    if not found:
        raise ProtocolError("this recording has neither spikes nor φ; simulate with record=['spike', 'phi']")
    return found


def events_of(data: xr.Dataset, *states: str) -> list[xr.DataArray]:
    """Return ``[time, batch, cell]`` of each population that has one of the states."""
    cells = [a for a in data.data_vars.values() if "population" in a.attrs and a.ndim == 3]
    return [array for state in states for array in cells if array.attrs.get("state") == state]


def told_apart(data: xr.Dataset, array: xr.DataArray) -> tuple[str, str, str]:
    """Return whose spikes these are: population, state and name of a :class:`Firing`."""
    population, state = str(array.attrs["population"]), str(array.attrs["state"])
    states = [one for one in events_of(data, "spike", "phi") if one.attrs["population"] == population]
    return population, state, population if len(states) == 1 else f"{population}.{state}"


def cells_of(array: xr.DataArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the numbers of a variable's cells in their population, and the columns they stand for."""
    cells = numbers(array)
    columns = array.coords.get(columns_name(str(array.dims[-1])))
    return cells, cells if columns is None else np.asarray(columns.values)


def one_population(data: xr.Dataset, population: str, batch: int = 0) -> Firing:
    """Return the spikes of one population, by name; of one with spikes and φ, "area1.cell.phi".

    Raises:
        ProtocolError: there is no such population.
    """
    known = {one.name: one for one in firing(data, batch)}
    one_of("population that fires", population, known, ProtocolError)
    return known[population]


def stride(data: xr.Dataset) -> int:
    """Return the number of steps from one record to the next.

    Raises:
        ProtocolError: they are not as many between all records.
    """
    gaps = np.diff(data["step"].values)
    if len(gaps) and (gaps != gaps[0]).any():
        k = int(np.flatnonzero(gaps != gaps[0])[0])
        before, after = data["step"].values[[k, k + 1]]
        raise ProtocolError(
            f"this recording has a gap from step {before} to {after}; look at its pieces one by one"
        )
    return int(gaps[0]) if len(gaps) else counted(data)


def counted(data: xr.Dataset) -> int:
    """Return over how many steps each record counts spikes: all since the last one (if none was left out)."""
    return int(data.attrs.get("every", 1))


def rate(data: xr.Dataset, count: NDArray[np.int64], width: float) -> NDArray[np.float64]:
    """Compute spikes per second in a sliding window: the mean over ``width`` ms around each time.

    At the ends of the recording the window is what of it lies within. It is made of whole records: a record
    tells what fired in the steps up to its own, so where these are several, its borders are the nearest.
    Where records were left out, it is the mean over those that are there.

    Args:
        data: with the times.
        count: ``[time, …]``, of spikes in the steps of each record.
        width: of the window in ms, at least one record.

    Raises:
        ProtocolError: as :func:`stride` does.
    """
    each, told, dt = stride(data), counted(data), float(data.attrs["dt"])
    records = window(width, dt * each)
    sums = np.cumsum(count, axis=0, dtype=np.float64)
    sums = np.concatenate([np.zeros_like(sums[:1]), sums])
    before = floor((told - 1 - records * each // 2) / each + 0.5)  # of the record of a time
    begin = np.arange(len(count)) + before
    first, end = np.clip(begin, 0, len(count)), np.clip(begin + records, 0, len(count))
    length = (end - first).reshape(-1, *[1] * (count.ndim - 1))
    return np.asarray(1000.0 / (dt * told) * (sums[end] - sums[first]) / length)


def window(width: float, each: float) -> int:
    """Return the length in records of a window of ``width`` ms, where records are ``each`` ms apart."""
    return max(1, round(width / each))
