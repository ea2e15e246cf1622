"""Forms of equilibrium propagation against the implicit-function gradient, and against each other.

The gradient is that of ``test_equilibrium.oracle``: NumPy, sample by sample, by linear algebra.
"""

import warnings

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.errors import RuleError
from corticalnet.rules.equilibrium.holomorphic import analytic
from tests.closed_form.test_equilibrium import network, oracle
from tests.networks import F64, batch, dense, distance, learned, sheets, skipping

EP = "equilibrium-propagation"


# Holomorphic ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
@pytest.mark.parametrize(("points", "radii"), [(2, (0.1, 0.05)), (4, (0.1, 0.05))])
def test_the_holomorphic_error_falls_as_the_radius_to_the_number_of_points(activation, points, radii):
    net, x, t = network(activation)
    _, wanted = oracle(net, x, t, activation, 1.0)
    rules = [cn.rule(EP, form="holomorphic", beta=r, points=points, feedback=1.0) for r in radii]
    errors = [distance(learned(net, rule, x, t), wanted) for rule in rules]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(points, abs=0.1)


def test_twelve_points_give_the_gradient_at_a_nudge_that_leaves_others_far_away():
    """At r = 0.5 one-sided is some percent off."""
    net, x, t = network("sigmoid")
    _, wanted = oracle(net, x, t, "sigmoid", 1.0)
    shared = {"beta": 0.5, "feedback": 1.0}
    assert distance(learned(net, cn.rule(EP, form="holomorphic", points=12, **shared), x, t), wanted) < 1e-8
    assert distance(learned(net, cn.rule(EP, **shared), x, t), wanted) > 1e-2


def test_two_points_are_the_symmetric_form():
    net, x, t = network("tanh")
    two = learned(net, cn.rule(EP, form="holomorphic", points=2, beta=0.1), x, t)
    assert distance(two, learned(net, cn.rule(EP, form="symmetric", beta=0.1), x, t)) < 1e-12


def test_an_odd_number_of_points_is_a_circle_too():
    net, x, t = network("tanh")
    _, wanted = oracle(net, x, t, "tanh", 0.3)
    rule = cn.rule(EP, form="holomorphic", points=5, beta=0.1, feedback=0.3)
    assert distance(learned(net, rule, x, t), wanted) < 1e-4


@pytest.mark.parametrize("name", ["linear", "sigmoid", "tanh", "softplus"])
def test_rates_of_complex_drives_continue_the_real_ones(name):
    activation = cn.activations.ACTIVATIONS[name]
    drive = torch.linspace(-3, 3, 13, dtype=F64)
    rate = analytic(activation)(torch.complex(drive, torch.zeros_like(drive)))
    assert (rate - activation.rate(drive)).abs().max() < 1e-15


def test_how_all_points_settled_is_told_and_a_circle_that_is_too_wide_too():
    net, x, t = network("sigmoid")
    rests = cn.rule(EP, form="holomorphic").learn(net, x, t).details
    assert 0 < rests.now.steps < 300
    assert rests.now.residual < 1e-14
    with pytest.warns(UserWarning, match="goes to and fro|has not settled"):
        cn.rule(EP, form="holomorphic", beta=60.0, steps=40).learn(net, x, t)


# Three phases --------------------------------------------------------------------------------------
def test_three_phases_are_the_symmetric_form_where_all_of_them_settle():
    net, (x, y) = dense("tanh"), batch()
    settled, short = ({"beta": 0.2, "nudged_steps": steps} for steps in (None, 2))
    three, two = (
        [learned(net, cn.rule(EP, form=form, **options), x, y) for options in (settled, short)]
        for form in ("three-phase", "symmetric")
    )
    assert distance(three[0], two[0]) < 1e-10
    assert distance(three[1], two[1]) > 1e-3, "cut short, the last phase remembers the one before"


# Continual -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("make", [lambda: dense("tanh"), lambda: skipping("sigmoid"), lambda: dense("relu")])
def test_with_weights_that_stay_the_continual_form_adds_up_to_the_one_sided_one(make):
    net, (x, y) = make(), batch()
    options = {"beta": 0.3, "nudged_steps": 7}
    steps = learned(net, cn.rule(EP, form="continual", **options), x, y)
    assert distance(steps, learned(net, cn.rule(EP, **options), x, y)) < 1e-13


def test_the_continual_form_moves_weights_at_every_step_by_what_changed_in_it():
    """Two steps by hand: the second comes from where the weights that the first has left lead to."""
    (net, x, t), (other, _, _) = network("tanh"), network("tanh")
    rule, plain = cn.rule(EP, form="continual", beta=0.3, nudged_steps=2), cn.rule(EP)
    assert rule.changes_during_trial
    rule.update(net, x, t, torch.optim.SGD(net.parameters(), lr=0.1))
    phase = plain.relaxation.rest(plain.begin(other, x))
    phase = phase.nudged(plain.teaching.loss_for(phase.rates[-1], t), 0.3)
    for _ in range(2):
        old = list(phase.states)
        with torch.no_grad():
            phase.move(1.0)
        for below, link in enumerate(other.links):
            new = phase.states[below + 1]
            scale = 0.1 / 0.3 / len(x) * 2.0 ** (2 - below)  # (κ = ½)
            link.weight.data += scale * (new.T @ phase.states[below] - old[below + 1].T @ old[below])
            link.bias.data += scale * (new - old[below + 1]).sum(0)
    for one, two in zip(net.parameters(), other.parameters(), strict=True):
        assert (one - two).abs().max() < 1e-14


# Hopfield columns ----------------------------------------------------------------------------------
def test_hopfield_columns_rest_where_convergent_ones_do():
    net, x, t = network("hard sigmoid")
    rates, wanted = oracle(net, x, t, "hard sigmoid", 1.0)
    convergent, hopfield = (
        cn.rule(EP, form="symmetric", beta=1e-3, feedback=1.0, rate=0.5, dynamics=dynamics)
        for dynamics in ("convergent", "hopfield")
    )
    assert (hopfield.answer(net, x) - rates).abs().max() < 1e-12
    assert distance(learned(net, hopfield, x, t), wanted) < 1e-5
    assert distance(learned(net, hopfield, x, t), learned(net, convergent, x, t)) < 1e-8


def test_a_step_of_hopfield_columns_is_that_of_the_paper():
    """ṡ = −s + W x + b, clipped to [0, 1]: by hand, of one area, from a state that a drive below 0 leaves."""
    net = cn.Network((2,), [cn.Area(cn.Dense(3), "relu")], dtype=F64)
    net.links[0].weight.data = torch.tensor([[1.0, -2.0], [0.5, 0.1], [3.0, 0.0]], dtype=F64)
    x = torch.tensor([[0.5, 1.0]], dtype=F64)
    rule = cn.rule(EP, rate=0.25, dynamics="hopfield")
    phase = rule.begin(net, x)
    phase.states[1] = phase.rates[1] = torch.tensor([[0.6, 0.2, 0.9]], dtype=F64)
    with torch.no_grad():
        phase.move(0.25)
    wanted = [[0.6 + 0.25 * (-1.5 - 0.6), 0.2 + 0.25 * (0.35 - 0.2), 1.0]]
    assert torch.allclose(phase.states[1], torch.tensor(wanted, dtype=F64), atol=1e-15)
    convergent = cn.rule(EP, rate=0.25).begin(net, x)
    convergent.states[1] = convergent.rates[1] = torch.tensor([[0.6, 0.2, 0.9]], dtype=F64)
    with torch.no_grad():
        convergent.move(0.25)
    assert convergent.states[1][0, 0] == pytest.approx(0.45), "three quarters of the way to 0 are left"


# Implicit nudges -----------------------------------------------------------------------------------
def far(form="one-sided", **options):
    return cn.rule(EP, form=form, feedback=0.3, bound=5.0, **options)


@pytest.mark.parametrize("beta", [0.7, 3.0])
def test_an_implicit_nudge_of_a_linear_output_rests_between_drive_and_target(beta):
    net, x, t = network("linear")
    rule = far(beta=beta, nudge="implicit")
    free = rule.relaxation.rest(rule.begin(net, x))
    loss = rule.teaching.loss_for(free.rates[-1], t)
    now = rule.nudged(free, loss, beta)
    drive = net.links[-1].drive(now.rates[-2])
    assert (now.rates[-1] - (drive + beta * t) / (1 + beta)).abs().max() < 1e-14
    assert now.settled.residual < 1e-14


def test_implicit_and_explicit_nudges_rest_alike_and_only_implicit_ones_at_any_beta():
    net, x, t = network("linear")
    implicit, explicit = (
        learned(net, far(beta=0.5, nudge=nudge), x, t) for nudge in ("implicit", "explicit")
    )
    assert distance(implicit, explicit) < 1e-12
    learned(net, far(beta=20.0, nudge="implicit"), x, t)  # (a warning would be an error)
    with pytest.warns(UserWarning, match="goes to and fro .* choose a smaller beta, or nudge='implicit'"):
        learned(net, far(beta=1.5), x, t)


def test_both_signs_of_an_implicit_nudge_are_the_symmetric_form():
    net, x, t = network("linear")
    _, wanted = oracle(net, x, t, "linear", 0.3)
    assert distance(learned(net, far("symmetric", beta=1e-3, nudge="implicit"), x, t), wanted) < 1e-5


# Persistent states ---------------------------------------------------------------------------------
def test_a_known_sample_begins_where_it_was_left_and_an_unknown_one_with_a_sweep():
    net, (x, y) = dense("tanh"), batch(4)
    rule = cn.rule(EP, persistent=True, steps=4, nudged_steps=1)
    with pytest.warns(UserWarning, match="has not settled"):
        first = rule.learn(net, x, y).details.before.residual
    others = x[torch.tensor([2, 0])]  # (in another order)
    with warnings.catch_warnings(action="ignore"):
        for _ in range(30):
            later = rule.learn(net, others, y[:2]).details.before.residual
    assert later < 1e-6 < 0.01 < first
    with pytest.warns(UserWarning, match="has not settled"):
        rule.answer(net, others)  # a test begins with a sweep
    with pytest.warns(UserWarning, match="has not settled"):
        rule.learn(net, others + 1e-9, y[:2])


def test_kept_states_are_in_checkpoints_and_of_one_network():
    net, (x, y) = dense("tanh"), batch(4)
    rules = [cn.rule(EP, persistent=True) for _ in range(2)]
    rules[0].learn(net, x, y)
    rules[1].load_state_dict({name: tensor.clone() for name, tensor in rules[0].state_dict().items()})
    steps = [rule.learn(net, x, y).details.before.steps for rule in (rules[1], cn.rule(EP))]
    assert steps[0] == 0 < steps[1]
    kept = rules[0].state_dict()
    with pytest.raises(RuleError, match="no numbers of 4 samples"):
        rules[0].load_state_dict(kept | {"visits.1": kept["visits.1"][:2]})
    with pytest.raises(RuleError, match="are no persistent states"):
        rules[0].load_state_dict({"feedback": kept["visits.0"]})
    with pytest.raises(RuleError, match="it is of another one"):
        cn.rule(EP).load_state_dict(rules[0].state_dict())
    rules[0].learn(dense("tanh", depth=2), x, y)
    assert len(rules[0].state_dict()) == 1 + 2


def test_a_rule_says_what_its_form_learns():
    assert "Δw = ⟨Σ_k (u × r)|β_k / β_k⟩ / N  at rest" in str(cn.rule(EP, form="holomorphic"))
    assert "Δw = ⟨(u × r)|β − (u × r)|0⟩ / β  at rest" in str(cn.rule(EP))


# What they are for ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (
            dense,
            {"form": "both"},
            "form 'both'. Choices: one-sided, random sign, symmetric, three-phase, cont",
        ),
        (dense, {"form": "holomorphic", "points": 1}, "points must be a whole number from 2, not 1"),
        (lambda: dense("relu"), {"form": "holomorphic"}, "analytic activation .* area 'area1' fires by relu"),
        (lambda: sheets("tanh"), {"form": "holomorphic"}, "areas that fire and no more"),
        (
            dense,
            {"form": "holomorphic", "loss": "cross-entropy"},
            "needs nudge='explicit', .* the squared loss",
        ),
        (dense, {"nudge": "implicit", "loss": "cross-entropy"}, "needs the squared loss"),
        (dense, {"nudge": "implicit", "form": "symmetric", "beta": 1.0}, "has no equilibrium"),
        (lambda: cn.mlp([4, 3, 3], "tanh", "tanh"), {"nudge": "implicit"}, "area 'output' fires by tanh"),
        (lambda: dense("tanh"), {"dynamics": "hopfield"}, "area 'area1' fires by tanh"),
        (dense, {"nudged_steps": 0}, "nudged_steps must be a whole number from 1, not 0"),
    ],
)
def test_what_a_form_is_not_for_says_so(make, options, words):
    net = make()
    with pytest.raises(RuleError, match=words):
        cn.rule(EP, **options).learn(net, torch.rand(2, *net.input_shape, dtype=net.like.dtype), [0, 1])


@pytest.mark.parametrize(
    "options",
    [{"nudge": "implicit"}, {"persistent": True}, {"dynamics": "hopfield"}, {"form": "holomorphic"}],
)
def test_circuits_refuse_what_their_columns_do_not_do(options):
    with pytest.raises(cn.errors.CircuitError, match="choose"):
        cn.circuit(cn.mlp([2, 3, 2]), cn.rule(EP, **options))
