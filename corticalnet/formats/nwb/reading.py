"""A recording from the NWB file that it wrote."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from corticalnet.errors import FormatError
from corticalnet.formats.extras import library
from corticalnet.formats.notes import Wanted, read_notes, recording
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
            told = read_notes(nwb.notes)
            if told is not None:
                return recording(told, partial(_numbers, nwb))
    except Exception as error:  # HDF5 and hdmf raise nearly anything for what is no such file
        reason = (str(error).splitlines() or [""])[0]
        raise FormatError(f"'{path}' cannot be read as NWB: {type(error).__name__}: {reason}") from None
    raise FormatError(
        f"'{path}' is no recording of corticalnet; cn.read_spikes reads the spikes of any NWB file"
    )


def _numbers(nwb: Any, wanted: Wanted) -> Any:
    """Return a variable's numbers, whichever table or series they are in."""
    synapses = nwb.processing["plasticity"].data_interfaces if "plasticity" in nwb.processing else {}
    if wanted.name in nwb.acquisition:
        return nwb.acquisition[wanted.name].data[()]
    if wanted.name in synapses:
        found = synapses[wanted.name]
        if "when" not in wanted.dims:
            return found.data[()]
        return np.stack([found[when].data[()] for when in ("before", "after")])
    times = nwb.units["spike_times"].target.data[()] * 1000.0
    ends = np.concatenate([[0], nwb.units["spike_times"].data[()]]).astype(np.int64)
    mine = np.ones(len(nwb.units), dtype=bool)
    for column in {"population", "state"} & {*nwb.units.colnames}:  # (earlier files have no state)
        mine &= np.asarray(nwb.units[column].data[()]) == wanted.attrs[column]
    return wanted.fired([times[ends[row] : ends[row + 1]] for row in np.flatnonzero(mine)])
