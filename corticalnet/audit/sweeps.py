"""Sweeps: what decides how far columns in time are from backprop? One setting at a time.

dt, tau, delay      rates in continuous time; the latch's (or reward's) usual settings otherwise
noise               the same, with the averages that spikes need, and noise in every step
cells, window       spikes
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from corticalnet.audit.comparison import (
    ALL,
    Comparison,
    PowerLawFit,
    compare,
    fit_power_law,
    geometric_mean,
    mean,
)
from corticalnet.audit.trials import Trials
from corticalnet.audit.views import View, windowed
from corticalnet.columns import Continuous
from corticalnet.columns.registry import spiking_dynamics
from corticalnet.columns.spiking import RateCode
from corticalnet.errors import ProtocolError, SimulationError, one_of
from corticalnet.rules import LearningRule

TAU = 10.0


@dataclass(frozen=True)
class Setting:
    """A setting that is swept over several values.

    Attributes:
        label: of the axis.
        values: the usual ones.
        fitted: whether errors are expected to follow a power law.
        view: (rule, value, cells, cell) -> a view.
    """

    label: str
    values: tuple[float, ...]
    fitted: bool
    view: Callable[[LearningRule, float, int, str], View]


def _rates(label: str, values: tuple[float, ...], times: Callable[[float], dict[str, Any]]) -> Setting:
    def view(rule: LearningRule, value: float, cells: int, cell: str) -> View:
        return View(f"{value:g}", Continuous(**{"tau": TAU, "read_delay": 20 * TAU, **times(value)}))

    return Setting(label, values, False, view)


def _cells(rule: LearningRule, value: float, cells: int, cell: str) -> View:
    return View(f"{value:g}", spiking_dynamics(rule), int(value), cell)


def _window(rule: LearningRule, value: float, cells: int, cell: str) -> View:
    return View(f"{value:g}", windowed(spiking_dynamics(rule), value), cells, cell)


def _noise(rule: LearningRule, value: float, cells: int, cell: str) -> View:
    return View(f"{value:g}", replace(spiking_dynamics(rule), dt=1.0), noise=value)


SWEEPS: dict[str, Setting] = {
    "dt": _rates("dt (ms)", (10.0, 5.0, 2.0, 1.0, 0.5), lambda dt: {"dt": dt}),
    "tau": _rates("τ (ms), s = 200 ms", (5.0, 10.0, 20.0, 40.0), lambda tau: {"tau": tau}),
    "delay": _rates("delay (ms)", (0.0, 5.0, 10.0, 20.0, 50.0), lambda delay: {"delay": delay}),
    "cells": Setting("cells per column and sign", (10, 30, 100, 300), True, _cells),
    "window": Setting("window (ms)", (50.0, 100.0, 200.0, 400.0), True, _window),
    "noise": Setting("noise, s.d. in each step", (0.003, 0.01, 0.03, 0.1), True, _noise),
}


@dataclass(frozen=True)
class ParameterSweep:
    """One swept setting, and the errors at each of its values.

    Attributes:
        name: a key of :data:`SWEEPS`.
        label: of the axis.
        values: that were tried.
        found: for each value and trial: area -> comparison.
    """

    name: str
    label: str
    values: tuple[float, ...]
    found: tuple[tuple[Mapping[str, Comparison], ...], ...]

    @property
    def areas(self) -> list[str]:
        """Return the names of the areas from the input up, then "all"."""
        return list(self.found[0][0])

    def errors(self, area: str) -> list[list[float]]:
        """Return the relative error of each trial, for each value."""
        return [[trial[area].error for trial in trials] for trials in self.found]

    def error(self, area: str = ALL) -> list[float]:
        """Return the geometric mean of errors over trials, for each value."""
        return [geometric_mean(errors) for errors in self.errors(area)]

    def cosine(self, area: str = ALL) -> list[float]:
        """Return the mean cosine over trials, for each value."""
        return [mean(trial[area].cosine for trial in trials) for trials in self.found]

    def power_law(self, area: str = ALL) -> PowerLawFit | None:
        """Fit a power law to the errors, where one is expected; otherwise None."""
        if not SWEEPS[self.name].fitted:
            return None
        x = [value for value, errors in zip(self.values, self.errors(area), strict=True) for _ in errors]
        return fit_power_law(x, [e for errors in self.errors(area) for e in errors])


def run_sweep(
    name: str,
    trials: Trials,
    values: Sequence[float] | None = None,
    *,
    cells: int = 100,
    cell: str = "pif",
    engine: str = "torch",
    seed: int = 0,
    tick: Any = None,
    **options: Any,
) -> ParameterSweep:
    """Run the trials at every value of a setting.

    Raises:
        ProtocolError: an unknown sweep, or no values.
        CircuitError: the rule has no such circuit.
        SimulationError: numbers run away at a value.
    """
    one_of("sweep", name, SWEEPS, ProtocolError)
    RateCode(cells, cell)  # impossible ones are told at once
    setting = SWEEPS[name]
    tried = tuple(setting.values if values is None else values)
    if not tried:
        raise ProtocolError(f"sweep '{name}': there are no values to try")
    wanted = [trials.backprop(k) for k in range(len(trials))]
    own = [trials.learned(k) for k in range(len(trials))]
    found = []
    for value in tried:
        view = setting.view(trials.rule, value, cells, cell)
        try:
            changes = view.run(trials, engine, seed, tick, **options)
        except SimulationError as error:
            raise SimulationError(f"sweep of {name}, at {value:g}: {error}") from None
        found.append(tuple(compare(*sides) for sides in zip(changes, wanted, own, strict=True)))
    return ParameterSweep(name, setting.label, tried, tuple(found))
