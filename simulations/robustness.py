"""Where does each headline claim stop being true: over depth, width, activation, batch and number format?

    python -m simulations.robustness            3 seeds, 15 min of a core
    python -m simulations.robustness --quick    one seed, corners of each map, some seconds

    backprop        Z-IL, the paper's Fa-Z-IL and streaming Fa-Z-IL change weights as backprop would
    reward          BrainProp changes them as the gradient of its own action's error
    two views       one trial of the columns in time changes them as the rule does on the network
    autonomy        told nothing, columns in a stream of trials of unknown length learn what a twin learns
    no teacher      accuracy that a reward costs: backprop's less BrainProp's, on digits

Each is a relative distance (of autograd's change in float64, on a random network of 12 inputs and 5 outputs;
the largest of all links and seeds) or points of accuracy. Two maps each: depth × activation, and width ×
number format (batch for accuracy). Autograd's own distance in that format stands beside those that use it.

Expected: equalities hold to rounding, which grows with depth; the paper's φ fails where f' can be 0. What a
reward costs is a matter of degree.

Next: docs/robustness.md.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Annotated, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track

import corticalnet as cn
from corticalnet.audit import autonomy_in_a_stream
from corticalnet.compare import relative_error
from corticalnet.errors import CorticalnetError
from corticalnet.plotting.style import styled
from corticalnet.recordings.reading import weight_change

from .parts import digits, training
from .parts.common import simulation, table

DEPTHS, WIDTHS, BATCHES = (2, 3, 5, 10, 20, 40), (2, 8, 32, 128, 512), (1, 8, 64)
ACTIVATIONS = ("sigmoid", "tanh", "softplus", "elu", "leaky-relu", "relu")
FORMATS = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.bfloat16}
INPUTS, OUTPUTS = 12, 5
#: What is compared with what: (depth, width, activation, format, batch, seed) -> distance.
Measure = Callable[[int, int, str, str, int, int], float]


def network(depth: int, width: int, hidden: str, seed: int) -> cn.Network:
    """In float64."""
    return cn.mlp([INPUTS, *[width] * (depth - 1), OUTPUTS], hidden, seed=seed, dtype=torch.float64)


def lessons(batch: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random inputs and classes."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.rand(batch, INPUTS, generator=rng, dtype=torch.float64)
    return x, torch.randint(OUTPUTS, (batch,), generator=rng)


def gradients(net: cn.Network, x: torch.Tensor, y: torch.Tensor, chosen: torch.Tensor | None = None) -> list:
    """Autograd's, of the squared error of all outputs or of the chosen ones."""
    net.zero_grad()
    out = net(x)
    error = 0.5 * (torch.nn.functional.one_hot(y, OUTPUTS).to(out) - out).square()
    (error if chosen is None else error.gather(1, chosen[:, None])).sum(1).mean().backward()
    return [p.grad.double().clone() for p in net.parameters()]


def changed(name: str, number_format: str, net: cn.Network, x: torch.Tensor, y: torch.Tensor) -> list:
    """What a rule, or autograd, finds in a number format; in bfloat16 under autocast, as training does."""
    low = number_format == "bfloat16"
    dtype = torch.float32 if low else FORMATS[number_format]
    net, x = copy.deepcopy(net).to(dtype), x.to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
        if name == "autograd":
            return gradients(net, x, y)
        made = cn.rule(name, choose=greedy) if name == "brainprop" else cn.rule(name)
        made.learn(net, x, y)
    return [p.grad.double().clone() for p in net.parameters()]


def greedy(rates: torch.Tensor) -> torch.Tensor:
    """The action of highest value."""
    return rates.argmax(1)


def beside_autograd(name: str) -> Measure:
    """Distance of a rule's changes from autograd's in float64."""

    def measure(depth: int, width: int, hidden: str, number_format: str, batch: int, seed: int) -> float:
        net, (x, y) = network(depth, width, hidden, seed), lessons(batch, seed)
        chosen = net(x).argmax(1).detach() if name == "brainprop" else None
        wanted = gradients(net, x, y, chosen)
        found = changed(name, number_format, net, x, y)
        return max(map(relative_error, found, wanted))

    return measure


def two_views(depth: int, width: int, hidden: str, number_format: str, batch: int, seed: int) -> float:
    """Distance of the change of one trial in time from the rule's on the network."""
    net, (x, y) = network(depth, width, hidden, seed), lessons(1, seed)
    made = cn.rule("streaming-fa-z-il")
    columns = cn.circuit(net, made, 1.0)
    protocol = [cn.Present(x, columns.needs.present), cn.Teach(y, columns.needs.teach)]
    data = cn.simulate(columns, protocol, record=["weights"], precision=number_format)
    wanted = gradients(net, x, y)
    changes = [torch.as_tensor(-weight_change(data, p.name)).double() for p in columns.plastic]
    return max(relative_error(a.reshape(b.shape), b) for a, b in zip(changes, wanted, strict=True))


def autonomy(depth: int, width: int, hidden: str, number_format: str, batch: int, seed: int) -> float:
    """Distance of weights from the twin's after ten trials of unknown length, told nothing."""
    net = network(depth, width, hidden, seed)
    how: dict[str, Any] = {"trials": 10, "seed": seed, "learning_rate": 0.01, "precision": number_format}
    return autonomy_in_a_stream(net, cn.rule("streaming-fa-z-il"), **how).worst


CLAIMS: dict[str, tuple[Measure, tuple[str, ...], float]] = {
    "autograd itself": (beside_autograd("autograd"), tuple(FORMATS), 1e-12),
    "Z-IL is backprop": (beside_autograd("z-il"), tuple(FORMATS), 1e-12),
    "streaming Fa-Z-IL is backprop": (beside_autograd("streaming-fa-z-il"), tuple(FORMATS), 1e-12),
    "the paper's Fa-Z-IL is backprop": (beside_autograd("fa-z-il"), tuple(FORMATS), 1e-12),
    "BrainProp is its action's gradient": (beside_autograd("brainprop"), tuple(FORMATS), 1e-12),
    "two views are one": (two_views, ("float64", "float32"), 1e-10),
    "φ is autonomous": (autonomy, ("float64", "float32"), 1e-8),
}


def run(
    quick: Annotated[bool, typer.Option("--quick", help="One seed, corners.")] = False,
    seeds: Annotated[int, typer.Option(help="How many.")] = 3,
) -> dict:
    """The largest distance of all seeds, and points that a reward costs, at every point of every map."""
    depths, widths, hidden = (
        (DEPTHS[:3:2], WIDTHS[1:3], ACTIVATIONS[1::4]) if quick else (DEPTHS, WIDTHS, ACTIVATIONS)
    )
    seeds = 1 if quick else seeds
    found: dict[str, dict[str, dict[str, float]]] = {}
    for claim, (measure, formats, _) in track(list(CLAIMS.items()), "claims", transient=True):
        maps: dict[str, dict[str, float]] = {}
        for activation in hidden:
            maps[activation] = {
                f"depth {d}": worst(measure, (d, 8, activation, "float64", 8), seeds) for d in depths
            }
        for name in formats:
            maps[name] = {f"width {n}": worst(measure, (3, n, "tanh", name, 8), seeds) for n in widths}
        found[claim] = maps
    return {"seeds": seeds, "found": found, "reward": cost_of_reward(quick, seeds)}


def worst(measure: Measure, point: tuple, seeds: int) -> float:
    """The largest of all seeds; infinite if it cannot be computed there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            every = [measure(*point, seed) for seed in range(seeds)]
        except CorticalnetError:
            return float("inf")
    return max(one if np.isfinite(one) else float("inf") for one in every)


def cost_of_reward(quick: bool, seeds: int) -> dict[str, list[float]]:
    """Points of test accuracy by which BrainProp is behind backprop on digits; one for each seed."""
    usual = {"depth": 3, "width": 32, "activation": "relu", "batch": 8}
    points = [usual, *({**usual, "depth": d} for d in (2, 5, 8)), *({**usual, "width": n} for n in (8, 128)),
              *({**usual, "activation": a} for a in ("tanh", "sigmoid")),
              *({**usual, "batch": b} for b in (1, 64))]  # fmt: skip
    learned, tested = digits.images()
    rows = {}
    for point in track(points[:2] if quick else points, "reward", transient=True):
        changed_here = ", ".join(f"{k} {v}" for k, v in point.items() if v != usual[k]) or "as it is"
        rows[changed_here] = [
            accuracy("backprop", point, learned, tested, seed, 1 if quick else 12)
            - accuracy("brainprop", point, learned, tested, seed, 1 if quick else 12)
            for seed in range(seeds)
        ]
    return rows


def accuracy(rule: str, point: dict, learned: Any, tested: Any, seed: int, epochs: int) -> float:
    """Percent of test digits after training at the better of two rates (judged on what is learned)."""
    best = (-1.0, 0.0)
    for rate in (0.02, 0.1):
        sizes = [64, *[point["width"]] * (point["depth"] - 1), 10]
        net, made = cn.mlp(sizes, point["activation"], seed=seed), cn.rule(rule)
        torch.manual_seed(seed)
        optimizer = torch.optim.SGD(net.parameters(), lr=rate * min(1.0, point["batch"] / 8) ** 0.5)
        order = torch.Generator().manual_seed(seed)
        for _ in training.epochs(net, made, optimizer, *learned, epochs, point["batch"], order):
            pass
        right = [100 * float((made.predict(net, x) == y).double().mean()) for x, y in (learned, tested)]
        best = max(best, (right[0], right[1]))
    return best[1]


def report(results: dict) -> str:
    """Two maps of each claim; and what a reward costs."""
    parts = []
    found = results["found"]
    for title, keys, first in (
        ("depth × activation (width 8, batch 8, float64)", ACTIVATIONS, "activation"),
        ("width × number format (3 links, tanh, batch 8)", FORMATS, "format"),
    ):
        columns = list(next(maps[key] for maps in found.values() for key in keys if key in maps))
        rows = [
            [claim, key, f"{CLAIMS[claim][2]:.0e}", *(number(maps[key][c]) for c in columns)]
            for claim, maps in found.items()
            for key in keys
            if key in maps
        ]
        parts.append(table(["claim", first, "bar", *columns], rows, title))
    rows = [[point, *spread(behind)] for point, behind in results["reward"].items()]
    title = "digits, 64-32-32-10, ReLU, batch 8, 12 epochs: backprop less BrainProp, points"
    parts.append(table(["but for", "behind", "seeds"], rows, title))
    return "\n\n".join(parts)


def number(distance: float) -> str:
    """Short; "fails" where nothing finite came out."""
    return f"{distance:.0e}" if np.isfinite(distance) else "fails"


def spread(values: list[float]) -> list[str]:
    """Mean ± s.d., and how many."""
    sd = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    return [f"{np.mean(values):.2f}{sd}", str(len(values))]


@styled
def draw(results: dict) -> plt.Figure:
    """A map for each claim: the distance over depth and activation; a cross where it is above the bar."""
    found = {claim: maps for claim, maps in results["found"].items() if claim != "autograd itself"}
    figure, axes = plt.subplots(2, 3, figsize=(11, 5.5), layout="constrained")
    for ax, (claim, maps) in zip(axes.flat, found.items(), strict=True):
        rows = [key for key in ACTIVATIONS if key in maps]
        columns = list(maps[rows[0]])
        numbers = np.array([[maps[row][column] for column in columns] for row in rows])
        shown = np.log10(np.clip(numbers, 1e-17, 10))
        image = ax.imshow(shown, vmin=-16, vmax=0, cmap="viridis_r", aspect="auto")
        ax.set_xticks(range(len(columns)), [c.removeprefix("depth ") for c in columns])
        ax.set_yticks(range(len(rows)), rows, fontsize=8)
        ax.set_title(claim, fontsize=9)
        for i, j in zip(*np.nonzero(numbers > CLAIMS[claim][2]), strict=True):
            ax.text(j, i, "✗", ha="center", va="center", color="white")
    for ax in axes[-1]:
        ax.set_xlabel("links")
    figure.colorbar(image, ax=axes, label="log₁₀ of the distance (✗: above the bar)", shrink=0.8)
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
