"""``--set`` gives a rule its parameters wherever a rule is chosen by name."""

import json

import pytest
import torch

import corticalnet as cn
from corticalnet.errors import SettingError
from corticalnet.training import Settings, load_model, train
from corticalnet.training.checkpoint import read_checkpoint

TAKES_NO_RULE = """
import corticalnet as cn

def build(seed=0):
    return cn.Model(cn.mlp([64, 8, 10], seed=seed), "backprop")
"""


def weights(folder):
    tensors, _ = read_checkpoint(folder / "last.safetensors")
    return {key: value for key, value in tensors.items() if key.startswith(("network.", "rule."))}


def test_a_training_is_that_of_the_same_rule_made_in_python(cli, place):
    assert cli("train small --rule z-il --set feedback=random --set init=0.5 --out run").code == 0
    network = load_model("small").network
    rule = cn.rule("z-il", feedback="random", init=0.5)
    train(cn.Model(network, rule, Settings(epochs=2, limit=60)), out=place / "python", progress=False)
    found, expected = weights(place / "run"), weights(place / "python")
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    about = json.loads((place / "run" / "settings.json").read_text())
    assert about["arguments"] == {"rule": "z-il", "feedback": "random", "init": 0.5}
    assert "Random(" in about["rule_parts"]


def test_a_run_that_is_resumed_keeps_them_to_the_bit(cli, place):
    how = "--rule fa-z-il --set feedback=random --set gate=prediction"
    assert cli(f"train small {how} --epochs 3 --out whole").code == 0
    assert cli(f"train small {how} --epochs 1 --out run").code == 0
    assert cli("train --resume run --epochs 3").code == 0
    found, expected = weights(place / "run"), weights(place / "whole")
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_a_rule_that_build_knows_nothing_of_takes_them_too(place):
    (place / "models" / "fixed.py").write_text(TAKES_NO_RULE)
    assert load_model("fixed", rule="fa-z-il", silence=3).rule.trigger.silence == 3
    with pytest.raises(SettingError, match=r"unknown setting 'silence'.*which --rule names"):
        load_model("fixed", silence=3)


def test_they_come_on_top_of_those_that_the_file_gives_and_end_with_it():
    model = load_model("brainprop_dense", rule="backprop", feedback="random")
    assert (model.rule.teaching.loss, type(model.rule.feedback).__name__) == ("cross-entropy", "Random")
    assert type(cn.rule("backprop").feedback).__name__ == "Tied"


def test_model_and_training_come_first(place):
    model = load_model("small", rule="feedback-alignment", seed=5, init=0.5)
    assert (model.settings.seed, model.rule.feedback.seed) == (5, cn.rule("feedback-alignment").feedback.seed)
    assert load_model("small", rule="reinforce", momentum=0.5).settings.momentum == 0.5


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            "--rule z-il --set feedbak=random",
            ["did you mean 'feedback'?", "model: ", "training: ", "rule z-il: "],
        ),
        ("--rule z-il --set feedback=randm", ["unknown feedback pathway 'randm'; did you mean 'random'?"]),
        ("--rule fa-z-il --set silence=soon", ["silence must be a whole number", "'soon'"]),
    ],
)
def test_mistakes_are_told_in_one_line(cli, more, words):
    done = cli(f"train small {more}")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert all(word in done.err for word in words)


@pytest.mark.parametrize(
    "command", ["simulate small --trials 1 --no-plot --out sim", "validate small --cells 2 --trials 1"]
)
def test_other_commands_take_them(cli, monkeypatch, command):
    found = []

    def opened(built, *rest):
        found.append(built.rule)
        raise SettingError("seen")

    monkeypatch.setattr(f"corticalnet.cli.{command.split()[0]}.open_weights", opened)
    assert "seen" in cli(f"{command} --rule fa-z-il --set feedback=random").err
    assert [type(rule.feedback).__name__ for rule in found] == ["Random"]
