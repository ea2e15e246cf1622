"""Projections and broadcasts as Synapses: one object for all that shares its synapses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits import AllToAll, OneToOne, Projection
from corticalnet.circuits.quantities import ONE, Unit
from corticalnet.engines.brian2_engine.code import Formula
from corticalnet.engines.brian2_script.scope import Group, Scope, ScriptVariable
from corticalnet.engines.brian2_script.units import WRITTEN, with_units, without_unit


@dataclass(eq=False)
class Summed:
    """What synapses add up in a variable of one of their two groups.

    Attributes:
        joint: the Synapses.
        group, name: the variable that holds it.
        side: "post", or "pre" if it runs back.
        value: what a synapse adds, as text.
        event: whether it is added by spikes; otherwise Brian2 sums it in each step.
        phase, order: when; set as the step is walked.
    """

    joint: Joint
    group: Group
    name: str
    side: str
    value: str
    event: bool = False
    phase: str = ""
    order: int = 0

    @property
    def equation(self) -> str:
        """Return the equation of a summed variable."""
        unit = WRITTEN[self.group.variables[self.name].unit][0]
        return f"{self.name}_{self.side} = {self.value} : {unit} (summed)"


class Joint(Scope):
    """A Synapses object of the script.

    Args:
        variable: its name in the script.
        source, target: the two groups.
        projection: whose synapses they are; None for a broadcast.
        delay: of spikes, as text; "" for none.

    Attributes:
        sums: in order.
        strengths: variable -> the projection that runs back by signs, with these magnitudes.
    """

    def __init__(
        self,
        variable: str,
        source: Group,
        target: Group,
        projection: Projection | None = None,
        delay: str = "",
    ) -> None:
        super().__init__(variable, [*source.variables, *target.variables])
        self.source, self.target, self.projection, self.delay = source, target, projection, delay
        self.sums: list[Summed] = []
        self.strengths: dict[str, Projection] = {}
        if projection is not None:
            self.add(("w",), ScriptVariable(ONE))

    def at(self, group: Group, name: str, side: str) -> Formula:
        """Return a variable of one of the two groups, as synapses call it."""
        self.units[f"{name}_{side}"] = group.units[name]
        return Formula(f"{name}_{side}")

    def total(
        self, group: Group, words: Sequence[str], unit: Unit, side: str, value: Any, note: str, say: str = ""
    ) -> Summed:
        """Add a sum, with a variable in one of the groups that holds it."""
        name = group.add(words, ScriptVariable(unit, note=note), say)
        code, dimension = with_units(value, self.units)
        if unit == ONE and dimension is not None:
            code = without_unit(code, dimension)
        self.sums.append(Summed(self, group, name, side, code.text))
        return self.sums[-1]

    def here(self) -> SimpleNamespace:
        """Return the weight and the states of a synapse, as formulas."""
        assert self.projection is not None, "broadcasts have none"
        rule = self.projection.plasticity
        states = {
            name: self.formula(self.names("state", name)) for name in ({} if rule is None else rule.states)
        }
        return SimpleNamespace(weight=Formula("w"), **states)

    @property
    def order(self) -> NDArray[np.int64]:
        """Return which synapse of the connection's list each of Brian2's is: sorted by presynaptic cell."""
        assert self.projection is not None, "broadcasts have none"
        pre, _, _ = self.listed()
        return np.argsort(pre, kind="stable")

    def listed(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the synapses as their connection lists them: from, to, and which weight."""
        assert self.projection is not None, "broadcasts have none"
        return self.projection.connection.synapses(self.source.population.n, self.target.population.n)

    @property
    def plain(self) -> bool:
        """Return whether Brian2 can connect them without a list."""
        return self.projection is None or isinstance(self.projection.connection, AllToAll | OneToOne)
