"""Searches: rows are what runs by hand give; who is killed loses nothing, and nothing runs twice."""

import json
import multiprocessing
import statistics
import time

import pytest
import torch
from safetensors.torch import load_file

import corticalnet as cn
from corticalnet.cli import main
from corticalnet.errors import CheckpointError, SettingError
from corticalnet.training import load_model, train
from corticalnet.training.study import search, work

pytest.importorskip("optuna")
MODEL = '''"""A small model."""
import corticalnet as cn
from corticalnet.training import Settings

def build(input_shape=(1, 8, 8), classes=10, rule="z-il", columns=(6,), seed=0):
    areas = [*(cn.Area(cn.Dense(n), "relu") for n in columns), cn.Area(cn.Dense(classes), "linear")]
    return cn.Model(cn.Network(input_shape, areas, seed), rule, Settings(epochs=2, limit=60, seed=seed))
'''
GRID = {"rule": ["z-il", "feedback-alignment"], "columns": [[6], [8, 6]]}


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.setattr("corticalnet.training.result.draw", lambda *arguments: [])
    (tmp_path / "small.py").write_text(MODEL)
    return tmp_path / "small.py"


def test_rows_are_runs_by_hand(model, tmp_path):
    found = search(model, GRID, seeds=2, out=tmp_path / "s", progress=False)
    assert [row["settings"] for row in found.rows] == [
        {"rule": rule, "columns": columns} for rule in GRID["rule"] for columns in GRID["columns"]
    ]
    row = found.rows[2]
    by_hand = [
        train(load_model(model, rule="feedback-alignment", columns=[6], seed=seed), progress=False)
        for seed in range(2)
    ]
    assert row["test"] == [run.best_test_accuracy for run in by_hand]
    means = [statistics.fmean(row["validation"]) for row in found.rows]
    assert found.best is found.rows[means.index(max(means))]
    assert f"{100 * statistics.fmean(row['test']):.2f} ± {100 * statistics.stdev(row['test']):.2f}" in str(
        found
    )
    assert json.loads(json.dumps(found.to_dict()))["measure"] == "accuracy"


def test_a_search_goes_on_with_more(model, tmp_path, monkeypatch):
    search(model, {"lr": [0.1]}, seeds=1, out=tmp_path / "s", progress=False)
    ran = []
    monkeypatch.setattr(
        "corticalnet.training.study.train", lambda made, **how: ran.append(how) or train(made, **how)
    )
    found = search(model, {"lr": [0.1, 0.2]}, seeds=2, out=tmp_path / "s", progress=False)
    assert [row["seeds"] for row in found.rows] == [[0, 1], [0, 1]]
    assert len(ran) == 3


def test_what_a_killed_worker_leaves_is_finished_to_the_bit(model, tmp_path, monkeypatch):
    """Killed in the middle of its second run, which another goes on with where it stopped."""
    with pytest.MonkeyPatch.context() as patch:  # (the study and its runs, but nobody works yet)
        patch.setattr("corticalnet.training.study.work", lambda *arguments: None)
        search(model, {"lr": [0.05, 0.1]}, settings={"epochs": 40}, out=tmp_path / "s", progress=False)
    storage = f"sqlite:///{tmp_path / 's' / 'study.db'}"
    arguments = (storage, "small", str(model), {"epochs": 40}, str(tmp_path / "s"), False)
    worker = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    worker.start()
    second = tmp_path / "s" / "lr=0.1-seed=0"
    while not (second / "last.safetensors").exists():
        assert worker.is_alive(), "it was over before the kill"
        time.sleep(0.001)
    worker.kill()
    worker.join()
    assert not (second / "summary.json").exists()
    resumed = []
    going_on = lambda made, **how: resumed.append(how["resume"]) or train(made, **how)  # noqa: E731
    monkeypatch.setattr("corticalnet.training.study.train", going_on)
    found = search(model, {"lr": [0.05, 0.1]}, settings={"epochs": 40}, out=tmp_path / "s", progress=False)
    assert [len(row["test"]) for row in found.rows] == [1, 1]
    whole = train(load_model(model, lr=0.1, seed=0, epochs=40), out=tmp_path / "whole", progress=False)
    assert found.rows[1]["test"] == [whole.best_test_accuracy]
    assert resumed == [True]
    kept, wanted = (load_file(path / "best.safetensors") for path in (second, tmp_path / "whole"))
    assert all(torch.equal(kept[name], weights) for name, weights in wanted.items())


def test_many_that_begin_at_once_ask_for_each_run_once(model, tmp_path):
    """As an array of a cluster's jobs does."""
    how = {"seeds": 2, "settings": {"epochs": 1}, "out": tmp_path / "s", "progress": False}
    fork = multiprocessing.get_context("fork")
    many = [fork.Process(target=search, args=(model, {"lr": [0.05, 0.1]}), kwargs=how) for _ in range(4)]
    for process in many:
        process.start()
    for process in many:
        process.join()
    assert [process.exitcode for process in many] == [0] * 4
    found = search(model, {"lr": [0.05, 0.1]}, **how)
    assert [sorted(row["seeds"]) for row in found.rows] == [[0, 1], [0, 1]]
    assert not any(row["errors"] for row in found.rows)


def test_runs_that_fail_are_said_and_others_go_on(model, tmp_path):
    found = search(model, {"lr": [0.1, -1.0]}, out=tmp_path / "s", progress=False)
    assert [len(row["test"]) for row in found.rows] == [1, 0]
    assert "setting 'lr'" in found.rows[1]["errors"][0]
    assert "1 failed" in str(found)


def test_mistakes(model, tmp_path):
    out = tmp_path / "s"
    for grid, more, message in (
        ({}, {}, "needs values to try"),
        ({"lr": 0.1}, {}, "needs values to try"),
        ({"seed": [1]}, {}, "takes its seeds by seeds="),
        ({"lr": [0.1]}, {"seeds": 0}, "search: seeds"),
        ({"rule": [cn.rule("z-il")]}, {}, "varies plain values"),
    ):
        with pytest.raises(SettingError, match=message):
            search(model, grid, out=out, progress=False, **more)
    search(model, {"lr": [0.1]}, out=out, progress=False)
    with pytest.raises(CheckpointError, match="has the settings"):
        search(model, {"lr": [0.1]}, settings={"epochs": 3}, out=out, progress=False)
    other = model.with_name("other.py")
    other.write_text(MODEL)
    with pytest.raises(CheckpointError, match="holds a search of model 'small'"):
        search(other, {"lr": [0.1]}, out=out, progress=False)


def test_the_command_with_two_workers(model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    fork = multiprocessing.get_context("fork")  # (others would import everything anew)
    monkeypatch.setattr("multiprocessing.get_context", lambda kind: fork)
    with pytest.raises(SystemExit) as end:
        main(
            [
                "search",
                "small.py",
                "--grid",
                "columns=(6,),(8, 6)",
                "--seeds",
                "2",
                "--workers",
                "2",
                "--json",
            ]
        )
    assert not end.value.code
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["settings"]["columns"] for row in rows] == [[6], [8, 6]]
    assert all(len(row["test"]) == 2 for row in rows)
