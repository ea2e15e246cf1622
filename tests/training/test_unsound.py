"""What training would not have written is refused, though every checksum is right."""

from __future__ import annotations

import json

import pytest
import torch

from corticalnet.training import train
from corticalnet.training.checkpoint import read_checkpoint, write_checkpoint
from tests.training.runs import ADAM, contents, refused


def changed(key, value):
    def change(tensors, about):
        tensors[key] = value(tensors[key])

    return change


def told(key, value):
    def change(tensors, about):
        *way, last = key.split(".")
        for word in way:
            about = about[int(word) if word.isdigit() else word]
        about[int(last) if last.isdigit() else last] = value

    return change


LINK = "areas.area1.links.0.weight"
WEIGHT, MOMENT = f"network.{LINK}", "optimizer.0.exp_avg"


def gone(name):
    """A tensor, and the word of it."""

    def change(tensors, about):
        for one in [one for one in tensors if one.startswith(name)]:
            del tensors[one]
            about["tensors"].remove(one)

    return change


def more(name):
    def change(tensors, about):
        tensors[name] = torch.ones(())
        about["tensors"].append(name)

    return change


def less(name):
    """Tensors are gone, and still spoken of."""

    def change(tensors, about):
        for one in [one for one in tensors if one.startswith(name)]:
            del tensors[one]

    return change


NONSENSE = {
    "another shape": (changed(WEIGHT, lambda t: t[:-1]), r"links.0.weight is \(11, 64\) there"),
    "another type": (changed(WEIGHT, lambda t: t.double()), "is float64 there and float32 here"),
    "whole numbers": (changed(WEIGHT, lambda t: t.long()), "is int64 there and float32 here"),
    "not finite": (changed(WEIGHT, lambda t: t * torch.nan), "weight holds what is no finite number"),
    "best not finite": (changed(f"best.{LINK}", lambda t: t / 0), "weight holds what is no finite number"),
    "missing": (less(MOMENT), "'optimizer.0.exp_avg' is missing"),
    "all of a parameter's": (less("optimizer.0"), "'optimizer.0.exp_avg' is missing"),
    "extra": (lambda tensors, _: tensors.update(more=torch.zeros(1)), "'more' is extra"),
    "best missing": (gone("best."), "do not belong together"),
    "weight missing": (gone(WEIGHT), "weight is nothing there"),
    "unknown kind": (more("more"), "'more' is of no known kind"),
    "moment's shape": (changed(MOMENT, lambda t: t[:1]), r"avg' is float32 \[1, 64\] and should be .*12, 64"),
    "moment's type": (changed(MOMENT, lambda t: t.double()), r"exp_avg' is float64"),
    "moment gone": (gone(MOMENT), "'optimizer.0.exp_avg' is missing"),
    "step's type": (
        changed("optimizer.0.step", lambda t: t.bool()),
        r"step' is bool \[\] and should be float32",
    ),
    "step below 0": (changed("optimizer.0.step", lambda t: -t), "step' is -[0-9.]+ and should be at least 1"),
    "another optimizer's": (
        more("optimizer.0.momentum_buffer"),
        "buffer' is float32 .* and should be nothing",
    ),
    "optimizer's index": (more("optimizer.99.step"), "'optimizer.99.step' is .* and should be nothing"),
    "optimizer's number": (told("optimizer.0", {"speed": 3}), "its optimizer has .*speed"),
    "random's size": (changed("random.cpu", lambda t: t[:-1]), r"'random.cpu' is uint8 \[\d+\] and should"),
    "random's type": (changed("random.cpu", lambda t: t.float()), r"'random.cpu' is float32"),
    "random's sense": (changed("random.cpu", lambda t: torch.full_like(t, 255)), "damaged: RuntimeError"),
    "random missing": (gone("random.cpu"), "damaged: KeyError"),
    "negative epoch": (told("history.0.epoch", -1), "'history.0.epoch' is -1; it should be greater than"),
    "disorder": (told("history.0.epoch", 2), r"epochs should be counted from 1, and are \[2, 2, 3\]"),
    "epoch's type": (told("history.0.epoch", "1"), "'history.0.epoch' is '1'; it should be a valid integer"),
    "loss": (told("history.1.loss", float("nan")), "'history.1.loss' is nan; it should be a finite number"),
    "accuracy": (told("history.1.accuracy", 2.0), "'history.1.accuracy' is 2.0; it should be less than"),
    "validation": (
        told("history.1.validation_accuracy", "high"),
        "'history.1.validation_accuracy' is 'high'",
    ),
    "no history": (told("history", []), "'history' is"),
    "no list": (told("history", {}), "'history' is"),
    "optimizer": (told("optimizer", []), r"'optimizer' is \[\]; it should be a valid dictionary"),
    "identity": (told("identity", 3), "'identity' is 3"),
    "settings": (told("identity.settings", None), "'identity.settings' is None"),
    "versions": (told("versions", []), "'versions' is"),
    "version's type": (told("versions.0.torch", 2), "'versions.0.torch' is 2; it should be a valid string"),
    "later versions": (
        told("versions.0.from_epoch", 4),
        r"should begin with epoch 1 and go on, and begin with",
    ),
    "validation score": (
        told("history.1.validation_accuracy", 1.5),
        "'history.1.validation_accuracy' is 1.5",
    ),
}


@pytest.mark.parametrize("what", NONSENSE)
def test_what_training_would_not_have_written_is_refused(make, run, what):
    change, words = NONSENSE[what]
    tensors, about = read_checkpoint(run / "last.safetensors")
    change(tensors, about)
    write_checkpoint(run / "last.safetensors", tensors, about)
    before = contents(run)
    refused(f"last.safetensors.*({words})", train, make(**ADAM | {"epochs": 4}), out=run, resume=True)
    assert contents(run) == before


def test_a_rules_state_of_another_type_is_refused(make, tmp_path):
    train(make("kolen-pollack", epochs=1), out=tmp_path, progress=False)
    tensors, about = read_checkpoint(tmp_path / "last.safetensors")
    name = next(name for name in tensors if name.startswith("rule."))
    write_checkpoint(tmp_path / "last.safetensors", tensors | {name: tensors[name].double()}, about)
    refused(rf"{name}' is float64", train, make("kolen-pollack", epochs=2), out=tmp_path, resume=True)


@pytest.mark.parametrize("about", ["[]", "3", "{", "null"])
def test_a_checkpoint_that_says_no_table_is_damaged(make, run, monkeypatch, about):
    tensors, _ = read_checkpoint(run / "last.safetensors")
    monkeypatch.setattr("corticalnet.training.checkpoint.json.dumps", lambda content: about)
    write_checkpoint(run / "last.safetensors", tensors, {})
    monkeypatch.undo()
    refused("last.safetensors is damaged", train, make(**ADAM), out=run, resume=True)


VALUES = [
    ("model", 3, "'model' is 3; it should be a valid string"),
    ("file", 3, "'file' is 3"),
    ("sha256", "abc", "'sha256' is 'abc'"),
    ("arguments", [], r"'arguments' is \[\]; it should be an object"),
    ("network", "x", "'network' is 'x'; it should be a valid array"),
    ("versions", {"from_epoch": 0}, "'versions.from_epoch' is 0; it should be greater than or equal to 1"),
]


@pytest.mark.parametrize(("key", "value", "words"), VALUES, ids=[key for key, *_ in VALUES])
def test_values_of_another_type_are_told_with_file_and_key(make, run, key, value, words):
    about = json.loads((run / "settings.json").read_text())
    lacking = {name: one for name, one in about.items() if name != key}
    for content, told in ((about | {key: value}, words), (lacking, f"it lacks '{key}'")):
        (run / "settings.json").write_text(json.dumps(content))
        before = contents(run)
        refused(f"settings.json is damaged: {told}", train, make(**ADAM), out=run, resume=True)
        assert contents(run) == before


OTHERS = [
    ("torch", "1.0"),
    ("numpy", "1.0"),
    ("python", "3.0"),
    ("corticalnet", "0"),
    ("source", "0"),
    ("device", "gpu"),
]


@pytest.mark.parametrize(("key", "value"), OTHERS, ids=[key for key, _ in OTHERS])
def test_other_versions_must_be_wished_for_and_stay_on_record(make, run, key, value):
    tensors, about = read_checkpoint(run / "last.safetensors")
    now = about["versions"][0][key]
    about["versions"][0][key] = value
    write_checkpoint(run / "last.safetensors", tensors, about)
    before = contents(run)
    more = ADAM | {"epochs": 4}
    refused(
        f"made with {key} {value} there and .* here, so it would not",
        train,
        make(**more),
        out=run,
        resume=True,
    )
    assert contents(run) == before
    train(make(**more), out=run, resume=True, progress=False, other_versions=True)
    record = json.loads((run / "settings.json").read_text())
    assert (record["versions"][key], record["versions"]["from_epoch"]) == (now, 4)
    assert [(old[key], old["from_epoch"]) for old in record["earlier_versions"]] == [(value, 1)]
    train(make(**more | {"epochs": 5}), out=run, resume=True, progress=False)
    assert json.loads((run / "settings.json").read_text()) == record | {
        "settings": record["settings"] | {"epochs": 5}
    }


def test_another_number_of_threads_must_be_wished_for(make, run):
    torch.set_num_threads(2)
    refused("made with threads 1 there and 2 here", train, make(**ADAM), out=run, resume=True)
    torch.set_num_threads(1)
    train(make(**ADAM), out=run, resume=True, progress=False)
