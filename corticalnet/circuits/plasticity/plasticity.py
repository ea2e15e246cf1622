"""What plasticity is: four slots, each of which a synapse finds at its own two cells or in a broadcast.

    Δ = rate · trigger · modulator · eligibility(synapse, pre, post, port)
    w ← w + Δ                       at once, or
    trace ← trace + Δ               until ``consolidation`` comes:  w ← w + trace, trace ← 0

or, with a ``memory`` (three factors: pre, post, and a modulator that may come later),

    memory d trace/dt = −trace + trigger · eligibility          w ← w + rate · modulator · trace

A synapse may have states of its own besides its weight: traces, conductances, what is left of a transmitter.

    class Depressing(Plasticity):
        tau: Milliseconds = 200.0
        state = {"resources": 1.0}

        def update(self, synapse, pre, post, port, dt):
            return {"resources": synapse.resources + dt / self.tau * (1 - pre.rate * synapse.resources - …)}

        def transmits(self, synapse, sent):
            return synapse.weight * synapse.resources * sent

``update`` is called in each step, in the phase "learn", before eligibility, which reads the new states.
Weights are shared by the samples of a batch; states of synapses belong to each sample.

The changes of a batch (samples that share their weights) are averaged; synapses that share
a weight add theirs up.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any, ClassVar

import sympy

from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.cells.definition import check_states
from corticalnet.circuits.cells.state import State, as_states
from corticalnet.circuits.dimensions import check_units
from corticalnet.circuits.parameters import Part
from corticalnet.circuits.quantities import MS, Magnitude, Milliseconds
from corticalnet.circuits.tracing import Traced, read_of, symbols, trace
from corticalnet.errors import CircuitError, unknown


class Plasticity(Part, ABC):
    """Base class of all synaptic plasticity.

    ``trigger``, ``modulator`` and ``consolidation`` each name a port or a state of the postsynaptic cell, or
    a broadcast that reaches the projection; "" leaves the slot out.

    Args:
        rate: learning rate, 0 or more; a plasticity that unlearns has the sign in its eligibility.
        trigger: the synapse changes only where this is not 0 (and in proportion to it).
        modulator: a factor of every change, for example the RPE.
        consolidation: if named, changes wait in a trace until this is not 0.
        memory: if more than 0, how long eligibility is remembered; the modulator acts on its trace.

    Attributes:
        state: states of a synapse, name -> :class:`State` (or its value at rest, for a pure number).

    Raises:
        CircuitError: both a consolidation and a memory, or a parameter out of its range.
    """

    kinds: ClassVar[dict[str, type[Part]]] = {}
    state: ClassVar[Mapping[str, State | float]] = {}
    unused = ("memory",)
    rate: Magnitude = 0.1
    trigger: str = ""
    modulator: str = ""
    consolidation: str = ""
    memory: Milliseconds = 0.0

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_states(f"plasticity {cls.__name__}", cls.state)
        for taken in {"weight", "trace"} & cls.state.keys():
            raise CircuitError(f"plasticity {cls.__name__}: every synapse has a '{taken}'; rename the state")
        if cls.state and cls.update is Plasticity.update:
            raise CircuitError(
                f"plasticity {cls.__name__} has states of synapses, so it needs a method "
                "update(self, synapse, pre, post, port, dt)"
            )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.memory and self.consolidation:
            raise CircuitError(
                f"{type(self).__name__}: memory must be 0 ms with a consolidation, "
                f"not {self.memory:g} ms with consolidation '{self.consolidation}'"
            )

    @property
    def remembers(self) -> bool:
        """Return whether synapses have an eligibility trace."""
        return bool(self.consolidation or self.memory)

    @property
    def states(self) -> dict[str, State]:
        """Return all states of a synapse, including its trace if it has one."""
        return as_states(self.state) | ({"trace": State()} if self.remembers else {})

    @abstractmethod
    def eligibility(self, synapse: Any, pre: Any, post: Any, port: Any) -> Any:
        """Compute the eligibility of a synapse, pointwise.

        Args:
            synapse: its ``weight``, and its states by name.
            pre, post: states of its two cells; of a presynaptic cell behind a delay, as they have arrived.
            port: what has arrived at the ports of the postsynaptic cell.
        """

    def update(self, synapse: Any, pre: Any, post: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compute the new states of a synapse after a step of dt, pointwise, from the old ones."""
        return {}

    def transmits(self, synapse: Any, sent: Any) -> Any:
        """Compute what a synapse adds to the port of its target if its source sends ``sent``, pointwise."""
        return synapse.weight * sent

    @property
    def weighs(self) -> bool:
        """Return whether synapses only multiply by their weights."""
        return type(self).transmits is Plasticity.transmits

    def for_spiking_input(self) -> Plasticity:
        """Return the plasticity for a presynaptic signal that arrives as spikes, as a current's ``rate``."""
        return self

    @property
    def slots(self) -> dict[str, str]:
        """Return the named slots that are in use."""
        names = ("trigger", "modulator", "consolidation")
        return {name: getattr(self, name) for name in names if getattr(self, name)}

    def traced(self, pre: Cell, post: Cell) -> Any:
        """Trace eligibility to an expression in ``w``, ``pre_<state>``, ``post_<state>``, ``port_<port>``.

        (States of synapses are ``synapse_<state>``.)

        Raises:
            CircuitError: it is not pointwise, or asks for what the cells do not have.
        """
        found, _ = self._trace(self.eligibility, pre, post)
        if found.keys() != {""}:
            what = f"plasticity {type(self).__name__}"
            raise CircuitError(f"{what}: eligibility must return a number, not names of numbers")
        return found[""]

    def updates(self, pre: Cell, post: Cell) -> dict[str, Any]:
        """Trace the new synaptic states to expressions in the same symbols, parameters and ``dt``.

        Raises:
            CircuitError: they are not pointwise, or ask for what the cells do not have.
        """
        found, _ = self._trace(self.symbolic().update, pre, post, Traced(sympy.Symbol("dt", positive=True)))
        what = f"plasticity {type(self).__name__}, update"
        if "" in found:
            raise CircuitError(f"{what}: must return {{'state': new value, ...}}")
        for name in found:
            if name not in self.state:
                raise CircuitError(f"{what}: {unknown('state', name, self.state or ['none'])}")
        return found

    def reads(self, pre: Cell, post: Cell) -> dict[str, set[str]]:
        """Return what eligibility and update read: states of "pre" and of "post", and names of "port".

        That may be more than their expressions hold: a factor of 0, or x − x, leaves nothing of what is read.
        """
        dt = Traced(sympy.Symbol("dt", positive=True))
        _, found = self._trace(self.eligibility, pre, post)
        _, more = self._trace(self.symbolic().update, pre, post, dt)
        return {side: names | more[side] for side, names in found.items()}

    def _trace(
        self, function: Any, pre: Cell, post: Cell, *dt: Traced
    ) -> tuple[dict[str, Any], dict[str, set[str]]]:
        names = {"pre": pre.state, "post": post.state, "port": post.ports}
        spaces = {side: symbols({name: f"{side}_{name}" for name in all_}) for side, all_ in names.items()}
        synapse = symbols({"weight": "w"} | {name: f"synapse_{name}" for name in self.state})
        found = trace(f"plasticity {type(self).__name__}", function, synapse, *spaces.values(), *dt)
        return found, {side: read_of(space) for side, space in spaces.items()}

    def _check_units(self, pre: Cell, post: Cell) -> None:
        states = {"pre": pre.states(), "post": post.states(), "synapse": self.states}
        known = {f"{side}_{n}": s.unit.dimension for side, all_ in states.items() for n, s in all_.items()}
        known |= {f"port_{n}": u.dimension for n, u in post.port_units().items()} | {"dt": MS.dimension}
        known |= {n: u.dimension for n, u in self.units().items()}
        for name, expr in self.updates(pre, post).items():
            what = f"plasticity {type(self).__name__}, update, {name}"
            check_units(what, expr, known, self.states[name].unit.dimension)

    def check(self, where: str, pre: Cell, post: Cell, broadcasts: list[str]) -> None:
        """Check that eligibility and slots refer to existing states, ports and broadcasts.

        Raises:
            CircuitError: they do not.
        """
        try:
            self.traced(pre, post)
            self._check_units(pre, post)
            if not self.weighs:
                spaces = symbols({"weight": "w"} | {name: f"synapse_{name}" for name in self.state})
                trace(f"plasticity {type(self).__name__}", self.transmits, spaces, symbols(["sent"]).sent)
        except CircuitError as error:
            raise CircuitError(f"{where}: {error}") from None
        for slot, name in self.slots.items():
            choices = [*post.ports, *post.state, *broadcasts]
            if name not in choices:
                raise CircuitError(f"{where}: {unknown(slot, name, choices)}")

    @cached_property
    def source_equation(self) -> str:
        """Describe how the slots turn the eligibility into a weight change, as an equation of words."""
        what = f"trace of eligibility over {self.memory:g} ms" if self.memory else "eligibility"
        factors = ["rate", *(v for k, v in self.slots.items() if k != "consolidation"), what]
        line = "Δw = " + " · ".join(factors)
        return line + (f", when {self.consolidation} comes" if self.consolidation else "")

    @cached_property
    def equations(self) -> dict[str, str]:
        """Return eligibility and new values of states as text, whatever cells the synapse will have."""
        spaces = [_AnyName("synapse"), _AnyName("pre"), _AnyName("post"), _AnyName("port")]
        dt = Traced(sympy.Symbol("dt", positive=True))
        found = trace(f"plasticity {type(self).__name__}", self.eligibility, *spaces)
        found = {"eligibility": found.get("", found)}
        if self.state:
            found |= trace(f"plasticity {type(self).__name__}, update", self.symbolic().update, *spaces, dt)
        return {
            name: re.sub(r"(?<!\*)\*(?!\*)", " · ", str(expression)) for name, expression in found.items()
        }

    def __str__(self) -> str:
        lines = [self.title(), self.source_equation]
        with suppress(CircuitError):  # (one that cannot be read is refused where it is used)
            eligibility, *states = self.equations.items()
            lines += [f"eligibility = {eligibility[1]}", *(f"{name} ← {new}" for name, new in states)]
        return "\n  ".join(lines)


class _AnyName:
    """A namespace that has every name: ``pre.rate`` is the symbol pre.rate."""

    def __init__(self, side: str) -> None:
        self._side = side

    def __getattr__(self, name: str) -> Traced:
        if name.startswith("_"):
            raise AttributeError(name)
        return Traced(sympy.Symbol(f"{self._side}.{name}", real=True))
