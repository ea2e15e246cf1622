"""A network beside its circuit: changes by autograd, and of a circuit of every kind of link."""

import pytest
import torch

import corticalnet as cn
from corticalnet.columns.beside import joined, learned_changes, projections, recorded_changes
from corticalnet.compare import relative_error
from tests.networks import F64

RATE = 0.1


def sheets():
    areas = [cn.Area(cn.Convolution(2, 3, bias=True), "tanh"), cn.Area(cn.Dense(3, bias=True), "sigmoid")]
    return cn.Network((1, 5, 5), areas, 1, dtype=F64)


def lessons(net, trials=3):
    rng = torch.Generator().manual_seed(0)
    return torch.rand(trials, *net.input_shape, generator=rng, dtype=F64), torch.tensor([2, 0, 1])[:trials]


def test_changes_of_one_trial_after_another_by_autograd():
    net = sheets()
    x, y = lessons(net)
    found = learned_changes(net, cn.rule("backprop"), zip(x.split(1), y.split(1), strict=True), RATE)
    twin = sheets()
    optimizer = torch.optim.SGD(twin.parameters(), lr=RATE)
    for one, target in zip(x, torch.nn.functional.one_hot(y, 3).double(), strict=True):
        optimizer.zero_grad()
        (0.5 * (twin(one[None]) - target).square().sum()).backward()
        optimizer.step()
    assert list(found) == ["input->area1", "area1->output", "input->area1 bias", "area1->output bias"]
    for name, (_, after) in projections(twin).items():
        wanted = (after - projections(net)[name][1]).detach().numpy().ravel()
        assert relative_error(found[name], wanted) < 1e-12
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), sheets().parameters(), strict=True))


def test_a_rule_with_weights_of_its_own_stays_as_it_was():
    net, rule = cn.mlp([4, 3, 2], dtype=F64), cn.rule("kolen-pollack")
    x, y = lessons(net, 2)
    rule.learn(net, x, y % 2)
    before = {name: b.clone() for name, b in rule.state_dict().items()}
    assert joined(learned_changes(net, rule, [(x, y % 2)] * 2, RATE)).any()
    assert all(torch.equal(b, before[name]) for name, b in rule.state_dict().items())


@pytest.mark.parametrize("make", [sheets, lambda: cn.mlp([4, 5, 3], "tanh", dtype=F64)])
def test_a_circuit_beside_it(make):
    net, rule = make(), cn.rule("z-il")
    x, y = lessons(net, 1)
    circuit = cn.circuit(net, rule, RATE)
    shown = [cn.Present(x, circuit.needs.present), cn.Teach(y, circuit.needs.teach)]
    data = cn.simulate(circuit, shown, record="error", last=1)
    found, wanted = recorded_changes(data, net), learned_changes(net, rule, [(x, y)], RATE)
    assert list(found) == list(wanted)
    assert max(relative_error(found[name], change) for name, change in wanted.items()) < 1e-10
