"""``audit_rule``: everything that can be measured of a rule, by one protocol."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch

from corticalnet.audit.autonomy import SCALES, autonomy
from corticalnet.audit.constraints import signed, taught, transport
from corticalnet.audit.equality import LINKS, equality
from corticalnet.audit.locality import locality
from corticalnet.audit.report import Report
from corticalnet.audit.samples import activations, title, training_copy, usual_mlp
from corticalnet.audit.synapses import tying
from corticalnet.audit.verdicts import (
    judge_autonomy,
    judge_clock,
    judge_equality,
    judge_locality,
    judge_partial,
    judge_phases,
    judge_signed,
    judge_teacher,
    judge_transport,
    judge_tying,
)
from corticalnet.errors import RuleError
from corticalnet.network import Network
from corticalnet.rules import LearningRule
from corticalnet.rules.catalogue import rule as rule_by_name

#: Parts of an audit, in order.
PARTS = ("equality", "locality", "feedback", "teacher", "autonomy")


def audit_rule(
    rule: str | LearningRule,
    network: Network | None = None,
    *,
    seed: int = 0,
    quick: bool = False,
    progress: Callable[[str], None] = lambda part: None,
) -> Report:
    """Audit a rule by measurements alone: nothing is looked up by its name.

    Args:
        rule: a name (:func:`corticalnet.list_rules`), or any rule; it is not changed.
        network: to try it on; not changed. If not given: dense ones with 2 to 5 links, of sigmoid, tanh and
            ReLU columns, or of those that the rule is for (``rule.activations``).
        seed: of networks, inputs and timing.
        quick: one network of each kind, instead of several.
        progress: called with the name of a part (one of :data:`PARTS`) when it is done.

    Returns:
        A report: ``report["locality"]`` is one finding (mark, number, detail); ``report.evidence`` holds, by
        part, everything that was measured, as plain numbers.

    Raises:
        RuleError: an unknown name, or no rule at all.
        ShapeError: the network and the rule do not fit.

    >>> audit_rule("feedback-alignment", quick=True)["weight transport"].mark
    'yes'
    """
    if isinstance(rule, str):
        rule = rule_by_name(rule)
    if not isinstance(rule, LearningRule):
        raise RuleError(f"audit takes a rule or the name of one, not {rule!r}")
    if network is not None and not isinstance(network, Network):
        raise RuleError(f"audit takes a Network to try a rule on, not {type(network).__name__}")
    rule = copy.deepcopy(rule)

    def part(name: str, found: Any) -> Any:
        progress(name)
        return found

    with torch.random.fork_rng(devices=[]):
        likeness = part("equality", equality(rule, network, seed, 1 if quick else 3))
        local = part("locality", locality(rule, network, seed))
        carried, signals = part("feedback", (transport(rule, network, seed), signed(rule, network, seed)))
        told = part("teacher", taught(rule, network, seed))
        time = part("autonomy", autonomy(rule, network, seed, (1.0,) if quick else SCALES))
    tied = tying(training_copy(usual_mlp(rule, seed) if network is None else network))
    kinds = f"dense networks with {LINKS[0]} to {LINKS[-1]} links ({', '.join(activations(rule))})"
    return Report(
        title(rule),
        kinds if network is None else f"a network with {len(network.links)} links",
        (
            judge_equality(likeness),
            judge_locality(local),
            judge_partial(time),
            judge_autonomy(time, "autonomy, phases told", "phases"),
            judge_autonomy(time, "autonomy", "nothing"),
            judge_transport(carried, signals),
            judge_tying(tied),
            judge_signed(signals),
            judge_phases(time),
            judge_clock(time),
            judge_teacher(told),
        ),
        {
            "equality": {kind: asdict(one) for kind, one in likeness.items()},
            "locality": asdict(local),
            "weight transport": asdict(carried),
            "signed feedback": asdict(signals),
            "teacher": asdict(told),
            "autonomy": asdict(time),
        },
    )
