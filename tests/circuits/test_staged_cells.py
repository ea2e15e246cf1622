"""Cells of continuous time, called by hand with floats, dt = 5 ms: stages, holding, reading, letting go."""

import math
from types import SimpleNamespace

import pytest

from corticalnet.circuits import cells
from corticalnet.circuits.cells.cell import rest_of
from corticalnet.errors import CircuitError

DT = 5.0


def act(cell, phase, state, **heard):
    """One phase; the cell's states change in place, and are returned."""
    new = cell.act(phase)(state, SimpleNamespace(**dict.fromkeys(cell.ports, 0.0) | heard), DT)
    vars(state).update({name: float(value) for name, value in new.items()})
    return state


def steps(cell, phase, names, **heard):
    """Some states after each step of messages, given as lists by port; from rest."""
    state, found = rest_of(cell), {name: [] for name in names.split()}
    for now in zip(*heard.values(), strict=True):
        act(cell, phase, state, **dict(zip(heard, now, strict=True)))
        for name, values in found.items():
            values.append(getattr(state, name))
    return list(found.values())


# φ --------------------------------------------------------------------------------------------
#: An error is read after 15 ms, if it has been silent for 10 ms.
TIMES = {"read_delay": 15.0, "silence": 10.0, "threshold": 0.1, "quiet": 0.2}


def watch(errors, moves=None, cell=cells.ContinuousDetector, port="error", **times):
    moves = [0.0] * len(errors) if moves is None else moves
    found = steps(cell(**TIMES | times), "detect", "phi stage", **{port: errors, "motion": moves})
    return [[int(x) for x in values] for values in found]


def test_an_error_leaves_rest_is_read_and_let_go():
    """φ once; stage 2 after three steps of 5 ms; 0 with the first step at rest."""
    phi, stage = watch([0, 1, 1, -1, 1, 1, 0, 0, 0])
    assert phi == [0, 1, 0, 0, 0, 0, 0, 0, 0]
    assert stage == [0, 1, 1, 1, 2, 2, 0, 0, 0]


@pytest.mark.parametrize("port", ["error", "errors"])
def test_sizes_up_to_the_threshold_are_rest(port):
    """One column's error, or Σ|ε| of an area."""
    assert watch([0.1, 0.1001, 0.1], port=port) == [[0, 1, 0], [0, 1, 0]]
    assert watch([-0.1001, 0.0], port="error") == [[1, 0], [1, 0]]


def test_both_ports_of_phi_add_up():
    cell = cells.ContinuousDetector(**TIMES)
    assert act(cell, "detect", rest_of(cell), error=-0.06, errors=0.06).phi == 1
    assert act(cell, "detect", rest_of(cell), error=-0.06, errors=0.03).phi == 0


def test_an_error_must_have_been_silent():
    """One step of 5 ms is not enough, two are; at the beginning of all time there was silence."""
    assert watch([1, 0, 1, 1, 0, 0, 1])[0] == [1, 0, 0, 0, 0, 0, 1]
    assert watch([1, 0, 1, 1, 0, 0, 1])[1] == [1, 0, 0, 0, 0, 0, 1]
    assert watch([1, 0, 0, 1], silence=15.0)[0] == [1, 0, 0, 0]


def test_a_moving_prediction_blocks_phi_and_ends_the_silence():
    """Between trials it is no rest; an error that the prediction made is not attended to later either."""
    assert watch([1, 1, 1], [0.3, 0, 0]) == [[0, 0, 0], [0, 0, 0]]
    assert watch([0, 1, 0, 0, 1], [-0.3, 0, 0, 0, 0])[0] == [0, 0, 0, 0, 1]
    assert watch([0, 1], [0.2, 0.2])[0] == [0, 1]  # up to ``quiet`` is quiet


def test_predictions_may_move_while_an_error_is_attended_to():
    assert watch([1, 1, 1, 1, 1, 0], [0, 9, 9, 9, 9, 9])[1] == [1, 1, 1, 2, 2, 0]
    # and after it has been let go the silence has to be waited for
    assert watch([1, 0, 0, 1], [0, 9, 9, 0])[0] == [1, 0, 0, 0]


def test_an_error_that_ends_early_is_not_read():
    assert watch([1, 1, 0, 0, 0])[1] == [1, 1, 0, 0, 0]


def test_release_waits_for_rest():
    """At rest for 10 ms: an error that passes through 0 is held."""
    assert watch([1, 1, 1, 1, 0, 1, 0, 0, 0, 0], release_delay=10.0)[1] == [1, 1, 1, 2, 2, 2, 2, 2, 0, 0]
    assert watch([1, 1, 1, 1, 0, 1, 0], release_delay=0.0)[1] == [1, 1, 1, 2, 0, 0, 0]
    # (predictions that move meanwhile do not count)
    assert watch([1, 1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 9, 9, 9], release_delay=10.0)[1] == [1, 1, 1, 2, 2, 2, 0]


def test_what_is_closed_is_no_longer_sent():
    """25 ms after the error left rest; it stays closed until the error is at rest."""
    phi, stage = watch([1] * 8 + [0], cell=cells.DelayedDetector, closes=25.0)
    assert sum(phi) == 1
    assert stage == [1, 1, 1, 2, 2, 3, 3, 3, 0]
    assert watch([1, 1, 1, 1, 0], cell=cells.DelayedDetector, closes=25.0)[1] == [1, 1, 1, 2, 0]


def test_steps_that_do_not_add_up_exactly():
    """30 × 0.1 ms is a little more than 3 ms, 3 × 0.1 a little more than 0.3: counting does not mind."""
    cell, stages = cells.ContinuousDetector(read_delay=3.0, silence=0.3, threshold=0.0), []
    state = rest_of(cell)
    for error in [1.0] * 31:
        new = cell.detect(state, SimpleNamespace(error=error, motion=0.0, errors=0.0), 0.1)
        vars(state).update(new)
        stages.append(state.stage)
    assert stages == [1.0] * 30 + [2.0]


def test_a_clock_goes_through_the_same_stages():
    cell = cells.StagedClock(opens=10.0, read_delay=20.0)
    state, found = rest_of(cell), []
    for teaching in (0, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1):
        state.teaching = float(teaching)
        found.append(act(cell, "detect", state).stage)
    assert found == [0, 0, 0, 1, 1, 2, 2, 0, 0, 0, 1]
    at_once = cells.StagedClock(opens=0.0, read_delay=0.0)
    assert act(at_once, "detect", SimpleNamespace(stage=0.0, count=0.0, teaching=1.0)).stage == 2


# Errors and predictions -------------------------------------------------------------------------
STAGES = [0, 1, 1, 2, 2, 0]


def send(cell, errors, stages):
    """What is sent when the error is given, step by step."""
    state, found = rest_of(cell), []
    for error, stage in zip(errors, stages, strict=True):
        state.error = error
        found.append(act(cell, "send", state, stage=stage).sent)
    return found


def test_a_latched_error_holds_what_it_read():
    assert send(cells.StagedError(), [1, 2, 3, 4, 5, 6], STAGES) == [0, 0, 0, 4, 4, 0]
    assert send(cells.StagedError(), [1, 2, 3, 4], [0, 2, 0, 2]) == [0, 2, 0, 4]  # and reads anew


def test_an_error_that_is_not_latched_is_sent_as_it_is():
    stages = [0, 1, 2, 2, 3, 3, 0]
    assert send(cells.StagedError(latched=False), [1, 2, 3, 4, 5, 6, 7], stages) == [0, 2, 3, 4, 0, 0, 0]


def test_errors_follow_value_minus_prediction():
    """At once with τ = dt; half of the way with τ = 2 dt: 0.4 → 0.2, 0.3, then −0.4 → −0.05."""
    moved = [0.4, 0.0, -0.8]
    assert steps(cells.StagedError(tau=DT), "compare", "error", change=moved)[0] == [0.4, 0.4, -0.4]
    error, size = steps(cells.StagedError(tau=2 * DT), "compare", "error size", change=moved)
    assert error == pytest.approx([0.2, 0.3, -0.05], abs=1e-15)
    assert size == pytest.approx([0.2, 0.3, 0.05], abs=1e-15)


def test_an_output_that_fires_nonlinearly_scales_its_difference():
    cell = cells.StagedError(tau=DT, nonlinear_output=True)
    error, difference = steps(cell, "compare", "error difference", change=[0.4, 0.0], gain=[0.25, 0.5])
    assert error == pytest.approx([0.1, 0.2], abs=1e-15)
    assert difference == [0.4, 0.4]


def test_synapses_hear_once_that_the_error_is_read_and_that_it_is_let_go():
    cell = cells.StagedPrediction()
    assert steps(cell, "send", "read_out release", stage=STAGES) == [[0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 1]]
    closed = [1, 2, 2, 3, 3, 0, 0]
    assert steps(cell, "send", "read_out release", stage=closed) == [
        [0, 1, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 1, 0],
    ]
    early = [0, 1, 1, 0, 0]  # never read: nothing to let go
    assert steps(cell, "send", "read_out release", stage=early) == [[0] * 5, [0] * 5]


def test_a_gain_is_held_from_when_an_error_left_rest():
    """A ReLU column that falls silent while its error is attended to goes on passing feedback."""
    cell = cells.StagedPrediction(activation="relu")
    state, gains = rest_of(cell), []
    for drive, stage in ((0.5, 0), (0.5, 1), (-0.5, 1), (-0.5, 2), (-0.5, 0), (-0.5, 0)):
        gains.append(act(cell, "predict", state, prediction=drive).gain)
        assert state.predicted_rate == max(drive, 0.0)  # drive and rate go on
        act(cell, "send", state, stage=stage)
    assert gains == [1, 1, 1, 1, 1, 0]


def test_how_far_a_prediction_moved_lately():
    """memory = 20 ms, dt = 5 ms: three quarters of the last motion, and the new shift."""
    moved = [1.0, 1.0, 3.0, -4.0]
    cell = cells.PredictionWithMotion(memory=20.0)
    shift, motion, size = steps(cell, "predict", "shift motion size", prediction=moved)
    assert shift == [1, 0, 2, -7]
    assert motion == [1, 0.75, 2.5625, -5.078125]
    assert size == [1, 0.75, 2.5625, 5.078125]
    last = cells.PredictionWithMotion(memory=DT)
    assert steps(last, "predict", "motion", prediction=moved)[0] == [1, 0, 2, -7]


def test_motion_of_a_rate():
    """An output that fires nonlinearly compares rates: σ(ln 3) = ¾ is ¼ more than σ(0); gain 3/16."""
    cell = cells.PredictionWithMotion(activation="sigmoid", rates=True, memory=DT)
    shift, gain = steps(cell, "predict", "shift gain", prediction=[0.0, math.log(3)])
    assert shift == pytest.approx([0.5, 0.25], abs=1e-15)
    assert gain == pytest.approx([0.25, 0.1875], abs=1e-15)


def test_a_total_is_what_it_hears():
    assert steps(cells.Sum(), "compare", "total", terms=[0.5, 0.0, 2.0])[0] == [0.5, 0.0, 2.0]


# Values -----------------------------------------------------------------------------------------
def test_a_value_in_continuous_time():
    """τ = 2 dt: half of gain · feedback − ε, the gain being the prediction's; ε may come late."""
    cell = cells.LeakyValue(tau=10.0, activation="tanh")
    state = rest_of(cell)
    act(cell, "move", state, gain=0.25, feedback=2.0, error=0.1)
    assert (state.value, state.change) == (0.2, 0.2)
    act(cell, "move", state, gain=0.25, feedback=2.0, late_error=0.1)
    assert state.value == pytest.approx(0.4, abs=1e-15)
    assert state.rate == 0.0
    assert act(cell, "fire", state).rate == pytest.approx(math.tanh(0.4), abs=1e-15)
    assert cells.LeakyValue(activation="sigmoid").rest()["rate"] == 0.5


def taught(cell, clamped, **heard):
    state, found = SimpleNamespace(**cell.rest(), target=1.0, clamped=0.0), []
    for now in clamped:
        state.clamped = float(now)
        found.append((act(cell, "move", state, **heard).value, state.grip))
    return found


def test_a_teacher_pulls_the_output():
    """τ = 2 dt: half of what is left, each step; then −ε/2 once it has gone."""
    found = taught(cells.TaughtValue(tau=10.0), [1, 1, 0, 0], error=0.2)
    assert found == [(0.5, 1), (0.75, 1), (pytest.approx(0.65), 0), (pytest.approx(0.55), 0)]
    assert taught(cells.TaughtValue(tau=10.0), [0], error=0.2, late_error=0.4) == [(pytest.approx(-0.3), 0)]


def test_a_teacher_that_comes_slowly():
    """20 ms are 4 steps: r = ¼, ½, ¾, 1, and of ε what is left over; it lets go at once and comes anew."""
    found = taught(cells.TaughtValue(tau=10.0, ramp=20.0), [1, 1, 1, 1, 1, 0, 1])
    x, values = 0.0, []
    for r in (0.25, 0.5, 0.75, 1.0, 1.0, 0.0, 0.25):
        x += 0.5 * r * (1.0 - x)
        values.append((pytest.approx(x, abs=1e-15), r))
    assert found == values
    assert taught(cells.TaughtValue(tau=10.0, ramp=20.0), [1], error=0.4) == [
        (pytest.approx(0.5 * (0.25 - 0.75 * 0.4)), 0.25)
    ]


def test_a_teacher_that_only_nudges():
    """β = 0.1: 0.5 · (−0.2 + 0.1 · 1) = −0.05."""
    found = taught(cells.NudgedValue(tau=10.0, nudge=0.1), [1, 0], error=0.2)
    assert found == [(pytest.approx(-0.05), 1), (pytest.approx(-0.15), 0)]


# Parameters -------------------------------------------------------------------------------------
def test_times_know_their_units():
    assert cells.ContinuousDetector(read_delay="0.2 s", silence="50 ms").read_delay == 200.0
    assert cells.ContinuousDetector(silence="50 ms").rest()["silent"] == 50.0
    assert cells.LeakyValue(tau="0.01 s") == cells.LeakyValue(tau=10.0)
    for make in (
        lambda: cells.StagedError(tau="3 mV"),
        lambda: cells.DelayedDetector(closes="1 Hz"),
        lambda: cells.StagedClock(opens="1 mV"),
    ):
        with pytest.raises(CircuitError, match="but must be a time"):
            make()
