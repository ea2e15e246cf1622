"""The networks on which equilibrium propagation was shown: 784-500-10, and with two or three hidden areas.

Scellier & Bengio, "Equilibrium Propagation: Bridging the Gap between Energy-Based Models and
Backpropagation", Frontiers in Computational Neuroscience 11:24, 2017; numbers are those of the authors' code.

    network     784 → 500 (→ 500 (→ 500)) → 10, hard sigmoid everywhere, biases; Glorot's initial weights
    training    batch 20, nudges of random sign; 25, 60 or 500 epochs with one, two or three hidden areas
    β           0.5 (one hidden area) and 1 of a cost without ½: 1 and 2 of ½‖t − y‖²
    rates       of links from below 0.1, 0.05; 0.4, 0.1, 0.01; 0.128, 0.032, 0.008, 0.002
    phases      20, 150, 500 free steps of ε = 0.5 and 4, 6, 8 nudged ones, all areas at once

The paper's test error on MNIST: between 2 and 3 %, with one, two and three hidden areas. Here, on digits of
8 × 8 pixels with areas of 100 (seeds 0 to 2, after the last epoch): 3.1 ± 0.7 % with one (25 epochs),
4.9 ± 1.6 % with two (30 epochs), 8.0 ± 2.6 % with three (40 epochs of the paper's 500).

Deviations
    1. Rates are twice the authors', for what they divide by β is divided by our β, twice theirs.
    2. Areas take turns, each going to where the energy is least: until nothing moves any more (at most 300
       steps) in the free phase, and for the paper's 4, 6 or 8 steps in the nudged one. The paper's steps are
       ``--set dynamics=hopfield --set rate=0.5 --set order=together --set steps=20``.
    3. Every free phase begins with a sweep; the authors keep each image's free state from one epoch to
       the next (``--set persistent=True``; corticalnet/rules/equilibrium/persistent.py says what that hides).

Other rules: ``--rule backprop | recurrent-backprop``; ``--set hidden=(500,500)``.
"""

import corticalnet as cn
from corticalnet.training import Settings

#: By the number of hidden areas: epochs, β, nudged steps, and the authors' rates of links from below.
PAPER = {
    1: (25, 0.5, 4, (0.1, 0.05)),
    2: (60, 1.0, 6, (0.4, 0.1, 0.01)),
    3: (500, 1.0, 8, (0.128, 0.032, 0.008, 0.002)),
}


def build(input_shape=(1, 28, 28), classes=10, rule="equilibrium-propagation", hidden=(500,), seed=0):
    """The model. ``hidden``: columns of each hidden area, one to three."""
    # A ReLU that is held at 1 is the hard sigmoid.
    areas = [cn.Area(cn.Dense(n, bias=True, init="glorot"), "relu") for n in (*hidden, classes)]
    if len(hidden) not in PAPER:
        raise cn.errors.ModelError(f"the paper has one to three hidden areas, not {len(hidden)}")
    epochs, beta, nudged, rates = PAPER[len(hidden)]
    ours = {"beta": 2 * beta, "form": "random sign", "nudged_steps": nudged, "feedback": 1.0, "bound": 1.0}
    settings = Settings(
        epochs=epochs,
        batch=20,
        lr=2 * rates[0],
        link_rates=tuple(rate / rates[0] for rate in rates),
        halve_every=None,
        patience=None,
        seed=seed,
    )
    taught = cn.rule(rule, **(ours if rule == "equilibrium-propagation" else {}))
    return cn.Model(cn.Network(input_shape, areas, seed), taught, settings)
