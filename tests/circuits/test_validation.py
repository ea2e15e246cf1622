"""Circuits that cannot be: each mistake is one sentence that names the part, its value and the choices."""

import re

import pytest

from corticalnet.circuits import (
    Broadcast,
    Circuit,
    MinimumDurations,
    OneToOne,
    Population,
    Projection,
    Wire,
)
from corticalnet.circuits.cells import (
    ChangeDetector,
    Clock,
    Error,
    PhaseSignal,
    Prediction,
    Value,
)
from corticalnet.circuits.plasticity import ErrorTimesRate, Plasticity
from corticalnet.errors import CircuitError


class Curious(Plasticity):
    """Asks for a state that its cells do not have."""

    def eligibility(self, synapse, pre, post, port):
        return pre.rate * post.calcium


POPULATIONS = [
    Population("below.value", 2, Value()),
    Population("area.value", 3, Value()),
    Population("area.prediction", 3, Prediction()),
    Population("area.error", 3, Error()),
    Population("area.phi", 3, ChangeDetector()),
    Population("clock", 1, Clock()),
]
UP = {"source": "below.value", "target": "area.prediction", "port": "prediction", "weight": 0.5}


def circuit(populations=(), projections=(), wires=(), broadcasts=(), **changes):
    return Circuit([*POPULATIONS, *populations], projections, wires, broadcasts, **changes)


def up(**changes):
    return Projection(**UP | changes)


def refused(message, make):
    with pytest.raises(CircuitError) as caught:
        make()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("message", "make"),
    [
        ("a circuit needs at least one population", lambda: Circuit([])),
        ("population name 'a b' must be words with dots between", lambda: Population("a b", 1, Value())),
        ("population name 'a..b' must be words", lambda: Population("a..b", 1, Value())),
        ("population name 3 must be words", lambda: Population(3, 1, Value())),
        ("population 'a' needs at least 1 cell, a whole number, not 0", lambda: Population("a", 0, Value())),
        (
            "population 'a' needs at least 1 cell, a whole number, not 1.5",
            lambda: Population("a", 1.5, Value()),
        ),
        ("population 'a' is made of a Cell, not 'value'", lambda: Population("a", 1, "value")),
        ("two populations are called 'clock'", lambda: circuit([Population("clock", 1, Clock())])),
        ("needs at least 1 cell, a whole number, not True", lambda: Population("a", True, Value())),
        ("made of a Cell, not <class '", lambda: Population("a", 1, Value)),
        (
            "'corticalnet.circuits.cells.value.Value'>; did you mean Value()?",
            lambda: Population("a", 1, Value),
        ),
        (
            "populations of a circuit must be a list of Populations, not Population(",
            lambda: Circuit(Population("a", 1, Value())),
        ),
        ("populations of a circuit must be a list of Populations", lambda: Circuit([Value()])),
        ("wires of a circuit must be a list of Wires, not None", lambda: circuit(wires=None)),
        ("dt must be a number (in ms) or a text like '10 ms', not True", lambda: circuit(dt=True)),
        ("needs.present must be a whole number from 0, not -1", lambda: MinimumDurations(-1)),
        ("needs.teach must be a whole number from 0, not 1.5", lambda: MinimumDurations(1, 1.5)),
        (
            "a circuit has a name and MinimumDurations(...), not 'circuit' and needs = (1, 2)",
            lambda: circuit(needs=(1, 2)),
        ),
        (
            "populations 'clock' and 'clock.cell' both have the role 'cell' of area 'clock'",
            lambda: circuit([Population("clock.cell", 1, Clock())]),
        ),
        ("dt must be more than 0 ms, and finite, not 0", lambda: circuit(dt=0)),
        ("dt must be more than 0 ms, and finite, not nan", lambda: circuit(dt=float("nan"))),
        ("dt = '1 mV' is a voltage, but must be a time", lambda: circuit(dt="1 mV")),
    ],
)
def test_populations(message, make):
    refused(message, make)


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        ("wire 'area.value-area.error': unknown port of Error 'chang'; did you mean 'change'?",
         lambda: Wire("area.value", "area.error", "chang")),
        ("unknown source of wire 'area.valu-area.error' 'area.valu'",
         lambda: Wire("area.valu", "area.error", "change")),
        ("unknown port of Error 'feedback'. Choices: change",
         lambda: Wire("area.value", "area.error", "feedback")),
        ("unknown state of Value 'chance'; did you mean 'change'?",
         lambda: Wire("area.value", "area.error", "change", sends="chance")),
        ("weight of wire 'area.value-area.error' must be a finite number, not nan",
         lambda: Wire("area.value", "area.error", "change", weight=float("nan"))),
        ("weight of wire 'area.value-area.error' must be a number, not '1'",
         lambda: Wire("area.value", "area.error", "change", weight="1")),
        ("source of a wire must be a text, not 3", lambda: Wire(3, "area.error", "change")),
        (
            "wire 'below.value-area.error' must stay within columns, but joins 2 cells of area 'below' and "
            "3 of 'area'; use a Projection",
            lambda: Wire("below.value", "area.error", "change"),
        ),
    ],
)  # fmt: skip
def test_wires(message, wire):
    refused(message, lambda: circuit(wires=[wire()]))


def test_a_wire_that_is_written_and_read_in_one_phase():
    """Errors compare in one phase: who comes first would be a matter of chance."""
    other = Population("area.other", 3, Error())
    refused(
        "wire 'area.error-area.other': 'error' is written and read in the same phase, 'compare'",
        lambda: circuit([other], wires=[Wire("area.error", "area.other", "change")]),
    )
    assert circuit(wires=[Wire("area.error", "area.phi", "error")]).wires[0].name == "area.error-area.phi"


@pytest.mark.parametrize(
    ("message", "broadcast"),
    [
        ("unknown source of broadcast 'clok' 'clok'; did you mean 'clock'?", Broadcast("clok", ["area.phi"])),
        ("broadcast 'area.error' comes from 'area.error', which has 3 cells; it must be one",
         Broadcast("area.error", ["area.phi"])),
        ("unknown state sent by broadcast 'clock' 'tock'", Broadcast("clock", ["area.phi"], "tock")),
        ("unknown target (population or plastic projection) of broadcast 'clock' 'area.fi'; "
         "did you mean 'area.phi'?",
         Broadcast("clock", ["area.fi"])),
        ("broadcast 'clock' 'fixed'", Broadcast("clock", ["fixed"])),
        ("unknown port of Error 'clock'. Choices: change", Broadcast("clock", ["area.error"])),
    ],
)  # fmt: skip
def test_broadcasts(message, broadcast):
    refused(message, lambda: circuit(projections=[up(name="fixed")], broadcasts=[broadcast]))


def test_a_broadcast_to_one():
    assert Broadcast("clock", "area.phi").targets == ("area.phi",)
    for targets in (None, 3, [3]):
        refused(
            "targets of broadcast 'clock' must be a list of names", lambda t=targets: Broadcast("clock", t)
        )


def test_two_broadcasts_of_one_name():
    twice = [Broadcast("clock", ["area.phi"]), Broadcast("clock", ["area.value"])]
    refused("two broadcasts are called 'clock'", lambda: circuit(broadcasts=twice))


@pytest.mark.parametrize(
    ("message", "plasticity"),
    [
        ("projection 'up': unknown trigger 'clok'; did you mean 'clock'? Choices: prediction, error, "
         "phi, prediction, shift, clock", ErrorTimesRate(trigger="clok")),
        ("projection 'up': unknown modulator 'dopamine'", ErrorTimesRate(modulator="dopamine")),
        ("projection 'up': unknown consolidation 'phase'", ErrorTimesRate(consolidation="phase")),
        ("projection 'up': plasticity Curious: there is no 'calcium'", Curious()),
    ],
)  # fmt: skip
def test_plasticity(message, plasticity):
    refused(
        message,
        lambda: circuit(
            projections=[up(name="up", plasticity=plasticity), up(name="other")],
            broadcasts=[Broadcast("clock", ["up"])],
        ),
    )


def test_a_broadcast_is_heard_only_by_its_targets():
    deaf = up(name="deaf", plasticity=ErrorTimesRate(trigger="clock"))
    up_too = up(name="up", plasticity=ErrorTimesRate(trigger="clock"))
    made = [deaf, up_too]
    refused(
        "projection 'deaf': unknown trigger 'clock'",
        lambda: circuit(projections=made, broadcasts=[Broadcast("clock", ["up"])]),
    )
    assert len(circuit(projections=made, broadcasts=[Broadcast("clock", ["up", "deaf"])]).plastic) == 2


def test_tables_have_everything():
    """A row for every part, in words of the table's own columns."""
    made = circuit(
        [Population("phase", 1, PhaseSignal())],
        [
            up(name="up", plasticity=ErrorTimesRate(0.25, trigger="clock"), delay=2),
            Projection("area.error", "below.value", "feedback", name="down", shared_with="up"),
            Projection("area.value", "area.value", "feedback", 1.0, OneToOne(), name="side"),
        ],
        [Wire("area.value", "area.error", "change", sends="change", weight=-2.0)],
        [Broadcast("clock", ["up"]), Broadcast("phase", ["area.value"], port="prediction_phase")],
        name="small",
    )
    rows = [re.split(r"\s{2,}", line.strip()) for line in str(made).splitlines()]
    assert rows[0] == ["small"]
    for population in made.populations:
        assert [population.name, str(population.n), population.cell.title()] in rows
    plastic = "ErrorTimesRate(rate=0.25, trigger=clock)"
    for row in (
        ["up", "below.value", "area.prediction", "prediction", "rate", "all to all, delay 2 ms", plastic],
        ["down", "area.error", "below.value", "feedback", "error", "back along up"],
        ["side", "area.value", "area.value", "feedback", "rate", "one to one"],
        ["area.value", "area.error", "change", "change", "wire × -2"],
        ["clock", "clock", "up", "clock", "tick", "broadcast"],
        ["phase", "phase", "area.value", "prediction_phase", "prediction_phase", "broadcast"],
    ):
        assert row in rows
    assert rows[-1] == ["16 cells, 9 synapses, a step is 1 ms"]  # 2 + 4 · 3 + 2;  3 · 2 + 3
    lines = str(made.schedule()).splitlines()[1:]
    names = [line.split()[1] for line in lines]
    assert names == made.schedule().names()
    assert " ".join(names) == "deliver move fire predict compare detect send feedback learn record"
