"""Recordings that grow on disk are those that memory would hold; what cannot be written is said in time."""

import errno
import os
import tracemalloc

import h5py
import numpy as np
import pytest
import xarray as xr

import corticalnet as cn
from corticalnet.analysis import population_rate, spike_times
from corticalnet.circuits import Circuit, Population
from corticalnet.engines.snapshot import Snapshot
from corticalnet.errors import ProtocolError, SimulationError
from corticalnet.plotting import figures
from corticalnet.recordings import recording
from tests.engines.random_experiments import circuit, one_experiment
from tests.engines.small import Leaky
from tests.engines.test_guard import Doubling

EXPERIMENT = one_experiment()


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    """Pieces of two or three steps."""
    monkeypatch.setattr(recording, "PIECE", 90)


def running(seed=3, experiment=EXPERIMENT, engine="torch"):
    return cn.simulator(experiment.circuit, engine, seed)


def run(simulator, elements, **options):
    return simulator.run(elements, noise=EXPERIMENT.noise, **options)


# The same numbers --------------------------------------------------------------------------------
@pytest.mark.parametrize("engine", ["torch", "brian2"])
@pytest.mark.parametrize("every", [1, 3])
def test_a_file_holds_what_memory_would(engine, every, tmp_path):
    """All variables, coordinates, attributes; piece after piece, none of them all of it."""
    path = tmp_path / "run.nc"
    whole = run(running(engine=engine), EXPERIMENT.elements, every=every)
    streamed = run(running(engine=engine), EXPERIMENT.elements, every=every, to=path)
    xr.testing.assert_identical(streamed, whole)
    xr.testing.assert_identical(cn.load_recording(path), whole)
    assert streamed["up"].dtype == whole["up"].dtype
    assert streamed["a.spikes.spike"].dtype == whole["a.spikes.spike"].dtype == np.int8


def test_requests_are_streamed_too(tmp_path):
    requests = [cn.Record("b.cells", where=[1]), cn.Record("spike", reduce="mean"), "up"]
    whole, streamed = (
        run(running(), EXPERIMENT.elements, record=requests, last=11, to=to)
        for to in (None, tmp_path / "a.nc")
    )
    xr.testing.assert_identical(streamed, whole)


def test_runs_go_on_in_one_file_also_after_a_snapshot(tmp_path):
    """Of weights before, the first run's; after, the last one's; events of all of them."""
    path, elements = str(tmp_path / "run.nc"), EXPERIMENT.elements
    whole = run(running(), elements, every=3)
    first = running()
    run(first, elements[:1], every=3, to=path)
    seen = run(first, elements[1:2], every=3, to=path)
    values = seen["a.rate"].values.copy()
    first.snapshot().save(tmp_path / "then")
    second = running()
    second.restore(Snapshot.load(tmp_path / "then"))
    found = run(second, iter(elements[2:]), every=3, to=path)
    xr.testing.assert_identical(found, whole)
    # A recording that was returned before is still what it was, though its file has grown.
    np.testing.assert_array_equal(seen["a.rate"], values)
    assert seen.sizes["time"] == 3
    assert not seen["weights up"].sel(when="after").equals(found["weights up"].sel(when="after"))


def test_a_closed_loop_streams(tmp_path):
    def experiment(simulator):
        for k in range(6):
            yield cn.Present([simulator.read("a")[0, 0], k], 4)

    whole, streamed = (run(running(), experiment, to=to) for to in (None, tmp_path / "a.nc"))
    xr.testing.assert_identical(streamed, whole)


def test_figures_and_numbers_of_a_recording_on_disk(tmp_path):
    whole, streamed = (run(running(), EXPERIMENT.elements, to=to) for to in (None, tmp_path / "a.nc"))
    assert figures(streamed, EXPERIMENT.circuit).keys() == figures(whole, EXPERIMENT.circuit).keys()
    rates = (population_rate(data, "a.spikes", "2 ms") for data in (streamed, whole))
    xr.testing.assert_identical(*rates)
    for cell, times in spike_times(streamed).items():
        np.testing.assert_array_equal(times, spike_times(whole)[cell])
    assert len(cn.to_neo(streamed).segments) == len(cn.to_neo(whole).segments)
    some = [data["a.spikes.spike"].isel(time=slice(3, 9)) for data in (streamed, whole)]
    assert some[0].equals(some[1])


def test_memory_holds_a_piece_and_never_the_whole(tmp_path, monkeypatch):
    """Three million numbers, 24 MB, in pieces of 0.8 MB."""
    monkeypatch.setattr(recording, "PIECE", 100_000)
    made = Circuit([Population("a", 5000, Leaky())], dt=0.5)
    tracemalloc.start()
    try:
        data = cn.simulate(made, [cn.Rest(300)], to=tmp_path / "run.nc")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert data["a.rate"].nbytes + data["a.echo"].nbytes == 24_000_000
    assert peak < 8_000_000
    np.testing.assert_allclose(
        data["a.rate"][-1, 0, 0], 0.25 * (1 - 0.5 / 4.0) ** 300, rtol=1e-9, atol=1e-300
    )


def test_tomorrow_it_is_read_from_disk_too(tmp_path):
    """Only what is asked for comes into memory; and the file can still grow."""
    path, simulator = tmp_path / "run.nc", running()
    whole = run(simulator, EXPERIMENT.elements, to=path).load()
    lazy = cn.load_recording(path, lazy=True)
    assert not lazy["a.spikes.spike"].variable._in_memory
    xr.testing.assert_identical(lazy, whole)
    run(simulator, [cn.Rest(3)], to=path)
    np.testing.assert_array_equal(lazy["a.rate"], whole["a.rate"])


# What is refused, before the work ------------------------------------------------------------------
def refused(match, to, simulator=None, elements=None, **options):
    simulator = simulator or running()
    begun = simulator.step
    with pytest.raises(ProtocolError, match=match) as caught:
        run(simulator, elements or EXPERIMENT.elements, to=to, **options)
    assert simulator.step == begun, "found out after the work"
    assert "\n" not in str(caught.value)


def test_places_that_no_recording_can_go_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "text.nc").write_text("dear diary")
    with h5py.File(tmp_path / "other.nc", "w") as file:
        file["step"] = [1, 2]
    columns = cn.simulate(Circuit([Population("a", 2, Leaky())], dt=0.5), [cn.Rest(2)])
    columns.drop_vars("step").to_netcdf(tmp_path / "half.nc", engine="h5netcdf")
    (tmp_path / "link.nc").symlink_to(tmp_path / "nowhere.nc")
    before = (tmp_path / "other.nc").read_bytes()
    for name in ("text.nc", "other.nc", "half.nc"):
        refused(f"{name}' is there already and is no recording; choose another name", tmp_path / name)
    for name in ("", "pipe"):
        refused("is no file that a recording can go to", tmp_path / name)
    refused("No such file or directory", tmp_path / "link.nc")
    refused("No such file or directory", tmp_path / "not" / "there.nc")
    for wrong in (3, "nul\0.nc", True):
        refused("to must be the name of a file, such as 'run.nc'", wrong)
    assert (tmp_path / "text.nc").read_text() == "dear diary"
    assert (tmp_path / "other.nc").read_bytes() == before


def test_a_file_that_may_not_be_written(tmp_path, monkeypatch):
    run(running(), EXPERIMENT.elements, to=tmp_path / "run.nc")

    def no(*_):  # (an administrator, who may run tests, may write anywhere)
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("pathlib.Path.open", no)
    refused("run.nc' cannot be written: Permission denied", tmp_path / "run.nc")


def test_a_recording_that_does_not_go_on(tmp_path):
    path, elements = tmp_path / "run.nc", EXPERIMENT.elements
    simulator = running()
    run(simulator, elements[:2], to=path)
    content = path.read_bytes()
    refused("already has a recording up to step 9, and this one begins with step 0", path)
    only = [cn.Record("a", where=[0]), "b.cells", "b.phi", "in", "up", "spike"]
    for match, options in (
        ("it has a variable 'a.echo'", {"record": ["spike"]}),
        ("its every is 1, not 2", {"every": 2}),
        ("it has no variable 'a.spikes.first'", {"record": [p.name for p in EXPERIMENT.circuit.populations]}),
        ("it has no variable 'a:cell'", {"record": only}),
    ):
        refused(f"is another recording: ({match}); choose another name", path, simulator, **options)
    other = running(seed=4)
    run(other, elements[:2])
    refused("its seed is 3, not 4", path, other)
    larger = cn.simulator(
        circuit(1, (2, 3, 3), "poisson", {"memory": 2.0, "modulator": "rate"}, 3, 2), seed=3
    )
    larger.run([cn.Rest(10)])
    refused("is another recording", path, larger, [cn.Rest(3)])
    assert path.read_bytes() == content
    some = tmp_path / "some.nc"
    run(running(), elements[:2], record=cn.Record("a", where=[0]), to=some)
    for match, cells in (("its '.*' has other dimensions", [0, 1]), ("its 'a:cell' is of other cells", [1])):
        refused(f"is another recording: ({match})", some, simulator, record=cn.Record("a", where=cells))
    run(simulator, elements[2:], to=path)  # and what goes on goes on


def test_a_recording_that_the_disk_has_no_room_for(tmp_path, monkeypatch):
    used = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: used)
    refused(r"would have .* GB, but there are only 1e-06 GB left on its disk", tmp_path / "run.nc")
    assert list(tmp_path.iterdir()) == []


# What goes wrong on the way ------------------------------------------------------------------------
def test_a_disk_that_fills_up_keeps_what_is_there(tmp_path, monkeypatch):
    """It is found out before HDF5 opens the file: it would end the process by a signal."""
    path, rooms, truly = tmp_path / "run.nc", [True, True, False], os.posix_fallocate

    def reserve(*where):
        if not rooms.pop(0):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        truly(*where)

    monkeypatch.setattr(os, "posix_fallocate", reserve)
    with pytest.raises(ProtocolError) as caught:
        run(running(), EXPERIMENT.elements, to=path)
    said = f"'{path}' cannot be written: No space left on device; what it held before is still there"
    assert str(caught.value) == said
    there = cn.load_recording(path)
    assert 0 < there.sizes["time"] < EXPERIMENT.steps()
    whole = run(running(), EXPERIMENT.elements).isel(time=slice(0, there.sizes["time"]))
    for name in whole.data_vars:
        if "time" in whole[name].dims:
            np.testing.assert_array_equal(there[name], whole[name])


def test_what_was_reserved_and_not_needed_is_given_back(tmp_path):
    run(running(), EXPERIMENT.elements, to=tmp_path / "run.nc")
    assert (tmp_path / "run.nc").stat().st_size < 1 << 20


def test_an_interrupted_run_has_written_what_was_done(tmp_path, monkeypatch):
    """Ctrl-C in a closed loop, with pieces that are never full."""
    monkeypatch.setattr(recording, "PIECE", 10**9)
    simulator, path = running(), tmp_path / "run.nc"

    def experiment(simulator):
        yield cn.Present([1.0, 2.0], 5)
        yield cn.Rest(4)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(simulator, experiment, to=path)
    assert cn.load_recording(path).step.values.tolist() == list(range(9))
    run(simulator, [cn.Rest(2)], to=path)
    assert cn.load_recording(path).step.values.tolist() == list(range(11))


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_a_simulation_that_diverges_leaves_its_recording(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "PIECE", 4)
    made = Circuit([Population("wild", 1, Doubling())])
    with pytest.raises(SimulationError, match="in step 8 ") as caught:
        cn.simulate(made, [cn.Rest(60)], to=tmp_path / "run.nc")
    assert caught.value.recording.step.values.tolist() == list(range(9))
    assert cn.load_recording(tmp_path / "run.nc").identical(caught.value.recording)


def test_half_a_piece_is_none(tmp_path, monkeypatch):
    """Ctrl-C while a piece is being written: the file is as long as before."""
    path, simulator = tmp_path / "run.nc", running()
    run(simulator, EXPERIMENT.elements[:1], to=path)
    before = cn.load_recording(path)
    import h5netcdf

    truly, written = h5netcdf.Variable.__setitem__, []

    def stop(self, key, value):
        written.append(self.name)
        if len(written) == 3:
            raise KeyboardInterrupt
        truly(self, key, value)

    monkeypatch.setattr(h5netcdf.Variable, "__setitem__", stop)
    with pytest.raises(KeyboardInterrupt):
        run(simulator, EXPERIMENT.elements[1:], to=path)
    monkeypatch.undo()
    xr.testing.assert_identical(cn.load_recording(path), before)


def test_another_writer_is_noticed(tmp_path):
    """Two simulators that began at the same step and write to the same file."""
    path, one, two = tmp_path / "run.nc", running(), running()

    def meanwhile(_):
        yield cn.Rest(3)
        run(two, [cn.Rest(9)], to=path)
        yield cn.Rest(3)

    with pytest.raises(
        ProtocolError, match="already has a recording up to step 8, and this one begins with step 0"
    ):
        run(one, meanwhile, to=path)
    assert cn.load_recording(path).step.values.tolist() == list(range(9))


# Reading -------------------------------------------------------------------------------------------
def test_files_that_are_no_recordings(tmp_path):
    path = tmp_path / "run.nc"
    run(running(), EXPERIMENT.elements, to=path)
    content = path.read_bytes()
    (tmp_path / "cut.nc").write_bytes(content[: len(content) // 2])
    (tmp_path / "empty.nc").write_bytes(b"")
    with h5py.File(tmp_path / "array.nc", "w") as file:
        file["x"] = np.arange(4)
    os.mkfifo(tmp_path / "pipe")
    for name, words in (
        ("cut.nc", "cannot be read"),
        ("empty.nc", "cannot be read"),
        ("array.nc", "recording"),
        ("pipe", "there is no recording"),
        ("none.nc", "there is no recording"),
        (".", "there is no recording"),
    ):
        for lazy in (False, True):
            with pytest.raises(ProtocolError, match=words) as caught:
                cn.load_recording(tmp_path / name, lazy=lazy)
            assert "\n" not in str(caught.value)
            assert name in str(caught.value) or name == "."
