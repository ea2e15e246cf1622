"""Calcium imaging of a recording: kernels by their formula, frames and noise by their numbers."""

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.analysis import calcium
from corticalnet.circuits.cells import Sensory
from corticalnet.errors import CorticalnetError


def recorded(signal, record="rate"):
    """A recording of two cells that show a signal [time, 2], in steps of 1 ms."""
    circuit = cn.Circuit([cn.Population("retina", 2, Sensory())])
    return cn.simulate(circuit, [cn.Play(np.asarray(signal, float))], record=record)


def impulse(steps=300):
    signal = np.zeros((steps, 2))
    signal[4, 1] = 1.0
    return signal


def test_a_spike_is_seen_as_the_kernel_whose_peak_is_the_amplitude():
    """A rate of 1 for one step of 1 ms, at 1000 Hz: one spike."""
    seen = calcium(recorded(impulse()), "retina.rate", rise=10.0, decay=80.0, amplitude=0.3, max_rate="1 kHz")
    assert seen.dims == ("time", "batch", "cell_retina") or seen.shape == (300, 1, 2)
    late = np.arange(296)
    kernel = np.exp(-late / 80) - np.exp(-late / 10)
    fine = np.linspace(0, 100, 200001)
    top = (np.exp(-fine / 80) - np.exp(-fine / 10)).max()
    assert not seen.values[:, 0, 0].any()
    np.testing.assert_allclose(seen.values[4:, 0, 1], 0.3 * kernel / top, rtol=0, atol=1e-9)
    assert seen.values.max() == pytest.approx(0.3, rel=2e-3)
    slower = calcium(recorded(impulse()), "retina.rate", rise=10.0, decay=80.0, amplitude=0.3)
    np.testing.assert_allclose(slower.values, seen.values / 10, rtol=0, atol=1e-15)  # 100 Hz: a tenth


def test_spikes_are_counted_as_they_are():
    """A cell that fires in each step: the sum of all kernels so far, with no rate to multiply."""
    cell = cn.circuits.cells.Poisson(max_rate=1.0)
    circuit = cn.Circuit(
        [cn.Population("retina", 1, Sensory()), cn.Population("cells", 1, cell)],
        [cn.Projection("retina", "cells", "drive", 1.0)],
    )
    shown = [cn.Present([1.0], ms=50)]
    data = cn.simulate(circuit, shown, record="cells.spike")
    spikes = data["cells.spike"].values[:, 0, 0].astype(float)
    assert spikes.sum() > 40
    seen = calcium(data, "cells.spike", rise=5.0, decay=50.0, max_rate="7 Hz").values[:, 0, 0]
    kernel = np.exp(-np.arange(50) / 50) - np.exp(-np.arange(50) / 5)
    shape = np.convolve(spikes, kernel)[:50]
    assert np.ptp(seen[1:] / shape[1:]) < 1e-9 * seen.max() + 1e-9
    coarse = cn.simulate(circuit, shown, record="cells.spike", every=5)
    assert coarse["cells.spike"].sum() == spikes.sum()
    assert calcium(coarse, "cells.spike", rise=5.0, decay=50.0).shape == (10, 1, 1)


def test_frames_are_means_and_noise_is_that_of_its_seed():
    data = recorded(np.random.default_rng(0).random((95, 2)))
    whole, frames = (calcium(data, "retina.rate", frame=frame) for frame in (None, "10 ms"))
    assert frames["time"].values.tolist() == list(range(0, 90, 10))
    np.testing.assert_allclose(frames.values[3], whole.values[30:40].mean(0), rtol=0, atol=1e-15)
    one, same, other = (calcium(data, "retina.rate", noise=0.5, seed=s) for s in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert (one - whole).values.std() == pytest.approx(0.5, rel=0.25)  # of 190: five s.d. of the estimate


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variable": "retina.rat"}, "did you mean 'retina.rate'"),
        ({"rise": 300.0}, "rise must be shorter than decay, not 300 ≥ 200 ms"),
        ({"decay": -1.0}, "decay"),
        ({"noise": -0.1}, "noise"),
        ({"frame": "0.5 ms"}, "a frame lasts whole steps of 1 ms, not 0.5 ms"),
        ({"frame": 40.0}, "a frame of 40 ms is longer than the recording"),
        ({"max_rate": 0.0}, "max_rate"),
        ({"amplitude": 0.0}, "amplitude"),
    ],
)
def test_impossible_indicators_are_refused(options, message):
    with pytest.raises(CorticalnetError, match=message):
        calcium(recorded(np.ones((20, 2))), options.pop("variable", "retina.rate"), **options)


def test_a_recording_of_one_moment_shows_no_calcium():
    with pytest.raises(CorticalnetError, match="at least two times, equally spaced"):
        calcium(recorded(np.ones((1, 2))), "retina.rate")
