"""Cells of target propagation, and of one synapse that is read twice: worked by hand."""

from types import SimpleNamespace as Given

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.circuits.cells import Sensory
from corticalnet.circuits.cells.cell import rest_of
from corticalnet.circuits.cells.decoding import (
    Corrected,
    Decoded,
    Disturbed,
    HiddenTarget,
    JitteredCopy,
    NoisyCopy,
    OutputTarget,
)
from corticalnet.errors import CircuitError


def port(**heard):
    return Given(**heard)


def test_decoded_rates_and_what_decoders_miss():
    cell = Corrected("relu")
    assert cell.feedback(rest_of(cell), port(drive=2.0, wanted=2.5, disturbed=1.0), 1.0) == {
        "rate": 2.0,
        "missing": 0.5,
    }
    assert cell.feedback(rest_of(cell), port(drive=-2.0, wanted=2.5, disturbed=1.0), 1.0) == {
        "rate": 0.0,
        "missing": 0.0,
    }
    assert Decoded("sigmoid").rest() == {"rate": 0.5}
    assert Corrected("sigmoid").rest() == {"rate": 0.5, "missing": 0.0}


@pytest.mark.parametrize("gated", [False, True])
def test_a_target_is_the_rate_plus_a_difference_of_what_is_decoded(gated):
    """moved = (1.0 − 0.6) / 0.5 + 0.2 = 1, so the goal lies 0.5 above a rate of 2; the gain is 3."""
    cell, k = HiddenTarget(alpha=0.5, gated=gated), 3.0 if gated else 1.0
    new = cell.send(rest_of(cell), port(rate=2.0, gain=3.0, wanted=1.0, recalled=0.6, lesson=0.2), 1.0)
    assert new == pytest.approx({"error": 3.0, "code": k * 2.0, "goal": k * 2.5})


def test_an_output_has_a_target_while_a_teacher_is_there():
    cell = OutputTarget(alpha=0.5)
    taught, free = (Given(**cell.rest(), target=1.0, clamped=clamped) for clamped in (1.0, 0.0))
    heard = port(rate=0.6, gain=2.0)
    assert cell.send(taught, heard, 1.0) == pytest.approx({"error": 0.8, "code": 0.6, "goal": 0.8})
    assert cell.send(free, heard, 1.0) == pytest.approx({"error": 0.0, "code": 0.6, "goal": 0.6})


@pytest.mark.parametrize("denoising", [False, True])
def test_a_noisy_copy_misses_the_noisy_rate_or_the_rate_itself(denoising):
    cell = NoisyCopy("relu", "linear", sigma=0.5, gated=True, denoising=denoising)
    heard = port(rate=1.0, gain=2.0, noise=-3.0, drive=0.75, guess=0.25)
    now = rest_of(cell)
    for phase in ("fire", "predict", "compare", "feedback"):
        now = Given(**vars(now) | cell.act(phase)(now, heard, 1.0))
    missing = 1.0 - 0.25 if denoising else -0.5 - 0.25
    assert vars(now) == {"rate": -0.5, "reached": 0.75, "code": 1.5, "missing": missing}


def test_a_jittered_copy_tells_its_response_and_hears_an_echo():
    cell = JitteredCopy("relu", sigma=0.5, gated=True)
    heard = port(rate=1.0, gain=2.0, noise=-3.0, jitter=4.0, drive=0.75, guess=0.25)
    now = rest_of(cell)
    for phase in ("fire", "predict", "compare", "feedback"):
        now = Given(**vars(now) | cell.act(phase)(now, heard, 1.0))
    assert vars(now) == {
        "rate": -0.5, "noise": -1.5, "reached": 0.75, "response": -0.5, "jitter": 4.0, "echo": 0.25
    }  # fmt: skip


def test_a_column_is_disturbed_while_the_gate_is_open_and_keeps_the_gain_of_rest():
    cell = Disturbed("tanh", sigma=0.5)
    rest = Given(**cell.rest() | {"reached": 0.2, "gain": 0.96})
    for gate, rate, disturbed in ((0.0, 0.2, 0.0), (1.0, 1.2, 1.0)):
        new = cell.fire(rest, port(gate=gate, noise=2.0), 1.0)
        assert new == {"rate": rate, "clean": 0.2, "disturbed": disturbed}
        after = cell.predict(Given(**vars(rest) | new), port(drive=1.0), 1.0)
        y = np.tanh(1.0)
        assert after == pytest.approx({"drive": 1.0, "reached": y, "gain": 0.96 if gate else 1 - y * y})
    assert Disturbed("sigmoid").rest()["clean"] == 0.5


# One synapse read twice --------------------------------------------------------------------------
def read_twice(**more):
    populations = [
        cn.Population("a.one", 2, Sensory()),
        cn.Population("a.other", 2, Sensory()),
        cn.Population("b.one", 1, Decoded()),
        cn.Population("b.other", 1, Decoded()),
    ]
    again = {"shared_with": "synapses", "same_way": True} | more
    return cn.Circuit(
        populations,
        [
            cn.Projection("a.one", "b.one", "drive", [[1.0, 2.0]], name="synapses"),
            cn.Projection("a.other", "b.other", "drive", name="again", **again),
        ],
    )


@pytest.mark.parametrize("engine", ["torch", "brian2"])
def test_other_cells_read_the_same_synapses_the_same_way(engine):
    if engine == "brian2":
        pytest.importorskip("brian2")
    shown = cn.SetInput({"a.one.stimulus": [1.0, 0.0], "a.other.stimulus": [0.5, -3.0]}, 2)
    data = cn.simulate(read_twice(), shown, engine, last=1)
    assert data["b.one.rate"].item() == 1.0
    assert data["b.other.rate"].item() == 0.5 - 6.0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"shared_with": ""}, "needs weights, or shared_with"),
        (
            {"shared_with": "", "weight": 1.0},
            "is read the same way as another: give shared_with, and no weight",
        ),
        ({"weight": 1.0}, "is read the same way as another: give shared_with, and no weight"),
        ({"same_way": 1}, "same_way must be True or False, not 1"),
        ({"same_way": False}, "runs from 2 to 1 cells, so it cannot run back along 'synapses'"),
    ],
)
def test_what_cannot_be_read_twice_is_refused(more, words):
    with pytest.raises(CircuitError, match=words):
        read_twice(**more)
