"""BrainProp's small convolutional network, and its error-backprop twin.

Pozzi, Bohté & Roelfsema, NeurIPS 2020, Table 1, rows "conv".

    network     conv 32 3×3 → conv 32 3×3 stride 2, dropout 0.3 → dense 500, dropout 0.3 → classes
                every conv: ReLU, then homeostasis; all hidden ReLU; output linear; no biases
    taught by   reward: max-Boltzmann choice, 2 % exploration
    training    SGD 0.1, halved every 100 epochs, batch 128, initial weights N(0, 0.005²), patience 45

The paper's numbers (mean and s.d. of 10 seeds, accuracy % | epochs):

    MNIST      BrainProp 99.31 (0.04) | 63 (18)     error-backprop 99.39 (0.03) | 51 (13)
    CIFAR-10   BrainProp 69.30 (0.75) | 125 (47)    error-backprop 70.69 (0.78) | 145 (44)
    CIFAR-100  BrainProp 34.07 (0.50) | 110 (34)    error-backprop 36.56 (0.87) | 102 (61)

``rule="backprop"`` is their twin: softmax and cross-entropy, all else the same.

Deviations
    1. "same" padding is symmetric here; Keras pads a stride-2 convolution at the far side only.
    2. A validation split stops and chooses (they used the test set); 50 epochs by default.
    3. ``homeostasis="batch"`` is their batch normalisation, which is not local; "slow" is the local form
       (give it larger initial weights, e.g. ``--set init=he``).
"""

import corticalnet as cn
from corticalnet.training import Settings


def build(
    input_shape=(1, 28, 28),
    classes=10,
    rule="brainprop",
    homeostasis="batch",
    dropout=0.3,
    init=0.005,
    seed=0,
):
    """The model. ``homeostasis``: "batch", "slow" or None; ``init``: s.d. (or scheme) of the weights."""
    areas = [
        cn.Area(cn.Convolution(32, 3, padding="same", init=init), "relu", homeostasis=homeostasis),
        cn.Area(
            cn.Convolution(32, 3, stride=2, padding="same", init=init),
            "relu",
            homeostasis=homeostasis,
            dropout=dropout,
        ),
        cn.Area(cn.Dense(500, init=init), "relu", dropout=dropout),
        cn.Area(cn.Dense(classes, init=init), "linear"),
    ]
    taught = cn.rule(rule, loss="cross-entropy") if rule == "backprop" else cn.rule(rule)
    settings = Settings(epochs=50, batch=128, lr=0.1, seed=seed)
    return cn.Model(cn.Network(input_shape, areas, seed), taught, settings)
