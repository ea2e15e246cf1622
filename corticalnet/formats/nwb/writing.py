"""A recording as an NWB file: what it says, and how it gets to its place."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import xarray as xr

from corticalnet.about import VERSION
from corticalnet.errors import FormatError, one_of
from corticalnet.formats.extras import library
from corticalnet.formats.notes import written
from corticalnet.formats.nwb.contents import add_intervals, add_numbers, add_units
from corticalnet.formats.timeline import Timeline
from corticalnet.recordings.reading import untimed
from corticalnet.store import expanded, replacing

#: What an NWB file says of its session, and may be told.
ABOUT = (
    "experimenter", "institution", "keywords", "lab", "related_publications", "session_description",
    "session_id", "session_start_time", "subject",
)  # fmt: skip
#: What the batch is in a file that has only time.
BATCH = "Samples of the batch ran side by side, and are here one after another; trials tell them apart."
#: Steps without a duration have to be written as one.
UNTIMED = (
    "Its steps are those of a rule and have no duration: each is written as 0.001 s, and no rate means Hz."
)


def to_nwb(
    data: xr.Dataset,
    path: str | Path,
    *,
    trial: str = "present",
    about: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Write a recording as an NWB file.

    Times are seconds; a batch comes one sample after another, or one file each. Numbers are read, packed and
    written piece by piece, so what was streamed to disk need not fit into memory. Held to the last bit are
    all states, weights and spikes; :func:`from_nwb` reads them.

    Args:
        data: a recording.
        path: of the file; with "{sample}" in it, of one file for each sample.
        trial: the event with which a trial begins; what comes before the first belongs to it.
        about: what else the file says: "experimenter", "institution", "keywords", "lab",
            "related_publications", "session_description", "session_id", "session_start_time" (a datetime with
            a time zone; now if not given), and "subject", a mapping for ``pynwb.file.Subject``.

    Returns:
        The files.

    Raises:
        FormatError: pynwb is not installed, the name does not end in .nwb, the recording is empty, no event
            is called so, ``about`` says what NWB does not know, or the disk says no.

    >>> import corticalnet as cn
    >>> import tempfile
    >>> columns = cn.circuit(cn.mlp([2, 3, 2]), cn.rule("z-il"))
    >>> data = cn.simulate(columns, [cn.Rest(steps=5)], record=["value"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (file,) = to_nwb(data, f"{folder}/rest.nwb")
    ...     cn.from_nwb(file)["area1.value.value"].equals(data["area1.value.value"])
    True
    """
    import h5py

    pynwb = ready(path)
    for word in about or {}:
        one_of("about of to_nwb", word, ABOUT, FormatError)
    Timeline(data, trial)
    if "{sample}" not in str(path):
        parts = {expanded(path): data}
    else:
        samples = [int(k) for k in np.asarray(data["batch"].values)]
        parts = {
            expanded(str(path).replace("{sample}", str(s))): data.isel(batch=[k])
            for k, s in enumerate(samples)
        }
    for place, part in parts.items():
        with replacing(place, FormatError) as file:
            content = _file(pynwb, part, Timeline(part, trial), dict(about or {}))
            with h5py.File(file.name, "w") as there, pynwb.NWBHDF5IO(file=there, mode="w") as io:
                io.write(content)
    return list(parts)


def ready(path: str | Path) -> Any:
    """Return pynwb, if it is there and a file may have this name.

    Raises:
        FormatError: it is not installed, or the name does not end in .nwb.
    """
    if Path(path).suffix != ".nwb":
        raise FormatError(f"an NWB file is called something.nwb, not '{path}'")
    return library("pynwb", "nwb", "to_nwb")


def _file(pynwb: Any, data: xr.Dataset, line: Timeline, about: dict[str, Any]) -> Any:
    """Build the content of a file; large numbers are read when it is written."""
    title = str(data.attrs.get("title", "circuit"))
    told = [f"{title}, simulated by corticalnet {data.attrs['corticalnet']} on {data.attrs.get('engine')}."]
    told += [BATCH] if len(line.samples) > 1 else []
    told += [UNTIMED] if untimed(data) else []
    subject = {
        "subject_id": "circuit",
        "description": f"nothing alive: a simulated circuit, {title}",
        "sex": "U",
        "age": "P0D",
        **about.pop("subject", {}),
    }
    fields = {
        "session_description": " ".join(told),
        "session_start_time": datetime.now(UTC),
        "experiment_description": f"Protocol: {', '.join(label for _, label in line.events) or 'none'}.",
        "source_script": f"corticalnet {VERSION}",
        "source_script_file_name": "corticalnet.to_nwb",
        **about,
    }
    try:
        nwb = pynwb.NWBFile(
            identifier=str(uuid4()),
            subject=pynwb.file.Subject(**subject),
            notes=written(line),
            **fields,
        )
    except (TypeError, ValueError) as error:
        raise FormatError(f"to_nwb: about does not fit NWB: {' '.join(str(error).split())}") from None
    whole = add_units(pynwb, nwb, data, line)
    add_intervals(nwb, line)
    for name, array in data.data_vars.items():
        if str(name) not in whole:
            add_numbers(pynwb, nwb, line, str(name), array)
    return nwb
