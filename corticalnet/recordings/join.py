"""Recordings of several runs of one simulator as one recording.

first = running.run(protocol)
second = running.run(more)
data = cn.join([first, second])         the recording of the longer run, also its events and weights
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from corticalnet.errors import ProtocolError

if TYPE_CHECKING:
    import xarray as xr

#: What two recordings must have in common to be one.
SAME = ("title", "engine", "seed", "dt", "every", "schedule", "layout")


def join(recordings: Iterable[xr.Dataset]) -> xr.Dataset:
    """Join several recordings, one after another in time, to one.

    ``xarray.concat`` joins the numbers too, but not what is said of all of them: the events of all runs,
    their steps, and of weights before those of the first, of weights after those of the last.

    Args:
        recordings: of runs of one simulator, in their order; steps between them may be missing.

    Raises:
        ProtocolError: there is none, or they are of other simulations, record other things, or overlap.

    >>> import corticalnet as cn
    >>> running = cn.simulator(cn.circuit(cn.mlp([2, 3, 2]), cn.rule("z-il")))
    >>> parts = [running.run([cn.Rest(steps=5)], record=["value"]) for _ in range(3)]
    >>> join(parts).sizes["time"]
    15
    """
    import xarray as xr

    parts = list(recordings)
    if not parts:
        raise ProtocolError("join needs at least one recording")
    for k, part in enumerate(parts, start=1):
        if not isinstance(part, xr.Dataset) or not {"events", "settings"} <= set(part.attrs):
            raise ProtocolError(f"join: number {k} is no recording of a simulation")
    for k, (one, other) in enumerate(itertools.pairwise(parts), start=2):
        for fact in SAME:
            first, its = one.attrs.get(fact), other.attrs.get(fact)
            if first != its:
                raise ProtocolError(f"join: recording {k} is of another {fact}: {its}, not {first}")
        apart = sorted(map(str, set(one.variables) ^ set(other.variables)))
        sizes = {dim: size for dim, size in one.sizes.items() if dim != "time"}
        if apart or sizes != {dim: size for dim, size in other.sizes.items() if dim != "time"}:
            raise ProtocolError(
                f"join: recording {k} records other things: {', '.join(apart) or 'other cells'}"
            )
    filled = [part for part in parts if part.sizes["time"]]
    for one, other in itertools.pairwise(filled):
        last, next_ = int(one["step"][-1]), int(other["step"][0])
        if next_ <= last:
            raise ProtocolError(
                f"join: what begins with step {next_} does not follow what ends with step {last}"
            )
    whole = xr.concat(
        parts, "time", data_vars="minimal", coords="minimal", compat="override", join="override"
    )
    for name in [name for name, array in whole.data_vars.items() if "when" in array.dims]:
        begin, end = parts[0][name].sel(when=["before"]), parts[-1][name].sel(when=["after"])
        whole[name] = xr.concat([begin, end], "when")
    settings = json.loads(parts[0].attrs["settings"])
    settings["steps"] = sum(json.loads(part.attrs["settings"])["steps"] for part in parts)
    events = [event for part in parts for event in json.loads(part.attrs["events"])]
    return whole.assign_attrs(
        parts[0].attrs | {"events": json.dumps(events), "settings": json.dumps(settings)}
    )
