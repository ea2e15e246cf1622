"""A run's folder: whose it is, what it may hold, and what is refused before anything is lost."""

from __future__ import annotations

import errno
import json
import os
import threading

import pytest
import torch

from corticalnet.errors import CheckpointError
from corticalnet.store import locked
from corticalnet.training import run_seeds, train
from corticalnet.training.checkpoint import read_checkpoint
from corticalnet.training.run_folder import RunFolder
from tests.training.runs import ADAM, contents, refused

LOST = [
    (
        "last",
        "last.safetensors is gone, there is only settings.json, metrics.jsonl, best.safetensors, summary",
    ),
    ("last settings", "there is only metrics.jsonl, best.safetensors, summary.json"),
    ("last summary", "there is only settings.json, metrics.jsonl, best.safetensors"),
    ("last summary metrics", "there is only settings.json, best.safetensors"),
    ("last settings summary metrics", "there is only best.safetensors"),
    ("last settings summary metrics best", "there is no run to resume in"),
]
NAMES = {
    "last": "last.safetensors", "best": "best.safetensors", "settings": "settings.json",
    "summary": "summary.json", "metrics": "metrics.jsonl",
}  # fmt: skip


@pytest.mark.parametrize(("gone", "words"), LOST, ids=[gone for gone, _ in LOST])
def test_a_run_whose_last_checkpoint_is_gone_does_not_begin_anew(make, run, gone, words):
    for name in gone.split():
        (run / NAMES[name]).unlink()
    before = contents(run)
    refused(words, train, make(**ADAM), out=run, resume=True)
    assert contents(run) == before
    if "best" not in gone:
        refused("holds", train, make(**ADAM), out=run)
        assert contents(run) == before


@pytest.mark.parametrize("gone", ["best", "metrics", "summary", "settings", "best metrics summary settings"])
def test_all_but_the_last_checkpoint_can_be_made_from_it(make, run, gone):
    before, best, _ = contents(run), *read_checkpoint(run / "best.safetensors")
    for name in gone.split():
        (run / NAMES[name]).unlink()
    train(make(**ADAM), out=run, resume=True, progress=False)
    after, again, _ = contents(run), *read_checkpoint(run / "best.safetensors")
    assert after.keys() == before.keys()
    assert all(torch.equal(again[name], tensor) for name, tensor in best.items())
    assert [after[name] for name in ("metrics.jsonl", "settings.json")] == [
        before[name] for name in ("metrics.jsonl", "settings.json")
    ]
    was, now = (json.loads(files["summary.json"]) for files in (before, after))
    assert now == was | {"out": str(run)}


def test_damaged_best_weights_are_made_anew(make, run):
    sound, _ = read_checkpoint(run / "best.safetensors")
    (run / "best.safetensors").write_bytes(b"damaged")
    train(make(**ADAM), out=run, resume=True, progress=False)
    again, _ = read_checkpoint(run / "best.safetensors")
    assert all(torch.equal(again[name], tensor) for name, tensor in sound.items())


def test_an_older_checkpoint_does_not_wipe_out_later_epochs(make, run):
    older = (run / "last.safetensors").read_bytes()
    train(make(**ADAM | {"epochs": 5}), out=run, resume=True, progress=False)
    later = (run / "last.safetensors").read_bytes()
    (run / "last.safetensors").write_bytes(older)
    before = contents(run)
    refused("is of epoch 3, but metrics.jsonl has 5 epochs", train, make(**ADAM), out=run, resume=True)
    assert contents(run) == before
    (run / "metrics.jsonl").unlink()  # as the message says
    train(make(**ADAM | {"epochs": 5}), out=run, resume=True, progress=False)
    ours, theirs = read_checkpoint(run / "last.safetensors")[0], run.parent / "later.safetensors"
    theirs.write_bytes(later)
    assert all(torch.equal(ours[name], tensor) for name, tensor in read_checkpoint(theirs)[0].items())


@pytest.mark.parametrize(
    "name", ["settings.json", "summary.json", "metrics.jsonl", "best.safetensors", "seeds.json"]
)
def test_files_of_somebody_else_are_not_overwritten(make, tmp_path, name):
    (tmp_path / name).write_text("precious")
    refused("would be lost|damaged|several seeds|a finished run", train, make(), out=tmp_path)
    refused("lost|damaged", run_seeds, lambda seed: make(net_seed=seed), [0, 1], out=tmp_path)
    assert contents(tmp_path) == {name: b"precious"}


def test_what_ended_before_its_first_checkpoint_may_begin_anew(make, tmp_path):
    def end(*arguments):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("corticalnet.training.loop.run_epoch", end)
        with pytest.raises(KeyboardInterrupt):
            train(make(), out=tmp_path, progress=False)
    assert set(contents(tmp_path)) == {"settings.json", "metrics.jsonl"}
    train(make(lr=0.2), out=tmp_path, progress=False)
    assert json.loads((tmp_path / "settings.json").read_text())["settings"]["lr"] == 0.2


def test_a_refused_run_leaves_no_folder(make, tmp_path):
    with pytest.raises(ValueError, match="data set"):
        train(make(data="digit"), out=tmp_path / "a" / "b", progress=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_in_use_is_left_alone(make, run, resume):
    before = contents(run)
    with locked(run):
        refused(rf"run is in use by process {os.getpid()} on", train, make(**ADAM), out=run, resume=resume)
    assert contents(run) == before
    with locked(run.parent):
        models = lambda seed: make(net_seed=seed)  # noqa: E731
        refused("is in use by process", run_seeds, models, [0, 1], out=run.parent)


def test_of_two_runs_that_begin_together_one_has_the_folder(make, tmp_path):
    for attempt in range(5):
        folder, ends, together = tmp_path / str(attempt), [], threading.Barrier(2)

        def begin(seed, folder=folder, ends=ends, together=together):
            together.wait()
            try:
                with RunFolder(folder).held(resume=False):
                    ends.append(seed)
            except CheckpointError as error:
                ends.append(str(error))

        threads = [threading.Thread(target=begin, args=(seed,)) for seed in (1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert any(type(end) is int for end in ends)
        assert all(type(end) is int or "is in use by" in end for end in ends), ends


def test_what_killed_writers_left_is_cleared(make, run):
    (run / f".{'0a' * 8}.part").write_text("half")
    train(make(**ADAM), out=run, resume=True, progress=False)
    assert not list(run.glob(".*"))


FULL = [
    (
        "last.safetensors",
        "epoch 2 is lost, the checkpoint of epoch 1 is sound: mend it and go on with resume=True",
    ),
    ("metrics.jsonl", "the checkpoint of epoch 2 is sound"),
    ("summary.json", "every epoch is in the checkpoint"),
]


@pytest.mark.parametrize(("at", "words"), FULL, ids=[at for at, _ in FULL])
def test_a_disk_that_fills_up_says_what_is_lost_and_what_is_not(make, tmp_path, monkeypatch, at, words):
    whole = train(make(epochs=3), out=tmp_path / "whole", progress=False)
    real = os.replace

    def full(source, target):
        epochs = tmp_path / "run" / "metrics.jsonl"
        if target.name == at and (at == "summary.json" or (epochs.exists() and epochs.read_text())):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, target)

    monkeypatch.setattr(os, "replace", full)
    refused(
        rf"cannot write .*{at}: No space left on device; {words}", train, make(epochs=3), out=tmp_path / "run"
    )
    monkeypatch.setattr(os, "replace", real)
    again = train(make(epochs=3), out=tmp_path / "run", resume=True, progress=False)
    assert (again.last_test, again.best_test) == (whole.last_test, whole.best_test)
    assert set(contents(tmp_path / "run")) == set(contents(tmp_path / "whole"))


def test_links_in_a_folder_are_not_written_through(make, run, tmp_path):
    for epochs, name in enumerate(NAMES.values(), start=4):
        precious = tmp_path / name
        (run / name).rename(precious)
        (run / name).symlink_to(precious)
        before = precious.read_bytes()
        train(make(**ADAM | {"epochs": epochs}), out=run, resume=True, progress=False)
        assert precious.read_bytes() == before
        assert not (run / name).is_symlink()
