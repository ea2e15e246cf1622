"""Whether a step is short enough for every time that a circuit knows.

A cell says its next state, and most say it by an Euler step, x ← x + dt/τ (goal − x): what is left of a
deviation after a step is 1 − dt/τ of it.

    dt ≤ τ          it shrinks towards 0; dt = τ is the papers' own step
    τ < dt < 2τ     it changes its sign in every step, and shrinks: a warning, because it comes to rest, and
                    such steps (γ > 1) are a setting of predictive coding
    2τ ≤ dt         it never shrinks: whatever a simulation shows then is the integrator, so it is refused

Time constants are found in the equations of cells, and of synapses that have states, so a user's own are
looked after too. All other times and rates are only compared with a step.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import sympy

from corticalnet.circuits.cells import Cell
from corticalnet.circuits.formulas import at, euler, self_coupling
from corticalnet.circuits.index import Index
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.quantities import KHZ, MS
from corticalnet.errors import CircuitError, CircuitWarning

#: By phase, new values of states as expressions.
Equations = Mapping[str, Mapping[str, Any]]
#: What is shorter by rounding alone is not shorter.
_EXACT = 1 - 1e-9


def check_timescales(circuit: Index) -> None:
    """Compare every time constant, duration and maximal rate with the circuit's step.

    Raises:
        CircuitError: a state could never come to rest.

    Warns:
        CircuitWarning: a time is shorter than a step, or a rate higher than one spike in each.
    """
    found: list[tuple[str, list[tuple[bool, str]]]] = []
    for population in circuit.populations:
        try:
            problems = _problems(population.cell, circuit.dt)
        except TypeError:  # a parameter that has no hash
            problems = _problems.__wrapped__(population.cell, circuit.dt)
        found.append((f"population '{population.name}': ", problems))
    for projection in circuit.plastic:
        assert projection.plasticity is not None, "plastic"
        pre, post = (circuit.population(end).cell for end in (projection.source, projection.target))
        problems = _of_synapses(projection.plasticity, pre, post, circuit.dt)
        found.append((f"projection '{projection.name}': ", problems))
    for where, problems in found:
        for fatal, sentence in problems:
            if fatal:
                raise CircuitError(where + sentence)
            warnings.warn(where + sentence, CircuitWarning, stacklevel=5)


def _too_short(what: str, tau: float, dt: float) -> list[tuple[bool, str]]:
    """Return the problem if an Euler step of dt is too long for a time constant; none if it is not."""
    if tau >= dt * _EXACT:
        return []
    fatal = dt >= 2 * tau * _EXACT
    then = "what is away from rest never comes back" if fatal else "every step overshoots"
    return [
        (
            fatal,
            f"{what} = {tau:g} ms is too short for a step of dt = {dt:g} ms, in which {then}; choose a dt of "
            f"{tau:g} ms or less, or a longer {what.rpartition('.')[2]}",
        )
    ]


@lru_cache(maxsize=1024)
def _problems(cell: Cell, dt: float) -> list[tuple[bool, str]]:
    """List the problems of steps of dt for a cell, as (whether fatal, sentence)."""
    name, units = type(cell).__name__, cell.units()
    found = _times(cell, cell.equations, dt)
    if any(state.event for state in cell.states().values()):
        for parameter in (p for p, unit in units.items() if unit == KHZ):
            value = getattr(cell, parameter)
            if value * dt * _EXACT > 1:
                found.append(
                    (
                        False,
                        f"{name}.{parameter} = {value:g} 1/ms is more than one spike in a step of dt = "
                        f"{dt:g} ms, and a cell fires once at most; choose a dt of {1 / value:g} ms or less",
                    )
                )
    rest = {**dict.fromkeys((*cell.inputs, *(f"port_{port}" for port in cell.ports)), 0.0), **cell.rest()}
    return found or _leaks(cell, cell.equations, rest, dt)


def _of_synapses(rule: Plasticity, pre: Cell, post: Cell, dt: float) -> list[tuple[bool, str]]:
    """List the problems of steps of dt for the synapses between two cells."""
    memory = _too_short(f"{type(rule).__name__}.memory", rule.memory, dt) if rule.memory else []
    if not rule.state:
        return memory
    equations = {"update": rule.updates(pre, post)}
    found = memory + _times(rule, equations, dt, but="memory")
    rest = {"w": 0.0, **dict.fromkeys((f"port_{port}" for port in post.ports), 0.0)}
    synapse = {name: state.rest for name, state in rule.states.items()}
    for side, states in (("pre", pre.rest()), ("post", post.rest()), ("synapse", synapse)):
        rest |= {f"{side}_{name}": value for name, value in states.items()}
    return found or _leaks(rule, equations, rest, dt, "synapse_")


def _times(part: Cell | Plasticity, equations: Equations, dt: float, but: str = "") -> list[tuple[bool, str]]:
    """List the problems of all parameters in ms (but one): time constants of Euler steps, and durations."""
    times = {p: getattr(part, p) for p, unit in part.units().items() if unit == MS and p != but}
    integrated, found = euler(equations), []
    for parameter, value in times.items():
        what = f"{type(part).__name__}.{parameter}"
        if parameter in integrated:
            found += _too_short(what, value, dt)
        elif 0 < value < dt * _EXACT:
            found.append(
                (
                    False,
                    f"{what} = {value:g} ms is shorter than a step of dt = {dt:g} ms, so it cannot be told "
                    f"from a whole one; choose a dt of {value:g} ms or less, or a longer {parameter}",
                )
            )
    return found


def _leaks(
    part: Cell | Plasticity, equations: Equations, rest: Mapping[str, float], dt: float, prefix: str = ""
) -> list[tuple[bool, str]]:
    """List the problems of time constants that are no parameter, such as capacitance / conductance."""
    values: Mapping[str, Any] = {**rest, **part.parameters(), "dt": dt}
    for phase, new in equations.items():
        for state, expr in new.items():
            left = _number(at(self_coupling(expr, prefix + state), values))
            if left is None or left >= 0:
                continue
            fatal = left <= -_EXACT
            then = "it never comes back" if fatal else "it overshoots"
            return [
                (
                    fatal,
                    f"{type(part).__name__}, {phase}: if '{state}' is away from rest, a step of dt = {dt:g} "
                    f"ms makes {left:g} times as much of it, so {then}; choose a dt of "
                    f"{dt / (1 - left):g} ms or less",
                )
            ]
    return []


def _number(expr: Any) -> float | None:
    return float(expr) if isinstance(expr, sympy.Expr) and expr.is_number and expr.is_real else None
