"""An autoencoder with a bottleneck of two columns, which fixed random feedback is said not to train.

Lansdell, Prakash & Kording, "Learning to solve the credit assignment problem", ICLR 2020 (Fig. 3 of
the preprint of 2019, arXiv 1906.00889).

    network     784 → 200 tanh → 2 linear → 200 tanh → 784 ReLU; weights N(0, 2 / fan-in), biases begin at 0.1
    taught by   a teacher who shows the image itself; half the sum of squares
    training    SGD, batch 32, 1,000,000 updates

The paper's numbers (MNIST; least test loss, mean of runs, for each image; the authors sum over 32 images):

    backprop 19.1    Adam 16.8    perturbed feedback 16.1    matching 20.1    feedback alignment 23.7

Deviations
    1. Fashion-MNIST by default; 10 epochs of it are 17,000 updates.
    2. Means over the batch, not sums: the authors' rates, times 32, are 0.012 (backprop), 0.0032 (perturbed).
    3. The output's first weights are N(0, 0.01²). From the authors' nearly half of its ReLU columns
       fall silent in 30 updates, and a silent one does not learn: ``--set output_init=he`` is theirs.
    4. Weights are normal, theirs truncated normal.
    5. The authors' perturbed feedback very likely had 50 hidden columns in that figure: ``--set hidden=50``.

Other rules: ``--rule feedback-alignment | kolen-pollack | weight-mirror | perturbed-feedback | z-il``, and
all others that have a teacher. How they compare: simulations/autoencoder.py.
"""

import math

import corticalnet as cn
from corticalnet.training import Settings


def build(input_shape=(1, 28, 28), rule="backprop", hidden=200, code=2, output_init=0.01, lr=0.003, seed=0):
    """The model. ``hidden``: columns on either side of the bottleneck, ``code``: columns in it."""
    areas = [
        cn.Area(cn.Dense(hidden, bias=True, init="he"), "tanh"),
        cn.Area(cn.Dense(code, bias=True, init="he"), "linear"),
        cn.Area(cn.Dense(hidden, bias=True, init="he"), "tanh"),
        cn.Area(cn.Dense(math.prod(input_shape), bias=True, init=output_init), "relu"),
    ]
    network = cn.Network(input_shape, areas, seed)
    for link in network.links:
        link.bias.data.fill_(0.1)
    settings = Settings(
        target="image", epochs=10, batch=32, lr=lr, halve_every=None, data="fashion-mnist", seed=seed
    )
    return cn.Model(network, cn.rule(rule), settings)
