"""Files: whole or not there, never through a link, never under a name that is there."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import pytest

from corticalnet.errors import CircuitError, OutputError
from corticalnet.store import clear_unfinished, make_folder, read_whole, replacing, write_json, write_whole


def test_what_is_written_is_there_and_nothing_else(tmp_path):
    write_whole(tmp_path / "a", b"bytes")
    write_whole(tmp_path / "b", "τ")
    write_json(tmp_path / "c", {"τ": [1, None]})
    with replacing(tmp_path / "d") as file:
        Path(file.name).write_bytes(b"by a library")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "a": b"bytes",
        "b": "τ".encode(),
        "c": (tmp_path / "c").read_bytes(),
        "d": b"by a library",
    }
    assert json.loads((tmp_path / "c").read_text()) == {"τ": [1, None]}


def test_a_file_has_the_users_usual_mode(tmp_path):
    (tmp_path / "usual").touch()
    write_whole(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("target", ["file", "nowhere", "folder"])
def test_a_link_is_replaced_and_what_it_points_to_stays(tmp_path, target):
    (tmp_path / "file").write_text("precious")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / target)
    write_whole(tmp_path / "link", b"new")
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "link").read_bytes() == b"new"
    assert (tmp_path / "file").read_text() == "precious"
    assert not (tmp_path / "nowhere").exists()
    assert list((tmp_path / "folder").iterdir()) == []


def test_even_a_foreseen_name_is_not_written_through(tmp_path, monkeypatch):
    monkeypatch.setattr("secrets.token_hex", lambda size: "0" * 2 * size)
    (tmp_path / "precious").write_text("precious")
    (tmp_path / f".{'0' * 16}.part").symlink_to(tmp_path / "precious")
    with pytest.raises(OutputError, match=r"cannot write .*a: File exists"):
        write_whole(tmp_path / "a", b"new")
    assert (tmp_path / "precious").read_text() == "precious"


def test_names_on_the_way_differ_each_time(tmp_path):
    names = set()
    for _ in range(5):
        with replacing(tmp_path / "a") as file:
            names.add(file.name)
    assert len(names) == 5


@pytest.mark.parametrize(
    "end", [KeyboardInterrupt, ValueError, OSError(errno.ENOSPC, "No space left on device")]
)
def test_a_block_that_ends_badly_changes_nothing(tmp_path, end):
    (tmp_path / "a").write_text("old")

    def write():
        with replacing(tmp_path / "a") as file:
            file.write(b"half")
            raise end

    with pytest.raises(OutputError if isinstance(end, OSError) else end):
        write()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "old"}


def test_errors_are_a_sentence_and_of_the_callers_kind(tmp_path):
    with pytest.raises(CircuitError, match=r"cannot write .*nowhere/a: No such file or directory"):
        write_whole(tmp_path / "nowhere" / "a", b"", CircuitError)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match=r"cannot write .*folder: Is a directory"):
        write_whole(tmp_path / "folder", b"")
    (tmp_path / "a").touch()
    with pytest.raises(OutputError, match=r"cannot make folder .*a/b: Not a directory"):
        make_folder(tmp_path / "a" / "b")


def test_a_folder_that_refuses_files_is_found_out_at_once(tmp_path, monkeypatch):
    def full(*arguments, **more):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("pathlib.Path.touch", full)
    with pytest.raises(OutputError, match=r"cannot write to folder .*: Read-only file system"):
        make_folder(tmp_path / "new")


def test_what_killed_processes_left_is_cleared_and_nothing_else(tmp_path):
    for name in (f".{'0a' * 8}.part", ".mine.part", "a.part", f".{'0a' * 8}"):
        (tmp_path / name).touch()
    clear_unfinished(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {".mine.part", "a.part", f".{'0a' * 8}"}


def test_pipes_devices_and_folders_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero", tmp_path):
        with pytest.raises(OSError, match=r"not a regular file|Is a directory"):
            read_whole(path)
    write_whole(tmp_path / "pipe", b"new")  # and what is written takes a pipe's place
    assert stat.S_ISREG((tmp_path / "pipe").stat().st_mode)
    assert read_whole(tmp_path / "pipe") == b"new"
