"""BrainProp's dense network, and its error-backprop twin.

Pozzi, Bohté & Roelfsema, "Attention-Gated Brain Propagation", NeurIPS 2020, Table 1, row "dense".

    network     input → 1500 → 1000 → 500 (ReLU) → classes (linear); no biases, homeostasis or dropout
    taught by   reward: max-Boltzmann choice, 2 % exploration
    training    SGD, batch 128, learning rate halved every 100 epochs, at most 500 epochs, patience 45

The paper's numbers (MNIST, mean and s.d. of 10 seeds): BrainProp 98.68 (0.07) % after 51 (19) epochs,
error-backprop 98.54 (0.16) % after 33 (19). They stopped, and chose the epoch, by the *test* set.

``rule="backprop"`` is the twin of their code: softmax and cross-entropy, all else the same.

Deviations
    1. Learning rate 0.1 as in their code (the paper says 1); s.d. of the initial weights 0.035 (paper 0.1,
       code 0.01). After three passes over 20,000 images of Fashion-MNIST, rate 0.1 with s.d. 0.01 was still
       at chance, and with s.d. 0.05 or He's it had broken down to chance; rate 1 reached 29 % with 0.01.
    2. A validation split of the training set stops and chooses; the test set is scored once.
    3. 50 epochs at most; ``--epochs 500`` for the paper's.

Next: corticalnet/rules/sweep.py, where one sweep of this rule is written out.
"""

import corticalnet as cn
from corticalnet.training import Settings


def build(
    input_shape=(1, 28, 28), classes=10, rule="brainprop", hidden=(1500, 1000, 500), init=0.035, seed=0
):
    """The model. ``hidden``: columns of each hidden area; ``init``: s.d. of the initial weights."""
    areas = [cn.Area(cn.Dense(columns, init=init), "relu") for columns in hidden]
    network = cn.Network(input_shape, [*areas, cn.Area(cn.Dense(classes, init=init), "linear")], seed)
    taught = cn.rule(rule, loss="cross-entropy") if rule == "backprop" else cn.rule(rule)
    return cn.Model(network, taught, Settings(epochs=50, batch=128, lr=0.1, seed=seed))
