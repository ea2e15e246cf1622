"""Units: conversions worked by hand, a coherent table, and what is refused."""

import pytest

from corticalnet.circuits.cells import Value
from corticalnet.circuits.quantities import KHZ, MS, MV, NS, ONE, PA, PF, UNITS, name_of, quantity
from corticalnet.errors import CircuitError, UnitError


@pytest.mark.parametrize(
    ("written", "unit", "number"),
    [
        (10, MS, 10.0),
        ("10", MS, None),
        ("10 ms", MS, 10.0),
        (" 0.01   s ", MS, 10.0),
        ("250 us", MS, 0.25),
        ("20 Hz", KHZ, 0.02),
        ("3 kHz", KHZ, 3.0),
        ("0.5 1/ms", KHZ, 0.5),
        ("-0.07 V", MV, -70.0),
        ("1.5 nA", PA, 1500.0),
        ("0.25 uS", NS, 250.0),
        ("0.2 nF", PF, 200.0),
        ("1e-3", ONE, 1e-3),
        ("4 1", ONE, 4.0),
    ],
)
def test_texts_are_converted(written, unit, number):
    if number is None:  # a text without a unit is a pure number, and that is no time
        with pytest.raises(UnitError, match="is a pure number, but must be a time"):
            quantity(written, unit, "tau")
    else:
        assert quantity(written, unit, "tau") == pytest.approx(number, rel=1e-15)


def test_the_table_is_coherent():
    """In the units of the table laws hold without factors: SI values of the units themselves say so."""
    si = {"1": 1.0, "ms": 1e-3, "1/ms": 1e3, "mV": 1e-3, "pA": 1e-12, "nS": 1e-9, "pF": 1e-12}
    assert si.keys() == UNITS.keys()
    base = (si["ms"], si["mV"], si["pA"])
    for symbol, unit in UNITS.items():
        product = 1.0
        for size, power in zip(base, unit.dimension, strict=True):
            product *= size**power
        assert product == pytest.approx(si[symbol], rel=1e-12), symbol
    assert quantity("2 uS", NS, "g") * quantity("0.01 V", MV, "v") == quantity("20 nA", PA, "i")
    assert quantity("1 nF", PF, "c") / quantity("0.1 uS", NS, "g") == quantity("0.01 s", MS, "tau")


def test_dimensions_have_names():
    assert name_of((1, 0, 0)) == "ms"
    assert name_of((-1, 0, 0)) == "1/ms"
    assert name_of((0, -1, 1)) == "nS"
    assert name_of((2, 1, 0)) == "ms^2 mV"


@pytest.mark.parametrize(
    ("value", "unit", "message"),
    [
        ("3 mV", MS, r"tau = '3 mV' is a voltage, but must be a time; units: ms, us, s$"),
        ("3 msec", MS, r"tau = '3 msec': unknown unit 'msec'; did you mean 'ms'\? Choices: ms, us, s$"),
        ("ten ms", MS, r"tau must be a number \(in ms\) or a text like '10 ms', not 'ten ms'$"),
        (None, MV, r"tau must be a number \(in mV\) or a text like '10 mV', not None$"),
        ([1, 2], PA, r"must be a number \(in pA\)"),
        ("5 nS", PF, r"is a conductance, but must be a capacitance; units: pF, nF$"),
    ],
)
def test_what_is_refused(value, unit, message):
    with pytest.raises(UnitError, match=message):
        quantity(value, unit, "tau")


def test_parameters_of_cells_are_quantities():
    assert Value(tau="0.02 s").tau == 20.0
    with pytest.raises(UnitError, match=r"Value\.tau = '5 pA' is a current, but must be a time"):
        Value(tau="5 pA")
    assert issubclass(UnitError, CircuitError)
