"""Copies of networks that tell what passes through them: the same networks in all else."""

import copy

import pytest
import torch

import corticalnet as cn
from corticalnet.analysis import passes
from corticalnet.network.observed import with_links, with_sweeps
from tests.networks import F64, batch, sheets, skipping


@pytest.mark.parametrize("make", [skipping, sheets])
def test_an_observed_network_learns_what_the_network_learns_and_tells_of_it(make):
    net, (x, y) = make(), batch(2)
    plain, told, swept = copy.deepcopy(net), [], []
    cn.rule("backprop").learn(plain, x, y)
    observed = with_links(net, lambda link, operation, arrived, result: told.append((link.name, operation)))
    cn.rule("backprop").learn(observed, x, y)
    names = {link.name for link in net.links}
    hidden = {link.name for node in range(1, net.wiring.output) for _, link in net.wiring.leaving[node]}
    once = [(n, o) for o in ("drive", "hebbian") for n in names] + [(n, "feedback") for n in hidden]
    assert sorted(told) == sorted(once)
    sweeping = with_sweeps(net, lambda activity, wiring: swept.append((activity, wiring)))
    cn.rule("z-il", simulate=True).learn(sweeping, x, y)
    sweeping(x), sweeping.sweep(x), sweeping.wiring.forward(x)
    assert [wiring for _, wiring in swept] == [sweeping.levelled(), *[sweeping.wiring] * 3]
    assert torch.equal(swept[-1][0].rates[-1], net(x))
    for other in (observed, sweeping):
        found = dict(other.named_parameters())
        for name, p in plain.named_parameters():
            torch.testing.assert_close(found[name].grad, p.grad, rtol=0, atol=1e-12)
            assert torch.equal(found[name], p)


def test_the_network_itself_tells_nothing_and_is_not_changed():
    net, told = skipping(), []
    before = {name: dict(vars(part)) for name, part in net.named_modules()}
    observed = with_links(with_sweeps(net, lambda *_: told.append("swept")), lambda *_: told.append("link"))
    net(batch(1)[0])
    assert not told
    assert before == {name: dict(vars(part)) for name, part in net.named_modules()}
    assert str(observed) == str(net)
    assert not {p.data_ptr() for p in observed.parameters()} & {p.data_ptr() for p in net.parameters()}


def test_weights_that_links_share_stay_shared():
    net = cn.mlp([3, 3, 3, 2], dtype=F64)
    net.links[1].weight = net.links[0].weight
    first, second, _ = with_links(net, lambda *_: None).links
    assert first.weight is second.weight
    assert isinstance(first, cn.Dense)


def test_synapses_of_a_rule_itself_are_counted_with_those_of_the_network():
    """Straight from 2 outputs to 5 and 4 columns: 18 of the network's 15 + 20 + 8 synapses."""
    net, (x, y) = cn.mlp([3, 5, 4, 2], seed=0), (torch.rand(6, 3), torch.randint(2, (6,)))
    rule = cn.rule("direct-feedback-alignment")
    assert passes(net, rule, x, y) == pytest.approx((1.0, 18 / 43, 1.0))
    assert passes(net, cn.rule("backprop"), x, y) == pytest.approx((1.0, 28 / 43, 1.0))
    rule.learn(net, x, y)  # a rule that has met the network before is counted alike
    assert passes(net, rule, x, y) == pytest.approx((1.0, 18 / 43, 1.0))
