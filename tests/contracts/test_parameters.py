"""Every parameter of every rule and of all that networks are made of: impossible values are refused by name.

Parameters are found by looking at signatures, so a new one is tried as soon as it is there.
"""

import inspect
import math

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.errors import CorticalnetError
from corticalnet.network import homeostasis, initialisation, stages
from corticalnet.network.area import Area
from corticalnet.rules import catalogue, perturbation, rows
from tests.target_propagation import listed

RULES = (*cn.list_rules(), "learned-inverses")

NAN, INF = math.nan, math.inf


@pytest.fixture(autouse=True)
def _a_rule_of_ones_own():
    with listed():
        yield


def area(pool: "int | None" = None, dropout: "float" = 0.0):
    return Area(cn.Convolution(2, 3), pool=pool, dropout=dropout)


def network(seed: "int" = 0):
    return cn.mlp([3, 2], seed=seed)


def through_time(window: "int | None" = None):
    return cn.ThroughTime(cn.rule("backprop"), window)


#: Makers, with what they cannot do without.
MAKERS = {
    **{kind.__name__: (kind, {}) for kind in (part.load() for part in rows.FEEDBACKS.values())},
    **{kind.__name__: (kind, {}) for kind in (cn.Teacher, cn.Reward, cn.SoftmaxReward)},
    **{kind.__name__: (kind, {}) for kind in (cn.Sweep, cn.IL, cn.ZIL, cn.FaZIL)},
    "WeightPerturbation": (perturbation.WeightPerturbation, {}),
    "NodePerturbation": (perturbation.NodePerturbation, {}),
    "REINFORCE": (perturbation.REINFORCE, {}),
    "Dense": (cn.Dense, {"columns": 3}),
    "Convolution": (cn.Convolution, {"channels": 2}),
    "Local": (cn.Local, {"channels": 2}),
    "Area": (area, {}),
    "Network": (network, {}),
    "Recurrent": (cn.Recurrent, {"inputs": 2, "columns": 3, "outputs": 1}),
    "ThroughTime": (through_time, {}),
    "MaxPool": (stages.MaxPool, {}),
    "Dropout": (stages.Dropout, {"p": 0.5}),
    "BatchHomeostasis": (homeostasis.BatchHomeostasis, {}),
    "SlowHomeostasis": (homeostasis.SlowHomeostasis, {}),
    "normal": (initialisation.normal, {"std": 0.1}),
    "glorot": (initialisation.glorot, {}),
    "scaled": (initialisation.scaled, {}),
}

#: Where 0 is as good as any other number: nothing of it.
ZERO_MEANS_NONE = {
    "momentum", "alternate", "auxiliary", "damping", "leak",
    "seed", "noise", "threshold", "decay", "exploration", "padding", "eps", "dropout", "init", "p", "std",
    "gain",
}  # fmt: skip
#: Where numbers below 0 are as good.
ANY_SIGN = {"seed", "gain"}
#: How messages call a parameter that users do not write by name.
CALLED = {"init": "initialisation", "p": "dropout", "std": "standard deviation"}
#: Not numbers, flags or choices of this package's.
OTHERS = {"bounds", "source", "hidden", "output", "dtype", "device", "mask"}

BAD = {
    "whole number": [2.5, NAN, INF, "3", True, 1j, [2.5], np.float64(2.5), torch.tensor([1, 2])],
    "number": [NAN, INF, -INF, "3", True, 1j, [0.1], 10**400, np.float32("nan"), torch.tensor(NAN)],
    "flag": [0, 1, "yes", NAN, None, [True]],
    "function": [3, "gaussian", True],
    "choice": ["nonsense", 3, True, None, ["nonsense"], np.array(["a", "b"])],
}


def kind_of(name, annotation):
    if name == "init":
        return "number"
    for kind, words in (("function", ("Callable", "Draw")), ("flag", ("bool",)), ("number", ("float",)),
                        ("whole number", ("int",)), ("choice", ("str",))):  # fmt: skip
        if any(word in annotation for word in words):
            return kind
    raise AssertionError(f"no values are known for {name}: {annotation}")


def bad_values(name, parameter):
    annotation = str(parameter.annotation)
    kind = kind_of(name, annotation)
    values = list(BAD[kind])
    if kind in ("number", "whole number"):
        values += [] if name in ANY_SIGN else [-1]
        values += [] if name in ZERO_MEANS_NONE or (name, parameter.default) == ("steps", 20) else [0]
    if "None" not in annotation and None not in values:
        values.append(None)
    if "None" in annotation:
        values = [value for value in values if value is not None]
    return values


CASES = [
    (maker, name)
    for maker, (make, _) in MAKERS.items()
    for name in inspect.signature(make).parameters
    if name not in OTHERS
]


@pytest.mark.parametrize(("maker", "name"), CASES)
def test_an_impossible_value_is_refused_by_name(maker, name):
    make, needed = MAKERS[maker]
    for value in bad_values(name, inspect.signature(make).parameters[name]):
        try:
            make(**{**needed, name: value})
        except CorticalnetError as error:
            message = str(error)
        else:
            pytest.fail(f"{name}={value!r} is taken")
        assert CALLED.get(name, name) in message
        assert str(value)[:10] in message or repr(value)[:10] in message
        assert "\n" not in message
        assert len(message) < 250


def taken_by(name):
    """Parameters of a rule by name, each with the part that takes it."""
    entry = catalogue._RULES[name]
    product = isinstance(entry, rows.Entry)
    names = {**rows.TEACHINGS, **rows.FEEDBACKS}
    whole = entry.make if isinstance(entry, rows.Whole) else entry
    parts = (entry.teaching, entry.feedback, entry.trigger) if product else (whole, cn.Teacher)
    parts = [catalogue.part_of(part, names, "part") for part in parts]
    taken = [inspect.signature(part).parameters for part in parts]
    return {key: one for part in taken for key, one in part.items() if key != "teaching"}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_refuses_impossible_values_when_it_is_made(name):
    for key, parameter in taken_by(name).items():
        for value in bad_values(key, parameter):
            with pytest.raises(CorticalnetError, match=CALLED.get(key, key)):
                cn.rule(name, **{key: value})
    with pytest.raises(CorticalnetError, match="unknown parameter 'speed'"):
        cn.rule(name, speed=1)


@pytest.mark.parametrize("name", RULES)
def test_scalars_of_numpy_and_tensors_are_the_numbers_that_they_hold(name):
    net, x, y = cn.mlp([3, 4, 2], "tanh", dtype=torch.float64), torch.rand(4, 3), [0, 1, 1, 0]
    defaults = {key: p.default for key, p in taken_by(name).items() if type(p.default) in (int, float, bool)}

    def change(values):
        torch.manual_seed(0)
        cn.rule(name, **values).learn(net, x, y)
        return [p.grad.clone() for p in net.parameters()]

    wanted = change({})
    for wrap in (np.asarray, lambda value: np.asarray(value)[()], lambda v: torch.as_tensor(np.asarray(v))):
        numbers = {key: wrap(value) for key, value in defaults.items()}
        assert all(torch.equal(*pair) for pair in zip(change(numbers), wanted, strict=True))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: cn.Network((1.5,), [Area(cn.Dense(2))]), r"input_shape must be whole numbers.*not \(1.5,\)"),
        (lambda: cn.Network(784, [Area(cn.Dense(2))]), r"such as \(784,\).*not 784"),
        (lambda: cn.Network("784", [Area(cn.Dense(2))]), "not '784'"),
        (lambda: cn.Network((), [Area(cn.Dense(2))]), r"not \(\)"),
        (lambda: cn.Network((True,), [Area(cn.Dense(2))]), r"not \(True,\)"),
        (lambda: cn.Network((3,), Area(cn.Dense(2))), "areas must be a list"),
        (lambda: cn.Network((3,), None), "areas must be a list"),
        (
            lambda: cn.Network((3,), [Area(cn.Dense(2))], dtype=torch.int64),
            "one of.*not torch.int64",
        ),
        (lambda: cn.Network((3,), [Area(cn.Dense(2))], dtype="float32"), "dtype must be one of.*'float32'"),
        (lambda: cn.Network((3,), [Area(cn.Dense(2))], device="gpu"), "device 'gpu' cannot be used"),
        (lambda: cn.Recurrent(2, 3, 1, dtype=torch.cfloat), "dtype must be one of"),
        (lambda: cn.Recurrent(2, 3, 1).unrolled(True), "steps must be a whole number"),
        (lambda: cn.mlp(4), r"mlp needs .* not \[4\]"),
        (lambda: cn.mlp("48"), "mlp needs"),
        (lambda: cn.mlp([4, 2.0]), "columns must be a whole number from 1, not 2.0"),
        (lambda: cn.mlp([4, 2], hidden=None, init=NAN), "initialisation"),
        (lambda: Area(cn.Dense(2), activation=3), "unknown activation '3'"),
        (lambda: Area(cn.Dense(2), name=3), "an area's name is a plain word, not 3"),
        (lambda: Area(cn.Dense(2), homeostasis=True), "unknown homeostasis 'True'"),
        (lambda: Area(cn.Dense(2), stages=["relu"]), "stages are.*not 'relu'"),
        (lambda: Area(cn.Dense(2), stages=3), "stages are.*not 3"),
        (lambda: Area(3), "made of links.*not 3"),
        (lambda: Area(None), "made of links.*not None"),
        (lambda: cn.Dense(2, source=3), "source must be the name of an area, or None, not 3"),
        (lambda: cn.Network((3,), [Area(cn.Dense(2, ""))]), "unknown source area ''"),
        (
            lambda: cn.mlp([2, 2], init=lambda *_: None),
            "returns a tensor",
        ),
        (lambda: cn.mlp([2, 3], init=lambda *_: torch.zeros(2)), r"returned \(2,\) for \(3, 2\) weights"),
        (lambda: cn.mlp([2, 3], init=lambda s, *_: torch.full(s, NAN)), "no finite real numbers"),
        (lambda: cn.rule("ipc", steps=0), "IL: steps must be a whole number from 1, not 0"),
        (lambda: cn.rule(None), "unknown rule 'None'"),
        (lambda: cn.Rule(teaching=0), "0 is no teaching"),
        (lambda: cn.Rule(feedback="tied"), "'tied' is no feedback"),
        (lambda: cn.Rule(trigger=cn.Sweep), "is no trigger"),
        (
            lambda: cn.rule("backprop").update(cn.mlp([2, 2]), [[0, 1]], [0], None),
            "an optimizer.*not None",
        ),
        (
            lambda: cn.rule("backprop").learn(torch.nn.Linear(2, 2), [[0, 1]], [0]),
            "a Network, not Linear",
        ),
    ],
)
def test_other_mistakes_are_told_in_a_sentence(make, words):
    with pytest.raises(CorticalnetError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


class Whole(cn.LearningRule):
    """A rule that is no product, and remembers what it was made with."""

    def __init__(self, speed=1.0, teaching=None):
        self.speed, self.given = speed, teaching

    def learn(self, net, x, targets, *, accumulate=False):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("make", "parameters", "words"),
    [
        (Whole, {"sped": 2}, "rule 'whole': unknown parameter 'sped'; did you mean 'speed'"),
        (Whole, {"teaching": "techer"}, "unknown teaching signal 'techer'; did you mean 'teacher'"),
        (lambda speed=1.0: Whole(speed), {"loss": "squared"}, "unknown parameter 'loss'. Choices: speed"),
        (lambda: Whole(), {"speed": 1}, "unknown parameter 'speed'. Choices: none"),
    ],
)
def test_a_rule_that_is_no_product_refuses_what_it_does_not_take(make, parameters, words, monkeypatch):
    monkeypatch.setitem(catalogue._RULES, "whole", make)
    with pytest.raises(CorticalnetError, match=words):
        cn.rule("whole", **parameters)


def test_a_rule_that_is_no_product_may_be_told_its_teaching_by_name(monkeypatch):
    monkeypatch.setitem(catalogue._RULES, "whole", Whole)
    made = cn.rule("whole", speed=2.0, loss="cross-entropy")
    assert (made.speed, made.given.loss) == (2.0, "cross-entropy")
    assert isinstance(cn.rule("whole", teaching="reward", exploration=0.5).given, cn.Reward)
    assert cn.rule("whole").given is None, "by default by whom the rule itself says"
    monkeypatch.setitem(catalogue._RULES, "open", lambda **anything: Whole(**anything))
    assert cn.rule("open", speed=3.0).speed == 3.0
