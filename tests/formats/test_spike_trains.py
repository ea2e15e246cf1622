"""Spikes that others recorded, into a population: counted by hand, read from files of their libraries."""

from datetime import UTC, datetime

import h5py
import numpy as np
import pytest

import corticalnet as cn
from corticalnet.errors import FormatError


@pytest.fixture(scope="module")
def mouse(tmp_path_factory):
    """An NWB file as a laboratory would write it: no word of a circuit."""
    pynwb = pytest.importorskip("pynwb")
    nwb = pynwb.NWBFile("a mouse looks", "mouse-1", datetime(2026, 1, 1, tzinfo=UTC))
    nwb.add_unit_column("location", "area of the Allen atlas")
    nwb.add_unit_column("depth", "in µm")
    for location, depth, times in (
        ("VISp", 100.0, [0.0105, 0.0999, 0.2]),
        ("VISl", 200.0, []),
        ("VISp", 50.0, [0.1]),
    ):
        nwb.add_unit(spike_times=np.array(times), location=location, depth=depth)
    nwb.add_trial_column("image", "which")
    for start in (0.0, 0.1):
        nwb.add_trial(start_time=start, stop_time=start + 0.1, image="cat")
    path = tmp_path_factory.mktemp("mouse") / "mouse.nwb"
    with pynwb.NWBHDF5IO(str(path), "w") as io:
        io.write(nwb)
    return path


def test_units_of_another_laboratory(mouse):
    trains = cn.read_spikes(mouse)
    assert len(trains) == 3
    assert trains.about["location"] == ["VISp", "VISl", "VISp"]
    assert trains.about["depth"] == [100.0, 200.0, 50.0]
    np.testing.assert_allclose(trains.times[0], [10.5, 99.9, 200])
    np.testing.assert_allclose(trains.trials, [[0, 100], [100, 200]])
    chosen = trains.where(location="VISp")
    # Trials side by side: a spike at 100 ms is the second's first step, and one at 200 ms is in none.
    counts = chosen.counts(dt=10, start=chosen.trials[:, 0], ms=100)
    assert counts.shape == (10, 2, 2)
    assert np.argwhere(counts).tolist() == [[0, 1, 1], [1, 0, 0], [9, 0, 0]]


def test_they_drive_a_population(mouse):
    trains = cn.read_spikes(mouse).where(location="VISp")
    columns = cn.circuit(cn.mlp([2, 3, 2]), cn.rule("z-il"))
    counts = trains.counts(dt=10, start=trains.trials[:, 0], ms=100)
    data = cn.simulate(columns, [cn.Play(counts)], record=["input.value.rate"], check=False)
    np.testing.assert_array_equal(data["input.value.rate"], counts)


def test_rates_are_spikes_over_the_window():
    trains = cn.SpikeTrains([np.array([4.0, 5.0])])
    # Windows of 3 ms in steps of 1 ms: [k − 1, k + 2), at the end what of it lies within.
    assert trains.rates(dt=1, width=3, ms=8)[:, 0] == pytest.approx(
        1000 * np.array([0, 0, 0, 1 / 3, 2 / 3, 2 / 3, 1 / 3, 0])
    )


@pytest.mark.parametrize("dt", [0.1, 0.3, 0.7])
def test_a_spike_on_a_step_is_in_that_step(dt):
    """k × dt / 1000 × 1000 is not k × dt in a file that has seconds."""
    steps = np.arange(2000)
    trains = cn.SpikeTrains([steps * dt / 1000 * 1000])
    assert (trains.counts(dt, ms=2000 * dt)[:, 0] == 1).all()


def test_a_recording_of_ours_is_one_of_theirs(spikes, tmp_path):
    from corticalnet.analysis import spike_times

    (path,) = cn.to_nwb(spikes[["area1.value.on.spike"]], tmp_path / "run.nwb")
    folder = tmp_path / "sonata"
    cn.to_sonata(spikes[["area1.value.on.spike"]], folder)
    for trains in (cn.read_spikes(path), cn.read_spikes(folder / "spikes.h5", "area1.value.on")):
        for k, (population, number) in enumerate(
            zip(trains.about["population"], trains.about["number"], strict=True)
        ):
            expected = [spike_times(spikes, batch=b)[population, number] + 80 * b for b in (0, 1)]
            np.testing.assert_allclose(trains.times[k], np.concatenate(expected), atol=1e-9)
        assert sum(map(len, trains.times)) == int(spikes["area1.value.on.spike"].sum())


def test_seconds_of_a_sonata_file(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["spikes/V1/timestamps"], file["spikes/V1/node_ids"] = [0.5, 0.2, 0.1], [3, 3, 1]
        file["spikes/V1/timestamps"].attrs["units"] = "s"
    trains = cn.read_spikes(tmp_path / "other.h5")
    assert [times.tolist() for times in trains.times] == [[100.0], [200.0, 500.0]]
    assert trains.about == {"population": ["V1", "V1"], "number": [1, 3]}


def test_mistakes_are_one_sentence(mouse, tmp_path):
    trains = cn.read_spikes(mouse)
    (tmp_path / "bad.nwb").write_bytes(b"no")
    for message, call in {
        "unknown thing told of cells 'locaton'; did you": lambda: trains.where(locaton="VISp"),
        "unknown location of cells 'VISx'; did you mean 'VIS": lambda: trains.where(location="VISx"),
        "more than 0 ms, not 0 and": lambda: trains.counts(0, ms=5),
        "unknown kind of file with spikes '.txt'": lambda: cn.read_spikes(_touch(tmp_path / "spikes.txt")),
        "spikes of .* cannot be read": lambda: cn.read_spikes(tmp_path / "bad.nwb"),
    }.items():
        with pytest.raises(FormatError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)


def _touch(path):
    path.touch()
    return path
