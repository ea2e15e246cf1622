"""One line of time for formats that know no batch: the samples of a recording one after another.

    sample 0   |  trial 0  |  trial 1  |
    sample 1                           |  trial 0  |  trial 1  |

Sample k begins k × (its length) later than it did. Times are whole steps times dt, so a reader finds the step
of each of them again, and with it the recording's own number.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from corticalnet.errors import FormatError, one_of
from corticalnet.recordings.firing import counted

#: Arrays are read, and given on, in pieces of about so many numbers.
PIECE = 4_000_000


@dataclass(frozen=True)
class Span:
    """A piece of time of one sample, in ms of the recording.

    Attributes:
        sample: its place in the batch.
        trial: which trial of the sample it is, or is in.
        start, stop: its ends.
        label: of the event that begins it; empty for a trial.
    """

    sample: int
    trial: int
    start: float
    stop: float
    label: str = ""


class Timeline:
    """The time of a recording.

    Args:
        data: a recording.
        trial: the event with which a trial begins; what comes before the first belongs to it.

    Raises:
        FormatError: the recording is empty, or no event is called so.
    """

    def __init__(self, data: xr.Dataset, trial: str = "present") -> None:
        self.data, self.trial = data, trial
        if not data.sizes.get("time") or not data.sizes.get("batch"):
            raise FormatError(
                "this recording is empty: it has no sample, or ended before the first record (choose a "
                "smaller every)"
            )
        self.step = np.asarray(data["step"].values, dtype=np.int64)
        self.dt, self.every = float(data.attrs["dt"]), counted(data)
        # The first record tells of ``every`` steps, and the last of a step that has ended.
        self.first = max(0, int(self.step[0]) - self.every + 1)
        self.steps = int(self.step[-1]) + 1 - self.first
        self.samples = [int(sample) for sample in np.asarray(data["batch"].values)]
        labels = dict.fromkeys(label for _, label in self.events)
        if trial != "present":
            one_of("event that begins a trial", trial, labels or ["none"], FormatError)

    @property
    def begin(self) -> float:
        """Return when the first step begins that the recording tells of, in ms."""
        return self.first * self.dt

    @property
    def end(self) -> float:
        """Return when its last step has ended, in ms."""
        return (self.first + self.steps) * self.dt

    @property
    def regular(self) -> bool:
        """Return whether records are equally far apart, also from the last of a sample to the next one's."""
        gaps = np.diff(self.step)
        return not len(gaps) or bool((gaps == self.every).all())

    def seconds(self, step: NDArray[np.int64] | int, sample: int = 0) -> NDArray[np.float64]:
        """Return when steps of the sample at a place in the batch begin on the one line, in s."""
        return (np.asarray(step) + sample * self.steps) * self.dt / 1000.0

    def step_of(self, seconds: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return which step on the one line begins at some times."""
        return np.rint(np.asarray(seconds) * 1000.0 / self.dt).astype(np.int64)

    @cached_property
    def events(self) -> list[tuple[float, str]]:
        """Return when (ms) what began."""
        found = json.loads(self.data.attrs.get("events", "[]"))
        return [(float(time), str(label)) for time, label in found]

    @cached_property
    def edges(self) -> list[float]:
        """Return the times at which the trials of a sample begin, and its end."""
        starts = [time for time, label in self.events if label == self.trial and time < self.end]
        running = any(time <= self.begin for time in starts)
        later = [time for time in starts if time > self.begin]
        return [self.begin, *(later if running else later[1:]), self.end]

    def trials(self) -> Iterator[Span]:
        """Return the trials of all samples, one after another."""
        for sample, (k, (start, stop)) in itertools.product(
            range(len(self.samples)), enumerate(itertools.pairwise(self.edges))
        ):
            yield Span(sample, k, start, stop)

    def phases(self) -> Iterator[Span]:
        """Return what the protocol did in all samples, one after another, as far as it was recorded."""
        following = [time for time, _ in self.events[1:]] + [self.end]
        for sample in range(len(self.samples)):
            for (start, label), stop in zip(self.events, following, strict=False):
                start, stop = max(start, self.begin), min(stop, self.end)
                if start < stop:
                    trial = int(np.searchsorted(self.edges, start, side="right")) - 1
                    yield Span(sample, trial, start, stop, label)

    def pieces(self, row: int) -> Iterator[tuple[int, slice]]:
        """Return (sample, records) in order, of about ``PIECE`` numbers each, where a record has ``row``."""
        length, records = max(1, PIECE // max(1, row)), len(self.step)
        for sample in range(len(self.samples)):
            for begin in range(0, records, length):
                yield sample, slice(begin, min(begin + length, records))


def rows(array: xr.DataArray) -> tuple[int, ...]:
    """Return the shape of one record of a variable, without time and batch."""
    return tuple(n for dim, n in array.sizes.items() if dim not in ("time", "batch"))


def read(array: xr.DataArray, sample: int, records: slice) -> NDArray:
    """Read some records of one sample, ``[records, …]``; of weights, which all samples share, the same."""
    where: dict[str, slice | int] = {"time": records}
    if "batch" in array.dims:
        where["batch"] = sample
    return np.asarray(array.isel(where).transpose("time", ...).values)


def fired(
    line: Timeline, array: xr.DataArray, chosen: Sequence[int] | None = None
) -> tuple[list[NDArray[np.int64]], bool]:
    """Find the steps on the one line in which each cell of a population fired, reading piece by piece.

    Args:
        line: the time.
        array: spikes or φ ``[time, batch, cell]`` of every step.
        chosen: samples; all if not given.

    Returns:
        For each cell its steps, increasing; and whether all numbers are 0 or 1, so that nothing else is told.
    """
    cells, plain = array.sizes[array.dims[-1]], True
    found: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for sample, records in line.pieces(cells):
        if chosen is not None and sample not in chosen:
            continue
        values = read(array, sample, records)
        when, who = np.nonzero(values)
        plain = plain and bool((values[when, who] == 1).all())
        found.append((line.step[records][when] + sample * line.steps, who))
    when, who = (np.concatenate([part[k] for part in found]) for k in (0, 1))
    order = np.argsort(who, kind="stable")
    return np.split(when[order], np.cumsum(np.bincount(who, minlength=cells))[:-1]), plain
