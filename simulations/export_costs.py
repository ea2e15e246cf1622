"""What do long recordings of spikes cost in other tools' formats: seconds to write and to read, and size?

    python -m simulations.export_costs            1,000 cells, 20 trials of 60 s, three times; 8 min, 2 GB
    python -m simulations.export_costs --quick    100 cells, 2 trials of 2 s, once; some seconds

Poisson cells at 10 Hz in steps of 1 ms: 12 million spikes, streamed to disk while they are simulated. Each
format writes from that file and reads its own back; formats take turns, the first round is dropped. Zarr
only where it is installed. Neo holds what NWB and SONATA stream: its trains are made in memory, one a cell.

Expected: the file's size is that of its spike times (NWB, SONATA: 8 bytes each and who it was), or of a bit
for each cell and step, packed (NetCDF, Zarr). All give the same spikes back, to the last one.

Next: corticalnet/formats/.
"""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import matplotlib.pyplot as plt
import numpy as np
import typer
from rich.progress import track

import corticalnet as cn
from corticalnet.circuits.cells import Poisson, Sensory
from corticalnet.errors import RecordingWarning
from corticalnet.plotting.style import styled

from .parts.common import simulation, table

#: 10 Hz.
RATE = 0.01
#: How each format is written and read; Neo makes objects.
FORMATS: dict[str, tuple[str, Callable, Callable | None]] = {
    "NWB": ("run.nwb", cn.to_nwb, cn.from_nwb),
    "SONATA": ("sonata", cn.to_sonata, cn.from_sonata),
    "NetCDF (CF)": ("cf.nc", cn.to_netcdf, cn.from_netcdf),
    "Zarr": ("run.zarr", cn.to_zarr, cn.from_zarr),
    "Neo, in memory": ("", lambda data, path: cn.to_neo(data, trial=None), None),
}


def run(
    quick: Annotated[bool, typer.Option("--quick", help="A small recording, one round.")] = False,
    cells: Annotated[int, typer.Option(min=1, help="How many spike.")] = 1000,
    trials: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    seconds: Annotated[float, typer.Option(min=0.01, help="Of biological time, each.")] = 60.0,
    rounds: Annotated[int, typer.Option(min=1, help="That count.")] = 3,
) -> dict:
    """Seconds and bytes of each format."""
    cells, trials, seconds, rounds = (100, 2, 2.0, 1) if quick else (cells, trials, seconds, rounds)
    wanted = [name for name in FORMATS if name != "Zarr" or importlib.util.find_spec("zarr")]
    with tempfile.TemporaryDirectory(prefix="export_costs-") as place, warnings.catch_warnings():
        warnings.simplefilter("ignore", RecordingWarning)
        begun = time.perf_counter()
        stream = recorded(Path(place) / "run.nc", cells, trials, seconds)
        simulated = time.perf_counter() - begun
        data = cn.load_recording(stream, lazy=True)
        spikes = spikes_in(data)
        found: dict[str, dict[str, list[float]]] = {name: {"write": [], "read": []} for name in wanted}
        for lap in track(range(rounds + (not quick)), description="formats", transient=True):
            for name in wanted:
                for what, spent in once(name, data, Path(place)).items():
                    if lap or quick:
                        found[name].setdefault(what, []).append(spent)
    return {
        "cells": cells, "trials": trials, "seconds": seconds, "spikes": spikes, "rounds": rounds,
        "simulating": simulated, "formats": found,
    }  # fmt: skip


def recorded(path: Path, cells: int, trials: int, seconds: float) -> Path:
    """The recording, streamed to a file."""
    populations = [
        cn.Population("input", 1, Sensory()),
        cn.Population("cells", cells, Poisson(max_rate=RATE)),
    ]
    circuit = cn.Circuit(populations, [cn.Projection("input", "cells", "drive", 1.0)], dt=1.0)
    shown = [cn.Present([[1.0]], ms=1000 * seconds)] * trials
    cn.simulate(circuit, shown, record=["cells.spike"], to=path, progress=True)
    return path


def spikes_in(data: Any) -> int:
    """How many."""
    return int(np.count_nonzero(data["cells.spike"].values))


def once(name: str, data: Any, place: Path) -> dict[str, float]:
    """Write a recording and read it again: seconds of both, bytes, and spikes that are not the same."""
    file, write, read = FORMATS[name]
    begun = time.perf_counter()
    made = write(data, place / file)
    spent = {"write": time.perf_counter() - begun}
    if read is None:
        trains = made.segments[0].spiketrains
        return spent | {"lost": abs(sum(map(len, trains)) - spikes_in(data))}
    begun = time.perf_counter()
    again = read(place / file)
    spent["read"] = time.perf_counter() - begun
    whole = place / file
    files = [one for one in whole.rglob("*") if one.is_file()] if whole.is_dir() else [whole]
    lost = int(np.count_nonzero(again["cells.spike"].values != data["cells.spike"].values))
    return spent | {"bytes": sum(one.stat().st_size for one in files), "lost": lost}


def report(results: dict) -> str:
    """A row for each format."""
    median = statistics.median
    rows = []
    for name, one in results["formats"].items():
        size = f"{median(one['bytes']) / 1e6:.3g}" if "bytes" in one else "–"
        read = f"{median(one['read']):.2g}" if one["read"] else "–"
        rows.append([name, f"{median(one['write']):.2g}", read, size, f"{max(one['lost']):.0f}"])
    title = (
        f"{results['cells']:,} cells, {results['trials']} trials of {results['seconds']:g} s, "
        f"{results['spikes']:,} spikes; simulated in {results['simulating']:.0f} s"
    )
    return table(["format", "write, s", "read, s", "MB", "spikes lost"], rows, title)


@styled
def draw(results: dict) -> plt.Figure:
    """Bars of the seconds, and of the sizes."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    names = list(results["formats"])
    for k, what in enumerate(("write", "read")):
        heights = [statistics.median(one[what]) if one[what] else 0 for one in results["formats"].values()]
        left.barh(np.arange(len(names)) + 0.4 * k - 0.2, heights, 0.38, label=what)
    left.set_yticks(range(len(names)), names)
    left.set_xlabel("s")
    left.legend()
    sizes = [statistics.median(one.get("bytes", [0])) / 1e6 for one in results["formats"].values()]
    right.barh(names, sizes, color="tab:gray")
    right.set_yticks([])
    right.set_xlabel("MB")
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
