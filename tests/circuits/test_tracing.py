"""Cells as formulas: units of equations, what is not pointwise, and one meaning for every kind of number."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import sympy
import torch

from corticalnet.activations import ACTIVATIONS as NETWORK_ACTIVATIONS
from corticalnet.circuits import pointwise
from corticalnet.circuits.cells import Cell, State, Value
from corticalnet.circuits.cells.activation import ACTIVATIONS, activation
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.quantities import MS, MV, Milliseconds
from corticalnet.circuits.tracing import symbols, trace
from corticalnet.engines.torch_engine import functions
from corticalnet.engines.torch_engine.learning import evaluate
from corticalnet.errors import CircuitError, UnitError

assert functions.Tensor is torch.Tensor  # importing it registers what tensors are


def cell_that(returns, states=None):
    """A cell whose ``move`` returns what the given function does."""

    class Made(Cell):
        tau: Milliseconds = 2.0
        ports = {"own": ""}
        state = states or {"rate": 0.0, "v": State(-70.0, MV), "age": State(0.0, MS)}

        def move(self, cell, port, dt):
            return returns(self, cell, port, dt)

    return Made


# Units of equations ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("returns", "message"),
    [
        (
            lambda s, c, p, dt: {"v": c.v + dt},
            r"cell Made, move, v: '.*' puts (ms and mV|mV and ms) together",
        ),
        (lambda s, c, p, dt: {"v": pointwise.exp(c.v)}, r"'exp\(v\)' takes a pure number, but gets mV"),
        (lambda s, c, p, dt: {"v": dt}, r"cell Made, move, v: 'dt' is in ms, but must be in mV"),
        (lambda s, c, p, dt: {"v": 2.0 * c.v * c.v}, r"is in mV\^2, but must be in mV"),
        (lambda s, c, p, dt: {"v": pointwise.sqrt(c.v)}, "raises mV to a power that is no whole number"),
        (lambda s, c, p, dt: {"rate": c.rate**c.v}, "'v' is in mV, but must be in 1"),
        (lambda s, c, p, dt: {"rate": dt / s.tau + s.tau}, "together"),
        (lambda s, c, p, dt: {"rate": pointwise.where(c.v > c.age, 1.0, 0.0)}, "together"),
        (lambda s, c, p, dt: {"v": pointwise.where(c.rate > 0, c.v, c.age)}, "together"),
        (lambda s, c, p, dt: {"v": pointwise.maximum(c.v, dt)}, "together"),
    ],
)
def test_equations_with_wrong_units_are_refused(returns, message):
    with pytest.raises(UnitError, match=message):
        cell_that(returns)()


def test_equations_with_right_units_pass():
    def move(self, cell, port, dt):
        return {
            "v": pointwise.where(cell.age > self.tau, 0.0, cell.v * (1 - dt / self.tau)),
            "age": pointwise.absolute(cell.age) + dt,
            "rate": pointwise.tanh(cell.age / self.tau) * pointwise.sign(cell.v),
        }

    cell = cell_that(move)()
    v, dt, tau, age = sympy.symbols("v dt tau age", real=True)
    found = cell.equations["move"]
    replaced = {symbol: sympy.Symbol(symbol.name, real=True) for symbol in found["v"].free_symbols}
    condition, zero, decayed = found["v"].xreplace(replaced).args
    assert (condition, float(zero)) == (sympy.StrictGreaterThan(age, tau), 0.0)
    assert sympy.simplify(decayed - v * (1 - dt / tau)) == 0


# What is not pointwise -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("returns", "message"),
    [
        (lambda s, c, p, dt: {"rate": 1.0 if c.rate > 0 else 0.0}, r"branches on 'rate > 0'.*write where\("),
        (lambda s, c, p, dt: {"rate": c.rate > 0 and c.rate}, "branches on 'rate > 0'"),
        (lambda s, c, p, dt: {"rate": max(c.rate, 0.0)}, "branches on"),
        (lambda s, c, p, dt: {"rate": c.rat}, "cell Made, move: there is no 'rat'; there is rate, v, age"),
        (lambda s, c, p, dt: {"rate": p.feedback}, "there is no 'feedback'; there is rate, v, age, own"),
        (lambda s, c, p, dt: {"rates": c.rate}, "unknown state 'rates'; did you mean 'rate'"),
        (
            lambda s, c, p, dt: {"rate": math.tanh(c.rate)},
            "use the functions of corticalnet.circuits.pointwise",
        ),
        (lambda s, c, p, dt: {"rate": ~(c.rate > 0)}, "for 'not' write == 0"),
    ],
)
def test_what_is_not_pointwise_is_refused(returns, message):
    with pytest.raises(CircuitError, match=message) as caught:
        cell_that(returns)()
    assert "\n" not in str(caught.value)


def test_cells_that_cannot_be():
    with pytest.raises(CircuitError, match="cell Made: 'port_a' cannot be the name of a"):
        cell_that(None, {"port_a": 0.0})
    with pytest.raises(CircuitError, match="cell Empty has no state"):
        type("Empty", (Cell,), {})
    with pytest.raises(CircuitError, match="port 'drive' of Deaf 'predcit'; did you mean 'predict'"):
        type("Deaf", (Cell,), {"ports": {"drive": "predcit"}, "state": {"rate": 0.0}})


def test_a_cell_prints_its_equations():
    text = str(Value(tau=5.0, activation="tanh"))
    assert text.splitlines()[0] == "Value(tau=5, activation=tanh)"
    assert "fire      rate ← tanh(value)" in text
    assert all(name in text for name in ("port_error", "port_feedback", "port_prediction_phase", "dt", "tau"))


# No second implementation may drift ------------------------------------------------------------
X = np.array([-800.0, -30.5, -3.0, -1.0, -0.5, -1e-9, 0.0, 1e-9, 0.25, 1.0, 2.0, 19.999, 20.0, 20.001, 400.0])
Y = X[::-1].copy()
POSITIVE, SMALL = np.abs(X) + 0.5, np.clip(X, -20, 20)
#: name -> (arguments, the same by Python's own mathematics)
CASES = {
    "where": ((X > 0.5, X, Y), lambda c, x, y: x if c else y),
    "exp": ((SMALL,), math.exp),
    "expm1": ((SMALL,), math.expm1),
    "log": ((POSITIVE,), math.log),
    "log1p": ((POSITIVE,), math.log1p),
    "sqrt": ((POSITIVE,), math.sqrt),
    "tanh": ((X,), math.tanh),
    "sigmoid": ((SMALL,), lambda x: 1 / (1 + math.exp(-x))),
    "absolute": ((X,), abs),
    "floor": ((3 * X,), math.floor),
    "sign": ((X,), lambda x: (x > 0) - (x < 0)),
    "minimum": ((X, Y), min),
    "maximum": ((X, Y), max),
}


def same(found, wanted):
    np.testing.assert_allclose(np.asarray(found, dtype=np.float64), wanted, rtol=1e-15, atol=1e-15)


def test_every_function_has_a_case():
    assert CASES.keys() == set(pointwise.NAMES)


@pytest.mark.parametrize("name", pointwise.NAMES)
def test_functions_mean_the_same_for_floats_arrays_tensors_and_symbols(name):
    arguments, plain = CASES[name]
    function = getattr(pointwise, name)
    rows = [[v.item() for v in row] for row in zip(*arguments, strict=True)]
    wanted = np.array([plain(*row) for row in rows], dtype=np.float64)
    same([float(function(*row)) for row in rows], wanted)
    same(function(*arguments), wanted)
    tensors = [torch.as_tensor(a) for a in arguments]
    found = function(*tensors)
    assert found.dtype == torch.float64
    same(found, wanted)
    names = "abc"[: len(arguments)]
    expr = trace("test", lambda space: function(*vars(space).values()), symbols(list(names)))[""]
    same(evaluate(expr, dict(zip(names, tensors, strict=True))), wanted)


@pytest.mark.parametrize("name", ["minimum", "maximum"])
def test_a_plain_number_beside_a_tensor_keeps_all_its_digits(name):
    function, plain = getattr(pointwise, name), {"minimum": min, "maximum": max}[name]
    for x, y in ((0.1, torch.tensor([0.0, 1.0], dtype=torch.float64)), (torch.ones(2).double(), 1 / 3)):
        pairs = np.broadcast(np.asarray(x), np.asarray(y))
        assert function(x, y).tolist() == [plain(a.item(), b.item()) for a, b in pairs]


def test_a_number_is_a_condition_where_it_is_not_zero():
    numbers = [0.0, -2.0, 0.5]
    assert pointwise.where(np.array(numbers), 1.0, 2.0).tolist() == [2, 1, 1]
    assert pointwise.where(torch.tensor(numbers), 1.0, 2.0).tolist() == [2, 1, 1]
    assert [float(pointwise.where(n, torch.tensor(1.0), 2.0)) for n in numbers] == [2, 1, 1]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_those_of_the_network_view(name):
    there = NETWORK_ACTIVATIONS[name]
    x = torch.tensor(X)
    signal = torch.linspace(-2.0, 3.0, len(X), dtype=torch.float64)
    rate = there.rate(x)
    gain = there.gain(signal, x, rate)
    here = activation(name)
    same(here.rate(x), rate)
    same(here.gain(signal, x, rate), gain)
    same(here.rate(X), rate)
    same(here.gain(signal.numpy(), X, rate.numpy()), gain)
    same([float(here.rate(v)) for v in X.tolist()], rate)
    rows = zip(signal.tolist(), X.tolist(), rate.tolist(), strict=True)
    same([float(here.gain(*row)) for row in rows], gain)
    values = {"s": signal, "x": x, "y": rate}
    traced = trace("rate", lambda n: here.rate(n.x), symbols(["x"]))[""]
    same(evaluate(traced, values).expand(len(X)), rate)
    traced = trace("gain", lambda n: here.gain(n.s, n.x, n.y), symbols(list(values)))[""]
    same(evaluate(traced, values).expand(len(X)), gain)


def test_both_views_have_the_same_activations():
    assert ACTIVATIONS.keys() == NETWORK_ACTIVATIONS.keys()
    with pytest.raises(CircuitError, match="unknown activation 'tanhh'; did you mean 'tanh'"):
        activation("tanhh")
    with pytest.raises(CircuitError, match="unknown activation 'rellu'; did you mean 'relu'"):
        Value(activation="rellu")


def test_a_cell_is_the_same_function_for_every_kind_of_number():
    """One Euler step of a value cell with tanh, for floats against arrays and tensors."""
    cell, dt = Value(tau=4.0, activation="tanh"), 0.5
    value, own, feedback, modulator = np.meshgrid([-0.3, 0.8], [0.0, 0.2], [-1.0, 0.5], [0.0, 1.0])
    grids = [g.ravel() for g in (value, own, feedback, modulator)]

    def move(v, o, f, m, rate):
        state = SimpleNamespace(value=v, change=0.0, rate=rate)
        return cell.move(state, SimpleNamespace(error=o, feedback=f, prediction_phase=m), dt)["value"]

    wanted = [
        v - o if m else v + 0.125 * ((1 - math.tanh(v) ** 2) * f - o)
        for v, o, f, m in zip(*(g.tolist() for g in grids), strict=True)
    ]
    same(
        [float(move(*row, math.tanh(row[0]))) for row in zip(*(g.tolist() for g in grids), strict=True)],
        wanted,
    )
    same(move(*grids, np.tanh(grids[0])), wanted)
    tensors = [torch.tensor(g) for g in grids]
    same(move(*tensors, torch.tanh(tensors[0])), wanted)


def test_a_plasticity_prints_its_equations_without_its_cells():
    class Decaying(Plasticity):
        state = {"trace_of_rate": 0.0}

        def eligibility(self, synapse, pre, post, port):
            return synapse.trace_of_rate * port.error - synapse.weight**2

        def update(self, synapse, pre, post, port, dt):
            return {"trace_of_rate": synapse.trace_of_rate + dt * (pre.rate - synapse.trace_of_rate)}

    assert str(Decaying(rate=0.2, trigger="phi")).splitlines() == [
        "Decaying(rate=0.2, trigger=phi)",
        "  Δw = rate · phi · eligibility",
        "  eligibility = port.error · synapse.trace_of_rate - synapse.weight**2",
        "  trace_of_rate ← dt · (pre.rate - synapse.trace_of_rate) + synapse.trace_of_rate",
    ]


def test_a_plasticity_that_cannot_be_read_prints_all_the_same():
    class Branching(Plasticity):
        def eligibility(self, synapse, pre, post, port):
            return pre.rate if pre.rate > 0 else 0.0

    assert str(Branching()).splitlines()[1:] == ["  Δw = rate · eligibility"]
