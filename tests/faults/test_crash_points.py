"""A run that breaks off at every single write it makes, in turn, and is resumed each time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

import corticalnet as cn
from corticalnet.errors import CheckpointError
from corticalnet.training import Settings, train
from corticalnet.training.checkpoint import read_checkpoint


class Killed(BaseException):
    """Stands for a process that is gone."""


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    monkeypatch.setattr("corticalnet.training.result.draw", lambda *arguments: [])


def model():
    areas = [cn.Area(cn.Dense(8), "relu", dropout=0.3), cn.Area(cn.Dense(10), "linear")]
    settings = Settings(epochs=3, limit=60, batch=20, momentum=0.9)
    return cn.Model(cn.Network((1, 8, 8), areas), "brainprop", settings, "small")


def tensors(folder: Path):
    return {
        (file, name): tensor
        for file in ("last.safetensors", "best.safetensors")
        for name, tensor in read_checkpoint(folder / file)[0].items()
    }


def break_off(monkeypatch, call: str, at: int):
    """Let the ``at``-th call of ``os.fsync`` (the file half written) or ``os.replace`` be the last."""
    real, calls = getattr(os, call), []

    def broken(*arguments):
        calls.append(arguments)
        if len(calls) == at:
            if call == "fsync":
                os.ftruncate(arguments[0], os.fstat(arguments[0]).st_size // 2)
            raise Killed
        return real(*arguments)

    monkeypatch.setattr(os, call, broken)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_every_write_may_be_the_last(monkeypatch, tmp_path, call):
    train(model(), out=tmp_path / "whole", progress=False)
    expected = tensors(tmp_path / "whole")
    for at in range(1, 100):
        folder = tmp_path / str(at)
        with monkeypatch.context() as patch:
            break_off(patch, call, at)
            try:
                train(model(), out=folder, progress=False)
                break
            except Killed:
                pass
        resume = (folder / "settings.json").exists()
        train(model(), out=folder, resume=resume, progress=False)
        found = tensors(folder)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], expected[key]) for key in expected), f"{call} {at}"
        assert not list(folder.glob(".*")), "a half-written file was left"
    assert at > 9


def test_a_full_disk_is_one_line_and_leaves_the_last_checkpoint(monkeypatch, tmp_path):
    def full(handle):
        if len(list(tmp_path.glob("last.safetensors"))):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match=r"cannot write .*: No space left on device"):
        train(model(), out=tmp_path, progress=False)
    assert len(read_checkpoint(tmp_path / "last.safetensors")[1]["history"]) == 1
