"""Quantities of Brian2 are converted where a quantity is taken, and refused where a plain number is."""

from typing import Annotated

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.circuits.cells import Cell, Sensory, Spiking, State, Value
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.pointwise import where
from corticalnet.circuits.quantities import KHZ, MS, MV, NS, ONE, PA, PF, Milliseconds, Millivolts, quantity
from corticalnet.columns.continuous import Continuous
from corticalnet.errors import CorticalnetError

brian2 = pytest.importorskip("brian2")


class Resting(Cell):
    """A cell with a voltage:  τ dv/dt = E_L − v."""

    tau: Milliseconds = 10.0
    EL: Millivolts = -70.0
    ports = {"drive": "predict"}
    state = {"v": State(-70.0, MV)}

    def predict(self, cell, port, dt):
        return {"v": cell.v + dt / self.tau * (self.EL - cell.v)}


class Fading(Plasticity):
    """Δw = rate · pre post, through a trace."""

    tau: Milliseconds = 20.0
    state = {"low": 0.0}

    def update(self, synapse, pre, post, port, dt):
        return {"low": synapse.low * (1 - dt / self.tau) + pre.v}

    def eligibility(self, synapse, pre, post, port):
        return where(post.v > 0, synapse.low, 0.0)


@pytest.mark.parametrize(
    ("unit", "si"),
    [
        (MS, "ms"),
        (MV, "mV"),
        (PA, "pA"),
        (NS, "nS"),
        (PF, "pF"),
        (KHZ, "kHz"),
    ],
)
@pytest.mark.parametrize("number", [10.0, 0.1, 0.3, 65.0, 12.3, 1e-4, 0.0])
def test_a_quantity_of_brian2_is_converted_exactly(unit, si, number):
    assert quantity(number * getattr(brian2, si), unit, "x") == number


@pytest.mark.parametrize(
    ("read", "number"),
    [
        (lambda: Resting(tau=10 * brian2.ms).tau, 10.0),
        (lambda: Resting(EL=-65 * brian2.mV).EL, -65.0),
        (lambda: State(-0.07 * brian2.volt, MV).rest, -70.0),
        (lambda: Fading(tau=0.02 * brian2.second).tau, 20.0),
        (lambda: cn.Projection("a", "b", "drive", 1.0, delay=2 * brian2.ms).delay, 2.0),
        (lambda: cn.Circuit([cn.Population("a", 1, Sensory())], dt=0.1 * brian2.ms).dt, 0.1),
        (lambda: cn.SetInput({}, ms=2 * brian2.second).ms, 2000.0),
        (lambda: cn.Rest(ms=30 * brian2.ms).ms, 30.0),
        (lambda: Continuous(tau=20 * brian2.ms, dt=500 * brian2.us).tau, 20.0),
        (lambda: Spiking(max_rate=100 * brian2.Hz).max_rate, 0.1),
        (lambda: Value(tau=brian2.ms).tau, 1.0),
        (lambda: Value(tau=10 * brian2.ms / brian2.ms).tau, 10.0),
    ],
)
def test_every_place_that_takes_a_quantity_takes_brian2s(read, number):
    assert read() == number


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (
            lambda: Resting(tau=10 * brian2.mV),
            r"^Resting\.tau = 10\. \* mvolt has another unit: it must be a time; units: ms, us, s$",
        ),
        (lambda: cn.Rest(ms=3 * brian2.Hz), r"^Rest: ms = 3\. \* hertz has another unit"),
        (
            lambda: cn.Rest(steps=3 * brian2.ms),
            r"^Rest: steps must be a whole number from 1, not 3\. \* msecond$",
        ),
        (lambda: cn.Rest(ms=[1, 2] * brian2.ms), r"^Rest: ms must be a number \(in ms\)"),
        (
            lambda: cn.Noise("a", sd=0.1 * brian2.mV),
            r"^Noise on 'a': sd must be a number from 0, not 100\. \* uvolt",
        ),
        (lambda: Continuous(threshold=1 * brian2.mV), "Continuous: threshold must be a number from 0"),
        (lambda: Value(tau=quantity(1 * brian2.mV, ONE, "x")), "it must be a pure number"),
        (lambda: cn.Wire("a", "b", "drive", weight=1 * brian2.nS), r"weight of wire 'a-b' must be a number"),
        (lambda: cn.Play(np.ones((3, 1)) * brian2.mV), "^Play must be plain numbers, without a unit"),
        (lambda: cn.Play([[1 * brian2.mV], [2 * brian2.mV]]), "^Play must be plain numbers, without a unit"),
        (
            lambda: cn.Circuit(
                [cn.Population("a", 1, Sensory()), cn.Population("b", 1, Resting())],
                [cn.Projection("a", "b", "drive", 2 * brian2.nS)],
            ),
            "weights must be plain numbers, without a unit, not 2. . nsiemens",
        ),
        (
            lambda: cn.exploration_noise(3, 2, exploration=0.1 * brian2.mV),
            "exploration must be a probability",
        ),
        (lambda: cn.exploration_noise(3, 2, temperature=brian2.mV), "temperature must be a number above 0"),
        (lambda: Fading(rate=1 * brian2.Hz), r"Fading\.rate"),
        (
            lambda: type("Bad", (Cell,), {"state": {"v": -70 * brian2.mV}})(),
            "state 'v' at rest must be a number",
        ),
    ],
)
def test_what_fits_no_place_is_refused_in_a_sentence(write, message):
    with pytest.raises(CorticalnetError, match=message) as refused:
        write()
    assert "\n" not in str(refused.value)


def test_a_quantity_in_the_body_of_a_class_is_refused_with_what_to_write():
    with pytest.raises(
        CorticalnetError, match=r"Own: tau = 10\. \* msecond .* write a number, or a text as '10 ms'"
    ):

        class Own(Cell):
            """Has a default with a unit."""

            tau: Annotated[float, MS] = 10 * brian2.ms
            state = {"v": 0.0}


def test_what_a_group_of_brian2_holds_is_no_plain_number():
    group = brian2.NeuronGroup(2, "v : volt")
    group.v = -70 * brian2.mV
    with pytest.raises(CorticalnetError, match="without a unit"):
        cn.Play([group.v, group.v])


def test_quantities_of_other_libraries_are_refused():
    """As Neo's are: float(10 s) is 10."""
    quantities = pytest.importorskip("quantities")
    with pytest.raises(
        CorticalnetError, match=r"^Rest: ms must be a number \(in ms\) or a text like '10 ms', not"
    ):
        cn.Rest(ms=10 * quantities.s)
    with pytest.raises(CorticalnetError, match="without a unit"):
        cn.Play(np.ones((3, 1)) * quantities.mV)
    assert cn.Rest(ms=10 * quantities.s / quantities.s).ms == 10.0
