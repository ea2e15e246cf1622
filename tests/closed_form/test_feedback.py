"""Feedback pathways: which weights carry the signal, and the papers' formulas for it in NumPy."""

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.errors import RuleError

F64 = torch.float64
SIZES = [4, 7, 6, 3]


def network(seed=0, names=("low", "high"), sizes=(7, 6)):
    areas = [cn.Area(cn.Dense(n), "tanh", name) for n, name in zip(sizes, names, strict=True)]
    return cn.Network((4,), [*areas, cn.Area(cn.Dense(3), "linear", "out")], seed, dtype=F64)


def task(seed=0):
    torch.manual_seed(seed)
    return torch.randn(5, 4, dtype=F64), torch.randn(5, 3, dtype=F64)


def by_name(feedback, net):
    """B of every link by the link's name."""
    feedback.prepare(net)
    return {link.name: feedback.weights(link).detach().clone() for link in net.links}


def matrices(net):
    return [link.weight.detach().numpy() for link in net.links]


def sweep(weights, x):
    """Rates from the input up, and tanh' of the hidden drives."""
    rates, gains = [x.numpy()], []
    for w in weights[:-1]:
        rates.append(np.tanh(rates[-1] @ w.T))
        gains.append(1 - rates[-1] ** 2)
    return [*rates, rates[-1] @ weights[-1].T], gains


def check(net, rates, deltas):
    """Every link has learned −δᵀ h / batch."""
    for link, below, delta in zip(net.links, rates, deltas, strict=False):
        np.testing.assert_allclose(link.weight.grad.numpy(), -delta.T @ below / len(delta), atol=1e-14)


@pytest.mark.parametrize("feedback", [cn.Random(seed=3), cn.SignSymmetric(), cn.SignSymmetric("random")])
def test_feedback_alignment_formula(feedback):
    """δ_L = t − y;  δ_l = (δ_{l+1} B_{l+1}) ⊙ f'(a_l)."""
    net, (x, target) = network(), task()
    rates, gains = sweep(matrices(net), x)
    b = [m.numpy() for m in by_name(feedback, net).values()]
    out = target.numpy() - rates[-1]
    high = (out @ b[2]) * gains[1]
    low = (high @ b[1]) * gains[0]
    cn.rule("backprop", feedback=feedback).learn(net, x, target)
    check(net, rates, [low, high, out])


def test_direct_feedback_alignment_formula():
    """δ_l = (e B_l) ⊙ f'(a_l), B_l ∈ R^{outputs × columns}; it does not matter what lies between."""
    net, (x, target) = network(), task()
    feedback = cn.Direct(seed=3)
    feedback.prepare(net)
    rates, gains = sweep(matrices(net), x)
    out = target.numpy() - rates[-1]
    unit = [None, None, None, torch.eye(3, dtype=F64)]  # one output's error at a time shows B
    low, high = (feedback.into(net.wiring, node, unit).numpy() for node in (1, 2))
    assert (low.shape, high.shape) == ((3, 7), (3, 6))
    cn.rule("backprop", feedback=feedback).learn(net, x, target)
    check(net, rates, [(out @ low) * gains[0], (out @ high) * gains[1], out])


def test_direct_feedback_reaches_sheets_of_columns():
    area = cn.Area(cn.Convolution(2, 3), "tanh", pool=2)
    net = cn.Network((1, 6, 6), [area, cn.Area(cn.Dense(5), "linear")], dtype=F64)
    feedback = cn.Direct()
    feedback.prepare(net)
    error = torch.randn(4, 5, dtype=F64)
    signal = feedback.into(net.wiring, 1, [None, None, error])
    basis = feedback.into(net.wiring, 1, [None, None, torch.eye(5, dtype=F64)])
    assert signal.shape == (4, 2, 2, 2)
    np.testing.assert_allclose(signal, np.einsum("bn,nchw->bchw", error, basis), atol=1e-14)
    assert abs(basis.std().item() * 5**0.5 - 1) < 0.3  # s.d. 1/√outputs


@pytest.mark.parametrize("make", [cn.Random, lambda seed: cn.SignSymmetric("random", seed)])
def test_random_weights_are_fixed_seeded_and_drawn_by_name(make):
    net = network()
    feedback = make(7)
    first = by_name(feedback, net)
    x, target = task()
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    for _ in range(3):
        cn.rule("backprop", feedback=feedback).update(net, x, target, optimizer)
    fixed, same, other = by_name(feedback, net), by_name(make(7), network()), by_name(make(8), network())
    # an area more below: links of the same name keep their B (the link between the two is new)
    taller = by_name(make(7), network(names=("low", "mid", "high"), sizes=(7, 5, 6)))
    elsewhere = by_name(make(7), network(seed=1))  # the network's own seed
    for name, weights in first.items():
        magnitude = weights.abs()
        assert torch.equal(magnitude, fixed[name].abs())
        assert torch.equal(magnitude, same[name].abs())
        assert torch.equal(magnitude, elsewhere[name].abs())
        assert not torch.isclose(magnitude, other[name].abs()).any()
        if name in taller:
            assert torch.equal(magnitude, taller[name].abs())
    assert {"input->low", "high->out"} <= first.keys() & taller.keys()
    square = by_name(make(7), network(names=("one", "two", "three"), sizes=(4, 4, 4)))
    assert not torch.isclose(square["one->two"].abs(), square["two->three"].abs()).any()


def test_direct_weights_are_drawn_by_name():
    def carried(seed, net, node):
        feedback = cn.Direct(seed)
        feedback.prepare(net)
        errors = [None] * net.wiring.output + [torch.eye(3, dtype=F64)]
        return feedback.into(net.wiring, node, errors)

    taller = network(seed=5, names=("low", "mid", "high"), sizes=(7, 5, 6))
    assert torch.equal(carried(1, network(), 2), carried(1, taller, 3))
    assert not torch.equal(carried(1, network(), 2), carried(2, network(), 2))


def test_direct_feedback_is_random_feedback_along_other_links():
    net, (direct, random) = network(), (cn.Direct(7), cn.Random(7, direct=True))
    for feedback in (direct, random):
        feedback.prepare(net)
    errors = [None, None, None, torch.eye(3, dtype=F64)]
    for node in (1, 2):
        assert torch.equal(*(f.into(net.wiring, node, errors) for f in (direct, random)))


def test_feedback_does_not_copy_the_networks_weights():
    """Same seed for both: B and W still come from different streams."""
    net = network(seed=1)
    for link, b in zip(net.links, by_name(cn.Random(seed=1, init="glorot"), net).values(), strict=True):
        cosine = torch.cosine_similarity(link.weight.flatten(), b.flatten(), 0)
        assert abs(cosine) < 0.5
        assert b.data_ptr() != link.weight.data_ptr()


def test_random_schemes():
    net = cn.mlp([400, 300, 10], dtype=F64)
    for init, deviation in (("he", (2 / 400) ** 0.5), ("lecun", 400**-0.5), (0.03, 0.03)):
        b = by_name(cn.Random(init=init), net)["input->area1"]
        assert abs(b.std().item() / deviation - 1) < 0.01


def test_sign_symmetric_signs_follow_and_magnitudes_stay():
    net = network()
    uniform, random = cn.SignSymmetric(), cn.SignSymmetric("random", seed=4)
    drawn = by_name(cn.Random(seed=4), net)
    for turn in (1.0, -1.0):
        with torch.no_grad():
            for link in net.links:
                link.weight.mul_(turn)
        for link in net.links:
            sign = torch.where(link.weight > 0, 1.0, -1.0).to(F64)
            fan_in = link.weight.shape[1]
            uniform.prepare(net)
            random.prepare(net)
            assert torch.allclose(uniform.weights(link), sign * (2 / fan_in) ** 0.5, atol=1e-15)
            assert torch.equal(random.weights(link), sign * drawn[link.name].abs())


def test_random_feedback_through_kernels():
    """B has the shape of a kernel and carries the signal as W would."""
    net = cn.Network((1, 6, 6), [cn.Area(cn.Convolution(2, 3)), cn.Area(cn.Convolution(3, 3))], dtype=F64)
    feedback = cn.Random()
    b = by_name(feedback, net)["area1->output"]
    assert b.shape == (3, 2, 3, 3)
    error = torch.randn(4, 3, 2, 2, dtype=F64)
    wanted = torch.nn.functional.conv_transpose2d(error, b)
    torch.testing.assert_close(feedback.into(net.wiring, 1, [None, None, error]), wanted)


@pytest.mark.parametrize("feedback", ["random", "sign-symmetric", "direct"])
def test_pathways_follow_a_network_to_another_precision(feedback):
    """The same numbers as drawn for that precision at once."""
    net, (x, target) = network().float(), task()
    rule = cn.rule("backprop", feedback=feedback)
    rule.learn(net, x, target)
    net.double()
    step = rule.learn(net, x, target)
    found = [p.grad.clone() for p in net.parameters()]
    cn.rule("backprop", feedback=feedback).learn(net, x, target)
    assert step.rates.dtype == F64
    assert all(torch.equal(g, p.grad) for g, p in zip(found, net.parameters(), strict=True))


@pytest.mark.parametrize("name", ["z-il", "il", "ipc", "fa-z-il", "streaming-fa-z-il"])
def test_direct_feedback_is_refused_where_errors_come_link_by_link(name):
    with pytest.raises(RuleError) as caught:
        cn.rule(name, feedback="direct")
    message = str(caught.value)
    assert "needs feedback that comes down link by link, which Direct does not" in message
    assert "choose another feedback or trigger" in message
    assert "\n" not in message


def test_unknown_pathways_are_told():
    with pytest.raises(RuleError, match="unknown feedback pathway 'rnadom'; did you mean 'random'"):
        cn.rule("backprop", feedback="rnadom")
    with pytest.raises(RuleError, match=r"unknown magnitude 'big'\. Choices: uniform, random"):
        cn.SignSymmetric("big")
