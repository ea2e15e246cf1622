"""What the commands do when all is well."""

from __future__ import annotations

import gc
import json
import subprocess
import sys

import pytest

import corticalnet as cn
from corticalnet import data
from corticalnet.rules import Entry, catalogue


def test_train_says_what_came_out_and_where_it_is(cli, place):
    done = cli("train small")
    assert done.code == 0, done.err
    assert "small by backprop on digits: test accuracy" in done.out
    assert "runs/small-backprop-digits-seed0" in done.out
    assert (place / "runs" / "small-backprop-digits-seed0" / "last.safetensors").exists()


def test_json_is_all_there_is_on_stdout(cli):
    done = cli("train small --json --rule z-il --seed 3 --epochs 1")
    result = json.loads(done.out)
    assert (result["rule"], result["seed"], result["epochs"]) == ("z-il", 3, 1)
    assert 0 <= result["best_test_accuracy"] <= 1


def test_set_reaches_build_and_settings(cli, place):
    done = cli("train models/small.py --out here --set columns=5 --set lr=0.5 --set patience=None --json")
    assert done.code == 0, done.err
    about = json.loads((place / "here" / "settings.json").read_text())
    assert about["settings"]["lr"] == 0.5
    assert about["settings"]["patience"] is None
    assert "area1" in about["network"][2]
    assert "  5  " in about["network"][2]


def test_the_optimizer_and_its_schedule_have_options(cli, place):
    options = "--lr 0.2 --optimizer rmsprop --momentum 0.5 --weight-decay 0.001"
    done = cli(f"train small --out here {options} --schedule StepLR(step_size=1)")
    assert done.code == 0, done.err
    settings = json.loads((place / "here" / "settings.json").read_text())["settings"]
    told = ("lr", "optimizer", "momentum", "weight_decay", "schedule")
    assert [settings[key] for key in told] == [0.2, "rmsprop", 0.5, 0.001, "StepLR(step_size=1)"]
    lines = (place / "here" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["lr"] for line in lines] == pytest.approx([0.2, 0.02])
    assert cli("train --resume here --epochs 3").code == 0
    refused = cli("train small --optimizer adam --momentum 0.9")
    assert refused.err == "error: momentum is a setting of sgd and rmsprop; adam has its own\n"


def test_build_is_told_the_shape_of_the_data(cli, place):
    folder = place / "pictures"
    for name in ("cat", "dog"):
        for part in ("train", "test"):
            (folder / part / name).mkdir(parents=True)
            make_picture(folder / part / name / "a.png")
            make_picture(folder / part / name / "b.png")
    done = cli("train small --json --set validation=0 --set batch=2 --data", f"folder:{folder}")
    assert done.code == 0, done.err
    about = json.loads((place / json.loads(done.out)["out"] / "settings.json").read_text())
    assert "6×5" in about["network"][1]
    assert "  2  " in about["network"][3]


def make_picture(path):
    from PIL import Image

    Image.new("L", (5, 6), 100).save(path)


def test_several_seeds(cli, place):
    done = cli("train small --seeds 2 --epochs 1 --json")
    result = json.loads(done.out)
    assert result["seeds"] == [0, 1]
    assert result["best_test_accuracy"]["sd"] is not None
    again = json.loads(cli("train --epochs 2 --json --resume runs/small-backprop-digits-seeds2").out)
    assert [run["epochs"] for run in again["runs"]] == [2, 2]


def test_resume_needs_the_folder_alone(cli):
    assert cli("train small --epochs 1 --set columns=6 --out run").code == 0
    done = cli("train --resume run --epochs 3 --json")
    assert json.loads(done.out)["epochs"] == 3
    whole = cli("train small --epochs 3 --set columns=6 --out whole --json")
    keys = ("last_test_accuracy", "best_test_accuracy", "best_epoch")
    assert [json.loads(done.out)[k] for k in keys] == [json.loads(whole.out)[k] for k in keys]


def test_interrupting_says_how_to_go_on(cli, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("corticalnet.training.loop.score", interrupt)
        done = cli("train small --out run")
    assert done.code == 130
    assert done.err == "interrupted; continue with --resume run\n"
    assert cli("train --resume run").code == 0


def test_list_names_rules_models_and_data(cli):
    done = cli("list --json")
    listed = json.loads(done.out)
    assert [rule["name"] for rule in listed["rules"]] == list(cn.list_rules())
    assert all(rule["source"] for rule in listed["rules"])
    small = next(model for model in listed["models"] if model["name"] == "small")
    assert small["about"] == "A small model."
    assert [each["name"] for each in listed["data"]] == list(data.names())
    text = cli("list").out
    assert "brainprop" in text
    assert "A small model." in text
    assert "fashion-mnist" in text


def test_a_rule_of_the_user_is_listed_and_trained_by(cli, monkeypatch):
    monkeypatch.setattr(catalogue, "_RULES", dict(catalogue._RULES))
    cn.register("mine", Entry("teacher", cn.Random, cn.Sweep, "me, today"))
    rows = [line.split() for line in cli("list").out.splitlines()]
    assert ["mine", "me,", "today"] in rows
    assert json.loads(cli("train small --rule mine --epochs 1 --json").out)["rule"] == "mine"
    assert "did you mean 'mine'?" in cli("train small --rule minne").err


def test_a_command_looks_for_garbage_less_often_and_leaves_all_as_it_was(cli, place):
    small = (place / "models" / "small.py").read_text()
    (place / "model.py").write_text(f"{small}\nimport gc\nprint('every', gc.get_threshold()[0])\n")
    before = gc.get_threshold()
    done = cli("train model.py --epochs 1")
    # (Python 3.13 begins with 2,000, earlier ones with 700)
    assert int(done.out.splitlines()[0].removeprefix("every ")) > 5 * before[0]
    assert gc.get_threshold() == before


def test_data_list_and_fetch(cli):
    listed = json.loads(cli("data list --json").out)
    assert listed[0]["shape"] == [1, 8, 8]
    assert "digits" in cli("data list").out
    assert cli("data fetch digits").out.startswith("digits is in ")


@pytest.mark.parametrize(
    "command", ["--help", "train --help", "data --help", "data fetch --help", "list --help"]
)
def test_help_teaches(cli, command):
    done = cli(command)
    assert done.code == 0
    assert "Usage" in done.out


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("tra", ["train"]),
        ("train sm", ["small"]),
        ("train small --rule fa", ["fa-z-il"]),
        ("train small --data ci", ["cifar10", "cifar100"]),
        ("simulate models/sm", []),  # (the shell completes files)
        ("audit backprop ag", ["agrel"]),
        ("data fetch sv", ["svhn"]),
        ("train odd", []),
    ],
)
def test_shells_complete_commands_rules_models_and_data(cli, place, monkeypatch, words, found):
    (place / "models" / "odd;ls.py").write_text("a shell would run a part of this name")
    monkeypatch.setenv("_CORTICALNET_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"corticalnet {words}")
    monkeypatch.setenv("COMP_CWORD", str(len(words.split())))
    done = cli("")
    assert (done.code, done.out.split(), done.err) == (0, found, "")


def test_the_package_runs_as_the_console_script():
    command = [sys.executable, "-m", "corticalnet", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == f"corticalnet {cn.__version__}\n"
