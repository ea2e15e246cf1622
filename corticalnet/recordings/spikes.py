"""Spikes of a recording in numbers: times, rates of populations, intervals.

data = simulate(circuit, protocol)
spike_times(data, "area1.value.on")[("area1.value.on", 0)]      of cell 0, in ms
population_rate(data, "area1.value.on", width="50 ms")          Hz, of the cells of each column
cv(data, "area1.value.on")                                      how irregular each cell fires
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from corticalnet.circuits.quantities import MS, quantity
from corticalnet.errors import ProtocolError
from corticalnet.recordings.firing import counted, firing, one_population, rate, stride, window

Floats = NDArray[np.float64]
#: (population, number of the cell in it).
Cell = tuple[str, int]


def spike_times(data: xr.Dataset, population: str | None = None, batch: int = 0) -> dict[Cell, Floats]:
    """Return the times (ms) at which each cell fired; for φ, of steps in which it is not 0.

    Args:
        data: a recording of every step.
        population: one by name, "area1.value.on" or "area1.phi"; all if not given.
        batch: which sample of the batch.

    Returns:
        By (population, number of the cell); an empty array for a cell that was silent. A population with
        both spikes and φ is two: "area1.cell.spike" and "area1.cell.phi".

    Raises:
        ProtocolError: no spikes were recorded, no such population or sample; or records stand for several
            steps (``every``), or some were left out.
    """
    if counted(data) > 1:
        raise ProtocolError(
            f"spike times need every step, but each record counts the spikes of {counted(data)} steps; "
            "simulate with every=1"
        )
    if stride(data) > 1:
        raise ProtocolError(
            f"spike times need every step, but only each {stride(data)} steps are in this recording"
        )
    chosen = firing(data, batch) if population is None else [one_population(data, population, batch)]
    times = np.asarray(data["time"].values, dtype=np.float64)
    return {
        (one.name, int(number)): times[fired]
        for one in chosen
        for number, fired in zip(one.number, one.fired.T, strict=True)
    }


def population_rate(data: xr.Dataset, population: str, width: float | str = "20 ms") -> xr.DataArray:
    """Compute the rate of the cells of each column, ``[time, batch, column]`` in Hz.

    ``r(t) = spikes in [t − width/2, t + width/2) / (cells × width)``; at the ends of the recording the window
    is what of it lies within. Of a recording with ``every`` the window is made of whole records; where
    records were left out, the rate is that of the steps that are there.

    Args:
        data: a recording.
        population: by name, "area1.value.on" or "area1.phi".
        width: of the window that slides, in ms or as "20 ms"; at least one record.

    Returns:
        With coordinates time (ms), batch and column (position in its area), and the width that the window
        really has in its attributes. Over all columns: ``.mean("column")``.

    Raises:
        ProtocolError: no spikes were recorded, no such population, a window of no width, or a gap in the
            recording.
    """
    wide = quantity(width, MS, "width")
    if not 0 < wide < float("inf"):
        raise ProtocolError(f"width of population_rate must be more than 0 ms, not {wide:g}")
    each = stride(data) * float(data.attrs["dt"])
    samples = [one_population(data, population, batch) for batch in range(data.sizes["batch"])]
    columns = np.unique(samples[0].column)
    rates = [
        np.stack([rate(data, one.count[:, one.column == c], wide).mean(axis=1) for c in columns], axis=1)
        for one in samples
    ]
    return xr.DataArray(
        np.stack(rates, axis=1),
        {"time": data["time"], "batch": data["batch"], "column": columns},
        ("time", "batch", "column"),
        f"rate of {population}",
        {"units": "Hz", "long_name": f"rate of {population}", "width": f"{window(wide, each) * each:g} ms"},
    )


def isi(data: xr.Dataset, population: str | None = None, batch: int = 0) -> dict[Cell, Floats]:
    """Compute the intervals (ms) between the spikes of each cell.

    Arguments and errors as of :func:`spike_times`.
    """
    return {cell: np.diff(times) for cell, times in spike_times(data, population, batch).items()}


def cv(data: xr.Dataset, population: str | None = None, batch: int = 0) -> dict[Cell, float]:
    """Compute the coefficient of variation of each cell's intervals: s.d. / mean.

    0 for a clock, 1 for a Poisson process (√(1 − r dt) in steps of dt). NaN for a cell with fewer than three
    spikes. Arguments and errors as of :func:`spike_times`.
    """
    between = isi(data, population, batch)
    return {
        cell: float(gaps.std() / gaps.mean()) if len(gaps) > 1 else np.nan for cell, gaps in between.items()
    }
