"""GeneRec: a network that recirculates activity, and learns by how its output changes it.

O'Reilly, "Biologically Plausible Error-Driven Learning Using Local Activation Differences: The Generalized
Recirculation Algorithm", Neural Computation 8:895–938, 1996.

    network     inputs → hidden sigmoid → output sigmoid, feedback as strong as what goes up (κ = 1), biases
    forms       GeneRec ("free"), midpoint ("midpoint"), and both symmetric ("symmetric"): half of contrastive
                Hebbian learning

The paper counts epochs until small tasks are learned (encoders, random associations, family trees), and
reports no accuracies on images.

Deviations
    1. Images, and as many columns as they need (64), for the paper's small patterns.
    2. Areas take turns, each going to where it is driven to, until nothing moves any more (at most 300
       steps); in the paper activity moves in small steps.
    3. Batches of 20 and rate 0.5, chosen here on digits; the paper learns pattern by pattern.
    4. Up and down are one weight. ``--set pathway=random`` gives the way down weights of its own, which do
       not learn.

Other rules: ``--rule backprop | contrastive-hebbian``; ``--set form=midpoint``.
"""

import corticalnet as cn
from corticalnet.training import Settings


def build(
    input_shape=(1, 28, 28), classes=10, rule="generec", hidden=(64,), form="free", pathway="tied", seed=0
):
    """The model. ``hidden``: columns of each hidden area; ``form``, ``pathway``: of GeneRec."""
    areas = [cn.Area(cn.Dense(n, bias=True, init="glorot"), "sigmoid") for n in (*hidden, classes)]
    settings = Settings(epochs=30, batch=20, lr=0.5, halve_every=None, patience=None, seed=seed)
    own = {"form": form, "pathway": pathway, "feedback": 1.0} if rule == "generec" else {}
    return cn.Model(cn.Network(input_shape, areas, seed), cn.rule(rule, **own), settings)
