"""Recordings for other tools, beside our own: tried before the work, written after it."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import corticalnet as cn
from corticalnet.cli.results import Writer, try_folder
from corticalnet.errors import ProtocolError
from corticalnet.store import make_folder

if TYPE_CHECKING:
    import xarray as xr


def try_nwb(path: Path | None, overwrite: bool) -> None:
    """Check that an NWB file can be written, if one is asked for.

    Raises:
        CorticalnetError: pynwb is not installed, the name does not fit, the folder says no, or it is there.
    """
    if path is None:
        return
    from corticalnet.formats.nwb.writing import ready

    ready(path)
    try_folder(path.parent, path.name)
    if os.path.exists(path) and not overwrite:
        raise ProtocolError(f"{path} is there already; give another --nwb, or --overwrite")


def as_nwb(path: Path | None, recording: xr.Dataset) -> dict[str, Writer]:
    """Return the writer of an NWB file by its place, if one is asked for."""
    return {} if path is None else {str(path.absolute()): partial(_write_nwb, recording)}


def _write_nwb(recording: xr.Dataset, path: Path) -> None:
    make_folder(path.parent)
    cn.to_nwb(recording, path)
