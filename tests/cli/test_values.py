"""Odd words on the command line, and model files that raise: one line, no traceback, no waiting."""

from __future__ import annotations

import os
import warnings

import pytest

import corticalnet as cn
from corticalnet.errors import CircuitWarning
from corticalnet.training import load_model

LONG = "x" * 300
HUGE = str(10**26)
SIMULATE = "simulate small --data digits --rule z-il --trials 1"
AUTONOMY = "autonomy small --rule z-il --trials 1 --samples 2"
#: The command, the odd words at its end, the exit status (2: the words alone are wrong), what is said.
ODD = [
    ("train small --seed", [HUGE], 1, "setting 'seed' must be a whole number from 0 to 2⁶³ − 1"),
    (f"{SIMULATE} --seed", [HUGE], 2, "'--seed'"),
    ("audit z-il --quick --seed", [HUGE], 2, "'--seed'"),
    ("demo --seed", [HUGE], 2, "'--seed'"),
    (f"{SIMULATE} --slack", [HUGE], 1, "a trial would take 1e+26 steps"),
    (f"{SIMULATE} --dynamics latch --tau", ["1e300 ms"], 1, "steps; take a longer --dt"),
    (f"{SIMULATE} --cells-per-column", [HUGE], 2, "'--cells-per-column'"),
    ("validate small --rule z-il --cells", [HUGE], 2, "'--cells'"),
    ("validate small --rule z-il --window", ["1e300 ms"], 1, "--window must be from 0 to 1e+06 ms"),
    ("validate small --rule z-il --window", ["nan"], 1, "--window must be from 0 to 1e+06 ms"),
    ("validate small --rule z-il --window", ["5 kg"], 1, "unknown unit 'kg'"),
    (f"{SIMULATE} --lr", ["nan"], 2, "'--lr'"),
    (f"{AUTONOMY} --lr", ["inf"], 2, "'--lr'"),
    ("train small --epochs", ["many"], 2, "'--epochs'"),
    ("train small --set", ["columns={[]: 1}"], 1, "columns must be a whole number"),
    ("train small --set", ["columns=" + "-" * 100_000 + "1"], 1, "columns must be a whole number"),
    ("train small --set", ["columns=" + "(" * 5000 + ")" * 5000], 1, "columns must be a whole number"),
    ("train small --set", [r"columns='\d'"], 1, "columns must be a whole number"),
    ("train small --set", [f"columns={10**31}"], 1, "small.py"),
    ("train small --set", ["name_or_path=3"], 1, "unknown setting 'name_or_path'"),
    ("train small --set", ["rule={}"], 1, "unknown rule '{}'"),
    ("train small --set", ["\x1b[2J=3"], 1, r"unknown setting '\x1b[2J'"),
    ("train", ["small", "a\0b"], 2, "NUL"),
    ("train", [LONG + ".py"], 1, "File name too long"),
    ("train", ["pipe.py"], 1, "it is not a regular file"),
    ("train", ["folder.py"], 1, "it is not a regular file"),
    ("train", ["./file.txt"], 1, "a model file is a Python file"),
    ("train", ["~nobody-of-that-name/m.py"], 1, "it is not there"),
    ("train small --data", ["folder:~nobody-of-that-name"], 1, "no folder of images"),
    ("train small --data", [f"folder:{LONG}"], 1, "File name too long"),
    (f"{SIMULATE} --weights", ["~nobody-of-that-name"], 1, "~nobody-of-that-name"),
    (f"{SIMULATE} --weights", [LONG], 1, "File name too long"),
    (f"{SIMULATE} --weights", ["pipe.py"], 1, "pipe.py"),
    ("audit", ["x" * 100_000], 1, "unknown rule"),
    ("audit z-il --set", ["name=3"], 1, "name"),
    ("audit fa-z-il --quick --set", [f"silence={HUGE}"], 1, "error: "),
    ("train small --set", [f"batch={HUGE}"], 1, "setting 'batch' must be a whole number from 1 to 2⁶³ − 1"),
    ("train small --seeds", [HUGE], 2, "'--seeds'"),
    ("train small --data mnist --data-folder", [LONG], 1, "no such folder"),
]


@pytest.mark.parametrize(
    ("command", "words", "code", "said"), ODD, ids=[f"{c} {w[0][:30]}".replace("\0", "") for c, w, *_ in ODD]
)
def test_odd_words_are_answered_in_one_line(cli, place, command, words, code, said):
    os.mkfifo(place / "pipe.py")
    (place / "folder.py").mkdir()
    (place / "file.txt").write_text("x = 1")
    done = cli(command, *words)
    line = done.err.removesuffix("\n")
    assert (done.code, done.out) == (code, "")
    assert line.startswith("error: ")
    assert said in line
    assert line.isprintable()
    assert len(line) < 1100


def test_a_setting_that_is_no_literal_is_a_text(cli, place):
    """So is one that Python cannot hold as a key, and one that is nested too deeply for it."""
    from corticalnet.cli.opening import parse_sets

    deep = "(" * 5000 + ")" * 5000
    assert parse_sets(["a={[]: 1}", f"b={deep}", "c=1e3", r"d='\d'"]) == {
        "a": "{[]: 1}",
        "b": deep,
        "c": 1000.0,
        "d": r"\d",
    }


def test_one_number_for_several_is_a_row_of_one(cli):
    assert load_model("zil_mlp", hidden=16).network.areas["area1"].shape == (16,)
    done = cli("train zil_mlp --set hidden=0")
    assert (done.code, "Dense: columns must be a whole number from 1, not 0" in done.err) == (1, True)
    assert "columns must be a whole number from 1, not 'wide'" in cli("train zil_mlp --set hidden=wide").err


def test_a_pipe_among_the_models_is_no_model(cli, place):
    os.mkfifo(place / "models" / "pipe.py")
    done = cli("list")
    assert done.code == 0
    assert "small" in done.out
    assert "pipe" not in done.out


RAISES = {
    "GeneratorExit": ("raise GeneratorExit", "line 1: GeneratorExit: no message"),
    "SystemExit": ("def build():\n    raise SystemExit(0)", "line 2: SystemExit: 0"),
    "of its own": ("class E(BaseException): pass\ndef build():\n    raise E('x')", "line 3: E: x"),
    "says nothing": (
        "class E(Exception):\n    def __str__(self):\n        raise ValueError\nraise E",
        "line 4: E: no message",
    ),
    "too deep": ("def build():\n    return build()", "RecursionError"),
    "commands": (r"raise ValueError('\x1b[2J')", r"ValueError: \x1b[2J"),
    "no signature": ("build = type", "m.py: "),
}


@pytest.mark.parametrize("kind", RAISES)
def test_whatever_a_model_file_raises_is_an_error_of_that_file(cli, place, kind):
    text, said = RAISES[kind]
    (place / "m.py").write_text(text + "\n")
    done = cli("train m.py --out run")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert "m.py" in done.err
    assert said in done.err


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("self.no_such_thing", "AttributeError: 'Own' object has no attribute 'no_such_thing'"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("raise GeneratorExit", "GeneratorExit: no message"),
    ],
)
def test_what_a_model_raises_later_is_an_error_of_its_file_too(cli, place, statement, said):
    text = (place / "models" / "small.py").read_text()
    own = f"class Own(cn.Dense):\n    def build(self, *shapes):\n        {statement}\n\n"
    (place / "m.py").write_text(
        text.replace("def build", own + "def build").replace("cn.Dense(columns)", "Own(columns)")
    )
    done = cli("train m.py --out run")
    assert done.code == 1
    assert f"m.py, line 10: {said}" in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(("kind", "file"), [(UserWarning, cn.__file__), (CircuitWarning, "elsewhere.py")])
def test_warnings_of_ours_are_one_line(cli, capsys, monkeypatch, kind, file):
    monkeypatch.setattr(warnings, "showwarning", None)  # (put back afterwards)
    cli("--version")
    warnings.showwarning("a\x1b[2J\nb", kind, file, 1)
    assert capsys.readouterr().err == "warning: a\\x1b[2J b\n"


def test_a_model_file_that_is_odd_is_listed(cli, place):
    (place / "models" / "deep.py").write_text("-" * 100_000 + "1")
    (place / "models" / "long.py").write_text('"""Long."""\n' + "#" * 2**20)
    (place / "models" / "bytes.py").write_bytes(b"\xff")
    (place / "models" / "commands.py").write_text('"""Clears \\x1b[2J all."""\n')
    done = cli("list")
    assert done.code == 0
    assert done.out.count("(cannot be read)") == 2
    assert "(too long to be read)" in done.out
    assert r"Clears \x1b[2J all." in done.out
    assert "\x1b" not in done.out


def test_an_interrupt_in_a_model_file_stays_one(cli, place):
    (place / "m.py").write_text("raise KeyboardInterrupt\n")
    done = cli("train m.py --out run")
    assert done.code == 130
    assert "Traceback" not in done.err
