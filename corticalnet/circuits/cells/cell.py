"""What a cell is: named states, ports that it listens to, and for each phase one pointwise function.

    class Leaky(Cell):
        tau: Milliseconds = 10.0
        ports = {"drive": "predict"}
        state = {"rate": 0.0}

        def move(self, cell, port, dt):
            return {"rate": relax(cell.rate, port.drive, self.tau, dt)}

A method named after a phase of the step contract (:mod:`corticalnet.circuits.schedule`) is called in
that phase with

    cell    the states as they are, and the cell's outside inputs
    port    what has arrived at each port
    dt      length of a step in ms

and returns new values of the states that change; all of them are computed from the old ones. It is
called with floats, arrays, tensors and symbols, so it may not branch on them: use ``where``.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import sympy
from numpy.typing import NDArray

from corticalnet.circuits.cells.definition import check_definition
from corticalnet.circuits.cells.state import State, as_states
from corticalnet.circuits.dimensions import check_units
from corticalnet.circuits.formulas import divisors
from corticalnet.circuits.parameters import Part
from corticalnet.circuits.quantities import ANY, MS, ONE, Unit, number
from corticalnet.circuits.schedule import PHASES
from corticalnet.circuits.tracing import Traced, read_of, symbols, trace
from corticalnet.errors import CircuitError, unknown


class Cell(Part, ABC):
    """Base class of all cells; see the module's docstring.

    Attributes:
        ports: port -> the phase of the step that delivers it, for example "predict": what arrives is summed
            first, then cells act. "" if no phase does: projections and broadcasts are received at the end of
            the phase in which their senders act. Wires are read at once, at any port.
        state: name -> :class:`State` (or its value at rest, for a pure number).
        inputs: outside signals that a protocol may give, name -> Unit.
        output: the state that projections send if they name none; the first one if not given.
    """

    kinds: ClassVar[dict[str, type[Part]]] = {}
    ports: ClassVar[Mapping[str, str]] = {}
    state: ClassVar[Mapping[str, State | float]] = {}
    inputs: ClassVar[Mapping[str, Unit]] = {}
    output: ClassVar[str] = ""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if ABC not in cls.__bases__:
            check_definition(cls)

    def __post_init__(self) -> None:
        super().__post_init__()
        if out := set(self.leaves_out()):
            for names in ("state", "ports", "inputs"):
                mine = {name: one for name, one in getattr(self, names).items() if name not in out}
                object.__setattr__(self, names, mine)
        self.check()

    def leaves_out(self) -> Iterable[str]:
        """Return the states, ports and inputs of the class that a cell with these parameters lacks."""
        return ()

    def states(self) -> dict[str, State]:
        """Return all states by name; plain numbers are made dimensionless states."""
        return as_states(self.state)

    @property
    def sends(self) -> str:
        """Return the name of the state that is sent if a projection names none."""
        return self.output or next(iter(self.state))

    def rest(self) -> dict[str, float]:
        """Return the value of every state at rest (a subclass may make it depend on its parameters)."""
        return {name: state.rest for name, state in self.states().items()}

    def initial_spread(
        self, shape: tuple[int, ...], rng: np.random.Generator
    ) -> dict[str, NDArray[np.float64]]:
        """Draw initial values of states in which cells differ; none unless a subclass has some."""
        return {}

    @property
    def phases(self) -> tuple[str, ...]:
        """Return the names of the phases in which the cell acts: those whose method returns something."""
        return tuple(self.equations)

    def act(self, phase: str) -> Callable[..., dict[str, Any]]:
        """Return the function of a phase: ``(cell, port, dt) -> {state: new value}``."""
        function: Callable[..., dict[str, Any]] = getattr(self, phase)
        return function

    @property
    def equations(self) -> dict[str, dict[str, Any]]:
        """Return, for each phase, the new value of each state in symbols of states, ports and parameters."""
        return self._traced[0]

    @property
    def reads(self) -> dict[str, set[str]]:
        """Return, for each phase, the states, inputs and ports ("port_<name>") that its function reads.

        That may be more than its equations hold: a factor of 0, or x − x, leaves nothing of what is read.
        """
        return self._traced[1]

    @cached_property
    def _traced(self) -> tuple[dict[str, dict[str, Any]], dict[str, set[str]]]:
        dt = Traced(sympy.Symbol("dt", positive=True))
        found, reads = {}, {}
        for phase in (p.name for p in PHASES if hasattr(type(self), p.name)):
            cell = symbols([*self.state, *self.inputs])
            port = symbols({name: f"port_{name}" for name in self.ports})
            what = f"cell {type(self).__name__}, {phase}"
            new = trace(what, getattr(self.symbolic(), phase), cell, port, dt)
            if not new:
                continue
            found[phase] = new
            reads[phase] = read_of(cell) | {f"port_{name}" for name in read_of(port)}
            if "" in found[phase]:
                raise CircuitError(f"{what}: must return {{'state': new value, ...}}")
            for name in found[phase]:
                if name not in self.state:
                    raise CircuitError(f"{what}: {unknown('state', name, self.state)}")
        return found, reads

    def check(self) -> None:
        """Trace every phase and check its units; a port has the unit that the receiving state needs.

        Raises:
            CircuitError: a function is not pointwise, or states at rest are not finite numbers.
            UnitError: an equation does not have the unit of its state.
        """
        units = {n: s.unit.dimension for n, s in self.states().items()}
        known = units | {n: u.dimension for n, u in self.inputs.items()} | {"dt": MS.dimension}
        known |= {n: u.dimension for n, u in self.units().items()}
        known |= {f"port_{n}": u.dimension for n, u in self.port_units().items()}
        for phase, equations in self.equations.items():
            for name, expr in equations.items():
                check_units(f"cell {type(self).__name__}, {phase}, {name}", expr, known, units[name])
        self._check_rest()

    def divisors(self) -> set[str]:
        """Return the parameters by which an equation divides, such as time constants."""
        return divisors(self.equations)

    def _check_rest(self) -> None:
        what, found, states = f"{type(self).__name__}.rest()", self.rest(), self.states()
        if not isinstance(found, Mapping) or found.keys() != self.state.keys():
            names = ", ".join(self.state)
            raise CircuitError(f"{what} must return {{state: number}} for {names}, not {found!r}")
        for name, value in found.items():
            ANY.check(number(value, f"{what}['{name}']"), states[name].unit, f"{what}['{name}']")

    @classmethod
    def port_units(cls) -> dict[str, Unit]:
        """Return the unit of each port; dimensionless unless a subclass says otherwise."""
        return dict.fromkeys(cls.ports, ONE)

    def __str__(self) -> str:
        lines = [self.title()]
        for phase, equations in self.equations.items():
            lines += [f"  {phase:10s}{name} ← {expr}" for name, expr in equations.items()]
        return "\n".join(lines)


def rest_of(cell: Cell) -> SimpleNamespace:
    """Return a namespace of a cell's states at rest, to call its functions by hand."""
    return SimpleNamespace(**cell.rest())
