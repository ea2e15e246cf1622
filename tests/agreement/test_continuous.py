"""Continuous time learns what backprop learns: against the network view, closed forms, and the other engine.

With a = dt/τ, an error that follows a step through k low-passes is, m steps on, δ times the chance of at
least k heads in m tosses of a coin of chance a (the discrete P(k, t/τ)). So a read error is known to every
digit: a latched area passes a step on, and lacks (1 − a)^(s/dt + 1) of what it heard; a delayed one passes
the curve.
"""

from math import comb

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.errors import CircuitWarning
from corticalnet.recordings.reading import all_cells
from tests.agreement.beside_backprop import (
    NETWORKS,
    RATE,
    TAU,
    changes,
    compared,
    lag,
    lessons,
    mlp,
    sheets,
    skipping,
    trials,
    worst,
)
from tests.agreement.test_engines_agree import apart, both

#: What makes columns slow.
LATE = {"tau_error": 5.0, "local_delay": 5.0, "ramp": 20.0}


def lacking(read_delay, dt):
    """What an error still lacks of its final value when it is read: e^(−s/τ) as dt → 0."""
    return (1 - dt / TAU) ** (read_delay / dt + 1)


# The latch against backprop ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("network", "read_delay", "bar"),
    [*((name, 100, 2e-4) for name in NETWORKS), ("tanh-2", 200, 1e-7)],
)
def test_autonomous_trials_beside_backprop(network, read_delay, bar):
    """Trials in one run, nobody tells when a teacher comes; and it is no better than the law allows.

    For each area on the way the law's share is lacking: 0.9 to 1.3 times (three seeds each).
    """
    make, depth = NETWORKS[network]
    count = 5 if network == "relu-5" else 2  # (no column of its lowest area is awake in the first two)
    found = worst(make(), cn.Continuous(dt=TAU / 2, read_delay=read_delay), count=count)
    lacks = lacking(read_delay, TAU / 2)
    assert found < bar
    assert lacks < found < 1.75 * depth * lacks


@pytest.mark.parametrize("network", NETWORKS)
def test_steps_of_tau_are_the_rule_itself(network):
    make, _ = NETWORKS[network]
    assert worst(make(), cn.Continuous(dt=TAU), count=3) < 1e-12


def test_an_output_that_rectifies():
    """Its rate is a formula with two branches."""
    net = cn.mlp([4, 6, 3], "tanh", "relu", seed=1, dtype=torch.float64)
    assert worst(net, cn.Continuous(dt=TAU), count=3) < 1e-12


@pytest.mark.parametrize("rule", ["feedback-alignment", "z-il", "streaming-fa-z-il"])
def test_other_rules_that_equal_a_sweep(rule):
    """Random feedback goes its own way down, and is compared with its own sweep."""
    lacks = lacking(100, TAU / 2)
    found = worst(mlp("tanh", 3), cn.Continuous(dt=TAU / 2, read_delay=100), rule, count=2)
    assert lacks < found < 4.5 * lacks


def test_sample_and_hold_beside_backprop():
    """As the latch, by clocks: 5.1 (s.d. 0.7, six seeds) times what one error lacks."""
    lacks = lacking(100, TAU / 2)
    how = cn.Continuous("sample_and_hold", dt=TAU / 2, read_delay=100)
    assert lacks < worst(mlp("tanh", 3), how, count=3) < 9 * lacks


@pytest.mark.slow
def test_both_bars_on_both_engines():
    pytest.importorskip("brian2")
    for read_delay, bar in ((100, 2e-4), (200, 1e-7)):
        how = cn.Continuous(dt=TAU / 2, read_delay=read_delay)
        its, wanted = compared(mlp("tanh", 3), how, engine="brian2", count=1)
        mine, _ = compared(mlp("tanh", 3), how, count=1)
        assert max(lag(its, wanted).values()) < bar
        assert max(abs(its[name] - mine[name]).max() for name in mine) < 1e-12


def test_a_gain_is_held_while_its_error_is_attended_to():
    """Areas below move, and a ReLU column falls silent or wakes up; what it passes on must not change."""
    assert worst(mlp("relu", 3), cn.Continuous(dt=TAU), seed=1) < 1e-12


@pytest.mark.parametrize("construction", ["latch", "sample_and_hold"])
def test_single_columns(construction):
    """One φ for each column is exact where no error is small."""
    how = cn.Continuous(construction, dt=TAU / 2, read_delay=200, pooled=False)
    assert worst(mlp("sigmoid", 2), how, count=2) < 1e-7


def test_slow_cells_late_wires_and_a_slow_teacher_only_take_longer():
    """τ of error cells, delays within columns and between areas, a ramp: all at once, s = 40 τ."""
    assert worst(mlp("tanh", 3), cn.Continuous(dt=TAU / 4, read_delay=400, delay=10, **LATE), count=1) < 1e-8


# Closed forms -----------------------------------------------------------------------------------
def coins(k, m, a):
    """The chance of at least k heads in m tosses."""
    return 1 - sum(comb(m, j) * a**j * (1 - a) ** (m - j) for j in range(k))


#: Every error leaves rest at its first step, so nothing is noticed late.
SENSITIVE = {"threshold": 1e-12}


@pytest.mark.parametrize(("construction", "delay"), [("latch", 0), ("latch", 20), ("delay", 40)])
def test_a_read_error_to_every_digit(construction, delay):
    """Into depth l a trial's change is backprop's, times (1 − q)^(l + 1) (latch), or P(l + 1, ·) (delay)."""
    dt, read_delay, depth = 5.0, 50.0, 3
    how = cn.Continuous(construction, dt=dt, read_delay=read_delay, delay=delay, **SENSITIVE)
    found, wanted = compared(mlp("tanh", depth), how, count=1)
    for name, above in zip(wanted, reversed(range(depth)), strict=True):
        share = (1 - lacking(read_delay, dt)) ** (above + 1)
        if construction == "delay":
            share = coins(above + 1, above + 1 + round(read_delay / dt), dt / TAU)
        np.testing.assert_allclose(found[name], share * wanted[name], rtol=1e-9, atol=1e-13)


def test_error_falls_as_e_to_the_settling_time_over_tau():
    """The slope of its logarithm is −1 per τ, as dt goes to 0 (ln(1 − a)/a in steps)."""
    a = 0.1
    times = {"dt": a * TAU, "silence": 4 * TAU}
    four, nine = (worst(mlp("tanh", 2), cn.Continuous(read_delay=s * TAU, **times), count=1) for s in (4, 9))
    slope = np.log(nine / four) / 5
    assert slope == pytest.approx(np.log(1 - a) / a, rel=0.02)
    assert slope == pytest.approx(-1, rel=0.06)


def test_longer_axons_are_more_exact_until_what_was_sent_comes_back():
    """s = 1.9 Δ: the deepest area lacks most, P(3, ·); s > 2 Δ reads what came back."""
    dt, errors = 5.0, []
    for delay in (50, 100):
        how = cn.Continuous("delay", dt=dt, delay=delay, read_delay=1.9 * delay)
        errors.append(worst(mlp("tanh", 3), how, count=1))
    assert errors[0] < 0.01
    assert errors[1] < 1e-5
    with pytest.warns(CircuitWarning, match="comes back after 2Δ = 100 ms"):
        how = cn.Continuous("delay", dt=dt, delay=50, read_delay=150)
    assert worst(mlp("tanh", 3), how, count=1) > 0.03


def test_a_nudged_linear_network_by_one_linear_solve():
    """At rest ε_l = Wᵀ ε above, ε_out = β (y − x_out), and rates have moved: all to 1e-9, and error ∝ β.

    Weights are small, so that no direction relaxes slowly.
    """
    x, y = lessons(mlp("linear", 3), 1)
    errors = []
    for beta in (1e-2, 1e-3):
        net = mlp("linear", 3)
        with torch.no_grad():
            for parameter in net.parameters():
                parameter *= 0.4
        w1, w2, w3 = (link.weight.detach().numpy().copy() for link in net.links)
        how = cn.Continuous("nudge", dt=TAU / 4, read_delay=60 * TAU, nudge=beta)
        found, wanted = compared(net, how, count=1)
        answer = w3 @ w2 @ w1 @ x[0, 0]
        answers = np.eye(3) + w3 @ (np.eye(6) + w2 @ w2.T) @ w3.T  # d x_out / d ε_out
        e3 = np.linalg.solve(np.eye(3) / beta + answers, y[0, 0] - answer)
        e2, e1 = w3.T @ e3, w2.T @ w3.T @ e3
        x1 = w1 @ x[0, 0] + e1
        x2 = w2 @ x1 + e2
        for name, e, rate in zip(found, (e1, e2, e3), (x[0, 0], x1, x2), strict=True):
            solved = RATE / beta * np.outer(e, rate).ravel()
            np.testing.assert_allclose(found[name], solved, rtol=0, atol=1e-9)
        errors.append(max(lag(found, wanted).values()))
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.1)
    assert errors[1] < 1e-2


# Nobody tells them ------------------------------------------------------------------------------
@pytest.mark.parametrize("construction", ["latch", "delay", "sample_and_hold", "nudge"])
def test_who_is_told_that_a_teacher_comes(construction):
    """Columns with φ have no control, and do the same whether a teacher is announced or not."""
    net = mlp("tanh", 2)
    times = {"dt": TAU / 4, "silence": 40, "read_delay": 35, "threshold": 1e-2}
    times |= {"delay": 20} if construction == "delay" else {}
    circuit = cn.circuit(net, cn.rule("backprop"), RATE, dynamics=cn.Continuous(construction, **times))
    told = [p.name for p in circuit.populations if "teaching" in p.cell.inputs]
    heard = {target for b in circuit.broadcasts if b.source in told for target in b.targets}
    x, y = lessons(net, 2)
    runs = [cn.simulate(circuit, trials(circuit, x, y, how), record=["error"]) for how in (True, False)]
    names = [p.name for p in circuit.plastic]
    announced, silent = (changes(data, names) for data in runs)
    assert all(abs(change).max() > 1e-3 for change in announced.values())
    if construction in ("latch", "delay"):
        assert told == []
        assert all(b.source.endswith(".phi") for b in circuit.broadcasts)
        assert all(np.array_equal(silent[name], announced[name]) for name in names)
        assert np.array_equal(*(all_cells(run, "error") for run in runs))
    else:
        assert told == {"nudge": ["clock"], "sample_and_hold": ["clock1", "clock0"]}[construction]
        assert heard == {f"{area}.{role}" for area in ("area1", "output") for role in ("error", "prediction")}
        assert all(np.all(change == 0) for change in silent.values())


def test_no_weight_changes_before_its_error_is_let_go():
    """Read at one step, changed at a later one; and feedback goes through the old weights all the while."""
    net = mlp("tanh", 3)
    circuit = cn.circuit(net, cn.rule("backprop"), RATE, dynamics=cn.Continuous(dt=TAU / 2, read_delay=100))
    x, y = lessons(net, 1)
    data = cn.simulate(circuit, trials(circuit, x, y), record=["read_out", "release", "weights"])
    below_has_read = 0
    for link, area in zip(net.links, ("area1", "area2", "output"), strict=True):
        weights = data[link.name].values
        moved = np.flatnonzero(np.diff(weights.reshape(len(weights), -1), axis=0).any(1)) + 1
        of = f"{area}.prediction"
        marks = (data[f"{of}.{name}"].values[:, 0].any(1) for name in ("read_out", "release"))
        (read,), (ended,) = (np.flatnonzero(mark) for mark in marks)
        assert moved.tolist() == [ended]
        assert ended > read
        assert ended > below_has_read
        below_has_read = read


# The other engine -------------------------------------------------------------------------------
SHORT = {"dt": 5.0, "read_delay": 40.0, "silence": 25.0, "threshold": 0.02}
EVERY = {
    "latch": {},
    "latch-columns": {"tau_error": 5.0, "local_delay": 5.0, "delay": 10.0, "pooled": False},
    "delay": {"delay": 25.0},
    "delay-columns": {"delay": 25.0, "local_delay": 5.0, "pooled": False},
    "sample_and_hold-late": {**LATE, "delay": 5.0},
    "nudge-late": {**LATE, "delay": 5.0, "nudge": 0.01},
}


@pytest.mark.slow
@pytest.mark.parametrize("case", EVERY)
def test_every_trace_and_weight_on_both_engines(case):
    pytest.importorskip("brian2")
    net = skipping("tanh") if "columns" in case else mlp("sigmoid", 3)
    net = sheets(cn.Convolution, "relu") if case == "delay" else net  # synapses that share weights
    how = cn.Continuous(case.partition("-")[0], **SHORT, **EVERY[case])
    circuit = cn.circuit(net, cn.rule("backprop"), RATE, dynamics=how)
    x, y = lessons(net, 2)
    mine, its = both(circuit, trials(circuit, x, y)[:3])  # a whole trial, and the next stimulus
    found = apart(mine, its)
    assert max(found.values()) < 1e-10, found
    assert all(
        abs(change).max() > 1e-4 for change in changes(mine, [p.name for p in circuit.plastic]).values()
    )
