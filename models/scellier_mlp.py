"""The networks on which equilibrium propagation was shown: 784-500-10, and with two or three hidden areas.

Scellier & Bengio, "Equilibrium Propagation: Bridging the Gap between Energy-Based Models and
Backpropagation", Frontiers in Computational Neuroscience 11:24, 2017; numbers are those of the authors' code.

    network     784 → 500 (→ 500 (→ 500)) → 10, hard sigmoid everywhere, biases; Glorot's initial weights
    training    batch 20, nudges of random sign; 25, 60 or 500 epochs with one, two or three hidden areas
    β           0.5 (one hidden area) of a cost without ½: 1 of ½‖t − y‖²

The paper's test error on MNIST: between 2 and 3 %, with one, two and three hidden areas.

Deviations
    1. One rate for all links, 0.1, that of the first link of the smallest network; the authors have one
       for each (0.1, 0.05; with two hidden areas 0.4, 0.1, 0.01; with three 0.128, 0.032, 0.008,
       0.002). At 0.1 a network with two hidden areas of 100 learns no digits (columns saturate);
       ``--set`` a smaller ``lr`` there.
    2. β = 1 also with two and three hidden areas, where the authors' β is 1 (2 of ½‖t − y‖²).
    3. Areas take turns, each going to where the energy is least, until nothing moves any more (at most
       300 steps). In the paper all move at once, half of the way, 20, 150 or 500 steps, and 4, 6 or 8
       nudged ones.
    4. Every free phase begins with a sweep; the authors keep each image's free state from one epoch to
       the next.

Other rules: ``--rule backprop | recurrent-backprop``; ``--set hidden=(500,500)``.
"""

import corticalnet as cn
from corticalnet.training import Settings

#: Epochs by the number of hidden areas.
EPOCHS = {1: 25, 2: 60, 3: 500}
#: Of equilibrium propagation; a ReLU that is held at 1 is the hard sigmoid.
PAPER = {"beta": 1.0, "form": "random sign", "feedback": 1.0, "bound": 1.0}


def build(input_shape=(1, 28, 28), classes=10, rule="equilibrium-propagation", hidden=(500,), seed=0):
    """The model. ``hidden``: columns of each hidden area."""
    areas = [cn.Area(cn.Dense(n, bias=True, init="glorot"), "relu") for n in (*hidden, classes)]
    settings = Settings(
        epochs=EPOCHS.get(len(hidden), 500), batch=20, lr=0.1, halve_every=None, patience=None, seed=seed
    )
    taught = cn.rule(rule, **(PAPER if rule == "equilibrium-propagation" else {}))
    return cn.Model(cn.Network(input_shape, areas, seed), taught, settings)
