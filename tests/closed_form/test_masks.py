"""Sparse links: what is not there is 0 for good, and the rest is the dense network times the mask."""

import copy
import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

import corticalnet as cn
from corticalnet.errors import NetworkError, RuleError
from tests.networks import CLASSES, F64, SHAPE, autograd, batch, distance, learned, squared

KINDS = {
    "dense": lambda **mask: cn.Dense(11, bias=True, **mask),
    "convolution": lambda **mask: cn.Convolution(3, 3, padding="same", stride=2, bias=True, **mask),
    "local": lambda **mask: cn.Local(3, 3, padding="same", stride=2, bias=True, **mask),
}


def sparse(kind="dense", density=0.4, seed=0):
    areas = [
        cn.Area(KINDS[kind](density=density), "tanh", "low"),
        cn.Area(cn.Dense(8, density=density), "tanh"),
        cn.Area([cn.Dense(CLASSES, density=density), cn.Dense(CLASSES, "low", density=density)], "linear"),
    ]
    return cn.Network(SHAPE, areas, seed, dtype=F64)


def without_masks(net, kind):
    """The same network where absent synapses are there, at weights other than 0, but for ``times_mask``."""
    twin = cn.Network(SHAPE, [
        cn.Area(KINDS[kind](), "tanh", "low"),
        cn.Area(cn.Dense(8), "tanh"),
        cn.Area([cn.Dense(CLASSES), cn.Dense(CLASSES, "low")], "linear"),
    ], dtype=F64)  # fmt: skip
    for own, link in zip(twin.links, net.links, strict=True):
        own.weight.data = torch.where(link.mask, link.weight.data, 7.0)
    return twin


def times_mask(twin, net):
    """Let autograd see weight × mask."""
    for own, link in zip(twin.links, net.links, strict=True):
        nn.utils.parametrize.register_parametrization(own, "weight", Times(link.mask))
    return twin


class Times(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.mask = mask.double()

    def forward(self, weight):
        return weight * self.mask


@pytest.mark.parametrize("rule", ["backprop", "z-il", "streaming-fa-z-il"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_weight_times_mask(kind, rule):
    net, (x, y) = sparse(kind), batch()
    twin = times_mask(without_masks(net, kind), net)
    squared(twin(x), y).backward()
    torch.testing.assert_close(net(x), twin(x), rtol=1e-12, atol=1e-12)
    found = learned(net, cn.rule(rule), x, y)
    assert distance(found, autograd(net, squared, x, y)) < 1e-12
    for link, own in zip(net.links, twin.links, strict=True):
        there = own.parametrizations.weight.original.grad
        mine = dict(zip(map(id, net.parameters()), found, strict=True))[id(link.weight)]
        torch.testing.assert_close(mine, there, rtol=1e-11, atol=1e-13)
        assert (mine[~link.mask] == 0).all()


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05, weight_decay=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.05),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("rule", cn.list_rules())
def test_absent_synapses_stay_at_zero_and_all_others_learn(rule, optimizer):
    net, made, (x, y) = sparse("local"), cn.rule(rule), batch()
    moves = OPTIMIZERS[optimizer]([*net.parameters(), *made.parameters(net)])
    before = copy.deepcopy(net.state_dict())
    for _ in range(3):
        made.update(net, x, y, moves)
    for link in net.links:
        assert (link.weight[~link.mask] == 0).all()
    moved = {n: (p != before[n]).double().mean() for n, p in net.named_parameters() if "weight" in n}
    assert all(0.1 < share <= 0.41 for share in moved.values())
    for link, b in ((route.link, route.weights) for route in made.feedback_routes(net)):
        if link in net.links:
            assert (b[~link.mask] == 0).all()
            assert (b[link.mask] != 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_feedback_comes_along_the_synapses_that_there_are(kind):
    link = KINDS[kind](density=0.3)
    link.build(SHAPE, 0, "a->b", False, F64)
    signal, weights = torch.randn(2, *link.target_shape, dtype=F64), torch.randn_like(link.weight)
    full = KINDS[kind]()
    full.build(SHAPE, 0, "a->b", False, F64)
    wanted = full.feedback(signal, weights * link.mask)
    torch.testing.assert_close(link.feedback(signal, weights), wanted, rtol=1e-13, atol=1e-13)


def test_kolen_pollack_brings_pairs_together_where_there_are_synapses():
    net, rule, (x, y) = sparse(), cn.rule("kolen-pollack", decay=0.5), batch()
    optimizer = torch.optim.SGD([*net.parameters(), *rule.parameters(net)], lr=0.1)
    link = net.links[1]
    gap = (link.weight - rule.feedback.weights(link)).detach().clone()
    for _ in range(4):
        rule.update(net, x, y, optimizer)
    left = (link.weight - rule.feedback.weights(link)).detach()
    torch.testing.assert_close(left, 0.95**4 * gap, rtol=1e-9, atol=1e-12)


# Which synapses there are -------------------------------------------------------------------------
def test_a_density_draws_as_many_synapses_by_name_and_seed():
    one, again, other = sparse(seed=1), sparse(seed=1), sparse(seed=2)
    assert [link.weights for link in one.links] == [round(0.4 * link.weight.numel()) for link in one.links]
    assert all(torch.equal(a.mask, b.mask) for a, b in zip(one.links, again.links, strict=True))
    assert not any(torch.equal(a.mask, b.mask) for a, b in zip(one.links, other.links, strict=True))
    a, b = one.links[2], cn.Network((8,), [cn.Area(cn.Dense(CLASSES, density=0.4))], 1, dtype=F64).links[0]
    assert a.mask.shape == b.mask.shape
    assert not torch.equal(a.mask, b.mask)  # (another name)
    assert cn.Network((8,), [cn.Area(cn.Dense(3, density=1e-9))]).links[0].weights == 1


def test_drives_keep_their_spread_whatever_the_density():
    """He's scheme counts the synapses that there are: ReLU columns of unit input drive to 2."""
    x = torch.randn(200, 1000, dtype=F64)
    for density in (None, 0.05):
        link = cn.Network((1000,), [cn.Area(cn.Dense(400, density=density), "relu")], dtype=F64).links[0]
        assert link.drive(x).var().item() == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize("make", [lambda m: m, np.asarray, lambda m: m.tolist(), lambda m: m.double()])
def test_a_mask_is_any_array_of_true_and_false(make):
    mask = torch.tensor([[1, 0, 1], [0, 1, 1]]).bool()
    net = cn.Network((3,), [cn.Area(cn.Dense(2, mask=make(mask)), "linear")])
    assert torch.equal(net.links[0].mask, mask)
    assert torch.equal(net.links[0].weight != 0, mask)


def test_a_full_mask_changes_nothing():
    plain, full = (cn.mlp([6, 5, 3], seed=3) for _ in range(2))
    full = cn.Network((6,), [cn.Area(cn.Dense(5, density=1.0), "sigmoid"), cn.Area(cn.Dense(3), "linear")], 3)
    assert torch.equal(plain(torch.ones(1, 6)), full(torch.ones(1, 6)))


def test_printing_counts_the_synapses_that_there_are():
    lines = str(sparse("convolution")).splitlines()
    assert "convolution 3×3/2×2 at density 0.41 + bias from input" in lines[2]
    assert lines[2].split()[-1] == str(22 * 25)  # 0.4 of 54 weights, at 25 places
    assert lines[-1].startswith(f"{550 + 240 + 16 + 150:,} synapses, {22 + 3 + 240 + 16 + 150} learned")


def test_masks_survive_precision_devices_copies_and_states():
    net = sparse()
    twin = sparse(seed=5)
    twin.load_state_dict(net.state_dict())
    x, _ = batch()
    assert torch.equal(net(x), twin(x))
    short = copy.deepcopy(net).half().to(torch.float32)
    assert all(torch.equal(a.mask, b.mask) for a, b in zip(short.links, net.links, strict=True))
    assert short.links[0].mask.dtype is torch.bool


def test_weights_that_somebody_puts_where_there_is_no_synapse_do_nothing():
    net, (x, y) = sparse(), batch()
    before, wanted = net(x), learned(net, cn.rule("backprop"), x, y)
    with torch.no_grad():
        for link in net.links:
            link.weight[~link.mask] = 5.0
    assert torch.equal(net(x), before)
    assert distance(learned(net, cn.rule("backprop"), x, y), wanted) == 0


@pytest.mark.parametrize("how", ["mask", "torch", "global"])
def test_a_network_that_has_learned_can_be_pruned(how):
    net, (x, y) = cn.mlp([162, 9, CLASSES], "tanh", dtype=F64), batch()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    cn.rule("backprop").update(net, x, y, optimizer)
    if how == "mask":
        for link in net.links:
            link.prune(link.weight.abs() > link.weight.abs().median())
    elif how == "torch":
        for link, _ in itertools.product(net.links, range(2)):
            prune.l1_unstructured(link, "weight", 0.3)
    else:
        prune.global_unstructured([(k, "weight") for k in net.links], prune.L1Unstructured, amount=0.5)
    if how != "mask":
        for link in net.links:
            link.prune()
    shares = [link.weights / link.weight.numel() for link in net.links]
    assert sum(link.weights for link in net.links) == pytest.approx(0.5 * 1503, abs=30)
    masked = {link.name: link.weight.detach().clone() for link in net.links}
    rule = cn.rule("backprop")
    gradients = learned(net, rule, x, y)
    assert distance(gradients, autograd(net, squared, x, y)) < 1e-12
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    rule.update(net, x, y, optimizer)
    for link in net.links:
        assert (link.weight[~link.mask] == 0).all()
        assert (link.weight != masked[link.name])[link.mask].double().mean() > 0.5
    link = net.links[0]
    link.prune(torch.arange(162).expand(9, 162) % 2 == 0)  # what is gone stays gone
    assert link.weights < shares[0] * link.weight.numel()


def test_recurrent_columns_can_be_sparse():
    net = cn.Recurrent(2, 6, 3, seed=1, dtype=F64)
    itself = net.hidden.arriving[1]
    itself.prune(torch.rand(6, 6, generator=torch.Generator().manual_seed(0)) < 0.4)
    x, y = torch.rand(4, 5, 2, dtype=F64), torch.rand(4, 5, 3, dtype=F64)
    cn.ThroughTime(cn.rule("backprop")).learn(net, x, y)
    found = [p.grad.clone() for p in net.parameters()]
    wanted = torch.autograd.grad(0.5 * (net(x) - y).square().sum() / 4, list(net.parameters()))
    assert distance(found, wanted) < 1e-12
    assert (itself.weight.grad[~itself.mask] == 0).all()
    assert itself.weight.grad.abs().sum() > 0


MISTAKES = {
    "both": (lambda: cn.Dense(3, mask=[[1]], density=0.5), ["a mask or a density"]),
    "no density": (lambda: cn.Dense(3, density=0.0), ["density", "(0, 1]", "0.0"]),
    "too dense": (lambda: cn.Local(3, density=1.5), ["Local: density", "(0, 1]", "1.5"]),
    "not a number": (lambda: cn.Convolution(3, density=float("nan")), ["density", "nan"]),
    "other numbers": (lambda: cn.Dense(2, mask=[[0.5, 1.0]]), ["true and false"]),
    "ragged": (lambda: cn.Dense(2, mask=[[1], [1, 0]]), ["Dense", "array of true and false"]),
    "words": (lambda: cn.Dense(2, mask="half"), ["array of true and false", "half"]),
    "nothing left": (lambda: cn.Dense(2, mask=[[0, 0]]), ["leaves no synapse"]),
    "shape": (
        lambda: cn.Network((3,), [cn.Area(cn.Dense(2, mask=[[1, 0]]))]),
        ["'output'", "(1, 2)", "(2, 3)"],
    ),
    "nothing to prune by": (lambda: cn.mlp([3, 2]).links[0].prune(), ["'input->output'", "give a mask"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(mistake):
    make, words = MISTAKES[mistake]
    with pytest.raises(NetworkError) as caught:
        make()
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_least_squares_refuses_masks():
    x, y = batch()
    with pytest.raises(RuleError, match=r"links with a mask \(low->area2, low->output.1\).*fit='gradient'"):
        cn.rule("backprop", feedback=cn.Perturbed(fit="least squares")).learn(sparse(), x, y)
