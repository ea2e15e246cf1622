"""Lateral synapses that learn: to and from the interneurons of dendritic microcircuits.

    P    pyramidal → interneuron       ΔP ∝ (f(u_I) − f(ĝ_D v_I)) × r        predicts the area above
    M    interneuron → apical          ΔM ∝ −v_A × r_I                       cancels what it sends down

(Sacramento, Costa, Bengio & Senn 2018.) Self-predicting: P = (ĝ above / ĝ_D) W, M = −B.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from corticalnet.errors import RuleError
from corticalnet.network import Network
from corticalnet.network.initialisation import generator
from corticalnet.network.links import Dense
from corticalnet.rules.dendrites.conductances import Conductances
from corticalnet.rules.dendrites.pyramidal import DendriticColumns, Lateral
from corticalnet.rules.observer import Observer
from corticalnet.rules.plasticity import Plasticity


def draw(net: Network, conductances: Conductances, random: bool, seed: int, name: str) -> dict[str, Tensor]:
    """Draw laterals by name, self-predicting or at random; M only where it is not to be −B.

    Raises:
        RuleError: beside a link that is not dense.
    """
    drawn: dict[str, Tensor] = {}
    wiring = net.wiring
    for node, _ in wiring.above_input:
        arriving = wiring.arriving[node]
        if not any(source for source, _ in arriving):  # nobody copies it
            continue
        share = conductances.basal_share(node == wiring.output) / conductances.dendritic_share
        for source, link in arriving:
            if not isinstance(link, Dense):
                raise RuleError(
                    f"{name}: laterals that learn are for dense links, and '{link.name}' is "
                    f"{link.describe()}; choose laterals='ideal'"
                )
            for kind in ("predicting", "cancelling") if source and random else ("predicting",):
                w = link.draw("glorot", generator(seed, f"{kind} {link.name}")).to(link.weight)
                drawn[f"{kind}.{link.name}"] = w if random else share * link.weight
            if link.bias is not None:
                offset = torch.zeros_like(link.bias) if random else share * link.bias
                drawn[f"offset.{link.name}"] = offset
    return drawn


def by_link(own: Mapping[str, nn.Parameter]) -> dict[str, Lateral]:
    """Return laterals by link, from a rule's own weights."""
    names = [name.removeprefix("predicting.") for name in own if name.startswith("predicting.")]
    return {
        name: Lateral(own[f"predicting.{name}"], own.get(f"offset.{name}"), own.get(f"cancelling.{name}"))
        for name in names
    }


def learn(columns: DendriticColumns, plasticity: Plasticity, observer: Observer) -> None:
    """Accumulate the changes of all laterals, by what cells hold now."""
    wiring = columns.wiring
    nodes = range(len(wiring.areas))
    copied = [columns.copies[node] is not None for node in nodes]
    surprise = [columns.surprise(node) if copied[node] else None for node in nodes]
    back = [columns.sent_back(node) if copied[node] else None for node in nodes]
    apical = list(columns.apical)
    cells: dict[str, Sequence[Tensor | None]] = {"rate": columns.rates, "apical": apical}
    cells |= {"surprise": surprise, "sent back": back}
    observer.snapshot(wiring, cells)

    def hebbian(link: Any, weight: nn.Parameter, pre: Tensor, post: Tensor) -> None:
        if weight.requires_grad:
            out, scale, beta = plasticity.gradient_buffer(weight)
            link.hebbian(pre, post, out, scale, beta)

    for node, (error, sent) in enumerate(zip(surprise, back, strict=True)):
        if error is None or sent is None:
            continue
        for source, link in wiring.arriving[node]:
            lateral = columns.laterals[link.name]
            hebbian(link, lateral.predicting, columns.rates[source], error)
            if lateral.offset is not None and lateral.offset.requires_grad:
                link.hebbian_bias(error, *plasticity.gradient_buffer(lateral.offset))
            if lateral.cancelling is not None:
                loud = apical[source]
                assert loud is not None, "a hidden area has apical dendrites"
                hebbian(link, lateral.cancelling, -loud, sent)
