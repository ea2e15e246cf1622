"""Weights of jpc: networks of them beside the same layers by hand, and beside jpc itself."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.errors import FormatError
from tests.formats.layers_by_hand import arrays, by_hand, inputs, linear, same


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
