"""Locks: one process at a time has a folder, and none keeps it after its death."""

from __future__ import annotations

import errno
import fcntl
import json
import multiprocessing
import os
import signal
import socket
import threading
import time

import pytest

from corticalnet.errors import CheckpointError, OutputError
from corticalnet.store import locked

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def take(folder):
    with locked(folder):
        pass


def hold(folder, pipe):
    with locked(folder):
        pipe.send("held")
        time.sleep(60)


@pytest.fixture
def holder(tmp_path):
    """Another process that has the folder."""
    context = multiprocessing.get_context("fork")
    mine, its = context.Pipe()
    process = context.Process(target=hold, args=(tmp_path, its))
    process.start()
    assert mine.recv() == "held"
    yield process
    process.kill()
    process.join()


@pytest.fixture(params=["locks", "no locks"])
def file_system(request, monkeypatch):
    """With locks, and as one that has none."""

    def none(*arguments):
        raise OSError(errno.ENOTSUP, "Operation not supported")

    if request.param == "no locks":
        monkeypatch.setattr("fcntl.flock", none)


@pytest.mark.usefixtures("file_system", "holder")
def test_another_process_is_told_by_number_and_machine(tmp_path):
    words = rf"is in use by process \d+ on {socket.gethostname()} since 20.*; wait until it has ended"
    with pytest.raises(CheckpointError, match=words), locked(tmp_path, CheckpointError):
        pass


@pytest.mark.usefixtures("file_system")
def test_the_lock_of_a_process_that_was_killed_is_taken_over(tmp_path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    assert list(tmp_path.iterdir())
    with locked(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("file_system")
def test_threads_of_one_process_exclude_each_other_and_nothing_is_left(tmp_path):
    inside, most, refused = [], [], []

    def work():
        for _ in range(40):
            try:
                with locked(tmp_path):
                    inside.append(1)
                    most.append(len(inside))
                    inside.pop()
            except OutputError:
                refused.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(most) + len(refused) == 160
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_is_a_link_a_pipe_or_somebodys_file_is_left_alone(tmp_path):
    lock, precious = tmp_path / "lock", tmp_path / "precious"
    precious.write_text(json.dumps({"pid": 1, "host": "elsewhere", "since": "then"}))
    for make in (lambda: lock.symlink_to(precious), lambda: os.link(precious, lock), lambda: os.mkfifo(lock),
                 lambda: lock.write_text("mine"), lambda: lock.write_text("[]"), lock.mkdir):  # fmt: skip
        make()
        before = precious.read_bytes()
        with pytest.raises(OutputError, match=r"cannot write to folder|that corticalnet has not written"):
            take(tmp_path)
        assert precious.read_bytes() == before
        lock.rmdir() if lock.is_dir() and not lock.is_symlink() else lock.unlink()


def test_without_locks_a_process_of_another_machine_is_believed_to_be_there(tmp_path, monkeypatch):
    monkeypatch.setattr("corticalnet.store.lock.fcntl", None)
    owner = {"pid": 2**22 + 1, "host": "elsewhere", "since": "then"}
    (tmp_path / "lock.owner").write_text(json.dumps(owner))
    with pytest.raises(
        OutputError, match=r"on elsewhere since then.*If that process is gone, remove .*lock.owner"
    ):
        take(tmp_path)
    (tmp_path / "lock.owner").write_text(json.dumps(owner | {"host": socket.gethostname()}))
    take(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_or_refuses_is_a_sentence(tmp_path):
    with pytest.raises(OutputError, match=r"cannot write to folder .*nowhere: No such file or directory"):
        take(tmp_path / "nowhere")


def test_a_lock_that_was_let_go_while_it_was_opened_does_not_count(tmp_path, monkeypatch):
    real, other = fcntl.flock, []

    def late(file, how):
        if not other:  # in between, its owner lets it go and another process makes a new one
            (tmp_path / "lock").unlink()
            other.append((tmp_path / "lock").open("w"))
            real(other[0], how)
        real(file, how)

    monkeypatch.setattr("fcntl.flock", late)
    with pytest.raises(OutputError, match="is in use by another process"):
        take(tmp_path)
    other[0].close()
