"""Plasticity as Brian2 code at a synapse: by events where a trigger is named, in each step otherwise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from corticalnet.circuits.plasticity import Plasticity
from corticalnet.engines.brian2_engine.bundle import Bundle
from corticalnet.engines.brian2_engine.bundles import Bundles
from corticalnet.engines.brian2_engine.code import SELECT, Formula, Names, formula, statements


@dataclass(frozen=True)
class Learning:
    """Code of plasticity; "" for what is not in use.

    Attributes:
        update: statements that move the states of a synapse, before all else.
        change: the change of a synapse in a step.
        temporary: statements before it.
        gain: what a remembered trace is multiplied with; "" if synapses do not remember.
        trigger, consolidation: when, as numbers of the post cell's rows.
    """

    update: list[str]
    change: str
    gain: str
    temporary: list[str]
    trigger: str
    consolidation: str

    @property
    def text(self) -> str:
        """Return all of the code as one text."""
        return " ".join(
            [*self.update, self.change, self.gain, *self.temporary, self.trigger, self.consolidation]
        )


def synapse(names: Names, rule: Plasticity) -> SimpleNamespace:
    """Return a synapse's weight and states, as formulas."""
    states = {name: Formula(names("synapse", name)) for name in rule.states}
    return SimpleNamespace(weight=Formula("w"), **states)


def learning(bundles: Bundles, bundle: Bundle) -> Learning:
    """Write the code of a bundle's plasticity, by calling it with formulas."""
    projection, names = bundle.plastic, bundles.fields.names
    assert projection is not None, "asked of plastic projections only"
    assert projection.plasticity is not None, "asked of plastic projections only"
    rule, here = projection.plasticity, synapse(names, projection.plasticity)
    source, target = (bundles.plan.places[end] for end in (projection.source, projection.target))
    post = SimpleNamespace(
        **{name: Formula(f"{names(target.role, name)}_post") for name in target.cell.state}
    )
    if projection.delay:  # a delayed synapse knows what has arrived, and no more, of its presynaptic cell
        known = {s: bundles.arrived(projection, s) for s in bundles.circuit.carried(projection)}
    else:
        known = {s: names(source.role, s) for s in source.cell.state}
    pre = SimpleNamespace(**{s: Formula(f"{field}_pre") for s, field in known.items()})
    port = SimpleNamespace(
        **{name: bundles.heard(target.block, target.role, name, "_post") for name in target.cell.ports}
    )
    factor: Any = float(rule.rate)
    slots = {}
    for slot, name in rule.slots.items():
        heard = Formula(f"{names('heard', name)}_post")
        slots[slot] = getattr(port, name, getattr(post, name, heard))
        if slot != "consolidation":
            factor = factor * slots[slot]
    gain = ""
    if rule.memory:  # the trace knows the trigger alone; rate and modulator act on it
        gain = formula(float(rule.rate) * slots.get("modulator", 1.0)).text
        factor = slots.get("trigger", 1.0)
    moved = rule.update(here, pre, post, port, float(bundles.circuit.dt))
    update = statements({names("synapse", state): value for state, value in moved.items()}, "_s")
    change = factor * rule.eligibility(here, pre, post, port)
    *temporary, last = statements({"dw": change}, "_x")
    trigger, consolidation = (
        formula(slots[slot]).text if slot in slots else "" for slot in ("trigger", "consolidation")
    )
    return Learning(
        update, last.removeprefix("dw = "), gain, temporary, "" if rule.memory else trigger, consolidation
    )


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
    move = "w = clip(w + ({}), low, high)" if bundle.low else "w += {}"
    trace = bundles.fields.names("synapse", "trace")
    first = [*code.update, *code.temporary]
    if code.gain:
        keep = float(bundles.circuit.dt) / float(rule.memory)
        lines = [*first, f"{trace} += {keep!r} * ({code.change} - {trace})"]
        step = f"{code.gain} * {trace}"
        return {}, "\n".join([*lines, f"dw = {step}" if bundle.tied else move.format(step)])
    waits = f"{SELECT}({code.consolidation} != 0.0, " if code.consolidation else ""
    due = [f"{trace} = {waits}0.0, {trace})"]
    if bundle.tied:
        change = [f"dw = {code.change}"]
        if waits:
            change = [f"{trace} += {code.change}", f"dw = {waits}{trace}, 0.0)", *due]
    elif not waits:
        change = [move.format(code.change)]
    else:
        change = [f"{trace} += {code.change}"]
        if "consolidate" not in announced:
            change += [move.format(f"{waits}{trace}, 0.0)"), *due]
    pathways = {"consolidate": f"{move.format(trace)}\n{trace} = 0.0"} if "consolidate" in announced else {}
    text = "\n".join([*first, *change])
    return ({"learn": text, **pathways}, "") if "learn" in announced else (pathways, text)
