"""BurstCCN on images: events go up, bursts come down, and all is learned in one phase.

Greedy, Zhu, Pemberton, Mellor & Costa, "Single-phase deep learning in cortico-cortical networks", NeurIPS
2022.

    network     784 → 500 → 500 → 500 → 10, sigmoid
    rule        BurstCCN, p_b = 0.5, Q = p_b Y
    learning    plain steps of 0.1, batches of 32

Sizes and settings are those of the authors' published code for MNIST.

Deviations
    1. Y is fixed and random. ``--set feedback=tied`` makes it the transpose; ``kolen-pollack`` lets it learn.
    2. Hidden columns rest at p_b, and their credit is as large as backprop's (see rules/dendrites/bursts.py).
    3. 30 epochs, chosen here. Plain steps leave chance late, as backprop's do: after 10 epochs of 8,000
       digits of MNIST 9 to 22 % at 0.1 and 1 (backprop 10 to 17 % at 0.1); by
       ``--set optimizer=adam --set lr=0.0005`` 89.7 % in five, backprop 91.6 % (one seed).

Other rules: ``--rule burstprop | backprop | feedback-alignment``.
"""

import corticalnet as cn
from corticalnet.training import Settings


def build(
    input_shape=(1, 28, 28),
    classes=10,
    rule="burstccn",
    hidden=(500, 500, 500),
    feedback="random",
    seed=0,
):
    """The model. ``hidden``: columns of each hidden area; ``feedback``: Y, of rules by bursts."""
    areas = [cn.Area(cn.Dense(n, bias=True, init="glorot"), "sigmoid") for n in (*hidden, classes)]
    settings = Settings(epochs=30, batch=32, lr=0.1, halve_every=None, patience=None, seed=seed)
    own = {"feedback": feedback} if rule in ("burstccn", "burstprop") else {}
    return cn.Model(cn.Network(input_shape, areas, seed), cn.rule(rule, **own), settings)
