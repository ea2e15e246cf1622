"""Plasticity as Brian2 code at a synapse: by events where a trigger is named, in each step otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from corticalnet.circuits.plasticity import Plasticity
from corticalnet.engines.brian2_engine.bundle import Bundle
from corticalnet.engines.brian2_engine.bundles import Bundles
from corticalnet.engines.brian2_engine.code import Formula, Names, formula
from corticalnet.engines.brian2_engine.statements import copied, split, statements


@dataclass(frozen=True)
class Learning:
    """Code of plasticity; "" for what is not in use.

    Attributes:
        update: statements that move the states of a synapse, before all else.
        change: the change of a synapse in a step.
        temporary: statements before it.
        gain: what a remembered trace is multiplied with; None if synapses do not remember.
        trigger, consolidation: when, as numbers of the post cell's rows.
    """

    update: list[str]
    change: str
    gain: Formula | None
    temporary: list[str]
    trigger: str
    consolidation: str

    @property
    def text(self) -> str:
        """Return all of the code as one text."""
        gain = "" if self.gain is None else self.gain.text
        return " ".join([*self.update, self.change, gain, *self.temporary, self.trigger, self.consolidation])

    def in_each_step(self, trace: str, keep: str, move: Callable[[str], str]) -> list[str]:
        """Write what a synapse does in each step, if nothing waits for an event.

        Args:
            trace: the name of its trace.
            keep: by how much of the way a remembered trace follows, dt / memory.
            move: writes the statement by which the weight changes by what it is given.
        """
        first = [*self.update, *self.temporary]
        if self.gain is not None:
            follow = f"{trace} += {keep} * ({self.change} - {trace})"
            return [*first, follow, move((self.gain * Formula(trace)).text)]
        if not self.consolidation:
            return [*first, move(self.change)]
        waits = f"where({self.consolidation} != 0.0, "
        return [
            *first,
            f"{trace} += {self.change}",
            move(f"{waits}{trace}, 0.0)"),
            f"{trace} = {waits}0.0, {trace})",
        ]


def synapse(names: Names, rule: Plasticity) -> SimpleNamespace:
    """Return a synapse's weight and states, as formulas."""
    states = {name: Formula(names("synapse", name)) for name in rule.states}
    return SimpleNamespace(weight=Formula("w"), **states)


@dataclass(frozen=True)
class Around:
    """What a synapse knows, as formulas: itself, its two cells, the ports of the second, and broadcasts.

    Attributes:
        here: its ``weight``, and its states.
        pre, post, port: states and ports.
        heard: what a broadcast brings, by name.
        remembers: whether it has a trace that fades.
        dt: length of a step.
    """

    here: SimpleNamespace
    pre: SimpleNamespace
    post: SimpleNamespace
    port: SimpleNamespace
    heard: Callable[[str], Formula]
    remembers: bool
    dt: Any


def code_of(rule: Plasticity, around: Around, write: Callable[[str, dict[str, Any]], list[str]]) -> Learning:
    """Write the code of a plasticity, by calling it with formulas.

    Args:
        rule: its parameters may be formulas too.
        around: what a synapse knows.
        write: writes statements of the "update" or the "change" of a synapse, by new values of variables.
    """
    here, pre, post, port = around.here, around.pre, around.post, around.port
    rate: Any = rule.rate
    factor, slots = rate, {}
    for slot, name in rule.slots.items():
        own = {**vars(post), **vars(port)}
        slots[slot] = own[name] if name in own else around.heard(name)
        if slot != "consolidation":
            factor = factor * slots[slot]
    gain = None
    if around.remembers:  # the trace knows the trigger alone; rate and modulator act on it
        gain = formula(rate * slots.get("modulator", 1.0))
        factor = slots.get("trigger", 1.0)
    new = rule.update(here, pre, post, port, around.dt)
    update = write("update", {getattr(here, state).text: value for state, value in new.items()})
    *temporary, last = write("change", {"dw": factor * rule.eligibility(here, pre, post, port)})
    trigger, consolidation = (
        formula(slots[slot]).text if slot in slots else "" for slot in ("trigger", "consolidation")
    )
    trigger = "" if around.remembers else trigger
    return Learning(update, split(last)[2], gain, temporary, trigger, consolidation)


def learning(bundles: Bundles, bundle: Bundle) -> Learning:
    """Write the code of a bundle's plasticity."""
    projection, names = bundle.plastic, bundles.fields.names
    assert projection is not None, "asked of plastic projections only"
    assert projection.plasticity is not None, "asked of plastic projections only"
    rule = projection.plasticity
    source, target = (bundles.plan.places[end] for end in (projection.source, projection.target))
    post = {name: Formula(f"{names(target.role, name)}_post") for name in target.cell.state}
    if projection.delay:  # a delayed synapse knows what has arrived, and no more, of its presynaptic cell
        known = {s: bundles.arrived(projection, s) for s in bundles.circuit.carried(projection)}
    else:
        known = {s: names(source.role, s) for s in source.cell.state}
    pre = {s: Formula(f"{field}_pre") for s, field in known.items()}
    port = {name: bundles.heard(target.block, target.role, name, "_post") for name in target.cell.ports}
    around = Around(
        synapse(names, rule), SimpleNamespace(**pre), SimpleNamespace(**post), SimpleNamespace(**port),
        lambda name: Formula(f"{names('heard', name)}_post"), bool(rule.memory), float(bundles.circuit.dt),
    )  # fmt: skip

    def write(what: str, new: dict[str, Any]) -> list[str]:
        return list(map(copied, statements(new, f"_{what}_{{}}".format, "_new_{}".format)))

    return code_of(rule, around, write)


def events(bundles: Bundles, bundle: Bundle) -> dict[str, str]:
    """Return the conditions of events by which cells trigger slots of plasticity; none if they cannot."""
    rule = None if bundle.plastic is None else bundle.plastic.plasticity
    if rule is None or bundle.tied or rule.state:  # (states of synapses move in every step)
        return {}
    code = learning(bundles, bundle)
    slots = {"learn": code.trigger, "consolidate": code.consolidation}
    own = {slot: re.sub(r"_post\b", "", text) for slot, text in slots.items()}
    return {slot: f"{text} != 0.0" for slot, text in own.items() if text != slots[slot]}


def texts(bundles: Bundles, bundle: Bundle) -> tuple[dict[str, str], str]:
    """Write the code of plasticity: for each slot that waits for an event, and for every step."""
    rule = None if bundle.plastic is None else bundle.plastic.plasticity
    if rule is None:
        return {}, ""
    code, announced = learning(bundles, bundle), events(bundles, bundle)
    move = "dw = {}" if bundle.tied else "w = clip(w + ({}), low, high)" if bundle.low else "w += {}"
    trace = bundles.fields.names("synapse", "trace")
    keep = float(bundles.circuit.dt) / float(rule.memory) if rule.memory else 0.0
    lines, pathways = code.in_each_step(trace, repr(keep), move.format), {}
    if "consolidate" in announced:
        lines = lines[:-2]
        pathways = {"consolidate": f"{move.format(trace)}\n{trace} = 0.0"}
    text = "\n".join(lines)
    return ({"learn": text, **pathways}, "") if "learn" in announced else (pathways, text)
