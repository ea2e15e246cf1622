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
from dataclasses import dataclass
from math import inf
from typing import Any

from corticalnet.checks import not_negative
from corticalnet.circuits.quantities import MS, quantity
from corticalnet.errors import CircuitError, CircuitWarning, one_of

CONSTRUCTIONS = ("latch", "delay", "sample_and_hold", "nudge")
_TIMES = (
    "tau",
    "dt",
    "read_delay",
    "silence",
    "delay",
    "tau_error",
    "local_delay",
    "ramp",
    "average",
    "burst",
)


@dataclass(frozen=True)
class Continuous:
    """Settings of a rule's circuit in continuous time; times in ms, or as "10 ms".

    Args:
        construction: "latch", "delay", "sample_and_hold" or "nudge".
        tau: τ of value cells.
        dt: length of a step; τ gives the rule's own steps.
        read_delay: s, from an error leaving rest to its being read. 20 τ if not given; 1.9 Δ for "delay"; for
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
        prospective: whether cells of dendritic microcircuits send where they are going, f(u + τ du/dt), so
            that areas do not lag behind each other.

    Columns that learn from reward have cells of their own for what comes down, and need no construction: of
    all this only tau, dt, read_delay, delay, average and burst are theirs. So do dendritic microcircuits:
    theirs are tau (of a conductance of 1), dt, delay, average (of weight changes) and prospective. Those of
    rules of two phases (equilibrium propagation, contrastive Hebbian learning, GeneRec) have tau, dt, delay
    and read_delay, how long a phase takes.

    Raises:
        CircuitError: an unknown construction, or an impossible time or number.

    Warns:
        CircuitWarning: a setting with which this is known to fail.

    >>> import corticalnet as cn
    >>> circuit = cn.circuit(cn.mlp([4, 3, 2]), cn.rule("z-il"), dynamics=Continuous(tau="20 ms", dt=0.5))
    >>> circuit.dt
    0.5
    """

    construction: str = "latch"
    tau: float | str = 10.0
    dt: float | str = 1.0
    read_delay: float | str | None = None
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
    prospective: bool = False

    def __post_init__(self) -> None:
        one_of("construction", self.construction, CONSTRUCTIONS, CircuitError)
        tau = quantity(self.tau, MS, "Continuous: tau")
        delay = self.delay if self.delay is not None else 10 * tau * (self.construction == "delay")
        delay = quantity(delay, MS, "Continuous: delay")
        usual = {"delay": 1.9 * delay, "nudge": 50 * tau}.get(self.construction, 20 * tau)
        given = {
            "delay": delay,
            "read_delay": usual if self.read_delay is None else self.read_delay,
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
            not_negative(f"Continuous: {name}", getattr(self, name), CircuitError)
        for name in ("pooled", "prospective"):
            if not isinstance(getattr(self, name), bool):
                raise CircuitError(f"Continuous: {name} must be True or False, not {getattr(self, name)!r}")
        if self.construction == "nudge" and self.nudge == 0:
            raise CircuitError("Continuous: nudge must be more than 0, or the teacher is not received at all")
        if self.construction == "delay" and not self.ms("delay"):
            raise CircuitError("Continuous: the construction 'delay' needs a delay of more than 0 ms")
        for problem in self.problems():
            warnings.warn(f"continuous time, {self.construction}: {problem}", CircuitWarning, stacklevel=3)

    def ms(self, name: str) -> float:
        """Return a time of this name in ms."""
        return float(getattr(self, name))

    def problems(self) -> list[str]:
        """Return known problems of these settings, in sentences."""
        tau, dt, read_delay, delay = (self.ms(name) for name in ("tau", "dt", "read_delay", "delay"))
        by_phi = self.construction in ("latch", "delay")
        found = [
            (dt > tau, f"dt = {dt:g} ms is longer than tau = {tau:g} ms, so values overshoot"),
            (
                self.construction == "delay" and read_delay >= 2 * delay,
                f"an error is read {read_delay:g} ms after it left rest, but what it caused comes back after "
                f"2Δ = {2 * delay:g} ms and spoils it; choose read_delay < {2 * delay:g} ms",
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
                by_phi and read_delay < 3 * tau and dt < tau,
                f"read_delay = {read_delay:g} ms is less than 3 tau, "
                "so errors are read long before they have grown",
            ),
            (
                by_phi and not self.pooled and self.ms("ramp") > 0,
                "single columns notice a teacher that comes slowly at different times; choose pooled=True",
            ),
        ]
        return [sentence for wrong, sentence in found if wrong]


def continuous(how: Any) -> Continuous:
    """Return a description of continuous time, given that or the name of a construction.

    Raises:
        CircuitError: it is neither.
    """
    made = Continuous(how) if isinstance(how, str) else how
    if not isinstance(made, Continuous):
        raise CircuitError(
            f"dynamics is Continuous(...) or one of {', '.join(CONSTRUCTIONS)}, not {type(how).__name__}"
        )
    return made
