"""A circuit as Brian2 objects: a group for each population, Synapses for each projection and broadcast."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Collection
from typing import Any

from corticalnet.circuits import Broadcast, Projection
from corticalnet.circuits.quantities import MS, ONE
from corticalnet.engines.brian2_engine.code import ADDED, Formula, Names
from corticalnet.engines.brian2_engine.library import allowed
from corticalnet.engines.brian2_script.joints import Joint, Summed
from corticalnet.engines.brian2_script.past import Past
from corticalnet.engines.brian2_script.scope import Group, ScriptVariable
from corticalnet.engines.brian2_script.units import quantity, without_unit
from corticalnet.engines.plan import Plan, PortSum

#: Parameters of plasticity that are called otherwise in a script, where "rate" is what cells have.
CALLED = {"rate": "learning_rate"}
#: Names that the script gives itself.
OWN = {"arrays", "at", "network", "traces", "np", "plt", "Path", "time", *ADDED}


class BrianObjects:
    """The groups and Synapses of a circuit.

    Args:
        plan: what is to run.
        signals: (population, input) that a protocol drives.
        noise: (population, port) that have noise.

    Attributes:
        groups: by population.
        joints: in order.
    """

    def __init__(
        self, plan: Plan, signals: Collection[tuple[str, str]], noise: Collection[tuple[str, str]]
    ) -> None:
        self.plan, self.circuit = plan, plan.circuit
        self.python = Names(_python)
        self.groups = {p.name: Group(p, self.python(p.name)) for p in self.circuit.populations}
        self.joints: list[Joint] = []
        self._signals, self._noise = signals, noise
        self._sums: dict[tuple[str, str], Summed] = {}
        self._heard: dict[tuple[str, str], list[tuple[Group, str]]] = {}
        self._broadcast: dict[tuple[str, str], str] = {}
        self._past: dict[tuple[str, str, str], Past] = {}
        self._when = {
            (p, s.port): phase.name if s.delivered else f"{phase.name} end"
            for phase, operations in plan.steps
            for s in operations
            if isinstance(s, PortSum)
            for p in s.block.populations[s.role]
        }
        for projection in self.circuit.projections:
            if not projection.shared_with:
                self._project(projection)
        for broadcast in self.circuit.broadcasts:
            for target in broadcast.targets:
                self._spread(broadcast, target)
        for projection in self.circuit.plastic:
            self._arrived(projection)
        for name, port in noise:
            unit = type(self.groups[name].cell).port_units()[port]
            self.groups[name].add((port, "noise"), ScriptVariable(unit, note="drawn beforehand"))

    # What there is -----------------------------------------------------------------------------
    def _project(self, forth: Projection) -> None:
        source, target = self.groups[forth.source], self.groups[forth.target]
        rule = forth.plasticity
        spikes = self._spikes(forth)
        delay = quantity(float(forth.delay), MS) if spikes and forth.delay else ""
        joint = Joint(self.python("S", forth.name), source, target, forth, delay)
        self.joints.append(joint)
        for name, state in ({} if rule is None else rule.states).items():
            initial = quantity(state.rest, state.unit) if state.rest else ""
            joint.add(("state", name), ScriptVariable(state.unit, initial=initial), name)
        sent = joint.at(source, self._sent(forth), "pre")
        value = joint.twin(rule, CALLED).transmits(joint.here(), sent) if rule else Formula("w") * sent
        one = self._total(joint, forth, target, "post", Formula("w") if spikes else value)
        one.event = spikes
        if spikes:
            self._threshold(source)
        for other in (p for p in self.circuit.projections if p.shared_with == forth.name):
            self._share(joint, other)

    def _share(self, joint: Joint, other: Projection) -> None:
        """Let another projection use the same synapses, forth or back."""
        source, target = joint.source, joint.target
        near, far, side = (target, source, "pre") if other.runs_back else (source, target, "post")
        name = near.see(self.groups[other.source], self._sent(other))
        sent = joint.at(near, name, "post" if other.runs_back else "pre")
        weight: Any = Formula("w")
        if other.weight is not None:
            note = ScriptVariable(ONE, "constant", f"of {other.name}")
            strength = joint.add(("strength", other.name), note, "strength")
            joint.strengths[strength] = other
            weight = Formula("sign({})", (weight,)) * Formula(strength)
        self._total(joint, other, far, side, weight * sent)

    def _total(self, joint: Joint, part: Projection, group: Group, side: str, value: Any) -> Summed:
        reader = self.groups[part.target]
        unit = type(reader.cell).port_units()[part.port]
        one = joint.total(group, (part.name,), unit, side, value, f"by {part.name}")
        self._sums[part.name, part.target] = one
        self._heard.setdefault((part.target, part.port), []).append((group, one.name))
        if part.delay and not self._spikes(part):
            for state in self.circuit.carried(part):
                self._of_past(part, state).readers.append(one)
        return one

    def _spread(self, broadcast: Broadcast, target: str) -> None:
        """Add a broadcast to a population, or to the cells at which a projection ends."""
        at_cells = target in self.groups
        group = self.groups[target if at_cells else self.circuit.projection(target).target]
        if not at_cells and (broadcast.name, group.variable) in self._broadcast:
            first = self._broadcast[broadcast.name, group.variable]
            self._sums[broadcast.name, target] = self._sums[broadcast.name, first]
            return
        source = self.groups[broadcast.source]
        port = broadcast.port if at_cells else ""
        say = f"S_{broadcast.name}_to_{group.variable}"
        joint = Joint(self.python("S", broadcast.name, group.variable, port, say=say), source, group)
        self.joints.append(joint)
        state = source.names(self.circuit.sent(broadcast.source, broadcast.sends))
        unit = type(group.cell).port_units()[broadcast.port] if at_cells else source.variables[state].unit
        words = ("at", broadcast.port, broadcast.name) if at_cells else ("for synapses", broadcast.name)
        say = broadcast.name if broadcast.name not in group.variables else "_".join(reversed(words))
        sent = joint.at(source, state, "pre")
        one = joint.total(group, words, unit, "post", sent, f"from {broadcast.source}", say)
        self._sums[broadcast.name, target] = one
        if at_cells:
            self._heard.setdefault((target, broadcast.port), []).append((group, one.name))
        else:
            self._broadcast[broadcast.name, group.variable] = target

    def _spikes(self, part: Projection) -> bool:
        """Return whether a projection is carried by Brian2's own spikes: its cells' one event, weighed."""
        rule, cell = part.plasticity, self.groups[part.source].cell
        events = [name for name, state in cell.states().items() if state.event]
        sent = self.circuit.sent(part.source, part.sends)
        plain = rule is None or (rule.weighs and not part.delay)
        return plain and not part.shared_with and events == [sent]

    def _threshold(self, group: Group) -> None:
        name = next(name for name, state in group.cell.states().items() if state.event)
        group.threshold = group.names(name), "", 0

    # Delays of states that are no spikes ---------------------------------------------------------
    def _sent(self, part: Projection) -> str:
        """Return the variable that a projection sends: a state, or what it was some steps ago."""
        origin, sent = self.groups[part.source], self.circuit.sent(part.source, part.sends)
        if not part.delay or self._spikes(part):
            return origin.names(sent)
        steps = self.circuit.delay_steps(part)
        return self._of_past(part, sent).ago(steps)

    def _of_past(self, part: Projection, state: str) -> Past:
        when = self._when[part.target, part.port]
        key = part.source, state, when
        return self._past.setdefault(key, Past(self.groups[part.source], state, when))

    def _arrived(self, part: Projection) -> dict[str, str]:
        """Return the variables with the presynaptic states that plasticity knows."""
        origin = self.groups[part.source]
        if not part.delay:
            return {state: origin.names(state) for state in origin.cell.state}
        steps = self.circuit.delay_steps(part) + 1  # (the past has aged by a step when synapses learn)
        return {state: self._of_past(part, state).ago(steps) for state in self.circuit.carried(part)}

    def _port(self, group: Group, port: str, joint: Joint | None = None) -> Any:
        """Return what a port receives: sums, then wires, then noise; 0 if there is nothing."""
        name, pure = group.population.name, type(group.cell).port_units()[port] == ONE

        def seen(variable: str) -> Formula:
            found = Formula(variable) if joint is None else joint.at(group, variable, "post")
            return without_unit(found, group.units[variable]) if pure else found

        parts: list[Any] = [seen(group.see(*home)) for home in self._heard.get((name, port), ())]
        for wire in (w for w in self.circuit.wires if (w.target, w.port) == (name, port)):
            other = self.groups[wire.source]
            value = seen(group.see(other, other.names(self.circuit.sent(wire.source, wire.sends))))
            parts.append(value if wire.weight == 1 else wire.weight * value)
        if (name, port) in self._noise:
            parts.append(seen(group.names(port, "noise")))
        return sum(parts[1:], parts[0]) if parts else 0.0


def _python(name: str) -> bool:
    return allowed(name) and not keyword.iskeyword(name) and name not in {*OWN, *dir(builtins)}
