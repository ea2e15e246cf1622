"""What a class of cells must be, before there is one: each mistake is one sentence that names it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from difflib import get_close_matches
from keyword import iskeyword
from types import FunctionType
from typing import Any

from corticalnet.circuits.cells.state import State
from corticalnet.circuits.parameters import declared
from corticalnet.circuits.quantities import Unit, number
from corticalnet.circuits.schedule import PHASES
from corticalnet.errors import CircuitError, one_of, unknown

_PHASES = [phase.name for phase in PHASES]


def check_definition(kind: Any) -> None:
    """Check that a class of cells declares its states, ports, inputs and phases correctly.

    Args:
        kind: the class.

    Raises:
        CircuitError: it has not.
    """
    who = f"cell {kind.__name__}"
    if not isinstance(kind.ports, Mapping):
        raise CircuitError(
            f"{who}: ports must be {{'name': the phase that delivers it, or ''}}, not {kind.ports!r}"
        )
    for port, phase in kind.ports.items():
        _word(who, "a port", port)
        if phase != "":
            one_of(f"phase that delivers port '{port}' of {kind.__name__}", phase, _PHASES, CircuitError)
    check_states(who, kind.state)
    if not kind.state:
        raise CircuitError(f"{who} has no state; give it state = {{'name': value at rest}}")
    if not isinstance(kind.inputs, Mapping) or not all(isinstance(u, Unit) for u in kind.inputs.values()):
        raise CircuitError(
            f"{who}: inputs must be {{'name': unit}} with units of corticalnet.circuits.quantities "
            f"(ONE, MS, MV, ...), not {kind.inputs!r}"
        )
    _names(kind, who)
    if kind.output:
        one_of(f"output of {kind.__name__}", kind.output, kind.state, CircuitError)
    for name, member in vars(kind).items():
        if not name.startswith("_"):
            _method(kind, who, name, member)


def check_states(who: str, states: Any) -> None:
    """Check that states are numbers or :class:`State` objects, with names that are identifiers.

    Raises:
        CircuitError: they are not.
    """
    if not isinstance(states, Mapping):
        raise CircuitError(f"{who}: state must be {{'name': value at rest}}, not {states!r}")
    for name, value in states.items():
        _word(who, "a state", name)
        if not isinstance(value, State):
            number(value, f"{who}: state '{name}' at rest", " or a State")


def _word(who: str, what: str, name: object) -> None:
    if not isinstance(name, str) or not name.isidentifier() or iskeyword(name):
        raise CircuitError(f"{who}: the name of {what} must be a word, not {name!r}")


def _names(kind: Any, who: str) -> None:
    """Check that the names of states, inputs and parameters are identifiers, and distinct."""
    owner: dict[str, str] = {}
    for what, names in (("a parameter", declared(kind)), ("a state", kind.state), ("an input", kind.inputs)):
        for name in names:
            _word(who, what, name)
            if name == "dt" or name.startswith("port_"):
                raise CircuitError(f"{who}: '{name}' cannot be the name of {what}")
            if name in owner:
                raise CircuitError(
                    f"{who}: '{name}' is already {owner[name]}, and cannot be {what} too; rename one"
                )
            if name in _PHASES and what == "a parameter":
                raise CircuitError(f"{who}: a parameter cannot be called '{name}', which is a phase")
            owner[name] = what


def _method(kind: Any, who: str, name: str, member: Any) -> None:
    """Check that a method named as a phase, or taking (cell, port, dt), is a well-formed phase."""
    if name in _PHASES and not isinstance(member, FunctionType):
        raise CircuitError(f"{who}: '{name}' is a phase, so it must be a method (self, cell, port, dt)")
    if not isinstance(member, FunctionType):
        return
    arguments = inspect.signature(member).parameters
    if name in _PHASES:
        try:
            inspect.signature(member).bind(None, None, None, None)
        except TypeError:
            raise CircuitError(
                f"{who}: phase '{name}' is called with (self, cell, port, dt), but takes "
                f"({', '.join(arguments)})"
            ) from None
        return
    inherited = any(hasattr(base, name) for base in kind.__mro__[1:])
    if inherited:
        return
    if list(arguments)[1:] == ["cell", "port", "dt"] or get_close_matches(name, _PHASES, 1, 0.8):
        raise CircuitError(f"{who}: {unknown('phase', name, _PHASES)}; a helper's name begins with '_'")
