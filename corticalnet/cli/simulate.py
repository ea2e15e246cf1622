"""``corticalnet simulate``: a model's columns as populations in time, on real images."""

from __future__ import annotations

import json
import os
import re
import time
import warnings
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

import corticalnet as cn
from corticalnet.cli.app import app
from corticalnet.cli.exports import as_nwb, try_nwb
from corticalnet.cli.lessons import lessons
from corticalnet.cli.opening import (
    DATA,
    MODEL,
    MOST_CELLS,
    MOST_SEED,
    RULE,
    finite,
    open_model,
    open_weights,
)
from corticalnet.cli.output import JSON, print_json, say
from corticalnet.cli.results import as_figures, as_json_file, as_netcdf, making, try_folder, write
from corticalnet.errors import ProtocolError, RecordingWarning, RuleError, SimulationError
from corticalnet.tables import table

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from corticalnet.analysis import Regime

#: Of each spiking population so many cells are recorded if nothing else is asked for.
RECORDED_CELLS = 100
#: Bytes of a recording that figures are drawn of: they read all of it.
_MOST_DRAWN = 4 * 10**9


@app.command("simulate")
def simulate_(
    model: str = MODEL,
    engine: str = typer.Option("torch", help="torch, or brian2 (one image at a time)."),
    target: str | None = typer.Option(None, help="Brian2's: numpy, cython or cpp_standalone."),
    device: str | None = typer.Option(None, help="torch's: cpu or cuda."),
    precision: str | None = typer.Option(None, help="torch's: float64 or float32."),
    compiled: bool | None = typer.Option(None, help="torch's: compiled steps; where it pays if not said."),
    rule: str | None = RULE,
    data: str | None = DATA,
    weights: Path | None = typer.Option(
        None, help="Start from the weights of a run (its folder, or a checkpoint)."
    ),
    trials: int = typer.Option(3, min=1, help="Images, one after another, each with its teacher."),
    lr: float = typer.Option(0.1, min=0.0, callback=finite, help="Learning rate of every synapse."),
    slack: int = typer.Option(
        6, min=0, help="Stimulus and teacher each stay up to this much longer, at random."
    ),
    dynamics: str | None = typer.Option(
        None, help="Continuous time: latch, delay, sample_and_hold or nudge; steps of the rule if not given."
    ),
    tau: str | None = typer.Option(None, help="In continuous time: of value cells, such as '10 ms'."),
    dt: str | None = typer.Option(None, help="In continuous time: length of a step, such as '1 ms'."),
    read_delay: str | None = typer.Option(
        None, help="In continuous time: from an error leaving rest to its being read; 20 tau if not given."
    ),
    cells: int = typer.Option(
        0,
        "--cells-per-column",
        min=0,
        max=MOST_CELLS,
        help="Columns tell their rates by so many spiking cells; 0 for rates.",
    ),
    cell: str = typer.Option("poisson", help="Their kind: poisson, pif or lif."),
    seed: int = typer.Option(
        0, min=0, max=MOST_SEED, help="Of weights, images, timing, and of voltages and dice."
    ),
    every: int = typer.Option(1, min=1, help="Record every so many steps."),
    record: list[str] = typer.Option([], help="State, population or projection to record; all if not given."),
    stream: bool = typer.Option(
        False, "--stream", help="Record to disk while it runs: for what does not fit into memory."
    ),
    to_brian2: Path | None = typer.Option(
        None, help="Also write it as a Brian2 script, which gives the same traces without corticalnet."
    ),
    nwb: Path | None = typer.Option(
        None,
        "--nwb",
        "--to-nwb",
        help="Also an NWB file; with {sample} in its name one for each image of a batch.",
    ),
    plot: bool = typer.Option(True, "--plot/--no-plot", help="Draw the circuit, traces, φ and weights."),
    out: Path | None = typer.Option(None, help="Folder of the recording; under runs/ if not given."),
    overwrite: bool = typer.Option(False, help="Replace a recording that is there."),
    sets: list[str] = typer.Option(
        [], "--set", metavar="KEY=VALUE", help="A setting of the model, or a parameter of its rule."
    ),
    as_json: bool = JSON,
) -> None:
    """Simulate a model as a circuit: every population and synapse in time; a recording and figures.

    Each trial shows an image, then its label, each for as long as the error needs and a random while more.

    Examples:

    - `corticalnet simulate zil_mlp --data digits --rule streaming-fa-z-il` — φ decides when to learn

    - `corticalnet simulate zil_mlp --data digits --engine brian2 --trials 1` — the same in Brian2

    - `corticalnet simulate zil_mlp --data digits --trials 1 --to-brian2 columns.py` — and as a Brian2 script

    - `corticalnet simulate zil_mlp --data digits --dynamics latch --trials 1` — in continuous time

    - `corticalnet simulate zil_mlp --data digits --trials 1 --cells-per-column 100 --cell lif` — in spikes;
      of each population the first 100 cells are recorded

    - `corticalnet simulate brainprop_dense --data digits` — actions, reward and dopamine

    - `corticalnet simulate my_model.py --weights runs/my_run --record error --record phi --every 2`

    - `corticalnet simulate zil_mlp --data digits --trials 1 --nwb trial.nwb` — also for tools that read NWB

    - `corticalnet simulate zil_mlp --data digits --trials 1000 --stream` — everything, however long; what was
      recorded until a Ctrl-C, a full disk or a number that runs away stays in recording.nc
    """
    import torch

    from corticalnet.columns.registry import spiking_dynamics

    built = open_model(model, sets, rule=rule, data=data, seed=seed, device="cpu")
    folder = out or Path("runs") / _folder(
        built, [dynamics, f"{cells}-{cell}" if cells else ""], engine, seed
    )
    if os.path.exists(folder / "recording.nc") and not overwrite:
        raise ProtocolError(f"{folder} holds a recording already; give another --out, or --overwrite")
    open_weights(built, weights)
    usual = spiking_dynamics(built.rule) if cells and dynamics is None else None
    how = _dynamics(dynamics, usual, tau=tau, dt=dt, read_delay=read_delay)
    told = [dynamics, f"{cells} {cell} cells for each column" if cells else ""]
    title = ", ".join([f"{built.name} by {built.rule.name}", *filter(None, told)])
    circuit = cn.circuit(
        built.network, built.rule, lr, dynamics=how, cells_per_column=cells, cell=cell, name=title
    )
    try_nwb(nwb, overwrite)
    wanted = {"target": target, "device": device, "precision": precision, "compiled": compiled}
    options: dict[str, Any] = {key: value for key, value in wanted.items() if value is not None}
    try_folder(folder, "recording.nc", "circuit.json", "circuit.safetensors")
    path = folder / "recording.nc" if stream else None
    # In continuous time changes are made when the last error is at rest again.
    rest = [cn.Rest(circuit.needs.present)] if how else []
    shown = [lessons(built, circuit, trials, slack, seed), *rest]
    noise, asked = cn.columns.learning_noise(circuit), record or None
    if to_brian2 is not None:
        cn.to_brian2(circuit, shown, to_brian2, asked, noise=noise, seed=seed)
    begun = time.perf_counter()
    torch.set_num_threads(1)  # small steps: two threads only wait for each other
    try:
        with making(path) if path is not None else nullcontext():
            recording = cn.simulate(
                circuit,
                shown,
                engine,
                asked or (_some_cells(circuit) if cells and not stream else None),
                every=every,
                noise=noise,
                seed=seed,
                progress=not as_json,
                to=path,
                **options,
            )
    except KeyboardInterrupt:
        typer.echo(f"interrupted; {_kept(path) or 'nothing was written'}", err=True)
        raise typer.Exit(130) from None
    except SimulationError as error:
        raise SimulationError("; ".join(filter(None, [str(error), _kept(path)]))) from None
    seconds = time.perf_counter() - begun
    if plot and recording.nbytes > _MOST_DRAWN:
        plot = False
        typer.echo(f"not drawn: a recording of {recording.nbytes / 1e9:.1f} GB", err=True)
    drawn = as_figures(lambda: _figures(recording, circuit)) if plot else {}
    # What it takes longest to make, first; circuit.json brings its arrays, circuit.safetensors.
    files = {"circuit.json": circuit.save, **drawn}
    files = files if stream else {"recording.nc": as_netcdf(recording), **files}
    files |= as_nwb(nwb, recording)
    steps = json.loads(recording.attrs["settings"])["steps"]
    changes = {p.name: _change(recording, p.name) for p in circuit.plastic}
    verdict = _verdict(built, recording)
    results = {
        "model": built.name,
        "rule": built.rule.name,
        "engine": engine,
        "trials": trials,
        "steps": steps,
        "cells": sum(p.n for p in circuit.populations),
        "seconds": seconds,
        "relative_change": changes,
        "regime": verdict and verdict.to_dict(),
    }
    about = {"title": title, "circuit": str(circuit).splitlines(), "first_trial": verdict and str(verdict)}
    written = write(folder, {**files, "simulation.json": as_json_file(results | about)})
    if as_json:
        figures = [str(path) for path in written.paths if path.name in drawn]
        print_json({**results, "out": str(folder), "figures": figures})
    else:
        say(circuit)
        rows = [[name, "–" if change is None else f"{change:.3g}"] for name, change in changes.items()]
        say("\n" + table(["projection", "‖ΔW‖ / ‖W‖"], rows))
        if verdict:
            say(f"\nfirst trial, {verdict}")
        where = "" if written.trouble else f"; all of it is in {folder}"
        say(f"\n{trials} trials, {steps} steps in {seconds:.1f} s on {engine}{where}")
    written.check()


def _figures(recording: xr.Dataset, circuit: cn.Circuit) -> dict[str, Figure]:
    from corticalnet import plotting  # matplotlib is slow to import

    return plotting.figures(recording, circuit)


def _folder(model: cn.Model, how: list[str | None], engine: str, seed: int) -> str:
    words = ["simulate", model.name, model.rule.name, *how, model.settings.data, engine, f"seed{seed}"]
    return re.sub(r"[^\w.-]+", "_", "-".join(filter(None, words)))


def _some_cells(circuit: cn.Circuit) -> list[str | cn.Record]:
    """List what to record: all cells of columns, but of spiking populations a hundred, evenly spread."""
    import numpy as np

    spiking = [p for p in circuit.populations if p.cell.sends == "spike"]
    requests: list[str | cn.Record] = [p.name for p in circuit.populations if p not in spiking]
    if any(p.n > RECORDED_CELLS for p in spiking):
        warnings.warn(
            f"not recorded: all but {RECORDED_CELLS} cells of each spiking population (record='spike' keeps "
            "them), and their voltages; to='run.nc' streams all to disk",
            RecordingWarning,
            stacklevel=2,
        )
    spread = {p.name: np.unique(np.linspace(0, p.n - 1, RECORDED_CELLS).astype(int)) for p in spiking}
    return [*requests, *(cn.Record(f"{name}.spike", which.tolist()) for name, which in spread.items())]


def _kept(path: Path | None) -> str:
    """Describe the file that a recording was streamed to, if there is one."""
    there = path is not None and os.path.exists(path)
    return f"{path} holds what was recorded until then" if there else ""


def _dynamics(
    construction: str | None, usual: cn.Continuous | None = None, **times: str | None
) -> cn.Continuous | None:
    """Return continuous time, if a construction is named, or one is usual; otherwise None."""
    given: dict[str, Any] = {name: _time(text) for name, text in times.items() if text is not None}
    if usual is not None:
        return replace(usual, **given)
    if construction is not None:
        return cn.Continuous(construction, **given)
    if given:
        raise ProtocolError(
            f"--{next(iter(given))} belongs to continuous time; name a --dynamics, such as latch"
        )
    return None


def _time(text: str) -> float | str:
    """Parse a time; a number is in ms, other texts are left as they are."""
    try:
        return float(text)
    except ValueError:
        return text


def _verdict(model: cn.Model, recording: Any) -> Regime | None:
    """Return the regime of the first trial; None if it has none, or too little was recorded."""
    import numpy as np

    try:
        return cn.analysis.recorded_regime(model.network, model.rule, recording)
    except (ProtocolError, RuleError, np.linalg.LinAlgError):
        return None


def _change(recording: Any, projection: str) -> float | None:
    """Return the size of a projection's change in units of its weights; None if these were all 0."""
    import numpy as np

    from corticalnet.recordings.reading import weight_change, weights

    before, change = weights(recording, projection, "before"), weight_change(recording, projection)
    return float(np.linalg.norm(change) / np.linalg.norm(before)) if before.any() else None
