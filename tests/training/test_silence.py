"""An area that answers every training image with rates of 0 is told, once, with what to try."""

from __future__ import annotations

import warnings

import pytest
import torch

import corticalnet as cn
from corticalnet import data
from corticalnet.errors import CircuitWarning
from corticalnet.training import Settings, train


def deep(hidden="relu", lr=0.1, **settings):
    net = cn.mlp([64, 32, 32, 10], hidden=hidden, seed=1)
    return cn.Model(net, "feedback-alignment", Settings(lr=lr, seed=1, **settings))


@pytest.mark.own_seed
def test_feedback_alignment_that_kills_an_area_says_so_once():
    model = deep(epochs=4)
    with pytest.warns(CircuitWarning, match="area 'area2' is silent after epoch") as told:
        result = train(model, progress=False)
    assert len(told) == 1
    assert "try a lower lr than 0.1, or an activation that is never silent, such as tanh" in str(
        told[0].message
    )
    assert result.last_test_accuracy < 0.2
    x, _ = data.load("digits").train.batch(slice(None))
    rates = model.network.sweep(x).rates
    assert not rates[2].any()
    assert rates[1].any()


@pytest.mark.own_seed
@pytest.mark.parametrize("cure", [{"lr": 0.01}, {"hidden": "tanh"}], ids=str)
def test_what_the_warning_advises_keeps_areas_awake(cure):
    model = deep(**cure, epochs=4)
    with warnings.catch_warnings(action="error"):
        result = train(model, progress=False)
    x, _ = data.load("digits").test.batch(slice(9))
    assert all(bool(rate.any()) for rate in model.network.sweep(x).rates)
    assert result.last_test_accuracy > (0.5 if "hidden" in cure else 0.12)


def test_an_area_that_one_image_wakes_is_not_silent(make):
    """The last of a thousand images alone reaches the only column that is not shut."""
    images, labels = torch.zeros(1000, 4), torch.zeros(1000, dtype=torch.int64)
    images[-1, 0] = 1.0
    net = cn.mlp([4, 3, 2], hidden="relu")
    with torch.no_grad():
        net.links[0].weight.copy_(-torch.ones(3, 4))
        net.links[0].weight[0, 0] = 1.0
    model = cn.Model(net, "backprop", Settings(epochs=1, lr=1e-9))
    given = {"validation": (images[:4], labels[:4]), "test": (images[:4], labels[:4]), "progress": False}
    with warnings.catch_warnings(action="error"):
        train(model, (images, labels), **given)
    images[-1, 0] = 0.0
    with pytest.warns(CircuitWarning, match="area 'area1' is silent after epoch 1"):
        train(model, (images, labels), **given)


def test_looking_changes_no_number(make, monkeypatch):
    one, other = (make(epochs=2, dropout=0.3, homeostasis="batch") for _ in range(2))
    train(one, progress=False)
    monkeypatch.setattr("corticalnet.training.silence.Silence.tell", lambda self, record: None)
    train(other, progress=False)
    its = other.network.state_dict()
    assert all(torch.equal(tensor, its[name]) for name, tensor in one.network.state_dict().items())
