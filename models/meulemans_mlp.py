"""Deep feedback control on images: a controller drives the output, synapses learn to do without it.

Meulemans, Tristany Farinha, García Ordóñez, Aceituno, Sacramento & Grewe, "Credit assignment in neural
networks through deep feedback control", NeurIPS 2021.

    network     784 → 256 → 256 → 256 → 10, tanh, linear output
    rule        deep feedback control, α = 0.078, κ = 0.0014
    learning    Adam, 9e-5, batches of 32

Sizes and settings are those of the authors' published code for MNIST.

Deviations
    1. The steady state is worked out, to first order in α; there the controller runs for 1000 steps.
    2. Q begins as the products of the weights up and stays. ``--set control=noise`` lets it learn; there it
       is learned from noise, before the weights and beside them.
    3. Squared loss of a linear output.

Other rules: ``--rule backprop | feedback-alignment``.
"""

import corticalnet as cn
from corticalnet.training import Settings


def build(
    input_shape=(1, 28, 28),
    classes=10,
    rule="deep-feedback-control",
    hidden=(256, 256, 256),
    control="fixed",
    seed=0,
):
    """The model. ``hidden``: columns of each hidden area; ``control``: how Q is had."""
    areas = [cn.Area(cn.Dense(n, bias=True, init="glorot"), "tanh") for n in hidden]
    areas.append(cn.Area(cn.Dense(classes, bias=True, init="glorot"), "linear"))
    settings = Settings(
        epochs=30, batch=32, lr=9e-5, optimizer="adam", halve_every=None, patience=None, seed=seed
    )
    own = {"alpha": 0.078, "leak": 1.4e-3, "control": control} if rule == "deep-feedback-control" else {}
    return cn.Model(cn.Network(input_shape, areas, seed), cn.rule(rule, **own), settings)
