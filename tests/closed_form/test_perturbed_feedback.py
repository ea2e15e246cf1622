"""Feedback learned by perturbation: sums and gradients by hand, and what they tend to."""

import copy

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.analysis import align
from corticalnet.errors import RuleError
from corticalnet.rules.feedback.least_squares import LeastSquares
from tests.networks import F64, NETWORKS, batch, sheets


def gap(feedback, net):
    """‖W − B‖ / ‖W‖ of every link that carries feedback, from below."""
    weights = {link.name: link.weight for link in net.links}
    return {n: ((weights[n] - b).norm() / weights[n].norm()).item() for n, b in feedback._own.items()}


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("fit", ["gradient", "least squares"])
def test_a_trial_of_perturbed_feedback_in_numpy(fit, direct):
    """Shapes and signs of Lansdell et al. 2020, by hand: V, S, B; and ∂/∂b of ½‖λ − ê B‖².

    Direct (their convolutional version): all areas hear e of the output.
    """
    net = cn.mlp([3, 4, 5, 2], "linear", dtype=F64)
    x, t = torch.rand(6, 3, dtype=F64), torch.rand(6, 2, dtype=F64)
    noise = [torch.randn(6, n, dtype=F64) for n in (4, 5)]
    drawn = iter(noise)
    rule = cn.rule(
        "backprop",
        feedback=cn.Perturbed(0.01, fit, rate=0.5, ridge=0.1, draw=lambda like: next(drawn), direct=direct),
    )
    rule.feedback.prepare(net)
    first = {name: b.detach().numpy().copy() for name, b in rule.feedback._own.items()}
    rule.learn(net, x, t)
    w = [link.weight.detach().numpy() for link in net.links]
    h1 = x.numpy() @ w[0].T
    n1, n2 = (0.01 * n.numpy() for n in noise)
    out, noisy = h1 @ w[1].T @ w[2].T, ((h1 + n1) @ w[1].T + n2) @ w[2].T
    change = 0.5 * ((noisy - t.numpy()) ** 2).sum(1) - 0.5 * ((out - t.numpy()) ** 2).sum(1)
    e = t.numpy() - out
    names = ("area2->output", "area1->area2")
    if direct:
        names = ("direct feedback area2", "direct feedback area1")
    for name, n in zip(names, (n2, n1), strict=True):
        wanted = -change[:, None] * n / 0.01**2
        found = rule.feedback._own[name]
        if fit == "gradient":
            gradient = -0.5 * e.T @ (wanted - e @ first[name]) / 6
            np.testing.assert_allclose(found.grad.numpy(), gradient, rtol=1e-7, atol=1e-9)
        else:
            ridge = np.linalg.solve(0.1 * np.eye(e.shape[1]) + e.T @ e, e.T @ wanted)
            np.testing.assert_allclose(found.detach().numpy(), ridge, rtol=1e-7, atol=1e-9)
        e = e if direct else e @ first[name]


@pytest.mark.parametrize("memory", [1.0, 0.9, 0.3])
def test_old_trials_count_less_by_the_memory_in_a_ridge_regression(memory):
    """After K trials: Σ_k m^(K−k) ‖λ_k − e_k B‖² + γ ‖B‖² is least, by NumPy's lstsq of weighted rows.

    The ridge is not forgotten. (The feedback that is fitted is that of one link: its e is the output's own.)
    """
    net, trials, ridge = cn.mlp([3, 4, 2], "tanh", dtype=F64), 5, 0.1
    noise = [torch.randn(6, 4, dtype=F64) for _ in range(trials)]
    drawn = iter(noise)
    feedback = cn.Perturbed(0.01, "least squares", ridge=ridge, memory=memory, draw=lambda like: next(drawn))
    rule, rows, wanted = cn.rule("backprop", feedback=feedback), [], []
    for k, xi in enumerate(noise):
        x, t = torch.rand(6, 3, dtype=F64), torch.rand(6, 2, dtype=F64)
        rule.learn(net, x, t)
        w1, w2 = (link.weight.detach().numpy() for link in net.links)
        h = np.tanh(x.numpy() @ w1.T)
        e, noisy = t.numpy() - h @ w2.T, t.numpy() - (h + 0.01 * xi.numpy()) @ w2.T
        change = 0.5 * (noisy**2).sum(1) - 0.5 * (e**2).sum(1)
        weight = memory ** ((trials - 1 - k) / 2)
        rows.append(weight * e)
        wanted.append(-weight * change[:, None] * xi.numpy() / 0.01)
    a = np.vstack([*rows, ridge**0.5 * np.eye(2)])
    b = np.linalg.lstsq(a, np.vstack([*wanted, np.zeros((2, 4))]), rcond=None)[0]
    np.testing.assert_allclose(feedback._own["area1->output"].detach().numpy(), b, rtol=1e-7, atol=1e-9)


@torch.no_grad()
@pytest.mark.parametrize("kind", [cn.Convolution, cn.Local])
@pytest.mark.parametrize(("stride", "padding"), [(1, "valid"), (2, "same"), (1, "same"), (2, "valid")])
def test_least_squares_through_kernels(kind, stride, padding):
    """Signals that a known B makes are explained by it (synapses at the rim carry nothing, and are 0)."""
    net = cn.Network((2, 6, 5), [cn.Area(kind(3, 3, stride, padding), "linear")], dtype=F64)
    link = net.links[0]
    b = torch.randn_like(link.weight)
    sums = LeastSquares([link], 1e-9)
    for _ in range(4):
        e = torch.randn(40, *link.target_shape, dtype=F64)
        sums.add([e], link.feedback(e, b))
    found, used = sums.solution()[0], torch.empty_like(b)
    link.hebbian(torch.ones(1, 2, 6, 5, dtype=F64), torch.ones_like(e[:1]), used)
    torch.testing.assert_close(found, torch.where(used > 0, b, 0.0), rtol=1e-6, atol=1e-6)


def test_least_squares_of_two_dense_links_is_joint():
    """What two links bring together is the derivative, though neither B is the W beside it.

    (In a linear network errors of all areas are mixtures of the output's: which B brings what is open.)
    """
    net = NETWORKS["skipping"]("linear", 0)
    feedback = cn.Perturbed(1e-4, "least squares", ridge=1e-6)
    rule = cn.rule("backprop", feedback=feedback)
    torch.manual_seed(0)
    for k in range(120):
        x = torch.randn(20 if k < 40 else 2000, 162, dtype=F64)
        rule.learn(net, x, net(x).detach() + torch.randn(len(x), 5, dtype=F64))
    angles = align(net, rule, x, net(x).detach() + torch.randn(len(x), 5, dtype=F64)).cosines
    assert min(angles.values()) > 0.99
    assert max(gap(feedback, net).values()) > 0.3


def test_least_squares_refuses_what_it_cannot_join():
    areas = [
        cn.Area(cn.Convolution(2, 3), "tanh", "low"),
        cn.Area([cn.Convolution(2, 3), cn.Convolution(2, 3)], "tanh", "mid"),
        cn.Area(cn.Dense(5), "linear"),
    ]
    net = cn.Network((1, 7, 7), areas, dtype=F64)
    with pytest.raises(
        RuleError, match=r"a single link, or dense ones, out of an area.*choose fit='gradient'"
    ):
        cn.rule("perturbed-feedback", fit="least squares").learn(net, torch.rand(2, 49), torch.tensor([0, 1]))


def test_a_gradient_of_the_fit_by_autograd():
    """Convolution and local: ∂/∂b of the mean of ½‖λ − feedback(ê, b)‖², ê held."""
    for kind in (cn.Convolution, cn.Local):
        net, (x, y) = sheets("tanh", kind), batch()
        noise = {}

        def draw(like, noise=noise):
            noise[like.shape[1:]] = torch.randn_like(like)
            return noise[like.shape[1:]]

        rule = cn.rule("perturbed-feedback", draw=draw, deviation=0.1)
        rule.learn(net, x, y)
        activity = net.sweep(x)
        wiring, trial_loss = net.wiring, rule.teaching.loss_for(activity.rates[-1].detach(), y)
        rates = [x]
        with torch.no_grad():
            for node in range(1, wiring.output + 1):
                rate, _ = wiring.area(node).forward(wiring.drive(node, rates), activity.traces[node])
                own = 0.1 * noise[rate.shape[1:]] if node < wiring.output else 0
                rates.append(rate + own)
            change = trial_loss.losses(rates[-1]) - trial_loss.losses(activity.rates[-1])
        error = [None] * (wiring.output + 1)
        error[-1] = (
            wiring.area(-1).backward(trial_loss.error(activity.rates[-1]), activity.traces[-1]).detach()
        )
        for node in range(wiring.output - 1, 0, -1):
            target, link = wiring.leaving[node][0]
            b = rule.feedback._own[link.name].detach().clone().requires_grad_()
            xi = 0.1 * noise[activity.rates[node].shape[1:]]
            wanted = -change.view(-1, *[1] * (xi.dim() - 1)) * xi / 0.01
            signal = link.feedback(error[target], b)
            (0.5 * (wanted - signal).square().sum() / len(x)).backward()
            torch.testing.assert_close(rule.feedback._own[link.name].grad, b.grad)
            error[node] = wiring.area(node).backward(signal.detach(), activity.traces[node]).detach()


@pytest.mark.parametrize("hidden", ["linear", "tanh"])
def test_fixed_weights_are_found_by_least_squares(hidden):
    """Lansdell et al. 2020, Theorems 1 and 2: the top B tends to W; in a linear network every B does.

    ‖W − B‖ / ‖W‖ after 10⁶ samples: 0.7 % at the top (0.8 % in the paper), 3 % below.
    """
    net = cn.mlp([4, 3, 3, 4], hidden, seed=0, dtype=F64)
    feedback = cn.Perturbed(1e-3, "least squares")
    rule = cn.rule("backprop", feedback=feedback)
    torch.manual_seed(0)
    for k in range(300):  # the first sums are made with a B that knows nothing, and are never forgotten
        x = torch.randn(50 if k < 100 else 5000, 4, dtype=F64)
        rule.learn(net, x, net(x).detach() + torch.randn(len(x), 4, dtype=F64))
    found = gap(feedback, net)
    assert found["area2->output"] < 0.02
    assert found["area1->area2"] < (0.05 if hidden == "linear" else 0.2)


def test_straight_feedback_finds_all_weights_up_at_once():
    """In a linear network λ_l = e W_out ⋯ W_{l+1}, so that is what a B straight from the output tends to."""
    net = cn.Network((2, 4, 4), [cn.Area(cn.Convolution(2, 3), "linear"), cn.Area(cn.Dense(3), "linear")])
    net.to(F64)
    feedback = cn.Perturbed(1e-3, "least squares", direct=True)
    rule = cn.rule("backprop", feedback=feedback)
    torch.manual_seed(0)
    for _ in range(40):
        x = torch.randn(5000, 2, 4, 4, dtype=F64)
        rule.learn(net, x, net(x).detach() + torch.randn(5000, 3, dtype=F64))
    (b,), w = feedback._own.values(), net.links[-1].weight
    assert ((w - b).norm() / w.norm()).item() < 0.02


def test_straight_feedback_that_learns_is_moved_with_the_outputs_weights():
    """It joins the group of the output's weights, is saved, and is passed on by a copy of the network."""
    net = cn.mlp([4, 3, 3, 2], "tanh", dtype=F64)
    rule = cn.rule("perturbed-feedback", direct=True)
    groups = [{"params": [net.links[0].weight]}, {"params": [net.links[2].weight], "lr": 0.5}]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    b = rule.parameters(net)
    before = [own.detach().clone() for own in b]
    rule.update(net, torch.randn(5, 4, dtype=F64), torch.tensor([0, 1, 1, 0, 1]), optimizer)
    assert [*map(id, optimizer.param_groups[1]["params"][1:])] == [*map(id, b)]
    for own, old in zip(b, before, strict=True):
        torch.testing.assert_close(own.data, old - 0.5 * own.grad)
    other = cn.rule("perturbed-feedback", direct=True, seed=5)
    other.parameters(net)
    other.load_state_dict(rule.state_dict())
    assert [*map(id, other.parameters(copy.deepcopy(net)))] == [
        *map(id, other.feedback.named_parameters().values())
    ]
    assert all(torch.equal(a, c) for a, c in zip(other.feedback.named_parameters().values(), b, strict=True))


def test_fixed_weights_are_found_down_the_gradient():
    """The same by ``∂/∂b`` and an optimizer, which moves B alone."""
    net = cn.mlp([4, 3, 4], "tanh", seed=0, dtype=F64)
    rule = cn.rule("perturbed-feedback", deviation=1e-3)
    before, (b,) = [p.clone() for p in net.parameters()], rule.parameters(net)
    optimizer = torch.optim.SGD([b], lr=0.2)
    torch.manual_seed(0)
    for k in range(600):
        x = torch.randn(500, 4, dtype=F64)
        optimizer.param_groups[0]["lr"] = 0.2 / (1 + k / 20)
        rule.update(net, x, net(x).detach() + torch.randn(500, 4, dtype=F64), optimizer)
    assert gap(rule.feedback, net)["area1->output"] < 0.02
    assert all(torch.equal(a, p) for a, p in zip(before, net.parameters(), strict=True))
