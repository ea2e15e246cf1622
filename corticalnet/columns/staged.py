"""In continuous time: columns that go through three stages (:mod:`corticalnet.circuits.cells.staged`).

One class for each construction of :mod:`corticalnet.columns.continuous`, which says what they do.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from math import ceil, log
from typing import Any, ClassVar

from corticalnet.circuits import cells
from corticalnet.circuits.connection import OneToOne
from corticalnet.circuits.parts import Broadcast, MinimumDurations, Projection, Wire
from corticalnet.circuits.plasticity import ErrorTimesRate
from corticalnet.columns.area import (
    AreaPopulations,
    AreaSpec,
    GlobalPopulations,
    broadcasters,
    links_to_input,
)
from corticalnet.columns.continuous import Continuous
from corticalnet.columns.refusals import by_consolidation, by_feedback, by_maximum, by_noise, first
from corticalnet.columns.registry import ColumnModel, Options, Source, runs
from corticalnet.columns.softmax import with_softmax
from corticalnet.rules import IL, ZIL, FaZIL, Random, SignSymmetric, Sweep, Tied


class StagedColumns(ColumnModel):
    """Base of predictive coding in continuous time.

    Args:
        learning_rate: of every synapse.
        dynamics: continuous time.
        softmax: whether rates of the output compete.
    """

    construction: ClassVar[str]
    latched: ClassVar[bool] = False  # whether error cells send what they have read
    feedback_source = Source("error", "sent")

    def __init__(self, learning_rate: float, dynamics: Continuous, softmax: bool = False) -> None:
        self.rate, self.dynamics, self.softmax = learning_rate, dynamics, softmax
        self.dt, self.delay = dynamics.ms("dt"), dynamics.ms("delay")

    @classmethod
    def runs_in(cls, dynamics: Continuous | None) -> bool:
        """Return whether time is continuous, of the model's own construction."""
        return dynamics is not None and dynamics.construction == cls.construction

    @classmethod
    def refuses(cls, rule: Any, options: Options) -> str | None:
        """Return why the model cannot run a rule (feedback, noise, inference, consolidation), or None."""
        why = " in continuous time, where each area lets its changes wait until its own error is at rest"
        return first(
            _by_direct(rule),
            by_feedback(rule, Tied, Random, SignSymmetric),
            by_noise(rule),
            _by_inference(rule),
            by_consolidation(options, "now", why=why),
        )

    @classmethod
    def of(cls, rule: Any, options: Options) -> StagedColumns:
        """Make the model with the learning rate, continuous time and loss asked for."""
        assert options.dynamics is not None, "see runs_in"
        return cls(options.learning_rate, options.dynamics, rule.teaching.loss == "cross-entropy")

    @classmethod
    def spiking_dynamics(cls, rule: Any) -> Continuous | None:
        """Return continuous time with thresholds for noisy spikes, for rules with φ; otherwise None."""
        if not isinstance(rule.trigger, FaZIL):
            return None
        return Continuous("latch", dt=0.5, read_delay=200.0, average=50.0, threshold=0.05, quiet=0.2)

    def populations(self, area: AreaSpec) -> AreaPopulations:
        """Return value, prediction and error cells of an area."""
        how, nonlinear = self.dynamics, area.nonlinear_output
        tau, late = how.ms("tau"), how.ms("local_delay")
        memory = max(2 * tau, self.dt)
        kinds: dict[str, cells.Cell] = {
            "value": self.output() if area.output else cells.LeakyValue(tau=tau, activation=area.activation),
            "prediction": cells.StagedPrediction(activation=area.activation, rates=nonlinear, memory=memory),
            "error": self.error(nonlinear),
        }
        wires = [
            Wire("value", "error", "change", sends="change"),
            Wire("prediction", "error", "change", sends="shift", weight=-1.0),
            Wire("error", "prediction", "error", sends="mean" if how.ms("average") else "error"),
        ]
        if not area.output:
            wires.append(Wire("prediction", "value", "gain", sends="gain"))
        if nonlinear:
            wires.append(Wire("prediction", "error", "gain", sends="gain"))
        made = with_softmax(AreaPopulations(kinds, wires), area, self.dt)
        wires = made.wires
        pull = "difference" if nonlinear else "error"
        if late:
            back = Projection("error", "value", "late_error", 1.0, OneToOne(), pull, delay=late)
            made.projections.append(back)
        else:
            wires.append(Wire("error", "value", "error", sends=pull))
        return made

    def refuses_pools(self, maximum: bool) -> str | None:
        """Return why areas may not have max pools; None for other pools."""
        return by_maximum(maximum)

    def output(self) -> cells.Cell:
        """Return the value cell of an output, which a teacher pulls to the target."""
        return cells.TaughtValue(tau=self.dynamics.ms("tau"), ramp=self.dynamics.ms("ramp"))

    def error(self, nonlinear: bool) -> cells.StagedError:
        """Return the error cell, averaged if the dynamics say so."""
        how = self.dynamics
        tau, average = max(how.ms("tau_error"), self.dt), how.ms("average")
        if average:
            return cells.AveragedError(tau, self.latched, nonlinear, average)
        return cells.StagedError(tau, self.latched, nonlinear)

    def plasticity(self, area: AreaSpec) -> ErrorTimesRate:
        """Return plasticity by error × rate, stored when the error is read, applied when it is released."""
        return ErrorTimesRate(self.rate, "read_out", consolidation="release")

    def needs(self, areas: Sequence[AreaSpec]) -> MinimumDurations:
        """Return the least durations: predictions come to rest, then errors come down one by one."""
        how = self.dynamics
        tau, slack = how.ms("tau"), how.ms("local_delay") + how.ms("tau_error")
        links, widest = links_to_input(areas), max(area.n for area in areas)
        # Errors of 3 in all columns fall below the threshold within τ ln(3n/θ), area by area; single columns
        # let go one by one, and their area below moves each time.
        fall = (
            (tau + slack) * log(3 * widest / min(max(how.threshold, 1e-12), 0.1)) * (1 if how.pooled else 2)
        )
        present = (links + 1) * (fall + 4 * tau + 2 * self.delay) + self.silence()
        return MinimumDurations(ceil(present / self.dt), ceil(self.taught(links) / self.dt) + 1)

    def silence(self) -> float:
        """Return how long (ms) all cells must have been at rest before the teacher comes."""
        return 0.0

    def taught(self, links: int) -> float:
        """Return how long (ms) the teacher must stay."""
        how = self.dynamics
        slack = how.ms("local_delay") + how.ms("tau_error")
        return how.ms("ramp") + links * (how.ms("read_delay") + self.delay + 3 * how.ms("tau") + slack)


def _by_direct(rule: Any) -> str | None:
    """Return why direct feedback, which reaches all areas at once, is refused; None for layered feedback."""
    if rule.feedback.layered:
        return None
    return (
        "direct feedback moves all areas at once, and in continuous time each would read its error while its "
        "prediction moves; choose steps (no dynamics), or feedback that comes down link by link"
    )


def _by_inference(rule: Any) -> str | None:
    """Return why rules whose errors change after their first arrival are refused; None for others."""
    trigger = rule.trigger
    if not isinstance(trigger, IL) and (rule.inference_rate is None or rule.inference_rate == 1.0):
        return None
    return (
        "in continuous time there are circuits for rules that equal their sweep (backprop, "
        "feedback alignment, z-il with rate 1, fa-z-il, streaming-fa-z-il)"
    )


class _ByPhi(StagedColumns):
    """Base of staged columns whose stages φ sets; one φ for an area, or one for each column."""

    def phi(self) -> cells.ContinuousDetector:
        """Make the detector φ."""
        return cells.ContinuousDetector(**self._times())

    def _times(self) -> dict[str, float]:
        how = self.dynamics
        levels = {"threshold": how.threshold, "quiet": float(how.quiet or 0.0)}
        return {"read_delay": how.ms("read_delay"), "silence": how.ms("silence"), **levels}

    def populations(self, area: AreaSpec) -> AreaPopulations:
        """Return value, prediction, error and φ cells of an area."""
        made = super().populations(area)
        if self.dynamics.pooled:
            tells = [Broadcast("phi", [role], "stage", port="stage") for role in ("error", "prediction")]
            made.add_pool(self.phi(), tells)
            return made
        made.cells["phi"] = self.phi()
        made.wires += [
            Wire("error", "phi", "error", sends="size"),
            Wire("prediction", "phi", "motion", sends="size"),
            Wire("phi", "error", "stage", sends="stage"),
            Wire("phi", "prediction", "stage", sends="stage"),
        ]
        return made

    def silence(self) -> float:
        """Return how long (ms) φ wants all cells to have been at rest."""
        return self.dynamics.ms("silence")


@runs(Sweep, IL, ZIL, FaZIL)
class LatchColumns(_ByPhi):
    """Columns that latch: each area sends the error as it was read, until the error is at rest again."""

    construction, latched = "latch", True


@runs(Sweep, IL, ZIL, FaZIL)
class DelayColumns(_ByPhi):
    """Columns with axons so slow that errors are read before anything can have come back."""

    construction = "delay"

    def phi(self) -> cells.ContinuousDetector:
        """Make a φ that closes before what it caused can come back, and releases after it has."""
        back = 2 * self.delay
        closes = max(back, self.dynamics.ms("read_delay") + self.dt)
        return cells.DelayedDetector(**self._times(), release_delay=back, closes=closes)

    def silence(self) -> float:
        """Return how long (ms) all must have been at rest, including what is on its way."""
        return super().silence() + 2 * self.delay


class _ByClock(StagedColumns):
    """Base of staged columns whose stages a clock sets."""

    @abstractmethod
    def clock(self, area: AreaSpec) -> tuple[str, cells.StagedClock]:
        """Return the name of an area's clock, and the clock."""

    def global_populations(
        self, areas: Sequence[AreaSpec], learning: dict[str, AreaSpec]
    ) -> GlobalPopulations:
        """Return the clocks that set the stages."""
        clocks: dict[str, tuple[cells.Cell, list[str]]] = {}
        for area in areas:
            name, clock = self.clock(area)
            clocks.setdefault(name, (clock, []))[1].extend([f"{area.name}.error", f"{area.name}.prediction"])
        return broadcasters(clocks, "stage", port="stage")


@runs(Sweep, IL, ZIL, FaZIL)
class SampleAndHoldColumns(_ByClock):
    """Columns that sample and hold: every area reads and sends at its own time."""

    construction, latched = "sample_and_hold", True

    def clock(self, area: AreaSpec) -> tuple[str, cells.StagedClock]:
        """Return the clock of the area's depth."""
        at = (area.depth + 1) * self.dynamics.ms("read_delay")
        return f"clock{area.depth}", cells.StagedClock(opens=at, read_delay=at)


@runs(Sweep, IL, ZIL, FaZIL)
class NudgeColumns(_ByClock):
    """Columns whose output the teacher only nudges, while all areas relax together."""

    construction = "nudge"

    def __init__(self, learning_rate: float, dynamics: Continuous, softmax: bool = False) -> None:
        super().__init__(learning_rate, dynamics, softmax)
        self.ungated_step_size = self.dt / dynamics.ms("tau")

    def output(self) -> cells.Cell:
        """Return the value cell of an output, which a teacher nudges."""
        how = self.dynamics
        return cells.NudgedValue(tau=how.ms("tau"), ramp=how.ms("ramp"), nudge=how.nudge)

    def plasticity(self, area: AreaSpec) -> ErrorTimesRate:
        """Return plasticity whose rate is divided by β, for errors are β times as large."""
        return ErrorTimesRate(self.rate / self.dynamics.nudge, "read_out", consolidation="release")

    def clock(self, area: AreaSpec) -> tuple[str, cells.StagedClock]:
        """Return the one clock of all areas."""
        return "clock", cells.StagedClock(opens=0.0, read_delay=self.dynamics.ms("read_delay"))

    def taught(self, links: int) -> float:
        """Return how long (ms) the teacher must stay: until all areas are at rest again."""
        return self.dynamics.ms("ramp") + self.dynamics.ms("read_delay") + self.dynamics.ms("tau")
