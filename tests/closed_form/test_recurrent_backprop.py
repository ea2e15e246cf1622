"""Recurrent backprop against the implicit-function gradient in NumPy, and against central differences."""

import pytest

import corticalnet as cn
from tests.closed_form.test_equilibrium import ACTIVATIONS, network, oracle, slopes
from tests.networks import batch, dense, distance, learned, residual, sheets, skipping


@pytest.mark.parametrize("order", ["in turn", "together"])
@pytest.mark.parametrize("kappa", [1.0, 0.3])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_it_is_the_implicit_gradient(activation, kappa, order):
    net, x, t = network(activation)
    rates, wanted = oracle(net, x, t, activation, kappa)
    rule = cn.rule("recurrent-backprop", feedback=kappa, order=order, rate=1.0 if order == "in turn" else 0.5)
    assert distance(learned(net, rule, x, t), wanted) < (1e-12 if order == "in turn" else 1e-11)
    assert (rule.learn(net, x, t).rates - rates).abs().max() < 1e-12


@pytest.mark.parametrize(
    "make",
    [
        lambda: sheets("tanh", cn.Local, homeostasis="slow").eval(),
        lambda: sheets("sigmoid", cn.Convolution, homeostasis="batch").eval(),
        lambda: skipping("tanh"),
        lambda: residual("tanh"),
    ],
    ids=["slow homeostasis and a pool", "batch homeostasis and a pool", "skipping", "residual"],
)
def test_it_is_the_slope_of_the_loss_of_the_equilibrium(make):
    """By central differences, in a random direction of each parameter."""
    net, (x, y) = make(), batch(2)
    rule = cn.rule("recurrent-backprop", feedback=0.3)
    rule.learn(net, x, y)
    for parameter in net.parameters():
        found, wanted = slopes(net, rule, parameter, x, y)
        assert found == pytest.approx(wanted, rel=1e-5, abs=1e-8)


def test_errors_that_do_not_settle_are_told():
    net, (x, y) = dense("tanh"), batch()
    with pytest.warns(UserWarning, match="errors have not settled"), pytest.warns(UserWarning, match="phase"):
        cn.rule("recurrent-backprop", steps=2).learn(net, x, y)


def test_how_phases_came_to_rest_is_told():
    net, (x, y) = dense("tanh"), batch()
    rests = cn.rule("recurrent-backprop").learn(net, x, y).details
    assert 0 < rests.now.steps < 300 > rests.before.steps > 0
    assert max(rests.now.residual, rests.before.residual) < 1e-14
