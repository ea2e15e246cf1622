"""Optimizers and schedules against numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch

import corticalnet as cn
from corticalnet.training import Settings, train
from corticalnet.training.loop import learning_rate
from corticalnet.training.preparation import make_optimizer


def test_the_learning_rate_halves_after_every_so_many_epochs():
    settings = Settings(lr=0.8, halve_every=2)
    assert [learning_rate(settings, epoch) for epoch in range(1, 6)] == [0.8, 0.8, 0.4, 0.4, 0.2]
    assert learning_rate(Settings(lr=0.8, halve_every=None), 1000) == 0.8


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
