"""The constraints of Lillicrap's talk (2018; Lillicrap et al. 2020): what feedback a rule asks for.

weight transport    does the feedback follow the forward weights? They are negated, shuffled and scaled, once
                    after the pathway was built and once before, with the errors held fixed
weight tying        synapses that share a weight, in the network
signed feedback     how much of what is sent down is negative, where no rate is
teacher             does the change depend on *which* wrong class the target is? A reward does not say

Whatever a pathway says, and for rules that have none: weights above are also changed at the moment of the
change, and where no rate of a whole trial feels it (:mod:`.null_space`), and it is seen whether changes below
move.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from corticalnet.activations import activation
from corticalnet.audit.null_space import NullSpace, null_space
from corticalnet.audit.probe import Probe, ProbeState
from corticalnet.audit.samples import (
    activations,
    links_above,
    random_batch,
    relative_change,
    training_copy,
    usual_mlp,
    weight_update,
)
from corticalnet.compare import relative_error, seeded
from corticalnet.network import Network
from corticalnet.network.links import Link
from corticalnet.network.observed import Told
from corticalnet.network.stages import Fire
from corticalnet.rules import LearningRule
from corticalnet.rules.watched import watched

#: What is nearer to 0 than this has no sign: it is rounding.
ROUNDING = 1e-12

ALTERATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "negated": lambda w: -w,
    "shuffled": lambda w: w.flatten().flip(0).view_as(w),
    "scaled": lambda w: 1.5 * w,
}


@dataclass(frozen=True)
class Transport:
    """How far the feedback moves when forward weights do.

    Attributes:
        moves: alteration -> largest relative move of the signal into any area, or of a change below.
        copied: the same for weights that were altered before the pathway was built.
        claims: what the pathway says of itself; None if it is no pathway.
        null_space: how far changes below move with weights that move where no rate feels it.
    """

    moves: dict[str, float]
    copied: dict[str, float]
    claims: bool | None
    null_space: NullSpace = field(default_factory=NullSpace)

    @property
    def largest(self) -> float:
        """Return the largest move of the signal; if there is none, that of changes in the null space."""
        seen = max((*self.moves.values(), *self.copied.values()), default=0.0)
        return seen or self.null_space.largest


def transport(rule: LearningRule, network: Network | None = None, seed: int = 0) -> Transport:
    """Alter forward weights and measure whether feedback follows (weight transport)."""
    unfelt = null_space(rule, network, seed)
    network = training_copy(usual_mlp(rule, seed) if network is None else network)
    now, before = _below(rule, network, seed), dict.fromkeys(ALTERATIONS, 0.0)
    if signed(rule, network, seed).count:  # a pathway that is not used carries nothing
        with torch.no_grad():
            signals = _signals(rule, network, network, seed)
            for name, alter in ALTERATIONS.items():
                other = _altered(network, alter)
                followed = _distance(_signals(rule, network, other, seed), signals)
                now[name] = max(now[name], followed)
                before[name] = _distance(_signals(rule, other, other, seed), signals) if not followed else 0.0
    return Transport(now, before, rule.transports_weights, unfelt)


def _altered(network: Network, alter: Callable[[Tensor], Tensor]) -> Network:
    other = copy.deepcopy(network)
    with torch.no_grad():
        for link in other.links:
            if link.plastic:
                link.weight.copy_(alter(link.weight.clone()))
    return other


def _signals(rule: LearningRule, built_on: Network, used_on: Network, seed: int) -> list[Tensor]:
    """Compute the signals at hidden areas for errors of 1 s.d., along routes laid on another network."""
    rule, network = copy.deepcopy((rule, built_on))
    with seeded(seed):
        rule.feedback_routes(network)
    network.load_state_dict(used_on.state_dict())
    wiring, rng = network.wiring, torch.Generator().manual_seed(seed)
    errors = [torch.empty(0)]  # (none goes to the input)
    for node in range(1, wiring.output + 1):
        shape = wiring.area(node).drive_shape
        errors.append(torch.randn(3, *shape, generator=rng, dtype=torch.float64))
    found: dict[int, Tensor] = {}
    for node, above, link, weights, _ in rule.feedback_routes(network):
        signal = link.feedback(errors[above], weights)
        found[node] = found[node] + signal if node in found else signal
    return [signal.clone() for signal in found.values()]


def _distance(now: list[Tensor], before: list[Tensor]) -> float:
    return max((relative_error(a, b) for a, b in zip(now, before, strict=True)), default=0.0)


def _below(rule: LearningRule, network: Network, seed: int) -> dict[str, float]:
    """Measure how changes below a link move whose weights change after the rule's last forward sweep."""
    x, targets = random_batch(network, seed)
    probe = Probe(network, rule, x, targets)
    found = dict.fromkeys(ALTERATIONS, 0.0)
    above = list(links_above(probe.network))
    for number in probe.moments:
        before = probe.undisturbed[number]
        for name, alter in ALTERATIONS.items():
            for link, below in above:

                def disturb(probed: ProbeState, w: Any = link.weight, alter: Any = alter) -> None:
                    w.data.copy_(alter(w.data.clone()))

                if any(before[n].any() for n in below):
                    after = probe.disturbed(number, disturb)
                    found[name] = max(found[name], relative_change(after, before, below))
    return found


@dataclass(frozen=True)
class Signals:
    """Signs of what areas send down to hidden ones: shares of all (the rest is 0).

    Attributes:
        negative, positive: shares.
        count: of all that was sent, state by state.
        negative_from: areas that sent what is negative.
    """

    negative: float
    positive: float
    count: int
    negative_from: tuple[str, ...] = ()


def signed(rule: LearningRule, network: Network | None = None, seed: int = 0) -> Signals:
    """Measure the signs of what crosses synapses down in a trial: states that are sent, before any weight.

    Columns fire by a sigmoid (a ReLU, if the rule is for these), whatever they do in the network: a rate is
    never negative then, so what is negative is no activity. (Of columns that fire by tanh nobody could tell.)
    """
    if network is None:
        network = usual_mlp(rule, seed, "sigmoid", scale=0.25)  # (noise stays above 0)
    network, rule = _firing(training_copy(network), rule), rule.for_audit()
    x, targets = random_batch(network, seed, 20)
    heard: dict[str, list[Tensor]] = {}

    def told(area: str, sent: Tensor) -> None:
        state = sent.detach().real.flatten().clone()  # (complex: of nudges that turn around)
        heard.setdefault(area.partition(".relay")[0], []).append(state)

    with seeded(seed):
        observed, observer_rule = watched(network, rule, _senders(rule, network, told), x, targets)
    heard.clear()
    weight_update(observed, observer_rule, x, targets, seed)
    pathway = rule.with_signals(told)
    if not heard and pathway is not None:  # which carries by itself what links could
        weight_update(network, pathway, x, targets, seed)
    if not heard:
        return Signals(0.0, 0.0, 0)
    signals = {area: torch.cat(sent) for area, sent in heard.items()}
    every = torch.cat([*signals.values()])
    negative, positive = (one.double().mean().item() for one in (every < -ROUNDING, every > ROUNDING))
    below = tuple(area for area, sent in signals.items() if (sent < -ROUNDING).any())
    return Signals(negative, positive, len(every), below)


def _firing(network: Network, rule: LearningRule) -> Network:
    """Let the columns of a network fire by a sigmoid, or by what the rule is for and is never negative."""
    known = activations(rule)
    kind = next((kind for kind in ("sigmoid", "relu", "softplus") if kind in known), known[0])
    for stage in (stage for _, area in network.wiring.above_input for stage in area.sequence):
        if isinstance(stage, Fire):
            stage.activation = activation(kind)
    return network


def _senders(rule: LearningRule, network: Network, told: Callable[[str, Tensor], None]) -> Told:
    """Return what tells, of operations of links, which area sends what down (auxiliary columns are none)."""
    wiring, above = network.wiring, dict[str, str]()
    for node, _ in wiring.above_input:
        above |= {link.name: wiring.name(node) for source, link in wiring.arriving[node] if source}
    above |= {route.link.name: wiring.name(route.above) for route in rule.feedback_routes(network)}

    def back(link: Link, operation: str, arrived: Tensor, result: Tensor | None) -> None:
        if operation == "feedback" and link.name in above:
            told(above[link.name], arrived)

    return back


@dataclass(frozen=True)
class Taught:
    """What a rule has to be told about the target.

    Attributes:
        wrong: relative move of the change if a wrong class is named for another wrong one.
        any: the same if any class is named for any other.
        lessons: samples that answered wrongly.
    """

    wrong: float
    any: float
    lessons: int


def taught(rule: LearningRule, network: Network | None = None, seed: int = 0) -> Taught:
    """Name other classes as the target, and measure whether the change follows."""
    network = training_copy(usual_mlp(rule, seed) if network is None else network)
    x, targets = random_batch(network, seed, 20)
    before, step = weight_update(network, rule, x, targets, seed)
    answer = getattr(step, "prediction", None)
    if answer is None:
        with torch.no_grad(), seeded(seed):
            answer = copy.deepcopy(network)(x).argmax(1)
    classes = torch.Size(network.output_shape).numel()
    wrong = (targets + 1) % classes
    wrong = torch.where(wrong == answer, (wrong + 1) % classes, wrong)
    wrong = torch.where(targets == answer, targets, wrong)
    named, _ = weight_update(network, rule, x, wrong, seed)
    other, _ = weight_update(network, rule, x, (targets + 1) % classes, seed)
    lessons = int((wrong != targets).sum())
    return Taught(relative_change(named, before), relative_change(other, before), lessons)
