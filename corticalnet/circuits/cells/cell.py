"""What a cell is: named states, ports it listens to, and for each phase one pointwise function.

    class Leaky(Cell):
        tau: Milliseconds = 10.0
        ports = ("prediction",)
        state = {"rate": 0.0}

        def move(self, cell, port, dt):
            return {"rate": cell.rate + dt / self.tau * (port.prediction - cell.rate)}

A method named after a phase of the step contract (:mod:`corticalnet.circuits.schedule`) is called in
that phase with

    cell    the states as they are, and the cell's outside inputs
    port    what has arrived at each port
    dt      length of a step in ms

and returns new values of the states that change; all of them are computed from the old ones. It is
called with floats, arrays, tensors and symbols, so it may not branch on them: use ``where``.
"""

from __future__ import annotations

import dataclasses
from abc import ABC
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any, ClassVar, TypeVar, dataclass_transform, get_type_hints

import numpy as np
import sympy
from numpy.typing import NDArray

from corticalnet.circuits.quantities import MS, ONE, Unit, quantity
from corticalnet.circuits.schedule import PHASES, PORTS
from corticalnet.circuits.tracing import Traced, check_units, symbols, trace
from corticalnet.errors import CircuitError, one_of, unknown

Self = TypeVar("Self", bound="Part")


@dataclass(frozen=True)
class State:
    """A state variable: its value at rest, its unit, and whether it is an event.

    An event is 1 in a step in which it happens and 0 in nearly all others: engines may carry it cell by cell.
    """

    rest: float = 0.0
    unit: Unit = ONE
    event: bool = False


@dataclass_transform(frozen_default=True)
class Part(ABC):
    """A frozen dataclass of parameters with units: the common part of cells and plasticity.

    Subclasses become dataclasses by themselves, and can be found again by their names (so that a circuit
    can be read from JSON).
    """

    kinds: ClassVar[dict[str, type[Part]]]
    #: Parameters that a title leaves out when they are 0.
    unused: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__dataclass_fields__" not in vars(cls):
            dataclass(frozen=True)(cls)
        if ABC not in cls.__bases__:
            cls.kinds[cls.__name__] = cls

    def __post_init__(self) -> None:
        for name, unit in self.units().items():
            value = quantity(getattr(self, name), unit, f"{type(self).__name__}.{name}")
            object.__setattr__(self, name, value)

    @classmethod
    def units(cls) -> dict[str, Unit]:
        """Unit of every parameter that has one."""
        hints = get_type_hints(cls, include_extras=True)
        marks = {f.name: getattr(hints[f.name], "__metadata__", ()) for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        return {name: mark[0] for name, mark in marks.items() if mark and isinstance(mark[0], Unit)}

    def parameters(self) -> dict[str, Any]:
        """All parameters by name."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}  # type: ignore[arg-type]

    def symbolic(self: Self) -> Self:
        """The same with a symbol for every parameter that has a unit: what ``print`` and unit checks use."""
        twin = object.__new__(type(self))
        for name, value in self.parameters().items():
            known = name in self.units()
            object.__setattr__(twin, name, Traced(sympy.Symbol(name, real=True)) if known else value)
        return twin

    def title(self) -> str:
        """Kind and parameters, for tables."""
        given = {k: v for k, v in self.parameters().items() if v != "" and (v or k not in self.unused)}
        words = ", ".join(f"{k}={v:g}" if isinstance(v, float) else f"{k}={v}" for k, v in given.items())
        return f"{type(self).__name__}({words})"

    def to_dict(self) -> dict[str, Any]:
        """Kind and parameters, as JSON can hold them."""
        return {"kind": type(self).__name__, "parameters": self.parameters()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Any:
        """The part that :meth:`to_dict` described.

        Raises:
            CircuitError: no class of this name has been defined.
        """
        one_of(f"{cls.__name__.lower()} kind", content["kind"], cls.kinds, CircuitError)
        return cls.kinds[content["kind"]](**content["parameters"])


class Cell(Part, ABC):
    """Base of all cells. See the module's docstring.

    Attributes:
        ports: which ports the cell listens to.
        state: name -> :class:`State` (or its value at rest, for a pure number).
        inputs: outside signals that a protocol may give, name -> Unit.
        output: the state that projections send if they name none; the first one if not given.
    """

    kinds: ClassVar[dict[str, type[Part]]] = {}
    ports: ClassVar[tuple[str, ...]] = ()
    state: ClassVar[Mapping[str, State | float]] = {}
    inputs: ClassVar[Mapping[str, Unit]] = {}
    output: ClassVar[str] = ""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        reserved = [name for name in (*cls.state, *cls.inputs) if name == "dt" or name.startswith("port_")]
        if reserved:
            raise CircuitError(f"cell {cls.__name__}: '{reserved[0]}' cannot be the name of a state or input")
        for port in cls.ports:
            one_of(f"port of {cls.__name__}", port, PORTS, CircuitError)
        if ABC not in cls.__bases__ and not cls.state:
            raise CircuitError(f"cell {cls.__name__} has no state; give it state = {{'name': value at rest}}")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check()

    @classmethod
    def states(cls) -> dict[str, State]:
        """All states, plain numbers made into pure ones."""
        return {n: s if isinstance(s, State) else State(float(s)) for n, s in cls.state.items()}

    @property
    def sends(self) -> str:
        """The state that is sent if a projection names none."""
        return self.output or next(iter(self.state))

    def rest(self) -> dict[str, float]:
        """Every state at rest (a subclass may make it depend on its parameters)."""
        return {name: state.rest for name, state in self.states().items()}

    def scatter(self, shape: tuple[int, ...], rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        """States in which cells differ before all time, drawn from ``rng``; a subclass may have some."""
        return {}

    @property
    def phases(self) -> tuple[str, ...]:
        """Names of the phases in which the cell acts."""
        return tuple(p.name for p in PHASES if hasattr(type(self), p.name))

    def act(self, phase: str) -> Callable[..., dict[str, Any]]:
        """The function of a phase: ``(cell, port, dt) -> {state: new value}``."""
        function: Callable[..., dict[str, Any]] = getattr(self, phase)
        return function

    @cached_property
    def equations(self) -> dict[str, dict[str, Any]]:
        """For each phase the new value of each state, with symbols for states, ports and parameters."""
        cell = symbols([*self.state, *self.inputs])
        port = symbols({name: f"port_{name}" for name in self.ports})
        dt = Traced(sympy.Symbol("dt", positive=True))
        found = {}
        for phase in self.phases:
            what = f"cell {type(self).__name__}, {phase}"
            found[phase] = trace(what, getattr(self.symbolic(), phase), cell, port, dt)
            for name in found[phase]:
                if name not in self.state:
                    raise CircuitError(f"{what}: {unknown('state', name, self.state)}")
        return found

    def check(self) -> None:
        """Trace every phase and check its units; ports carry what the receiving state needs.

        Raises:
            CircuitError: a function is not pointwise.
            UnitError: an equation does not have the unit of its state.
        """
        units = {n: s.unit.dimension for n, s in self.states().items()}
        known = units | {n: u.dimension for n, u in self.inputs.items()} | {"dt": MS.dimension}
        known |= {n: u.dimension for n, u in self.units().items()}
        known |= {f"port_{n}": u.dimension for n, u in self.port_units().items()}
        for phase, equations in self.equations.items():
            for name, expr in equations.items():
                check_units(f"cell {type(self).__name__}, {phase}, {name}", expr, known, units[name])

    @classmethod
    def port_units(cls) -> dict[str, Unit]:
        """Unit of what each port takes; pure numbers unless a subclass says otherwise."""
        return dict.fromkeys(cls.ports, ONE)

    def __str__(self) -> str:
        lines = [self.title()]
        for phase, equations in self.equations.items():
            lines += [f"  {phase:10s}{name} ← {expr}" for name, expr in equations.items()]
        return "\n".join(lines)


def rest_of(cell: Cell) -> SimpleNamespace:
    """A namespace of a cell's states at rest: to call its functions by hand."""
    return SimpleNamespace(**cell.rest())
