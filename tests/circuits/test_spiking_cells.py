"""Spiking cells against closed forms: the rates that are wanted are the rates that are fired."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.circuits.cells import LIF, PIF, Poisson, SynapticCurrent

KINDS = {"poisson": Poisson, "pif": PIF, "lif": LIF}


def fired(cell, drive, steps, n=200, dt=0.5, seed=0):
    """Spikes of n cells that hear a constant drive, ``[steps, n]``."""
    rng = np.random.default_rng(seed)
    now = {**{k: np.full(n, v) for k, v in cell.rest().items()}, **cell.initial_spread((n,), rng)}
    found = []
    for _ in range(steps):
        now |= cell.predict(SimpleNamespace(**now), SimpleNamespace(drive=drive), dt)
        found.append(now["spike"])
    return np.array(found)


@pytest.mark.parametrize("dt", [0.2, 1.0])
@pytest.mark.parametrize("drive", [0.05, 1.0, 2.5])
@pytest.mark.parametrize("kind", KINDS)
def test_the_rate_is_the_wanted_one(kind, drive, dt):
    """max_rate · drive, also where the interval between spikes is no whole number of steps."""
    cell, ms, n = KINDS[kind](max_rate=0.1), 1000.0, 400
    spikes = fired(cell, drive, round(ms / dt), n, dt)
    wanted = 0.1 * drive * ms * n
    noise = 4 * math.sqrt(wanted) if kind == "poisson" else n  # four s.d.; one spike of each cell
    assert abs(spikes.sum() - wanted) < noise + 0.002 * wanted


@pytest.mark.parametrize("kind", KINDS)
def test_no_drive_no_spike_but_a_base_goes_on(kind):
    assert fired(KINDS[kind](), 0.0, 500).sum() == 0
    assert fired(KINDS[kind](), -3.0, 500).sum() == 0
    pushed = fired(KINDS[kind](base=0.5), -0.25, 3000).mean() / 0.5
    assert abs(pushed - 0.025) < 0.001


@pytest.mark.parametrize("rate", [0.004, 0.02, 0.1, 0.4])
def test_current_and_rate_of_a_leaky_cell_are_inverse(rate):
    """The f–I curve, by the textbook: τ ln(I / (I − 1)) between two spikes."""
    cell = LIF(tau=15.0)
    current = float(cell.current(rate))
    assert 15.0 * math.log(current / (current - 1)) == pytest.approx(1 / rate, rel=1e-9)
    assert float(cell.rate(current)) == pytest.approx(rate, rel=1e-9)
    assert float(cell.rate(1.0)) == 0
    assert float(cell.current(0.0)) == 0


def test_intervals_of_regular_cells_are_regular_and_of_poisson_cells_exponential():
    """Coefficient of variation of the intervals between spikes: 0 and √(1 − r dt)."""
    for kind, wanted, bound in (
        ("pif", 0.0, 0.05),
        ("lif", 0.0, 0.05),
        ("poisson", math.sqrt(1 - 0.025), 0.03),
    ):
        spikes = fired(KINDS[kind](), 0.5, 8000, 120)
        gaps = np.concatenate([np.diff(np.flatnonzero(s)) for s in spikes.T])
        assert abs(gaps.std() / gaps.mean() - wanted) < bound, kind


def test_chances_of_poisson_cells_are_even_and_independent():
    """Over 40,000 draws of 20 cells: no cell, moment or pair stands out (five standard errors)."""
    n, steps = 20, 40_000
    spikes = fired(Poisson(), 10.0, steps, n)  # probability ½
    assert np.abs(spikes.mean(0) - 0.5).max() < 5 * 0.5 / math.sqrt(steps)
    centred = (spikes - 0.5) / 0.5
    pairs = centred.T @ centred / steps - np.eye(n)
    assert np.abs(pairs - np.diag(np.diag(pairs))).max() < 5 / math.sqrt(steps)
    for lag in (1, 2, 7, 100):
        assert abs((centred[lag:] * centred[:-lag]).mean()) < 5 / math.sqrt(n * steps)


def test_dice_are_exact_in_single_precision():
    """Whole numbers of the generator (Wichmann and Hill 1982) beside plain integer arithmetic."""
    cell, seeds, names = Poisson(), [12345, 23456, 30322], ("first", "second", "third")
    state = SimpleNamespace(**{k: torch.tensor([[float(s)]]) for k, s in zip(names, seeds, strict=True)})
    numbers = list(seeds)
    for _ in range(5000):
        new = cell.predict(state, SimpleNamespace(drive=torch.zeros(1, 1)), 0.5)
        numbers = [a * s % m for a, s, m in zip((171, 172, 170), numbers, (30269, 30307, 30323), strict=True)]
        assert [int(new[k]) for k in names] == numbers
        state = SimpleNamespace(**new)


@pytest.mark.parametrize("dt", [0.25, 1.0])
@pytest.mark.parametrize("kind", KINDS)
def test_what_spikes_leave_behind_is_what_was_meant(kind, dt):
    """A constant signal, told by spikes, is heard with its value (no bias from the order of a step)."""
    populations = [cn.Population("below.value", 3, cn.circuits.cells.Sensory()),
                   cn.Population("above.prediction", 1, cn.circuits.cells.Prediction())]  # fmt: skip
    up = cn.Projection("below.value", "above.prediction", "prediction", [[1.0, 2.0, -1.0]])
    told = cn.spiking(cn.Circuit(populations, [up], dt=dt), 200, kind, synapse=20.0)
    assert [p.n for p in told.populations if p.name.startswith("below.value.")] == [600, 600]
    data = cn.simulate(told, [cn.Present([0.3, -0.8, 0.05], ms=700.0)], record=["rate", "prediction"])
    heard = data["below.value-current.rate"].values[round(200 / dt) :, 0].mean(0)
    np.testing.assert_allclose(heard, [0.3, -0.8, 0.05], atol=0.02)
    assert (
        abs(data["above.prediction.prediction"].values[round(200 / dt) :].mean() - (0.3 - 1.6 - 0.05)) < 0.05
    )


def test_a_current_is_an_exponential():
    cell, now = SynapticCurrent(tau=20.0), SimpleNamespace(rate=0.0)
    for k in range(50):
        now = SimpleNamespace(**cell.predict(now, SimpleNamespace(spikes=1.0 if k == 0 else 0.0), 0.5))
    assert now.rate == pytest.approx((1 - 0.5 / 20) ** 49, rel=1e-12)


def test_more_cells_less_noise():
    """The noise of N Poisson cells falls as 1/√N: variance z² / (2 N r τ) in steps that are short."""
    cells = cn.circuits.cells
    columns = [
        cn.Population("a.value", 30, cells.Sensory()),
        cn.Population("b.prediction", 30, cells.Prediction()),
    ]
    up = cn.Projection("a.value", "b.prediction", "prediction", 1.0, cn.OneToOne())
    for n in (25, 100, 400):
        told = cn.spiking(cn.Circuit(columns, [up], dt=0.25), n, "poisson", ranges={"a.value": (0.0, 1.0)})
        data = cn.simulate(told, [cn.Present(np.full(30, 0.5), ms=600.0)], record=["a.value-current.rate"])
        rates = data["a.value-current.rate"].values[800::80]
        wanted = math.sqrt(0.5 / (2 * n * 0.1 * 20.0))
        assert rates.std() == pytest.approx(wanted, rel=0.15)


def test_leaky_cells_begin_evenly_in_their_cycle():
    """At the drive of their base as many fire in every fifth of the cycle (χ² of 4, p > 0.001)."""
    cell, n = LIF(base=0.5), 5000
    first = np.argmax(fired(cell, 0.0, 40, n), axis=0) // 8  # a cycle is 20 ms: 40 steps
    counts = np.bincount(first, minlength=5)
    assert ((counts - n / 5) ** 2 / (n / 5)).sum() < 18.5
