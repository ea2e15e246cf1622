"""The dendritic cortical microcircuit on images: apical dendrites hold what interneurons did not expect.

Sacramento, Costa, Bengio & Senn, "Dendritic cortical microcircuits approximate the backpropagation
algorithm", NeurIPS 2018.

    network     784 → 500 → 500 → 10, sigmoid
    cells       conductances: leak 0.1, basal 1, apical 0.8, dendritic (of interneurons) 1, somatic 0.8
    synapses    down fixed and random
    teacher     nudges potentials of the output

The paper reports 1.96 % test error on MNIST.

Deviations
    1. Steady states; the paper integrates every image in time (``cn.circuit(net, rule, dynamics=…)`` does).
    2. Laterals are self-predicting by construction. ``--set laterals=predicting`` lets those to interneurons
       learn; by Adam, at the rate of the weights up, they follow slowly (plain steps of ½ do better, see
       simulations/microcircuit.py).
    3. Adam 2e-3, batches of 50 and 30 epochs, chosen here on digits; the paper has plain steps and a learning
       rate for each area. Changes of lower areas are given back here what is lost on the way down.
    4. Targets are rates of 0.1 and 0.9.

Other rules: ``--rule backprop``; ``--set pathway=tied``.
"""

import corticalnet as cn
from corticalnet.training import Settings


def build(
    input_shape=(1, 28, 28),
    classes=10,
    rule="dendritic-microcircuit",
    hidden=(500, 500),
    laterals="ideal",
    pathway="random",
    seed=0,
):
    """The model. ``hidden``: columns of each hidden area; ``laterals``, ``pathway``: of the microcircuit."""
    areas = [cn.Area(cn.Dense(n, bias=True, init="glorot"), "sigmoid") for n in (*hidden, classes)]
    settings = Settings(
        epochs=30, batch=50, lr=2e-3, optimizer="adam", halve_every=None, patience=None, seed=seed
    )
    own = {"laterals": laterals, "pathway": pathway, "nudge": "potential"}
    own = own if rule == "dendritic-microcircuit" else {}
    return cn.Model(cn.Network(input_shape, areas, seed), cn.rule(rule, **own), settings)
