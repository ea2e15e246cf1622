"""Whether a step is short enough for every time that a circuit knows.

A cell says its next state, and most say it by an Euler step, x ← x + dt/τ (goal − x): what is left of a
deviation after a step is 1 − dt/τ of it.

    dt ≤ τ          it shrinks towards 0; dt = τ is the papers' own step
    τ < dt < 2τ     it changes its sign in every step, and shrinks: a warning, because it comes to rest, and
                    such steps (γ > 1) are a setting of predictive coding
    2τ ≤ dt         it never shrinks: whatever a simulation shows then is the integrator, so it is refused

Time constants are found in a cell's own equations, so a user's cell is looked after too. All other times and
rates are only compared with a step.
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
from corticalnet.circuits.quantities import KHZ, MS
from corticalnet.errors import CircuitError, CircuitWarning

#: What is shorter by rounding alone is not shorter.
_EXACT = 1 - 1e-9


def check_timescales(circuit: Index) -> None:
    """Compare every time constant, duration and highest rate with the circuit's step.

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
        memory, what = projection.plasticity.memory, f"{type(projection.plasticity).__name__}.memory"
        if memory:
            found.append((f"projection '{projection.name}': ", _too_short(what, memory, circuit.dt)))
    for where, problems in found:
        for fatal, sentence in problems:
            if fatal:
                raise CircuitError(where + sentence)
            warnings.warn(where + sentence, CircuitWarning, stacklevel=5)


def _too_short(what: str, tau: float, dt: float) -> list[tuple[bool, str]]:
    """An Euler step of dt with this time constant."""
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
    """What is wrong with steps of dt for a cell: (whether it is fatal, sentence)."""
    name, units = type(cell).__name__, cell.units()
    times = {p: getattr(cell, p) for p, unit in units.items() if unit == MS}
    integrated = euler(cell.equations) & times.keys()
    found = []
    for parameter, value in times.items():
        what = f"{name}.{parameter}"
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
    return found or _leaks(cell, dt)


def _leaks(cell: Cell, dt: float) -> list[tuple[bool, str]]:
    """The same for time constants that are no parameter, such as capacitance / conductance: at rest."""
    rest = {**dict.fromkeys((*cell.inputs, *(f"port_{port}" for port in cell.ports)), 0.0), **cell.rest()}
    values: Mapping[str, Any] = {**rest, **cell.parameters(), "dt": dt}
    for phase, new in cell.equations.items():
        for state, expr in new.items():
            left = _number(at(self_coupling(expr, state), values))
            if left is None or left >= 0:
                continue
            fatal = left <= -_EXACT
            then = "it never comes back" if fatal else "it overshoots"
            return [
                (
                    fatal,
                    f"{type(cell).__name__}, {phase}: if '{state}' is away from rest, a step of dt = {dt:g} "
                    f"ms makes {left:g} times as much of it, so {then}; choose a dt of "
                    f"{dt / (1 - left):g} ms or less",
                )
            ]
    return []


def _number(expr: Any) -> float | None:
    return float(expr) if isinstance(expr, sympy.Expr) and expr.is_number and expr.is_real else None
