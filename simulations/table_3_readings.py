"""Which reading of Song's Table 3 gives its numbers, 93.4, 92.4, 99.6, 100.0 % for t_d = 1, 2, 3 and 4 to 16?

    python -m simulations.table_3_readings --data mnist --data-folder DIR      3 seeds, 4 min of a core
    python -m simulations.table_3_readings --quick                             digits, one seed, some seconds

The paper says how often φ is right, and leaves open of what, in which precision, for which weights, for how
long, and what counts as 0. Here all that is tried, one reading for each combination:

    precision     float64, float32, bfloat16, float16
    hidden areas  1, 2, 3 of 32 columns, sigmoid
    weights       fresh; after 10 and 64 epochs by backprop (Adam 0.001, batch 20)
    steps         T = 8, 16, 32, 64 from when the teacher comes, γ = 1
    zero          |ε| at most 0, 1e-8, 1e-6, 1e-4, 1e-2
    before        zeros, or unknown: then nothing fires in the first t_d steps
    right         fires when the error arrives and at no other step; or when it arrives, whatever comes later
    of            cells, hidden cells, samples (all cells right), updates (20 samples), firings

Song et al. 2020: μ^l = f(x^{l+1}) θ, ε = x − μ, Δx = −ε + f'(x) ⊙ (ε θᵀ) from the area above; x begins at the
forward values. φ = 1 if ε ≠ 0 after t_d steps of 0. Reported: the readings nearest to the table (root mean
square over t_d), how near, and how many have its dip, t_d = 2 below t_d = 1.
Expected: where nothing comes before the error a longer silence can only take wrong firings away, so no
reading that counts the same trials for every t_d has the dip.

Next: simulations/phi_detection.py.
"""

from __future__ import annotations

import itertools
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.network.initialisation import glorot
from corticalnet.plotting.style import styled

from .parts import training
from .parts.common import FOLDER, simulation, table

PAPER = {1: 93.4, 2: 92.4, 3: 99.6, 4: 100.0, 8: 100.0, 16: 100.0}
PRECISIONS = {k: getattr(torch, k) for k in ("float64", "float32", "bfloat16", "float16")}
DEPTHS, EPOCHS, STEPS = (1, 2, 3), (0, 10, 64), (8, 16, 32, 64)
ZEROS, BATCH = (0.0, 1e-8, 1e-6, 1e-4, 1e-2), 20
PARTS = ("precision", "hidden areas", "epochs", "steps", "zero", "before", "right", "of")


def run(
    quick: Annotated[bool, typer.Option("--quick", help="Digits, one seed, few readings.")] = False,
    data: Annotated[str, typer.Option(help="Data set.")] = "digits",
    data_folder: FOLDER = None,
    seeds: Annotated[int, typer.Option(help="How many networks.")] = 3,
    samples: Annotated[int, typer.Option(help="Images that are shown.")] = 400,
) -> dict:
    """Success rates (%) over t_d of every reading, means over seeds."""
    depths, epochs, precisions = DEPTHS, EPOCHS, PRECISIONS
    if quick:
        data, data_folder, seeds, samples = "digits", None, 1, 60
        depths, epochs, precisions = (2,), (0, 4), {k: PRECISIONS[k] for k in ("float64", "float32")}
    images = datasets.load(data, folder=data_folder, seed=0)
    x, y = images.test.batch(slice(0, samples), torch.float64)
    found: dict[tuple, list] = {}
    points = list(itertools.product(range(seeds), depths))
    for seed, depth in track(points, "networks", transient=True):
        for epoch, net in trained(images, seed, depth, epochs):
            for name, dtype in precisions.items():
                errors = inferred([link.weight.detach() for link in net.links], x, y, max(STEPS), dtype)
                for (steps, zero, before), fired in readings(errors):
                    for right, of, rates in counts(fired):
                        key = (name, depth, epoch, steps, zero, before, right, of)
                        found.setdefault(key, []).append(rates)
    rates = [[*key, *np.mean(values, axis=0).tolist()] for key, values in found.items()]
    return {"data": data, "seeds": seeds, "samples": samples, "silences": [*PAPER], "readings": rates}


def trained(images: datasets.Data, seed: int, depth: int, epochs: tuple[int, ...]):
    """The paper's network after so many epochs."""
    areas = [cn.Area(cn.Dense(32, init=glorot(4.0)), "sigmoid") for _ in range(depth)]
    net = cn.Network(images.shape, [*areas, cn.Area(cn.Dense(10), "linear")], seed)
    optimizer, order = torch.optim.Adam(net.parameters(), 0.001), torch.Generator().manual_seed(seed)
    x, y = images.train.batch(slice(None))
    for epoch in training.epochs(net, cn.rule("backprop"), optimizer, x, y, max(epochs), BATCH, order):
        if epoch in epochs:
            yield epoch, net


@torch.no_grad()
def inferred(
    weights: list[torch.Tensor], x: torch.Tensor, y: torch.Tensor, steps: int, dtype: torch.dtype
) -> list[np.ndarray]:
    """Errors ``[steps, samples, columns]`` of each area while values are inferred, the output first.

    Args:
        weights: ``[post, pre]`` from the input up.
        x: images.
        y: classes.
        steps: of inference, from the one in which the teacher comes.
        dtype: of all numbers.
    """
    up = [w.to(dtype) for w in weights]
    values = [x.flatten(1).to(dtype)]
    for k, w in enumerate(up):
        values.append((values[-1] if k == 0 else torch.sigmoid(values[-1])) @ w.T)
    values[-1] = torch.nn.functional.one_hot(y, len(up[-1])).to(dtype)
    seen: list[list[torch.Tensor]] = [[] for _ in up]
    for _ in range(steps):
        rates = [values[0], *(torch.sigmoid(v) for v in values[1:-1])]
        errors = [values[k + 1] - rates[k] @ w.T for k, w in enumerate(up)]
        for k, error in enumerate(reversed(errors)):
            seen[k].append(error)
        for k in range(len(up) - 1):  # (hidden areas; both ends are clamped)
            slope = rates[k + 1] * (1 - rates[k + 1])
            values[k + 1] = values[k + 1] + (slope * (errors[k + 1] @ up[k + 1]) - errors[k])
    return [torch.stack(one).double().numpy() for one in seen]


def readings(errors: list[np.ndarray]):
    """Steps, zero and history, each with when φ fires: ``{t_d: [area][steps, samples, columns]}``."""
    for zero, before in itertools.product(ZEROS, ("zeros", "unknown")):
        moved = [np.abs(one) > zero for one in errors]
        fired = {silence: [fires(one, silence, before) for one in moved] for silence in PAPER}
        for steps in STEPS:
            yield (
                (steps, zero, before),
                {silence: [one[:steps] for one in areas] for silence, areas in fired.items()},
            )


def fires(moved: np.ndarray, silence: int, before: str) -> np.ndarray:
    """φ of each cell in each step: ε is not 0, and was 0 in as many steps as the silence is long."""
    fired = moved.copy()
    for k in range(1, silence + 1):
        fired[k:] &= ~moved[:-k] if k < len(moved) else False
        if before == "unknown":
            fired[:k] = False
    return fired


def counts(fired: dict[int, list[np.ndarray]]):
    """Of each way to count: what is right, of what, and the success rate (%) for each t_d."""
    for strict in (True, False):
        right = {
            silence: [hits(one, k, strict) for k, one in enumerate(areas)] for silence, areas in fired.items()
        }
        named = "once, in time" if strict else "in time"
        every = {silence: np.concatenate(areas, axis=1) for silence, areas in right.items()}
        hidden = {silence: np.concatenate(areas[1:], axis=1) for silence, areas in right.items()}
        yield named, "cells", [100 * one.mean() for one in every.values()]
        yield named, "hidden cells", [100 * one.mean() for one in hidden.values()]
        whole = [one.all(1) for one in every.values()]
        yield named, "samples", [100 * one.mean() for one in whole]
        cut = [one[: len(one) // BATCH * BATCH].reshape(-1, BATCH) for one in whole]
        yield named, "updates", [100 * one.all(1).mean() for one in cut]
    shares = []
    for areas in fired.values():
        due = sum(int(one[k].sum()) for k, one in enumerate(areas) if k < len(one))
        shares.append(100 * due / max(sum(int(one.sum()) for one in areas), 1))
    yield "in time", "firings", shares


def hits(fired: np.ndarray, due: int, strict: bool) -> np.ndarray:
    """Which cells are right, ``[samples, columns]``: those of area ``due`` fire in step ``due``."""
    in_time = fired[due]
    return in_time & (fired.sum(0) == 1) if strict else in_time


def distances(results: dict) -> np.ndarray:
    """Root mean square distance of each reading from the table, over t_d, in points."""
    rates = np.array([row[len(PARTS) :] for row in results["readings"]])
    return np.sqrt(((rates - np.array([*PAPER.values()])) ** 2).mean(1))


def report(results: dict) -> str:
    """The nearest readings; how many there are, and how many have the dip."""
    distance, n = distances(results), len(PARTS)
    rows = [["Song et al. 2020", *[""] * (n - 1), *(f"{v:.1f}" for v in PAPER.values()), ""]]
    shown: list[tuple] = []
    for k in np.argsort(distance, kind="stable"):
        row = results["readings"][k]
        if len(shown) < 8 and tuple(np.round(row[n:], 2)) not in shown:  # (others with the same numbers)
            shown.append(tuple(np.round(row[n:], 2)))
            rows.append([*map(str, row[:n]), *(f"{v:.1f}" for v in row[n:]), f"{distance[k]:.2f}"])
    head = [*PARTS, *(f"t_d = {s}" for s in PAPER), "distance"]
    title = f"the nearest readings, % right, {results['data']}, {results['seeds']} seeds"
    rates = np.array([row[n:] for row in results["readings"]])
    dips = rates[:, 1] < rates[:, 0] - 0.05
    exact = np.array([row[4] == 0.0 and row[5] == "zeros" for row in results["readings"]])
    within = [int((distance <= bar).sum()) for bar in (0.5, 1.0, 2.0)]
    facts = [len(distance), f"{distance.min():.2f}", *within, int(dips.sum()), int((dips & exact).sum())]
    named = ["readings", "least distance", "within 0.5", "within 1", "within 2", "with the dip"]
    named += ["with the dip, ε exactly 0 before"]
    return "\n\n".join([table(head, rows, title), table(named, [facts], "all readings")])


@styled
def draw(results: dict) -> plt.Figure:
    """Distances of all readings, by precision and by what is counted; the nearest curves."""
    distance = distances(results)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    kinds = sorted({row[-len(PAPER) - 1] for row in results["readings"]})
    for k, name in enumerate(PRECISIONS):
        for j, kind in enumerate(kinds):
            mine = [
                d
                for d, row in zip(distance, results["readings"], strict=True)
                if (row[0], row[7]) == (name, kind)
            ]
            if mine:
                at = j + (k - 1.5) / 6
                left.plot(
                    [at] * len(mine),
                    mine,
                    ".",
                    color=f"C{k}",
                    ms=3,
                    alpha=0.4,
                    label=name if j == 0 else None,
                )
    left.set_xticks(range(len(kinds)), kinds)
    left.set(yscale="log", ylabel="distance from Table 3 (points, r.m.s.)", title="every reading")
    left.legend(frameon=False)
    right.plot([str(s) for s in PAPER], [*PAPER.values()], "ko-", lw=2, label="Song et al. 2020")
    for k in np.argsort(distance, kind="stable")[:5]:
        row = results["readings"][k]
        right.plot(
            [str(s) for s in PAPER], row[len(PARTS) :], ".-", lw=1, label=f"{row[0]}, {row[7]}, T = {row[3]}"
        )
    right.set(xlabel="t_d", ylabel="% right", title="the nearest")
    right.legend(frameon=False, fontsize=8)
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
