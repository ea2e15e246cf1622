"""Does an autoencoder with a bottleneck of two columns learn where feedback is not the weights' transpose?

    python -m simulations.autoencoder              3 seeds, 10 epochs, 35 min on a busy core
    python -m simulations.autoencoder --quick      digits, 64-32-2-32-64, four ways, one seed, some seconds

Lansdell, Prakash & Kording 2020, Fig. 3; the network is models/lansdell_autoencoder.py. Their losses of an
image (MNIST, which is not at hand; here Fashion-MNIST): backprop 19.1, Adam 16.8, perturbed 16.1, matching
20.1, feedback alignment 23.7. ``--search`` tries five learning rates for every way. "Their start": the
authors' first weights, from which ReLU outputs may fall silent.

Expected: fixed feedback fails, learned feedback comes near backprop; narrow networks favour perturbed
feedback.

Next: corticalnet/training/objective.py.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.progress import track
from torch import Tensor

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.analysis import AlignmentTracker
from corticalnet.rules import Feedback
from corticalnet.training import load_model

from .parts import training
from .parts.autoencoder_shown import draw, report
from .parts.common import kept, simulation

BATCH = 32
#: The authors' step of B and their noise, for means over the batch instead of sums.
STEP_OF_B, SIGMA = 32 * 8e-6, 0.018942
#: W − B of Kolen–Pollack shrinks e⁵-fold in a whole training.
FOLDS = 5.0
#: Learning rates of the search; Adam's are a third of these.
TRIED, TRIAL = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2), [0, 2]


@dataclass(frozen=True)
class Way:
    """A way to learn.

    Attributes:
        rate: learning rate, the best of the search (of those within 1 % of the best, the lowest).
        feedback: makes the pathway, of the learning rate, the number of updates and a seed.
        hidden: columns on either side of the bottleneck.
        output_init: how the output's weights begin: s.d., or a scheme.
        adam: whether Adam moves the weights, instead of plain SGD.
        output_only: whether all other areas stay as they are.
        decays: whether weights decay as Kolen–Pollack's do.
    """

    rate: float
    feedback: Callable[[float, int, int], Feedback] = lambda rate, updates, seed: cn.Tied()
    hidden: int = 200
    output_init: float | str = 0.01
    adam: bool = False
    output_only: bool = False
    decays: bool = False


def perturbed(rate: float, updates: int, seed: int) -> Feedback:
    """B moves by the authors' step, whatever the learning rate of W."""
    return cn.Perturbed(SIGMA, rate=STEP_OF_B / rate, seed=seed)


def kolen_pollack(rate: float, updates: int, seed: int) -> Feedback:
    """W and B come together in this training."""
    return cn.KolenPollack(decay(rate, updates), seed)


def decay(rate: float, updates: int) -> float:
    """As much as it takes for ``(1 − rate · decay)^updates = e⁻⁵``."""
    return FOLDS / (rate * updates)


WAYS = {
    "backprop": Way(0.003),
    "Adam": Way(3e-4, adam=True),
    "perturbed": Way(0.001, perturbed),
    "weight mirror": Way(0.01, lambda rate, updates, seed: cn.WeightMirror(seed=seed)),
    "Kolen–Pollack": Way(0.01, kolen_pollack),
    "matching": Way(0.003, lambda rate, updates, seed: cn.Matching(seed)),
    "feedback alignment": Way(0.01, lambda rate, updates, seed: cn.Random(seed)),
    "output only": Way(0.003, output_only=True),
    "backprop, 50": Way(0.01, hidden=50),
    "perturbed, 50": Way(0.01, perturbed, hidden=50),
}
#: The same with an output that begins as the authors'.
THEIRS = {
    f"{name}, their start": replace(WAYS[name], output_init="he")
    for name in ("backprop", "feedback alignment", "perturbed", "Adam")
}
#: What the higher rate and the decay do to backprop, and a quieter mirror (it averages longer).
CONTROLS = {
    "backprop, 0.01": Way(0.01),
    "backprop, 0.01, decay": Way(0.01, decays=True),
    "weight mirror, quieter": Way(0.01, lambda rate, updates, seed: cn.WeightMirror(0.03, seed=seed)),
}
QUICK = {
    name: replace(WAYS[name], rate=0.05, hidden=32)
    for name in ("backprop", "weight mirror", "feedback alignment", "output only")
}


def run(
    quick: Annotated[
        bool, typer.Option("--quick", help="Digits, 64-32-2-32-64, four ways, one seed.")
    ] = False,
    seeds: Annotated[int, typer.Option(help="How many.")] = 3,
    epochs: Annotated[int, typer.Option(help="Passes over the images.")] = 10,
    search: Annotated[bool, typer.Option("--search", help="First try five rates for each way.")] = False,
    runs: Annotated[Path, typer.Option(help="Folder for finished runs.")] = Path("runs/autoencoder"),
) -> dict:
    """Train every way with every seed, or read what is there."""
    images = Images("digits" if quick else "fashion-mnist")
    seeds, epochs = (1, 30) if quick else (seeds, epochs)
    place = runs / f"{images.name}-{epochs}"
    looks = sorted({0, 1, 2, 3, *(round(k) for k in np.linspace(0, epochs, 6))})
    jobs = [(name, way, seed) for seed in range(seeds) for name, way in (QUICK if quick else WAYS).items()]
    more = [] if quick else (THEIRS | CONTROLS).items()
    jobs += [(name, way, seed) for seed in range(seeds) for name, way in more]
    found: dict = {
        "epochs": looks,
        "ways": {},
        "tried": {},
        "baselines": baselines(images),
        "images": images.name,
    }
    for name, way in track(WAYS.items() if search else (), "rates", transient=True):
        for rate in [r / 3 if way.adam else r for r in TRIED]:
            one = finished(runs / "rates" / f"{name}-{rate:g}", images, replace(way, rate=rate), 0, TRIAL)
            found["tried"].setdefault(name, {})[f"{rate:g}"] = one["validation"][-1]
    for name, way, seed in track(jobs, "autoencoder", transient=True):
        one = finished(place / f"{name}-seed{seed}", images, way, seed, looks)
        found["ways"].setdefault(name, []).append(one)
    return found


def finished(place: Path, images: Images, way: Way, seed: int, looks: list[int]) -> dict:
    """A run from its files, or from a training that writes them."""
    numbers, arrays = (place.with_name(f"{place.name}.{kind}") for kind in ("json", "npz"))

    def make() -> dict:
        found, made = train(images, way, seed, looks)
        arrays.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(arrays, **made)
        return found

    return {**kept(numbers, make), "arrays": str(arrays)}


class Images:
    """A data set as rows of pixels, which are both input and target."""

    def __init__(self, name: str) -> None:
        data = datasets.load(name, seed=0)
        self.name, self.classes = name, data.test.labels
        self.train, self.validation, self.test = (
            part.batch(slice(None))[0].flatten(1) for part in (data.train, data.validation, data.test)
        )


def loss(net: cn.Network, images: Tensor) -> float:
    """Half the squares, summed over pixels, mean over images."""
    return (0.5 * (net(images) - images).square().sum(1).mean()).item()


def baselines(images: Images) -> dict[str, float]:
    """Test losses of the mean training image, and of the two principal components of training images."""
    rest = images.test - images.train.mean(0)
    _, directions = torch.linalg.eigh(torch.cov(images.train.T))
    two = directions[:, -2:]
    left = {"mean image": rest, "two principal components": rest - rest @ two @ two.T}
    return {name: (0.5 * one.square().sum(1).mean()).item() for name, one in left.items()}


@torch.no_grad()
def train(images: Images, way: Way, seed: int, looks: list[int]) -> tuple[dict, dict]:
    """One training: what was seen at the looks (numbers), and what the network made of images (arrays)."""
    began, epochs = time.process_time(), looks[-1]
    settings = {"hidden": way.hidden, "output_init": way.output_init, "seed": seed}
    net = load_model("lansdell_autoencoder", data=images.name, **settings).network
    updates = epochs * math.ceil(len(images.train) / BATCH)
    rule = cn.rule("backprop", feedback=way.feedback(way.rate, updates, 100 + seed))
    decaying = [link.weight for link in net.links[1:]] if way.decays else []
    others = [*net.parameters(), *rule.parameters(net)] if not way.output_only else net.links[-1].parameters()
    groups = [{"params": decaying, "weight_decay": decay(way.rate, updates)}] if decaying else []
    groups.append({"params": [p for p in others if all(p is not one for one in decaying)]})
    optimizer = (torch.optim.Adam if way.adam else torch.optim.SGD)(groups, lr=way.rate)
    tracker = AlignmentTracker(rule, images.train[:500], images.train[:500])
    found: dict = {"validation": [], "test": []}
    torch.manual_seed(seed)
    for epoch in training.epochs(net, rule, optimizer, images.train, images.train, epochs, BATCH):
        if epoch in looks:
            tracker.measure(net, epoch)
            found["validation"].append(loss(net, images.validation))
            found["test"].append(loss(net, images.test))
        if not math.isfinite(loss(net, images.validation[:500])):
            break
    recording = tracker.recording()
    for what in ("angle", "gap"):
        found[what] = recording[what].values.tolist()
    activity = net.sweep(images.test[:2000])
    found["silent"] = (net(images.test).amax(0) == 0).double().mean().item()
    shown = [int((images.classes == k).nonzero()[0]) for k in range(10)]
    made = {"codes": activity.rates[2], "classes": images.classes[:2000], "images": images.test[shown]}
    made["reconstructions"] = net(images.test[shown])
    found["seconds"] = time.process_time() - began
    return found, {name: tensor.numpy() for name, tensor in made.items()}


if __name__ == "__main__":
    simulation(run, report, draw)
