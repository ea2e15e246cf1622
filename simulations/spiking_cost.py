"""What does a step of spiking cells cost, next to snnTorch, Norse, and Brian2 written by hand?

    pip install snntorch norse                       not needed: what is not installed is left out
    python -m simulations.spiking_cost               with --rounds 7 1.5 minutes of a core, and C++ to compile
    python -m simulations.spiking_cost --quick       small, NumPy target alone, about 10 s

1. torch, float32: 784-400-10, batch 64, Bernoulli input spikes drawn before; leaky cells with exponential
   synaptic currents (`DrivenLIF`), hidden cells at 56 Hz.
2. torch, float32: a recurrent population of 4,000 cells, a tenth of all synapses, batch 1, 27 Hz. Others take
   dense weights, a CSR matrix, and (Norse) sparse spikes.
3. Brian2: that population by the engine and by hand (threshold, reset, on_pre); NumPy and C++.

One thread, sides interleaved in one process, its own time (of C++ programs: the clock's, as they measure it);
ratio engine / other, median (quartiles), 9 rounds. All must fire the same spikes. Wanted: Brian2 at most 1.1;
where the engine loses, docs/results/circuits.md says why.
"""

from __future__ import annotations

import statistics
from typing import Annotated, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer

import corticalnet as cn
from corticalnet.circuits.cells import Sensory
from corticalnet.engines.torch_engine import TorchEngine
from corticalnet.engines.torch_engine.native.library import compiler
from corticalnet.experiment.compiled import CompiledProtocol, compile_protocol
from corticalnet.plotting.style import styled
from corticalnet.recordings.recording import plan_recording

from .parts import spiking_by_hand as hand
from .parts.common import simulation, table
from .parts.spiking_cost_brian2 import brian2_compiled, brian2_numpy
from .parts.spiking_networks import (
    CELL,
    Work,
    apart,
    hertz,
    network,
    quartiles,
    recurrent_circuit,
    timed,
)


def run(
    quick: Annotated[bool, typer.Option(help="Small networks, NumPy target alone.")] = False,
    rounds: Annotated[int, typer.Option(help="Interleaved repetitions.")] = 25,
    compiled: Annotated[bool, typer.Option(help="Also Brian2's C++ target (a compiler is needed).")] = True,
) -> dict[str, Any]:
    """All three comparisons."""
    torch.set_num_threads(1)
    rounds = 3 if quick else rounds
    sizes = [300] if quick else [1000, 4000]
    brian2 = {f"NumPy, {n} cells": brian2_numpy(n, 100 if quick else 300, rounds) for n in sizes}
    if compiled and not quick:
        brian2["C++, 4000 cells"] = brian2_compiled(4000, 1000, rounds)
    return {
        "784-400-10": layered(16 if quick else 64, 100, rounds),
        "recurrent": recurrent(300 if quick else 4000, 100, rounds),
        "Brian2": brian2,
    }


# torch ---------------------------------------------------------------------------------------
def layered(batch: int, steps: int, rounds: int) -> dict[str, Any]:
    """784-400-10, each input a spike in one step of 20; the others' costs and the engine's."""
    rng = np.random.default_rng(0)
    sizes, names = (784, 400, 10), ("input.value", "hidden.cells", "output.cells")
    weights = [rng.normal(0.004, 0.1, (400, 784)), rng.normal(0.0, 0.12, (10, 400))]
    x = (rng.random((steps, batch, 784)) < 0.05).astype(np.float64)
    cells = [Sensory(), CELL, CELL]
    populations = [cn.Population(*each) for each in zip(names, sizes, cells, strict=True)]
    links = [
        cn.Projection(names[k], names[k + 1], "spikes", w, sends=("rate", "spike")[k])
        for k, w in enumerate(weights)
    ]
    circuit = cn.Circuit(populations, links, dt=hand.DT)
    compiled = compile_protocol(circuit, [cn.Present(one, steps=1) for one in x], check=False)
    engine, spikes, step = _engine(circuit, compiled, names[1:])
    voltages = [_scattered(engine, name, batch) for name in names[1:]]
    # In a circuit a spike needs a step to the next population: there it decays from rest for one step.
    voltages[1] = voltages[1] * (1 - hand.DT / hand.TAU)
    tensors = [torch.tensor(w, dtype=torch.float32) for w in weights]
    given = torch.tensor(x, dtype=torch.float32)
    others = {name: hand.layered(kind, tensors, voltages, given) for name, kind in hand.kinds().items()}
    found = {}
    for name, work in others.items():
        fired = [one.numpy() for one in work()]
        pairs = zip((fired[0], fired[1][:-1]), (spikes[0], spikes[1][1:]), strict=True)
        found[name] = {"differ": max(apart(its, ours) for its, ours in pairs)}
    rates = {name: hertz(fired) for name, fired in zip(names[1:], spikes, strict=True)}
    return {"rates": rates, **_compare(step, others, found, rounds, steps)}


def recurrent(n: int, steps: int, rounds: int) -> dict[str, Any]:
    """One population with synapses to a tenth of itself; peers with dense and with sparse weights."""
    weights, drive = network(n)
    circuit = recurrent_circuit(weights, drive, listed=False)
    compiled = compile_protocol(circuit, [cn.Present(drive, steps=steps)], check=False)
    engine, (spikes,), _ = _engine(circuit, compiled, ["net.cells"])
    voltage = _scattered(engine, "net.cells", 1)
    w, x = (torch.tensor(a, dtype=torch.float32) for a in (weights, drive[None]))
    others: dict[str, Work] = {
        f"{name}, {'CSR' if sparse else 'dense'}": hand.recurrent(kind, w, voltage, x, steps, sparse)
        for name, kind in hand.kinds().items()
        for sparse in (False, True)
    }
    if any(name.startswith("Norse") for name in others):
        for form, sparse in (("dense", False), ("its sparse spikes", True)):
            others[f"Norse LIFRecurrentCell, {form}"] = hand.norse_recurrent(w, voltage, x, steps, sparse)
    found = {name: {"differ": apart(work(), spikes)} for name, work in others.items()}
    listed, (same,), _ = _engine(recurrent_circuit(weights, drive, listed=True), compiled, ["net.cells"])
    name = "the engine, a list of synapses"
    others[name], found[name] = _from_rest(listed, compiled), {"differ": apart(same, spikes)}
    work = _from_rest(engine, compiled)
    rates = {"net.cells": hertz(spikes[steps // 2 :])}
    return {"rates": rates, **_compare(work, others, found, rounds, steps)}


def _from_rest(engine: TorchEngine, compiled: CompiledProtocol) -> Work:
    """A whole run from the same beginning, so that as many spikes are carried every time."""
    recording = plan_recording(engine.circuit, compiled, ["net.cells.spike"])

    def again() -> None:
        engine.reset()
        engine.run(compiled, recording)

    return again


def _engine(
    circuit: cn.Circuit, compiled: CompiledProtocol, watched: Any
) -> tuple[TorchEngine, list[np.ndarray], Work]:
    """The engine, what its cells fired in a first run, and the same steps again."""
    engine = TorchEngine(circuit, precision="float32", compiled=bool(compiler()))
    recording = plan_recording(circuit, compiled, [f"{name}.spike" for name in watched])
    return engine, engine.run(compiled, recording), lambda: engine.run(compiled, recording)


def _scattered(engine: TorchEngine, population: str, batch: int) -> torch.Tensor:
    """Voltages at the beginning."""
    found = engine.plan.scattered(engine.circuit.population(population), batch)
    return torch.tensor(found["voltage"], dtype=torch.float32)


def _compare(step: Work, others: dict[str, Work], found: dict[str, Any], rounds: int, steps: int) -> Any:
    """Milliseconds of a step, and the ratio of the engine's to each, round by round; one round is dropped."""
    times = [[timed(work) for work in (step, *others.values())] for _ in range(rounds + 1)][1:]
    for k, name in enumerate(others, start=1):
        found[name]["ms"] = 1e3 * statistics.median(t[k] for t in times) / steps
        found[name]["ratio"] = quartiles([t[0] / t[k] for t in times])
    return {"ms": 1e3 * statistics.median(t[0] for t in times) / steps, "others": found}


# What came out -------------------------------------------------------------------------------
def report(found: dict[str, Any]) -> str:
    """A table for each network."""
    text = []
    for name in ("784-400-10", "recurrent"):
        part = found[name]
        rates = ", ".join(f"{k} {v:.1f} Hz" for k, v in part["rates"].items())
        rows = [
            [other, f"{c['ms']:.3f}", _ratio(c["ratio"]), f"{c['differ']:.1e}"]
            for other, c in part["others"].items()
        ]
        rows.insert(0, ["the engine", f"{part['ms']:.3f}", "", ""])
        text.append(f"{name} ({rates})\n" + table(["", "ms/step", "engine / it", "spikes differ"], rows))
    header = ["Brian2", "ms/step", "by hand", "ratio", "spikes differ", "rate", "start of a run, s"]
    rows = [
        [
            name,
            f"{c['ms']:.3f}",
            f"{c['hand_ms']:.3f}",
            _ratio(c["ratio"]),
            f"{c['differ']:.1e}",
            f"{c['rate']:.1f} Hz",
            " / ".join(f"{s:.2f}" for s in c.get("start_s", [])),
        ]
        for name, c in found["Brian2"].items()
    ]
    return "\n\n".join([*text, table(header, rows)])


def _ratio(quarts: list[float]) -> str:
    return "{1:.2f} ({0:.2f}–{2:.2f})".format(*quarts)


@styled
def draw(found: dict[str, Any]) -> Any:
    """Ratios as bars from 1, to the left where the engine is faster; quartiles as lines."""
    bars = [
        (f"{title}: {name}", c["ratio"], colour)
        for title, colour in (("784-400-10", "C0"), ("recurrent", "C1"))
        for name, c in found[title]["others"].items()
    ]
    bars += [(f"Brian2 by hand: {name}", c["ratio"], "C2") for name, c in found["Brian2"].items()]
    names, ratios, colours = zip(*bars, strict=True)
    low, middle, high = np.array(ratios).T
    figure, axes = plt.subplots(figsize=(8, 0.32 * len(bars) + 1), layout="constrained")
    axes.barh(names, middle - 1, left=1, color=colours, alpha=0.8)
    axes.errorbar(middle, range(len(bars)), xerr=[middle - low, high - middle], fmt="none", ecolor="black")
    axes.axvline(1, color="black", lw=0.8)
    axes.set_xscale("log")
    ticks = [0.03, 0.1, 0.3, 1, 3]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.invert_yaxis()
    axes.set(xlabel="time of a step by the engine / by the other (quartiles)")
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
