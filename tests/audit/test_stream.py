"""A stream of trials of unknown timing: the columns' weights beside those of a twin that autograd trains."""

import json
import math
from dataclasses import replace

import pytest
import torch

import corticalnet as cn
from corticalnet.audit import autonomy_in_a_stream, stream
from corticalnet.audit.deltas import deltas
from corticalnet.circuits.cells.change_detector import PulseDetector
from corticalnet.errors import ProtocolError

F64 = torch.float64


def net(hidden="tanh", depth=3, scale=1.0, seed=0):
    made = cn.mlp([6, *[12] * (depth - 1), 4], hidden, seed=seed, dtype=F64)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter *= scale
    return made


class Autograd(cn.LearningRule):
    """The oracle: torch differentiates ½‖t − y‖²."""

    def learn(self, net, x, targets, *, accumulate=False):
        wanted = torch.nn.functional.one_hot(targets, 4).to(F64)
        net.zero_grad()
        (0.5 * (wanted - net(x)).square().sum()).backward()


@pytest.mark.parametrize("depth", [2, 5])
@pytest.mark.parametrize("hidden", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("gate", ["pulse", "prediction"])
def test_autonomous_columns_are_a_network_that_autograd_trains(gate, hidden, depth):
    for scale in (0.5, 2.0):
        rule, rate = cn.rule("fa-z-il", gate=gate, silence=3), 0.05 / max(1, scale) ** (2 * depth - 2)
        report = autonomy_in_a_stream(net(hidden, depth, scale), rule, learning_rate=rate, twin=Autograd())
        assert len(report.distances) == 30
        assert report.worst < 1e-10
        assert report.spikes == report.expected
        assert len(set(report.timing)) > 15  # the timing is unknown indeed


@pytest.mark.parametrize("pooled", [False, True])
def test_brian2_says_the_same(pooled):
    pytest.importorskip("brian2")
    rule = cn.rule("streaming-fa-z-il", pooled=pooled)
    runs = [autonomy_in_a_stream(net("relu"), rule, engine=engine) for engine in ("torch", "brian2")]
    assert runs[0].spikes == runs[1].spikes == runs[0].expected
    assert max(run.worst for run in runs) < 1e-10
    assert max(runs[0].expected) == (3 if pooled else max(runs[0].expected))


def test_who_needs_to_be_told_and_is_not_learns_nothing_or_something_else():
    clocked, paper = cn.rule("z-il"), cn.rule("fa-z-il")
    assert set(autonomy_in_a_stream(net(), clocked, trials=5).distances) == {1.0}
    assert autonomy_in_a_stream(net(), clocked, trials=5, announced=True).worst < 1e-10
    assert autonomy_in_a_stream(net("relu"), paper, trials=5).worst > 0.1
    # One error that leaves rest in a network of depth 1: there is nothing to get wrong.
    flat = cn.mlp([6, 4], seed=0, dtype=F64)
    assert autonomy_in_a_stream(flat, paper, trials=5, announced=True).worst < 1e-10


def test_feedback_alignment_has_a_twin_of_its_own():
    rule = cn.rule("streaming-fa-z-il", feedback=cn.Random(seed=5))
    assert autonomy_in_a_stream(net(), rule, trials=10).worst < 1e-10
    assert autonomy_in_a_stream(net(), rule, trials=10, twin=cn.rule("backprop")).worst > 0.1


class Late(PulseDetector):
    """A fault: φ fires a step late."""

    state = {"phi": 0.0, "silent": 0.0, "due": 0.0}

    def detect(self, cell, port, dt):
        new = super().detect(cell, port, dt)
        return {**new, "phi": cell.due, "due": new["phi"]}


@pytest.mark.parametrize("area", ["area1", "area2", "output"])
def test_a_detector_that_fires_late_is_seen(area):
    rule = cn.rule("streaming-fa-z-il")
    circuit = cn.circuit(net(), rule, 0.1)
    populations = [replace(p, cell=Late()) if p.name == f"{area}.phi" else p for p in circuit.populations]
    # (trials enough: an output that learns a step late learns the same, where the teacher stays for it)
    report = autonomy_in_a_stream(net(), rule, trials=30, circuit=replace(circuit, populations=populations))
    assert report.worst > 1e-3


def test_a_threshold_above_the_errors_is_seen():
    report = autonomy_in_a_stream(net(), cn.rule("streaming-fa-z-il", threshold=5.0), trials=4)
    assert set(report.distances) == {1.0}
    assert sum(report.spikes) == 0 < sum(report.expected)


def test_expected_spikes_are_deltas_of_autograd():
    network, rule = net("relu", 4), cn.rule("streaming-fa-z-il")
    x, y = torch.rand(5, 6, dtype=F64), torch.randint(4, (5,))
    report = autonomy_in_a_stream(network, rule, trials=5, learning_rate=0.0, stimuli=x, targets=y)
    _, activity, found = deltas(network, rule, x, y)
    drives = [x.requires_grad_()]
    for link in network.links:
        drives.append(link.drive(drives[-1].relu() if len(drives) > 1 else drives[-1]))
    loss = 0.5 * (torch.nn.functional.one_hot(y, 4) - drives[-1]).square().sum()
    wanted = torch.autograd.grad(loss, drives[1:])
    for delta, gradient in zip(found[1:], wanted, strict=True):
        assert torch.allclose(delta, -gradient, rtol=0, atol=1e-14)
    counts = sum((gradient != 0).sum(1) for gradient in wanted)
    assert list(report.expected) == counts.tolist() == list(report.spikes)
    assert len(activity.rates) == 5


def test_running_in_pieces_changes_nothing(monkeypatch):
    rule = cn.rule("streaming-fa-z-il")
    whole = autonomy_in_a_stream(net(), rule, trials=6)
    monkeypatch.setattr(stream, "_MOST", 1)
    assert autonomy_in_a_stream(net(), rule, trials=6) == whole


def test_what_ran_away_can_be_written_and_printed():
    done = []
    report = autonomy_in_a_stream(
        net("linear", scale=9.0),
        cn.rule("il"),
        trials=12,
        announced=True,
        learning_rate=9.0,
        progress=done.append,
    )
    written = report.to_dict()
    json.dumps(written, allow_nan=False)
    assert math.isinf(report.worst)
    assert written["worst"] is None
    assert done == list(range(1, 13))
    assert str(report).count("\n") == 13


def test_lessons_must_be_as_many_as_trials():
    with pytest.raises(ProtocolError, match="trials = 30 needs as many stimuli and targets, not 4 and 30"):
        autonomy_in_a_stream(net(), cn.rule("streaming-fa-z-il"), stimuli=torch.rand(4, 6))


def test_continuous_time_is_measured_when_the_teacher_has_gone():
    """The latch changes weights when errors are back at rest; with dt = τ its steps are those of the rule."""
    rule = cn.rule("streaming-fa-z-il")
    circuit = cn.circuit(
        net(depth=2), rule, 0.1, dynamics=cn.Continuous("latch", tau=10, dt=10, read_delay=50)
    )
    report = autonomy_in_a_stream(net(depth=2), rule, trials=3, circuit=circuit)
    assert report.worst < 1e-10
    assert report.spikes == report.expected == (2, 2, 2)


def test_noise_is_heard_and_a_threshold_above_it_helps():
    noise = [cn.Noise(f"{area}.prediction", "prediction", 1e-6) for area in ("area1", "output")]
    exact, tolerant = (cn.rule("streaming-fa-z-il", pooled=True, threshold=t) for t in (0.0, 1e-2))
    assert autonomy_in_a_stream(net(depth=2), exact, trials=3, noise=noise).worst > 0.1
    found = autonomy_in_a_stream(net(depth=2), tolerant, trials=3, noise=noise)
    assert 1e-9 < found.worst < 1e-3
    assert found.spikes == found.expected
