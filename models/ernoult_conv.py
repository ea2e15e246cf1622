"""The first convolutions that equilibrium propagation taught: two of them with pools, and a read-out.

Ernoult, Grollier, Querlioz, Bengio & Scellier, "Updates of Equilibrium Prop Match Gradients of Backprop
Through Time in an RNN with Static Input", NeurIPS 2019; numbers are those of the authors' code
(ernoult/updatesEPgradientsBPTT, README.md, "P-conv").

    network     1×28×28 → 5×5 convolution 32, max-pool 2 → 5×5 convolution 64, max-pool 2 → 10; no
                padding, biases, hard sigmoid
    phases      all areas at once, states to their new drive in one step: 200 free steps, 10 nudged
    training    β 0.4 of ½‖t − y‖², one-sided; batch 20; 40 epochs; rates of links, from below, 0.15,
                0.035, 0.015

The abstract reports a test error of about 1 % on MNIST (from memory: no number was at hand to check it by).
Here, on digits of 8 × 8 pixels, with 8 and 16 channels, 3×3 kernels and padding "same": 9.1 ± 3.6 % after
eight epochs (seeds 0 to 2: 8.9, 12.8, 5.6).

Deviations
    1. Columns are those of the convolution: a pool tells their maximum, and what comes down reaches the
       winners of the sweep alone. In the paper columns are those of the pooled sheet, their drive is the
       maximum, and winners change with it. Columns that do not win are part of our energy, not of theirs.
    2. The nudge is part of the output's drive, s = ρ(a + β (t − s)); the paper adds β (t − s) to ρ(a).
    3. Areas take turns, until nothing moves any more in the free phase (at most 200 steps).
    4. Initial weights have the spread of the code's, torch's own: a variance of 1 / (3 fan-in); they are
       normal, not uniform, and biases begin at 0.

Other rules: ``--rule backprop | recurrent-backprop``; smaller images: ``--set kernel=3``.
"""

import corticalnet as cn
from corticalnet.network.initialisation import scaled
from corticalnet.training import Settings

#: Of the authors' code.
PAPER = {"beta": 0.4, "steps": 200, "nudged_steps": 10, "feedback": 1.0, "bound": 1.0}
STD = scaled(3**-0.5)
RATES = (0.15, 0.035, 0.015)


def build(
    input_shape=(1, 28, 28),
    classes=10,
    rule="equilibrium-propagation",
    channels=(32, 64),
    kernel=5,
    padding="valid",
    seed=0,
):
    """The model. ``channels``: of the two convolutions; ``kernel``, ``padding``: of both."""

    def sheet(count):
        link = cn.Convolution(count, kernel, padding=padding, bias=True, init=STD)
        return cn.Area(link, "relu", pool=2)

    read_out = cn.Area(cn.Dense(classes, bias=True, init=STD), "relu")
    settings = Settings(
        epochs=40,
        batch=20,
        lr=RATES[0],
        link_rates=tuple(rate / RATES[0] for rate in RATES),
        halve_every=None,
        patience=None,
        seed=seed,
    )
    taught = cn.rule(rule, **(PAPER if rule == "equilibrium-propagation" else {}))
    return cn.Model(cn.Network(input_shape, [*map(sheet, channels), read_out], seed), taught, settings)
