"""The small networks on which Z-IL was shown to be backprop: 784-32-32-32-10 and friends.

Song, Lukasiewicz, Xu & Bogacz, "Can the Brain Do Backpropagation? — Exact Implementation of
Backpropagation in Predictive Coding Networks", NeurIPS 2020, Fig. 3 and Tables 2–3; the set-up is
that of Whittington & Bogacz 2017.

    network     784 → 32 (→ 32 (→ 32)) sigmoid → 10 linear; no biases
    training    batch 20, rate 0.001, 64 epochs; seeds 1482555873, 698841058, 2283198659

The paper reports divergence from backprop (zero for Z-IL and Fa-Z-IL), not accuracies.

Deviations
    1. The paper does not name its optimizer; Adam here, as in Whittington & Bogacz's code.
    2. The input enters as it is. In the paper it passes through f first, which Whittington & Bogacz
       undo by feeding f⁻¹(pixel).
    3. Glorot's initial weights with gain 4 for the sigmoid, as in Whittington & Bogacz's code.

Other rules: ``--rule z-il | fa-z-il | streaming-fa-z-il | il | backprop``; ``--set hidden=(32,32)``.
"""

import corticalnet as cn
from corticalnet.network.initialisation import glorot
from corticalnet.training import Settings


def build(
    input_shape=(1, 28, 28), classes=10, rule="z-il", hidden=(32, 32, 32), activation="sigmoid", seed=0
):
    """The model. ``hidden``: columns of each hidden area; ``activation``: of all hidden areas."""
    init = glorot(4.0 if activation == "sigmoid" else 1.0)
    areas = [cn.Area(cn.Dense(columns, init=init), activation) for columns in hidden]
    network = cn.Network(input_shape, [*areas, cn.Area(cn.Dense(classes, init="glorot"), "linear")], seed)
    settings = Settings(epochs=64, batch=20, lr=0.001, optimizer="adam", halve_every=None, seed=seed)
    return cn.Model(network, cn.rule(rule), settings)
