"""The networks on which segregated dendrites were shown: 784-500-10, or 784-500-100-10.

Guerguiev, Lillicrap & Richards, "Towards deep learning with segregated dendrites", eLife 6:e22901, 2017;
numbers are those of the authors' code.

    network     784 → 500 (→ 100) → 10, sigmoid everywhere, biases; fixed feedback straight from the output
    training    image by image, η = 0.21 for every area; 10 epochs in their example
    teacher     currents with reversal potentials of ±8, of a conductance of 1 beside 0.6 + 0.1

The paper's test errors on MNIST, from memory: about 4 % with one hidden area, 3 % with two.

Deviations
    1. In rates. ``cn.circuit(network, rule, cells_per_column=1)`` has the Poisson cells of the paper.
    2. η = 0.21 in units in which the greatest rate is 1 and weights hold the conductance of the basal
       dendrite; with the authors' factors it would be 0.12.
    3. Initial weights are normal, with mean 0, and drives have a standard deviation of about 1; those of the
       authors are uniform, with drives of mean 3 and standard deviation 3. So are those of feedback.

Other rules: ``--rule backprop | direct-feedback-alignment``; ``--set hidden=(500,100)``;
``--set density=0.2`` (one in five feedback synapses, five times as strong).
"""

import corticalnet as cn
from corticalnet.network.initialisation import scaled
from corticalnet.rules.dendrites.segregated_dendrites import PAPER
from corticalnet.training import Settings


def build(
    input_shape=(1, 28, 28), classes=10, rule="segregated-dendrites", hidden=(500,), density=1.0, seed=0
):
    """The model. ``hidden``: columns of each hidden area; ``density``: of feedback synapses."""
    widths = (*hidden, classes)
    areas = [cn.Area(cn.Dense(n, bias=True, init=scaled(2.0)), "sigmoid") for n in widths]
    settings = Settings(epochs=10, batch=1, lr=0.21, halve_every=None, patience=None, seed=seed)
    own = {**PAPER, "density": density} if rule == "segregated-dendrites" else {}
    return cn.Model(cn.Network(input_shape, areas, seed), cn.rule(rule, **own), settings)
