"""What does a step of a circuit cost, next to the same columns written by hand?

    python -m simulations.circuit_cost             about 4 minutes on one core
    python -m simulations.circuit_cost --quick     NumPy target and small batches, about 20 s

1. Brian2: streaming Fa-Z-IL, 784-32-10, tanh, run by the engine and by a model written by hand in Brian2
   (simulations/brian2_by_hand.py); both must end with the same weights. Building is a first
   short run; running is a long one after it.
2. torch: IL on the same sizes, by the torch engine and by a loop of plain tensor operations written by
   hand for this one network (fixed three or four areas, no recording, no protocol).

One thread, both sides interleaved in one process, medians. Expected: Brian2 at most 1.1; torch about 1 for
large batches and several times as much for a single sample, where calling torch is what takes the time.

Next: corticalnet/engines/plan.py.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Annotated, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer

import corticalnet as cn
from corticalnet.circuits.recording import plan_recording
from corticalnet.circuits.script import compile_protocol
from corticalnet.engines.brian2_engine import Brian2Engine
from corticalnet.tables import table
from simulations import brian2_by_hand
from simulations.common import simulation

RATE, PRESENT, TEACH = 0.05, 9, 5


def run(
    quick: Annotated[bool, typer.Option(help="NumPy target and small batches only.")] = False,
    rounds: Annotated[int, typer.Option(help="Interleaved repetitions.")] = 7,
) -> dict[str, Any]:
    """Both comparisons."""
    rounds = 3 if quick else rounds
    targets = ["numpy"] if quick else ["numpy", "cpp_standalone"]
    sizes = [(784, 32, 10)] if quick else [(784, 32, 10), (784, 256, 256, 10)]
    return {
        "brian2": {target: brian2_cost(target, 8 if quick else 40, rounds) for target in targets},
        "torch": {
            f"{'-'.join(map(str, columns))}, batch {batch}": torch_cost(columns, batch, rounds)
            for columns in sizes
            for batch in ((1, 16) if quick else (1, 64, 256))
        },
    }


# Brian2 --------------------------------------------------------------------------------------
class Trials:
    """Seeded sparse images of 784 pixels, with labels."""

    def __init__(self, n: int) -> None:
        rng = np.random.default_rng(0)
        self.images = rng.random((n, 784)) * (rng.random((n, 784)) < 0.2)
        self.labels = rng.integers(0, 10, n)
        self.steps = n * (PRESENT + TEACH)
        self.protocol = [
            element
            for image, label in zip(self.images, self.labels, strict=True)
            for element in (cn.Present(image, steps=PRESENT), cn.Teach(int(label), steps=TEACH))
        ]
        self.stimulus = np.repeat(self.images, PRESENT + TEACH, axis=0)
        self.target = np.repeat(np.eye(10)[self.labels], PRESENT + TEACH, axis=0)
        self.clamped = np.tile([0.0] * PRESENT + [1.0] * TEACH, n)


def brian2_cost(target: str, trials: int, rounds: int) -> dict[str, float]:
    """Seconds of building, milliseconds of a step, the ratio, and the largest difference of weights."""
    net = cn.mlp([784, 32, 10], hidden="tanh", seed=0, dtype=torch.float64)
    circuit = cn.circuit(net, cn.rule("streaming-fa-z-il"), RATE)
    cost = _runtime if target == "numpy" else _standalone
    return cost(circuit, Trials(trials), rounds)


def _summary(
    mine: list[float], its: list[float], built: tuple[float, float], steps: int, apart: float
) -> dict[str, float]:
    return {
        "engine_ms": 1e3 * statistics.median(mine) / steps,
        "hand_ms": 1e3 * statistics.median(its) / steps,
        "ratio": statistics.median(a / b for a, b in zip(mine, its, strict=True)),
        "engine_build_s": built[0],
        "hand_build_s": built[1],
        "difference": apart,
    }


def _difference(engine: Brian2Engine, below: Any, above: Any) -> float:
    found = [np.asarray(s.w).reshape(s.source.N, s.target.N).T for s in (below, above)]
    wanted = [engine.weights["input->area1"], engine.weights["area1->output"]]
    return max(float(abs(a - b).max()) for a, b in zip(found, wanted, strict=True))


def _runtime(circuit: cn.Circuit, trials: Trials, rounds: int) -> dict[str, float]:
    import brian2 as b2

    weights = [circuit.weights["input->area1"], circuit.weights["area1->output"]]
    b2.prefs.codegen.target = "numpy"
    short = Trials(1)
    mine, its, difference = [], [], 0.0
    built: list[tuple[float, float]] = []
    for _ in range(rounds):
        start = time.perf_counter()
        engine = Brian2Engine(circuit)
        _engine(engine, circuit, short)
        middle = time.perf_counter()
        hand, below, above = brian2_by_hand.build(b2, weights, *_arrays(short, trials), RATE)
        hand.run(short.steps * b2.ms)
        built.append((middle - start, time.perf_counter() - middle))
        # A run of the same network again: what is left of building in every run is in both numbers.
        start = time.perf_counter()
        _engine(engine, circuit, trials)
        middle = time.perf_counter()
        hand.run(trials.steps * b2.ms)
        end = time.perf_counter()
        mine.append(middle - start)
        its.append(end - middle)
        difference = max(difference, _difference(engine, below, above))
    medians = statistics.median(b[0] for b in built), statistics.median(b[1] for b in built)
    return _summary(mine, its, medians, trials.steps, difference)


def _arrays(*parts: Trials) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The world of several runs, one after another."""
    return (
        np.concatenate([p.stimulus for p in parts]),
        np.concatenate([p.target for p in parts]),
        np.concatenate([p.clamped for p in parts]),
    )


def _engine(engine: Brian2Engine, circuit: cn.Circuit, trials: Trials) -> None:
    script = compile_protocol(circuit, trials.protocol)
    engine.run(script, plan_recording(circuit, script, ["output.error.error"], every=1, last=1))


def _standalone(circuit: cn.Circuit, trials: Trials, rounds: int) -> dict[str, float]:
    import brian2 as b2

    weights = [circuit.weights["input->area1"], circuit.weights["area1->output"]]
    start = time.perf_counter()
    engine = Brian2Engine(circuit, target="cpp_standalone")
    _engine(engine, circuit, trials)
    middle = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        b2.set_device("cpp_standalone", build_on_run=False, directory=folder)
        try:
            hand, below, above = brian2_by_hand.build(b2, weights, *_arrays(trials), RATE)
            hand.run(trials.steps * b2.ms)
            device = b2.get_device()
            device.build(directory=folder, compile=True, run=True)
            built = middle - start, time.perf_counter() - middle
            difference = _difference(engine, below, above)
            again = {below.w: weights[0].T.ravel(), above.w: weights[1].T.ravel()}
            its = [_timed(lambda: device.run(directory=folder, run_args=again)) for _ in range(rounds)]
        finally:
            b2.device.reinit()
            b2.set_device("runtime")
    mine = []
    for _ in range(rounds):
        engine.set_weights(circuit.weights)
        mine.append(_timed(lambda: _engine(engine, circuit, trials)))
    return _summary(mine, its, built, trials.steps, difference)


def _timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


# torch ---------------------------------------------------------------------------------------
def torch_cost(columns: tuple[int, ...], batch: int, rounds: int) -> dict[str, float]:
    """Milliseconds of an inference step of IL by the engine and by hand, and the ratio."""
    steps = 60
    net = cn.mlp(columns, hidden="tanh", seed=0, dtype=torch.float64)
    circuit = cn.circuit(net, cn.rule("il", steps=steps - 1, rate=0.1), RATE)
    x, y = torch.rand(batch, 784, dtype=torch.float64), torch.randint(0, 10, (batch,))
    simulator = cn.simulator(circuit)
    protocol = [cn.Present(x, steps=circuit.needs.present), cn.Teach(y, steps=steps)]
    script = compile_protocol(circuit, protocol)
    recording = plan_recording(circuit, script, ["output.error.error"], every=1, last=1)
    weights = [torch.tensor(circuit.weights[link.name]) for link in net.links]
    target = torch.nn.functional.one_hot(y, 10).double()
    mine, its = [], []
    for _ in range(rounds):
        mine.append(_timed(lambda: simulator.engine.run(script, recording)) / script.steps)
        its.append(_timed(lambda: _by_hand(weights, x, target, steps, 0.1)) / steps)
    return {
        "engine_ms": 1e3 * statistics.median(mine) / batch,
        "hand_ms": 1e3 * statistics.median(its) / batch,
        "ratio": statistics.median(a / b for a, b in zip(mine, its, strict=True)),
    }


def _by_hand(
    weights: list[torch.Tensor], x: torch.Tensor, target: torch.Tensor, steps: int, rate: float
) -> None:
    """IL's inference, and the weight change at its end."""
    below = x @ weights[0].t()
    values, rates = [below], [torch.tanh(below)]
    for w in weights[1:-1]:
        values.append(rates[-1] @ w.t())
        rates.append(torch.tanh(values[-1]))
    last = len(weights) - 1
    for _ in range(steps):
        drives = [below, *(rates[k - 1] @ weights[k].t() for k in range(1, last + 1))]
        errors = [v - d for v, d in zip(values, drives[:-1], strict=True)] + [target - drives[-1]]
        for k in range(last):
            signal = (errors[k + 1] @ weights[k + 1]) * (1 - rates[k] * rates[k])
            values[k] = values[k] + rate * (signal - errors[k])
            rates[k] = torch.tanh(values[k])
    for k, (error, rate_below) in enumerate(zip(errors, [x, *rates], strict=True)):
        weights[k].add_(error.t() @ rate_below, alpha=1e-9)


# What came out -------------------------------------------------------------------------------
def report(found: dict[str, Any]) -> str:
    """Two tables."""
    rows = [
        [
            target,
            f"{c['engine_ms']:.3f}",
            f"{c['hand_ms']:.3f}",
            f"{c['ratio']:.2f}",
            f"{c['engine_build_s']:.1f}",
            f"{c['hand_build_s']:.1f}",
            f"{c['difference']:.0e}",
        ]
        for target, c in found["brian2"].items()
    ]
    header = ["Brian2 target", "ms/step", "by hand", "ratio", "build s", "by hand", "weights apart"]
    torch_rows = [
        [name, f"{c['engine_ms']:.4f}", f"{c['hand_ms']:.4f}", f"{c['ratio']:.2f}"]
        for name, c in found["torch"].items()
    ]
    return (
        table(header, rows)
        + "\n\n"
        + table(["torch, IL", "ms/step and sample", "by hand", "ratio"], torch_rows)
    )


def draw(found: dict[str, Any]) -> Any:
    """Ratios as bars."""
    names = [f"Brian2 {name}" for name in found["brian2"]] + [f"torch {name}" for name in found["torch"]]
    ratios = [c["ratio"] for part in found.values() for c in part.values()]
    figure, axes = plt.subplots(figsize=(7, 0.5 * len(names) + 1), layout="constrained")
    axes.barh(names, ratios, color=["C0"] * len(found["brian2"]) + ["C1"] * len(found["torch"]))
    axes.axvline(1, color="black", lw=0.8)
    axes.invert_yaxis()
    axes.set(xlabel="time of a step / the same written by hand")
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
