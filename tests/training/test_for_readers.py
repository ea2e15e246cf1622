"""What a run leaves for those who read about it: its equations, its data, its confusions, its end."""

from __future__ import annotations

import json

import pytest
import torch

import corticalnet as cn
from corticalnet import data
from corticalnet.errors import CheckpointError, TrainingError
from corticalnet.store import holder, locked, read_json
from corticalnet.training import load_model, train
from corticalnet.training import result as result_module
from corticalnet.training.checkpoint import load_weights
from corticalnet.training.schemas import ConfusionAbout


def test_a_run_says_what_its_file_its_rule_and_its_data_are(tmp_path):
    file = tmp_path / "small.py"
    file.write_text(
        '"""Small.\n\nDeviations: none."""\nimport corticalnet as cn\n'
        "def build():\n"
        "    return cn.Model(cn.mlp([64, 4, 10]), 'z-il', cn.training.Settings(epochs=1, limit=40))\n"
    )
    train(load_model(file), out=tmp_path / "run", progress=False)
    about = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert about["about"] == "Small.\n\nDeviations: none."
    assert "\n".join(about["equations"]) == str(cn.rule("z-il"))
    assert about["content"].keys() == {"train", "validation", "test"}
    assert all(len(digest) == 32 for digest in about["content"].values())


def test_confusions_are_counted_of_the_best_epoch_on_the_test_set(make, run):
    digits = data.load("digits")
    net = make().network
    load_weights(net, run)
    answers = net.predict(digits.test.batch(slice(None))[0])[:100]  # (the run's limit)
    expected = [[0] * 10 for _ in range(10)]
    for label, answer in zip(digits.test.labels[:100].tolist(), answers.tolist(), strict=True):
        expected[label][answer] += 1
    about = read_json(run / "confusion.json", ConfusionAbout, CheckpointError)
    assert about.counts == expected
    assert about.classes == [str(digit) for digit in range(10)]


def test_an_answer_beyond_the_classes_has_a_column_of_its_own(make):
    digits = data.load("digits")
    answers = digits.test.labels.clone()
    answers[0] = 11
    counts = make().settings.objective.confusion(answers, digits)
    assert (len(counts), len(counts[0])) == (10, 12)
    assert counts[int(digits.test.labels[0])][11] == 1
    assert sum(counts[k][k] for k in range(10)) == len(answers) - 1


def test_an_autoencoder_confuses_no_classes(tmp_path):
    settings = cn.training.Settings(target="image", epochs=1, limit=40)
    train(cn.Model(cn.mlp([64, 4, 64]), "backprop", settings), out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run" / "confusion.json").exists()


def test_a_run_that_diverged_says_so_until_it_goes_on(make, tmp_path, monkeypatch):
    with pytest.raises(TrainingError) as error:
        train(make(lr=1e30), out=tmp_path / "run", progress=False)
    stopped = json.loads((tmp_path / "run" / "stopped.json").read_text())
    assert stopped == {"epoch": 1, "reason": str(error.value)}
    train(make(lr=0.1), out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run" / "stopped.json").exists()


def test_who_has_a_folder_is_said_while_they_have_it(tmp_path):
    assert holder(tmp_path) is None
    with locked(tmp_path):
        assert holder(tmp_path).startswith("process ")
    assert holder(tmp_path) is None


def test_a_process_that_was_killed_has_no_folder(tmp_path):
    import socket
    import subprocess
    import sys

    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    owner = {"pid": gone.pid, "host": socket.gethostname(), "since": "yesterday"}
    (tmp_path / "lock").write_text(json.dumps(owner))
    assert holder(tmp_path) is None
    (tmp_path / "lock").write_text(json.dumps(owner | {"host": "elsewhere"}))
    assert holder(tmp_path) == f"process {gone.pid} on elsewhere since yesterday"


def test_areas_that_have_fallen_silent_are_named(tmp_path):
    net = cn.mlp([64, 6, 5, 10], hidden="relu")
    net.areas["area2"].links[0].weight.data.copy_(-torch.ones(5, 6))  # area1's rates are never below 0
    assert result_module.silent_areas(net, data.load("digits").test) == ("area2",)
    settings = cn.training.Settings(epochs=1, limit=40, lr=1e-9)
    result = train(cn.Model(net, "backprop", settings), out=tmp_path / "run", progress=False)
    assert "no column of area2 is active for any test image" in str(result)
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["silent"] == ["area2"]


def test_areas_that_answer_to_one_image_are_not_silent():
    net = cn.mlp([64, 6, 10], hidden="relu")
    assert result_module.silent_areas(net, data.load("digits").test) == ()
    assert net.training
