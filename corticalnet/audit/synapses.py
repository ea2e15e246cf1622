"""Whose synapse is it? For every learned weight, up or down, the columns at its two ends."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from corticalnet.columns.links import as_connection, bias_connection
from corticalnet.errors import CircuitError
from corticalnet.network import Network
from corticalnet.network.links import Link
from corticalnet.network.wiring import Wiring
from corticalnet.rules import LearningRule
from corticalnet.rules.own_weights import link_of


@dataclass(frozen=True)
class Synapse:
    """One parameter that holds weights of synapses (of a link, of its bias, or down along it).

    Attributes:
        parameter: its name.
        link: for messages.
        source, target: areas.
        output: the network's output area.
        count: weights.
        sizes: columns of source and target.
        ends: for every synapse its source column, its target column and its weight; None if not known.
    """

    parameter: str
    link: str
    source: str
    target: str
    output: str
    count: int
    sizes: tuple[int, int]
    ends: tuple[Tensor, Tensor, Tensor] | None

    def all(self, value: bool) -> Tensor:
        """Return a mask of all weights, with one value."""
        return torch.full((self.count,), value)

    def one(self, k: int) -> Tensor:
        """Return a mask of the k-th weight alone."""
        return torch.arange(self.count) == k

    def touches(self, area: str, column: int | None = None, columns: int = 0, side: str = "") -> Tensor:
        """Return a mask of the weights whose synapses begin or end at a column of an area.

        Args:
            area: its name; a relay's cells belong to the area whose rates it hands on.
            column: of ``columns``; all of them if not given. Where an area has pooled, drives and rates are
                not as many: what cannot be told apart is taken as one's own.
            side: "target" for synapses that end there alone.
        """
        area = area.partition(".relay")[0]
        touched = self.all(False)
        for name, size, end in ((self.source, self.sizes[0], 0), (self.target, self.sizes[1], 1)):
            if name != area or (side == "target" and not end):
                continue
            if column is None or self.ends is None or columns != size:
                return self.all(True)
            touched[self.ends[2][self.ends[end] == column]] = True
        return touched


def synapses(network: Network, rule: LearningRule | None = None) -> list[Synapse]:
    """List all synapses that learn: of the network from the input up, then of the rule itself.

    A synapse down lies between the same two columns as one up would, so what it tells is its "source".
    Weights of a rule that are named by no link lie nowhere: no cell is their own.
    """
    wiring, names = network.wiring, {id(p): name for name, p in network.named_parameters()}
    output, found = wiring.name(wiring.output), []

    def add(link: Link, source: int, target: int, name: str, weights: Tensor, what: str = "") -> None:
        bias = weights is link.bias
        sizes = (1 if bias else _sizes(link)[0]), _sizes(link)[1]
        areas = "" if bias else wiring.name(source), wiring.name(target)
        known = bias or weights.shape == link.weight.shape
        title = what + link.name.removeprefix("direct feedback ") + " bias" * bias
        ends = _ends(link, _sizes(link), bias) if known else None
        found.append(Synapse(name, title, *areas, output, weights.numel(), sizes, ends))

    between = {link.name: (source, target, link) for source, target, link in _all(wiring)}
    for source, target, link in between.values():
        for parameter in (link.weight, link.bias):
            if parameter is not None and link.plastic and parameter.requires_grad:
                add(link, source, target, names[id(parameter)], parameter)
    if rule is not None:
        between |= {link.name: (node, above, link) for node, above, link, *_ in rule.feedback_routes(network)}
        for name, own in down(network, rule).items():
            by = link_of(name, between)
            if by:
                source, target, link = between[by]
                kind = " ".join(part for part in name.split(".") if part != by)
                add(link, source, target, name, own, f"{kind} ".lstrip())
            else:
                found.append(Synapse(name, name, "", "", output, own.numel(), (0, 0), None))
    return found


def _all(wiring: Wiring) -> list[tuple[int, int, Link]]:
    """List every link with the nodes at its ends, from the input up."""
    nodes = range(1, wiring.output + 1)
    return [(source, node, link) for node in nodes for source, link in wiring.arriving[node]]


def down(network: Network, rule: LearningRule) -> dict[str, nn.Parameter]:
    """Return the rule's own weights by name: its parameters, and those that it moves by itself."""
    own = dict(rule.named_parameters(network))
    known = {id(p) for p in own.values()}
    for _, _, link, weights, _ in rule.feedback_routes(network):
        if isinstance(weights, nn.Parameter) and weights is not link.weight and id(weights) not in known:
            own[f"feedback.{link.name}"] = weights
    return own


def _ends(link: Link, sizes: tuple[int, int], bias: bool) -> tuple[Tensor, Tensor, Tensor] | None:
    try:
        pre, post, weight = (bias_connection(link) if bias else as_connection(link)).synapses(*sizes)
    except CircuitError:
        return None
    return torch.as_tensor(pre), torch.as_tensor(post), torch.as_tensor(weight)


def tying(network: Network) -> float:
    """Return the largest number of synapses per weight, on average over a link."""
    counts = [
        len(ends[2]) / link.weights
        for link in network.links
        if link.plastic
        for ends in [_ends(link, _sizes(link), False)]
        if ends is not None
    ]
    return max(counts, default=1.0)


def _sizes(link: Link) -> tuple[int, int]:
    return torch.Size(link.source_shape).numel(), torch.Size(link.target_shape).numel()
