"""Continuous time: dt ≪ τ. Four ways to learn by exactly the error that backprop would find.

In continuous time an error grows through one low-pass for each area it has come through,
e_l(t) = δ_l · P(depth, t/τ), and as soon as values move, predictions move and spoil it. All constructions
wait; they differ in what keeps the spoilt part away, and in who says when.

    latch             φ. Each area reads its error s after it has left rest, sends on what it has read until
                      the error is at rest again; only then changes its weights. Error ≈ depth · e^(−s/τ)
    delay             φ. Axons between areas take Δ; each area sends its error as it is and reads it after
                      s < 2Δ, before anything can have come back
    sample_and_hold   a clock. Every area reads and sends at its own time
    nudge             a clock. The teacher only nudges the output (β), all areas relax together; error ∝ β
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf, log
from numbers import Real
from typing import Any

from corticalnet.circuits import cells
from corticalnet.circuits.circuit import Needs
from corticalnet.circuits.plasticity import ErrorTimesRate
from corticalnet.circuits.quantities import MS, quantity
from corticalnet.columns.construction import (
    Columns,
    Construction,
    Shared,
    Site,
    depth_of,
    pool,
    told,
)
from corticalnet.errors import CircuitError, CircuitWarning, one_of

CONSTRUCTIONS = ("latch", "delay", "sample_and_hold", "nudge")
_TIMES = ("tau", "dt", "settle", "silence", "delay", "tau_error", "local_delay", "ramp", "average", "burst")


@dataclass(frozen=True)
class Continuous:
    """How a rule that equals backprop is run in continuous time; times in ms, or as "10 ms".

    Args:
        construction: "latch", "delay", "sample_and_hold" or "nudge".
        tau: τ of value cells.
        dt: length of a step; τ gives the rule's own steps.
        settle: s, from an error leaving rest to its being read. 20 τ if not given; 1.9 Δ for "delay"; for
            "nudge" 50 τ from the teacher's coming.
        silence: how long an error must have been at rest for φ; 20 τ if not given.
        delay: Δ, of axons between areas, both ways. 0 if not given; 10 τ for "delay".

    Other:
        tau_error: τ of error cells; 0 for none of their own.
        local_delay: from error cell to value cell of a column.
        ramp: how long a teacher takes to take over.
        threshold: sizes of errors up to this are rest.
        quiet: moves of predictions up to this are none; ``threshold`` if not given.
        pooled: one φ for an area, which watches Σ|ε|, or one for each column. Single columns with small
            errors notice them late, and let go when an error passes through zero.
        nudge: β.
        average: time constant with which noisy errors, bids and eligibilities are averaged; 0 for none.
        burst: how long dopamine stays when a reward comes; 0 for one step.

    Columns that learn from reward have cells of their own for what comes down, and need no construction: of
    all this only tau, dt, settle, delay, average and burst are theirs.

    Raises:
        CircuitError: an unknown construction, or an impossible time or number.

    Warns:
        CircuitWarning: a setting with which this is known to fail.
    """

    construction: str = "latch"
    tau: float | str = 10.0
    dt: float | str = 1.0
    settle: float | str | None = None
    silence: float | str | None = None
    delay: float | str | None = None
    tau_error: float | str = 0.0
    local_delay: float | str = 0.0
    ramp: float | str = 0.0
    threshold: float = 1e-4
    quiet: float | None = None
    pooled: bool = True
    nudge: float = 1e-3
    average: float | str = 0.0
    burst: float | str = 0.0

    def __post_init__(self) -> None:
        one_of("construction", self.construction, CONSTRUCTIONS, CircuitError)
        tau = quantity(self.tau, MS, "Continuous: tau")
        delay = self.delay if self.delay is not None else 10 * tau * (self.construction == "delay")
        delay = quantity(delay, MS, "Continuous: delay")
        usual = {"delay": 1.9 * delay, "nudge": 50 * tau}.get(self.construction, 20 * tau)
        given = {
            "delay": delay,
            "settle": usual if self.settle is None else self.settle,
            "silence": 20 * tau if self.silence is None else self.silence,
            "quiet": self.threshold if self.quiet is None else self.quiet,
        }
        for name, value in given.items():
            object.__setattr__(self, name, value)
        for name in _TIMES:
            value = quantity(getattr(self, name), MS, f"Continuous: {name}")
            least = 0.0 if name not in ("tau", "dt") else None
            if not (value > 0 if least is None else value >= 0) or value == inf:
                word = "more than 0" if least is None else "0 ms or more"
                raise CircuitError(f"Continuous: {name} must be {word}, not {value:g} ms")
            object.__setattr__(self, name, value)
        for name in ("threshold", "quiet", "nudge"):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, Real) or not 0 <= float(number) < inf:
                raise CircuitError(f"Continuous: {name} must be a number, 0 or more, not {number!r}")
        if not isinstance(self.pooled, bool):
            raise CircuitError(f"Continuous: pooled must be True or False, not {self.pooled!r}")
        if self.construction == "nudge" and self.nudge == 0:
            raise CircuitError("Continuous: nudge must be more than 0, or the teacher is not heard at all")
        if self.construction == "delay" and not self.ms("delay"):
            raise CircuitError("Continuous: the construction 'delay' needs a delay of more than 0 ms")
        for problem in self.problems():
            warnings.warn(f"continuous time, {self.construction}: {problem}", CircuitWarning, stacklevel=3)

    def ms(self, name: str) -> float:
        """A time in ms."""
        return float(getattr(self, name))

    def problems(self) -> list[str]:
        """What is known to go wrong with these settings, in sentences."""
        tau, dt, settle, delay = (self.ms(name) for name in ("tau", "dt", "settle", "delay"))
        by_phi = self.construction in ("latch", "delay")
        found = [
            (dt > tau, f"dt = {dt:g} ms is longer than tau = {tau:g} ms, so values overshoot"),
            (
                self.construction == "delay" and settle >= 2 * delay,
                f"an error is read {settle:g} ms after it left rest, but what it caused comes back after "
                f"2Δ = {2 * delay:g} ms and spoils it; choose settle < {2 * delay:g} ms",
            ),
            (
                self.construction == "nudge" and delay >= tau,
                f"axonal delays of {delay:g} ms with live feedback are unstable from about tau = {tau:g} ms",
            ),
            (
                self.ms("tau_error") > tau / 2,
                f"tau_error = {self.ms('tau_error'):g} ms is more than tau / 2 = {tau / 2:g} ms; value and "
                "error cells ring",
            ),
            (
                self.ms("local_delay") > tau / 2,
                f"local_delay = {self.ms('local_delay'):g} ms is more than tau / 2 = {tau / 2:g} ms; columns "
                "ring, and diverge from π/2 tau",
            ),
            (
                by_phi and self.threshold < 1e-12,
                f"threshold = {self.threshold:g} is below the rounding of float64, so φ may never see rest",
            ),
            (
                by_phi and settle < 3 * tau and dt < tau,
                f"settle = {settle:g} ms is less than 3 tau, so errors are read long before they have grown",
            ),
            (
                by_phi and not self.pooled and self.ms("ramp") > 0,
                "single columns notice a teacher that comes slowly at different times; choose pooled=True",
            ),
        ]
        return [sentence for wrong, sentence in found if wrong]


class Staged(Construction):
    """Columns that go through three stages; see :mod:`corticalnet.circuits.cells.staged`."""

    def __init__(self, how: Continuous, learning_rate: float) -> None:
        self.how, self.rate = how, learning_rate
        self.dt, self.delay = how.ms("dt"), how.ms("delay")
        self.clocked = how.construction in ("sample_and_hold", "nudge")
        self.tells = ("error", "sent")
        if how.construction == "nudge":
            self.live = self.dt / how.ms("tau")

    def columns(self, site: Site) -> Columns:
        """Value, prediction, error; and φ, unless a clock does its work."""
        how, f = self.how, site.activation
        tau, late = how.ms("tau"), how.ms("local_delay")
        value: cells.Cell = cells.LeakyValue(tau=tau, activation=f)
        if site.output:
            value = cells.TaughtValue(tau=tau, ramp=how.ms("ramp"))
            if how.construction == "nudge":
                value = cells.NudgedValue(tau=tau, ramp=how.ms("ramp"), nudge=how.nudge)
        kinds: dict[str, cells.Cell] = {
            "value": value,
            "prediction": cells.StagedPrediction(
                activation=f, rates=site.curved, memory=max(2 * tau, self.dt)
            ),
            "error": self.error(site.curved),
        }
        wires = [
            ("value", "error", "own", "change", 1.0),
            ("prediction", "error", "own", "shift", -1.0),
            ("error", "prediction", "own", "mean" if how.ms("average") else "error", 1.0),
        ]
        if not site.output:
            wires.append(("prediction", "value", "prediction", "gain", 1.0))
        if site.curved:
            wires.append(("prediction", "error", "prediction", "gain", 1.0))
        stand = Columns(kinds, wires)
        pull = "difference" if site.curved else "error"
        if late:
            stand.paths.append(("error", "value", "modulator", pull, late))
        else:
            wires.append(("error", "value", "own", pull, 1.0))
        if self.clocked:
            return stand
        times = {"settle": how.ms("settle"), "silence": how.ms("silence")}
        levels = {"threshold": how.threshold, "quiet": float(how.quiet or 0.0)}
        phi = cells.StagedDetector(**times, **levels)
        if how.construction == "delay":
            # It sends until what it caused may come back; what it sent must arrive before weights change.
            back = 2 * self.delay
            closes = max(back, times["settle"] + self.dt)
            phi = cells.ClosingDetector(**times, **levels, release=back, closes=closes)
        if how.pooled:
            pool(stand, phi, {"error": "stage", "prediction": "stage"})
        else:
            stand.cells["phi"] = phi
            wires += [
                ("error", "phi", "own", "size", 1.0),
                ("prediction", "phi", "prediction", "size", 1.0),
                ("phi", "error", "modulator", "stage", 1.0),
                ("phi", "prediction", "modulator", "stage", 1.0),
            ]
        return stand

    def error(self, curved: bool) -> cells.StagedError:
        """What compares."""
        how = self.how
        tau, latched = max(how.ms("tau_error"), self.dt), how.construction in ("latch", "sample_and_hold")
        if how.ms("average"):
            return cells.AveragedError(tau, latched, curved, how.ms("average"))
        return cells.StagedError(tau, latched, curved)

    def plasticity(self, site: Site) -> ErrorTimesRate:
        """Error × rate, noted when the error is read, made when it is let go."""
        share = self.how.nudge if self.how.construction == "nudge" else 1.0
        return ErrorTimesRate(self.rate / share, "reads", consolidation="ends")

    def shared(self, sites: Sequence[Site], learning: dict[str, Site]) -> Shared:
        """For each depth a clock, if it is clocks that do it."""
        if not self.clocked:
            return Shared()
        settle = self.how.ms("settle")
        clocks: dict[str, tuple[cells.Cell, list[str]]] = {}
        for site in sites:
            name, at = f"clock{site.depth}", (site.depth + 1) * settle
            clock = cells.StagedClock(opens=at, settle=at)
            if self.how.construction == "nudge":
                name, clock = "clock", cells.StagedClock(opens=0.0, settle=settle)
            clocks.setdefault(name, (clock, []))[1].extend([f"{site.name}.error", f"{site.name}.prediction"])
        return told(clocks, "stage")

    def needs(self, sites: Sequence[Site]) -> Needs:
        """For predictions to come to rest and be silent; for errors to come down and be read, one by one."""
        how = self.how
        tau, settle, slack = how.ms("tau"), how.ms("settle"), how.ms("local_delay") + how.ms("tau_error")
        depth, widest = depth_of(sites), max(site.n for site in sites)
        # Errors of 3 in all columns fall below the threshold within τ ln(3n/θ), area by area; single columns
        # let go one by one, and their area below moves each time.
        fall = (
            (tau + slack) * log(3 * widest / min(max(how.threshold, 1e-12), 0.1)) * (1 if how.pooled else 2)
        )
        silence = 0.0 if self.clocked else how.ms("silence")
        present = (depth + 1) * (fall + 4 * tau + 2 * self.delay) + silence
        one = settle + self.delay + 3 * tau + slack
        teach = how.ms("ramp") + (settle + tau if how.construction == "nudge" else depth * one)
        if how.construction == "delay":
            present += 2 * self.delay
        return Needs(ceil(present / self.dt), ceil(teach / self.dt) + 1)


def continuous(how: Any) -> Continuous:
    """A description of continuous time, also by the name of its construction alone.

    Raises:
        CircuitError: it is neither.
    """
    made = Continuous(how) if isinstance(how, str) else how
    if not isinstance(made, Continuous):
        raise CircuitError(
            f"dynamics is Continuous(...) or one of {', '.join(CONSTRUCTIONS)}, not {type(how).__name__}"
        )
    return made
