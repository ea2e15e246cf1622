"""The autoencoder of Bartunov et al. 2018: target propagation that reconstructs digits.

"Assessing the Scalability of Biologically-Motivated Deep Learning Algorithms and Architectures",
NeurIPS 2018 (also in Lillicrap's 2018 talk).

    network     784 → 512 → 64 → 512 → 784
    taught by   a teacher who shows the image itself, squared error (L2)

The paper's numbers: none; it shows reconstructions, of which those by SDTP underfit, and look alike.

Deviations
    1. Activations (tanh, linear output), Glorot's initial weights, Adam, its rate and the budget are those of
       the paper's other networks, or chosen here: what is at hand says the sizes and the loss alone.
    2. Targets are images, so "label" is the image that the output should be, and not a distribution.
    3. The epoch is the last one, and the loss half the sum of squares for each image.

Other rules: ``--rule backprop | difference-target-propagation | local-difference-reconstruction``, and all
others that have a teacher; ``--set alternate``, ``sigma``, ``own_rate`` of target propagation.
"""

import math

import corticalnet as cn
from corticalnet.training import Settings


def build(
    input_shape=(1, 28, 28), rule="simplified-target-propagation", hidden=512, code=64, lr=3e-4, seed=0
):
    """The model. ``hidden``: columns on either side of the bottleneck, ``code``: columns in it."""
    sizes = (hidden, code, hidden)
    areas = [cn.Area(cn.Dense(columns, bias=True, init="glorot"), "tanh") for columns in sizes]
    areas.append(cn.Area(cn.Dense(math.prod(input_shape), bias=True, init="glorot"), "linear"))
    settings = Settings(
        target="image", epochs=30, batch=64, lr=lr, optimizer="adam", halve_every=None, seed=seed
    )
    return cn.Model(cn.Network(input_shape, areas, seed), cn.rule(rule), settings)
