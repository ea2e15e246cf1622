"""Segregated dendrites: the updates of the paper in NumPy, and their limit of small nudges."""

import numpy as np
import pytest
import torch
from scipy.special import expit as sigmoid

import corticalnet as cn
from corticalnet.errors import RuleError
from corticalnet.rules.dendrites.segregated_dendrites import PAPER

F64 = torch.float64


def network(sizes=(7, 6), seed=0):
    areas = [cn.Area(cn.Dense(n, bias=True, init=1.0), "sigmoid") for n in (*sizes, 3)]
    return cn.Network((4,), areas, seed, dtype=F64)


def task():
    rng = torch.Generator().manual_seed(1)
    return torch.randn(5, 4, generator=rng, dtype=F64), torch.tensor([0, 2, 1, 1, 0])


def by_the_paper(net, x, y, nudge, reversal=None, density=1.0):
    """p of every area, its plateaus and rates: λ_max = 1, and W holds k_B and k_D."""
    rule = cn.rule("direct-feedback-alignment", seed=3, density=density)
    down = [route.weights.numpy() for route in rule.feedback_routes(net)]
    rates, drives = [x.numpy()], []
    for link in net.links:
        drives.append(rates[-1] @ link.weight.detach().numpy().T + link.bias.detach().numpy())
        rates.append(sigmoid(drives[-1]))
    target = np.eye(3)[y]
    taught = rates[-1] + nudge * (target - rates[-1])
    if reversal:
        taught = sigmoid((1 - nudge) * drives[-1] + nudge * reversal * (2 * target - 1))
    gains = [sigmoid(c) * (1 - sigmoid(c)) for c in drives]
    free, now = ([sigmoid(out @ b) for b in down] for out in (rates[-1], taught))
    terms = [(t - f) * gain for t, f, gain in zip(now, free, gains, strict=False)]
    return [*terms, (taught - rates[-1]) * gains[-1]], free, rates, taught, down, gains


@pytest.mark.parametrize(
    ("how", "density"), [({"nudge": 0.7}, 1.0), (PAPER, 0.2)], ids=["moves rates", "by currents, sparse"]
)
def test_changes_are_those_of_the_paper(how, density):
    net, (x, y) = network(), task()
    terms, _, rates, *_ = by_the_paper(net, x, y, **how, density=density)
    cn.rule("segregated-dendrites", seed=3, density=density, **how).learn(net, x, y)
    for link, below, term in zip(net.links, rates, terms, strict=False):
        np.testing.assert_allclose(-link.weight.grad.numpy(), term.T @ below / 5, rtol=0, atol=1e-15)
        np.testing.assert_allclose(-link.bias.grad.numpy(), term.mean(0), rtol=0, atol=1e-15)


def test_to_first_order_it_is_direct_feedback_alignment_with_the_gain_of_the_apical_dendrite():
    net, (x, y) = network(), task()
    errors, nudges = [], np.array([1e-1, 1e-2, 1e-3, 1e-4])
    for nudge in nudges:
        _, free, rates, taught, down, gains = by_the_paper(net, x, y, nudge)
        cn.rule("segregated-dendrites", seed=3, nudge=nudge).learn(net, x, y)
        found, wanted = [], []
        for k, link in enumerate(net.links[:-1]):
            aligned = ((taught - rates[-1]) @ down[k]) * free[k] * (1 - free[k]) * gains[k]
            wanted.append((aligned.T @ rates[k] / 5).ravel())
            found.append(-link.weight.grad.numpy().ravel())
        found, wanted = np.concatenate(found), np.concatenate(wanted)
        errors.append(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))
    slope = np.polyfit(np.log(nudges), np.log(errors), 1)[0]
    assert abs(slope - 1) < 0.05
    assert errors[-1] < 1e-4


def test_a_sparse_direct_pathway_is_a_strengthened_part_of_the_full_one():
    net = network((40, 6))
    full, part = (
        cn.rule("direct-feedback-alignment", seed=3, density=d).feedback_routes(net)[0].weights
        for d in (1.0, 0.2)
    )
    there = part != 0
    assert there.sum() == round(0.2 * full.numel())
    torch.testing.assert_close(part[there], 5 * full[there], rtol=1e-15, atol=0)


def test_with_one_hidden_area_feedback_may_learn_by_the_product_of_its_two_columns():
    net, (x, y) = network((7,)), task()
    rule = cn.rule("segregated-dendrites", feedback=cn.Matching(seed=2))
    (name, down), up = next(iter(rule.named_parameters(net).items())), net.links[1].weight
    assert name == "feedback.area1->output"
    rule.learn(net, x, y)
    assert up.grad.abs().max() > 1e-3
    assert torch.equal(down.grad, up.grad)


def test_a_dendrite_that_would_hear_a_hidden_area_is_refused():
    net, (x, y) = network(), task()
    with pytest.raises(RuleError, match=r"'area1' would hear 'area2', .* choose feedback='direct'"):
        cn.rule("segregated-dendrites", feedback="random").learn(net, x, y)
