"""Inference learning in a deep linear network relaxes to where all forces are zero: a linear system.

At rest −ε_l + W_{l+1}ᵀ ε_{l+1} = 0 for every hidden area, with ε_l = x_l − W_l x_{l−1}, x_0 the stimulus and
the last x the target (Song et al. 2020, §2.2, with f the identity).
"""

from itertools import pairwise

import numpy as np
import pytest

import corticalnet as cn

SIZES, RATE = (4, 5, 6, 3), 0.3
RNG = np.random.default_rng(2)
STIMULUS, TARGET = RNG.normal(size=SIZES[0]), np.array([1.0, -0.5, 0.25])


def equilibrium(weights):
    """Hidden values and all errors, by one solve for the two hidden areas."""
    w1, w2, w3 = weights
    one, two = np.eye(5), np.eye(6)
    #   (1 + W2ᵀW2) x1 −       W2ᵀ x2 = W1 s
    #          −W2 x1 + (1 + W3ᵀW3) x2 = W3ᵀ y
    matrix = np.block([[one + w2.T @ w2, -w2.T], [-w2, two + w3.T @ w3]])
    x = np.linalg.solve(matrix, np.concatenate([w1 @ STIMULUS, w3.T @ TARGET]))
    x1, x2 = x[:5], x[5:]
    return (x1, x2), (x1 - w1 @ STIMULUS, x2 - w2 @ x1, TARGET - w3 @ x2)


@pytest.mark.parametrize("engine", ["torch", "brian2"])
def test_a_deep_linear_network_relaxes_to_its_equilibrium(engine):
    if engine == "brian2":
        pytest.importorskip("brian2")
    network = cn.Network(SIZES[:1], [cn.Area(cn.Dense(n), "linear") for n in SIZES[1:]], seed=1)
    circuit = cn.circuit(network, cn.rule("il", rate=RATE, steps=400), learning_rate=0.0)
    names = [p.name for p in circuit.plastic]
    weights = [RNG.normal(size=(post, pre)) / np.sqrt(pre + post) for pre, post in pairwise(SIZES)]
    circuit = circuit.with_weights(dict(zip(names, weights, strict=True)))
    protocol = [cn.Present(STIMULUS, steps=6), cn.Teach(TARGET, steps=401)]
    data = cn.simulate(circuit, protocol, engine, record=["value", "error"], last=401)

    values, errors = equilibrium(weights)
    areas = circuit.populations[1].area, circuit.populations[4].area, circuit.populations[7].area
    for area, x in zip(areas, values, strict=False):
        found = data[f"{area}.value.value"].values[:, 0]
        np.testing.assert_allclose(found[-1], x, rtol=0, atol=1e-8)
        assert abs(found[0] - x).max() > 1e-2  # it was elsewhere when the teacher came
    for area, e in zip(areas, errors, strict=True):
        np.testing.assert_allclose(data[f"{area}.error.error"].values[-1, 0], e, rtol=0, atol=1e-8)
    np.testing.assert_allclose(errors[0], weights[1].T @ errors[1], rtol=0, atol=1e-12)
