"""Bursts and deep feedback control against backprop, loops written from the papers, and linear algebra."""

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.errors import RuleError
from tests.networks import F64, batch, dense, distance, learned, sheets

SIZES = (7, 11, 9, 8, 5)


def columns(kind="sigmoid", output="sigmoid", sizes=SIZES):
    """Three hidden areas and an output, with inputs and its own answers."""
    kinds = [*[kind] * (len(sizes) - 2), output]
    areas = [cn.Area(cn.Dense(n, bias=True, init="glorot"), f) for n, f in zip(sizes[1:], kinds, strict=True)]
    net = cn.Network(sizes[:1], areas, 0, dtype=F64)
    x = torch.rand(6, sizes[0], generator=torch.Generator().manual_seed(0), dtype=F64)
    return net, x, net(x).detach()


def targets(answers, size):
    rng = torch.Generator().manual_seed(1)
    return answers + size * torch.randn(answers.shape, generator=rng, dtype=F64)


def slope(errors, sizes):
    return np.polyfit(np.log(sizes), np.log(errors), 1)[0]


@pytest.mark.parametrize("name", ["burstprop", "burstccn"])
def test_the_output_learns_by_backprop_times_the_chance_of_a_burst(name):
    net, x, y = columns()
    t, p = targets(y, 1.0), 0.3
    found = learned(net, cn.rule(name, baseline=p), x, t)[-2:]
    assert distance(found, [p * g for g in learned(net, cn.rule("backprop"), x, t)[-2:]]) < 1e-14


@pytest.mark.parametrize(("baseline", "order"), [(0.5, 2), (0.2, 1)])
@pytest.mark.parametrize("feedback", ["tied", "random"])
def test_burstccn_becomes_backprop_through_its_pathway_as_errors_become_small(feedback, baseline, order):
    net, x, y = columns()
    sizes, errors = (1e-1, 1e-2, 1e-3), []
    for h in sizes:
        t = targets(y, h)
        wanted = [baseline * g for g in learned(net, cn.rule("backprop", feedback=feedback), x, t)]
        found = learned(net, cn.rule("burstccn", feedback=feedback, baseline=baseline), x, t)
        errors.append(distance(found, wanted))
    assert slope(errors, sizes) == pytest.approx(order, abs=0.05)
    assert errors[-1] < (1e-7 if order == 2 else 1e-3)


def by_hand(net, x, t, ways, baseline, beta):
    """Weight changes of Burstprop linearised at the state without a teacher, in NumPy."""

    def sigma(z):
        return 1 / (1 + np.exp(-z))

    e, below = [x.numpy()], []
    for link in net.links:
        below.append(e[-1])
        e.append(sigma(e[-1] @ link.weight.detach().numpy().T + link.bias.detach().numpy()))
    bursts, post = baseline * e[-1], baseline * (t.numpy() - e[-1]) * e[-1] * (1 - e[-1])
    found = []
    for k in range(len(net.links) - 1, -1, -1):
        found.insert(0, torch.tensor(-post.T @ below[k] / len(x)))
        if k:
            events, way = e[k], ways[k].numpy()
            chance = sigma(beta * (1 - events) * (bursts @ way))
            post = beta * chance * (1 - chance) * events * (1 - events) * (post @ way)
            bursts = chance * events
    return found


def test_burstprop_is_its_closed_form_as_errors_become_small():
    net, x, y = columns()
    rule = cn.rule("burstprop")
    ways = {net.links.index(r.link): r.weights.detach() for r in rule.feedback_routes(net)}
    sizes, errors = (1e-1, 1e-2, 1e-3), []
    for h in sizes:
        t = targets(y, h)
        errors.append(distance(learned(net, rule, x, t)[::2], by_hand(net, x, t, ways, 0.2, 4.0)))
    assert slope(errors, sizes) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("name", ["burstprop", "burstccn"])
@pytest.mark.parametrize("baseline", [0.2, 0.5])
def test_nothing_at_all_is_learned_without_a_teacher(name, baseline):
    net, x, y = columns()
    assert all((g == 0).all() for g in learned(net, cn.rule(name, baseline=baseline), x, y))


def test_y_may_learn_and_q_goes_with_it():
    """By Kolen–Pollack, Y takes what W takes; bursts are still those of a Q that is p_b Y."""
    net, x, y = columns()
    rule = cn.rule("burstccn", feedback="kolen-pollack")
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    for _ in range(3):
        rule.update(net, x, targets(y, 0.5), optimizer)
    again = net(x).detach()
    rule.decay = 0.0
    assert all((g == 0).all() for g in learned(net, rule, x, again))
    t = targets(again, 1e-3)
    twin = cn.rule("backprop", feedback=rule.feedback)
    assert distance(learned(net, rule, x, t), [0.5 * g for g in learned(net, twin, x, t)]) < 1e-6


def test_one_phase_takes_one_sweep_up_and_two_down():
    net, (x, y) = dense("sigmoid"), batch()
    whole = sum(link.synapses for link in net.links)
    down = 2 * sum(link.synapses for link in net.links[1:]) / whole
    for name in ("burstccn", "burstprop"):
        counted = cn.analysis.passes(net, cn.rule(name), x, y)
        assert (counted.up, counted.learning) == (1, 1)
        assert counted.down == pytest.approx(down)


# Deep feedback control ----------------------------------------------------------------------------
def jacobians(net, x):
    """∂output/∂drive of every area for one sample, by autograd, ``[outputs, columns]``."""
    pushes = [torch.zeros(1, n, dtype=F64) for n in SIZES[1:]]

    def answer(*pushes):
        rates = [x]
        for (node, area), push in zip(net.wiring.above_input, pushes, strict=True):
            rates.append(area.forward(net.wiring.drive(node, rates) + push)[0])
        return rates[-1][0]

    return [j[:, 0] for j in torch.autograd.functional.jacobian(answer, tuple(pushes))]


def controlled(net, x, t, q, **settings):
    """What the rule learns from one sample, with these Q, and the rule."""
    rule = cn.rule("deep-feedback-control", contrasts="potentials", **settings)
    for own, new in zip(rule.named_parameters(net).values(), q, strict=True):
        own.data.copy_(new)
    return learned(net, rule, x, t), rule


def test_the_controller_rests_where_linear_algebra_says():
    """Biases learn −u Q / α, with u = δ (Σ Q J + κ)⁻¹."""
    net, x, y = columns("tanh", "linear")
    x, t = x[:1], targets(y, 1.0)[:1]
    js = jacobians(net, x)
    rng = torch.Generator().manual_seed(2)
    q = [j + 0.1 * torch.randn(j.shape, generator=rng, dtype=F64) for j in js]
    response = sum(a @ j.T for a, j in zip(q, js, strict=True)) + 0.1 * torch.eye(5, dtype=F64)
    u = torch.linalg.solve(response.T, (t - y[:1])[0])
    found, rule = controlled(net, x, t, q, leak=0.1)
    assert distance(found[1::2], [-u @ a for a in q]) < 1e-13
    assert rule.learn(net, x, t).details.stable


def test_with_the_jacobian_for_q_it_is_the_gauss_newton_step():
    net, x, y = columns("tanh", "linear")
    x, t = x[:1], targets(y, 1.0)[:1]
    js = jacobians(net, x)
    step = torch.linalg.pinv(torch.cat(js, 1)) @ (t - y[:1])[0]
    found, _ = controlled(net, x, t, js, leak=0.0)
    assert distance(found[1::2], [-part for part in step.split([len(j.T) for j in js])]) < 1e-13


def test_with_a_leak_without_bound_it_is_backprop():
    net, x, y = columns("tanh", "linear")
    x, t = x[:1], targets(y, 1.0)[:1]
    js, wanted = jacobians(net, x), learned(net, cn.rule("backprop"), x, t)
    leaks = (1e3, 1e4, 1e5)
    errors = [distance([k * g for g in controlled(net, x, t, js, leak=k)[0]], wanted) for k in leaks]
    assert slope(errors, leaks) == pytest.approx(-1, abs=0.05)


def test_the_first_order_is_the_rest_as_alpha_becomes_small():
    net, x, y = columns("tanh", "linear")
    t, alphas, errors = targets(y, 1.0), (1e-1, 1e-2, 1e-3), []
    for alpha in alphas:
        first = cn.rule("deep-feedback-control", alpha=alpha)
        rest = cn.rule("deep-feedback-control", alpha=alpha, settle="rest")
        errors.append(distance(learned(net, first, x, t), learned(net, rest, x, t)))
        settled = rest.learn(net, x, t).details.settled
        assert settled.residual < 1e-13
        assert settled.steps > 1
    assert slope(errors, alphas) == pytest.approx(1, abs=0.05)


def test_q_begins_as_the_products_of_the_weights_and_learns_the_jacobian_from_noise():
    net, x, _ = columns("tanh", "linear")
    rule = cn.rule("deep-feedback-control", control="noise", sigma=1e-3)
    q = rule.named_parameters(net)["control.output->area2"]
    w = [link.weight for link in net.links]
    assert torch.allclose(q, w[3] @ w[2], rtol=0, atol=1e-14)
    wanted, many = jacobians(net, x[:1])[1], x[:1].expand(40_000, -1)
    torch.manual_seed(0)
    rule.learn(net, many, net(many).detach())
    far = ((q - q.grad) - wanted).norm() / wanted.norm()
    assert far < 0.05, "about √(columns / samples)"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"teaching": "reward"}, "controlled towards a Teacher's target"),
        ({"control": "random"}, "unknown deep feedback control: control 'random'"),
    ],
)
def test_what_controls_nothing_is_refused(settings, words):
    with pytest.raises(RuleError, match=words):
        cn.rule("deep-feedback-control", **settings)


def test_an_output_that_nothing_moves_has_no_controller():
    net, x, _ = columns("tanh", "linear")
    with torch.no_grad():
        net.links[-1].weight.zero_()
    rule = cn.rule("deep-feedback-control", leak=0.0)
    for q in rule.named_parameters(net).values():
        q.data.zero_()
    with pytest.raises(RuleError, match="no steady state"):
        rule.learn(net, x, net(x).detach() + 1)


def test_a_chance_of_bursts_lies_below_1():
    with pytest.raises(RuleError, match="chance of bursts between 0 and 1"):
        cn.rule("burstccn", baseline=1.0)


@pytest.mark.parametrize("name", ["burstprop", "burstccn", "deep-feedback-control"])
def test_sheets_pools_and_kernels_learn_too(name):
    net, (x, y) = sheets("sigmoid", cn.Local), batch(3)
    found = learned(net, cn.rule(name, **({"feedback": "tied"} if "burst" in name else {})), x, y)
    wanted = learned(net, cn.rule("backprop"), x, y)
    assert all(
        torch.cosine_similarity(a.flatten(), b.flatten(), 0) > 0.3 for a, b in zip(found, wanted, strict=True)
    )
