"""Results: their folder is tried before the work; what the disk refuses is elsewhere, and said."""

from __future__ import annotations

import ctypes
import errno
import io
import json
import os
import resource
import signal
import sys
import tempfile
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

import corticalnet as cn
from corticalnet.cli.results import as_figures, as_json_file, try_folder, write
from corticalnet.errors import OutputError
from corticalnet.store import write_whole

SIMULATE = "simulate small --data digits --rule z-il --trials 1"
COMMANDS = {
    "simulate": (SIMULATE, "corticalnet.simulate"),
    "validate": ("validate small --rule z-il --cells 2 --trials 1", "corticalnet.validate"),
    "audit": ("audit z-il --quick", "corticalnet.audit_rule"),
    "autonomy": (
        "autonomy small --rule z-il --trials 1 --samples 2",
        "corticalnet.audit.detection_by_silence",
    ),
    "demo": ("demo --epochs 1", "corticalnet.demo.run"),
}
NOWHERE = {
    "below a file": ("file/x", "Not a directory"),
    "a file": ("file", "File exists"),
    "too long": ("x" * 300, "File name too long"),
    "no disk": ("/proc/x", "cannot make folder /proc/x"),
}


@pytest.mark.parametrize("where", NOWHERE)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_cannot_be_written_to_is_told_before_the_work(cli, place, monkeypatch, command, where):
    call, work = COMMANDS[command]
    monkeypatch.setattr(work, lambda *arguments, **more: pytest.fail("it worked first"))
    (place / "file").write_text("in the way")
    out, said = NOWHERE[where]
    done = cli(call, "--out", out)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert said in done.err
    assert (place / "file").read_text() == "in the way"


def test_a_folder_is_tried_without_a_trace(tmp_path):
    before = sorted(tmp_path.rglob("*"))
    try_folder(tmp_path, "a.json")
    try_folder(tmp_path / "new" / "newer")
    assert sorted(tmp_path.rglob("*")) == before
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.json").mkdir()
    with pytest.raises(OutputError, match=r"cannot write .*a\.json: it is a folder"):
        try_folder(tmp_path / "there", "a.json")


@pytest.fixture
def full(monkeypatch):
    """``full(*names)``: the disk that folders of these names are on is full."""
    real = os.replace

    def fill(*names):
        def replace(old, new):
            if any(f"{os.sep}{name}" in str(new) or str(new).startswith(name) for name in names):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            real(old, new)

        monkeypatch.setattr("corticalnet.store.writing.os.replace", replace)

    return fill


@pytest.fixture
def room(tmp_path, monkeypatch):
    """Where there is room for what a full disk refuses."""
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(room))
    return room


def test_a_recording_that_a_full_disk_refuses_is_elsewhere(cli, full, room, place):
    full("here")
    done = cli(f"{SIMULATE} --out here --no-plot --json")
    assert done.code == 1
    assert "relative_change" in json.loads(done.out)
    (line,) = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert "cannot write here/recording.nc: No space left on device; in " in line
    (saved,) = room.glob("corticalnet-*")
    assert str(saved) in line
    assert cn.load_recording(saved / "recording.nc").sizes["time"] > 0
    assert cn.Circuit.load(saved / "circuit").populations
    assert list((place / "here").iterdir()) == []


@pytest.mark.parametrize("command", ["audit", "validate"])
def test_numbers_that_a_full_disk_refuses_are_printed_and_elsewhere(cli, full, room, monkeypatch, command):
    call, work = COMMANDS[command]
    monkeypatch.setattr(work, lambda *arguments, **more: SimpleNamespace(to_dict=lambda: {"found": 7}))
    monkeypatch.setattr("corticalnet.audit.figure", lambda reports: Figure())
    monkeypatch.setattr("corticalnet.audit.figures", lambda report: {"cosine": Figure()})
    full("here")
    done = cli(call, "--out", "here", "--json")
    assert done.code == 1
    printed = json.loads(done.out)
    assert printed.pop("files") == []
    assert "No space left on device; in " in done.err
    (figure,) = room.rglob("*.png")
    (saved,) = figure.parent.glob("*.json")
    assert json.loads(saved.read_text()) == (printed["reports"] if command == "audit" else printed)


def test_where_no_disk_has_room_what_is_lost_is_said(full, room, tmp_path):
    full("")
    written = write(tmp_path / "here", {"a.json": as_json_file(1), "b.json": as_json_file(2)})
    assert written.paths == []
    assert written.trouble.endswith("a.json: No space left on device; lost: a.json, b.json")
    assert list(room.iterdir()) == []
    with pytest.raises(OutputError):
        written.check()


@pytest.mark.parametrize("when", ["drawn", "saved"])
def test_numbers_of_which_no_figure_can_be_drawn_are_kept(full, room, tmp_path, monkeypatch, when):
    def draw():
        if when == "drawn":
            raise np.linalg.LinAlgError("Singular matrix")
        return {"a": Figure(), "wide": Figure(figsize=(1e9, 1))}

    full("b.json")
    files = {"a.json": as_json_file(1), **as_figures(draw), "b.json": as_json_file(2)}
    written = write(tmp_path / "here", files)
    drawn = [] if when == "drawn" else ["a.png"]
    assert [path.name for path in written.paths] == ["a.json", *drawn]
    assert "cannot draw " in written.trouble
    assert "No space left on device" in written.trouble
    assert written.trouble.endswith("lost: b.json")


def test_what_there_is_room_for_stays_in_its_place(full, room, tmp_path):
    full("big.json")
    written = write(tmp_path / "here", {"big.json": as_json_file(1), "small.json": as_json_file(2)})
    assert written.paths == [tmp_path / "here" / "small.json"]
    assert written.trouble.endswith("lost: big.json")


def test_a_recording_on_a_disk_that_is_really_full_ends_in_no_signal(place, tmp_path):
    """A process that may write files of 64 KiB at most: HDF5 must not notice."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
            sys.stderr = io.StringIO()
            sys.stdout = io.StringIO()
            cn.cli.main([*SIMULATE.split(), "--no-plot", "--out", "here"])
        except SystemExit as end:
            lost = "lost: recording.nc" in sys.stderr.getvalue()
            code = end.code if lost else 98
        finally:
            ctypes.CDLL(None).exit(code)  # as a process ends: HDF5 writes what it still holds
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the machine has no /dev/full")
@pytest.mark.parametrize("command", ["list", "list --json", "data list"])
def test_an_output_that_cannot_be_printed_is_an_error(monkeypatch, capsys, command):
    with open("/dev/full", "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        with pytest.raises(SystemExit) as end:
            cn.cli.main(command.split())
        monkeypatch.undo()
    assert end.value.code == 1
    assert capsys.readouterr().err == "error: cannot print the results: No space left on device\n"


def test_a_pipe_that_nobody_reads_is_an_error(monkeypatch, capsys):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        with pytest.raises(SystemExit) as end:
            cn.cli.main(["list"])
        monkeypatch.undo()
    assert end.value.code == 1
    assert capsys.readouterr().err == "error: cannot print the results: Broken pipe\n"


@pytest.mark.parametrize("command", ["list", "list --json"])
def test_a_terminal_without_unicode_is_shown_all_the_same(place, monkeypatch, command):
    (place / "models" / "z.py").write_text('"""φ in steps."""\n')
    out = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", out)
    with pytest.raises(SystemExit) as end:
        cn.cli.main(command.split())
    monkeypatch.undo()
    assert end.value.code == 0
    shown = out.buffer.getvalue().decode("ascii")
    if "json" in command:
        assert "φ in steps." in [model["about"] for model in json.loads(shown)["models"]]
    else:
        assert r"\u03c6 in steps." in shown


def test_a_path_that_is_no_text_is_written_as_json(tmp_path):
    name = os.fsdecode(b"a\xff")
    as_json_file([name])(tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text()) == [name]
    write_whole(tmp_path / name, "x")
