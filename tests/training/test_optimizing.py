"""Optimizers and schedules against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

import corticalnet as cn
from corticalnet.errors import SettingError
from corticalnet.training import Settings, train
from corticalnet.training.loop import learning_rate, set_learning_rate
from corticalnet.training.preparation import make_optimizer


def test_the_learning_rate_halves_after_every_so_many_epochs():
    settings = Settings(lr=0.8, halve_every=2)
    assert rates(settings, [None] * 4) == [0.8, 0.8, 0.4, 0.4, 0.2]
    assert learning_rate(Settings(lr=0.8, halve_every=None), [{}] * 999) == 0.8


def rates(settings, scores):
    """The rate of every epoch, and of the next, given what validation said."""
    history = [{settings.objective.validation: score} for score in scores]
    return [learning_rate(settings, history[:epoch]) for epoch in range(len(scores) + 1)]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("StepLR(step_size=2)", [0.8, 0.8, 0.08, 0.08, 0.008]),
        ("StepLR(step_size=1, gamma=0.5)", [0.8, 0.4, 0.2, 0.1, 0.05]),
        ("ExponentialLR(gamma=0.5)", [0.8, 0.4, 0.2, 0.1, 0.05]),
        ("MultiStepLR(milestones=[1, 3])", [0.8, 0.08, 0.08, 0.008, 0.008]),
        ("CosineAnnealingLR", [0.4 * (1 + math.cos(math.pi * t / 4)) for t in range(5)]),
        ("CosineAnnealingLR(T_max=8)", [0.4 * (1 + math.cos(math.pi * t / 8)) for t in range(5)]),
        ("LinearLR(start_factor=0.5, total_iters=2)", [0.4, 0.6, 0.8, 0.8, 0.8]),
        # Scores 0.5, 0.6 (better), 0.6, 0.6 (the second that is not: patience 1 is over), 0.7.
        ("ReduceLROnPlateau(patience=1, factor=0.5)", [0.8, 0.8, 0.8, 0.8, 0.4]),
    ],
)
def test_torchs_schedules_step_once_an_epoch(schedule, expected):
    settings = Settings(lr=0.8, epochs=4, schedule=schedule, halve_every=1)
    assert rates(settings, [0.5, 0.6, 0.6, 0.6]) == pytest.approx(expected, abs=1e-12)


def test_a_schedule_that_goes_by_scores_takes_a_loss_the_other_way_round():
    plateau = "ReduceLROnPlateau(patience=0, factor=0.5)"
    assert rates(Settings(lr=0.8, schedule=plateau, target="image"), [3.0, 2.0, 2.5]) == [0.8, 0.8, 0.8, 0.4]
    assert rates(Settings(lr=0.8, schedule=plateau), [0.3, 0.2, 0.25]) == [0.8, 0.8, 0.4, 0.2]


def test_training_by_a_schedule_of_scores_needs_scores(make):
    model = make(schedule="ReduceLROnPlateau(patience=0)", validation=0)
    with pytest.raises(SettingError, match="goes by validation scores; set validation above 0"):
        train(model, progress=False)


def test_training_uses_the_schedule(make):
    model = make(epochs=3, lr=0.1, halve_every=1)
    result = train(model, progress=False)
    assert [record["lr"] for record in result.history] == [0.1, 0.05, 0.025]


@pytest.mark.parametrize("homeostasis", ["slow", "batch"])
@pytest.mark.parametrize("momentum", [0.0, 0.5], ids=["sgd in one pass", "with momentum"])
def test_only_the_weights_of_links_decay(make, homeostasis, momentum):
    """w ← w − lr (g + decay · w) for link weights; w ← w − lr g for biases and homeostasis."""
    net = make(homeostasis=homeostasis).network
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.3)
    optimizer = make_optimizer(net, Settings(lr=0.1, weight_decay=0.01, momentum=momentum))
    x, y = torch.rand(8, 1, 8, 8), torch.arange(8)
    rule = cn.rule("backprop")
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    rule.learn(net, x, y)
    gradients = {name: p.grad.clone() for name, p in net.named_parameters()}
    net.load_state_dict(state)
    rule.update(net, x, y, optimizer)
    for name, parameter in net.named_parameters():
        decay = 0.01 if "links" in name and name.endswith("weight") else 0.0
        expected = state[name] - 0.1 * (gradients[name] + decay * state[name])
        torch.testing.assert_close(parameter.data, expected, rtol=1e-5, atol=1e-7, msg=name)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "rmsprop"])
def test_every_optimizer_learns(make, name):
    lr = 0.1 if name == "sgd" else 0.01
    result = train(make(optimizer=name, lr=lr, epochs=15, weight_decay=1e-4), progress=False)
    assert result.history[-1]["loss"] < 0.8 * result.history[0]["loss"]


def test_each_link_learns_at_a_rate_of_its_own_and_so_do_the_weights_down_beside_it():
    """Steps of plain gradient descent by hand, of biases too, and of decoders, named by their link."""
    settings = Settings(lr=0.1, link_rates=(2, 0.5))
    net = cn.mlp([4, 3, 2], bias=True, dtype=torch.float64)
    rule = cn.rule("simplified-target-propagation", own_rate=3.0)
    optimizer = make_optimizer(net, settings, rule)
    set_learning_rate(optimizer, 0.05)  # half of it, say by a schedule
    before = {p: p.detach().clone() for p in [*net.parameters(), *rule.parameters(net)]}
    rule.learn(net, torch.rand(5, 4, dtype=torch.float64), [0, 1, 0, 1, 1])
    rates = {
        p: 0.05 * rate for link, rate in zip(net.links, (2, 0.5), strict=True) for p in link.parameters()
    }
    own = rule.named_parameters(net)
    assert own
    rates |= {p: 0.05 * 3 * 0.5 for name, p in own.items() if "area1->output" in name}
    optimizer.step()
    assert set(rates) == set(before)
    for p, rate in rates.items():
        assert torch.allclose(p.detach(), before[p] - rate * p.grad, rtol=0, atol=1e-15)


def test_weights_down_that_join_later_learn_in_proportion_to_their_link_too():
    net, rule = cn.mlp([4, 3, 2]), cn.rule("simplified-target-propagation", own_rate=3.0)
    optimizer = make_optimizer(net, Settings(lr=0.1, link_rates=(2, 0.5)))
    rule.update(net, torch.rand(5, 4), [0, 1, 0, 1, 1], optimizer)
    set_learning_rate(optimizer, 0.05)
    own = {id(p) for p in rule.parameters(net)}
    rates = [group["lr"] for group in optimizer.param_groups if own & {id(p) for p in group["params"]}]
    assert rates == pytest.approx([0.05 * 3 * 0.5])


def test_rates_of_links_that_fit_no_network_are_told():
    with pytest.raises(SettingError, match="has 1 numbers, and 2 links learn: input->area1, area1->output"):
        make_optimizer(cn.mlp([4, 3, 2]), Settings(link_rates=0.5))
    with pytest.raises(SettingError, match="'link_rates' must be numbers above 0, one for each link"):
        Settings(link_rates=(0.1, -1))
    assert Settings(**Settings(link_rates=[1, 0.5]).model_dump(mode="json")).link_rates == (1.0, 0.5)
