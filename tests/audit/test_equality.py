"""Equality to backprop: the audit's oracle is autograd; here it is held against closed forms."""

import pytest
import torch

import corticalnet as cn
from corticalnet.audit.constraints import signed, taught, transport
from corticalnet.audit.equality import compare, equality, gradient
from corticalnet.audit.locality import locality
from corticalnet.audit.samples import ACTIVATIONS, random_batch, random_mlp, weight_update
from corticalnet.audit.verdicts import judge_equality
from tests.networks import F64, autograd, batch, dense, squared


def test_the_oracle_is_minus_the_gradient_of_the_loss():
    net = dense("tanh")
    x, y = batch()
    mine = gradient(net, x, y, None, 0)
    theirs = autograd(net, squared, x, y)
    for found, wanted in zip(mine.values(), theirs, strict=True):
        assert torch.allclose(found, -wanted, atol=1e-15)


def test_the_oracle_takes_the_rules_own_lesson():
    """By hand, linear: the rewarded column's change is (r − y_s) x, all others' are 0."""
    net = cn.mlp([4, 3], "linear", dtype=F64)
    x, y = random_batch(net, 0, 1)
    _, step = weight_update(net, cn.rule("brainprop", exploration=0.0), x, y)
    (found,) = gradient(net, x, y, step.trial_loss, 0).values()
    rates = (net.links[0].weight @ x[0]).detach()
    chosen = int(rates.argmax())
    wanted = torch.zeros(3, 4, dtype=F64)
    wanted[chosen] = ((chosen == y[0]).double() - rates[chosen]) * x[0]
    assert torch.allclose(found, wanted, atol=1e-15)


@pytest.mark.parametrize("name", ["backprop", "brainprop", "z-il", "streaming-fa-z-il"])
def test_exact_rules_are_exact_for_every_activation(name):
    found = equality(cn.rule(name), seeds=2)
    assert tuple(found) == ACTIVATIONS
    assert all(one.equal and one.error < 1e-12 and one.cosine > 1 - 1e-12 for one in found.values())
    assert all(set(one.by_depth) == {0, 1, 2, 3, 4} for one in found.values())


def test_the_papers_phi_is_exact_for_smooth_activations_only():
    found = equality(cn.rule("fa-z-il"), seeds=2)
    assert [kind for kind, one in found.items() if one.equal] == ["sigmoid", "tanh"]
    assert found["relu"].by_depth[0][0] < 1e-12  # the output's own links are right all the same
    assert found["relu"].error > 0.1


def test_what_differs_is_measured_area_by_area():
    """With the last link's feedback alone wrong, the output's links are right and all others are not."""

    class Half(cn.Tied):
        def weights(self, link):
            return 0.5 * link.weight if link.name.endswith("output") else link.weight

    found = compare(random_mlp("tanh", 3, 0), cn.Rule(feedback=Half()), 0)
    assert found[0] == (pytest.approx(0, abs=1e-12), pytest.approx(1))
    for depth in (1, 2):
        assert found[depth] == (pytest.approx(0.5), pytest.approx(1))


def test_a_given_network_is_the_only_one():
    found = equality(cn.rule("z-il"), cn.Network((1, 6, 6), [
        cn.Area(cn.Convolution(2, 3), "relu", pool=2, dropout=0.3, homeostasis="slow"),
        cn.Area(cn.Dense(4), "linear"),
    ]))  # fmt: skip
    assert list(found) == ["this network"]
    assert found["this network"].equal


def test_inference_learning_is_not_backprop_but_points_its_way():
    found = equality(cn.rule("il"), seeds=1)["sigmoid"]
    assert found.error > 0.1
    assert found.cosine > 0.9


def test_what_answers_with_an_equilibrium_is_also_compared_with_recurrent_backprop():
    """By nudges of both signs, as small as can be, it is that, while it is not backprop."""
    net = cn.mlp([4, 5, 3], "sigmoid", dtype=F64)
    rule = cn.rule("equilibrium-propagation", form="symmetric", beta=1e-3)
    found = equality(rule, net, seeds=1)
    error, cosine = found["this network"].to_equilibrium
    assert error < 1e-5
    assert cosine > 1 - 1e-9
    assert found["this network"].error > 0.1
    assert "; to the gradient of what it answers: this network " in judge_equality(found).detail
    swept = equality(cn.rule("z-il"), net, seeds=1)
    assert swept["this network"].to_equilibrium is None
    assert "recurrent" not in judge_equality(swept).detail


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "columns"),
    [
        ({"form": "holomorphic", "points": 2, "feedback": 0.1}, ("sigmoid", "tanh", "softplus")),
        ({"dynamics": "hopfield", "feedback": 0.1}, ("relu",)),
        ({"nudge": "implicit", "feedback": 0.1}, ("relu",)),
    ],
    ids=["holomorphic", "hopfield", "implicit"],
)
def test_a_rule_for_some_columns_is_tried_on_networks_of_these(settings, columns, monkeypatch):
    """Analytic ones, say; all parts of an audit ask what the rule declares."""
    monkeypatch.setattr("corticalnet.audit.equality.LINKS", (2,))
    rule = cn.rule("equilibrium-propagation", beta=0.05, steps=400, **settings)
    found = equality(rule, seeds=1)
    assert tuple(found) == columns == rule.activations
    # Nudges of 0.05 are this near, but where a ReLU, or a state at its bound, has a kink.
    assert all(one.to_equilibrium[1] > 0.9 for one in found.values())
    if settings.get("dynamics"):  # (what takes longest)
        assert locality(rule).checks > 50
    assert signed(rule).count
    assert transport(rule).largest > 0.1
    assert taught(rule).wrong > 0.01
