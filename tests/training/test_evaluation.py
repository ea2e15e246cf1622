"""Evaluation is made with a network that is not in training, and leaves it as it was."""

import pytest
import torch

import corticalnet as cn
from corticalnet import data
from corticalnet.training import Settings, train
from corticalnet.training.objective import OBJECTIVES
from corticalnet.training.result import answers, score


@pytest.fixture
def digits():
    return data.load("digits", limit=60).train


def network(outputs, seed=0, **area):
    areas = [cn.Area(cn.Dense(12, bias=True), "relu", **area), cn.Area(cn.Dense(outputs), "linear")]
    net = cn.Network((1, 8, 8), areas, seed)
    net(torch.rand(40, 1, 8, 8))  # in training: slow averages of homeostasis have seen something
    return net


def by_hand(net, images, area):
    """Without dropout; homeostasis by its slow averages."""
    first, last = net.links
    drive = images.flatten(1) @ first.weight.T + first.bias
    rate = drive.relu()
    if "homeostasis" in area:
        stage = next(stage for stage in net.areas["area1"].stages if hasattr(stage, "scale"))
        mean, variance = stage.running_mean, stage.running_variance
        rate = (rate - mean) / (variance + stage.eps).sqrt() * stage.scale + stage.shift
    return rate @ last.weight.T


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("area", [{"dropout": 0.5}, {"homeostasis": "batch"}], ids=["dropout", "homeostasis"])
@pytest.mark.parametrize("target", OBJECTIVES)
def test_answers_are_those_of_a_network_out_of_training(digits, target, area, training):
    objective, net = OBJECTIVES[target], network(64 if target == "image" else 10, **area)
    net.train(training)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    images, labels = digits.batch(slice(None))
    wanted = by_hand(net, images, area)
    found = answers(net, digits, objective, batch=25)
    if target == "class":
        assert torch.equal(found, wanted.argmax(1))
        right = (wanted.argmax(1) == labels).float().mean().item()
    else:
        torch.testing.assert_close(found, wanted)
        right = (images.flatten(1) - wanted).square().sum().item() / (2 * len(images))
    assert score(net, digits, objective) == pytest.approx(right, rel=1e-5)
    assert all(module.training is training for module in net.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize("training", [True, False])
def test_a_network_is_back_in_training_after_an_evaluation_that_failed(digits, training):
    net = network(10, dropout=0.5)
    net.train(training)

    class Broken(type(OBJECTIVES["class"])):
        def outputs(self, net, x):
            assert not net.training
            raise ArithmeticError("broken")

    with pytest.raises(ArithmeticError, match="broken"):
        answers(net, digits, Broken())
    assert all(module.training is training for module in net.modules())


def test_every_epoch_puts_the_network_into_training():
    class Spy(cn.Rule):
        def __init__(self):
            super().__init__(name="spy")
            self.modes = []

        def update(self, net, x, targets, optimizer):
            self.modes.append([module.training for module in net.modules()])
            return super().update(net, x, targets, optimizer)

    rule = Spy()
    model = cn.Model(network(10, dropout=0.5), rule, Settings(epochs=3, limit=32, batch=16))
    model.network.eval()
    train(model, progress=False)
    assert len(rule.modes) == 6
    assert all(all(modes) for modes in rule.modes)


class Contrary(cn.LearningRule):
    """Its networks answer with the least active column."""

    name = "contrary"

    def answer(self, net, x):
        return -net(x)

    def learn(self, net, x, targets, *, accumulate=False):
        return cn.Rule().learn(net, x, targets, accumulate=accumulate)


def test_training_scores_what_the_rule_has_the_network_answer(make):
    digits, own = data.load("digits"), make(Contrary(), epochs=1)
    x, y = digits.test.batch(slice(own.settings.limit))
    result = train(own, progress=False)
    net = own.network
    assert torch.equal(own.rule.predict(net, x), net.eval()(x).argmin(1))
    assert result.last_test_accuracy == pytest.approx((net(x).argmin(1) == y).float().mean().item())
    held_out, labels = digits.validation.batch(slice(own.settings.limit))
    right = (net(held_out).argmin(1) == labels).float().mean().item()
    assert result.history[-1]["validation_accuracy"] == pytest.approx(right)
    assert result.last_test_accuracy < 0.1 < (net.predict(x) == y).float().mean()
