"""The whole script: head, numbers, populations, synapses, order of a step, monitors, run, results."""

from __future__ import annotations

import re

import numpy as np

from corticalnet.about import VERSION
from corticalnet.circuits import AllToAll
from corticalnet.engines.brian2_engine.code import ADDED
from corticalnet.engines.brian2_script import text
from corticalnet.engines.brian2_script.arrays import ScriptArrays
from corticalnet.engines.brian2_script.ordered import OrderedObjects
from corticalnet.engines.brian2_script.units import WRITTEN
from corticalnet.engines.plan import Plan
from corticalnet.errors import EngineError
from corticalnet.experiment.compiled import CompiledProtocol
from corticalnet.recordings.recording import Recording
from corticalnet.recordings.variables import RecordedVariable

#: Brian2's own slots, for objects that the reader adds.
_SLOTS = ["groups", "thresholds", "synapses", "resets"]
#: Rows of the picture.
_ROWS = 8


class Brian2Script:
    """A circuit and a protocol as a Brian2 script.

    Args:
        plan: what is to run.
        compiled: the protocol.
        recording: what to record.

    Attributes:
        arrays: its numbers.
    """

    def __init__(self, plan: Plan, compiled: CompiledProtocol, recording: Recording) -> None:
        self.plan, self.circuit, self.compiled, self.recording = plan, plan.circuit, compiled, recording
        reduced = next((v for v in recording.variables if v.reduce), None)
        if reduced is not None:
            raise EngineError(f"a Brian2 script records cells, not the {reduced.reduce} of '{reduced.part}'")
        self.objects = OrderedObjects(plan, list(compiled.signals), list(compiled.noise))
        self.arrays = ScriptArrays()
        self._monitors: dict[str, tuple[str, list[str]]] = {}
        self._body = self._written()

    def text(self, file: str = "") -> str:
        """Return the script; ``file`` has its arrays, if it does not hold them itself."""
        held = f"arrays = dict(np.load(Path(__file__).with_name({file!r})))" if file else self.arrays.text()
        numbers = f"# Weights, patterns and all other numbers.\n{held}\n\n" if self.arrays else ""
        return self._head() + "\n" + numbers + self._body

    # Parts -------------------------------------------------------------------------------------
    def _head(self) -> str:
        circuit, steps = self.circuit, self.compiled.steps
        names = [phase.name for phase in self.plan.schedule]
        width = max(map(len, names))
        phases = "\n".join(f"    {phase.name:{width}s}  {phase.what}" for phase in self.plan.schedule)
        cells = sum(p.n for p in circuit.populations)
        used = [name for name in _IMPORTS if re.search(rf"\b{name}\b", self._body)]
        imports = "\n".join(_wrapped(["defaultclock", "ms", "prefs", *used]))
        return _HEAD.format(
            name=circuit.name, cells=cells, steps=steps, dt=circuit.dt, phases=phases, imports=imports,
            version=VERSION,
        )  # fmt: skip

    def _written(self) -> str:
        objects, parts = self.objects, []
        tables = text.shown(objects, self.compiled, self.arrays)
        groups = [
            text.group(one, self.arrays, {s: v[0] for s, v in self.plan.scattered(one.population, 1).items()})
            for one in objects.groups.values()
        ]
        joints = [text.joint(one, self.arrays) for one in objects.joints]
        code = "\n".join([*groups, *joints])
        used = {name for name in ADDED if f"'{name}': {name}" in code}
        if used:
            parts += [_FUNCTIONS, text.functions(used), ""]
        if tables:
            parts += ["# What is shown, step by step.", tables, ""]
        parts += ["", "# Populations.", *(f"{one}\n" for one in groups)]
        if links := text.wires(objects):
            parts += ["# Wires within columns: a cell reads another cell of its column at once.", links, ""]
        if joints:
            parts += ["", "# Projections and broadcasts.", *(f"{one}\n" for one in joints)]
        return "\n".join([*parts, self._end()])

    def _end(self) -> str:
        traces = [self._trace(variable) for variable in self.recording.variables]
        when = "record" if any(p.name == "record" for p in self.plan.schedule) else "end"
        lines = ["", "# What is recorded: every state after the step that begins at its time."]
        for monitor, (source, names) in self._monitors.items():
            where = f"when='{when}', order={self.objects.record_order}, name='{monitor}'"
            lines.append(text.call(f"{monitor} = StateMonitor", [source, repr(names), "record=True", where]))
        for one in self.objects.groups.values():
            if one.threshold:
                name = f"spikes_{one.variable}"
                where = f"when='{when}', order={self.objects.record_order}, name='{name}'"
                lines.append(text.call(f"{name} = SpikeMonitor", [one.variable, where]))
        phases = [phase.name for phase in self.plan.schedule]
        late = phases.index("record") if "record" in phases else len(phases)
        schedule = ["start", *phases[:late], *_SLOTS, *phases[late:], "end"]
        lines += ["", "# The order of a step (Brian2's own slots are there for what you add).",
                  "network = Network(collect())", _call("network.schedule = ", schedule)]  # fmt: skip
        run = f"network.run({text_of_ms(self.compiled.steps * self.circuit.dt)})"
        lines += [run, "", "# By the names of a recording; time comes first.", "traces = {"]
        lines += [f"    {name!r}: {value}," for name, value in traces]
        lines += [
            "}",
            "",
            _RESULTS.format(rows=self._rows(), dt=repr(float(self.circuit.dt)), steps=self.compiled.steps),
        ]
        return "\n".join(lines)

    def _rows(self) -> str:
        cells = [v for v in self.recording.variables if not v.is_weight and not v.is_synapse]
        sent = [v.name for v in cells if v.state == self.circuit.population(v.part).cell.sends]
        return "[\n" + "".join(f"        {name!r},\n" for name in sent[:_ROWS]) + "    ]"

    def _trace(self, variable: RecordedVariable) -> tuple[str, str]:
        """Return a recorded variable's name, and how the script finds it, time first."""
        if variable.is_weight or variable.is_synapse:
            return self._trace_of_synapses(variable)
        group = self.objects.groups[variable.part]
        name = group.names(variable.state)
        monitor = self._monitor(group.variable, name)
        unit = WRITTEN[group.variables[name].unit][1]
        found = f"({monitor}.{name} / {unit}).T" if unit else f"{monitor}.{name}.T"
        if variable.index is not None:
            found += f"[:, {np.asarray(variable.index).tolist()}]"
        return variable.name, found

    def _trace_of_synapses(self, variable: RecordedVariable) -> tuple[str, str]:
        joint = next(j for j in self.objects.joints if j.projection and j.projection.name == variable.part)
        assert joint.projection is not None, "just found by it"
        name = "w" if variable.is_weight else joint.names("state", variable.state)
        monitor = self._monitor(joint.variable, name)
        unit = WRITTEN[joint.variables[name].unit][1]
        found = f"({monitor}.{name} / {unit}).T" if unit else f"{monitor}.{name}.T"
        if isinstance(joint.projection.connection, AllToAll):
            shape = f"(-1, {joint.source.population.n}, {joint.target.population.n})"
            return variable.name, f"{found}.reshape{shape}.transpose(0, 2, 1)"
        back = np.argsort(joint.order)
        if variable.is_weight:
            _, first = np.unique(joint.listed()[2], return_index=True)
            back = back[first]
        if not np.array_equal(back, np.arange(len(joint.order))):
            found += "[:, " + self.arrays.keep(f"{variable.part}.listed", back) + "]"
        return variable.name, found

    def _monitor(self, source: str, name: str) -> str:
        monitor = f"record_{source}"
        names = self._monitors.setdefault(monitor, (source, []))[1]
        if name not in names:
            names.append(name)
        return monitor


def text_of_ms(value: float) -> str:
    """Write a time."""
    return f"{float(value)!r}".removesuffix(".0") + "*ms"


def _wrapped(names: list[str]) -> list[str]:
    return [f"    {name}," for name in sorted(set(names), key=str.lower)]


def _call(head: str, words: list[str]) -> str:
    short = head + repr(words)
    if len(short) <= 110:
        return short
    half = words.index("groups")
    return f"{head}[\n    {repr(words[:half])[1:-1]},\n    {repr(words[half:])[1:-1]},\n]"


_IMPORTS = ["collect", "Function", "kHz", "linked_var", "mV", "Network", "NeuronGroup", "nS", "pA", "pF",
            "SpikeMonitor", "StateMonitor", "Synapses", "TimedArray"]  # fmt: skip

_HEAD = '''"""{name}: {cells} cells, {steps} steps of {dt:g} ms, in Brian2.

Written by corticalnet {version}; it needs NumPy and Brian2 (and Matplotlib for the picture), not corticalnet:

    python FILE.py      runs it, and writes FILE_traces.npz and FILE.png

A step has these slots, in this order; each operation has its slot, and its place (order) in it:

{phases}
"""

from pathlib import Path

import numpy as np
from brian2 import (
{imports}
)

prefs.codegen.target = 'numpy'  # or 'cython'
# Code is computed as it is written: Brian2 would simplify it, and compilers reorder sums, so that cells at
# rest would not stay exactly at rest. (Set before anything is made: Brian2 remembers code it has generated.)
prefs.codegen.loop_invariant_optimisations = False
flags = prefs.codegen.cpp.extra_compile_args_gcc
prefs.codegen.cpp.extra_compile_args_gcc = [flag for flag in flags if flag != '-ffast-math']
defaultclock.dt = {dt!r}*ms


def at(what, when, order):
    """Give an object of Brian2 its place in a step."""
    what.when, what.order = when, order

'''

_FUNCTIONS = "# Functions that Brian2 lacks: NumPy's, on every target."

_RESULTS = """if __name__ == '__main__':
    here = Path(__file__)
    time = np.arange({steps}) * {dt}  # ms
    np.savez(here.with_name(here.stem + '_traces.npz'), time=time, **traces)
    import matplotlib.pyplot as plt

    rows = {rows}
    figure, axes = plt.subplots(len(rows), sharex=True, squeeze=False, figsize=(7, 1 + 1.2 * len(rows)))
    for axis, name in zip(axes[:, 0], rows):
        axis.step(time, traces[name], where='post', linewidth=0.8)
        axis.set_ylabel(name.replace('.', '\\n'), fontsize='small')
    axes[-1, 0].set_xlabel('time (ms)')
    figure.tight_layout()
    figure.savefig(here.with_suffix('.png'), dpi=150)
"""
