"""Runs to report, made once."""

from __future__ import annotations

import shutil

import pytest

from corticalnet.training import load_model, run_seeds, train

MODEL = '''"""A small model.

Deviations
    1. It is <small>.
"""
import corticalnet as cn
from corticalnet.training import Settings

def build(columns=6, rule="z-il", seed=0):
    net = cn.mlp([64, columns, 10], seed=seed)
    settings = Settings(epochs=3, limit=80, batch=16, seed=seed)
    return cn.Model(net, rule, settings, notes="A <b>note</b> & more.")
'''


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """``one``: a finished run with figures; ``seeds``: three seeds without."""
    place = tmp_path_factory.mktemp("runs")
    (place / "small.py").write_text(MODEL)
    train(load_model(place / "small.py", lr=0.3), out=place / "one", progress=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("corticalnet.training.result.draw", lambda *arguments: [])
        run_seeds(
            lambda seed: load_model(place / "small.py", columns=5, seed=seed),
            range(3),
            out=place / "seeds",
            progress=False,
        )
    return place


@pytest.fixture
def runs(made, tmp_path, monkeypatch):
    """A copy of them to work in."""
    shutil.copytree(made, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"
