"""A state variable of a cell or a synapse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from corticalnet.circuits.quantities import ANY, ONE, UNITS, Unit, quantity
from corticalnet.errors import CircuitError


@dataclass(frozen=True)
class State:
    """A state variable: its value at rest, its unit, and whether it happens or lasts.

    An event is 1 in a step in which it happens and 0 in nearly all others: engines may carry it cell by cell.
    A pulse too says something about single steps (φ, a choice, a burst of dopamine), but may have any size.
    Recordings that are coarser than a step add up events and pulses, and sample all other states.

    Raises:
        CircuitError: it rests at no finite number, or its unit is none of the table.
    """

    rest: float = 0.0
    unit: Unit = ONE
    event: bool = False
    pulse: bool = False

    @property
    def adds_up(self) -> bool:
        """Return whether a coarser recording sums the state over steps instead of sampling it."""
        return self.event or self.pulse

    def __post_init__(self) -> None:
        if self.unit not in UNITS.values():
            raise CircuitError(
                f"a State has a Unit of corticalnet.circuits.quantities (ONE, MS, KHZ, MV, PA, NS, PF), "
                f"not {self.unit!r}"
            )
        object.__setattr__(self, "rest", quantity(self.rest, self.unit, "a state's value at rest"))
        ANY.check(self.rest, self.unit, "a state's value at rest")
        for what, value in (("an event", self.event), ("a pulse", self.pulse)):
            if not isinstance(value, bool):
                raise CircuitError(f"whether a State is {what} is True or False, not {value!r}")


def as_states(declared: Mapping[str, State | float]) -> dict[str, State]:
    """Convert a class's states: plain numbers become dimensionless states."""
    return {name: state if isinstance(state, State) else State(state) for name, state in declared.items()}
