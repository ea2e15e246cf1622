"""Dendritic microcircuits, by NumPy from the paper: silent at rest, backprop through B to first order."""

import numpy as np
import pytest
import torch
from scipy.special import expit

import corticalnet as cn
from corticalnet.errors import RuleError
from tests.networks import F64, batch, dense, distance, gradients, learned, sheets

NAME = "dendritic-microcircuit"
#: The paper's conductances, written out.
LEAK, BASAL, APICAL, DENDRITIC = 0.1, 1.0, 0.8, 1.0
HIDDEN, OUTPUT = BASAL / (LEAK + BASAL + APICAL), BASAL / (LEAK + BASAL)
FUNCTIONS = {
    "sigmoid": (expit, lambda u: expit(u) * (1 - expit(u))),
    "tanh": (np.tanh, lambda u: 1 - np.tanh(u) ** 2),
    "softplus": (lambda u: np.log1p(np.exp(u)), expit),
}


def columns(f, hidden=2, output="sigmoid"):
    return cn.mlp([6, *[8] * hidden, 4], f, output, seed=1, bias=True, init="glorot", dtype=F64)


def lesson(net, seed=0):
    rng = torch.Generator().manual_seed(seed)
    sizes = net.input_shape[0], net.output_shape[0]
    return (torch.rand(5, n, generator=rng, dtype=F64) for n in sizes)


def arrays(net, rule):
    """Weights up and their biases, as [pre, post], and B, as [post, pre] in that sense."""
    up = [(k.weight.detach().numpy().T, k.bias.detach().numpy()) for k in net.links]
    return up, [route.weights.detach().numpy() for route in rule.feedback_routes(net)]


@pytest.mark.parametrize(("f", "hidden"), [("sigmoid", 1), ("tanh", 3), ("softplus", 5)])
def test_apical_dendrites_are_silent_without_a_teacher_at_any_depth(f, hidden):
    """Through synapses of their own, drawn as P = (ĝ above / ĝ_D) W and M = −B; with P = W they are not."""
    net, rule = columns(f, hidden), cn.rule(NAME, laterals="both")
    x, _ = lesson(net)
    own, weights = (
        rule.named_parameters(net),
        {route.link.name: route.weights for route in rule.feedback_routes(net)},
    )
    factor = DENDRITIC / (LEAK + DENDRITIC)

    def lay(share):
        for link in net.links[1:]:
            g = (OUTPUT if link is net.links[-1] else HIDDEN) / factor if share else 1.0
            own[f"predicting.{link.name}"].copy_(g * link.weight)
            own[f"offset.{link.name}"].copy_(g * link.bias)
            own[f"cancelling.{link.name}"].copy_(-weights[link.name])
        return rule.free(net, x)

    with torch.no_grad():
        assert max(a.abs().max() for a in lay(True).apical[1:-1]) < 1e-14
        loud = lay(False).apical[1:-1]
    assert loud[-1].abs().max() < 1e-14  # right below the output, where g_D = g_B makes the factor 1
    assert all(a.abs().max() > 0.01 for a in loud[:-1])


@pytest.mark.parametrize("nudge", ["rate", "potential"])
def test_the_settled_state_solves_the_papers_equations(nudge):
    """Currents into every soma, written out, cancel; with laterals that are nowhere near self-predicting."""
    net, rule = columns("sigmoid"), cn.rule(NAME, laterals="both", nudge=nudge, somatic=0.7, steps=500)
    x, targets = lesson(net)
    free = rule.free(net, x)
    now = rule.nudged(free, rule.teaching.loss_for(free.rates[-1], targets))
    up, down = arrays(net, rule)
    u = [None, *(p.detach().numpy() for p in now.potentials[1:])]
    copies = [None, None, *(c.detach().numpy() for c in now.copies[2:])]
    r = [x.numpy(), *(expit(p) for p in u[1:])]
    laterals = [lateral.predicting.detach().numpy().T for lateral in rule.lateral_weights().values()]
    back = [lateral.cancelling.detach().numpy() for lateral in rule.lateral_weights().values()]
    for area in (1, 2):
        basal = r[area - 1] @ up[area - 1][0] + up[area - 1][1]
        apical = r[area + 1] @ down[area - 1] + expit(copies[area + 1]) @ back[area - 1]
        current = BASAL * (basal - u[area]) + APICAL * (apical - u[area]) - LEAK * u[area]
        assert abs(current).max() < 1e-13
        expected, copy = r[area] @ laterals[area - 1], copies[area + 1]
        current = DENDRITIC * (expected - copy) + 0.7 * (u[area + 1] - copy) - LEAK * copy
        assert abs(current).max() < 1e-13
    held = np.clip(targets.numpy(), 0.1, 0.9)
    pull = targets.numpy() - r[3] if nudge == "rate" else np.log(held / (1 - held)) - u[3]
    current = BASAL * (r[2] @ up[2][0] + up[2][1] - u[3]) + 0.7 * pull - LEAK * u[3]
    assert abs(current).max() < 1e-13


@pytest.mark.parametrize("f", FUNCTIONS)
def test_mismatches_and_apical_potentials_are_backprop_through_b_to_first_order(f):
    """p = λ [ĝ_A (1 − λ_I)]^d q and v_A = λ (1 − λ_I)^d ĝ_A^(d − 1) q B: the error is O(λ)."""
    net, strengths = columns(f), np.array([1e-2, 1e-3, 1e-4, 1e-5])
    x, t = lesson(net)
    rate, gain = FUNCTIONS[f]
    errors = []
    for somatic in strengths:
        rule = cn.rule(NAME, somatic=somatic, nudge="potential")
        free = rule.free(net, x)
        now = rule.nudged(free, rule.teaching.loss_for(free.rates[-1], t))
        up, down = arrays(net, rule)
        u, r = [], [x.numpy()]
        for k, (w, b) in enumerate(up):
            u.append((OUTPUT if k == 2 else HIDDEN) * (r[-1] @ w + b))
            r.append(expit(u[-1]) if k == 2 else rate(u[-1]))
        held = np.clip(t.numpy(), 0.1, 0.9)
        q = [None, None, FUNCTIONS["sigmoid"][1](u[2]) * (np.log(held / (1 - held)) - u[2])]
        q[1] = gain(u[1]) * (q[2] @ down[1])
        q[0] = gain(u[0]) * (q[1] @ down[0])
        nudge, copied = somatic / (LEAK + BASAL + somatic), somatic / (LEAK + DENDRITIC + somatic)
        share = APICAL / (LEAK + BASAL + APICAL)
        found = []
        for area, d in ((1, 2), (2, 1), (3, 0)):
            wanted = nudge * (share * (1 - copied)) ** d * q[area - 1]
            found.append((now.mismatch(area).numpy(), wanted))
        for area, d in ((1, 2), (2, 1)):
            wanted = nudge * (1 - copied) ** d * share ** (d - 1) * (q[area] @ down[area - 1])
            found.append((now.apical[area].numpy(), wanted))
        errors.append([np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in found])
    errors = np.array(errors)
    assert errors[-1].max() < 5e-5
    slopes = np.polyfit(np.log(strengths), np.log(errors), 1)[0]
    assert slopes == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    "make", [lambda: dense("tanh"), lambda: sheets("tanh", cn.Local, homeostasis="slow")]
)
def test_the_first_order_with_the_transpose_is_the_gradient_of_the_attenuated_sweep(make):
    net, (x, y) = make(), batch()
    rule = cn.rule(NAME, solve="first order", pathway="tied")

    def attenuated(net, x):
        areas = list(net.areas.values())
        for area in areas:
            share = OUTPUT if area is areas[-1] else HIDDEN
            x = area(share * area.arriving[0].drive(x))[0]
        return x

    with torch.no_grad():
        assert torch.allclose(rule.answer(net.eval(), x), attenuated(net, x), rtol=0, atol=1e-14)
    before = {name: value.clone() for name, value in net.train().state_dict().items()}
    target = torch.nn.functional.one_hot(y, net.output_shape[0])
    loss = 0.5 * (target - attenuated(net, x)).square().sum() / len(x)
    wanted = torch.autograd.grad(loss, [*net.parameters()])
    net.load_state_dict(before)
    found = learned(net, rule, x, y)
    assert distance(found, wanted) < 1e-12
    settled = learned(net, cn.rule(NAME, pathway="tied", somatic=1e-7), x, y)
    assert distance(settled, wanted) < 1e-5


def test_laterals_learn_by_what_their_cells_hold():
    """By NumPy: P from the interneurons' surprise, M from the apical potential and what interneurons send."""
    net = columns("tanh", 1, "linear")
    x, t = lesson(net)
    for laterals, taught in (("predicting", True), ("both", False)):
        rule = cn.rule(NAME, laterals=laterals, steps=500)
        rule.learn(net, x, t)
        free = rule.free(net, x)
        held = rule.nudged(free, rule.teaching.loss_for(free.rates[-1], t)) if taught else free
        own = rule.named_parameters(net)
        p, b = (own[f"{kind}.area1->output"].detach().numpy() for kind in ("predicting", "offset"))
        below, copy = held.rates[1].numpy(), held.copies[2].numpy()
        surprise = copy - DENDRITIC / (LEAK + DENDRITIC) * (below @ p.T + b)
        change = {"predicting": surprise.T @ below / 5, "offset": surprise.mean(0)}
        if laterals == "both":
            change["cancelling"] = copy.T @ -held.apical[1].numpy() / 5
        for kind, wanted in change.items():
            found = -own[f"{kind}.area1->output"].grad.numpy()
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-13)
            assert abs(wanted).max() > 1e-3
        before = gradients(net)
        rule.learn_quietly(net, x, accumulate=True)
        assert distance(gradients(net), before) == 0.0


def test_laterals_that_are_frozen_stay():
    net, rule = columns("tanh", 1), cn.rule(NAME, laterals="both")
    own = rule.named_parameters(net)
    own["cancelling.area1->output"].requires_grad_(False)
    rule.learn(net, *lesson(net))
    assert own["cancelling.area1->output"].grad is None
    assert own["predicting.area1->output"].grad.abs().max() > 1e-3


def test_quiet_trials_silence_apical_dendrites():
    net, rule = columns("sigmoid"), cn.rule(NAME, laterals="both", steps=12)
    rng = torch.Generator().manual_seed(0)
    optimizer = torch.optim.SGD(rule.parameters(net), lr=1.0)
    loud = []
    for _ in range(80):
        loud.append(rule.learn_quietly(net, torch.rand(20, 6, generator=rng, dtype=F64)))
        optimizer.step()
    assert loud[-1] < 0.1 * loud[0]


def test_feedback_may_learn_by_the_product_of_its_own_two_columns():
    net, rule = columns("tanh"), cn.rule(NAME, pathway=cn.KolenPollack(decay=0.1))
    x, t = lesson(net)
    rule.learn(net, x, t)
    own = rule.named_parameters(net)
    for link in net.links[1:]:
        b = own[f"feedback.{link.name}"]
        assert torch.allclose(b.grad - 0.1 * b, link.weight.grad - 0.1 * link.weight, rtol=0, atol=1e-15)
        assert not torch.equal(b, link.weight)
    assert not rule.transports_weights


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"laterals": "none"}, "Choices: ideal, predicting, both"),
        ({"somatic": 0}, "microcircuit: somatic"),
        ({"pathway": "direct"}, "Direct does not come down link by link"),
        ({"pathway": "weight-mirror"}, "WeightMirror does not"),
        ({"solve": "first order", "laterals": "both"}, "choose laterals='ideal'"),
        ({"nudge": "potential", "loss": "cross-entropy"}, "taught by a Teacher of squared errors"),
        ({"teaching": "reward"}, "taught by a Teacher"),
    ],
)
def test_what_will_not_do_is_refused(parameters, message):
    with pytest.raises(RuleError, match=message):
        cn.rule(NAME, **parameters)


def test_networks_that_will_not_do_are_refused():
    x, y = batch()
    with pytest.raises(RuleError, match="laterals that learn are for dense links, and 'area1->area2'"):
        cn.rule(NAME, laterals="predicting").learn(sheets(), x, y)
    net = cn.Network(x.shape[1:], [cn.Area(cn.Dense(4)), cn.Area(cn.Dense(5), "relu")], dtype=F64)
    with pytest.raises(RuleError, match=r"an output that fires by 'relu'. Choices: linear, sigmoid, tanh"):
        cn.rule(NAME, nudge="potential").learn(net, x, y)


def test_columns_that_do_not_come_to_rest_say_so():
    net, (x, y) = dense("sigmoid"), batch()
    with pytest.warns(
        UserWarning, match=r"potentials have not settled, they still move by .* after 1 sweeps"
    ):
        step = cn.rule(NAME, laterals="both", steps=1, apical=8.0).learn(net, x, y)
    assert step.details.free.residual > 0.01
    assert step.details.apical > 0.01
