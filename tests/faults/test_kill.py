"""Twenty SIGKILLs at random moments of one training, resumed after each: not a bit is lost.

The commands are the user's own, ``corticalnet train …``. They run in children of a fork server that
has imported everything once, so a kill costs a fraction of a second.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import signal
import sys
import time

import pytest
import torch

from corticalnet.cli import main
from corticalnet.training.checkpoint import read_checkpoint

KILLS = 8
EPOCHS = 150

MODEL = '''
import corticalnet as cn
from corticalnet.training import Settings

def build(seed=0):
    """Chance everywhere: dropout, exploration, order of the data; and state: Adam, slow averages."""
    areas = [
        cn.Area(cn.Convolution(3), "relu", homeostasis="batch", pool=2, dropout=0.2),
        cn.Area(cn.Dense(16), "relu", homeostasis="slow", dropout=0.2),
        cn.Area(cn.Dense(10), "linear"),
    ]
    rule = cn.rule("brainprop", exploration=0.2)
    settings = Settings(
        optimizer="adam", lr=0.003, batch=50, limit=100, weight_decay=1e-4, halve_every=60, patience=None
    )
    return cn.Model(cn.Network((1, 8, 8), areas, seed), rule, settings)
'''


def run(arguments, log):
    """What a child does: the command, on one thread, its output in a file."""
    torch.set_num_threads(1)
    sys.stdout = sys.stderr = open(log, "a")  # noqa: SIM115 (it ends with the process)
    main(arguments)


@pytest.fixture(scope="module")
def start():
    context = multiprocessing.get_context("forkserver")
    late = ["corticalnet.plotting", "sklearn.datasets", "torch._dynamo"]  # imported on first use
    context.set_forkserver_preload(["corticalnet.cli", *late])

    def begin(arguments, log):
        process = context.Process(target=run, args=([str(a) for a in arguments], str(log)))
        process.start()
        return process

    return begin


def state_of(folder):
    """Every tensor of a run's checkpoints, and its history without the times."""
    last, about = read_checkpoint(folder / "last.safetensors")
    best, _ = read_checkpoint(folder / "best.safetensors")
    timeless = [
        {key: value for key, value in record.items() if not key.startswith(("seconds", "samples"))}
        for record in about["history"]
    ]
    return {**last, **{f"in best: {name}": tensor for name, tensor in best.items()}}, timeless


def wait_for_a_random_moment(checkpoint, process, delays):
    """Some time while it starts, or (mostly) after its next checkpoint: in mid-epoch or mid-write."""
    if delays.random() < 0.2:
        time.sleep(delays.uniform(0.0, 0.2))
        return
    before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else None
    while not checkpoint.exists() or checkpoint.stat().st_mtime_ns == before:
        assert process.is_alive(), "the run ended by itself"
        time.sleep(0.002)
    time.sleep(delays.uniform(0.0, 0.05))


@pytest.mark.slow
def test_killed_many_times_and_resumed_to_the_same_bits(start, tmp_path):
    (tmp_path / "model.py").write_text(MODEL)
    log = tmp_path / "log.txt"
    command = ["train", tmp_path / "model.py", "--epochs", EPOCHS, "--out"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    uninterrupted = start([*command, whole], log)

    delays, reached, kills = random.Random(20201206), [], 0
    while kills < KILLS:
        begun = (killed / "settings.json").exists()
        process = start(["train", "--resume", killed] if begun else [*command, killed], log)
        wait_for_a_random_moment(killed / "last.safetensors", process, delays)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, log.read_text()
        kills += 1
        if (killed / "last.safetensors").exists():
            _, about = read_checkpoint(killed / "last.safetensors")  # whole, at any instant
            reached.append(len(about["history"]))
    assert reached == sorted(reached)
    assert len(set(reached)) >= 5, f"too few kills hit the training itself: {reached}"
    assert reached[-1] < EPOCHS, "the run was over before the last kill"

    final = start(["train", "--resume", killed], log)
    final.join()
    uninterrupted.join()
    assert final.exitcode == uninterrupted.exitcode == 0, log.read_text()
    tensors, history = state_of(killed)
    expected, expected_history = state_of(whole)
    assert tensors.keys() == expected.keys()
    assert [name for name in tensors if not torch.equal(tensors[name], expected[name])] == []
    assert any(name.startswith("optimizer") for name in tensors)
    assert history == expected_history
    lines = (killed / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == list(range(1, EPOCHS + 1))
    assert not list(killed.glob(".*"))
