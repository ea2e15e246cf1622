"""Every mistake a user can make is one clear line, a non-zero exit, and leaves nothing half-written."""

from __future__ import annotations

import gzip
import json
import struct

import pytest

GOOD = """
import corticalnet as cn
from corticalnet.training import Settings
"""

MODELS = {
    "syntax": ("def build(:\n", "model.py, line 1: SyntaxError"),
    "import": (
        "import corticalnets\n",
        "model.py, line 1: ModuleNotFoundError: No module named 'corticalnets'",
    ),
    "no build": ("x = 1\n", "model.py: has no function build(**settings) that returns a Model"),
    "returns": ("def build():\n    return 3\n", "model.py: build() must return a corticalnet.Model, not int"),
    "raises": (
        "def build():\n    x = 1\n    return x / 0\n",
        "model.py, line 3: ZeroDivisionError: division by",
    ),
    "network": (
        GOOD + "def build():\n    return cn.Model(cn.mlp([64]), 'backprop')\n",
        "model.py, line 5: NetworkError: mlp needs at least input and output sizes, not [64]",
    ),
    "rule": (
        GOOD + "def build():\n    return cn.Model(cn.mlp([64, 10]), 'zil')\n",
        "RuleError: unknown rule 'zil'; did you mean 'z-il'?",
    ),
    "parts": (
        GOOD + "def build():\n    return cn.Model('net', 'backprop')\n",
        "a model's network must be a Network, not 'net'",
    ),
    "exchanged": (
        GOOD + "def build():\n    model = cn.Model(cn.mlp([64, 10]), 'backprop')\n"
        "    model.settings = None\n    return model\n",
        "ModelError: a model's settings must be a Settings, not NoneType",
    ),
    "leaves": ("import sys\nsys.exit(7)\n", "model.py, line 2: SystemExit: 7"),
    "bytes": ("\0", "model.py"),
}


def one_line(done, *words):
    """One line on stderr, beginning with "error:", and none of it a traceback."""
    assert done.code == 1, done.err
    lines = done.err.strip().splitlines()
    assert len(lines) == 1, done.err
    assert lines[0].startswith("error: ")
    assert "Traceback" not in done.err
    assert done.out == ""
    for word in words:
        assert word in lines[0]


@pytest.mark.parametrize("kind", MODELS)
def test_malformed_model_files(cli, place, kind):
    text, words = MODELS[kind]
    (place / "model.py").write_text(text)
    one_line(cli("train model.py --out run"), words)
    assert not (place / "run").exists()


@pytest.mark.parametrize("command", ["train model.py --epochs 1 --json", "train model.py --seeds 2 --json"])
def test_what_a_model_file_prints_is_no_part_of_the_json(cli, place, command):
    small = (place / "models" / "small.py").read_text()
    (place / "model.py").write_text(small.replace("    areas", "    print('built')\n    areas", 1))
    done = cli(command)
    assert done.code == 0, done.err
    assert "built" in done.err
    assert json.loads(done.out)


MISTAKES = [
    ("train smal", "unknown model 'smal'; did you mean 'small'? Choices:"),
    ("train nowhere/model.py", "there is no model file 'nowhere/model.py'"),
    ("train small --data digit", "unknown data set 'digit'; did you mean 'digits'?"),
    ("train small --data folder:nowhere", "nowhere"),
    ("train small --rule brain", "unknown rule 'brain'; did you mean 'brainprop'?"),
    ("train small --set colums=3", "small: unknown setting 'colums'; did you mean 'columns'?"),
    ("train small --set columns", "--set takes key=value, not 'columns'"),
    ("train small --set columns=many", "Dense: columns must be a whole number from 1, not 'many'"),
    ("train small --epochs 0", "setting 'epochs' must be a whole number from 1, not 0"),
    ("train small --device gpu", "setting 'device' must be 'auto', 'cpu' or 'cuda', not 'gpu'"),
    ("train small --precision half", "'float32', 'float64', 'tf32' or 'bfloat16', not 'half'"),
    ("train small --set validation=100000", "validation"),
    ("train small --data mnist --data-folder nowhere", "nowhere"),
    ("train small --set classes=5", "label 9 is out of range; the output has columns 0 to 4"),
    ("train small --set input_shape=(3,8,8)", "the network's input is 3×8×8, but images of digits are 1×8×8"),
    ("train small --set lr=1e30 --set batch=10", "the loss is no longer finite in epoch 1 (rule backprop)"),
    ("data fetch mnits", "unknown data set 'mnits'; did you mean 'mnist'?"),
    ("train --resume nowhere", "there is no run to resume in nowhere"),
    ("train small --resume run --seeds 2", "leave out --out and --seeds"),
]


@pytest.mark.parametrize(("command", "words"), MISTAKES, ids=[command for command, _ in MISTAKES])
def test_mistakes(cli, place, command, words):
    one_line(cli(command), words)
    assert not list(place.rglob("*.safetensors"))
    assert not list(place.rglob("*.part"))


def test_usage_errors_exit_with_2(cli):
    for command in ("train", "train small --epoch 3", "trian small", "train small --epochs many"):
        done = cli(command)
        assert done.code == 2
        assert "Traceback" not in done.err


@pytest.mark.parametrize("damage", ["truncated", "corrupt", "labels"])
def test_unsound_archives(cli, place, damage):
    folder = place / "mnist"
    folder.mkdir()
    for part in ("train", "t10k"):
        images = struct.pack(">HBB3I", 0, 8, 3, 20, 28, 28) + bytes(20 * 28 * 28)
        labels = struct.pack(">HBBI", 0, 8, 1, 20) + bytes([77 if damage == "labels" else 7]) * 20
        content = gzip.compress(images)
        if damage == "truncated":
            content = content[: len(content) // 2]
        elif damage == "corrupt":
            content = b"not gzip at all"
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(content)
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    done = cli("train small --out run --data mnist --data-folder", folder)
    one_line(done, "label 77" if damage == "labels" else "train-images-idx3-ubyte.gz")
    assert not (place / "run").exists()


def test_a_folder_that_cannot_be_written(cli, place):
    (place / "file").write_text("in the way")
    one_line(cli("train small --out file/run"), "cannot make folder file/run: Not a directory")
    one_line(cli("train small --seeds 2 --out file/run"), "cannot make folder file/run: Not a directory")
    assert (place / "file").read_text() == "in the way"


def test_a_folder_with_a_run(cli, place):
    assert cli("train small --out run").code == 0
    before = (place / "run" / "last.safetensors").read_bytes()
    one_line(
        cli("train small --out run"),
        "run holds a finished run; go on with resume=True (--resume run), or choose another out= (--out)",
    )
    assert (place / "run" / "last.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            "--set columns=9",
            "of another network: areas.area1.links.0.weight is [8, 64] there and [9, 64] here",
        ),
        ("--rule brainprop", "of another rule"),
        ("--set lr=0.3", "other settings: lr is 0.1 there and 0.3 here"),
    ],
)
def test_a_checkpoint_of_something_else(cli, place, more, words):
    assert cli("train small --out run").code == 0
    before = (place / "run" / "last.safetensors").read_bytes()
    one_line(cli(f"train --resume run --epochs 5 {more}"), words)
    assert (place / "run" / "last.safetensors").read_bytes() == before


def test_damaged_runs(cli, place):
    assert cli("train small --out run").code == 0
    last = place / "run" / "last.safetensors"
    last.write_bytes(last.read_bytes()[:-100])
    one_line(cli("train --resume run --epochs 5"), "checkpoint run/last.safetensors is damaged")
    (place / "run" / "settings.json").write_text("{}")
    one_line(cli("train --resume run"), "run/settings.json is damaged")


def test_a_model_file_that_is_gone(cli, place):
    assert cli("train small --out run").code == 0
    (place / "models" / "small.py").unlink()
    one_line(cli("train --resume run"), "there is no model file", "small.py")


def test_what_nobody_foresaw_keeps_its_traceback(cli, monkeypatch):
    monkeypatch.setattr("corticalnet.training.loop.check_fit", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli("train small")
