"""What tests of weights of other libraries share: layers, and the same layers by hand."""

from itertools import pairwise

import numpy as np
import torch

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
