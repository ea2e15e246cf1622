"""What does it cost to record everything: how much memory, and how much of the time?

    python -m simulations.recording_cost            784-256-256-10, 64 samples, 200 steps; 30 s, 1 GB
    python -m simulations.recording_cost --quick    64-64-64-10, 32 samples, 100 steps, two rules; 15 s

A batch of stimuli and then its teacher, on torch, with whatever is recorded when nobody names anything. Each
rule runs in a process of its own, after a run without records that loads what is loaded once. Memory is the
peak of the process less what it had before; building is the time that goes into the dataset, once its numbers
are there.

Expected: a peak of at most 1.3 times the recording, and at most a tenth of the time. Decision 22 says why.

Next: corticalnet/engines/recorder.py, corticalnet/recordings/dataset.py.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer

import corticalnet as cn
from corticalnet.engines import joining
from corticalnet.errors import RecordingWarning
from corticalnet.plotting.style import styled

from .parts.common import simulation, table

RULES = ("z-il", "fa-z-il", "streaming-fa-z-il")
#: Peaks are told in kB on Linux, in bytes on a Mac.
UNIT = 1 if sys.platform == "darwin" else 1024


def run(quick: Annotated[bool, typer.Option("--quick", help="A small network, few steps.")] = False) -> dict:
    """Bytes and seconds of each rule."""
    sizes, batch, steps = ([64, 64, 64, 10], 32, 100) if quick else ([784, 256, 256, 10], 64, 200)
    found = {}
    for rule in RULES[: 2 if quick else None]:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found[rule] = pool.apply(cost, (rule, sizes, batch, steps))
    return {"sizes": sizes, "batch": batch, "steps": steps, "rules": found}


def cost(rule: str, sizes: list[int], batch: int, steps: int) -> dict[str, float]:
    """One recording: its bytes, the peak above what was there before, seconds of the run and of building."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", RecordingWarning)
    circuit = cn.circuit(cn.mlp(sizes, hidden="sigmoid", seed=0), cn.rule(rule), learning_rate=0.01)
    x = np.random.default_rng(0).random((batch, sizes[0]))
    shown, taught = (
        cn.Present(x, steps // 2),
        cn.Teach(np.eye(sizes[-1])[np.arange(batch) % sizes[-1]], steps // 2),
    )
    cn.simulate(circuit, [shown, taught], record=[])
    spent, build = [], joining.build_dataset

    def timed(*args: object) -> object:
        begun = time.perf_counter()
        made = build(*args)  # type: ignore[arg-type]
        spent.append(time.perf_counter() - begun)
        return made

    joining.build_dataset = timed  # type: ignore[assignment]
    before, begun = peak(), time.perf_counter()
    data = cn.simulate(circuit, [shown, taught])
    seconds = time.perf_counter() - begun
    return {"bytes": data.nbytes, "peak": peak() - before, "seconds": seconds, "building": sum(spent)}


def peak() -> int:
    """The most memory that this process has had, in bytes."""
    status = Path("/proc/self/status")  # (where there is none: also that of the process which made this one)
    if status.exists():
        return 1024 * int(status.read_text().split("VmHWM:")[1].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT


def report(results: dict) -> str:
    """A row for each rule."""
    rows = [
        [rule, f"{one['bytes'] / 1e6:.0f}", f"{one['peak'] / one['bytes']:.2f}", f"{one['seconds']:.2f}",
         f"{one['building'] / one['seconds']:.1%}"]
        for rule, one in results["rules"].items()
    ]  # fmt: skip
    return table(["rule", "recording, MB", "peak ×", "run, s", "building"], rows)


@styled
def draw(results: dict) -> plt.Figure:
    """Bars of the recording and of the peak."""
    figure, axes = plt.subplots(figsize=(6, 3))
    for k, what in enumerate(("bytes", "peak")):
        heights = [one[what] / 1e6 for one in results["rules"].values()]
        axes.bar(np.arange(len(heights)) + 0.4 * k - 0.2, heights, 0.38, label=("recording", "peak")[k])
    axes.set_xticks(range(len(results["rules"])), list(results["rules"]), fontsize=8)
    axes.set_ylabel("MB")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
