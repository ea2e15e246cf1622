"""Trainings by target propagation, and by what it is compared with, after Bartunov et al. 2018."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.analysis import AlignmentTracker, align_decoders
from corticalnet.rules.target_propagation.propagation import TargetPropagation
from corticalnet.training import load_model

from . import training


@dataclass(frozen=True)
class How:
    """A rule with the settings of its training.

    Attributes:
        rule: its name.
        lr: learning rate of the weights.
        settings: of the rule.
    """

    rule: str
    lr: float = 1e-3
    settings: dict[str, Any] = field(default_factory=dict)


_CE, _FAST = {"loss": "cross-entropy"}, {"loss": "cross-entropy", "own_rate": 3.0}
RULES = {
    "BP": How("backprop", settings=_CE),
    "BP, squared loss": How("backprop", 2e-3),
    "FA": How("feedback-alignment", settings=_CE),
    "DFA": How("direct-feedback-alignment", settings=_CE),
    "TP": How("target-propagation", settings=_FAST),
    "DTP": How("difference-target-propagation", settings=_FAST),
    "SDTP": How("simplified-target-propagation", settings=_FAST),
    "AO-SDTP": How("auxiliary-output-target-propagation", settings=_FAST),
    "DRL": How("difference-reconstruction", settings=_FAST),
    "L-DRL": How("local-difference-reconstruction", 2e-3, {"own_rate": 0.5}),
}
#: Who takes turns in Bartunov's table and in ours: all that have decoders.
DECODING = ("TP", "DTP", "SDTP", "AO-SDTP", "DRL", "L-DRL")
#: Model and its size, by data set and network.
NETWORKS: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
    "digits": {
        "FC": ("bartunov_fc", {"hidden": (64, 64)}),
        "LC": ("bartunov_lc", {"sheets": ((3, 8, 2), (3, 16, 2)), "dense": 64}),
    },
    "mnist": {
        "FC": ("bartunov_fc", {"hidden": (128, 128)}),
        "LC": ("bartunov_lc", {"sheets": ((3, 8, 2), (3, 16, 2)), "dense": 128}),
    },
}
BATCHES = {"digits": 32, "mnist": 50}


def load(data: str, folder: Path | None) -> datasets.Data:
    """A data set, nothing of it held out for validation."""
    return datasets.load(data, folder=folder, validation=0)


def train(
    data: datasets.Data, network: str, how: How, turns: bool, seed: int, epochs: int, looks: int = 8
) -> dict[str, Any]:
    """One training by Adam (β₂ = 0.99): test accuracy and angles at its end, decoders over its course.

    Args:
        data: with all samples.
        network: "FC" or "LC".
        how: the rule.
        turns: whether decoders and weights take turns, epoch by epoch (and so have twice as many).
        seed: of the network, and of order and noise.
        epochs: of the weights.
        looks: at decoders and angles, on so many training images.
    """
    model, size = NETWORKS[data.name][network]
    net = load_model(model, data=data.name, seed=seed, **size).network
    x, y = data.train.batch(slice(None), torch.float32)
    batch = BATCHES[data.name]
    settings = {**how.settings, **({"alternate": -(-len(x) // batch)} if turns else {})}
    rule, epochs = cn.rule(how.rule, **settings), epochs * (1 + turns)
    optimizer = torch.optim.Adam(net.parameters(), lr=how.lr, betas=(0.9, 0.99))
    torch.manual_seed(seed)
    seen: dict[str, list] = {"epoch": [], "transpose": [], "inverse": []}
    every = max(1, epochs // 8)
    for epoch in training.epochs(net, rule, optimizer, x, y, epochs, batch):
        if (
            isinstance(rule, TargetPropagation)
            and network == "FC"
            and (epoch % every == 0 or epoch == epochs)
        ):
            found = align_decoders(net, rule, x[:looks])
            seen["epoch"].append(epoch / (1 + turns))
            seen["transpose"].append([*found.transpose.values()])
            seen["inverse"].append([*found.inverse.values()])
    angles = AlignmentTracker(rule, x[:500], y[:500]).measure(net, epochs)["angle"].values[:-1].tolist()
    learned = (net.predict(x) == y).float().mean().item()
    x, y = data.test.batch(slice(None), torch.float32)
    return {"test": (net.predict(x) == y).float().mean().item(), "train": learned, "angles": angles, **seen}


def about(data: datasets.Data, seeds: int, epochs: int) -> dict[str, Any]:
    """What was learned, and how often, for results."""
    sizes = {"train": len(data.train), "test": len(data.test)}
    return {"data": data.name, **sizes, "seeds": seeds, "epochs": epochs}


def title(results: dict) -> str:
    """What :func:`about` says, over a table."""
    images = f"{results['data']}, {results['train']} images and {results['test']} of test"
    return f"{images}, {results['epochs']} epochs"


def angles(runs: list[dict]) -> str:
    """Hidden areas' angles to backprop, from below; means over seeds."""
    return ", ".join(f"{np.mean(each):.0f}°" for each in zip(*(r["angles"] for r in runs), strict=True))
