"""Every cell, called by hand with floats: numbers worked out from Song et al. 2020, §2.2–2.3.

Δx = γ (−ε + f'(x) · feedback),  ε = x − μ,  φ = 1 iff ε ≠ 0 now and = 0 for the last t_d steps
"""

import math
from types import SimpleNamespace

import pytest

from corticalnet.circuits import cells
from corticalnet.circuits.cells.cell import rest_of


def act(cell, phase, state, **heard):
    """One phase; the cell's states change in place, and are returned."""
    new = cell.act(phase)(state, SimpleNamespace(**dict.fromkeys(cell.ports, 0.0) | heard), 1.0)
    vars(state).update({name: float(value) for name, value in new.items()})
    return state


def run(cell, phase, heard):
    """A phase for every step's messages; the first state at each step."""
    state, first = rest_of(cell), next(iter(cell.state))
    return [getattr(act(cell, phase, state, **now), first) for now in heard]


# Value cells -----------------------------------------------------------------------------------
def test_a_z_il_step_with_gamma_one():
    """x = 0.5, tanh, ε = 0.1, feedback 2: Δx = −0.1 + (1 − tanh²(0.5)) · 2 = 1.4728954660…"""
    cell = cells.Value(activation="tanh")
    state = SimpleNamespace(value=0.5, change=0.0, rate=math.tanh(0.5))
    act(cell, "move", state, error=0.1, feedback=2.0)
    assert state.change == pytest.approx(1.4728954659, abs=1e-9)
    assert state.value == pytest.approx(1.9728954659, abs=1e-9)
    assert state.rate == math.tanh(0.5)  # rates follow in their own phase
    assert act(cell, "fire", state).rate == pytest.approx(math.tanh(1.9728954659), abs=1e-9)


def test_gamma_is_dt_over_tau():
    """τ = 4 ms, dt = 1 ms: a quarter of −0.2 + 1 · 0.6 is 0.1; settling does not mind τ."""
    cell = cells.Value(tau=4.0)
    state = SimpleNamespace(value=1.0, change=0.0, rate=1.0)
    assert act(cell, "move", state, error=0.2, feedback=0.6).value == pytest.approx(1.1, abs=1e-15)
    assert act(cell, "move", state, error=0.3, feedback=9.0, prediction_phase=1.0).value == pytest.approx(
        0.8, abs=1e-15
    )
    assert state.change == -0.3


@pytest.mark.parametrize(
    ("activation", "value", "gain"),
    [
        ("linear", -2.0, 1.0),
        ("relu", -2.0, 0.0),
        ("relu", 3.0, 1.0),
        ("sigmoid", 0.0, 0.25),
        ("leaky-relu", -1.0, 0.01),
    ],
)
def test_feedback_is_scaled_by_the_gain(activation, value, gain):
    cell = cells.Value(activation=activation)
    state = SimpleNamespace(value=value, change=0.0, rate=0.0)
    act(cell, "fire", state)
    assert act(cell, "move", state, feedback=8.0).change == pytest.approx(8.0 * gain, abs=1e-15)


def test_at_rest_the_rate_is_that_of_zero():
    assert cells.Value(activation="sigmoid").rest() == {"value": 0.0, "change": 0.0, "rate": 0.5}
    assert cells.Value(activation="softplus").rest()["rate"] == pytest.approx(math.log(2), abs=1e-15)


def test_sensory_and_constant_cells():
    state = SimpleNamespace(value=0.25, rate=0.0, stimulus=0.75)
    assert act(cells.Sensory(), "move", state).value == 0.75
    assert state.rate == 0.0
    assert act(cells.Sensory(), "fire", state).rate == 0.75
    assert run(cells.Constant(), "fire", [{}, {}]) == [1.0, 1.0]


def test_a_teacher_clamps_the_output_and_lets_it_go():
    cell = cells.Clamped(tau=2.0)
    state = SimpleNamespace(value=0.4, change=0.0, rate=0.4, target=1.0, clamped=1.0)
    assert act(cell, "move", state, error=5.0, feedback=7.0).value == pytest.approx(1.0, abs=1e-15)
    assert state.change == pytest.approx(0.6, abs=1e-15)
    state.clamped = 0.0  # free: −γ ε with γ = 1/2; the target is not heard
    assert act(cell, "move", state, error=0.5).value == pytest.approx(0.75, abs=1e-15)


# Predictions and errors ------------------------------------------------------------------------
def test_a_prediction_and_how_far_it_moved():
    cell, state = cells.Prediction(), SimpleNamespace(prediction=0.0, shift=0.0)
    assert vars(act(cell, "predict", state, prediction=1.5)) == {"prediction": 1.5, "shift": 1.5}
    assert vars(act(cell, "predict", state, prediction=1.25)) == {"prediction": 1.25, "shift": -0.25}


def test_an_output_that_fires_nonlinearly():
    """σ(0) = ½ with gain ¼, σ(ln 3) = ¾ with gain 3/16: the rate moved by ¼."""
    cell = cells.OutputPrediction()
    state = rest_of(cell)
    act(cell, "predict", state, prediction=0.0)
    assert (state.predicted_rate, state.shift, state.gain) == (0.5, 0.5, 0.25)
    act(cell, "predict", state, prediction=math.log(3))
    assert state.predicted_rate == pytest.approx(0.75, abs=1e-15)
    assert state.shift == pytest.approx(0.25, abs=1e-15)
    assert state.gain == pytest.approx(0.1875, abs=1e-15)


def test_errors_sum_changes():
    assert run(cells.Error(), "compare", [{"change": 0.5}, {"change": -0.25}, {}]) == [0.5, 0.25, 0.25]
    cell = cells.Error(nonlinear_output=True)  # error = gain · Σ changes
    state = rest_of(cell)
    act(cell, "compare", state, change=0.5, gain=0.25)
    assert (state.difference, state.error) == (0.5, 0.125)
    act(cell, "compare", state, change=-0.3, gain=0.5)
    assert state.difference == pytest.approx(0.2, abs=1e-15)
    assert state.error == pytest.approx(0.1, abs=1e-15)


def test_a_value_that_follows_its_prediction_leaves_no_error_at_all():
    """0.1 + 0.2 is not 0.3 in binary, and still the error ends at exactly 0: it sums what moved."""
    value, prediction, error = cells.Value(), cells.Prediction(), cells.Error()
    x, mu, e = rest_of(value), rest_of(prediction), rest_of(error)
    for drive in (0.1, 0.1 + 0.2, -7.7e8, 0.3, 1e-17):
        act(value, "move", x, error=e.error)
        act(prediction, "predict", mu, prediction=drive)
        act(error, "compare", e, change=x.change - mu.shift)
        assert e.error == -mu.shift  # the prediction moved, the value will follow in the next step
        act(value, "move", x, error=e.error)
        act(prediction, "predict", mu, prediction=drive)
        act(error, "compare", e, change=x.change - mu.shift)
        assert e.error == 0.0


@pytest.mark.parametrize("cell", [cells.Error(gated=True), cells.Error(True, nonlinear_output=True)])
def test_what_a_gated_error_sends(cell):
    state = rest_of(cell)
    state.error = -0.75
    assert [act(cell, "send", state, gate=gate).sent for gate in (0.0, 1.0, 0.0)] == [0, -0.75, 0]
    assert state.error == -0.75


# Change detectors ------------------------------------------------------------------------------
def phi(cell, change, **others):
    """φ step by step; other ports as lists."""
    columns = {name: list(values) for name, values in others.items()}
    steps = [{"error": e} | {k: v[t] for k, v in columns.items()} for t, e in enumerate(change)]
    return run(cell, "detect", steps)


@pytest.mark.parametrize(
    ("silence", "errors", "wanted"),
    [
        (1, [0, 3, 3, 0, 1, 0, 0, 2], [0, 1, 0, 0, 1, 0, 0, 1]),
        (2, [0, 3, 3, 0, 1, 0, 0, 2], [0, 1, 0, 0, 0, 0, 0, 1]),
        (3, [0, 3, 3, 0, 1, 0, 0, 2], [0, 1, 0, 0, 0, 0, 0, 0]),
        (4, [1e-300, 0, 0, 0, 0, -1e-300], [1, 0, 0, 0, 0, 1]),  # before all time there was silence
    ],
)
def test_phi_fires_after_t_d_silent_steps(silence, errors, wanted):
    assert phi(cells.ChangeDetector(silence=silence), errors) == wanted
    assert phi(cells.PulseDetector(silence=silence), errors) == wanted
    assert phi(cells.GatingDetector(silence=silence), errors) == wanted


def test_phi_is_blocked_but_counts_on():
    """In the prediction phase (or while the prediction moves) φ is silent, and the error's silence ends."""
    assert phi(cells.ChangeDetector(silence=2), [1, 0, 0, 1], prediction_phase=[1, 0, 0, 0]) == [0, 0, 0, 1]
    assert phi(cells.ChangeDetector(silence=2), [1, 1, 0, 1], prediction_phase=[1, 0, 0, 0]) == [0, 0, 0, 0]
    assert phi(cells.PulseDetector(silence=2), [1, 0, 0, 1], motion=[-0.1, 0, 0, 0]) == [0, 0, 0, 1]


@pytest.mark.parametrize("kind", [cells.ChangeDetector, cells.PulseDetector, cells.GatingDetector])
def test_errors_up_to_the_threshold_are_rest(kind):
    errors = [0.25, 0.26, 0.25, -0.25, -0.26, -0.26]
    assert phi(kind(silence=2, threshold=0.25), errors) == [0, 1, 0, 0, 1, 0]
    assert phi(kind(silence=2), errors) == [1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("kind", [cells.PulseDetector, cells.GatingDetector])
def test_a_pooled_phi_hears_the_sum_of_sizes(kind):
    """Σ|ε| comes at "errors", Σ|Δμ| at "motion"; each has to pass the threshold."""
    pool = kind(silence=1, threshold=0.5)
    sums, moves = [0.5, 0.6, 0.6, 0.1, 0.6, 0.0, 0.6], [0, 0.5, 0, 0, 0.6, 0, 0]
    assert phi(pool, [0] * 7, errors=sums, motion=moves) == [0, 1, 0, 0, 0, 0, 1]
    assert phi(pool, [0, -0.3], errors=[0, 0.3]) == [0, 1]


def test_a_tolerant_gate_stays_open_while_the_prediction_hardly_moves():
    cell = cells.GatingDetector(silence=1, threshold=0.5)
    state, gates = rest_of(cell), []
    for error, shift in ((0.6, 0), (0.6, -0.5), (0.1, 0.5), (0.1, 0.6), (0.1, 0), (0.6, 0)):
        gates.append(act(cell, "detect", state, errors=error, motion=shift).gate)
    assert gates == [1, 1, 1, 0, 0, 1]


def test_the_gate_opens_with_phi_and_closes_when_the_prediction_moves():
    cell = cells.GatingDetector(silence=1)
    state = rest_of(cell)
    errors, shifts = [0, 2, 2, 1, 1, 0, 3], [0, 0, 0, 0.1, 0, 0, 0]
    gates = [act(cell, "detect", state, error=e, motion=s).gate for e, s in zip(errors, shifts, strict=True)]
    assert gates == [0, 1, 1, 0, 0, 0, 1]


# Control ---------------------------------------------------------------------------------------
def ticks(cell, teaching):
    state, found = rest_of(cell), []
    for now in teaching:
        state.teaching = float(now)
        found.append(act(cell, "detect", state).tick)
    return found


@pytest.mark.parametrize(
    ("first", "last", "wanted"),
    [
        (0, 0, [0, 1, 0, 0, 0, 1, 0]),
        (2, 2, [0, 0, 0, 1, 0, 0, 0]),
        (1, 2, [0, 0, 1, 1, 0, 0, 1]),
        (5, 9, [0] * 7),
    ],
)
def test_a_clock_counts_from_when_the_teacher_came(first, last, wanted):
    """Z-IL's depth l learns at step l of the teacher (C2); the count starts again with every teacher."""
    assert ticks(cells.Clock(first=first, last=last), [0, 1, 1, 1, 0, 1, 1]) == wanted


def test_the_prediction_phase_is_when_no_teacher_is_there():
    cell = cells.PhaseSignal()
    assert cell.rest() == {"prediction_phase": 1.0}
    state, found = rest_of(cell), []
    for teaching in (0.0, 1.0, 1.0, 0.0):
        state.teaching = teaching
        found.append(act(cell, "deliver", state).prediction_phase)
    assert found == [1, 0, 0, 1]


def test_a_z_il_trial_by_hand():
    """One column between input and output, linear: x⁰ … as §2.3's loop, with W = 2 and target 3.

    Stimulus 0.5, W₁ = 1, W₂ = 2: at rest x = 0.5, μ_out = 1. The teacher makes ε_out = 2 at t = 0; at t = 1
    the hidden value moves by 2 · 2 = 4, so ε_hidden = 4 (= backprop's δ) and μ_out = 9, ε_out = −6.
    """
    value, error, out, predicted = cells.Value(), cells.Error(), cells.Error(), cells.Prediction()
    x, e = SimpleNamespace(value=0.5, change=0.0, rate=0.5), SimpleNamespace(error=0.0)
    e_out, mu = SimpleNamespace(error=0.0), SimpleNamespace(prediction=1.0, shift=0.0)
    act(out, "compare", e_out, change=3.0 - 1.0)
    assert (e.error, e_out.error) == (0.0, 2.0)
    act(value, "move", x, error=e.error, feedback=2.0 * e_out.error)
    act(value, "fire", x)
    act(predicted, "predict", mu, prediction=2.0 * x.rate)
    act(error, "compare", e, change=x.change)
    act(out, "compare", e_out, change=-mu.shift)
    assert (x.value, e.error, mu.prediction, e_out.error) == (4.5, 4.0, 9.0, -6.0)
