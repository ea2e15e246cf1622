"""Which of Z-IL's three conditions does it need to be backprop?

    python -m simulations.divergence             digits, 3 seeds, about 6 minutes on one core
    python -m simulations.divergence --quick     one seed, few values, about 15 s

    C1  values start at the feedforward sweep         broken by noise of s.d. σ on the initial values
    C2  area l below the output learns at step l      broken by one learning step t for all areas (= IL)
    C3  γ = 1                                         broken by other γ

Every network trains next to a backprop twin: same weights to begin with, same data order, float64, SGD.
Divergence is (a) the mean difference between their test errors over epochs, in percentage points, and
(b) the summed distance Σ ‖θ − θ_BP‖ between their weights at the end.

Song et al. 2020, Fig. 3: zero only at σ = 0, and only at (t = l, γ = 1); their network is 784-32(-32(-32))-10
on MNIST. Expected: (b) below 1e-9 at those points (rounding), above 1e-4 elsewhere.

Next: corticalnet/rules/predictive_coding/z_il.py.
"""

from __future__ import annotations

from typing import Annotated, Any

import matplotlib.pyplot as plt
import torch
import typer
from rich.progress import track

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.plotting.style import styled

from .parts import training
from .parts.common import FOLDER, mean_sd, plus_minus, simulation, table

SEEDS = (1482555873, 698841058, 2283198659)
SIGMAS = (0.0, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)
RATES = (0.01, 0.1, 0.5, 1.0, 5.0, 10.0)
STEPS = ("l", 0, 1, 2, 3, 4, 16, 64)


def run(
    quick: Annotated[bool, typer.Option("--quick", help="One seed, few values, 2 epochs.")] = False,
    data: Annotated[str, typer.Option(help="Data set.")] = "digits",
    data_folder: FOLDER = None,
    hidden: Annotated[int, typer.Option(help="Number of hidden areas of 32 columns.")] = 2,
    epochs: Annotated[int, typer.Option(help="Epochs of every run.")] = 8,
    lr: Annotated[float, typer.Option(help="Learning rate.")] = 0.05,
    seeds: Annotated[int, typer.Option(help="How many of the paper's three seeds.")] = 3,
) -> dict:
    """Divergence for every σ, and for every learning step t and γ."""
    sigmas, rates, steps = SIGMAS, RATES, STEPS
    if quick:
        sigmas, rates, steps, epochs, seeds = (0.0, 0.1), (0.5, 1.0), ("l", 0, 4), 2, 1
    exact = {"name": "z-il", "simulate": True}  # all cells at all steps, not the wave front alone
    rules: dict[str, Any] = {f"C1 sigma={s:g}": {**exact, "noise": s} for s in sigmas}
    for t in steps:
        for rate in rates:
            how = exact if t == "l" else {"name": "il", "steps": t}
            rules[f"C2/C3 t={t} gamma={rate:g}"] = {**how, "rate": rate}
    loaded = datasets.load(data, folder=data_folder, seed=0)
    found: dict[str, list] = {key: [] for key in rules}
    for seed in SEEDS[:seeds]:
        twin = train("backprop", {}, loaded, hidden, epochs, lr, seed)
        for key, how in track(rules.items(), f"divergence, seed {seed}", transient=True):
            parameters = {k: v for k, v in how.items() if k != "name"}
            found[key].append(compare(train(how["name"], parameters, loaded, hidden, epochs, lr, seed), twin))
    return {"data": data, "hidden": hidden, "epochs": epochs, "seeds": seeds, "divergence": found}


def train(
    name: str, parameters: dict, data: datasets.Data, hidden: int, epochs: int, lr: float, seed: int
) -> tuple[list[float], list[torch.Tensor]]:
    """Test error (%) after each epoch, and the final weights."""
    inputs = torch.Size(data.shape).numel()
    net = cn.mlp(
        [inputs, *[32] * hidden, len(data.classes)], "sigmoid", seed=seed % 2**31, dtype=torch.float64
    )
    rule, optimizer = cn.rule(name, **parameters), torch.optim.SGD(net.parameters(), lr=lr)
    order = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    x_test, y_test = data.test.batch(slice(None), dtype=torch.float64)
    errors = []
    x, y = data.train.batch(slice(None), dtype=torch.float64)
    for _ in training.epochs(net, rule, optimizer, x, y, epochs, 20, order):
        errors.append(100 * (net.predict(x_test) != y_test).double().mean().item())
    return errors[1:], [p.detach().clone() for p in net.parameters()]


def compare(one: tuple[list, list], twin: tuple[list, list]) -> dict[str, float]:
    """(a) and (b)."""
    curve = sum(abs(a - b) for a, b in zip(one[0], twin[0], strict=True)) / len(twin[0])
    weights = sum((a - b).norm().item() for a, b in zip(one[1], twin[1], strict=True))
    return {"error": curve, "weights": weights if weights == weights else float("inf")}


def report(results: dict) -> str:
    """One row for each broken (or kept) condition."""
    rows = []
    for key, runs in results["divergence"].items():
        error, weights = ([r[k] for r in runs] for k in ("error", "weights"))
        rows.append([key, plus_minus(error), f"{mean_sd(weights)[0]:.1e}"])
    title = f"{results['data']}, {results['hidden']} hidden areas, {results['epochs']} epochs"
    return table(["condition", "(a) test error difference, points", "(b) weight distance"], rows, title)


@styled
def draw(results: dict) -> plt.Figure:
    """C1 as a curve; C2 and C3 as a map."""
    found = {k: mean_sd([r["weights"] for r in v])[0] for k, v in results["divergence"].items()}
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    noise = {k.split("=")[1]: v for k, v in found.items() if k.startswith("C1")}
    left.plot(list(noise), list(noise.values()), "o-")
    left.set(yscale="log", xlabel="s.d. of the initial values (C1)", ylabel="weight distance to backprop")
    cells = [(k.split("t=")[1].split(" ")[0], k.split("gamma=")[1], v) for k, v in found.items() if "t=" in k]
    steps, rates = (list(dict.fromkeys(c[k] for c in cells)) for k in (0, 1))
    grid = torch.full((len(rates), len(steps)), float("nan"))
    for t, rate, value in cells:
        grid[rates.index(rate), steps.index(t)] = torch.tensor(value).clamp(1e-14, 1e6).log10()
    picture = right.imshow(grid.numpy(), cmap="viridis", aspect="auto")
    right.set(xticks=range(len(steps)), xticklabels=steps, yticks=range(len(rates)), yticklabels=rates)
    right.set(xlabel="learning step t (C2)", ylabel="γ (C3)")
    figure.colorbar(picture, ax=right, label="log₁₀ weight distance (at most 6)")
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
