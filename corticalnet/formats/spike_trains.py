"""Spikes that somebody recorded, as a stimulus: from NWB and SONATA files of any tool.

trains = cn.read_spikes("mouse.nwb").where(location="VISp")
trains.counts(dt=0.5, start=trains.trials[:, 0], ms=500)            [steps, trials, cells], a batch of trials
cn.Play({"input.value.stimulus": trains.counts(dt=0.5)})            spikes into a population
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from corticalnet.circuits.quantities import MS, quantity
from corticalnet.errors import FormatError, one_of
from corticalnet.formats.extras import library
from corticalnet.store import expanded

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SpikeTrains:
    """Spike times of cells, and what is known of each.

    Attributes:
        times: of each cell, increasing, in ms.
        about: what is told of the cells, by name: one value for each.
        trials: ``[trials, 2]``, when each began and ended, in ms.

    >>> trains = SpikeTrains([np.array([0.5, 2.0]), np.array([])], {"area": ["V1", "V4"]})
    >>> trains.counts(dt=1.0, ms=3.0).tolist()
    [[1, 0], [0, 0], [1, 0]]
    >>> trains.where(area="V4").times
    [array([], dtype=float64)]
    """

    times: Sequence[Floats]
    about: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    trials: Floats = field(default_factory=lambda: np.empty((0, 2)))

    def __len__(self) -> int:
        return len(self.times)

    def where(self, **about: Any) -> SpikeTrains:
        """Return the cells of which these things are told: ``where(location="VISp")``.

        Raises:
            FormatError: no such thing is told, or no cell is so.
        """
        chosen = np.ones(len(self), dtype=bool)
        for name, value in about.items():
            one_of("thing told of cells", name, self.about or ["nothing"], FormatError)
            known = np.array([one == value for one in self.about[name]], dtype=bool)
            if not known.any():
                one_of(f"{name} of cells", value, dict.fromkeys(map(str, self.about[name])), FormatError)
                raise FormatError(f"no cell has {name} = {value!r}")
            chosen &= known
        which = np.flatnonzero(chosen)
        told = {name: [values[k] for k in which] for name, values in self.about.items()}
        return replace(self, times=[self.times[k] for k in which], about=told)

    def counts(
        self, dt: float | str, start: ArrayLike = 0.0, ms: float | str | None = None
    ) -> NDArray[np.int64]:
        """Count spikes in steps: step k has those in ``[start + k dt, start + (k + 1) dt)``.

        Args:
            dt: length of a step, in ms.
            start: when to begin, in ms; of several, one for each sample of a batch.
            ms: how long; to the last spike if not given.

        Returns:
            ``[steps, cells]``, or ``[steps, batch, cells]`` for several starts.

        Raises:
            FormatError: dt or ms is not more than 0, or there is no spike to end with.
        """
        step = quantity(dt, MS, "dt")
        starts = np.asarray(start, dtype=np.float64)
        if ms is None:
            last = max((float(t[-1]) for t in self.times if len(t)), default=-np.inf)
            long = last - float(starts.max()) + step
        else:
            long = quantity(ms, MS, "ms")
        if not (0 < step < np.inf and 0 < long < np.inf):
            raise FormatError(f"counts needs a dt and a time of more than 0 ms, not {step:g} and {long:g} ms")
        steps = max(1, round(long / step))
        found = np.zeros((steps, starts.size, len(self)), dtype=np.int64)
        for cell, times in enumerate(self.times):
            for sample, begin in enumerate(starts.ravel()):
                # A time that is a whole number of steps may be stored as a little less.
                where = np.floor((np.asarray(times) - begin) / step + 1e-6).astype(np.int64)
                where = where[(where >= 0) & (where < steps)]
                found[:, sample, cell] = np.bincount(where, minlength=steps)
        return found if starts.ndim else found[:, 0]

    def rates(
        self, dt: float | str, width: float | str, start: ArrayLike = 0.0, ms: float | str | None = None
    ) -> Floats:
        """Compute rates in Hz: spikes in a window of ``width`` ms around each step, over its length.

        Arguments otherwise, shape and errors as of :meth:`counts`; at the ends the window is what of it lies
        within.
        """
        counts, step = self.counts(dt, start, ms), quantity(dt, MS, "dt")
        half = max(1, round(quantity(width, MS, "width") / step)) // 2
        sums = np.concatenate([np.zeros_like(counts[:1]), np.cumsum(counts, axis=0)])
        steps = np.arange(len(counts))
        first, end = np.clip(steps - half, 0, None), np.clip(steps + half + 1, None, len(counts))
        length = (end - first).reshape(-1, *[1] * (counts.ndim - 1))
        return np.asarray(1000.0 * (sums[end] - sums[first]) / (length * step))


def read_spikes(path: str | Path, population: str | None = None) -> SpikeTrains:
    """Read the spikes of an NWB file (``.nwb``: its units) or a SONATA file (``.h5``), whoever wrote it.

    Args:
        path: of the file.
        population: of a SONATA file; all if not given.

    Raises:
        FormatError: there is no file, its library is not installed, it cannot be read, or has no spikes.

    >>> read_spikes("nowhere.nwb")
    Traceback (most recent call last):
        ...
    corticalnet.errors.FormatError: there is no file 'nowhere.nwb'
    """
    place = expanded(path)
    if not place.is_file():
        raise FormatError(f"there is no file '{path}'")
    readers = {".nwb": _from_nwb, ".h5": _from_sonata}
    one_of("kind of file with spikes", place.suffix, readers, FormatError)
    try:
        return readers[place.suffix](place, population)
    except FormatError:
        raise
    except Exception as error:  # HDF5 and hdmf raise nearly anything for what is no such file
        reason = (str(error).splitlines() or [""])[0]
        raise FormatError(f"spikes of '{path}' cannot be read: {type(error).__name__}: {reason}") from None


def _from_nwb(path: Path, population: str | None) -> SpikeTrains:
    """Read units and trials of an NWB file."""
    pynwb = library("pynwb", "nwb", "read_spikes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # (of what others have written)
        with pynwb.NWBHDF5IO(str(path), "r") as io:
            nwb = io.read()
            units = nwb.units
            if units is None or "spike_times" not in units.colnames:
                raise FormatError(f"'{path}' has no spike times: its table of units is missing")
            index = units["spike_times"]
            times = np.asarray(index.target.data[()], dtype=np.float64) * 1000.0
            trains = np.split(times, np.asarray(index.data[()], dtype=np.int64)[:-1])
            about = {"id": np.asarray(units.id[:]).tolist()}
            for column in units.columns:
                if column.name in units.colnames and type(column).__name__ == "VectorData":
                    values = np.asarray(column.data[()])
                    if values.shape == (len(trains),):
                        about[column.name] = [_text(value) for value in values.tolist()]
            table = nwb.trials
            ends = [] if table is None else [table["start_time"].data[()], table["stop_time"].data[()]]
            trials = np.stack(ends, axis=1) * 1000.0 if len(ends) else np.empty((0, 2))
    found = SpikeTrains([np.sort(train) for train in trains], about, trials)
    return found if population is None else found.where(population=population)


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


#: Times of a SONATA file -> ms.
_SCALE = {"ms": 1.0, "milliseconds": 1.0, "s": 1000.0, "seconds": 1000.0, "us": 1e-3}


def _from_sonata(path: Path, population: str | None) -> SpikeTrains:
    """Read the spikes of a SONATA file: its format has no trials, and no cells that were silent."""
    import h5py

    times: list[Floats] = []
    about: dict[str, list[Any]] = {"population": [], "number": []}
    with h5py.File(path, "r") as file:
        groups = file.get("spikes", {})
        if not groups:
            raise FormatError(f"'{path}' has no spikes: a SONATA file has a group 'spikes'")
        if population is not None:
            one_of(f"population of '{path}'", population, groups, FormatError)
        for name in [population] if population is not None else groups:
            stamps = groups[name]["timestamps"]
            unit = _text(stamps.attrs.get("units", "ms"))
            one_of(f"unit of times of '{path}'", unit, _SCALE, FormatError)
            when, who = stamps[()].astype(np.float64) * _SCALE[unit], groups[name]["node_ids"][()]
            order = np.lexsort((when, who))
            cells, begin = np.unique(who[order], return_index=True)
            times += np.split(when[order], begin[1:]) if len(cells) else []
            about["population"] += [name] * len(cells)
            about["number"] += cells.tolist()
    return SpikeTrains(times, about)
