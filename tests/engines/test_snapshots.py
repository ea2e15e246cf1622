"""Snapshots in files, in other processes, and those that do not fit."""

import subprocess
import sys

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.engines.snapshot import Snapshot
from corticalnet.errors import SimulationError
from tests.engines.random_experiments import cut, one_experiment
from tests.engines.test_closed_loop import X, columns

ONE, TWO = np.zeros((1, 1)), np.zeros((2, 2))


def taught(engine="torch", **options):
    """A simulation in the middle of being taught."""
    circuit = columns("z-il")
    running = cn.simulator(circuit, engine, **options)
    running.run([cn.Present(X, circuit.needs.present), cn.Teach(2, 1)], check=False)
    return running


def go_on(running):
    return running.run([cn.Teach(2, running.circuit.needs.teach), cn.Rest(3)])


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["torch", "brian2"])
def test_through_a_file(engine, tmp_path):
    running = taught(engine)
    path = running.snapshot().save(tmp_path / "tuesday")
    assert path.name == "tuesday.safetensors"
    right = go_on(running)
    other = cn.simulator(running.circuit, engine)
    other.restore(tmp_path / "tuesday")
    assert (other.step, other.batch) == (running.circuit.needs.present + 1, 1)
    assert go_on(other).identical(right)


@pytest.mark.slow
@pytest.mark.own_seed  # (a shift of seeds does not reach the other process)
def test_in_another_process(tmp_path):
    """Noise, delays, traces and windows of records go on where they were."""
    experiment = one_experiment()
    first, rest = cut(experiment.elements, 7)
    running = cn.simulator(experiment.circuit, seed=experiment.seed)
    running.run(first, noise=experiment.noise, every=3)
    running.snapshot().save(tmp_path / "then")
    right = running.run(rest, noise=experiment.noise, every=3)
    code = f"""
import corticalnet as cn
from tests.engines.random_experiments import cut, one_experiment
experiment = one_experiment()
running = cn.simulator(experiment.circuit, seed=experiment.seed)
running.restore({str(tmp_path / "then")!r})
data = running.run(cut(experiment.elements, 7)[1], noise=experiment.noise, every=3)
data.to_netcdf({str(tmp_path / "data.nc")!r}, engine="h5netcdf")
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert cn.load_recording(tmp_path / "data.nc").equals(right)


@pytest.mark.parametrize(
    ("message", "other"),
    [
        (
            "of another engine: torch, but this simulator has brian2",
            lambda: cn.simulator(columns("z-il"), "brian2"),
        ),
        ("of another seed: 0, but this simulator has 1", lambda: cn.simulator(columns("z-il"), seed=1)),
        ("of another circuit", lambda: cn.simulator(columns("brainprop"))),
        ("of another options", lambda: cn.simulator(columns("z-il"), precision="float32")),
    ],
)
def test_a_snapshot_of_something_else(message, other):
    snapshot = taught().snapshot()
    running = other()
    with pytest.raises(SimulationError, match=message) as caught:
        running.restore(snapshot)
    assert "\n" not in str(caught.value)


def test_what_does_not_fit_changes_nothing(tmp_path):
    running, twin = taught(), taught()
    whole = running.snapshot()
    wrong = [
        ("lacks 'weight/input->area1'", lambda s, h: s.pop("weight/input->area1")),
        ("has an unknown 'state/9/value/rate'", lambda s, h: s.update({"state/9/value/rate": ONE})),
        (r"has shape \(2, 2\), but must have", lambda s, h: s.update({"weight/input->area1": TWO})),
        ("unknown input in the snapshot 'eye.stimulus'", lambda s, h: h.update({"eye.stimulus": ONE})),
        (r"input 'input.value.stimulus' in the snapshot has shape \(1, 9\)",
         lambda s, h: h.update({"input.value.stimulus": np.zeros((1, 9))})),
    ]  # fmt: skip
    for message, change in wrong:
        state, held = dict(whole.state), dict(whole.held)
        change(state, held)
        with pytest.raises(SimulationError, match=message):
            running.restore(Snapshot(whole.about, state, held))
    assert go_on(running).identical(go_on(twin))


def test_files_that_are_no_snapshots(tmp_path):
    with pytest.raises(SimulationError, match="there is no snapshot"):
        Snapshot.load(tmp_path / "none")
    path = taught().snapshot().save(tmp_path / "one")
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[-3] ^= 1
    for broken, message in (
        (b"", "cannot be read"),
        (content[:-9], "cannot be read"),
        (bytes(flipped), "checksum"),
    ):
        path.write_bytes(broken)
        with pytest.raises(SimulationError, match=message) as caught:
            Snapshot.load(path)
        assert "\n" not in str(caught.value)
    columns("z-il").save(tmp_path / "columns")
    with pytest.raises(SimulationError, match="is no snapshot of a simulation"):
        Snapshot.load(tmp_path / "columns.safetensors")


def test_an_interrupted_run_knows_how_far_it_came():
    """Ctrl-C: what has run has run, and the simulation goes on from there."""
    experiment, long = one_experiment(), [cn.Present([1.0, -1.0], 70)]
    options = {"noise": experiment.noise, "every": 3}
    running, whole = (cn.simulator(experiment.circuit) for _ in range(2))
    whole = whole.run(long, **options)
    engine, step = running.engine, running.engine.step

    def stop(t):
        if engine.windows.step == 50:
            raise KeyboardInterrupt
        step(t)

    engine.step = stop
    with pytest.raises(KeyboardInterrupt):
        running.run(long, **options)
    del engine.step
    assert 0 < running.step <= 50
    rest = running.run([cn.SetInput({}, 70 - running.step)], **options)
    assert rest.step[0] > 30
    for name in ("b.cells.rate", "a.spikes.spike", "up"):
        np.testing.assert_array_equal(rest[name].values, whole[name].values[-len(rest.time) :])
