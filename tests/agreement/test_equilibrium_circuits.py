"""Circuits of equilibrium propagation's forms, and of two phases in continuous time, beside the rule."""

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.columns import learning_noise
from corticalnet.columns.beside import learned_changes, recorded_changes
from corticalnet.errors import CircuitError
from tests.networks import batch, dense, skipping

EP, CHL, GENEREC = "equilibrium-propagation", "contrastive-hebbian", "generec"
RATE = 0.2


def apart(net, rule, lessons, engine="torch", *, beside=None, rate=RATE, **options):
    """How far a circuit is from a rule after some trials: the most of all projections, relative."""
    circuit = cn.circuit(net, rule, rate, **options)
    protocol = []
    for x, y in lessons:
        protocol += [cn.Present(x, circuit.needs.present), cn.Teach(y, circuit.needs.teach + 3)]
    noise = learning_noise(circuit)
    found = recorded_changes(cn.simulate(circuit, protocol, engine, ["rate"], last=1, noise=noise), net)
    wanted = learned_changes(net, beside or rule, lessons, rate)
    return max(abs(found[name] - change).max() / abs(change).max() for name, change in wanted.items())


LESSONS = [batch(2, seed=k) for k in range(2)]


# In steps ----------------------------------------------------------------------------------------
def test_a_phase_away_from_the_target_goes_on_where_that_towards_it_ended():
    """That is the three-phase form, however short phases are cut; at rest it is the symmetric one, too."""
    short = {"steps": 150, "nudged_steps": 5}
    three = cn.rule(EP, form="three-phase", **short)
    assert apart(dense("sigmoid", 2), three, LESSONS) < 1e-12
    symmetric = cn.rule(EP, form="symmetric", **short)
    assert apart(dense("sigmoid", 2), symmetric, LESSONS) > 1e-3
    assert apart(dense("sigmoid", 2), symmetric, LESSONS, beside=three) < 1e-12
    rest = cn.rule(EP, form="three-phase", steps=150)
    assert apart(dense("sigmoid"), rest, LESSONS, beside=cn.rule(EP, form="symmetric", steps=150)) < 1e-10


@pytest.mark.parametrize("form", ["one-sided", "three-phase", "continual"])
def test_areas_that_move_all_at_once_do_so_in_the_circuit_too(form):
    """Step by step: phases are cut short, and weights of the continual form move in each step."""
    rule = cn.rule(EP, form=form, order="together", steps=150, nudged_steps=6)
    assert apart(skipping("sigmoid"), rule, LESSONS) < 1e-10


@pytest.mark.parametrize("engine", ["torch", "brian2"])
def test_the_continual_form_changes_weights_in_every_nudged_step(engine):
    if engine == "brian2":
        pytest.importorskip("brian2")
    rule = cn.rule(EP, form="continual", steps=60, nudged_steps=9, feedback=0.2)
    assert apart(dense("sigmoid", 2), rule, [batch(1)], engine, rate=0.01) < 1e-10


def test_the_slower_weights_move_the_nearer_is_the_continual_form_to_the_one_sided():
    rules = [cn.rule(EP, form=form, steps=60, feedback=0.2) for form in ("continual", "one-sided")]
    errors = [apart(dense("sigmoid"), rules[0], LESSONS[:1], beside=rules[1], rate=r) for r in (1e-5, 1e-6)]
    assert np.log10(errors[0] / errors[1]) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("engine", ["torch", "brian2"])
def test_a_sign_that_is_drawn_is_a_nudge_of_that_sign(engine, monkeypatch):
    if engine == "brian2":
        pytest.importorskip("brian2")
    net, rule = dense("sigmoid", 2), cn.rule(EP, form="random sign", steps=60, feedback=0.2)
    lessons = [batch(1, seed=k) for k in range(4)]
    circuit = cn.circuit(net, rule, RATE)
    protocol, starts, step = [], [], 0
    for x, y in lessons:
        protocol += [cn.Present(x, circuit.needs.present), cn.Teach(y, circuit.needs.teach)]
        starts.append(step + circuit.needs.present)
        step += circuit.needs.present + circuit.needs.teach
    (noise,) = learning_noise(circuit)
    assert (noise.population, noise.port) == ("nudge", "noise")
    drawn = [float(noise.draw(1, 1, 1, begin=start)[0, 0, 0]) for start in starts]
    assert min(drawn) < 0 < max(drawn)
    found = recorded_changes(cn.simulate(circuit, protocol, engine, ["nudge"], last=1, noise=[noise]), net)
    signs = iter(drawn)
    monkeypatch.setattr(torch, "rand", lambda *shape: torch.tensor(0.0 if next(signs) < 0 else 0.9))
    for name, wanted in learned_changes(net, rule, lessons, RATE).items():
        assert abs(found[name] - wanted).max() < 1e-10 * abs(wanted).max()
    untold = cn.simulate(circuit, protocol[:2], record=["sign"], last=1)  # without noise: to the target
    assert untold["nudge.sign"].item() == 1.0


# A cross-entropy teacher ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "engine", "settings", "options"),
    [
        (EP, "torch", {"form": "symmetric"}, {}),
        (EP, "brian2", {}, {}),
        (EP, "torch", {"order": "together", "form": "three-phase", "nudged_steps": 4}, {}),
        (EP, "torch", {}, {"dynamics": cn.Continuous(dt=5, read_delay=600)}),
        (CHL, "torch", {}, {}),
        ("recurrent-backprop", "torch", {}, {}),
        ("recurrent-backprop", "brian2", {}, {}),
    ],
)
def test_an_output_whose_rates_compete(name, engine, settings, options):
    """The error is t − (Σ t) softmax(y), also where targets do not sum to 1."""
    if engine == "brian2":
        pytest.importorskip("brian2")
    net = skipping("sigmoid") if engine == "torch" else dense("sigmoid", 2)
    (x, y), targets = batch(1), torch.linspace(-0.3, 0.9, 5, dtype=torch.float64)[None]
    rule = cn.rule(name, loss="cross-entropy", steps=150, feedback=0.1, **settings)
    assert apart(net, rule, [(x, y), (x.flip(1), targets)], engine, **options) < 1e-10


def test_a_softmax_is_found_out_about_without_being_told_a_phase():
    net, (x, y) = dense("sigmoid"), batch(2)
    phases = cn.DetectedPhases(threshold=1e-13)
    rule = cn.rule(EP, loss="cross-entropy", steps=60, feedback=0.1, phases=phases)
    circuit = cn.circuit(net, rule, RATE)
    protocol = [cn.Present(x, 70), cn.Teach(y, 83), cn.Present(x.flip(1), 9)]
    found = recorded_changes(cn.simulate(circuit, protocol, record=["nudged"], last=1, check=False), net)
    for projection, wanted in learned_changes(net, rule, [(x, y)], RATE).items():
        assert abs(found[projection] - wanted).max() < 1e-10 * abs(wanted).max()


# In continuous time ------------------------------------------------------------------------------
RULES = [
    (EP, {}),
    (EP, {"form": "symmetric", "beta": 0.2}),
    (EP, {"form": "continual", "rate": 0.0001}),
    (CHL, {}),
    (GENEREC, {}),
    (GENEREC, {"form": "midpoint", "pathway": "random"}),
]


@pytest.mark.parametrize("dt", [2.0, 10.0])
@pytest.mark.parametrize(("name", "settings"), RULES, ids=[f"{n} {s.get('form', '')}" for n, s in RULES])
def test_where_phases_come_to_rest_leaky_columns_learn_what_the_rule_does(name, settings, dt):
    """For every dt up to τ; what is left of a phase falls as e^(−(1 − λ) t/τ), here to e^(−40) or so."""
    net, settings = dense("sigmoid"), dict(settings)
    rate = settings.pop("rate", RATE)
    rule = cn.rule(name, feedback=0.1, **settings)
    how = cn.Continuous(tau="10 ms", dt=dt, read_delay="500 ms")
    beside = cn.rule(name, feedback=0.1, rate=dt / 10, order="together", **settings)
    assert apart(net, rule, LESSONS[:1], beside=beside, rate=rate, dynamics=how) < 1e-10


@pytest.mark.parametrize(("name", "settings"), [RULES[0], RULES[3], RULES[4]])
def test_brian2_has_the_same_leaky_columns(name, settings):
    pytest.importorskip("brian2")
    rule, how = cn.rule(name, feedback=0.1, **settings), cn.Continuous(tau=10, dt=5, read_delay=250)
    assert apart(dense("sigmoid", 2), rule, [batch(1), batch(1, seed=4)], "brian2", dynamics=how) < 1e-10


def test_axons_that_take_time_change_nothing_but_how_long_it_takes():
    rule, how = cn.rule(EP, feedback=0.1), cn.Continuous(tau=10, dt=5, read_delay=600, delay=10)
    assert apart(skipping("sigmoid"), rule, LESSONS, dynamics=how) < 1e-10


def chain(a, b):
    net = cn.Network(
        (1,), [cn.Area(cn.Dense(1), "linear"), cn.Area(cn.Dense(1), "linear")], dtype=torch.float64
    )
    with torch.no_grad():
        for link, weight in zip(net.links, (a, b), strict=True):
            link.weight.fill_(weight)
    return net


def test_a_phase_that_is_cut_short_is_that_of_the_differential_equation_as_steps_get_short():
    """input → h → y, all linear: τ du/dt = M u + c, whose solution is a matrix exponential. Nudged for τ."""
    a, b, x, t, kappa, beta, tau = 0.5, 0.8, 1.0, 2.0, 0.5, 0.5, 10.0
    free = np.linalg.solve([[1.0, -kappa * b], [-b, 1.0]], [a * x, 0.0])
    matrix = np.array([[-1.0, kappa * b], [b, -1.0 - beta]])
    rest = np.linalg.solve(-matrix, [a * x, beta * t])
    h, y = rest + torch.matrix_exp(torch.tensor(matrix)).numpy() @ (free - rest)
    wanted = RATE / beta * np.array([(h - free[0]) * x / kappa, h * y - free[0] * free[1]])

    errors, lengths, net = [], (1.0, 0.5, 0.25), chain(a, b)
    for dt in lengths:
        rule, how = (
            cn.rule(EP, beta=beta, feedback=kappa, bound=9.0),
            cn.Continuous("nudge", dt=dt, read_delay=tau),
        )
        circuit = cn.circuit(net, rule, RATE, dynamics=how)
        protocol = [cn.Present([x], round(250 / dt)), cn.Teach([[t]], circuit.needs.teach)]
        found = recorded_changes(cn.simulate(circuit, protocol, record=["nudge"], last=1), net)
        errors.append(np.abs(np.concatenate([*found.values()]) - wanted).max() / np.abs(wanted).max())
    assert np.polyfit(np.log(lengths), np.log(errors), 1)[0] == pytest.approx(1.0, abs=0.05)
    assert errors[-1] < 0.02


def test_synapses_of_leaky_columns_remember_no_phase():
    """Their only state is a trace of what has changed at their own ends; those of GeneRec hold what was."""
    for name, held in ((EP, set()), (CHL, set()), (GENEREC, {"free_pre", "free_post"})):
        circuit = cn.circuit(dense(), cn.rule(name), dynamics=cn.Continuous())
        assert {state for p in circuit.plastic for state in p.plasticity.states} == {"trace", *held}
    continual = cn.circuit(dense(), cn.rule(EP, form="continual"), dynamics=cn.Continuous())
    assert not any(p.plasticity.states for p in continual.plastic)


@pytest.mark.parametrize(
    ("name", "settings", "options", "words"),
    [
        (EP, {"form": "holomorphic"}, {}, "what columns hold are real numbers"),
        (EP, {"form": "continual", "phases": "detected"}, {}, "choose form='one-sided' or phases='told'"),
        (EP, {"phases": "detected"}, {"dynamics": "latch"}, "such columns know their phase in another way"),
        (EP, {}, {"cells_per_column": 10}, "spikes of a phase vary by more than they differ"),
    ],
)
def test_what_is_refused_says_so(name, settings, options, words):
    with pytest.raises(CircuitError, match=words):
        cn.circuit(dense("sigmoid"), cn.rule(name, **settings), **options)
