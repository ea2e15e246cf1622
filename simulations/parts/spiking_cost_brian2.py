"""The recurrent population of `spiking_cost` in Brian2: by the engine, and by hand, as its manual does it.

    python -m simulations.spiking_cost     prints what it costs

By hand: threshold, reset, ``on_pre``; constants, one clock, no delay. Both watch the same cells.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import corticalnet as cn
from corticalnet.engines.brian2_engine import Brian2Engine
from corticalnet.engines.plan import Plan
from corticalnet.experiment.compiled import compile_protocol
from corticalnet.recordings.recording import plan_recording

from .spiking_by_hand import DT, SYNAPSE, TAU
from .spiking_networks import apart, hertz, network, quartiles, recurrent_circuit, timed

#: Steps that are not counted; cells that the models watch.
WARM, WATCHED = 20, 100


def _brian2_sides(n: int, steps: int) -> Any:
    """A circuit with its compiled and recording, and what the model by hand is made of."""
    weights, drive = network(n)
    circuit = recurrent_circuit(weights, drive, listed=True)
    compiled = compile_protocol(circuit, [cn.Present(drive, steps=steps)], check=False)
    recording = plan_recording(circuit, compiled, [cn.Record("net.cells.spike", where=range(WATCHED))])
    voltage = Plan(circuit).scattered(circuit.population("net.cells"), 1)["voltage"][0]
    return circuit, compiled, recording, (weights, voltage, drive)


def brian2_numpy(n: int, steps: int, rounds: int) -> dict[str, Any]:
    """Both in this process; steps alone are timed, between two looks at the clock within a run."""
    import brian2 as b2

    circuit, compiled, recording, world = _brian2_sides(n, steps)
    b2.prefs.codegen.target = "numpy"
    engine = Brian2Engine(circuit)
    rival, clock, monitor = brian2_network(b2, *world, WATCHED)
    sides: list[list[float]] = []
    for net, ticking in ((engine.network, engine.cells.clock), (rival, clock)):
        sides.append(looks := [])
        net.add(_clockwork(b2, looks, ticking))
    works = (
        lambda: engine.run(compiled, recording)[0],
        lambda: rival.run(steps * DT * b2.ms, namespace={}),
    )
    spikes, _ = (work() for work in works)
    fired = brian2_spikes(b2, monitor, steps, WATCHED)
    each, starts = [], []
    for _ in range(rounds):
        for looks in sides:
            looks.clear()
        total = [timed(work) for work in works]
        each.append([(looks[-1] - looks[WARM]) / (steps - 1 - WARM) for looks in sides])
        starts.append([t - steps * s for t, s in zip(total, each[-1], strict=True)])
    start = [statistics.median(column) for column in zip(*starts, strict=True)]
    return _brian2_found(each, spikes[:, 0], fired) | {"start_s": start}


def _clockwork(b2: Any, looks: list[float], clock: Any) -> Any:
    """Looks at the time of this process at the end of each step."""
    return b2.NetworkOperation(lambda: looks.append(time.process_time()), clock=clock, when="end")


def brian2_compiled(n: int, steps: int, rounds: int) -> dict[str, Any]:
    """Both as C++ programs, which time their own steps."""
    import brian2 as b2
    from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

    circuit, compiled, recording, world = _brian2_sides(n, steps)
    with tempfile.TemporaryDirectory() as mine, tempfile.TemporaryDirectory() as its:
        engine = Brian2Engine(circuit, target="cpp_standalone", directory=mine)
        spikes = engine.run(compiled, recording)[0]
        device = CPPStandaloneDevice()
        b2.set_device(device, build_on_run=False)
        try:
            rival, _, monitor = brian2_network(b2, *world, WATCHED)
            rival.run(steps * DT * b2.ms, namespace={})
            device.build(directory=its, compile=True, run=True, with_output=False)
            fired = brian2_spikes(b2, monitor, steps, WATCHED)
        finally:
            b2.devices.reset_device()
        times = []
        for _ in range(rounds):
            engine.run(compiled, recording)
            device.run(with_output=False)
            times.append([_own_time(Path(folder)) / steps for folder in (mine, its)])
    return _brian2_found(times, spikes[:, 0], fired)


def _own_time(folder: Path) -> float:
    """Seconds of a program's steps, without reading its arrays."""
    return float((folder / "results" / "last_run_info.txt").read_text().split()[0])


def _brian2_found(times: list[list[float]], spikes: np.ndarray, fired: np.ndarray) -> dict[str, Any]:
    mine, its = (1e3 * statistics.median(column) for column in zip(*times, strict=True))
    found = {"ms": mine, "hand_ms": its, "ratio": quartiles([a / b for a, b in times])}
    return found | {"rate": hertz(spikes[len(spikes) // 2 :]), "differ": apart(fired, spikes)}


# By hand --------------------------------------------------------------------------------------
def brian2_network(
    b2: Any, weights: np.ndarray, voltage: np.ndarray, drive: np.ndarray, watched: int
) -> tuple[Any, Any, Any]:
    """The recurrent population in Brian2: threshold, reset and ``on_pre``, as its manual does it.

    Brian2 updates voltages before spikes arrive, so a current begins with the first step's drive.

    Args:
        b2: brian2.
        weights: ``[post, pre]``; 0 is no synapse.
        voltage, drive: ``[n]``.
        watched: of how many cells spikes are written down.

    Returns:
        The ``brian2.Network``, its clock and its ``SpikeMonitor``.
    """
    make = {"clock": b2.Clock(DT * b2.ms)}
    cells = b2.NeuronGroup(
        len(drive), "dv/dt = (I - v) / tau : 1\ndI/dt = drive / dt - I / tau_s : 1\ndrive : 1",
        threshold="v >= 1", reset="v = 0", method="euler",
        namespace={"tau": TAU * b2.ms, "tau_s": SYNAPSE * b2.ms}, **make,
    )  # fmt: skip
    cells.v, cells.I, cells.drive = voltage, drive, drive
    synapses = b2.Synapses(cells, cells, "w : 1", on_pre="I_post += w", delay=0 * b2.ms, **make)
    pre, post = np.nonzero(weights.T)
    synapses.connect(i=pre, j=post)
    synapses.w = weights[post, pre]
    monitor = b2.SpikeMonitor(cells[:watched])
    return b2.Network(cells, synapses, monitor), make["clock"], monitor


def brian2_spikes(b2: Any, monitor: Any, steps: int, watched: int) -> np.ndarray:
    """What the monitor has seen, as 0 and 1, ``[steps, watched]``."""
    spikes = np.zeros((steps, watched))
    spikes[np.round(np.asarray(monitor.t / b2.ms) / DT).astype(int), np.asarray(monitor.i)] = 1
    return spikes
