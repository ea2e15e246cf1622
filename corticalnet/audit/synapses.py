"""Whose synapse is it? For every learned weight, up or down, the columns at its two ends."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from corticalnet.circuits.expansion.links import as_connection, bias_connection
from corticalnet.errors import CircuitError
from corticalnet.network import Network
from corticalnet.network.links import Link
from corticalnet.rules import LearningRule, Rule


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
        """A mask of all weights."""
        return torch.full((self.count,), value)

    def one(self, k: int) -> Tensor:
        """A mask of one weight."""
        return torch.arange(self.count) == k

    def touches(self, area: str, column: int | None = None, columns: int = 0, side: str = "") -> Tensor:
        """Which weights belong to a synapse that begins or ends at a column of an area.

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
    """All of a network that learn, from the input up; then those of a rule's feedback pathway, if it learns.

    A synapse down lies between the same two columns as one up would, so what it tells is its "source".
    """
    wiring, names = network.wiring, {id(p): name for name, p in network.named_parameters()}
    found = []

    def add(link: Link, source: int, target: int, name: str, bias: bool = False, back: bool = False) -> None:
        sizes = torch.Size(link.source_shape).numel(), torch.Size(link.target_shape).numel()
        parameter = link.bias if bias and link.bias is not None else link.weight
        found.append(
            Synapse(
                name,
                "feedback " * back + link.name.removeprefix("direct feedback ") + " bias" * bias,
                "" if bias else wiring.name(source),
                wiring.name(target),
                wiring.name(wiring.output),
                parameter.numel(),
                (1, sizes[1]) if bias else sizes,
                _ends(link, sizes, bias),
            )
        )

    for node in range(1, wiring.output + 1):
        for source, link in wiring.arriving[node]:
            for parameter in (link.weight, link.bias):
                if parameter is not None and link.plastic and parameter.requires_grad:
                    add(link, source, node, names[id(parameter)], parameter is link.bias)
    if isinstance(rule, Rule) and rule.feedback.learns:
        for source, target, link in rule.feedback.ways(wiring):
            if link.plastic:
                add(link, source, target, _down(link), back=True)
    return found


def down(network: Network, rule: LearningRule) -> dict[str, nn.Parameter]:
    """Weights of a rule's pathway that learn, by the name of their synapses."""
    if not isinstance(rule, Rule) or not rule.feedback.learns:
        return {}
    weights = {link: rule.feedback.weights(link) for link in rule.feedback.carrying(network) if link.plastic}
    return {_down(link): own for link, own in weights.items() if isinstance(own, nn.Parameter)}


def _down(link: Link) -> str:
    return f"feedback.{link.name}"


def _ends(link: Link, sizes: tuple[int, int], bias: bool) -> tuple[Tensor, Tensor, Tensor] | None:
    try:
        pre, post, weight = (bias_connection(link) if bias else as_connection(link)).synapses(*sizes)
    except CircuitError:
        return None
    return torch.as_tensor(pre), torch.as_tensor(post), torch.as_tensor(weight)


def tying(network: Network) -> float:
    """Most synapses that share one weight, on average over a link."""
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
