"""BrainProp's locally connected network: no weight is shared, as in cortex; and its backprop twin.

Pozzi, Bohté & Roelfsema, NeurIPS 2020, Table 1, rows "loccon".

    network     local 32 3×3 → local 32 3×3 stride 2, dropout 0.3 → dense 500, dropout 0.3 → classes
                no padding (26×26 and 12×12 positions for 28×28); ReLU, homeostasis after each local area
    taught by   reward: max-Boltzmann choice, 2 % exploration
    training    SGD 0.1, halved every 100 epochs, batch 32, initial weights N(0, 0.005²), patience 45

The paper's numbers (mean and s.d. of 10 seeds, accuracy % | epochs):

    MNIST      BrainProp 99.05 (0.06) | 65 (19)     error-backprop 99.06 (0.06) | 70 (28)
    CIFAR-10   BrainProp 64.92 (0.32) | 151 (35)    error-backprop 64.31 (0.54) | 171 (48)
    CIFAR-100  BrainProp 30.04 (0.33) | 229 (30)    error-backprop 31.53 (0.48) | 43 (26)

``rule="backprop"`` is their twin: softmax and cross-entropy, all else the same.

Deviations
    1. A validation split stops and chooses (they used the test set); 50 epochs by default.
    2. ``homeostasis="batch"`` is their batch normalisation: statistics per channel over the batch and all
       positions, which is not local. "slow" is the local form, per column.
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
        cn.Area(cn.Local(32, 3, init=init), "relu", homeostasis=homeostasis),
        cn.Area(cn.Local(32, 3, stride=2, init=init), "relu", homeostasis=homeostasis, dropout=dropout),
        cn.Area(cn.Dense(500, init=init), "relu", dropout=dropout),
        cn.Area(cn.Dense(classes, init=init), "linear"),
    ]
    taught = cn.rule(rule, loss="cross-entropy") if rule == "backprop" else cn.rule(rule)
    settings = Settings(epochs=50, batch=32, lr=0.1, seed=seed)
    return cn.Model(cn.Network(input_shape, areas, seed), taught, settings)
