"""What continuous time is told, and what it says about it: each error, each warning, and no other."""

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.columns.continuous import CONSTRUCTIONS
from corticalnet.errors import CircuitError, CircuitWarning

BACKPROP = cn.rule("backprop")
CHOICES = "Choices: latch, delay, sample_and_hold, nudge"


def small(*sizes, hidden="tanh"):
    return cn.mlp(list(sizes or (3, 4, 2)), hidden, seed=0)


# Settings ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("message", "construction", "settings"),
    [
        (f"unknown construction 'lach'; did you mean 'latch'? {CHOICES}", "lach", {}),
        (f"unknown construction '3'. {CHOICES}", 3, {}),
        ("Continuous: tau must be more than 0, not 0 ms", "latch", {"tau": 0}),
        ("Continuous: dt must be more than 0, not nan ms", "latch", {"dt": float("nan")}),
        ("Continuous: read_delay must be 0 ms or more, not -1 ms", "delay", {"read_delay": -1}),
        ("Continuous: silence must be 0 ms or more, not inf ms", "latch", {"silence": "inf ms"}),
        ("Continuous: ramp must be 0 ms or more, not -2000 ms", "nudge", {"ramp": "-2 s"}),
        ("Continuous: delay = '3 mV' is a voltage, but must be a time; units: ms, us, s",
         "latch", {"delay": "3 mV"}),
        ("Continuous: tau must be a number (in ms) or a text like '10 ms', not None", "latch", {"tau": None}),
        ("Continuous: threshold must be a number from 0, not -0.1", "latch", {"threshold": -0.1}),
        ("Continuous: threshold must be a number from 0, not None", "latch", {"threshold": None}),
        ("Continuous: quiet must be a number from 0, not nan", "latch", {"quiet": float("nan")}),
        ("Continuous: nudge must be a number from 0, not '1e-3'", "nudge", {"nudge": "1e-3"}),
        ("Continuous: nudge must be a number from 0, not True", "nudge", {"nudge": True}),
        ("Continuous: nudge must be more than 0, or the teacher is not received at all",
         "nudge", {"nudge": 0.0}),
    ],
)  # fmt: skip
def test_what_cannot_be(message, construction, settings):
    with pytest.raises(CircuitError) as caught:
        cn.Continuous(construction, **settings)
    assert str(caught.value) == message


def test_what_is_not_given():
    """s = 20 τ, 1.9 Δ with Δ = 10 τ, or 50 τ; silence 20 τ; quiet as the threshold; units are known."""
    given = {name: cn.Continuous(name, tau="0.02 s", threshold=0.5) for name in CONSTRUCTIONS}
    assert [how.tau for how in given.values()] == [20.0] * 4
    assert [how.read_delay for how in given.values()] == [400, 380, 400, 1000]
    assert [how.delay for how in given.values()] == [0, 200, 0, 0]
    assert [how.silence for how in given.values()] == [400] * 4
    assert [how.quiet for how in given.values()] == [0.5] * 4
    assert cn.Continuous(quiet=0.0).quiet == 0.0
    assert cn.Continuous(threshold=np.float32(0.25)).threshold == 0.25
    assert cn.Continuous("delay", delay="30 ms").read_delay == 57


@pytest.mark.parametrize(
    ("message", "construction", "settings"),
    [
        ("dt = 12 ms is longer than tau = 10 ms, so values overshoot", "latch", {"dt": 12}),
        (
            "an error is read 150 ms after it left rest, but what it caused comes back after 2Δ = 150 ms and "
            "spoils it; choose read_delay < 150 ms",
            "delay",
            {"delay": 75, "read_delay": 150},
        ),
        (
            "axonal delays of 10 ms with live feedback are unstable from about tau = 10 ms",
            "nudge",
            {"delay": 10},
        ),
        (
            "tau_error = 6 ms is more than tau / 2 = 5 ms; value and error cells ring",
            "sample_and_hold",
            {"tau_error": 6},
        ),
        (
            "local_delay = 6 ms is more than tau / 2 = 5 ms; columns ring, and diverge from π/2 tau",
            "latch",
            {"local_delay": 6},
        ),
        (
            "threshold = 1e-13 is below the rounding of float64, so φ may never see rest",
            "latch",
            {"threshold": 1e-13},
        ),
        (
            "read_delay = 29 ms is less than 3 tau, so errors are read long before they have grown",
            "latch",
            {"read_delay": 29},
        ),
        (
            "single columns notice a teacher that comes slowly at different times; choose pooled=True",
            "delay",
            {"pooled": False, "ramp": 5},
        ),
    ],
)
def test_what_is_known_to_fail(message, construction, settings):
    with pytest.warns(CircuitWarning) as caught:
        cn.Continuous(construction, **settings)
    assert [str(warning.message) for warning in caught] == [f"continuous time, {construction}: {message}"]
    assert caught[0].filename == __file__


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("construction", "settings"),
    [
        *((name, {}) for name in CONSTRUCTIONS),
        ("latch", {"dt": 10, "read_delay": 0}),  # the rule's own steps need no time to settle
        ("latch", {"tau_error": 5, "local_delay": 5, "read_delay": 30, "ramp": 5}),
        ("latch", {"delay": 100}),
        ("sample_and_hold", {"threshold": 0.0, "read_delay": 5, "pooled": False, "ramp": 5}),
        ("nudge", {"delay": 9}),
        ("delay", {"read_delay": 199.9}),
    ],
)
def test_no_warning_where_none_is_due(construction, settings):
    cn.Continuous(construction, **settings)


# Circuits ---------------------------------------------------------------------------------------
def test_a_construction_by_its_name():
    """The same circuit, and the same needs, as with all its usual settings."""
    for name in CONSTRUCTIONS:
        made = [cn.circuit(small(), BACKPROP, dynamics=how) for how in (name, cn.Continuous(name))]
        assert str(made[0]) == str(made[1])
        assert made[0].needs == made[1].needs
    assert "ContinuousDetector(read_delay=200" in str(cn.circuit(small(), BACKPROP, dynamics="latch"))


@pytest.mark.parametrize("pooled", [True, False])
def test_every_setting_reaches_its_place(pooled):
    times = {
        "tau": 8,
        "dt": 2,
        "read_delay": 24,
        "silence": 26,
        "delay": 14,
        "tau_error": 4,
        "local_delay": 2,
    }
    how = cn.Continuous("delay", **times, threshold=0.25, quiet=0.125, pooled=pooled, ramp=6 * pooled)
    made = cn.circuit(cn.mlp([3, 4, 2], "tanh", bias=True), BACKPROP, 0.5, dynamics=how)
    phi = made.population("area1.phi")
    assert (phi.n, phi.cell.read_delay, phi.cell.silence) == (1 if pooled else 4, 24, 26)
    assert (phi.cell.threshold, phi.cell.quiet) == (0.25, 0.125)
    assert (phi.cell.release_delay, phi.cell.closes) == (28, 28)  # 2 Δ: what was sent may come back
    assert made.population("area1.error").cell.tau == 4
    assert made.population("area1.value").cell.tau == made.population("output.value").cell.tau == 8
    assert made.population("output.value").cell.ramp == 6 * pooled
    delays = {p.name: p.delay for p in made.projections}
    assert delays["input->area1"] == delays["area1->output"] == delays["area1->output feedback"] == 14
    assert delays["area1->output bias"] == 0  # a bias is the column's own
    assert delays["area1.error.error->area1.value"] == delays["output.error.error->output.value"] == 2
    assert all(p.plasticity.rate == 0.5 for p in made.plastic)
    nudged = cn.circuit(small(), BACKPROP, 0.5, dynamics=cn.Continuous("nudge", nudge=0.25))
    assert nudged.population("output.value").cell.nudge == 0.25
    assert all(p.plasticity.rate == 2.0 for p in nudged.plastic)


@pytest.mark.parametrize(
    ("message", "rule", "options"),
    [
        (
            "dynamics is Continuous(...) or one of latch, delay, sample_and_hold, nudge, not int",
            "backprop",
            {"dynamics": 3},
        ),
        (f"unknown construction 'lach'; did you mean 'latch'? {CHOICES}", "backprop", {"dynamics": "lach"}),
        (
            "z-il: consolidation 'phase' is not possible in continuous time, where each area lets its "
            "changes wait until its own error is at rest; choices: now",
            "z-il",
            {"consolidation": "phase"},
        ),
        ("projection 'input->area1': delay 3.3 ms is no multiple of dt = 1 ms; choose 3 or 4 ms",
         "backprop", {"dynamics": cn.Continuous(delay=3.3)}),
    ],
)  # fmt: skip
def test_circuits_that_cannot_be(message, rule, options):
    with pytest.raises(CircuitError) as caught:
        cn.circuit(small(), cn.rule(rule), **{"dynamics": "latch"} | options)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "rule", [cn.rule("il"), cn.rule("ipc"), cn.rule("il", rate=1.0), cn.rule("z-il", rate=0.5)]
)
def test_rules_that_do_not_equal_their_sweep(rule):
    with pytest.raises(CircuitError) as caught:
        cn.circuit(small(), rule, dynamics="latch")
    assert str(caught.value) == (
        f"{rule.name}: in continuous time there are circuits for rules that equal their sweep (backprop, "
        "feedback alignment, z-il with rate 1, fa-z-il, streaming-fa-z-il)"
    )


# Rounding and stability -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("threshold", "precision", "warned"),
    [(1e-7, "float32", True), (1e-6, "float32", False), (1e-7, "float64", False), (0.0, "float32", False)],
)
def test_a_threshold_that_float32_rounds_across(threshold, precision, warned, recwarn):
    rule = cn.rule("streaming-fa-z-il", threshold=threshold)
    cn.simulator(cn.circuit(small(), rule), precision=precision)
    assert [str(w.message) for w in recwarn if w.category is CircuitWarning] == [
        "population 'area1.phi': threshold = 1e-07 is below the rounding of float32, so it may never see "
        "rest; choose at least 1e-6, or precision='float64'"
    ] * warned


def chain(weight):
    """Input → one hidden column → output, whose live steps of size 1 come to rest iff weight² < ½."""
    net = cn.mlp([1, 1, 1], "tanh", seed=0)
    for link in net.links:
        link.weight.data.fill_(weight)
    return net


@pytest.mark.parametrize("rule", [cn.rule("z-il"), cn.rule("fa-z-il")])
def test_live_feedback_beyond_the_limit(rule, recwarn):
    """k = w² of the link above the hidden column: 0.49 comes to rest, 0.51 does not."""
    cn.circuit(chain(0.49**0.5), rule, phase_signal=False)
    assert not recwarn.list
    with pytest.warns(
        CircuitWarning, match=rf"^{rule.name}: where columns respond most, steps with live"
    ) as w:
        cn.circuit(chain(0.51**0.5), rule, phase_signal=False)
    assert "limit 2/γ = 2 (γ = 1)); choose smaller weights, smaller steps or a gate" in str(w[0].message)
    assert w[0].filename == __file__


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rule", ["backprop", "z-il", "il", "fa-z-il", "streaming-fa-z-il"])
def test_gates_and_phase_signals_hold_feedback_back(rule):
    """The same weights, far beyond the limit, and nothing to warn of."""
    cn.circuit(chain(3.0), cn.rule(rule))
    if rule in ("backprop", "z-il"):
        for name in ("latch", "delay", "sample_and_hold"):
            cn.circuit(chain(3.0), cn.rule(rule), dynamics=name)


def test_a_nudged_network_is_live(recwarn):
    """γ = dt/τ: with both weights w, λ is the largest eigenvalue of [[1 + w², −w], [−w, 1]]."""
    for weight in (1.0, 3.0):
        largest = np.linalg.eigvalsh([[1 + weight**2, -weight], [-weight, 1.0]])[1]
        for share, warned in ((0.99, False), (1.01, True)):
            dt = share * 2 / largest * 10
            cn.circuit(chain(weight), BACKPROP, dynamics=cn.Continuous("nudge", dt=dt))
            assert bool(recwarn.list) == warned, (weight, dt)
            recwarn.clear()
