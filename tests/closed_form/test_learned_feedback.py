"""Feedback that learns: laws by hand, by NumPy and by autograd."""

import copy

import numpy as np
import pytest
import torch

import corticalnet as cn
import corticalnet.data as data
from corticalnet.analysis import align, passes
from corticalnet.rules import SweepCount
from corticalnet.rules.own_weights import PATIENCE
from tests.networks import F64, NETWORKS, autograd, batch, dense, distance, learned, squared

PATHWAYS = {
    "kolen-pollack": lambda: cn.KolenPollack(decay=0.0),
    "matching": cn.Matching,
    "weight-mirror": cn.WeightMirror,
    "perturbed": cn.Perturbed,
}
KINDS = ["dense-2", "dense-5", "convolution", "local", "dropout", "slow", "batch", "skipping", "residual"]


def transposed(feedback, net):
    """Give a pathway the weights that backprop uses."""
    feedback.prepare(net)
    weights = {link.name: link.weight for link in net.links}
    for name, b in feedback._own.items():
        b.data.copy_(weights[name])
    return feedback


# Whatever the pathway ---------------------------------------------------------------------------
@pytest.mark.parametrize("trigger", ["backprop", "z-il", "streaming-fa-z-il"])
@pytest.mark.parametrize("network", KINDS)
@pytest.mark.parametrize("name", PATHWAYS)
def test_with_the_transpose_it_is_backprop(name, network, trigger):
    net, (x, y) = NETWORKS[network]("tanh", 0), batch()
    fresh = cn.rule(trigger, feedback=PATHWAYS[name]())
    wanted = autograd(net, squared, x, y)
    assert distance(learned(net, fresh, x, y), wanted) > 0.1
    rule = cn.rule(trigger, feedback=transposed(PATHWAYS[name](), net))
    assert distance(learned(net, rule, x, y), wanted) <= 1e-12


@pytest.mark.parametrize("teaching", ["teacher", "cross-entropy", "reward"])
@pytest.mark.parametrize("trigger", ["backprop", "il", "ipc", "z-il", "fa-z-il", "streaming-fa-z-il"])
@pytest.mark.parametrize("name", [*PATHWAYS, "least squares"])
def test_goes_with_every_teaching_signal_and_trigger(name, trigger, teaching):
    """B moves, the links learn, and with other errors B learns something else."""
    make = PATHWAYS.get(name, lambda: cn.Perturbed(fit="least squares"))
    net, (x, y) = NETWORKS["skipping"]("tanh", 0), batch()
    moved = []
    for targets in (y, (y + 1) % 5):
        own, rule = copy.deepcopy(net), cn.rule(trigger, feedback=make(), teaching=teaching)
        before = {n: b.clone() for n, b in _after_meeting(rule, own).items()}
        optimizer = torch.optim.SGD(own.parameters(), lr=0.05)
        torch.manual_seed(3)
        rule.update(own, x, targets, optimizer)
        moved.append(torch.cat([(b - before[n]).flatten() for n, b in rule.feedback._own.items()]))
        assert all((a - b).abs().max() > 0 for a, b in zip(own.parameters(), net.parameters(), strict=True))
    assert moved[0].abs().max() > 0
    assert torch.equal(*moved) == (name == "weight-mirror")  # a mirror looks at weights, not at errors


def _after_meeting(rule, net):
    rule.feedback.prepare(net)
    return rule.feedback._own


def test_feedback_weights_join_the_groups_of_the_links():
    net, (x, y) = dense("tanh"), batch()
    first, *others = net.links
    groups = [{"params": [first.weight]}, {"params": [k.weight for k in others], "lr": 0.5}]
    optimizer, rule = torch.optim.SGD(groups, lr=0.1), cn.rule("kolen-pollack")
    rule.update(net, x, y, optimizer)
    rule.update(net, x, y, optimizer)
    sizes = [len(group["params"]) for group in optimizer.param_groups]
    assert sizes == [1, 2 + 2]
    assert set(rule.parameters(net)) <= set(optimizer.param_groups[1]["params"])
    fixed = torch.optim.SGD([first.weight], lr=0.1)
    before = [p.clone() for p in rule.parameters(net)]
    rule.update(net, x, y, fixed)
    assert all(torch.equal(a, b) for a, b in zip(before, rule.parameters(net), strict=True))


def test_a_copy_of_the_network_has_the_same_feedback_and_analysis_changes_nothing():
    net, (x, y) = dense("tanh"), batch()
    rule = cn.rule("perturbed-feedback", fit="least squares")
    for _ in range(3):
        rule.learn(net, x, y)
    before = {name: t.clone() for name, t in rule.state_dict().items()}
    angles = [align(net, rule, x, y).cosine for _ in range(2)]
    assert angles[0] == angles[1]
    assert all(torch.equal(t, before[name]) for name, t in rule.state_dict().items())
    rule.learn(copy.deepcopy(net), x, y)  # belongs to it as well: sums go on from there
    gram = "feedback.area2 gram"
    torch.testing.assert_close(rule.state_dict()[gram], 4 / 3 * before[gram])
    other = dense("tanh", depth=2)
    rule.learn(other, x, y)
    assert set(rule.feedback._own) == {"area1->output"}


def test_follows_a_network_to_another_precision_and_keeps_what_it_knows():
    net, (x, y) = dense("tanh").float(), batch()
    rule = cn.rule("kolen-pollack")
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    rule.update(net, x.float(), y, optimizer)
    known = [p.detach().clone() for p in rule.parameters(net)]
    net.double()
    rule.update(net, x, y, torch.optim.SGD(net.links[0].parameters(), lr=0.1))
    now = rule.parameters(net)
    assert all(p.dtype == F64 and torch.equal(p, b.double()) for p, b in zip(now, known, strict=True))


@pytest.mark.parametrize("name", PATHWAYS)
def test_an_optimizer_that_leaves_the_pathway_behind_is_told(name):
    net, (x, y) = dense("tanh"), batch()
    rule = cn.rule("feedback-alignment", feedback=PATHWAYS[name]())
    short = torch.optim.SGD(net.parameters(), lr=0.1)
    whole = torch.optim.SGD([*net.parameters(), *rule.parameters(net)], lr=0.1)
    for optimizer in (*[short] * (PATIENCE - 1), whole, *[short] * PATIENCE):
        rule.learn(net, x, y)
        optimizer.step()
    with pytest.warns(UserWarning, match=r"its feedback does not; give the optimizer \[\*net.parameters"):
        rule.learn(net, x, y)


@pytest.mark.parametrize("name", PATHWAYS)
@pytest.mark.parametrize("kind", [cn.Dense, cn.Convolution, cn.Local])
def test_says_what_it_costs(name, kind):
    """Counted operations, beside those with fixed random weights."""
    if kind is cn.Dense:
        net = cn.mlp([9, 8, 7, 5], "tanh", dtype=F64)
        x = torch.rand(32, 9, dtype=F64)
    else:
        areas = [cn.Area(kind(3, 3), "tanh"), cn.Area(kind(2, 3), "tanh"), cn.Area(cn.Dense(5), "linear")]
        net, x = cn.Network((1, 7, 7), areas, dtype=F64), torch.rand(32, 1, 7, 7, dtype=F64)
    y = torch.arange(32) % 5
    fixed = passes(net, cn.rule("feedback-alignment"), x, y)
    feedback = PATHWAYS[name]()
    found = passes(net, cn.rule("feedback-alignment", feedback=feedback), x, y)
    np.testing.assert_allclose(np.subtract(found, fixed), feedback.extra_cost(net), atol=1e-12)
    share = sum(k.synapses for k in net.links[1:]) / sum(k.synapses for k in net.links)
    down = {"weight-mirror": (share, 0, share), "perturbed": (share, share, share)}
    assert feedback.extra_cost(net) == pytest.approx(down.get(name, (0, 0, share)))
    assert SweepCount() == cn.Random().extra_cost(net)


def test_straight_synapses_count_as_well():
    """Each area hears the output along a link of its own: 5 × (8 + 7) synapses for 9·8 + 8·7 + 7·5."""
    net, x, y = cn.mlp([9, 8, 7, 5], "tanh", dtype=F64), torch.rand(32, 9, dtype=F64), torch.arange(32) % 5
    fixed, learned = cn.Direct(), cn.Perturbed(direct=True)
    one, other = (passes(net, cn.rule("feedback-alignment", feedback=k), x, y) for k in (fixed, learned))
    whole, straight = 9 * 8 + 8 * 7 + 7 * 5, 5 * (8 + 7)
    assert one.down == pytest.approx(straight / whole)
    np.testing.assert_allclose(np.subtract(other, one), learned.extra_cost(net), atol=1e-12)
    assert learned.extra_cost(net) == pytest.approx(
        ((whole - 9 * 8) / whole, straight / whole, straight / whole)
    )


# Kolen-Pollack and matching ---------------------------------------------------------------------
def test_two_by_three_by_hand():
    """One input (1, 2), columns 2-3-2, linear, target (1, 0), W2 = [[1, 0, 1], [0, 1, 0]], lr ½, λ ½.

    Hidden rates W1 x = (1, 2, 3) for W1 = [[1, 0], [0, 1], [1, 1]]; output (4, 2); error (−3, −2).
    ΔW2 = error × rates = [[−3, −6, −9], [−2, −4, −6]]; B began as [[1, 1, 0], [0, 0, 2]].
    Signal Bᵀ error = (−3, −3, −4), so ΔW1 = [[−3, −6], [−3, −6], [−4, −8]].
    W1 has no partner (nothing goes down to the input) and does not decay.
    """
    areas = [cn.Area(cn.Dense(3), "linear"), cn.Area(cn.Dense(2), "linear")]
    net = cn.Network((2,), areas, dtype=F64)
    w1, w2 = (link.weight for link in net.links)
    feedback = cn.KolenPollack(decay=0.5)
    feedback.prepare(net)
    b = feedback._own["area1->output"]
    with torch.no_grad():
        w1.copy_(torch.tensor([[1, 0], [0, 1], [1, 1]]))
        w2.copy_(torch.tensor([[1, 0, 1], [0, 1, 0]]))
        b.copy_(torch.tensor([[1, 1, 0], [0, 0, 2]]))
    rule, x, y = cn.rule("backprop", feedback=feedback), torch.tensor([[1.0, 2]]), torch.tensor([[1.0, 0]])
    rule.update(net, x.double(), y.double(), torch.optim.SGD(net.parameters(), lr=0.5))
    assert w2.tolist() == [[1 - 1.75, -3, 1 - 4.75], [-1, 1 - 2.25, -3]]
    assert b.tolist() == [[1 - 1.75, 1 - 3.25, -4.5], [-1, -2, 2 - 3.5]]
    assert w1.tolist() == [[1 - 1.5, -3], [-1.5, 1 - 3], [1 - 2, 1 - 4]]


@pytest.mark.parametrize("trigger", ["backprop", "il", "z-il", "fa-z-il", "streaming-fa-z-il"])
@pytest.mark.parametrize("network", ["dense-5", "convolution", "local", "skipping", "residual"])
def test_the_difference_shrinks_by_the_decay_alone(network, trigger):
    """W − B = (1 − lr λ)^t (W₀ − B₀), to rounding, whatever was learned; matching: it stays."""
    lr, steps, (x, y) = 0.05, 7, batch()
    for feedback, factor in ((cn.KolenPollack(decay=0.8), (1 - lr * 0.8) ** steps), (cn.Matching(), 1.0)):
        net = NETWORKS[network]("sigmoid", 0)
        rule = cn.rule(trigger, feedback=feedback)
        optimizer = torch.optim.SGD([*net.parameters(), *rule.parameters(net)], lr=lr)
        down = [link for link in net.links if link.name in feedback._own]
        start = [link.weight - feedback.weights(link) for link in down]
        weights = [link.weight.clone() for link in down]
        for step in range(steps):
            if step % 2:
                rule.learn(net, x, y)
                optimizer.step()
            else:
                rule.update(net, x, y, optimizer)
        for link, difference, before in zip(down, start, weights, strict=True):
            torch.testing.assert_close(link.weight - feedback.weights(link), factor * difference)
            assert (link.weight - before).norm() > 1e-4


def test_the_law_with_momentum_and_with_adamw():
    """Momentum: d follows a linear recurrence. AdamW: gradients are equal, so only its decay is left."""
    (x, y), lr, decay, m = batch(), 0.05, 0.6, 0.7
    net, feedback = dense("tanh"), cn.KolenPollack(decay=decay)
    rule = cn.rule("backprop", feedback=feedback)
    link = net.links[1]
    optimizer = torch.optim.SGD([*net.parameters(), *rule.parameters(net)], lr=lr, momentum=m)
    d, v = (link.weight - feedback.weights(link)).detach().clone(), 0.0
    for _ in range(6):
        rule.update(net, x, y, optimizer)
        v = m * v + decay * d
        d = d - lr * v
    torch.testing.assert_close(link.weight - feedback.weights(link), d)

    net, feedback = dense("tanh"), cn.KolenPollack(decay=0.0)
    rule, link = cn.rule("backprop", feedback=feedback), net.links[1]
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=decay)
    feedback.prepare(net)
    d = (link.weight - feedback.weights(link)).detach().clone()
    for _ in range(6):
        rule.update(net, x, y, optimizer)
    torch.testing.assert_close(link.weight - feedback.weights(link), (1 - lr * decay) ** 6 * d)


def test_decay_adds_up_with_the_gradients():
    net, (x, y) = dense("tanh"), batch()
    plain = learned(net, cn.rule("kolen-pollack", decay=0.0), x, y)
    rule = cn.rule("kolen-pollack", decay=0.3)
    rule.learn(net, x, y)
    rule.learn(net, x, y, accumulate=True)
    for (name, p), g in zip(net.named_parameters(), plain, strict=True):
        down = name.endswith("weight") and "area1." not in name
        torch.testing.assert_close(p.grad, 2 * g + (0.6 * p if down else 0))
    for link in net.links[1:]:
        b = rule.feedback.weights(link)
        torch.testing.assert_close(b.grad - link.weight.grad, 0.6 * (b - link.weight).detach())


def test_a_link_that_stays_has_a_partner_that_stays():
    net, (x, y) = dense("tanh"), batch()
    net.links[1].weight.requires_grad_(False)
    rule = cn.rule("kolen-pollack", decay=0.3)
    before = rule.feedback
    rule.update(net, x, y, torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1))
    b = before.weights(net.links[1])
    assert b.grad is None
    assert before.weights(net.links[2]).grad.abs().sum() > 0


# The mirror -------------------------------------------------------------------------------------
@pytest.mark.parametrize("network", ["dense-2", "convolution", "local", "skipping"])
def test_what_a_mirror_sees_is_the_weight_in_the_mean(network):
    """E[B − ∂/∂b] = W within the 99.9 % interval of many noise phases; biases are not mirrored."""
    net, (x, y) = NETWORKS[network]("relu", 0), batch()
    with torch.no_grad():
        for link in net.links:
            if link.bias is not None:
                link.bias.fill_(0.7)
    rule = cn.rule("weight-mirror", rate=1.0, samples=40, deviation=0.3)
    torch.manual_seed(1)
    seen = {link.name: [] for link in net.links}
    for _ in range(150):
        rule.learn(net, x, y)
        for name, b in rule.feedback._own.items():
            seen[name].append((b - b.grad).detach().clone())
    for link in net.links:
        if not seen[link.name]:
            continue
        found = torch.stack(seen[link.name])
        error = (found.mean(0) - link.weight) / (found.std(0) / len(found) ** 0.5)
        inside = (error.abs() < 3.3).double().mean()
        assert inside > 0.985, link.name
        assert abs(error.mean()) < 5 / error.numel() ** 0.5 + 0.05


def test_a_resting_drive_is_nobodys_answer():
    """With the same noise, a mirror sees the same whatever the biases are."""
    seen = []
    for bias in (0.0, 5.0):
        net, (x, y) = NETWORKS["convolution"]("relu", 0), batch()
        with torch.no_grad():
            for link in net.links:
                if link.bias is not None:
                    link.bias.fill_(bias)
        rule = cn.rule("weight-mirror")
        rule.parameters(net)
        torch.manual_seed(0)
        rule.learn(net, x, y)
        seen.append([b.grad for b in rule.parameters(net)])
    for one, other in zip(*seen, strict=True):
        torch.testing.assert_close(one, other)


# On real images ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "parameters", "near"),
    [
        ("kolen-pollack", {"decay": 0.05}, True),
        ("weight-mirror", {}, True),
        ("feedback-alignment", {}, False),
        ("backprop", {"feedback": "matching"}, False),
    ],
)
def test_angle_to_backprop_on_digits(name, parameters, near):
    """Kolen-Pollack and mirrors come within 10° in every area; fixed random feedback and matching do not."""
    digits = data.load("digits")
    x, y = digits.train.batch(slice(None), torch.float64)
    net, rule = cn.mlp([64, 32, 16, 10], "tanh", seed=0, dtype=F64), cn.rule(name, **parameters)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    torch.manual_seed(0)
    for _ in range(30):
        for index in torch.randperm(len(x)).split(32):
            rule.update(net, x[index], y[index], optimizer)
    rule.feedback.decay = 0.0  # what is learned, without what is forgotten
    angles = [np.degrees(np.arccos(c)) for c in align(net, rule, x, y).cosines.values()]
    assert max(angles) < 10 if near else max(angles) > 20
