"""Weights of PRECO: networks of them beside the same layers by hand, and beside PRECO itself."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.errors import FormatError
from tests.formats.layers_by_hand import SIZES, arrays, by_hand, inputs, linear, relu, same, sigmoid


def preco_params(layers):
    """As PCnet.params: weights [pre, post], as torch tensors."""
    return {
        "w": [torch.tensor(w.T) for w, _ in layers],
        "b": [torch.tensor(b) for _, b in layers],
        "use_bias": True,
    }


def preco_model(kind, params, **structure):
    """As PCnet(structure=PCN_AMB(…)) says what it is."""
    made = type(kind, (), {})()
    vars(made).update(structure)
    return SimpleNamespace(structure=made, params=params)


def test_both_conventions_of_preco_and_its_last_activation():
    layers, x = arrays(), inputs()
    params = preco_params(layers)
    same(cn.from_preco(params, "tanh", "mba"), x, by_hand(layers, x, np.tanh, np.tanh, np.tanh))
    same(cn.from_preco(params, "tanh", "mba", "linear"), x, by_hand(layers, x, np.tanh, np.tanh, linear))
    amb = cn.from_preco(params, "tanh", "amb")
    same(amb, x, by_hand(layers, x, np.tanh, np.tanh, linear, first=np.tanh))
    assert next(iter(amb.areas)) == "input_rate"
    made = preco_model(
        "PCN_AMB", params, f=torch.nn.Tanh(), fL=torch.nn.Sigmoid(), upward=True, layers=list(SIZES)
    )
    same(cn.from_preco(made), x, by_hand(layers, x, np.tanh, sigmoid, linear, first=np.tanh))


def test_a_layered_graph_of_preco():
    layers, ends = arrays(), np.cumsum([0, *SIZES])
    w, b = np.zeros((sum(SIZES),) * 2), np.zeros(sum(SIZES))
    for k, (weight, bias) in enumerate(layers):
        post, pre = slice(ends[k + 1], ends[k + 2]), slice(ends[k], ends[k + 1])
        w[post, pre], b[post] = weight, bias
    params = {"w": torch.tensor(w), "b": torch.tensor(b), "use_bias": True}
    made = preco_model("PCG_MBA", params, f=torch.nn.ReLU(), layers=list(SIZES))
    same(cn.from_preco(made), inputs(), by_hand(layers, inputs(), relu, relu, relu))
    params["w"][0, -1] = 1.0
    with pytest.raises(FormatError, match="weights that do not lead from one layer to the next"):
        cn.from_preco(params, "relu", "mba", layers=SIZES)


def plain():
    return preco_params(arrays())


def downward():
    return preco_model("PCN_MBA", plain(), f=torch.nn.Tanh(), upward=False)


REFUSED_PRECO = {
    "params alone": (
        lambda: preco_params(arrays()),
        {},
        "must be told hidden='tanh', … and convention='amb'",
    ),
    "a convention": (
        lambda: preco_params(arrays()),
        ("tanh", "x"),
        "unknown convention of PRECO",
    ),
    "SiLU": (
        lambda: preco_params(arrays()),
        (torch.nn.SiLU(), "mba"),
        "'SiLU' is not known",
    ),
    "a graph without layers": (
        lambda: {"w": np.eye(3)},
        ("tanh", "mba"),
        r"must have layers=",
    ),
    "a generative network": (
        lambda: preco_model("PCN_MBA", preco_params(arrays()), f=torch.nn.Tanh(), upward=False),
        {},
        "only upward=True is known here",
    ),
    "something else": (lambda: 3, {}, "from_preco takes a PCnet, a PCgraph or its params, not int"),
}


@pytest.mark.parametrize("what", REFUSED_PRECO)
def test_what_is_no_model_of_preco_is_refused(what):
    make, how, message = REFUSED_PRECO[what]
    with pytest.raises(FormatError, match=message):
        cn.from_preco(make(), *how)


@pytest.mark.parametrize("kind", ["PCN_AMB", "PCN_MBA"])
def test_preco_itself(kind):
    pytest.importorskip("PRECO")
    from PRECO import structure, utils
    from PRECO.PCN import PCnet

    settings = {"layers": list(SIZES), "f": utils.tanh, "use_bias": True, "upward": True, "fL": utils.sigmoid}
    model = PCnet(lr_x=0.1, T_train=3, structure=getattr(structure, kind)(**settings))
    for part in (*model.w, *model.b):
        part.normal_()
    x = torch.tensor(inputs().astype("f4"))
    torch.testing.assert_close(cn.from_preco(model)(x).detach(), model.test_supervised(x))
