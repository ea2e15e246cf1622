"""How much faster do two processes update one network than one process, at the same batch?

    python -m simulations.two_processes            784-1500-1000-500-10, batch 128; 2 min of two idle cores
    python -m simulations.two_processes --quick    a small network, some seconds

Each process has its half of every batch, and all take the mean of their changes before the step (gloo), as
``torchrun … -m corticalnet train`` does. Plain SGD, float32, one thread each. Turns of some updates alone
(the other process waits) and together, time on the wall, the first turn dropped; ratios are medians.

Expected: half the time, and what it takes to add up all changes. Wanted: at most 0.6.

Next: corticalnet/training/processes.py.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import matplotlib.pyplot as plt
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import typer

import corticalnet as cn
from corticalnet.plotting.style import styled
from corticalnet.training.processes import Processes

from .parts.common import simulation, table

RULES = ("backprop", "z-il", "feedback-alignment", "brainprop")
SIZES, BATCH = (784, 1500, 1000, 500, 10), 128


def run(
    quick: Annotated[bool, typer.Option("--quick", help="A small network, two turns.")] = False,
    turns: Annotated[int, typer.Option(min=1, help="That count.")] = 15,
) -> dict:
    """Milliseconds of an update, alone and together, for each rule."""
    sizes, batch, turns, updates = ((64, 32, 10), 32, 2, 3) if quick else (SIZES, BATCH, turns, 10)
    with tempfile.TemporaryDirectory(prefix="two_processes-") as folder:
        mp.start_processes(
            measure,
            (folder, sizes, batch, turns, updates),
            nprocs=2,
            start_method="fork" if quick else "spawn",
        )
        found = json.loads((Path(folder) / "found.json").read_text())
    return {"sizes": list(sizes), "batch": batch, "turns": turns, "found": found}


def measure(rank: int, folder: str, sizes: tuple[int, ...], batch: int, turns: int, updates: int) -> None:
    """What each of the processes does; the first one writes what it has timed."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    team, rng, found = Processes(rank, 2), torch.Generator().manual_seed(0), {}
    x, y = torch.rand(batch, sizes[0], generator=rng), torch.arange(batch) % sizes[-1]
    for name in RULES:
        net, rule = cn.mlp(sizes, "relu", seed=0), cn.rule(name)
        lonely, joint = (torch.optim.SGD(net.parameters(), lr=1e-4) for _ in range(2))
        team.join(joint)
        mine = team.share(x), team.share(y)
        team.weigh(x)
        times: dict[str, list[float]] = {"alone": [], "together": []}
        for _ in range(turns + 1):
            team.wait()
            if rank == 0:
                times["alone"].append(timed(partial(rule.update, net, x, y, lonely), updates))
            for p in net.parameters():  # (what one has learned alone)
                dist.broadcast(p.data, 0)
            team.wait()
            times["together"].append(timed(partial(rule.update, net, *mine, joint), updates))
        if rank == 0:
            pairs = list(zip(times["together"][1:], times["alone"][1:], strict=True))
            found[name] = {
                "alone": statistics.median(alone for _, alone in pairs),
                "together": statistics.median(both for both, _ in pairs),
                "ratio": statistics.median(both / alone for both, alone in pairs),
                "same": all(torch.equal(one, first(one)) for one in net.parameters()),
            }
        else:
            for one in net.parameters():
                first(one)
    if rank == 0:
        (Path(folder) / "found.json").write_text(json.dumps(found))
    dist.destroy_process_group()


def first(parameter: torch.Tensor) -> torch.Tensor:
    """The second process's numbers."""
    numbers = parameter.detach().clone()
    dist.broadcast(numbers, 1)
    return numbers


def timed(work: Callable[[], object], updates: int) -> float:
    """Milliseconds of one of some updates."""
    begun = time.perf_counter()
    for _ in range(updates):
        work()
    return 1e3 * (time.perf_counter() - begun) / updates


def report(results: dict) -> str:
    """A row for each rule."""
    rows = [
        [name, f"{one['alone']:.2f}", f"{one['together']:.2f}", f"{one['ratio']:.2f}",
         "yes" if one["same"] else "no"]
        for name, one in results["found"].items()
    ]  # fmt: skip
    title = f"{'-'.join(map(str, results['sizes']))}, batch {results['batch']}"
    return table(["rule", "one process, ms", "two, ms", "ratio", "same weights"], rows, title)


@styled
def draw(results: dict) -> plt.Figure:
    """Bars of the ratios."""
    figure, axes = plt.subplots(figsize=(5, 3))
    found = results["found"]
    axes.bar(list(found), [one["ratio"] for one in found.values()], color="tab:gray")
    axes.axhline(0.5, color="tab:orange", lw=1)
    axes.set_ylabel("time of two / of one")
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
