"""What plasticity is: four slots, each of which a synapse finds at its own two cells or in a broadcast.

    Δ = rate · trigger · modulator · eligibility(w, pre, post, port)
    w ← w + Δ                       at once, or
    trace ← trace + Δ               until ``consolidation`` comes:  w ← w + trace, trace ← 0

or, with a ``memory`` (three factors: pre, post, and a modulator that may come later),

    memory d trace/dt = −trace + trigger · eligibility          w ← w + rate · modulator · trace

The changes of a batch (copies of the animal that share their weights) are averaged; synapses that share
a weight add theirs up.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any, ClassVar

from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.parameters import Part
from corticalnet.circuits.quantities import Magnitude, Milliseconds
from corticalnet.circuits.tracing import read_of, symbols, trace
from corticalnet.errors import CircuitError, unknown


class Plasticity(Part, ABC):
    """Base of all plasticity.

    ``trigger``, ``modulator`` and ``consolidation`` each name a port or a state of the postsynaptic cell, or
    a broadcast that reaches the projection; "" leaves the slot out.

    Args:
        rate: learning rate, 0 or more; a plasticity that unlearns has the sign in its eligibility.
        trigger: the synapse changes only where this is not 0 (and in proportion to it).
        modulator: a factor of every change, for example the RPE.
        consolidation: if named, changes wait in a trace until this is not 0.
        memory: if more than 0, how long eligibility is remembered; the modulator acts on its trace.

    Raises:
        CircuitError: both a consolidation and a memory, or a parameter out of its range.
    """

    kinds: ClassVar[dict[str, type[Part]]] = {}
    unused = ("memory",)
    rate: Magnitude = 0.1
    trigger: str = ""
    modulator: str = ""
    consolidation: str = ""
    memory: Milliseconds = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.memory and self.consolidation:
            raise CircuitError(
                f"{type(self).__name__}: memory must be 0 ms with a consolidation, "
                f"not {self.memory:g} ms with consolidation '{self.consolidation}'"
            )

    @property
    def remembers(self) -> bool:
        """Whether synapses have a trace."""
        return bool(self.consolidation or self.memory)

    @abstractmethod
    def eligibility(self, weight: Any, pre: Any, post: Any, port: Any) -> Any:
        """What a synapse would change by, pointwise.

        Args:
            weight: the synapse's.
            pre, post: states of its two cells.
            port: what has arrived at the ports of the postsynaptic cell.
        """

    def by_current(self) -> Plasticity:
        """The same plasticity where the presynaptic signal comes by spikes: as the ``rate`` of a current."""
        return self

    @property
    def slots(self) -> dict[str, str]:
        """The named slots that are in use."""
        names = ("trigger", "modulator", "consolidation")
        return {name: getattr(self, name) for name in names if getattr(self, name)}

    def traced(self, pre: Cell, post: Cell) -> Any:
        """Eligibility as an expression in ``w``, ``pre_<state>``, ``post_<state>`` and ``port_<port>``.

        Raises:
            CircuitError: it is not pointwise, or asks for what the cells do not have.
        """
        return self._trace(pre, post)[0]

    def reads(self, pre: Cell, post: Cell) -> dict[str, set[str]]:
        """What eligibility asks for: states of "pre" and of "post", and names of "port".

        More than its expression holds, where a factor is 0 or something is taken off itself.
        """
        return self._trace(pre, post)[1]

    def _trace(self, pre: Cell, post: Cell) -> tuple[Any, dict[str, set[str]]]:
        names = {"pre": pre.state, "post": post.state, "port": post.ports}
        spaces = {side: symbols({name: f"{side}_{name}" for name in all_}) for side, all_ in names.items()}
        what, weight = f"plasticity {type(self).__name__}", symbols({"w": "w"}).w
        found = trace(what, self.eligibility, weight, *spaces.values())
        if found.keys() != {""}:
            raise CircuitError(f"{what}: eligibility must return a number, not names of numbers")
        return found[""], {side: read_of(space) for side, space in spaces.items()}

    def check(self, where: str, pre: Cell, post: Cell, broadcasts: list[str]) -> None:
        """See that eligibility and slots find what they name.

        Raises:
            CircuitError: they do not.
        """
        try:
            self.traced(pre, post)
        except CircuitError as error:
            raise CircuitError(f"{where}: {error}") from None
        for slot, name in self.slots.items():
            choices = [*post.ports, *post.state, *broadcasts]
            if name not in choices:
                raise CircuitError(f"{where}: {unknown(slot, name, choices)}")

    @cached_property
    def source_equation(self) -> str:
        """What the slots make of the eligibility, in words."""
        what = f"trace of eligibility over {self.memory:g} ms" if self.memory else "eligibility"
        factors = ["rate", *(v for k, v in self.slots.items() if k != "consolidation"), what]
        line = "Δw = " + " · ".join(factors)
        return line + (f", when {self.consolidation} comes" if self.consolidation else "")

    def __str__(self) -> str:
        return f"{self.title()}\n  {self.source_equation}"
