"""The order of a step: every operation of the plan gets its slot, its place in it, and its code.

The plan is the engine's, and so are the functions that are called: those of cells and plasticity.
"""

from __future__ import annotations

from collections.abc import Collection
from types import SimpleNamespace

import numpy as np

from corticalnet.circuits import Projection
from corticalnet.circuits.quantities import ONE
from corticalnet.engines.brian2_engine.code import Formula
from corticalnet.engines.brian2_engine.learning import Around, code_of
from corticalnet.engines.brian2_script.joints import Summed
from corticalnet.engines.brian2_script.objects import CALLED, BrianObjects
from corticalnet.engines.brian2_script.scope import Group, ScriptVariable
from corticalnet.engines.brian2_script.units import quantity
from corticalnet.engines.plan import Act, Deliver, Learn, Plan, PortSum


class OrderedObjects(BrianObjects):
    """Groups and synapses, and the order of their step.

    Args:
        plan, signals, noise: as its base takes them.

    Attributes:
        record_order: of what records, within its phase.
        inputs, noises: (population, input or port) -> the name of its TimedArray.
    """

    def __init__(
        self, plan: Plan, signals: Collection[tuple[str, str]], noise: Collection[tuple[str, str]]
    ) -> None:
        super().__init__(plan, signals, noise)
        self.record_order = 0
        self.inputs: dict[tuple[str, str], str] = {}
        self.noises: dict[tuple[str, str], str] = {}
        self._orders: dict[str, int] = {}
        self._placed: list[Summed] = []
        self._walk()

    def _next(self, phase: str) -> int:
        self._orders[phase] = self._orders.get(phase, 0) + 1
        return self._orders[phase]

    def _walk(self) -> None:
        young = list(self._past.values())
        for phase, operations in self.plan.steps:
            name = phase.name
            for operation in operations:
                if isinstance(operation, Deliver):
                    self._deliver(name)
                elif isinstance(operation, PortSum):
                    for area, parts in zip(
                        operation.block.populations[operation.role], operation.arriving, strict=True
                    ):
                        for part in parts:
                            self._place(self._sums[part.name, area], name)
                    for past in [one for one in young if one.due(self._placed)]:
                        past.age(name, self._next(name))
                        young.remove(past)
                elif isinstance(operation, Act):
                    for population in operation.block.populations[operation.role]:
                        self._act(self.groups[population], name)
                elif isinstance(operation, Learn):
                    for projection in operation.projections:
                        self._learn(projection, name)
                else:
                    self.record_order = self._next(name)

    def _place(self, one: Summed, phase: str) -> None:
        if one in self._placed:
            return
        self._placed.append(one)
        if one.event:  # what the spikes of the last step brought is taken away first
            zero = quantity(0.0, one.group.variables[one.name].unit)
            one.group.run(
                f"{one.group.variable}_{one.name}", phase, self._next(phase), [f"{one.name} = {zero}"]
            )
        one.phase, one.order = phase, self._next(phase)

    def _deliver(self, phase: str) -> None:
        for name, group in self.groups.items():
            lines = []
            for (population, what), tables in (
                *((key, self.inputs) for key in self._signals),
                *((key, self.noises) for key in self._noise),
            ):
                if population == name:
                    noisy = tables is self.noises
                    variable = group.names(what, "noise") if noisy else group.names(what)
                    table = self.python("noise" if noisy else "shown", name, what)
                    tables[population, what] = group.constants[table] = table
                    lines.append(f"{variable} = {table}(t, i)")
            if lines:
                group.run(group.variable, phase, self._next(phase), lines)

    def _act(self, group: Group, phase: str) -> None:
        port = {name: self._port(group, name) for name in group.cell.ports}
        lines = group.act(phase, port)
        group.run(group.variable, phase, self._next(phase), lines)
        if group.threshold and any(line.startswith(f"{group.threshold[0]} ") for line in lines):
            group.threshold = group.threshold[0], phase, self._next(phase)

    def _learn(self, projection: Projection, phase: str) -> None:
        joint = next(j for j in self.joints if j.projection is projection)
        rule, source, target = projection.plasticity, joint.source, joint.target
        assert rule is not None, "asked of plastic projections only"
        for (name, reached), one in self._sums.items():
            if reached == projection.name and name in [b.name for b in self.circuit.broadcasts]:
                self._place(one, phase)
        known = self._arrived(projection)
        twin = joint.twin(rule, CALLED)
        around = Around(
            joint.here(),
            SimpleNamespace(**{s: joint.at(source, name, "pre") for s, name in known.items()}),
            SimpleNamespace(**{s: joint.at(target, target.names(s), "post") for s in target.cell.state}),
            SimpleNamespace(**{port: self._port(target, port, joint) for port in target.cell.ports}),
            lambda name: joint.at(target, self._sums[name, projection.name].name, "post"),
            bool(rule.memory),
            Formula("dt"),
        )
        code = code_of(twin, around, joint.set_to)
        trace = joint.names("state", "trace", say="trace")
        for end in ("low", "high") if projection.bounded else ():
            limit = np.asarray(getattr(projection, end))
            if limit.ndim:
                joint.add((end,), ScriptVariable(ONE, "constant", "bound of the weight"))
            else:
                joint.constants[joint.names(end)] = repr(float(limit)).replace("inf", "np.inf")
        move = "w = clip(w + ({}), low, high)" if projection.bounded else "w += {}"
        keep = f"dt / {twin.memory.text}"
        lines = code.in_each_step(trace, keep, move.format)
        joint.run(joint.variable, phase, self._next(phase), lines)
