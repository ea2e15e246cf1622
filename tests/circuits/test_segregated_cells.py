"""Cells with segregated dendrites, steps worked by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import expit as sigmoid

import corticalnet as cn
from corticalnet.circuits.cells.cell import rest_of
from corticalnet.circuits.cells.segregated import (
    CurrentTaughtOutput,
    PhaseEnd,
    PostsynapticPotential,
    SegregatedOutput,
    SegregatedPyramidal,
)
from corticalnet.circuits.plasticity.plateau import PlateauTimesPotential, PlateauTimesRate

FREE, TAUGHT, GONE = ({"prediction_phase": a, "taught": b} for a, b in ((1.0, 0.0), (0.0, 1.0), (0.0, 0.0)))


def step(kind, cell, phases=("predict", "compare", "detect"), outside=None, **port):
    """The states after some phases of a step of 1 ms."""
    now = SimpleNamespace(**vars(cell), **(outside or {}))
    for phase in phases:
        for name, value in getattr(kind, phase)(now, SimpleNamespace(**port), 1.0).items():
            setattr(now, name, value)
    return SimpleNamespace(**{name: getattr(now, name) for name in kind.state})


def test_a_pyramidal_cell_compares_its_plateaus_and_the_apical_dendrite_does_not_move_the_soma():
    kind = SegregatedPyramidal(tau=4.0, window=2.0)
    cell = rest_of(kind)
    cell.soma, cell.soma_mean, cell.apical_mean = 1.0, 0.5, 0.2
    whole = ("predict", "compare", "detect", "send", "feedback")
    first = step(kind, cell, whole, basal=3.0, soma_before=0.0, apical=0.9, apical_before=0.1, **FREE)
    assert (first.soma, first.rate) == (1.5, sigmoid(1.5))  # a quarter of the way
    assert first.soma_mean == 0.5 + 1.5 / 2
    assert first.gain == sigmoid(1.25) * (1 - sigmoid(1.25))
    assert first.apical_mean == pytest.approx(0.2 + 0.8 / 2, abs=1e-15)
    assert (first.plateau, first.free_plateau) == (sigmoid(first.apical_mean),) * 2
    assert first.error == 0.0

    second = step(kind, first, whole, basal=3.0, soma_before=1.0, apical=-0.4, apical_before=0.3, **TAUGHT)
    assert second.soma == 1.875
    assert (second.gain, second.free_plateau) == (first.gain, first.free_plateau)
    assert second.plateau == pytest.approx(sigmoid(0.6 - 0.7 / 2), abs=1e-15)
    assert second.error == pytest.approx(first.gain * (second.plateau - first.plateau), abs=1e-15)

    third = step(kind, second, whole, basal=0.0, soma_before=0.0, apical=5.0, apical_before=0.0, **GONE)
    assert (third.error, third.gain, third.free_plateau) == (second.error, first.gain, first.free_plateau)


def test_a_teacher_moves_the_rate_of_an_output_and_it_compares_means():
    kind = SegregatedOutput(tau=1.0, window=2.0, nudge=0.5)
    cell = rest_of(kind)
    cell.soma_mean, cell.rate_mean = 0.4, 0.6
    outside, port = {"target": 1.0, "clamped": 0.0}, {"soma_before": 0.0, "rate_before": 0.5}
    free = step(kind, cell, outside=outside, basal=0.8, **port, **FREE)
    assert (free.soma, free.rate) == (0.8, sigmoid(0.8))
    assert free.free_rate == sigmoid(0.4 + 0.8 / 2)
    assert free.gain == free.free_rate * (1 - free.free_rate)
    taught = step(kind, free, outside={"target": 1.0, "clamped": 1.0}, basal=0.8, **port, **TAUGHT)
    assert taught.soma == 0.8
    assert taught.rate == pytest.approx((sigmoid(0.8) + 1) / 2, abs=1e-15)
    mean = 0.6 + (free.rate - 0.5) / 2 + (taught.rate - 0.5) / 2
    assert taught.rate_mean == pytest.approx(mean, abs=1e-15)
    assert taught.error == pytest.approx(free.gain * (mean - free.free_rate), abs=1e-15)


def test_currents_move_the_potential_of_an_output_towards_their_reversal_potentials():
    """C → (g_D B + g_E E_E + g_I E_I) / (g_L + g_D + 1): the paper's conductances, with B = basal / k_D."""
    kind = CurrentTaughtOutput(tau=1.0, window=2.0, nudge=1 / 1.7, reversal=8.0)
    basal, target = 0.7, 0.25
    b = basal / (0.6 / 0.7)
    wanted = (0.6 * b + target * 8 - (1 - target) * 8) / 1.7
    outside = {"target": target, "clamped": 1.0}
    taught = step(
        kind, rest_of(kind), outside=outside, basal=basal, soma_before=0.0, rate_before=0.0, **TAUGHT
    )
    assert taught.soma == pytest.approx(wanted, abs=1e-15)
    assert taught.rate == sigmoid(taught.soma)


def test_the_end_of_a_phase_is_the_first_step_without_a_teacher():
    kind = PhaseEnd()
    cell, seen = rest_of(kind), []
    for teaching in (0.0, 1.0, 1.0, 0.0, 0.0):
        cell = step(kind, cell, ("deliver",), {"teaching": teaching})
        seen.append((cell.prediction_phase, cell.taught, cell.tick))
    assert seen == [(1, 0, 0), (0, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 0)]


def test_a_spike_leaves_the_difference_of_two_exponentials_and_an_area_of_tau():
    kind = PostsynapticPotential(tau=10.0, rise=3.0, window=4.0)
    cell, rates = rest_of(kind), []
    for t in range(200):
        before = rates[t - 4] if t >= 4 else 0.0
        cell = step(
            kind, cell, ("predict",), spikes=float(t == 0), before=before, **(FREE if t < 9 else TAUGHT)
        )
        rates.append(cell.rate)
        assert cell.mean == pytest.approx(np.sum(rates[-4:]) / 4, abs=1e-14)
    times = np.arange(200)
    wanted = 10 / 7 * (np.exp(-times / 10) - np.exp(-times / 3))
    np.testing.assert_allclose(rates, wanted, rtol=0, atol=1e-14)
    assert cell.held == pytest.approx(wanted[5:9].mean(), abs=1e-14)
    assert sum(rates) == pytest.approx(10, rel=0.01)


def test_synapses_learn_by_what_was_sent_in_the_free_phase():
    plateau, pre, post = PlateauTimesRate(), SimpleNamespace(rate=0.8), SimpleNamespace(error=0.5)
    free = plateau.update(SimpleNamespace(free=0.3), pre, post, SimpleNamespace(**FREE), 1.0)
    taught = plateau.update(SimpleNamespace(free=0.3), pre, post, SimpleNamespace(**TAUGHT), 1.0)
    assert (free, taught) == ({"free": 0.8}, {"free": 0.3})
    assert plateau.eligibility(SimpleNamespace(free=0.3), pre, post, None) == 0.15
    assert isinstance(plateau.for_spiking_input(), PlateauTimesPotential)
    assert PlateauTimesPotential().eligibility(None, SimpleNamespace(held=0.2), post, None) == 0.1


def test_a_cell_at_rest_has_the_rate_and_gain_of_no_drive():
    for kind in (SegregatedPyramidal(activation="softplus"), SegregatedOutput(activation="softplus")):
        assert kind.rest()["rate"] == pytest.approx(np.log(2))
        assert kind.rest()["gain"] == 0.5
    assert cn.circuits.cells.Cell.kinds["PhaseEnd"] is PhaseEnd
