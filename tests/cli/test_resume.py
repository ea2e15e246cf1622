"""``corticalnet train --resume``: a folder may come from anywhere, and has no say in what is executed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import py_compile
from importlib.util import cache_from_source

import pytest

CANARY = "\nimport pathlib\npathlib.Path('canary').touch()\n"


def one_line(done, *words):
    assert done.code == 1, done.err
    (line,) = done.err.strip().splitlines()
    assert line.startswith("error: ")
    for word in words:
        assert word in line


@pytest.fixture(params=["run", "runs of seeds"])
def folder(request, cli, place):
    """A run, or runs of two seeds, of ``models/small.py``, and the file that describes them."""
    more, name = ("", "settings.json") if request.param == "run" else ("--seeds 2", "seeds.json")
    assert cli(f"train small {more} --out run").code == 0
    return place / "run" / name


def rewrite(path, changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def code(path, text):
    path.write_text(text)
    return {"file": str(path), "sha256": hashlib.sha256(text.encode()).hexdigest()}


@pytest.mark.parametrize("where", ["in the folder", "relative", "through a link", "changed", "no checksum"])
def test_only_the_file_that_was_run_is_run(cli, place, folder, where):
    model = place / "models" / "small.py"
    text = model.read_text() + CANARY
    if where == "in the folder":
        rewrite(folder, code(folder.parent / "model.py", text))
    elif where == "relative":
        rewrite(folder, code(place / "other.py", text) | {"file": "other.py"})
    elif where == "through a link":
        (place / "link").symlink_to(folder.parent)
        rewrite(folder, code(place / "link" / "model.py", text))
    elif where == "changed":
        model.write_text(text)
    else:
        model.write_text(text)
        rewrite(folder, {"sha256": None})
    before = contents(place)
    words = {"changed": "has changed since the run in run began", "no checksum": "came from no model file"}
    one_line(cli("train --resume run --epochs 3"), words.get(where, "names a model file of its own"))
    assert contents(place) == before
    assert not (place / "canary").exists()


def test_a_changed_file_is_run_if_it_is_named(cli, place, folder):
    model = place / "models" / "small.py"
    model.write_text(model.read_text() + CANARY)
    one_line(cli("train --resume run --epochs 3"), "name it: corticalnet train MODEL --resume run")
    assert cli("train small --resume run --epochs 3").code == 0
    assert (place / "canary").exists()
    assert cli("train --resume run --epochs 4").code == 0  # now it is the file that was run


def test_a_model_of_the_package_is_found_where_the_package_is_now(cli, place):
    assert cli("train zil_mlp --set hidden=(4,) --set limit=60 --epochs 1 --out run").code == 0
    about = place / "run" / "settings.json"
    rewrite(about, {"file": "/an/older/environment/models/zil_mlp.py"})
    assert cli("train --resume run --epochs 2").code == 0
    rewrite(about, {"file": "/an/older/environment/models/zil_mlp.py", "sha256": "0" * 64})
    one_line(cli("train --resume run --epochs 3"), "zil_mlp.py has changed since the run in run began")


def test_compiled_code_beside_a_model_is_not_run(cli, place):
    model = place / "models" / "small.py"
    other = place / "other.py"
    other.write_text(model.read_text() + CANARY)
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(other), cache_from_source(str(model)), invalidation_mode=unchecked)
    assert cli("train small --out run").code == 0
    assert not (place / "canary").exists()


def test_settings_that_are_gone_can_be_named(cli, place):
    assert cli("train small --out run --set columns=9").code == 0
    (place / "run" / "settings.json").unlink()
    one_line(cli("train --resume run"), "run/settings.json is gone; to go on from last.safetensors, name the")
    one_line(
        cli("train small --resume run"), "of another network: areas.area1.links.0.weight is [9, 64] there"
    )
    assert cli("train small --resume run --set columns=9 --epochs 3").code == 0
    assert json.loads((place / "run" / "settings.json").read_text())["arguments"]["columns"] == 9


VALUES = [
    ("arguments", [], "'arguments' is []; it should be an object"),
    ("arguments", {"colums": 3}, "unknown setting 'colums'; did you mean 'columns'?"),
    ("arguments", {"name_or_path": "x"}, "unknown setting 'name_or_path'"),
    ("arguments", {"epochs": "three"}, "setting 'epochs' must be a whole number from 1, not 'three'"),
    ("arguments", {"limit": True}, "setting 'limit' must be a whole number from 1, or None (all images)"),
    ("file", ["x"], "'file' is ['x']; it should be a valid string"),
    ("sha256", "zz", "'sha256' is 'zz'"),
]


@pytest.mark.parametrize(("key", "value", "words"), VALUES, ids=[words for *_, words in VALUES])
def test_values_that_no_run_has_are_told(cli, place, folder, key, value, words):
    rewrite(folder, {key: value})
    before = contents(place)
    one_line(cli("train --resume run"), words)
    assert contents(place) == before


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ("0", "'seeds' is '0'; it should be a valid array"),
        ([], "'seeds' is []; List should have at least 1 item"),
        ([0, "1"], "'seeds.1' is '1'; it should be a valid integer"),
        ([0, 0], "'seeds' is [0, 0]; a seed comes twice"),
        ([-1], "'seeds.0' is -1; it should be greater than or equal to 0"),
    ],
    ids=str,
)
def test_seeds_that_no_runs_have_are_told(cli, place, seeds, words):
    assert cli("train small --seeds 2 --out run").code == 0
    rewrite(place / "run" / "seeds.json", {"seeds": seeds})
    one_line(cli("train --resume run"), "run/seeds.json is damaged", words)


DAMAGE = [b"", b'{"file": ', b"\xff\xfe", b"[]", b"null", b"a pipe"]


@pytest.mark.parametrize("damage", DAMAGE, ids=str)
def test_a_damaged_description_is_told(cli, place, folder, damage):
    folder.unlink()
    if damage == b"a pipe":
        os.mkfifo(folder)
    else:
        folder.write_bytes(damage)
    one_line(cli("train --resume run"), f"run/{folder.name}")


def test_a_folder_that_refuses_files_is_found_out_before_the_data_are_read(cli, place, monkeypatch):
    def refuse(*arguments, **more):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("corticalnet.training.loop.open_data", lambda *arguments: 1 / 0)
    monkeypatch.setattr("pathlib.Path.touch", refuse)
    for more in ("", "--seeds 2"):
        one_line(cli(f"train small {more} --out run"), "cannot write to folder run: Read-only file system")
    assert not (place / "run").exists()


def test_runs_of_seeds_go_on_with_their_own_seeds(cli):
    assert cli("train small --epochs 1 --seeds 2 --out sweep").code == 0
    for more in ("--seed 7", "--set seed=7"):
        done = cli(f"train --resume sweep {more}")
        assert done.code == 1
        assert done.err == "error: the runs in sweep have the seeds [0, 1]; leave out --seed\n"
