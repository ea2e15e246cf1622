"""BrainProp's deep network (eight areas), layer by layer, and its error-backprop twin.

Pozzi, Bohté & Roelfsema, NeurIPS 2020, Fig. 4 and Table 2; layers as in the authors' code.

    1  conv 64    2  conv 64,  pool 2, dropout 0.3
    3  conv 128   4  conv 128, pool 2, dropout 0.3
    5  conv 128   6  conv 128   7  conv 128, pool 2, dropout 0.8
    8  dense 500, dropout 0.3   output  classes, linear

    Every conv is 3×3, stride 1, "same", ReLU then homeostasis; no biases; N(0, 0.005²).
    Taught by reward. SGD 0.1 halved every 100 epochs, batch 128, at most 500 epochs, patience 45,
    Keras l2(5e-4) on every kernel, which is a weight decay of 1e-3.

The paper's numbers (mean and s.d. of 10 seeds, accuracy % | epochs):

    CIFAR-10       BrainProp 88.88 (0.27) | 105 (4)     error-backprop 88.48 (0.55) | 97 (17)
    CIFAR-100      BrainProp 59.58 (0.46) | 218 (22)    error-backprop 63.39 (0.42) | 101 (1)
    Tiny ImageNet  BrainProp 47.50 (1.30) | 328 (75)    error-backprop 47.35 (3.06) | 101 (46)

Deviations
    1. A validation split stops and chooses (they used the test set).
    2. The decay is on weights only, as theirs.

Images must be at least 8×8 after three poolings by two: 32×32×3 and 64×64×3 in the paper.
"""

import corticalnet as cn
from corticalnet.training import Settings


def build(
    input_shape=(3, 32, 32),
    classes=10,
    rule="brainprop",
    homeostasis="batch",
    init=0.005,
    widths=(64, 128),
    seed=0,
):
    """The model. ``widths``: channels of areas 1–2 and of areas 3–7."""
    first, rest = widths

    def sheet(channels, **area):
        link = cn.Convolution(channels, 3, padding="same", init=init)
        return cn.Area(link, "relu", homeostasis=homeostasis, **area)

    areas = [
        sheet(first),
        sheet(first, pool=2, dropout=0.3),
        sheet(rest),
        sheet(rest, pool=2, dropout=0.3),
        sheet(rest),
        sheet(rest),
        sheet(rest, pool=2, dropout=0.8),
        cn.Area(cn.Dense(500, init=init), "relu", dropout=0.3),
        cn.Area(cn.Dense(classes, init=init), "linear"),
    ]
    taught = cn.rule(rule, loss="cross-entropy") if rule == "backprop" else cn.rule(rule)
    settings = Settings(epochs=500, batch=128, lr=0.1, weight_decay=1e-3, seed=seed)
    return cn.Model(cn.Network(input_shape, areas, seed), taught, settings)
