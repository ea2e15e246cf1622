"""What code of one Brian2 object may name: variables with units, and constants of its namespace."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from corticalnet.circuits import Population
from corticalnet.circuits.dimensions import PURE
from corticalnet.circuits.parameters import Part
from corticalnet.circuits.quantities import MS, Dimension, Unit
from corticalnet.engines.brian2_engine.code import ADDED, Formula, Names, formula
from corticalnet.engines.brian2_engine.library import allowed
from corticalnet.engines.brian2_engine.statements import copied, split, statements
from corticalnet.engines.brian2_script.units import quantity, symbol_of, with_units, without_unit


@dataclass
class RegularCode:
    """Code that runs in each step: a ``run_regularly``."""

    name: str
    phase: str
    order: int
    lines: list[str]


@dataclass
class ScriptVariable:
    """A variable of an object.

    Attributes:
        unit: of the table.
        flag: "linked", "constant", or "".
        note: what it is, as a comment.
        initial: its first value as text; "" for 0.
    """

    unit: Unit
    flag: str = ""
    note: str = ""
    initial: str = ""


class Scope:
    """The names of one object, its code, and what they stand for.

    Args:
        variable: the name of the object, in Python and in Brian2.
        taken: names that it cannot give.

    Attributes:
        variables: by name, in order.
        units: dimension by name, of constants too.
        constants: of its namespace, by name, as text.
        operations: in order.
    """

    def __init__(self, variable: str, taken: Sequence[str] = ()) -> None:
        self.variable = variable
        self.names = Names(lambda name: name not in taken and allowed(name))
        self.variables: dict[str, ScriptVariable] = {}
        self.units: dict[str, Dimension] = {"dt": MS.dimension}
        self.constants: dict[str, str] = {}
        self.operations: list[RegularCode] = []

    def add(self, words: Sequence[str], variable: ScriptVariable, say: str = "") -> str:
        """Add a variable; return its name."""
        name = self.names(*words, say=say)
        self.variables[name] = variable
        self.units[name] = variable.unit.dimension
        return name

    def twin(self, part: Part, called: Mapping[str, str] | None = None) -> Any:
        """Return a copy of a cell or plasticity whose parameters are constants of the namespace.

        Args:
            part: the cell or plasticity.
            called: parameter -> another name for it.
        """
        units, values = part.units(), part.parameters()

        def constant(parameter: str) -> Formula:
            name = self.names("parameter", parameter, say=(called or {}).get(parameter, parameter))
            self.constants[name] = quantity(values[parameter], units[parameter])
            self.units[name] = units[parameter].dimension
            return Formula(name)

        return part.symbolic(constant)

    def formula(self, name: str, suffix: str = "", pure: bool = False) -> Formula:
        """Return a variable as a formula; ``pure`` takes away its unit."""
        self.units[name + suffix] = dimension = self.units[name]
        found = Formula(name + suffix)
        return without_unit(found, dimension) if pure else found

    def set_to(self, what: str, new: Mapping[str, Any]) -> list[str]:
        """Write statements that set variables to new values, all computed from the old ones.

        Args:
            what: is done so, for names of what several values have in common.
            new: by variable.
        """
        values = {}
        for name, value in new.items():
            code, dimension = with_units(formula(value), self.units)
            own = self.units.get(name, PURE)
            if dimension is None and own != PURE:
                code = Formula(f"0*{symbol_of(own)}")
            elif own == PURE:
                code = without_unit(code, dimension or PURE)
            values[name] = code
        lines = statements(
            values,
            lambda k: self.names("part", what, str(k), say=f"part_{k + 1}"),
            lambda name: self.names("new", name),
        )
        written = {split(line)[0] for line in lines}
        return [copied(line) if split(line)[2] in written else line for line in lines]

    def run(self, name: str, phase: str, order: int, lines: list[str]) -> None:
        """Add code that runs in each step, if there is any."""
        if lines:
            self.operations.append(RegularCode(f"{phase}_{order:02d}_{name}", phase, order, lines))

    def namespace(self, *more: str) -> dict[str, str]:
        """Return the constants and functions that code (and ``more`` of it) names."""
        text = " ".join([*(line for one in self.operations for line in one.lines), *more])
        words = set(re.findall(r"\w+", text))
        found = {name: value for name, value in self.constants.items() if name in words}
        return found | {name: name for name in ADDED if name in words}


class Group(Scope):
    """A population as a NeuronGroup.

    Args:
        population: the population.
        variable: its name in the script.

    Attributes:
        links: linked variable -> (group, variable there): the wires.
        threshold: the state that is a spike, and when it is looked at; None if cells do not spike.
    """

    def __init__(self, population: Population, variable: str) -> None:
        super().__init__(variable)
        self.population, self.cell = population, population.cell
        self.links: dict[str, tuple[Group, str]] = {}
        self.threshold: tuple[str, str, int] | None = None
        rest = self.cell.rest()
        for name, state in self.cell.states().items():
            value = float(rest[name])
            initial = quantity(value, state.unit) if value else ""
            self.add((name,), ScriptVariable(state.unit, initial=initial))
        for name, unit in self.cell.inputs.items():
            self.add((name,), ScriptVariable(unit, note="from outside"))

    def see(self, other: Group, name: str) -> str:
        """Return the name of another population's variable here: linked, unless it is this one's own."""
        if other is self:
            return name
        known = next((here for here, link in self.links.items() if link == (other, name)), "")
        if known:
            return known
        near = other.population.area == self.population.area
        role = other.population.role
        words = (role if near else other.variable, name)
        say = name if near and role == name and name not in self.variables else ""
        unit = other.variables[name].unit
        here = self.add(words, ScriptVariable(unit, "linked", f"{name} of {other.population.name}"), say)
        self.links[here] = other, name
        return here

    def act(self, phase: str, port: Mapping[str, Any]) -> list[str]:
        """Write what its cells do in a phase: the cell's own function, called with formulas."""
        known = (*self.cell.state, *self.cell.inputs)
        cell = SimpleNamespace(**{name: self.formula(self.names(name)) for name in known})
        new = self.twin(self.cell).act(phase)(cell, SimpleNamespace(**port), Formula("dt"))
        return self.set_to(phase, {self.names(name): value for name, value in new.items()})
