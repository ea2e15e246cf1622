"""Plasticity as Brian2 code at a synapse: by events where a trigger is named, in each step otherwise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from corticalnet.engines.brian2_engine.code import SELECT, Formula, formula, statements

if TYPE_CHECKING:
    from corticalnet.engines.brian2_engine.bundles import Bundle
    from corticalnet.engines.brian2_engine.layout import Layout


@dataclass(frozen=True)
class Learning:
    """Code of plasticity; "" for what is not in use.

    Attributes:
        change: the change of a synapse in a step.
        temporary: statements before it.
        gain: what a remembered trace is multiplied with; "" if synapses do not remember.
        trigger, consolidation: when, as numbers of the post cell's rows.
    """

    change: str
    gain: str
    temporary: list[str]
    trigger: str
    consolidation: str

    @property
    def text(self) -> str:
        """All of it."""
        return " ".join([self.change, self.gain, *self.temporary, self.trigger, self.consolidation])


def learning(layout: Layout, bundle: Bundle) -> Learning:
    """The plasticity of a bundle, called with formulas."""
    projection = bundle.plastic
    assert projection is not None, "asked of plastic projections only"
    assert projection.plasticity is not None, "asked of plastic projections only"
    rule, names = projection.plasticity, layout.names
    pre, post = layout.plan.places[projection.source], layout.plan.places[projection.target]
    sides = [
        SimpleNamespace(**{s: Formula(f"{names(place.role, s)}_{side}") for s in place.cell.state})
        for place, side in ((pre, "pre"), (post, "post"))
    ]
    if projection.delay:  # a delayed synapse knows what has arrived, and no more, of its presynaptic cell
        sent = layout.circuit.sent(projection.source, projection.sends)
        sides[0] = SimpleNamespace(**{sent: Formula(f"{layout.bundles.arrived(projection)}_pre")})
    port = SimpleNamespace(**{p: layout.heard(post.block, post.role, p, "_post") for p in post.cell.ports})
    factor: Any = float(rule.rate)
    slots = {}
    for slot, name in rule.slots.items():
        heard = Formula(f"{names('heard', name)}_post")
        slots[slot] = getattr(port, name, getattr(sides[1], name, heard))
        if slot != "consolidation":
            factor = factor * slots[slot]
    gain = ""
    if rule.memory:  # the trace knows the trigger alone; rate and modulator act on it
        gain = formula(float(rule.rate) * slots.get("modulator", 1.0)).text
        factor = slots.get("trigger", 1.0)
    change = factor * rule.eligibility(Formula("w"), sides[0], sides[1], port)
    *temporary, last = statements({"dw": change}, "_x")
    trigger, consolidation = (
        formula(slots[slot]).text if slot in slots else "" for slot in ("trigger", "consolidation")
    )
    return Learning(
        last.removeprefix("dw = "), gain, temporary, "" if rule.memory else trigger, consolidation
    )


def events(layout: Layout, bundle: Bundle) -> dict[str, str]:
    """Slots of plasticity that cells of the group can announce, and the conditions when they do."""
    if bundle.plastic is None or bundle.tied:
        return {}
    code = learning(layout, bundle)
    slots = {"learn": code.trigger, "consolidate": code.consolidation}
    own = {slot: re.sub(r"_post\b", "", text) for slot, text in slots.items()}
    return {slot: f"{text} != 0.0" for slot, text in own.items() if text != slots[slot]}


def texts(layout: Layout, bundle: Bundle) -> tuple[dict[str, str], str]:
    """Code of plasticity: for each slot that waits for an event, and what is done in each step."""
    if bundle.plastic is None:
        return {}, ""
    code, announced = learning(layout, bundle), events(layout, bundle)
    if code.gain:
        assert bundle.plastic.plasticity is not None, "plastic"
        keep = float(layout.circuit.dt) / float(bundle.plastic.plasticity.memory)
        lines = [*code.temporary, f"trace += {keep!r} * ({code.change} - trace)"]
        return {}, "\n".join([*lines, f"{'dw =' if bundle.tied else 'w +='} {code.gain} * trace"])
    waits = f"{SELECT}({code.consolidation} != 0.0, " if code.consolidation else ""
    due = [f"trace = {waits}0.0, trace)"]
    if bundle.tied:
        change = [f"dw = {code.change}"]
        if waits:
            change = [f"trace += {code.change}", f"dw = {waits}trace, 0.0)", *due]
    elif not waits:
        change = [f"w += {code.change}"]
    else:
        change = [f"trace += {code.change}"]
        if "consolidate" not in announced:
            change += [f"w += {waits}trace, 0.0)", *due]
    pathways = {"consolidate": "w += trace\ntrace = 0.0"} if "consolidate" in announced else {}
    text = "\n".join([*code.temporary, *change])
    return ({"learn": text, **pathways}, "") if "learn" in announced else (pathways, text)
