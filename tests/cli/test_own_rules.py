"""What a user's model file registers is known to every command that is given the file."""

import json
from dataclasses import replace

import pytest

import corticalnet as cn
from corticalnet.data import catalogue as sets
from corticalnet.errors import DataError
from corticalnet.rules import catalogue
from corticalnet.rules.also_called import ALSO_CALLED

MODEL = '''"""A model with a rule and a cell of its own."""
from functools import partial

import numpy as np

import corticalnet as cn
import corticalnet.data as data
from corticalnet.data.description import Arrays, Pictures
from corticalnet.circuits.cells import Cell
from corticalnet.rules import Entry, FaZIL
from corticalnet.training import Settings

cn.register("my-rule", Entry("teacher", "tied", partial(FaZIL, gate="pulse"), "me, today"))


def read(folder):
    draw = np.random.default_rng(0)
    half = lambda n: Pictures(draw.integers(0, 256, (n, 1, 2, 2), dtype=np.uint8), np.arange(n) % 2)
    return Arrays(half(40), half(10), ("dark", "bright"))


data.register(data.Dataset("tiny", "Tiny squares", (1, 2, 2), 2, "40 + 10", "CC0", "me", "", read))


class Copying(Cell):
    state = {"rate": 0.0}
    ports = {"drive": "predict"}

    def predict(self, cell, port, dt):
        return {"rate": port.drive}


def build(input_shape=(1, 8, 8), classes=10, rule="backprop", columns=4, seed=0):
    areas = [cn.Area(cn.Dense(columns), "tanh"), cn.Area(cn.Dense(classes), "linear")]
    return cn.Model(cn.Network(input_shape, areas, seed), rule, Settings(epochs=1, limit=60, seed=seed))
'''


@pytest.fixture(autouse=True)
def mine(place, monkeypatch):
    """A model file; what it registers is forgotten after the test."""
    monkeypatch.setattr(catalogue, "_RULES", dict(catalogue._RULES))
    monkeypatch.setattr(catalogue, "registered_by", {})
    monkeypatch.setattr(sets, "CATALOGUE", dict(sets.CATALOGUE))
    (place / "mine.py").write_text(MODEL)


@pytest.mark.parametrize(
    "command",
    [
        "train mine.py --rule my-rule",
        "train mine.py --rule my-rule --seeds 2",
        "train mine.py --set rule=my-rule",
        "simulate mine.py --rule my-rule --trials 1 --no-plot",
    ],
)
def test_a_rule_that_the_file_registers_can_be_named(cli, command):
    done = cli(f"{command} --json")
    assert done.code == 0, done.err
    assert '"my-rule"' in done.out


def test_a_data_set_that_the_file_registers_can_be_named(cli):
    simulated = "simulate mine.py --data tiny --trials 1 --no-plot --json"
    for command in ("train mine.py --data tiny --json", simulated):
        done = cli(command)
        assert done.code == 0, done.err
    done = cli("train mine.py --data tiy")
    assert done.code != 0
    assert "unknown data set 'tiy'; did you mean 'tiny'?" in done.err


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("train mine.py --rule my", ["my-rule"]),
        ("audit mine.py --rule my", ["my-rule"]),
        ("autonomy mine.py --rule my", ["my-rule"]),
        ("train mine --rule my", ["my-rule"]),
        ("train mine.py --rule back", ["backprop"]),
        ("simulate mine.py --data ti", ["tinier", "tiny", "tiny-imagenet"]),
        ("train broken.py --rule my", []),
        ("train missing.py --rule my", []),
        ("audit backprop --rule my", []),
    ],
)
def test_shells_complete_what_the_file_registers_without_running_it(cli, place, monkeypatch, words, found):
    for name in ("mine.py", "models/mine.py"):
        (place / name).write_text(f"{MODEL}\ndata.Dataset(name='tinier')\nraise SystemExit('was run')\n")
    (place / "broken.py").write_text("def build(:\n")
    monkeypatch.setenv("_CORTICALNET_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"corticalnet {words}")
    monkeypatch.setenv("COMP_CWORD", str(len(words.split())))
    done = cli("")
    assert (done.code, sorted(done.out.split()), done.err) == (0, found, "")


def test_built_in_sets_keep_their_names():
    with pytest.raises(DataError, match="data set 'digits' exists already; choose another name"):
        sets.register(replace(sets.find("digits"), title="others"))
    with pytest.raises(DataError, match=r"register takes a corticalnet.data.Dataset, not 'digits'"):
        sets.register("digits")


def test_audit_takes_the_rule_of_a_file_and_a_rule_that_it_registers(cli):
    def audited(command):
        done = cli(f"audit --quick --json {command}")
        assert done.code == 0, done.err
        return [report["rule"] for report in json.loads(done.out)["reports"]]

    assert audited("mine.py") == ["backprop"]
    assert audited("mine.py --set rule=my-rule") == ["my-rule"]
    assert audited("mine.py --rule my-rule --set silence=2") == ["my-rule"]


def test_list_shows_what_a_file_adds(cli):
    shown = json.loads(cli("list mine.py --json").out)
    assert shown["rules"] == [{"name": "my-rule", "source": "me, today"}]
    assert (shown["cells"], shown["plasticities"]) == (["Copying"], [])
    text = cli("list mine.py").out
    assert "A model with a rule and a cell of its own." in text
    assert "me, today" in text
    assert "Copying" in text
    assert "feedback-alignment" not in text


@pytest.mark.parametrize("command", ["train", "simulate", "autonomy", "validate", "audit"])
def test_a_misspelt_rule_is_told_the_files_own(cli, command):
    done = cli(f"{command} mine.py --rule my-rul")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "unknown rule 'my-rul'; did you mean 'my-rule'?" in done.err


def test_a_file_that_has_changed_registers_its_rules_anew(cli, place):
    assert cli("train mine.py --rule my-rule").code == 0
    (place / "mine.py").write_text(MODEL.replace("my-rule", "newer"))
    assert cli("train mine.py --rule newer --out new").code == 0
    assert "my-rule" not in cn.list_rules()


def test_a_file_takes_no_name_that_another_has(cli, place):
    assert cli("train mine.py --rule my-rule").code == 0
    (place / "other.py").write_text(MODEL)
    done = cli("train other.py")
    assert done.code == 1
    assert "rule 'my-rule' exists already" in done.err


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        *(("fa", "feedback-alignment"), ("DFA", "direct-feedback-alignment"), ("BP", "backprop")),
        *(("bp", "backprop"), ("sgd", "backprop"), ("pc", "il"), ("predictive_coding", "il")),
        *(("EP", "equilibrium-propagation"), ("REINFORCE", "reinforce"), ("zil", "z-il")),
    ],
)
def test_names_of_the_field_are_told_the_name_here(cli, word, meant):
    for command in (f"train small --rule {word}", f"audit {word}"):
        assert f"unknown rule '{word}'; did you mean '{meant}'? Choices: " in cli(command).err


def test_every_name_of_the_field_means_a_rule():
    assert set(ALSO_CALLED.values()) <= set(cn.list_rules())
    assert not set(ALSO_CALLED) & set(cn.list_rules())
