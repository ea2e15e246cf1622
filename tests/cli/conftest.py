"""The command line, run in this process as the console script runs it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from corticalnet.cli import main

MODEL = '''"""A small model.

More about it.
"""
import corticalnet as cn
from corticalnet.training import Settings

def build(input_shape=(1, 8, 8), classes=10, rule="backprop", columns=8, seed=0):
    areas = [cn.Area(cn.Dense(columns), "relu"), cn.Area(cn.Dense(classes), "linear")]
    return cn.Model(cn.Network(input_shape, areas, seed), rule, Settings(epochs=2, limit=60, seed=seed))
'''


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder of its own to work in, with a model in ``models/`` and an empty cache; no figures."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "small.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CORTICALNET_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr("corticalnet.training.result.draw", lambda *arguments: [])
    return tmp_path


@pytest.fixture
def cli(capsys):
    """``cli("train small")`` returns ``code``, ``out`` and ``err``."""

    def call(command, *more):
        try:
            main([*command.split(), *map(str, more)])
            code = 0
        except SystemExit as end:
            code = end.code or 0
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return call
