"""Weights of PCX, jpc and PRECO: networks of them beside the same layers by hand, and the libraries' own."""

import json
import sys
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.errors import FormatError

SIZES = (4, 6, 5, 3)


def arrays(seed=0, dtype=np.float64, bias=True):
    """Weights ``[post, pre]`` and biases of layers of SIZES."""
    rng = np.random.default_rng(seed)
    pairs = pairwise(SIZES)
    return [
        (rng.normal(size=(n, m)).astype(dtype), rng.normal(size=n).astype(dtype) * bias) for m, n in pairs
    ]


def inputs():
    return np.random.default_rng(9).normal(size=(7, SIZES[0]))


def by_hand(layers, x, *rates, first=lambda x: x):
    """f(W x + b), layer by layer."""
    x = first(x)
    for (weight, bias), f in zip(layers, rates, strict=True):
        x = f(x @ weight.T + bias)
    return x


def linear(x):
    return x


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.maximum(x, 0)


def same(net, x, wanted):
    np.testing.assert_allclose(net(torch.tensor(x)).detach().numpy(), wanted, rtol=1e-12, atol=1e-12)


# PCX --------------------------------------------------------------------------------------------
def pcx_file(path, layers):
    """As pcx.utils.save_params writes it."""
    named = {
        f".layers[{k}].nn.{what}": part
        for k, pair in enumerate(layers)
        for what, part in zip(("weight", "bias"), pair, strict=True)
    }
    np.savez_compressed(path, **named)
    return named


def test_a_file_of_pcx_becomes_its_network(tmp_path):
    layers = arrays()
    named = pcx_file(tmp_path / "model.npz", layers)
    for source in (tmp_path / "model.npz", named):
        same(cn.from_pcx(source, "tanh"), inputs(), by_hand(layers, inputs(), np.tanh, np.tanh, linear))


def test_weights_of_a_convolution_fill_a_network_that_is_given():
    rng = np.random.default_rng(0)
    parts = {
        ".conv.nn.weight": (3, 2, 3, 3),
        ".conv.nn.bias": (3, 1, 1),
        ".out.nn.weight": (4, 27),
        ".out.nn.bias": (4,),
    }
    named = {name: rng.normal(size=shape).astype("f4") for name, shape in parts.items()}
    areas = [
        cn.Area(cn.Convolution(3, 3, padding=1, bias=True), "relu", pool=2),
        cn.Area(cn.Dense(4, bias=True), "linear"),
    ]
    net = cn.Network((2, 6, 6), areas)
    assert cn.from_pcx(named, into=net) is net
    x = torch.tensor(rng.normal(size=(5, 2, 6, 6)).astype("f4"))
    conv, bias, out, last = (torch.tensor(part) for part in named.values())
    pooled = torch.nn.functional.max_pool2d(
        torch.relu(torch.nn.functional.conv2d(x, conv, bias.reshape(-1), padding=1)), 2
    )
    torch.testing.assert_close(net(x), pooled.flatten(1) @ out.T + last)
    with pytest.raises(FormatError, match=r"weights of layer 1 have shape \(3, 2, 3, 3\): a convolution's"):
        cn.from_pcx(named)


def shared(path):
    pcx_file(path / "m.npz", [*arrays()[:1], (None, None)])
    return path / "m.npz"


def broken(path):
    (path / "m.npz").write_bytes(b"PK\x03\x04 no zip")
    return path / "m.npz"


def alone(path):
    np.save(path / "m.npy", np.ones(3))
    return path / "m.npy"


REFUSED_PCX = {
    "a layer that is shared": (shared, "which is shared with another layer"),
    "a damaged file": (broken, r"m\.npz is no file of pcx.utils.save_params"),
    "one array": (alone, "holds no parameters by name"),
    "no file": (lambda path: path / "nowhere.npz", "cannot read .*nowhere.npz: No such file"),
    "other parameters": (lambda path: {".vode.h": np.ones(3)}, "parameter '.vode.h' is no weight or bias"),
    "a norm": (lambda path: {".norm.nn.weight": np.ones(3)}, "'.norm.nn' is no Linear or Conv2d"),
    "whole numbers": (lambda path: {".a.nn.weight": np.ones((2, 2), int)}, "must be an array of floating"),
    "layers that do not follow": (
        lambda path: {"a.weight": np.ones((3, 2)), "b.weight": np.ones((1, 4))},
        "weights of layer 2 take 4 rates, but layer 1 has 3 columns",
    ),
    "nothing": (lambda path: {}, "there are no weights"),
}


@pytest.mark.parametrize("what", REFUSED_PCX)
def test_what_pcx_cannot_have_written_is_refused(what, tmp_path):
    make, message = REFUSED_PCX[what]
    with pytest.raises(FormatError, match=message):
        cn.from_pcx(make(tmp_path))


def test_a_network_that_is_given_must_fit():
    named = {".a.nn.weight": np.ones((3, 2)), ".b.nn.weight": np.ones((1, 3))}
    for net, message in (
        (cn.mlp([2, 1]), "2 layers of weights do not fit a network of 1 links"),
        (cn.mlp([2, 4, 1]), r"weights of layer 1 have shape \(3, 2\), but link 'input->area1' has \(4, 2\)"),
        (cn.mlp([2, 3, 1], bias=True), "layer 1 has no bias, and link 'input->area1' has one"),
    ):
        before = [p.clone() for p in net.parameters()]
        with pytest.raises(FormatError, match=message):
            cn.from_pcx(named, into=net)
        assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))


# jpc --------------------------------------------------------------------------------------------
def jpc_file(path, layers, header=False):
    """As equinox.tree_serialise_leaves writes it: arrays one after another."""
    with open(path, "wb") as file:
        if header:
            file.write(json.dumps({"width": 6}).encode() + b"\n")
        for weight, bias in layers:
            np.save(file, weight)
            if bias is not None:
                np.save(file, bias)
    return path


def live(layers, f):
    """Objects as equinox.nn.Sequential([Lambda(f), Linear]) has them."""

    def identity(x):
        return x

    return [
        SimpleNamespace(layers=(SimpleNamespace(fn=f if k else identity), SimpleNamespace(weight=w, bias=b)))
        for k, (w, b) in enumerate(layers)
    ]


def tanh(x):
    return np.tanh(x)


def test_files_models_and_arrays_of_jpc_become_one_network(tmp_path):
    layers = arrays()
    sources = [
        jpc_file(tmp_path / "model.eqx", layers),
        jpc_file(tmp_path / "headed.eqx", layers, header=True),
        [part for pair in layers for part in pair],
    ]
    wanted = by_hand(layers, inputs(), np.tanh, np.tanh, linear)
    for source in sources:
        same(cn.from_jpc(source, "tanh"), inputs(), wanted)
    same(cn.from_jpc(live(layers, tanh)), inputs(), wanted)


@pytest.mark.parametrize("param_type", ["ntp", "mupc"])
@pytest.mark.parametrize("skips", [False, True])
def test_scales_of_jpc_are_in_the_weights(param_type, skips):
    """1/√D, 1/√N (1/√(N L) with skips), and 1/N or 1/√N (Innocenti et al., 2025)."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=shape) for shape in ((6, 4), (6, 6), (6, 6), (3, 6))]
    first, middle = 4**-0.5, (6 * 4) ** -0.5 if skips else 6**-0.5
    last = 1 / 6 if param_type == "mupc" else 6**-0.5
    z = first * inputs() @ weights[0].T
    f = linear if skips else np.tanh
    for w in weights[1:-1]:
        z = middle * f(z) @ w.T + (z if skips else 0)
    net = cn.from_jpc(weights, "linear" if skips else "tanh", param_type=param_type, skips=skips)
    same(net, inputs(), last * f(z) @ weights[-1].T)


def text(path):
    (path / "m.eqx").write_text("no arrays")
    return path / "m.eqx"


def cut_off(path):
    whole = jpc_file(path / "m.eqx", arrays()).read_bytes()
    (path / "m.eqx").write_bytes(whole[:-9])
    return path / "m.eqx"


TANH = {"hidden": "tanh"}
REFUSED_JPC = {
    "no activation": (lambda path: [np.ones((2, 2))], {}, "must be told what columns fire"),
    "an activation that is not here": (
        lambda path: [np.ones((2, 2))],
        {"hidden": "gelu"},
        "'gelu' is not known here",
    ),
    "skips of rates": (
        lambda path: [np.ones((2, 2))],
        {"hidden": "tanh", "skips": True},
        "hidden='linear' only",
    ),
    "a parameterisation": (lambda path: [], {"param_type": "mup"}, "unknown param_type of jpc 'mup'"),
    "no arrays in a file": (text, TANH, "is no file of equinox.tree_serialise_leaves"),
    "half a file": (cut_off, TANH, "is no file of equinox.tree_serialise_leaves"),
    "a bias first": (
        lambda path: [np.ones(2)],
        {"hidden": "tanh"},
        r"array 0 of shape \(2,\) is neither weights",
    ),
    "layers of other make": (
        lambda path: [SimpleNamespace(layers=())],
        {},
        "layer 1 is not φ and then Linear",
    ),
    "φ in the first layer": (lambda path: live(arrays(), tanh)[1:], {}, "and the first has none"),
    "a number": (lambda path: 3, {}, "from_jpc takes a model, a path or arrays, not int"),
}


@pytest.mark.parametrize("what", REFUSED_JPC)
def test_what_is_no_model_of_jpc_is_refused(what, tmp_path):
    make, how, message = REFUSED_JPC[what]
    with pytest.raises(FormatError, match=message):
        cn.from_jpc(make(tmp_path), **how)


# PRECO ------------------------------------------------------------------------------------------
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


# The libraries themselves -----------------------------------------------------------------------
def test_pcx_itself(tmp_path):
    names = ("pcx.predictive_coding", "pcx.nn", "pcx.utils", "jax")
    pc, nn, utils, jax = (pytest.importorskip(name) for name in names)

    class Model(pc.EnergyModule):
        def __init__(self):
            super().__init__()
            pairs = pairwise(SIZES)
            self.layers = [nn.Linear(m, n) for m, n in pairs]

        def __call__(self, x):
            for layer in self.layers[:-1]:
                x = jax.nn.relu(layer(x))
            return self.layers[-1](x)

    model, x = Model(), inputs().astype("f4")
    utils.save_params(model, str(tmp_path / "model"))
    wanted = np.stack([np.asarray(model(jax.numpy.array(row))) for row in x])
    net = cn.from_pcx(tmp_path / "model.npz", jax.nn.relu)
    np.testing.assert_allclose(net(torch.tensor(x)).detach().numpy(), wanted, atol=1e-6)


@pytest.mark.parametrize("param_type", ["sp", "ntp", "mupc"])
def test_jpc_itself(param_type, tmp_path):
    jpc, jax, eqx = (pytest.importorskip(name) for name in ("jpc", "jax", "equinox"))
    how = {"input_dim": 4, "width": 6, "depth": 4, "output_dim": 3, "act_fn": "tanh", "use_bias": True}
    model, x = jpc.make_mlp(jax.random.PRNGKey(0), param_type=param_type, **how), inputs().astype("f4")
    eqx.tree_serialise_leaves(tmp_path / "model.eqx", model)
    wanted = jpc.init_activities_with_ffwd(model, jax.numpy.array(x), param_type=param_type)[-1]
    for source, f in ((model, None), (tmp_path / "model.eqx", "tanh")):
        net = cn.from_jpc(source, f, param_type=param_type)
        np.testing.assert_allclose(net(torch.tensor(x)).detach().numpy(), np.asarray(wanted), atol=1e-6)


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
    sys.modules.pop("PRECO.PCN", None)
