"""Weights of PCX: networks of them beside the same layers by hand, and beside PCX itself."""

from itertools import pairwise

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.errors import FormatError
from tests.formats.layers_by_hand import SIZES, arrays, by_hand, inputs, linear, same


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
