"""Parameters of cells and plasticity: each has a unit and a range, and is checked when a part is made."""

from __future__ import annotations

import dataclasses
from abc import ABC
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar, TypeVar, dataclass_transform, get_type_hints

import numpy as np
import sympy

from corticalnet.checks import has_unit
from corticalnet.circuits.quantities import ANY, ONE, Range, Unit, number, quantity
from corticalnet.circuits.tracing import Traced
from corticalnet.errors import CircuitError, one_of, unknown

Self = TypeVar("Self", bound="Part")


@dataclass(frozen=True)
class Parameter:
    """What a class says of one of its parameters.

    Attributes:
        kind: its type: float for everything with a unit.
        unit: None if it has none.
        range: which numbers are possible.
    """

    kind: Any
    unit: Unit | None
    range: Range

    def read(self, value: Any, what: str) -> Any:
        """Convert a value to what the parameter holds: a number in its unit, a text, or a truth value.

        Raises:
            CircuitError: it is of another type.
        """
        if self.unit is not None:
            return quantity(value, self.unit, what)
        if self.kind is float:
            found = number(value, what)
            ANY.check(found, ONE, what)
            return found
        if self.kind is int:
            found = number(value, what)
            Range(whole=True).check(found, ONE, what)
            return int(found)
        if self.kind is bool:
            if not isinstance(value, bool | np.bool_ | int) or value not in (0, 1):
                raise CircuitError(f"{what} must be True or False, not {value!r}")
            return bool(value)
        if self.kind is str and not isinstance(value, str):
            raise CircuitError(f"{what} must be a text, not {value!r}")
        return value


@cache
def declared(kind: type[Part]) -> dict[str, Parameter]:
    """Return all parameters that a class declares, by name.

    Raises:
        CircuitError: a type cannot be found.
    """
    try:
        hints = get_type_hints(kind, include_extras=True)
    except NameError as error:
        raise CircuitError(
            f"{kind.__name__}: the type '{error.name}' of a parameter cannot be found; import it at the top "
            "of the file"
        ) from None
    found = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        marks = getattr(hints[field.name], "__metadata__", ())
        units = [mark for mark in marks if isinstance(mark, Unit)]
        ranges = [mark for mark in marks if isinstance(mark, Range)]
        plain = getattr(hints[field.name], "__origin__", hints[field.name]) if marks else hints[field.name]
        unit = units[-1] if units else ONE if ranges else None
        found[field.name] = Parameter(plain, unit, ranges[-1] if ranges else ANY)
    return found


def _symbol(name: str) -> Traced:
    return Traced(sympy.Symbol(name, real=True))


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
        for name in vars(cls).get("__annotations__", {}):
            if has_unit(vars(cls).get(name)):
                raise CircuitError(
                    f"{cls.__name__}: {name} = {vars(cls)[name]!r} has a unit in the class body, where the "
                    f"annotation says the unit: write a number, or a text as '10 ms'"
                )
        if "__dataclass_fields__" not in vars(cls):
            try:
                dataclass(frozen=True)(cls)
            except (TypeError, ValueError) as error:
                raise CircuitError(
                    f"{cls.__name__}: {error}; an annotated name is a parameter and has a default, as in "
                    "'tau: Milliseconds = 10.0', all else is written without annotation"
                ) from None
        for field in dataclasses.fields(cls):  # type: ignore[arg-type]
            taken = next((b for b in cls.__mro__[1:] if hasattr(vars(b).get(field.name), "__get__")), None)
            if taken is not None:
                raise CircuitError(
                    f"{cls.__name__}: a parameter cannot be called '{field.name}', which is a method of "
                    f"every {taken.__name__}; give it another name"
                )
        if ABC not in cls.__bases__:
            cls.kinds[cls.__name__] = cls

    def __post_init__(self) -> None:
        for name, parameter in declared(type(self)).items():
            value = parameter.read(getattr(self, name), f"{type(self).__name__}.{name}")
            object.__setattr__(self, name, value)
        not_zero = self.divisors()
        for name, parameter in declared(type(self)).items():
            if parameter.unit is None:
                continue
            allowed, what, value = parameter.range, f"{type(self).__name__}.{name}", getattr(self, name)
            if name in not_zero and allowed.least == 0:
                allowed = replace(allowed, above=True)
            allowed.check(value, parameter.unit, what)
            if name in not_zero and value == 0:
                raise CircuitError(f"{what} must not be 0: the {self.noun()} divides by it")

    def divisors(self) -> Iterable[str]:
        """Return the parameters that must not be 0, whatever their range: something is divided by them."""
        return ()

    @classmethod
    def noun(cls) -> str:
        """Return the word for such a part: "cell" or "plasticity"."""
        return next(base.__name__.lower() for base in cls.__mro__ if Part in base.__bases__)

    @classmethod
    def units(cls) -> dict[str, Unit]:
        """Return the unit of every parameter that has one."""
        return {name: p.unit for name, p in declared(cls).items() if p.unit is not None}

    def parameters(self) -> dict[str, Any]:
        """Return all parameters by name."""
        return {name: getattr(self, name) for name in declared(type(self))}

    def symbolic(self: Self, symbol: Callable[[str], Any] = _symbol) -> Self:
        """Return a copy with a symbol for every parameter that has a unit, for printing and unit checks."""
        twin, units = object.__new__(type(self)), self.units()
        for name, value in self.parameters().items():
            object.__setattr__(twin, name, symbol(name) if name in units else value)
        return twin

    def title(self) -> str:
        """Describe the part by its class and parameters, for tables."""
        given = {k: v for k, v in self.parameters().items() if v != "" and (v or k not in self.unused)}
        words = ", ".join(f"{k}={v:g}" if isinstance(v, float) else f"{k}={v}" for k, v in given.items())
        return f"{type(self).__name__}({words})"

    def to_dict(self) -> dict[str, Any]:
        """Describe the part by its class and parameters, as data for JSON.

        Raises:
            CircuitError: another class of this name has been defined since, and would be read instead.
        """
        name = type(self).__name__
        if self.kinds.get(name) is not type(self):
            raise CircuitError(
                f"another {self.noun()} called '{name}' has been defined since; make this one anew"
            )
        units = {name: unit.symbol for name, unit in self.units().items() if unit != ONE}
        return {"kind": name, "parameters": self.parameters()} | ({"units": units} if units else {})

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], but: Collection[str] = ()) -> Any:
        """Make the part that :meth:`to_dict` described.

        Args:
            content: the description; numbers may be in other units than those of the class, if it says so.
            but: parameters that may be missing, and are then as by default.

        Raises:
            CircuitError: no class of this name has been defined, it has other parameters, or other units.
        """
        kind, given = cls._kind(content), dict(content["parameters"])
        known = declared(kind)
        for name in given:
            one_of(f"parameter of {kind.__name__}", name, known, CircuitError)
        for name in known:
            if name not in given and name not in but:
                raise CircuitError(f"parameter '{name}' of {kind.__name__} is missing")
        for name, symbol in content.get("units", {}).items():
            one_of(f"parameter of {kind.__name__} with a unit", name, kind.units(), CircuitError)
            what, unit = f"{kind.__name__}.{name}", kind.units()[name]
            if symbol != unit.symbol:
                given[name] = quantity(f"{number(given[name], what)!r} {symbol}", unit, what)
        return kind(**given)

    @classmethod
    def missing(cls, content: Mapping[str, Any]) -> list[str]:
        """Return the parameters of the class that a description does not have."""
        return [name for name in declared(cls._kind(content)) if name not in content["parameters"]]

    @classmethod
    def _kind(cls, content: Mapping[str, Any]) -> type[Part]:
        if content["kind"] not in cls.kinds:
            own = f"; a {cls.noun()} of your own is known once its module is imported"
            raise CircuitError(unknown(f"{cls.noun()} kind", content["kind"], cls.kinds) + own)
        return cls.kinds[content["kind"]]
