"""Contrastive Hebbian learning and GeneRec: their limits, their identities, and how phases fail to settle."""

import pytest
import torch

import corticalnet as cn
from corticalnet.errors import RuleError
from tests.closed_form.test_equilibrium import changes
from tests.networks import CLASSES, F64, SHAPE, autograd, batch, dense, distance, learned, skipping, squared

#: Wide enough that no state is held at the bound.
FREE = {"bound": 50.0, "steps": 2000}


def sigmoid_output():
    """Two hidden areas and an output, all sigmoid."""
    areas = [cn.Area(cn.Dense(n, bias=True), "sigmoid") for n in (9, 8, CLASSES)]
    return cn.Network(SHAPE, areas, 0, dtype=F64)


def entropy(out, y):
    """Cross-entropy of independent sigmoid outputs: −Σ t log y + (1 − t) log(1 − y)."""
    wanted = torch.nn.functional.one_hot(y, CLASSES).to(out.dtype)
    return -(wanted * out.log() + (1 - wanted) * (1 - out).log()).sum() / len(out)


@pytest.mark.parametrize("name", ["contrastive-hebbian", "generec"])
@pytest.mark.parametrize(
    ("make", "loss"),
    [(lambda: dense("tanh"), squared), (sigmoid_output, entropy)],
    ids=["tanh, linear: squared", "sigmoid: cross-entropy"],
)
def test_it_becomes_backprop_as_feedback_becomes_weak(make, loss, name):
    """Of the error t − y, without f' of the output: area by area the distance is O(κ)."""
    net, (x, y) = make(), batch()
    wanted = autograd(net, loss, x, y)
    far, near = (
        distance(learned(net, cn.rule(name, feedback=k, **FREE), x, y), wanted) for k in (1e-2, 1e-3)
    )
    assert near < 0.02
    assert far / near == pytest.approx(10, rel=0.2)


def test_the_symmetric_form_is_half_of_contrastive_hebbian_learning():
    """By hand: midpoint, and midpoint of the synapse the other way, averaged."""
    net, (x, y) = dense("sigmoid"), batch()
    half = learned(net, cn.rule("generec", form="symmetric", **FREE), x, y)
    whole = learned(net, cn.rule("contrastive-hebbian", **FREE), x, y)
    assert distance([2 * g for g in half], whole) < 1e-14
    rule = cn.rule("contrastive-hebbian", **FREE)
    free = rule.relaxation.rest(rule.begin(net, x))
    clamped, _ = rule.phases(free, rule.teaching.loss_for(free.rates[-1], y))
    (u, v), (a, b) = ((phase.states[1], phase.states[2]) for phase in (free, clamped))
    up, down = (a + u).T @ (b - v) / 2, (a - u).T @ (b + v) / 2
    wanted = -(0.2**-1) * ((up + down) / 2).T / len(x)
    assert torch.allclose(net.links[1].weight.grad / 2, wanted, rtol=0, atol=1e-14)


def test_two_columns_are_as_worked_by_hand():
    """Linear columns, W = 0.8 and 0.5, κ = 0.2, x = 1, target 1: free u = 0.8 / 0.95, clamped û = 0.9."""
    net = cn.mlp([1, 1, 1], "linear", dtype=F64)
    with torch.no_grad():
        net.links[0].weight.fill_(0.8)
        net.links[1].weight.fill_(0.5)
    x, t = torch.ones(1, 1, dtype=F64), torch.ones(1, 1, dtype=F64)
    u = 0.8 / (1 - 0.2 * 0.5 * 0.5)
    moved, out = 0.9 - u, 1 - 0.5 * u
    wanted = {
        ("contrastive-hebbian", ""): (moved / 0.2, 0.9 * 1 - u * 0.5 * u),
        ("generec", "free"): (moved / 0.2, out * u),
        ("generec", "midpoint"): (moved / 0.2, out * (u + 0.9) / 2),
    }
    for (name, form), change in wanted.items():
        rule = cn.rule(name, **({"form": form} if form else {}), **FREE)
        found = [-g.item() for g in learned(net, rule, x, t)]
        assert found == pytest.approx(change, rel=1e-12), (name, form)


def test_its_own_feedback_carries_activity_and_no_weight_up_is_read():
    net, (x, y) = dense("sigmoid"), batch()
    own, tied = cn.rule("generec", pathway="random"), cn.rule("generec")
    assert not own.transports_weights
    assert tied.transports_weights
    routes = own.feedback_routes(net)
    assert all(route.weights is not route.link.weight for route in routes)
    assert distance(learned(net, own, x, y), learned(net, tied, x, y)) > 0.1
    with torch.no_grad():
        for route in routes:
            route.weights.copy_(route.link.weight)
    assert distance(learned(net, own, x, y), learned(net, tied, x, y)) < 1e-14


def silencing(order, rate=1.0):
    """Two columns that silence each other, from silence: (0, 0), (1, 1), (0, 0), … if both move at once."""
    areas = [cn.Area(cn.Dense(1, bias=True), "relu") for _ in range(2)]
    net = cn.Network((1,), areas, 0, dtype=F64)
    with torch.no_grad():
        net.links[0].weight.fill_(1.0)
        net.links[1].weight.fill_(-1.5)
        net.links[1].bias.fill_(1.0)
    rule = cn.rule("equilibrium-propagation", feedback=1.0, order=order, rate=rate)
    phase = rule.begin(net, torch.ones(1, 1, dtype=F64))
    for node in (1, 2):
        phase.states[node] = phase.rates[node] = torch.zeros(1, 1, dtype=F64)
    return rule.relaxation.rest(phase)


def test_areas_that_move_together_may_go_to_and_fro_and_somebody_is_told():
    told = "goes to and fro between two states, 1 apart; choose order='in turn'"
    with pytest.warns(UserWarning, match=told):
        assert silencing("together").settled.residual == 1
    assert silencing("in turn").settled.residual < 1e-14  # (a warning would be an error here)


def test_nudges_of_random_sign_are_less_biased_than_one_sided_ones():
    """Their mean over both signs is the symmetric form, exactly where the phases are the same."""
    net, (x, y) = dense("tanh"), batch()
    torch.manual_seed(0)
    rule = cn.rule("equilibrium-propagation", form="random sign", beta=0.2)
    found = {}
    for _ in range(20):
        rule.learn(net, x, y)
        found[round(net.links[0].weight.grad.norm().item(), 9)] = [p.grad.clone() for p in net.parameters()]
    assert len(found) == 2
    mean = [(a + b) / 2 for a, b in zip(*found.values(), strict=True)]
    symmetric = learned(net, cn.rule("equilibrium-propagation", form="symmetric", beta=0.2), x, y)
    assert distance(mean, symmetric) < 1e-10


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: cn.rule("generec", form="late"), "unknown GeneRec: form 'late'"),
        (lambda: cn.rule("generec", pathway="direct"), "does not carry activity down link by link"),
        (lambda: cn.rule("generec", pathway="kolen-pollack"), "choose pathway='tied', 'random'"),
        (lambda: cn.rule("generec", form="symmetric", pathway="random"), "averages a synapse with itself"),
        (lambda: cn.rule("contrastive-hebbian", teaching="reward"), "by a Teacher"),
        (lambda: cn.rule("recurrent-backprop", order="random"), "unknown recurrent backprop: order 'random'"),
    ],
)
def test_what_does_not_go_together_is_refused(make, words):
    with pytest.raises(RuleError) as caught:
        make()
    assert words in str(caught.value)


# The circuits -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("contrastive-hebbian", {}),
        ("generec", {}),
        ("generec", {"form": "midpoint"}),
        ("generec", {"form": "symmetric"}),
        ("generec", {"pathway": "random"}),
    ],
    ids=["contrastive", "free", "midpoint", "symmetric", "random"],
)
@pytest.mark.parametrize(
    ("net", "engine", "samples"),
    [(lambda: skipping("sigmoid"), "torch", 2), (lambda: dense("sigmoid", 2), "brian2", 1)],
    ids=["torch", "brian2"],
)
def test_one_trial_changes_the_weights_as_the_rule_does(net, engine, samples, name, settings):
    net, (x, y) = net(), batch(samples)
    rule = cn.rule(name, steps=60, **settings)
    for found, wanted in changes(net, rule, x, y, engine, longer=5):
        assert abs(found - wanted).max() < 1e-10 * abs(wanted).max()
        assert abs(wanted).max() > 1e-6


def test_trial_after_trial_the_synapses_compare_anew():
    """Two trials of the circuit are two updates of the network."""
    net, (x, y) = dense("sigmoid"), batch(2)
    rule = cn.rule("generec", steps=60)
    circuit = cn.circuit(net, rule, 0.2)
    trial = [cn.Present(x, circuit.needs.present), cn.Teach(y, circuit.needs.teach), cn.Rest(60)]
    data = cn.simulate(circuit, [*trial, *trial], record=["nudge"], last=1)
    for _ in range(2):
        rule.update(net, x, y, torch.optim.SGD(net.parameters(), lr=0.2))
    cn.write_back(circuit, copy := dense("sigmoid"), data)
    assert distance([p.detach() for p in copy.parameters()], [p.detach() for p in net.parameters()]) < 1e-10
