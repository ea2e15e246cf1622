"""What does a step of a circuit cost, next to the same columns written by hand?

    python -m simulations.circuit_cost             about 4 minutes on one core
    python -m simulations.circuit_cost --quick     NumPy target and a small batch, about 10 s

1. Brian2: streaming Fa-Z-IL, 784-32-10, tanh, run by the engine and by a model written by hand in Brian2
   (simulations/parts/brian2_by_hand.py); both must end with the same weights. A step's time is that of a
   long run minus that of a short one; what every run costs before its first step stands beside it, and
   so does building (the first run).
2. torch: IL on the same sizes, by the torch engine (its steps compiled, and by operations on tensors) and by
   a loop of plain tensor operations written by hand for this one network (fixed three or four areas, no
   recording, no protocol).
3. torch: 20,000 steps of streaming Fa-Z-IL, 64-32-32-10, batch 1, a stimulus and a teacher in turn for ten
   steps each; compiled in a folder where no program is yet, and once it is there.

One thread, all sides interleaved in one process, medians; of torch its own time, and its compiler's. Wanted:
Brian2 at most 1.1; torch at most 1.3 of the loop by hand, and the long run at most 0.1 of that by operations.

Next: corticalnet/engines/plan.py, corticalnet/engines/torch_engine/native/program.py.
"""

from __future__ import annotations

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer

import corticalnet as cn
from corticalnet.engines.brian2_engine import Brian2Engine
from corticalnet.engines.torch_engine.native.library import VARIABLE, compiled, compiler
from corticalnet.experiment.compiled import compile_protocol
from corticalnet.plotting.style import styled
from corticalnet.recordings.recording import plan_recording

from .parts import brian2_by_hand
from .parts.common import simulation, table

RATE, PRESENT, TEACH = 0.05, 9, 5


def run(
    quick: Annotated[bool, typer.Option(help="NumPy target and small batches only.")] = False,
    rounds: Annotated[int, typer.Option(help="Interleaved repetitions.")] = 7,
) -> dict[str, Any]:
    """Both comparisons."""
    rounds = 2 if quick else rounds
    targets = ["numpy"] if quick else ["numpy", "cpp_standalone"]
    sizes = [(784, 32, 10)] if quick else [(784, 32, 10), (784, 256, 256, 10)]
    return {
        "brian2": {target: brian2_cost(target, 8 if quick else 150, rounds) for target in targets},
        "torch": {
            f"{'-'.join(map(str, columns))}, batch {batch}": torch_cost(columns, batch, rounds)
            for columns in sizes
            for batch in ((16,) if quick else (1, 64, 256))
        },
        "long": {"streaming Fa-Z-IL": long_cost(400 if quick else 20_000, 1 if quick else 3)},
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
    """Seconds of building and of starting a run, milliseconds of a step, distance of the weights."""
    import brian2 as b2

    net = cn.mlp([784, 32, 10], hidden="tanh", seed=0, dtype=torch.float64)
    circuit = cn.circuit(net, cn.rule("streaming-fa-z-il"), RATE)
    side = _runtime if target == "numpy" else _standalone
    short, long = Trials(2), Trials(trials)
    b2.prefs.codegen.target = "numpy"
    with side(b2, circuit, short) as (mine, its, built, _), side(b2, circuit, long) as again:
        longer, its_longer, _, difference = again
        times = [[_timed(work) for work in (mine, longer, its, its_longer)] for _ in range(rounds)]
    steps = long.steps - short.steps
    a, b, c, d = (statistics.median(column) for column in zip(*times, strict=True))
    return {
        "engine_ms": 1e3 * (b - a) / steps,
        "hand_ms": 1e3 * (d - c) / steps,
        "ratio": statistics.median((t[1] - t[0]) / (t[3] - t[2]) for t in times),
        "engine_start_s": a - (b - a) / steps * short.steps,
        "hand_start_s": c - (d - c) / steps * short.steps,
        "engine_build_s": built[0],
        "hand_build_s": built[1],
        "difference": difference,
    }


def _difference(engine: Brian2Engine, below: Any, above: Any) -> float:
    found = [np.asarray(s.w).reshape(s.source.N, s.target.N).T for s in (below, above)]
    wanted = [engine.weights["input->area1"], engine.weights["area1->output"]]
    return max(float(abs(a - b).max()) for a, b in zip(found, wanted, strict=True))


Side = tuple[Callable[[], Any], Callable[[], Any], tuple[float, float], float]


@contextmanager
def _runtime(b2: Any, circuit: cn.Circuit, trials: Trials) -> Iterator[Side]:
    """A run of the engine, the same run by hand; both run once first, which is what building takes."""
    weights = [circuit.weights["input->area1"], circuit.weights["area1->output"]]
    start = time.perf_counter()
    engine = Brian2Engine(circuit)
    run_engine = _ready(engine, circuit, trials)
    run_engine()
    middle = time.perf_counter()
    hand, below, above = brian2_by_hand.build(
        b2, weights, trials.stimulus, trials.target, trials.clamped, RATE
    )
    hand.run(trials.steps * b2.ms)
    built = middle - start, time.perf_counter() - middle
    difference = _difference(engine, below, above)
    # (By hand, later runs find the end of their world and stay there: as many steps, as much work.)
    yield (
        run_engine,
        lambda: hand.run(trials.steps * b2.ms),
        built,
        difference,
    )


@contextmanager
def _standalone(b2: Any, circuit: cn.Circuit, trials: Trials) -> Iterator[Side]:
    """The compiled programs run again, with the first weights."""
    weights = [circuit.weights["input->area1"], circuit.weights["area1->output"]]
    start = time.perf_counter()
    engine = Brian2Engine(circuit, target="cpp_standalone")
    run_engine = _ready(engine, circuit, trials)
    run_engine()
    middle = time.perf_counter()
    from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

    device = CPPStandaloneDevice()
    with tempfile.TemporaryDirectory() as folder:
        b2.set_device(device, build_on_run=False)
        try:
            world = trials.stimulus, trials.target, trials.clamped
            hand, below, above = brian2_by_hand.build(b2, weights, *world, RATE)
            hand.run(trials.steps * b2.ms)
            device.build(directory=folder, compile=True, run=True, with_output=False)
            built = middle - start, time.perf_counter() - middle
            difference = _difference(engine, below, above)
        finally:
            b2.devices.reset_device()
        again = {below.w: weights[0].T.ravel(), above.w: weights[1].T.ravel()}

        def mine() -> None:
            engine.set_weights(circuit.weights)
            run_engine()

        yield mine, lambda: device.run(run_args=again, with_output=False), built, difference


def _ready(engine: Brian2Engine, circuit: cn.Circuit, trials: Trials) -> Callable[[], Any]:
    """A run of the engine, its protocol compiled: the model by hand begins with its arrays, too."""
    compiled = compile_protocol(circuit, trials.protocol)
    recording = plan_recording(circuit, compiled, ["output.error.error"], every=compiled.steps)
    return lambda: engine.run(compiled, recording)


def _timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


# torch ---------------------------------------------------------------------------------------
def torch_cost(columns: tuple[int, ...], batch: int, rounds: int) -> dict[str, float]:
    """Milliseconds of an inference step of IL by the engine, in two ways, and by hand; the ratios."""
    steps = 600 if batch == 1 else 60
    net = cn.mlp(columns, hidden="tanh", seed=0, dtype=torch.float64)
    circuit = cn.circuit(net, cn.rule("il", steps=steps - 1, rate=0.1), RATE)
    x, y = torch.rand(batch, 784, dtype=torch.float64), torch.randint(0, 10, (batch,))
    protocol = [cn.Present(x, steps=circuit.needs.present), cn.Teach(y, steps=steps)]
    made = compile_protocol(circuit, protocol)
    recording = plan_recording(circuit, made, ["output.error.error"], every=1, last=1)
    weights = [torch.tensor(circuit.weights[link.name]) for link in net.links]
    target = torch.nn.functional.one_hot(y, 10).double()
    engines = [cn.simulator(circuit, compiled=how).engine for how in (bool(compiler()), False)]
    works = {
        "engine": (lambda: engines[0].run(made, recording), made.steps),
        "operations": (lambda: engines[1].run(made, recording), made.steps),
        "hand": (lambda: _by_hand(weights, x, target, steps, 0.1), steps),
    }
    times = [{name: _own_time(work) / n for name, (work, n) in works.items()} for _ in range(rounds + 1)][1:]
    found = {f"{name}_ms": 1e3 * statistics.median(one[name] for one in times) / batch for name in works}
    return {
        **found,
        "ratio": statistics.median(one["engine"] / one["hand"] for one in times),
        "operations_ratio": statistics.median(one["operations"] / one["hand"] for one in times),
    }


def long_cost(steps: int, rounds: int) -> dict[str, float]:
    """Seconds of a long run of a small circuit: by operations, compiled for the first time, and again."""
    net = cn.mlp([64, 32, 32, 10], hidden="tanh", seed=0, dtype=torch.float64)
    circuit, rng = cn.circuit(net, cn.rule("streaming-fa-z-il"), RATE), np.random.default_rng(0)
    protocol = []
    for label in rng.integers(0, 10, steps // 20):
        protocol += [cn.Present(rng.normal(size=64), 10), cn.Teach(int(label), 10)]
    before, times, ends = os.environ.get(VARIABLE), [], {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            for number in range(rounds):
                os.environ[VARIABLE] = f"{folder}/{number}"
                compiled.cache_clear()
                one = {}
                for name, how in (("operations", False), ("first", None), ("again", None)):
                    running = cn.simulator(circuit, compiled=how)
                    one[name] = _own_time(partial(running.run, protocol, ["output.error.error"], every=20))
                    ends[name] = running.weights
                times.append(one)
        finally:
            os.environ.pop(VARIABLE) if before is None else os.environ.update({VARIABLE: before})
    moved, apart = (
        max(float(abs(ends[a][name] - b[name]).max()) for name in b)
        for a, b in (("operations", circuit.weights), ("again", ends["operations"]))
    )
    return {
        **{f"{name}_s": statistics.median(one[name] for one in times) for name in times[0]},
        "ratio": statistics.median(one["first"] / one["operations"] for one in times),
        "again_ratio": statistics.median(one["again"] / one["operations"] for one in times),
        "moved": moved,
        "apart": apart,
    }


def _own_time(work: Callable[[], Any]) -> float:
    """Time of this process and of those that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.process_time()
    work()
    own, after = time.process_time() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return own + after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


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
            f"{c['engine_start_s']:.2f} / {c['hand_start_s']:.2f}",
            f"{c['engine_build_s']:.1f} / {c['hand_build_s']:.1f}",
            f"{c['difference']:.0e}",
        ]
        for target, c in found["brian2"].items()
    ]
    header = [
        "Brian2 target",
        "ms/step",
        "by hand",
        "ratio",
        "start of a run, s",
        "build, s",
        "weights apart",
    ]
    torch_rows = [
        [
            name,
            *(f"{c[key]:.4f}" for key in ("engine_ms", "operations_ms", "hand_ms")),
            f"{c['ratio']:.2f}",
            f"{c['operations_ratio']:.2f}",
        ]
        for name, c in found["torch"].items()
    ]
    columns = ["torch, IL", "ms/step and sample", "by operations", "by hand", "ratio", "operations / hand"]
    long_rows = [
        [
            name,
            *(f"{c[key]:.2f}" for key in ("operations_s", "first_s", "again_s")),
            *(f"{c[key]:.3f}" for key in ("ratio", "again_ratio")),
            f"{c['apart']:.0e}",
        ]
        for name, c in found["long"].items()
    ]
    long = ["long run", "by operations, s", "compiled, s", "again, s", "ratio", "again", "weights apart"]
    return "\n\n".join([table(header, rows), table(columns, torch_rows), table(long, long_rows)])


@styled
def draw(found: dict[str, Any]) -> Any:
    """Ratios as bars."""
    names = [f"Brian2 {name}" for name in found["brian2"]] + [f"torch {name}" for name in found["torch"]]
    ratios = [c["ratio"] for part in ("brian2", "torch") for c in found[part].values()]
    figure, axes = plt.subplots(figsize=(7, 0.5 * len(names) + 1), layout="constrained")
    axes.barh(names, ratios, color=["C0"] * len(found["brian2"]) + ["C1"] * len(found["torch"]))
    axes.axvline(1, color="black", lw=0.8)
    axes.invert_yaxis()
    axes.set(xlabel="time of a step / the same written by hand")
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
