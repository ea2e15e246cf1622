"""The fully connected networks of Bartunov et al. 2018 (also in Lillicrap's 2018 talk).

"Assessing the Scalability of Biologically-Motivated Deep Learning Algorithms and Architectures",
NeurIPS 2018, Tables 1 and 5.

    MNIST       5 × 256 tanh → softmax 10        CIFAR-10    3 × 1024 tanh → softmax 10
    training    Adam, Glorot's initial weights, 500 epochs, best epoch reported

The paper's test errors (%; rules that this toolkit has):

    MNIST      backprop 1.48    feedback alignment 1.85    direct feedback alignment 2.75
    CIFAR-10   backprop 41.32   feedback alignment 41.97   direct feedback alignment 47.80

Deviations
    1. The learning rates are those of the paper's search (MNIST-FC); batch 64, which it does not state.
    2. 100 epochs by default; the epoch is chosen by a validation split.
    3. No augmentation (the paper flips and crops CIFAR).
"""

import corticalnet as cn
from corticalnet.training import Settings

#: Best learning rates of the paper's random search, MNIST-FC.
RATES = {"backprop": 1.52e-4, "feedback-alignment": 1.68e-4, "direct-feedback-alignment": 1.649e-3}


def build(input_shape=(1, 28, 28), classes=10, rule="feedback-alignment", hidden=(256,) * 5, seed=0):
    """The model. ``hidden``: columns of each hidden area."""
    areas = [cn.Area(cn.Dense(columns, bias=True, init="glorot"), "tanh") for columns in hidden]
    areas.append(cn.Area(cn.Dense(classes, bias=True, init="glorot"), "linear"))
    settings = Settings(
        epochs=100, batch=64, lr=RATES.get(rule, 1.52e-4), optimizer="adam", halve_every=None, seed=seed
    )
    taught = cn.rule(rule) if rule == "brainprop" else cn.rule(rule, loss="cross-entropy")
    return cn.Model(cn.Network(input_shape, areas, seed), taught, settings)
