"""The objects of a script as Python text, in the order in which a reader wants them."""

from __future__ import annotations

from typing import Any

import numpy as np

from corticalnet.circuits import AllToAll, OneToOne
from corticalnet.engines.brian2_engine.code import ADDED
from corticalnet.engines.brian2_engine.library import IN_NUMPY, arguments, in_cpp, in_cython
from corticalnet.engines.brian2_script.arrays import ScriptArrays
from corticalnet.engines.brian2_script.joints import Joint
from corticalnet.engines.brian2_script.ordered import OrderedObjects
from corticalnet.engines.brian2_script.scope import Group, RegularCode, Scope, ScriptVariable
from corticalnet.engines.brian2_script.units import WRITTEN
from corticalnet.experiment.compiled import CompiledProtocol


def functions(used: set[str]) -> str:
    """Write the functions that Brian2 does not have."""
    found = []
    for name in (name for name in ADDED if name in used):
        names = arguments(name)
        kinds = ["boolean" if n == "c" else "float" for n in names]
        units = [None if n in "ca" else "a" for n in names]
        numpy = f"np.{IN_NUMPY[name]}"
        found.append(
            f"{name} = Function(\n    {numpy}, arg_names={list(names)}, arg_types={kinds}, "
            f"return_type='float',\n"
            f"    arg_units={units}, return_unit=lambda {', '.join(names)}: a,\n)\n"
            f"{name}.implementations.add_implementation('numpy', {numpy})\n"
            f"{name}.implementations.add_implementation(\n    'cpp', {in_cpp(name)!r}\n)\n"
            f"{name}.implementations.add_implementation(\n    'cython', {in_cython(name)!r}\n)"
        )
    return "\n".join(found)


def group(one: Group, arrays: ScriptArrays, spread: dict[str, Any]) -> str:
    """Write a population: its NeuronGroup, its values before all time, and what it does in each step."""
    p = one.population
    options = [str(p.n), _equations(_declared(one.variables))]
    if one.threshold:
        options.append(f"threshold='{one.threshold[0]} == 1', reset=''")
    options += [*_namespace(one.namespace()), f"name='{one.variable}'"]
    cells = "cell" if p.n == 1 else "cells"
    lines = [f"# {p.name}: {p.n} {cells}, {p.cell.title()}", call(f"{one.variable} = NeuronGroup", options)]
    if one.threshold:
        name, phase, order = one.threshold
        lines.append(f"at({one.variable}.thresholder['spike'], '{phase}', {order})")
    for name, variable in one.variables.items():
        if variable.initial:
            lines.append(f"{one.variable}.{name} = {variable.initial}")
    for state, values in spread.items():
        unit = WRITTEN[one.variables[one.names(state)].unit][1]
        held = arrays.put(f"{p.name}.{state}", values)
        lines.append(f"{one.variable}.{one.names(state)} = {held}{f' * {unit}' if unit else ''}")
    return "\n".join([*lines, *(_regularly(one, operation) for operation in one.operations)])


def wires(objects: OrderedObjects) -> str:
    """Write the linked variables."""
    return "\n".join(
        f"{one.variable}.{here} = linked_var({other.variable}, '{name}')"
        for one in objects.groups.values()
        for here, (other, name) in one.links.items()
    )


def joint(one: Joint, arrays: ScriptArrays) -> str:
    """Write a Synapses object: its equations, its synapses, its weights, and when it sums and learns."""
    sums = [total for total in one.sums if not total.event]
    sent = [total for total in one.sums if total.event]
    equations = [*_declared(one.variables), *(total.equation for total in sums)]
    options = [one.source.variable, one.target.variable, _equations(equations)]
    if sent:
        options.append(f"on_pre='{sent[0].name}_post += {sent[0].value}'")
    if one.delay:
        options.append(f"delay={one.delay}")
    options += [*_namespace(one.namespace(*equations)), f"name='{one.variable}'"]
    p = one.projection
    rule = "" if p is None or p.plasticity is None else f", {p.plasticity.title()}"
    title = f"{one.source.population.name} to {one.target.population.name}" if p is None else p.name
    lines = [f"# {title}{rule}", call(f"{one.variable} = Synapses", options)]
    lines += _connected(one, arrays)
    for total in sums:
        updater = f"{one.variable}.summed_updaters['{total.name}_{total.side}']"
        lines.append(f"at({updater}, '{total.phase}', {total.order})")
    lines += [f"at({one.variable}.pre, '{total.phase}', {total.order})" for total in sent]
    for name, variable in one.variables.items():
        if variable.initial:
            lines.append(f"{one.variable}.{name} = {variable.initial}")
    return "\n".join([*lines, *(_regularly(one, operation) for operation in one.operations)])


def shown(objects: OrderedObjects, compiled: CompiledProtocol, arrays: ScriptArrays) -> str:
    """Write what is shown, and the noise: TimedArrays."""
    lines = []
    for (population, name), table in objects.inputs.items():
        signal, p = compiled.signals[population, name], objects.circuit.population(population)
        patterns = np.broadcast_to(signal.patterns[:, 0], (len(signal.patterns), p.n))
        unit = WRITTEN[p.cell.inputs[name]][1]
        values = arrays.keep(f"{population}.{name}", np.array(patterns))
        starts = [0, *(np.flatnonzero(np.diff(signal.index)) + 1).tolist()]
        which = [int(signal.index[k]) for k in starts]
        lasts = np.diff([*starts, len(signal.index)]).tolist()
        if which != [0]:
            values += f"[np.repeat({which}, {lasts})]"
        lines.append(f"{table} = TimedArray({values}{f' * {unit}' if unit else ''}, dt=defaultclock.dt)")
    for (population, port), table in objects.noises.items():
        n = objects.circuit.population(population).n
        drawn = compiled.noise[population, port].table(compiled.begin, compiled.steps, 1, n)[:, 0]
        values = arrays.keep(f"noise of {population}.{port}", drawn)
        lines.append(f"{table} = TimedArray({values}, dt=defaultclock.dt)")
    return "\n".join(lines)


def _connected(one: Joint, arrays: ScriptArrays) -> list[str]:
    """Write which cells meet, and with which weights."""
    p, name = one.projection, one.variable
    if p is None:
        return [f"{name}.connect()"]
    if isinstance(p.connection, AllToAll):
        lines = [f"{name}.connect()"]
    elif isinstance(p.connection, OneToOne):
        lines = [f"{name}.connect(j='i')"]
    else:
        pre, post, _ = one.listed()
        ends = [arrays.keep(f"{p.name}.{k}", v[one.order]) for k, v in (("pre", pre), ("post", post))]
        lines = [f"{name}.connect(i={ends[0]}, j={ends[1]})"]
    values = [("w", p.name, p.weight), *((v, q.name, q.weight) for v, q in one.strengths.items())]
    if p.bounded and p.plasticity is not None:
        values += [
            (end, f"{p.name}.{end}", getattr(p, end)) for end in ("low", "high") if end in one.variables
        ]
    return lines + [
        f"{name}.{variable} = {_values(one, what, array, arrays)}" for variable, what, array in values
    ]


def _values(one: Joint, what: str, given: Any, arrays: ScriptArrays) -> str:
    """Write a number for every synapse."""
    assert one.projection is not None, "broadcasts have none"
    array, connection = np.asarray(given), one.projection.connection
    if isinstance(connection, AllToAll | OneToOne):
        held = arrays.put(f"{what}.weight", array)
        return f"{held}.T.flatten()" if array.ndim > 1 and held.startswith("arrays") else held
    weight = one.listed()[2][one.order]
    if array.size == len(weight):
        return arrays.put(f"{what}.weight", np.ravel(array)[weight])
    held = arrays.put(f"{what}.weight", np.ravel(array))
    return f"{held}[{arrays.keep(f'{what}.index', weight)}]" if held.startswith("arrays") else held


def _declared(variables: dict[str, ScriptVariable]) -> list[str]:
    lines = []
    for name, variable in variables.items():
        flag = f" ({variable.flag})" if variable.flag else ""
        note = f"  # {variable.note}" if variable.note else ""
        lines.append(f"{name} : {WRITTEN[variable.unit][0]}{flag}{note}")
    return lines


def _equations(lines: list[str]) -> str:
    return "\n".join(["'''", *(f"    {line}" for line in lines), "    '''"])


def _namespace(names: dict[str, str]) -> list[str]:
    if not names:
        return []
    inside = [f"'{name}': {value}" for name, value in names.items()]
    short = f"namespace={{{', '.join(inside)}}}"
    if len(short) <= 100:
        return [short]
    return ["\n".join(["namespace={", *(f"        {one}," for one in inside), "    }"])]


def call(function: str, options: list[str]) -> str:
    """Write a call, in one line if it is short, or its options one by one."""
    short = f"{function}({', '.join(options)})"
    if "\n" not in short and len(short) <= 110:
        return short
    return "\n".join([f"{function}(", *(f"    {option}," for option in options), ")"])


def _regularly(one: Scope, operation: RegularCode) -> str:
    where = f"when='{operation.phase}', order={operation.order}, name='{operation.name}'"
    code = f"'{operation.lines[0]}'" if len(operation.lines) == 1 else _equations(operation.lines)
    return call(f"{one.variable}.run_regularly", [code, where])
