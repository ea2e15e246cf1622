"""Digits learned by a rule, for simulations that compare many: one split, one loop, one look at the end."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import torch

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.network.initialisation import glorot

from . import training

Batch = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Setting:
    """One way to learn digits: network, rule, budget.

    Attributes:
        rule: its name.
        parameters: of the rule.
        hidden: columns of hidden areas.
        activation, output: of hidden areas and of the output.
        gain: of Glorot's initial weights.
        bias: where biases start.
        links: more options of every link.
        lr, beta2: Adam's.
        epochs, batch: the budget.
    """

    rule: str
    parameters: dict[str, Any] = field(default_factory=dict)
    hidden: tuple[int, ...] = (64, 64)
    activation: str = "sigmoid"
    output: str = "sigmoid"
    gain: float = 1.0
    bias: float = 0.0
    links: dict[str, Any] = field(default_factory=dict)
    lr: float = 3e-3
    beta2: float = 0.999
    epochs: int = 30
    batch: int = 50

    def network(self, seed: int, pixels: int = 64) -> cn.Network:
        """The network before it learns."""
        areas = [
            cn.Area(cn.Dense(columns, bias=True, init=glorot(self.gain), **self.links), kind)
            for columns, kind in [*((n, self.activation) for n in self.hidden), (10, self.output)]
        ]
        net = cn.Network((pixels,), areas, seed)
        with torch.no_grad():
            for link in net.links:
                link.bias.fill_(self.bias)  # type: ignore[union-attr]
        return net


def images() -> tuple[Batch, Batch]:
    """Images ``[n, 64]`` with their classes: 1,438 to learn (with the validation split), 359 to test."""
    digits = datasets.load("digits", seed=0)
    parts = [
        [part.batch(slice(None), torch.float32) for part in parts]
        for parts in ((digits.train, digits.validation), (digits.test,))
    ]
    learned, tested = (
        (torch.cat([x.flatten(1) for x, _ in part]), torch.cat([y for _, y in part])) for part in parts
    )
    return learned, tested


def learn(setting: Setting, learned: Batch, tested: Batch, seed: int, epochs: int | None = None) -> dict:
    """Train by a setting: see :func:`followed`."""
    net, rule = setting.network(seed, learned[0].shape[1]), cn.rule(setting.rule, **setting.parameters)
    optimizer = torch.optim.Adam(net.parameters(), lr=setting.lr, betas=(0.9, setting.beta2))
    return followed(net, rule, optimizer, learned, tested, seed, epochs or setting.epochs, setting.batch)


def followed(
    net: cn.Network,
    rule: cn.LearningRule,
    optimizer: torch.optim.Optimizer,
    learned: Batch,
    tested: Batch,
    seed: int,
    epochs: int,
    batch: int,
) -> dict:
    """Test accuracy after every epoch, how many phases of an update did not settle, and signs of weights.

    Those are the share of sending columns whose weights of a link have both signs in the end. Accuracy is
    that of what the rule answers: the free equilibrium, for rules of two phases.
    """
    order, right = torch.Generator().manual_seed(seed), []
    torch.manual_seed(seed)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in training.epochs(net, rule, optimizer, *learned, epochs, batch, order):
            right.append(float((rule.predict(net, tested[0]) == tested[1]).double().mean()))
    unsettled = sum("settled" in str(one.message) or "to and fro" in str(one.message) for one in told)
    updates = -(-len(learned[0]) // batch) * epochs
    return {"accuracy": right, "unsettled": unsettled / updates, "mixed": mixed(net)}


def mixed(net: cn.Network) -> float:
    """Share of columns that send both excitation and inhibition along one link, against Dale's law."""
    both = [(link.weight > 0).any(0) & (link.weight < 0).any(0) for link in net.links]
    return float(torch.cat(both).double().mean())
