"""Parameters out of range: one sentence of class, parameter, range and value, for cells of anybody's."""

import math
from functools import partial
from typing import Annotated

import numpy as np
import pytest
import torch

from corticalnet.circuits import cells
from corticalnet.circuits.cells import Cell, Poisson, Value
from corticalnet.circuits.plasticity import ErrorTimesRate, Plasticity
from corticalnet.circuits.pointwise import exp, maximum, where
from corticalnet.circuits.quantities import (
    MS,
    MV,
    PF,
    Count,
    Magnitude,
    Milliseconds,
    Nanosiemens,
    PerMillisecond,
    Picofarads,
    Probability,
    Pure,
    Range,
)
from corticalnet.errors import CircuitError
from tests import own
from tests.circuits.test_validation import refused

KINDS = [getattr(cells, name) for name in cells.__all__ if name not in ("Cell", "State", "Spiking")]
KINDS += own.kinds(Cell)
#: What divides in the equations of the shipped cells (by reading them).
TIME_CONSTANTS = {"tau", "average", "synapse", "memory"}
EVERY = [(kind, name, unit) for kind in KINDS for name, unit in kind.units().items()]


@pytest.mark.parametrize(("kind", "name", "unit"), EVERY, ids=lambda x: getattr(x, "__name__", None))
def test_no_shipped_cell_takes_what_is_no_number_or_no_time(kind, name, unit):
    what = f"{kind.__name__}.{name}"
    other = "5 mV" if unit.symbol == "pA" else "5 pA"
    for value in (math.nan, math.inf, -math.inf, True, None, [1.0], "soon", other, 1j, np.ones(1)):
        with pytest.raises(CircuitError, match=what):
            kind(**{name: value})
    if unit.symbol == "ms":
        refused(f"{what} must be ", lambda: kind(**{name: -5.0}))
    if name in (kind().divisors() if kind in own.kinds(Cell) else TIME_CONSTANTS):
        for value in (0, f"0 {unit.symbol}", -5):
            symbol = f"{unit.symbol}, and" if unit.symbol else "and"
            refused(f"{what} must be more than 0 {symbol} finite, not", partial(kind, **{name: value}))
    elif name != "last":  # (Clock.last is first or later)
        assert getattr(kind(**{name: 0}), name) == 0.0


class Membrane(Cell):
    """A user's cell with one parameter of each kind; it divides by tau and capacitance, not by the rest."""

    tau: Milliseconds = 10.0
    refractory: Milliseconds = 0.0
    lead: Annotated[Milliseconds, Range()] = -5.0
    decay: Milliseconds = 3.0
    capacitance: Picofarads = 200.0
    leak: Nanosiemens = 10.0
    max_rate: PerMillisecond = 0.1
    chance: Probability = 0.5
    threshold: Magnitude = 1.0
    steps: Count = 3.0
    gain: Pure = -1.0
    offset: float = 0.5
    width: Pure = 2.0
    order: int = 2
    clipped: bool = True
    word: str = "a"
    ports = {"prediction": "predict"}
    state = {"rate": 0.0, "age": cells.State(0.0, MS), "v": cells.State(-70.0, MV)}

    def move(self, cell, port, dt):
        wanted = self.gain * port.prediction + self.offset + self.chance + self.threshold + self.steps
        late = where(cell.age > maximum(self.refractory, self.lead), wanted / self.width, 0.0)
        return {
            "rate": cell.rate * exp(-dt / self.tau) + late * self.max_rate * dt,
            "age": cell.age + dt / maximum(self.decay / dt, 1.0),
            "v": cell.v * (1 - dt * self.leak / self.capacitance),
        }


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("tau", 0, "Membrane.tau must be more than 0 ms, and finite, not 0 ms"),
        ("tau", "-0.005 s", "Membrane.tau must be more than 0 ms, and finite, not -5 ms"),
        ("refractory", -1, "Membrane.refractory must be 0 ms or more, and finite, not -1 ms"),
        ("refractory", math.nan, "Membrane.refractory must be 0 ms or more, and finite, not nan ms"),
        ("lead", math.inf, "Membrane.lead must be a finite number (in ms), not inf ms"),
        ("capacitance", 0, "Membrane.capacitance must be more than 0 pF, and finite, not 0 pF"),
        ("leak", -1, "Membrane.leak must be 0 nS or more, and finite, not -1 nS"),
        ("max_rate", "-3 Hz", "Membrane.max_rate must be 0 1/ms or more, and finite, not -0.003 1/ms"),
        ("chance", 1.5, "Membrane.chance must be a finite number from 0 to 1, not 1.5"),
        ("threshold", -0.5, "Membrane.threshold must be 0 or more, and finite, not -0.5"),
        ("steps", 2.5, "Membrane.steps must be a whole number from 0, not 2.5"),
        ("steps", -1, "Membrane.steps must be a whole number from 0, not -1"),
        ("gain", math.inf, "Membrane.gain must be a finite number, not inf"),
        ("width", 0, "Membrane.width must not be 0: the cell divides by it"),
        ("offset", math.nan, "Membrane.offset must be a finite number, not nan"),
        ("offset", "1", "Membrane.offset must be a number, not '1'"),
        ("order", 1.5, "Membrane.order must be a whole number, not 1.5"),
        ("clipped", "no", "Membrane.clipped must be True or False, not 'no'"),
        ("word", 3, "Membrane.word must be a text, not 3"),
    ],
)
def test_a_users_cell_is_checked_by_the_types_of_its_parameters(parameter, value, message):
    refused(message, lambda: Membrane(**{parameter: value}))


@pytest.mark.parametrize(
    ("parameter", "value", "held"),
    [
        ("refractory", 0, 0.0),
        ("lead", "-1 s", -1000.0),
        ("decay", 0, 0.0),  # it stands below a maximum: nothing is divided by 0
        ("leak", 0, 0.0),
        ("chance", 1, 1.0),
        ("width", -1, -1.0),
        ("gain", 0, 0.0),
        ("offset", np.float32(0.25), 0.25),
        ("tau", np.float64(4), 4.0),
        ("tau", np.array(4), 4.0),
        ("tau", torch.tensor(4.0), 4.0),
        ("tau", "4ms", 4.0),
        ("steps", np.int64(2), 2.0),
        ("order", np.int32(3), 3),
        ("clipped", np.False_, False),
        ("clipped", 0, False),
    ],
)
def test_what_is_possible_is_held_as_a_plain_number(parameter, value, held):
    found = getattr(Membrane(**{parameter: value}), parameter)
    assert (found, type(found)) == (held, type(held))


def test_ranges_are_of_the_class_that_declares_them_last():
    class Fast(Value):
        tau: Annotated[Milliseconds, Range(0.5, 4.0)] = 2.0

    assert Fast(tau=4).tau == 4.0
    refused("Fast.tau must be a finite number from 0.5 to 4 ms, not 0.25 ms", lambda: Fast(tau="250 us"))
    assert Value(tau=10).tau == 10.0
    assert Range(0, above=True).describe(PF) == "more than 0 pF, and finite"
    assert Range(most=2).describe(PF) == "a finite number up to 2 pF"
    assert Range(0, 1, above=True).describe(MV) == "a finite number above 0 to 1 mV"


class Scaled(Plasticity):
    """Has a range of its own."""

    share: Probability = 0.5

    def eligibility(self, synapse, pre, post, port):
        return self.share * pre.rate * post.rate


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ErrorTimesRate(-0.1), "ErrorTimesRate.rate must be 0 or more, and finite, not -0.1"),
        (lambda: ErrorTimesRate(math.nan), "ErrorTimesRate.rate must be 0 or more, and finite, not nan"),
        (lambda: ErrorTimesRate("fast"), "ErrorTimesRate.rate must be a number"),
        (lambda: ErrorTimesRate(memory=-1), "ErrorTimesRate.memory must be 0 ms or more, and finite"),
        (lambda: ErrorTimesRate(memory="inf ms"), "ErrorTimesRate.memory must be 0 ms or more, and finite"),
        (lambda: ErrorTimesRate(trigger=3), "ErrorTimesRate.trigger must be a text, not 3"),
        (lambda: ErrorTimesRate(memory=3, consolidation="phase"), "memory must be 0 ms with a consolidation"),
        (lambda: Scaled(share=-1), "Scaled.share must be a finite number from 0 to 1, not -1"),
    ],
)
def test_plasticity_is_checked_as_cells_are(make, message):
    refused(message, make)


def test_a_clock_stops_no_earlier_than_it_begins():
    refused("Clock.last must be first = 3 or later, not 2", lambda: cells.Clock(first=3, last=2))
    assert cells.Clock(first=2, last=2).last == 2.0


@pytest.mark.parametrize("settings", [{"max_rate": 0}, {"base": -1e-6}, {"base": -0.5}])
def test_a_leaky_cell_that_is_held_silent_begins_below_its_threshold(settings):
    voltage = cells.LIF(**settings).initial_spread((50,), np.random.default_rng(0))["voltage"]
    assert ((voltage >= 0) & (voltage < 1)).all()
    assert Poisson(**settings).wanted(0.0) == 0.0
