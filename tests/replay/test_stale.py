"""No update is replayed that would not be the eager one any more: whatever is changed between updates."""

import copy
import re

import pytest
import torch

import corticalnet as cn
from corticalnet.errors import NetworkError, ShapeError
from tests.contracts.test_replay import programs
from tests.networks import F64


def setting():
    areas = [
        cn.Area(cn.Dense(6, bias=True, bounds=cn.Bounds(-2, 2)), "tanh", dropout=0.3),
        cn.Area(cn.Dense(4, density=0.8), "tanh", homeostasis="slow"),
        cn.Area(cn.Dense(3), "linear"),
    ]
    net = cn.Network((5,), areas, dtype=F64)
    return net, cn.rule("z-il", feedback="random"), torch.optim.SGD(net.parameters(), lr=0.1)


def batch(size=4):
    return torch.rand(size, 5, dtype=F64), torch.randint(0, 3, (size,))


def other_weight(net, rule, optimizer):
    net.links[0].weight.data = net.links[0].weight.data.clone() + 1


def other_parameter(net, rule, optimizer):
    net.links[1].weight = torch.nn.Parameter(net.links[1].weight.data + 1)
    optimizer.param_groups[0]["params"] = list(net.parameters())


def other_mask(net, rule, optimizer):
    net.links[1].prune(torch.arange(24).view(4, 6) % 3 > 0)


def other_limits(net, rule, optimizer):
    net.links[0].low.fill_(-0.1)


def other_feedback(net, rule, optimizer):
    rule.feedback._weights[net.links[1].name] = net.links[1].weight.data + 1


def added_parameter(net, rule, optimizer):
    net.links[2].bias = torch.nn.Parameter(torch.ones(3, dtype=F64))


def replaced_method(net, rule, optimizer):
    net.links[2].drive = lambda rates: 2 * torch.nn.functional.linear(rates, net.links[2].weight)


#: What may be done between two updates.
CHANGES = {
    "rate": lambda net, rule, optimizer: optimizer.param_groups[0].update(lr=0.3),
    "decay": lambda net, rule, optimizer: optimizer.param_groups[0].update(weight_decay=0.3),
    "momentum": lambda net, rule, optimizer: optimizer.param_groups[0].update(momentum=0.9),
    "mode": lambda net, rule, optimizer: net.eval(),
    "mode of a part": lambda net, rule, optimizer: net.areas["area1"].stages.eval(),
    "frozen": lambda net, rule, optimizer: net.links[1].weight.requires_grad_(False),
    "numbers of a weight": lambda net, rule, optimizer: net.links[1].weight.data.mul_(2),
    "place of a weight": other_weight,
    "weight": other_parameter,
    "mask": other_mask,
    "limits": other_limits,
    "rate of the trigger": lambda net, rule, optimizer: setattr(rule.trigger, "rate", 0.5),
    "trigger": lambda net, rule, optimizer: setattr(rule, "trigger", cn.IL(steps=3)),
    "teacher": lambda net, rule, optimizer: setattr(rule, "teaching", cn.Teacher("cross-entropy")),
    "feedback": other_feedback,
    "dropout": lambda net, rule, optimizer: setattr(net.areas["area1"].sequence[-1], "p", 0.9),
    "bias": added_parameter,
    "method": replaced_method,
    "grouping": lambda net, rule, optimizer: optimizer.param_groups[0]["params"].pop(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_between_updates_is_noticed(change):
    shown = [batch() for _ in range(9)]

    def run():
        net, rule, optimizer = setting()
        torch.manual_seed(1)
        for k, (x, y) in enumerate(shown):
            if k == 4:
                CHANGES[change](net, rule, optimizer)
            rule.update(net, x, y, optimizer)
        return net, rule

    with cn.eager():
        wanted, _ = run()
    found, rule = run()
    assert len(programs(rule)) >= (change != "method")
    for a, b in zip(found.state_dict().values(), wanted.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_other_shapes_and_kinds_of_targets_have_recordings_of_their_own():
    net, rule, optimizer = setting()
    for size in (4, 4, 4, 2, 2, 4, 2, 2):
        rule.update(net, *batch(size), optimizer)
    assert len(programs(rule)) == 2
    vectors = torch.rand(4, 3, dtype=F64)
    for _ in range(3):
        rule.update(net, batch()[0], vectors, optimizer)
    assert len(programs(rule)) == 3


def test_a_result_stays_what_it_was():
    net, rule, optimizer = setting()
    steps, copies = [], []
    for _ in range(6):
        steps.append(rule.update(net, *batch(), optimizer))
        copies.append((steps[-1].rates.clone(), steps[-1].loss.clone(), steps[-1].prediction.clone()))
    for step, (rates, loss, prediction) in zip(steps, copies, strict=True):
        assert torch.equal(step.rates, rates)
        assert torch.equal(step.loss, loss)
        assert torch.equal(step.prediction, prediction)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (torch.full((4, 5), float("nan"), dtype=F64), [0, 1, 2, 0], "not finite"),
        (torch.rand(4, 6, dtype=F64), [0, 1, 2, 0], "takes (batch, 5)"),
        (torch.rand(4, 5, dtype=F64), torch.tensor([0, 1, 3, 0]), "label 3 is out of range"),
        (torch.rand(4, 5, dtype=F64), torch.tensor([0, 1, 2]), "must be whole numbers of shape (4,)"),
        (torch.rand(4, 5, dtype=F64), torch.full((4, 3), float("inf"), dtype=F64), "targets has numbers"),
    ],
)
@pytest.mark.parametrize("name", ["z-il", "brainprop"])
def test_what_does_not_fit_is_refused_as_before(name, x, y, words):
    net, rule = cn.mlp([5, 4, 3], dtype=F64), cn.rule(name)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(4):
        rule.update(net, *batch(), optimizer)
    assert programs(rule)
    before = copy.deepcopy(net.state_dict())
    with pytest.raises(ShapeError, match=re.escape(words)):
        rule.update(net, x, y, optimizer)
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())


def test_a_hook_on_a_weight_is_refused_as_before():
    net, rule, optimizer = setting()
    for _ in range(4):
        rule.update(net, *batch(), optimizer)
    net.links[0].weight.register_hook(lambda gradient: gradient)
    with pytest.raises(NetworkError, match="hook"):
        rule.update(net, *batch(), optimizer)


def test_schedules_and_hooks_of_an_optimizer_see_every_step():
    net, rule, optimizer = setting()
    seen = []
    for _ in range(4):
        rule.update(net, *batch(), optimizer)
    optimizer.register_step_post_hook(lambda *_: seen.append(1))
    for _ in range(3):
        rule.update(net, *batch(), optimizer)
    assert len(seen) == 3
    assert programs(rule)


def test_gradients_of_the_caller_are_his_own():
    """A gradient that somebody has taken away is not written to again."""
    net, rule = cn.mlp([5, 4, 3], dtype=F64), cn.rule("z-il")
    optimizer = torch.optim.Adam(net.parameters())
    taken, copies = [], []
    for _ in range(5):
        rule.update(net, *batch(), optimizer)
        taken.append(net.links[0].weight.grad)
        copies.append(taken[-1].clone())
        optimizer.zero_grad()
    assert programs(rule)
    assert all(torch.equal(a, b) for a, b in zip(taken, copies, strict=True))


def test_copies_and_pickles_leave_recordings_behind():
    net, rule, optimizer = setting()
    for _ in range(4):
        rule.update(net, *batch(), optimizer)
    assert programs(rule)
    assert not programs(copy.deepcopy(rule))


class Counting(cn.Teacher):
    """A part of a user's own, that does something else than tensors at each trial."""

    trials = 0

    def loss_for(self, rates, targets):
        self.trials += 1
        return super().loss_for(rates, targets)


def test_a_part_of_ones_own_runs_at_every_update():
    net, _, optimizer = setting()
    rule = cn.Rule(Counting())
    for _ in range(6):
        rule.update(net, *batch(), optimizer)
    assert rule.teaching.trials == 6
    assert not programs(rule)


def test_a_part_that_is_exchanged_is_refused_as_before():
    net, rule, optimizer = setting()
    for _ in range(4):
        rule.update(net, *batch(), optimizer)
    net.areas["area2"].links[0] = cn.Dense(4)
    with pytest.raises(NetworkError, match="not the Dense any more"):
        rule.update(net, *batch(), optimizer)
