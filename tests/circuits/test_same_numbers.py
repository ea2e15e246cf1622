"""What is traced is what is called: floats, arrays, tensors, formulas and Brian2's code agree.

Above all where a parameter is 0, 1 or negative, so that a symbolic tracer may leave something out.
"""

from collections import defaultdict
from types import SimpleNamespace

import numpy as np
import pytest
import sympy
import torch

from corticalnet.circuits import cells, plasticity, pointwise
from corticalnet.circuits.cells import Cell
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.pointwise import absolute, exp, maximum, where
from corticalnet.circuits.quantities import Pure
from corticalnet.circuits.tracing import Traced, symbols, trace
from corticalnet.engines.brian2_engine.code import Formula, formula
from corticalnet.engines.torch_engine.learning import evaluate
from corticalnet.errors import CircuitError
from tests import own
from tests.circuits.test_validation import refused

KINDS = [getattr(cells, name) for name in cells.__all__ if name not in ("Cell", "State", "Spiking")]
KINDS += own.kinds(Cell)
PLASTICITY = [getattr(plasticity, name) for name in plasticity.__all__ if name != "Plasticity"]
PLASTICITY += own.kinds(Plasticity)
DT, N = 0.5, 6
#: What names in Brian2's code are to Python.
CODE = {
    name: getattr(np, name, None)
    for name in ("exp", "expm1", "log", "log1p", "sqrt", "tanh", "sign", "floor")
}
CODE |= {
    "where": lambda c, a, b: a if c else b,
    "minimum": min,
    "maximum": max,
    "abs": abs,
    "floored": np.floor,
}


def variants(kind):
    """A cell of the kind for every parameter at −1, 0, 1 and other numbers, as far as it takes them."""
    found = [kind()]
    for name in kind.units():
        for value in (-1.0, 0.0, 1.0, 0.5):
            try:
                found.append(kind(**{name: value}))
            except CircuitError:
                continue
    for name, value in kind().parameters().items():
        if isinstance(value, bool):
            found.append(kind(**{name: not value}))
    return found


def numbers(cell, draw):
    """States, inputs and ports: some at rest, some 0, some 1, some random."""
    names = [*cell.state, *cell.inputs]
    values = {n: np.concatenate([[cell.rest().get(n, 0.0), 0.0, 1.0], draw(N - 3)]) for n in names}
    return values, {p: np.concatenate([[0.0, 1.0, -1.0], draw(N - 3)]) for p in cell.ports}


def spaces(values, ports, take):
    return (SimpleNamespace(**{n: take(v) for n, v in x.items()}) for x in (values, ports))


def check_same(cell, phase, draw):
    values, ports = numbers(cell, draw)
    rows = [cell.act(phase)(*spaces(values, ports, lambda v, k=k: v[k].item()), DT) for k in range(N)]
    wanted = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
    arrays = cell.act(phase)(*spaces(values, ports, np.copy), DT)
    tensors = cell.act(phase)(*spaces(values, ports, torch.tensor), DT)
    code = cell.act(phase)(*spaces({n: n for n in values}, {n: f"port_{n}" for n in ports}, Formula), DT)
    known = values | {f"port_{n}": v for n, v in ports.items()} | {"dt": DT}
    known |= {n: v for n, v in cell.parameters().items() if n in cell.units()}
    for name, expected in wanted.items():
        what = f"{cell.title()}, {phase}, {name}"
        expr = cell.equations[phase][name]
        traced = evaluate(expr, {n: torch.as_tensor(v, dtype=torch.float64) for n, v in known.items()})
        texts = [eval(formula(code[name]).text, {**CODE, **{n: v if np.isscalar(v) else v[k].item()
                      for n, v in known.items()}}) for k in range(N)]  # fmt: skip
        for found in (arrays[name], tensors[name], traced, texts):
            found = np.broadcast_to(np.asarray(found, dtype=float), N)
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12, err_msg=what)


@pytest.mark.parametrize("kind", PLASTICITY)
def test_every_plasticity_is_one_function(kind):
    """Eligibility, for floats, arrays, tensors and symbols, whatever it asks for at its two cells."""
    draw = np.random.default_rng(4)
    values = defaultdict(lambda: draw.normal(size=N).round(2))

    class Space:
        def __init__(self, side, take):
            self.side, self.take = side, take

        def __getattr__(self, name):
            key = f"{self.side}_{name}"
            return self.take(key, values[key])

    def called(take):
        spaces = (Space(side, take) for side in ("synapse", "pre", "post", "port"))
        return kind().eligibility(*spaces)

    wanted = [float(called(lambda _, v, k=k: v[k].item())) for k in range(N)]
    expr = called(lambda key, _: Traced(sympy.Symbol(key, real=True)))
    known = {key: torch.as_tensor(v) for key, v in values.items()}
    traced = evaluate(getattr(expr, "expr", expr), known)
    for found in (called(lambda _, v: v), called(lambda _, v: torch.tensor(v)), traced):
        np.testing.assert_allclose(np.asarray(found, float), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:overflow")
def test_every_shipped_cell_is_one_function(kind):
    draw = np.random.default_rng(3).normal
    for cell in variants(kind):
        for phase in cell.phases:
            check_same(cell, phase, lambda n: draw(size=n).round(2))


class Factors(Cell):
    """Plain factors without a unit, which tracing sees as numbers."""

    gain: float = 0.0
    offset: float = 1.0
    flag: bool = False
    ports = {"prediction": "predict", "feedback": "feedback"}
    state = {"rate": 0.25, "twice": 0.0}

    def predict(self, cell, port, dt):
        base = 2.0**cell.rate + abs(-port.prediction) + self.offset * (+cell.twice) * self.flag
        return {
            "rate": base + self.gain * port.feedback - (cell.rate - cell.rate),
            "twice": cell.twice * self.gain,
        }


@pytest.mark.parametrize("gain", [-1, 0, 1, 0.5, np.float32(0.0), np.int64(1)])
@pytest.mark.parametrize("flag", [True, False])
def test_plain_factors(gain, flag):
    cell = Factors(gain=gain, offset=gain, flag=flag)
    check_same(cell, "predict", np.random.default_rng(4).random)
    assert cell.reads["predict"] == {"rate", "twice", "port_prediction", "port_feedback"}


class Decaying(Plasticity):
    """What it reads is all there, whatever its factors are."""

    decay: float = 0.0
    gain: Pure = 1.0

    def eligibility(self, synapse, pre, post, port):
        return pre.rate * port.error - self.decay * synapse.weight * post.shift + 0.0 * post.prediction


@pytest.mark.parametrize("decay", [0, 1, -1.0, 0.5])
def test_what_a_plasticity_reads_does_not_hang_on_its_factors(decay):
    rule = Decaying(decay=decay)
    pre, post = cells.Value(), cells.Prediction()
    assert rule.reads(pre, post) == {"pre": {"rate"}, "post": {"shift", "prediction"}, "port": {"error"}}
    values = {"w": 0.5, "pre_rate": 2.0, "post_shift": -3.0, "port_error": 0.25}
    assert evaluate(rule.traced(pre, post), values) == 2.0 * 0.25 - decay * 0.5 * -3.0


# Conditions and numbers -----------------------------------------------------------------------
A, B = symbols(["a", "b"]).a, symbols(["a", "b"]).b


@pytest.mark.parametrize(
    ("message", "function"),
    [
        ("'+' takes numbers, no conditions: write where(condition, 1.0, 0.0)", lambda: (A > 0) + (B > 0)),
        ("'-' takes numbers, no conditions", lambda: 1 - (A > 0)),
        ("'-' takes numbers, no conditions", lambda: (A > 0) - B),
        ("'-' takes numbers, no conditions", lambda: -(A > 0)),
        ("a function takes numbers, no conditions", lambda: exp(A > 0)),
        ("a function takes numbers, no conditions", lambda: maximum(A > 0, 0.5)),
        ("'&' takes conditions, no numbers: write (x != 0)", lambda: (A > 0) & B),
        ("'|' takes conditions, no numbers", lambda: A | (B > 0)),
        ("'1+1' is no number", lambda: A * "1+1"),  # SymPy would run it
        ("'1+1' is no number", lambda: "1+1"),
        ("[1, 2] is no number", lambda: {"x": [1, 2]}),
        ("test: returns nothing", lambda: None),
        ("test: divides by 0", lambda: A * (1.0 / 0)),
        ("test: '' is zoo*a, which is never a finite number", lambda: A / 0.0),
        ("test: '' is nan, which is never a finite number", lambda: A + float("nan")),
    ],
)
def test_what_engines_would_not_understand_alike(message, function):
    """True + True is 2 for Python and formulas, and True for NumPy and torch; and so on."""
    refused(message, lambda: trace("test", lambda: function()))


def test_conditions_stay_conditions():
    """Products, and choices between conditions, as NumPy and torch have them."""
    x = np.array([-1.0, 1.0, -1.0, 1.0]), np.array([-1.0, -1.0, 1.0, 1.0])
    for function in (
        lambda a, b: where((a > 0) * (b > 0), 1.0, 2.0),
        lambda a, b: where(where(a > 0, b > 0, b < 0), 1.0, 2.0),
        lambda a, b: where(a * 0 > -1, a, b),
        lambda a, b: where((a > 0) * 1.0 + (b > 0) * 1.0 > 1.5, 1.0, 2.0),
    ):
        expr = trace("test", lambda s, f=function: f(s.a, s.b), symbols(["a", "b"]))[""]
        tensors = {"a": torch.tensor(x[0]), "b": torch.tensor(x[1])}
        assert evaluate(expr, tensors).tolist() == function(*x).tolist()
        assert function(*tensors.values()).tolist() == function(*x).tolist()


def test_nested_choices_are_traced():
    """SymPy must take every where for a real number, or it refuses to compare two of them."""
    a = symbols(["a"]).a
    x = where(a > 0, a, -a)
    for k in range(6):
        x = where(x > k, x * x + 1, pointwise.minimum(x, a)) + absolute(x)
    assert trace("test", lambda: x)[""].is_real


def test_a_cell_that_is_handed_on_as_a_whole_is_read_as_a_whole():
    """AveragedError sends what a copy of itself would, with another error: the copy reads stage and sent."""
    assert cells.AveragedError().reads["send"] >= {"mean", "stage", "sent", "port_stage"}
