"""Decoders: synapses that bring back, from what areas above hold, the rates that drove them.

    g_l = d(Σ_k V_k c_k + b)            over the areas k that area l drives; c_k: the code, what k tells

    "activation"    c = state, d = f of the decoded area        Lee et al. 2015; Bartunov et al. 2018
    "linear"        c = state, d = 1, b = 0                      Meulemans et al. 2020
    "gated"         c = f'(a) ⊙ state, d = 1, b = 0              after Ernoult et al. 2022

A gated decoder's derivative by the drives above is V diag(f'), as that of the transpose is Wᵀ diag(f'): with
V = W it is the transpose for every sample at once. A linear one has no f' in it, and can only be near. The
gate is the column's own gain, as it was in the sweep up.
States are what columns hold before pools, homeostasis and silence (:meth:`Area.state`), so that V is shaped
as the link's own weights, whatever kind of link.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from corticalnet.network import Network
from corticalnet.network.area import Trace
from corticalnet.network.homeostasis import Homeostasis
from corticalnet.network.initialisation import generator
from corticalnet.network.links import Dense, Link
from corticalnet.network.stages import Fire

#: What decoders are called.
KINDS = ("activation", "linear", "gated")


class Way(NamedTuple):
    """One way down: the node it comes from (one beyond the output: auxiliary columns), its link, and V."""

    above: int
    link: Link
    weight: nn.Parameter


class Auxiliary:
    """Columns beside the output with fixed random synapses: z = tanh(Σ Z r), of all that drives the output.

    What the output's few columns cannot tell of the area below, these can (Bartunov et al. 2018, AO-SDTP).

    Args:
        net: the network.
        columns: how many.
        seed: of Z.
    """

    def __init__(self, net: Network, columns: int, seed: int) -> None:
        self.links: dict[int, Dense] = {}
        for source, link in net.wiring.arriving[net.wiring.output]:
            if source and link.plastic:
                beside = Dense(columns, init="lecun")
                beside.build(link.source_shape, seed, f"auxiliary {link.name}", False, net.like.dtype)
                self.links[source] = beside.to(net.like.device).requires_grad_(False)

    def rates(self, rates: Sequence[Tensor]) -> Tensor:
        """Compute the rates of the auxiliary columns, ``[batch, columns]``."""
        drives = [link.to(rates[source]).drive(rates[source]) for source, link in self.links.items()]
        return torch.tanh(sum(drives[1:], drives[0]))


class Decoders:
    """All decoders of a network.

    Args:
        net: the network.
        kind: one of :data:`KINDS`.
        weights: V and b, by the names that :func:`names` gives them.
        auxiliary: columns beside the output, if there are any.
        to_output: whether what the output holds is decoded, too.
    """

    def __init__(
        self,
        net: Network,
        kind: str,
        weights: Mapping[str, nn.Parameter],
        auxiliary: Auxiliary | None,
        to_output: bool,
    ) -> None:
        self.wiring, self.kind, self.auxiliary = net.wiring, kind, auxiliary
        self.ways: dict[int, list[Way]] = {}
        self.biases: dict[int, nn.Parameter] = {}
        for node in range(1, self.wiring.output):
            self.ways[node] = [
                Way(above, link, weights[f"decoder.{link.name}"])
                for above, link in decoded(net, node, to_output)
            ]
            if auxiliary is not None and node in auxiliary.links:
                link = next(k for above, k in decoded(net, node, True) if above == self.wiring.output)
                beside = weights[f"decoder.{link.name}.auxiliary"]
                self.ways[node].append(Way(self.wiring.output + 1, auxiliary.links[node], beside))
            if self.ways[node] and kind == "activation":
                self.biases[node] = weights[f"decoder.{self.ways[node][0].link.name}.bias"]

    def code(self, node: int, state: Tensor, trace: Trace) -> Tensor:
        """Return the input to decoders from an area in a state: the state itself, or f' times it if gated."""
        return self.wiring.area(node).to_drive(state, trace) if self.kind == "gated" else state

    def drive(self, node: int, codes: Sequence[Tensor]) -> Tensor | None:
        """Compute the decoders' drive Σ V c + b to an area, shaped as its rates; None without decoders."""
        parts = [link.feedback(codes[above], weight) for above, link, weight in self.ways[node]]
        if not parts:
            return None
        drive = sum(parts[1:], parts[0])
        return drive + self.biases[node] if node in self.biases else drive

    def moved(
        self, node: int, codes: Sequence[Tensor], moves: Sequence[Tensor], of_two: bool
    ) -> Tensor | None:
        """Compute how the drive to an area moves when codes do; None without decoders.

        ``of_two``: as columns have it, from what comes down before and after; at once otherwise.
        """
        if not of_two:
            return self.drive(node, moves)  # (they are linear, and have no bias)
        there = self.drive(node, [code + move for code, move in zip(codes, moves, strict=True)])
        here = self.drive(node, codes)
        return None if there is None or here is None else there - here

    def fired(self, node: int, drive: Tensor) -> Tensor:
        """Compute the decoded rates of an area at the decoders' drive."""
        return self._output(node).forward(drive)[0]

    def rates(self, node: int, codes: Sequence[Tensor]) -> Tensor | None:
        """Compute g, the decoded rates of an area; None if it has no decoder."""
        drive = self.drive(node, codes)
        return None if drive is None else self.fired(node, drive)

    def gain(self, node: int, signal: Tensor, drive: Tensor, rates: Tensor) -> Tensor:
        """Multiply a signal by the derivative d' at decoded rates."""
        return self._output(node).backward(signal, drive, rates, None)

    def _output(self, node: int) -> Fire:
        """Return the activation d of the decoders."""
        area = self.wiring.area(node)
        shaped = self.kind == "activation" and not any(isinstance(s, Homeostasis) for s in area.sequence)
        return area.sequence[0] if shaped and area.fires_first else _LINEAR  # type: ignore[return-value]


_LINEAR = Fire("linear")


def decoded(net: Network, node: int, to_output: bool) -> list[tuple[int, Link]]:
    """Return the links up from a hidden area that have a decoder; to the output if ``to_output``."""
    leaving = net.wiring.leaving[node]
    return [(a, k) for a, k in leaving if k.plastic and (to_output or a != net.wiring.output)]


def draw(
    net: Network, kind: str, auxiliary: Auxiliary | None, to_output: bool, seed: int
) -> dict[str, Tensor]:
    """Draw the initial weights of all decoders (Glorot), by name.

    ``decoder.area1->area2`` is V, ``decoder.area1->area2.bias`` b of area1 (once for all ways to it),
    ``decoder.area2->output.auxiliary`` V from auxiliary columns.
    """
    drawn: dict[str, Tensor] = {}
    for node in range(1, net.wiring.output):
        ways = decoded(net, node, to_output)
        for _, link in ways:
            drawn[f"decoder.{link.name}"] = link.draw("glorot", generator(seed, f"decoder {link.name}"))
        if ways and kind == "activation":
            link = ways[0][1]
            columns, *sheet = net.wiring.area(node).shape
            shared = link.synapses > link.weights  # weights of a kernel, in every place: b is a channel's
            places = [1] * len(sheet) if shared else sheet
            drawn[f"decoder.{link.name}.bias"] = torch.zeros(columns, *places, dtype=torch.float64)
        if auxiliary is not None and node in auxiliary.links:
            name = next(f"decoder.{k.name}.auxiliary" for a, k in ways if a == net.wiring.output)
            drawn[name] = auxiliary.links[node].draw("glorot", generator(seed, name))
    return drawn
