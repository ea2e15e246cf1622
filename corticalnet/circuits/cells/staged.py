"""Cells of continuous time: an error is attended to, read once, and let go.

An area's φ (or a clock) goes through three stages, and its columns receive which one it is:

    0   at rest
    1   an error has left rest; it is still growing towards its final value
    2   it has been long enough: the error is read, and synapses note their change
    (3  the error is no longer sent, where feedback must not go on)

and back to 0 when the error is at rest again: then the changes are made. Between 1 and 2 lies the time
``read_delay`` (s): an error that follows a step of feedback through k low-passes of time constant τ reaches
its final value up to about e^(−s/τ).
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.cells.prediction import PredictionWithMotion
from corticalnet.circuits.cells.state import State
from corticalnet.circuits.pointwise import absolute, relax, where
from corticalnet.circuits.quantities import MS, ONE, Magnitude, Milliseconds


class StagedError(Cell):
    """An error cell in continuous time.

        τ d error/dt = −error + (value − prediction)              (at once if τ = dt)

    States: ``difference`` (value − prediction, held as a drive of its own), ``error``, ``size = |error|``,
    ``stage``, ``sent`` (what the area below receives). Ports: ``change`` (value's change −
    prediction's shift), ``gain`` (if ``nonlinear_output``), ``stage``.

    Args:
        tau: time constant of the error cell; dt if it has none.
        latched: send what the error was when it was read, until it is let go (the latch); otherwise send
            the error as it is, during stages 1 and 2.
        nonlinear_output: the error of an output that fires nonlinearly: gain × difference.
    """

    tau: Milliseconds = 1.0
    latched: bool = True
    nonlinear_output: bool = False
    ports = {"change": "", "gain": "", "stage": ""}
    state = {"error": 0.0, "difference": 0.0, "size": 0.0, "stage": 0.0, "sent": 0.0}

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax the error to value − prediction (times the gain) by one Euler step."""
        difference = cell.difference + port.change
        goal = port.gain * difference if self.nonlinear_output else difference
        error = relax(cell.error, goal, self.tau, dt)
        return {"difference": difference, "error": error, "size": absolute(error)}

    def send(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Send the latched error in stage 2, or unlatched the error itself in stages 1 and 2."""
        stage = port.stage
        if self.latched:
            held = where(cell.stage < 2, cell.error, cell.sent)
            return {"stage": stage, "sent": where(stage == 2, held, 0.0)}
        return {"stage": stage, "sent": where((stage == 1) | (stage == 2), cell.error, 0.0)}


class AveragedError(StagedError):
    """An error cell in continuous time that averages noisy errors before they are read.

        average d mean/dt = −mean + error

    Values are pulled by the error itself; state ``mean`` is what is sent down, learnt from, and what φ sees.

    Args:
        average: time constant of the average.
    """

    average: Milliseconds = 40.0
    state = {**StagedError.state, "mean": 0.0}

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax the error to value − prediction, and its running mean to the error."""
        new = super().compare(cell, port, dt)
        mean = relax(cell.mean, new["error"], self.average, dt)
        return {**new, "mean": mean, "size": absolute(mean)}

    def send(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Send the mean error as a staged error sends its error."""
        return super().send(replaced(cell, error=cell.mean), port, dt)


class StagedPrediction(PredictionWithMotion):
    """A prediction cell that tells its synapses when the error is read and when it is let go.

    From the moment in which an error has left rest its gain stays as it is: what areas below make of the
    trial may move the prediction (a ReLU column might even fall silent), but no longer what it passes on.
    States ``read_out`` and ``release`` are 1 in the one step in which stage 2 begins, and in which all is
    over.
    """

    ports = {"prediction": "predict", "error": "", "stage": ""}
    state = {
        **PredictionWithMotion.state,
        "stage": 0.0,
        "read_out": State(pulse=True),
        "release": State(pulse=True),
    }

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Set the prediction; compute rate and motion, and the gain in stage 0 only."""
        new = super().predict(cell, port, dt)
        return {**new, "gain": where(cell.stage == 0, new["gain"], cell.gain)}

    def send(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Mark the steps in which the error is read out and released."""
        stage = port.stage
        return {
            "stage": stage,
            "read_out": where((stage == 2) & (cell.stage < 2), 1.0, 0.0),
            "release": where((stage == 0) & (cell.stage >= 2), 1.0, 0.0),
        }


class ContinuousDetector(Cell):
    """φ in continuous time, of one column or of a whole area.

    An error leaves rest if it is larger than ``threshold``, has been at rest for ``silence``, and the
    prediction has not moved lately. Ports: ``error`` (one column's size) or ``errors`` (Σ over an area),
    ``motion`` (how far predictions moved lately). States: ``phi`` (1 in the step in which
    an error leaves rest), ``stage``, ``silent`` and ``since`` (ms).

    Args:
        read_delay: s, from leaving rest to being read.
        silence: for how long all must have been at rest.
        release_delay: for how long an error must be at rest again before it is let go.
        threshold: sizes up to this count as rest.
        quiet: moves of predictions up to this count as none.
    """

    read_delay: Milliseconds = 200.0
    silence: Milliseconds = 200.0
    release_delay: Milliseconds = 0.0
    threshold: Magnitude = 1e-4
    quiet: Magnitude = 1e-4
    ports = {"error": "", "motion": "", "errors": ""}
    state = {"phi": State(pulse=True), "stage": 0.0, "silent": State(0.0, MS), "since": State(0.0, MS)}

    def detect(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Fire when the error leaves rest; advance the stage by the time since."""
        loud = absolute(port.error) + port.errors > self.threshold
        moving = absolute(port.motion) > self.quiet
        rests = cell.stage == 0
        # Times are sums of dt, which rounding leaves a hair off; half a step more, and a time of k steps is
        # over in step k for every dt and on every engine.
        phi = rests & loud & (moving == 0) & (cell.silent + dt / 2 > self.silence)
        quiet = where(loud, 0.0 * dt, cell.silent + dt)
        holds = (rests == 0) & (loud | (quiet < self.release_delay + dt / 2))
        since = where(holds, cell.since + dt, 0.0 * dt)
        done = (cell.stage >= 2) | (since + dt / 2 > self.read_delay)
        return {
            "phi": where(phi, 1.0, 0.0),
            "stage": where(phi | holds, where(done, 2.0, 1.0), 0.0),
            "since": since,
            # Between trials a moving prediction is no rest either.
            "silent": where(moving & rests, 0.0 * dt, quiet),
        }

    def rest(self) -> dict[str, float]:
        """Return the state of a detector whose error has been at rest for long enough."""
        return {**super().rest(), "silent": self.silence}


class DelayedDetector(ContinuousDetector):
    """A φ in continuous time with a stage 3, in which the error has been read and is no longer sent.

    Args:
        closes: when, after the error left rest.
    """

    closes: Milliseconds = 200.0

    def detect(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Advance the stage, to 3 once the time to close is over."""
        new = super().detect(cell, port, dt)
        over = (new["stage"] == 2) & (new["since"] + dt / 2 > self.closes)
        return {**new, "stage": where(over, 3.0, new["stage"])}


class StagedClock(Cell):
    """A clock that sets the same stages as φ, from the teacher's coming (input ``teaching``): not autonomous.

    Args:
        opens: stage 1 begins.
        read_delay: stage 2 begins; it ends with the teacher.
    """

    opens: Milliseconds = 0.0
    read_delay: Milliseconds = 200.0
    state = {"stage": 0.0, "count": State(0.0, MS)}
    inputs = {"teaching": ONE}

    def detect(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Advance the stage by the time since the teacher came."""
        teaching, passed = cell.teaching != 0, cell.count + dt / 2
        stage = where(passed > self.read_delay, 2.0, where(passed > self.opens, 1.0, 0.0))
        return {"stage": where(teaching, stage, 0.0), "count": where(teaching, cell.count + dt, 0.0 * dt)}


def replaced(cell: Any, **states: Any) -> SimpleNamespace:
    """Return a namespace of a cell's states with other values of some."""
    return SimpleNamespace(**{**vars(cell), **states})
