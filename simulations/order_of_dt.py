"""Do columns in continuous time learn what backprop learns, and does the step of the integrator matter?

    python -m simulations.order_of_dt             3 networks, torch and Brian2, 50 s
    python -m simulations.order_of_dt --quick     one network, few points, about 5 s

Networks 4-5-4-3 (tanh, sigmoid, tanh), one trial of streaming Fa-Z-IL by the latch, τ = 10 ms: no cell is
told anything but stimulus and target.

Expected: at s = 20 τ an error to backprop below 1e-3 at every dt. It *grows* as dt falls, to the limit of
continuous time: of what is missing after s an Euler step leaves (1 − dt/τ)^(s/dt), less than e^(−s/τ). The
order of the integrator shows beside that limit: at a fixed short s (4 τ), where there is something missing,
the change, and the lowest area's error over time, tend to their limits for dt → 0 (Richardson's, from the two
smallest steps) as dt¹.

Next: corticalnet/circuits/cells/staged.py, simulations/continuous_time.py (the law in s).
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Annotated, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track

import corticalnet as cn
from corticalnet.audit import Trials, View, compare, fit_power_law
from corticalnet.audit.comparison import geometric_mean
from corticalnet.columns.beside import joined, recorded_changes
from corticalnet.errors import CircuitWarning
from corticalnet.plotting.style import styled

from .parts.common import simulation, table

TAU, SIZES, TARGET, AREAS = 10.0, (4, 5, 4, 3), (0.6, -0.3, 0.4), ("area1", "area2", "output")
DTS, ORDERS = (5.0, 2.0, 1.0, 0.5), (5.0, 2.5, 1.25, 0.625, 0.3125)


def run(
    quick: Annotated[bool, typer.Option("--quick", help="One network, few points.")] = False,
    networks: Annotated[int, typer.Option(help="How many networks, each with its own trial.")] = 3,
) -> dict:
    """Relative errors by engine, dt, network and area; for each dt and network the change and the trace."""
    warnings.simplefilter("ignore", CircuitWarning)
    networks, dts, orders = (1, DTS[:2], ORDERS[:4]) if quick else (networks, DTS, ORDERS)
    jobs = [(engine, dt, k) for engine in ("torch", "brian2") for dt in dts for k in range(networks)]
    jobs += [("order", dt, k) for dt in orders for k in range(networks)]
    found: dict[str, dict[str, list]] = {}
    for who, dt, k in track(jobs, "trials", transient=True):
        there = found.setdefault(who, {}).setdefault(f"{dt:g}", [])
        there.append(order(dt, k) if who == "order" else beside_backprop(who, dt, k))
    return {"networks": networks, **found}


def bench(seed: int) -> Trials:
    """A network and one trial."""
    net = cn.mlp(SIZES, ("tanh", "sigmoid")[seed % 2], seed=seed, dtype=torch.float64)
    stimulus = torch.from_numpy(np.random.default_rng(seed).uniform(0, 1, (1, SIZES[0])))
    target = torch.tensor([TARGET], dtype=torch.float64)
    return Trials(net, cn.rule("streaming-fa-z-il"), stimulus, target)


def beside_backprop(engine: str, dt: float, seed: int) -> dict[str, float]:
    """Relative error of each area at s = 20 τ."""
    trials = bench(seed)
    view = View("rates", cn.Continuous("latch", tau=TAU, dt=dt))
    options = {"target": "numpy"} if engine == "brian2" else {}
    (change,) = view.run(trials, engine, **options)
    return {area: found.error for area, found in compare(change, trials.backprop(0)).items()}


def order(dt: float, seed: int) -> dict[str, list[float]]:
    """The change at s = 4 τ, and the lowest area's error every 5 ms from when the teacher comes."""
    trials, how = bench(seed), cn.Continuous("latch", tau=TAU, dt=dt, read_delay=4 * TAU)
    made = trials.circuit(how)
    needs = trials.circuit(replace(how, dt=5.0)).needs  # the same times for every dt
    shown = trials.stimuli.numpy(), trials.targets.numpy()
    protocol = [
        cn.Present(shown[0], ms=5.0 * needs.present),
        cn.Teach(shown[1], ms=5.0 * needs.teach),
        cn.Rest(ms=5.0 * needs.present),
    ]
    data = cn.simulate(made, protocol, "torch", "area1.error.error", check=False)
    first, every = round(5.0 * needs.present / dt), round(5.0 / dt)
    trace = data["area1.error.error"].values[first + every - 1 :: every, 0][: needs.teach]
    change = joined(recorded_changes(data, trials.network))
    return {"change": change.tolist(), "trace": trace.ravel().tolist()}


def orders(results: dict) -> dict[str, tuple[list[float], list[float], Any]]:
    """Distance of the change, and of area1's error over time, to their limits (Richardson): dt, mean, law."""
    points, found = results["order"], {}
    for what in ("change", "trace"):
        dts, distances = list(map(float, points)), []
        for k in range(results["networks"]):
            runs = [np.array(points[x][k][what]) for x in points]
            limit = 2 * runs[-1] - runs[-2]
            distances.append([float(np.linalg.norm(r - limit) / np.linalg.norm(limit)) for r in runs[:-1]])
        flat = [(dt, row[j]) for row in distances for j, dt in enumerate(dts[:-1]) if dt < TAU / 2]
        middle = [geometric_mean(row[j] for row in distances) for j in range(len(dts) - 1)]
        found[what] = dts[:-1], middle, fit_power_law(*zip(*flat, strict=True)) or ""
    return found


def report(results: dict) -> str:
    """Errors at s = 20 τ; distances to the limit at s = 4 τ."""
    rows = []
    for engine in ("torch", "brian2"):
        for dt, runs in results[engine].items():
            worst = [f"{max(run[area] for run in runs):.1e}" for area in AREAS]
            rows.append([engine, dt, *worst, f"{geometric_mean(run['all'] for run in runs):.1e}"])
    title = f"relative error to backprop, s = 20 τ, largest of {results['networks']} networks"
    first = table(["engine", "dt (ms)", *AREAS, "all, mean"], rows, title)
    found = orders(results)
    rows = [[what, *(f"{e:.1e}" for e in middle), str(fit)] for what, (_, middle, fit) in found.items()]
    header = ["s = 4 τ, to dt → 0", *(f"dt = {dt:g}" for dt in found["change"][0]), "exponent"]
    return f"{first}\n\n{table(header, rows)}"


@styled
def draw(results: dict) -> plt.Figure:
    """Both."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    for style, engine in (("o-", "torch"), ("x:", "brian2")):
        points = results[engine]
        for j, area in enumerate(AREAS):
            middle = [geometric_mean(run[area] for run in runs) for runs in points.values()]
            left.loglog(
                list(map(float, points)), middle, style, ms=5, lw=1, color=f"C{j}", label=f"{area}, {engine}"
            )
    left.axhline(1e-3, color="0.5", lw=0.8, ls=":")
    left.set(title="s = 20 τ, told nothing", xlabel="dt (ms), τ = 10 ms", ylabel="relative error to backprop")
    for k, (what, (dts, middle, fit)) in enumerate(orders(results).items()):
        right.loglog(dts, middle, "o-", ms=4, lw=1, color=f"C{k}", label=f"{what}: dt^{fit}" if fit else what)
    right.set(title="s = 4 τ: Euler's order", xlabel="dt (ms)", ylabel="relative distance to dt → 0")
    for axes, engine in ((left, "torch"), (right, "order")):
        axes.set_xticks([float(dt) for dt in results[engine]], list(results[engine]))
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
