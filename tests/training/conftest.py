"""Small models that train in a blink; the files that commands and resumed runs build them from."""

from __future__ import annotations

import shutil

import pytest
import torch

import corticalnet as cn
from corticalnet.training import Settings, train
from tests.training.runs import ADAM


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """They take longer than the training; ``monkeypatch.undo()`` brings them back."""
    monkeypatch.setattr("corticalnet.training.result.draw", lambda *arguments: [])


@pytest.fixture
def make():
    """A model on a hundred digits: ``make(rule, dropout=…, homeostasis=…, **settings)``."""

    def build(
        rule="backprop", dropout=0.0, homeostasis=None, columns=12, net_seed=0, shortcut=False, **settings
    ):
        areas = [
            cn.Area(cn.Dense(columns, bias=True), "relu", dropout=dropout, homeostasis=homeostasis),
            *([cn.Area([cn.Dense(columns), cn.Identity()], "relu")] if shortcut else []),
            cn.Area(cn.Dense(10), "linear"),
        ]
        net = cn.Network((1, 8, 8), areas, net_seed)
        return cn.Model(net, rule, Settings(**{"epochs": 3, "limit": 100, "batch": 16} | settings), "small")

    return build


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Where a finished run is kept once one was made."""
    return tmp_path_factory.mktemp("trained") / "run"


@pytest.fixture
def run(make, trained, tmp_path):
    """A finished run of three epochs of which the first was the best."""
    if not trained.exists():
        assert train(make(**ADAM), out=trained, progress=False).best_epoch == 1
    return shutil.copytree(trained, tmp_path / "run")
