"""What people get wrong: every message names the thing, its value and what is possible."""

import pytest
import torch

import corticalnet as cn
from corticalnet.errors import NetworkError, ShapeError

Area, AvgPool, Dense, Convolution, Local, Network = (
    cn.Area,
    cn.AvgPool,
    cn.Dense,
    cn.Convolution,
    cn.Local,
    cn.Network,
)

#: what is wrong, and the words that its message must have
MISTAKES = {
    "unknown activation": (lambda: Area(Dense(3), "rleu"), ["activation 'rleu'", "'relu'", "sigmoid"]),
    "unknown homeostasis": (lambda: Area(Dense(3), homeostasis="fats"), ["'fats'", "batch", "slow"]),
    "unknown scheme": (
        lambda: Network((4,), [Area(Dense(3, init="glorto"))]),
        ["Dense", "initialisation 'glorto'", "did you mean 'glorot'", "he", "a standard deviation"],
    ),
    "negative deviation": (
        lambda: Network((4,), [Area(Dense(3, init=-1.0))]),
        ["Dense", "-1.0", "a number from 0"],
    ),
    "unknown source": (
        lambda: Network((4,), [Area(Dense(3), name="low"), Area(Dense(2, source="lwo"), name="high")]),
        ["area 'high'", "source area 'lwo'", "did you mean 'low'", "Choices: input, low"],
    ),
    "source above": (
        lambda: Network((4,), [Area(Dense(3, source="high"), name="low"), Area(Dense(2), name="high")]),
        ["area 'low'", "source area 'high'", "Choices: input"],
    ),
    "shapes that do not add": (
        lambda: Network((4,), [Area([Dense(3), Dense(5)])]),
        ["area 'output'", "(3,)", "(5,)"],
    ),
    "sends nowhere": (
        lambda: Network((4,), [Area(Dense(3), name="lost"), Area(Dense(2, source="input"))]),
        ["area 'lost'", "sends to no other area"],
    ),
    "duplicate name": (
        lambda: Network((4,), [Area(Dense(3), name="v1"), Area(Dense(2), name="v1")]),
        ["'v1'", "taken"],
    ),
    "name of the input": (lambda: Network((4,), [Area(Dense(3), name="input")]), ["'input'", "taken"]),
    "name with a dot": (lambda: Network((4,), [Area(Dense(3), name="v.1")]), ["'v.1'", "no plain word"]),
    "pool too large": (
        lambda: Network((1, 4, 4), [Area(Convolution(2, 3), pool=3)]),
        ["area 'output'", "pool=3", "(2, 2, 2)"],
    ),
    "average of a row": (
        lambda: Network((4,), [Area(Dense(3), pool=AvgPool())]),
        ["pool=AvgPool()", "channels × height × width", "(3,)"],
    ),
    "average of a sheet with a stride": (lambda: AvgPool(stride=2), ["whole sheet", "give a size"]),
    "no pool": (lambda: Area(Convolution(2, 3), pool=0), ["pool: size", "from 1", "0"]),
    "pool on a row": (
        lambda: Network((4,), [Area(Dense(3), pool=2)]),
        ["pool=2", "channels × height × width", "(3,)"],
    ),
    "even kernel": (lambda: Local(2, (3, 4), padding="same"), ["Local", "'same'", "odd", "(3, 4)"]),
    "unknown padding": (lambda: Convolution(2, 3, padding="full"), ["'full'", "'valid'", "'same'"]),
    "negative padding": (lambda: Convolution(2, 3, padding=-1), ["padding", "-1", "from 0"]),
    "half a padding": (lambda: Convolution(2, 3, padding=0.5), ["padding", "0.5", "whole number"]),
    "three kernels": (lambda: Convolution(2, (3, 3, 3)), ["kernel", "(3, 3, 3)", "one number or two"]),
    "kernel too large": (lambda: Network((1, 2, 2), [Area(Local(2, 3))]), ["Local", "(3, 3)", "(1, 2, 2)"]),
    "kernel on a row": (lambda: Network((4,), [Area(Local(2, 3))]), ["Local", "height", "(4,)"]),
    "no columns": (lambda: Dense(0), ["Dense", "columns", "from 1", "0"]),
    "half a column": (lambda: Dense(2.5), ["Dense", "columns", "whole number", "2.5"]),
    "no stride": (lambda: Local(2, 3, 0), ["Local", "stride", "from 1", "0"]),
    "always silent": (lambda: Area(Dense(3), dropout=1.0), ["dropout", "[0, 1)", "1.0"]),
    "no areas": (lambda: Network((4,), []), ["at least one area"]),
    "no links": (lambda: Area([]), ["at least one link"]),
    "no link": (lambda: Area(["v1"]), ["Dense", "Convolution", "Local", "'v1'"]),
    "no area": (lambda: Network((4,), [Dense(3)]), ["Area(...)", "Dense()"]),
    "no input": (lambda: Network((0,), [Area(Dense(3))]), ["input_shape", "at least 1", "(0,)"]),
    "one size": (lambda: cn.mlp([4]), ["mlp", "[4]"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_in_networks(mistake):
    make, words = MISTAKES[mistake]
    with pytest.raises(NetworkError) as caught:
        make()
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (torch.zeros(5, 7), ["(5, 7)", "(batch, 1, 2, 3)"]),
        (torch.zeros(1, 1, 2), ["(1, 1, 2)", "(batch, 1, 2, 3)"]),
        (torch.zeros(6), ["(6,)", "(batch, 1, 2, 3)"]),
        (torch.zeros(0, 5), ["(0, 5)", "(batch, 1, 2, 3)"]),
        (torch.zeros(5, 6, dtype=torch.complex64), ["torch.complex64", "real numbers"]),
    ],
)
def test_inputs_that_do_not_fit(x, words):
    net = Network((1, 2, 3), [Area(Dense(2))])
    for use in (net, net.predict, lambda x: cn.rule("backprop").learn(net, x, torch.zeros(5).long())):
        with pytest.raises(ShapeError) as caught:
            use(x)
        assert all(word in str(caught.value) for word in words), str(caught.value)
