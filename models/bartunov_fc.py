"""The fully connected networks of Bartunov et al. 2018 (also in Lillicrap's 2018 talk).

"Assessing the Scalability of Biologically-Motivated Deep Learning Algorithms and Architectures",
NeurIPS 2018, Tables 1 and 5.

    MNIST       5 × 256 tanh → softmax 10        CIFAR-10    3 × 1024 tanh → softmax 10
    training    Adam, Glorot's initial weights, 500 epochs, best epoch reported

The paper's test errors (%):

    MNIST      backprop 1.48    feedback alignment 1.85    direct feedback alignment 2.75
    CIFAR-10   backprop 41.32   feedback alignment 41.97   direct feedback alignment 47.80

    parallel, alternating     DTP             SDTP            AO-SDTP
    MNIST                     2.86, 1.83      3.52, 2.28      2.93, 1.86
    CIFAR-10                  59.14, 42.32    55.32, 54.27    47.11, 45.40

``--rule difference-target-propagation`` (simplified-…, auxiliary-output-…), ``--set alternate``, ``own_rate``
(of decoders), ``alpha``, ``sigma``.

Deviations
    1. The learning rates are those of the paper's search (MNIST-FC); batch 64, which it does not state.
    2. 100 epochs by default; the epoch is chosen by a validation split.
    3. No augmentation (the paper flips and crops CIFAR).
    4. The optimizer is Adam as it comes: β₁, β₂ and ε of the paper's search are not given rule by rule.
    5. With ``alternate=1`` decoders learn first in every update; the paper has an epoch of them, then one of
       weights: ``--set alternate=844``, the batches of an epoch.
    6. AO-SDTP has SDTP's rates and noise, and 64 auxiliary columns; the paper does not state its own.
"""

import corticalnet as cn
from corticalnet.training import Settings

DTP, SDTP = "difference-target-propagation", "simplified-target-propagation"
#: The best of the paper's random search, MNIST-FC; with decoders (whose rate is in units of lr) two:
#: parallel, and alternating.
SEARCHED = {
    "backprop": [{"lr": 1.52e-4}],
    "feedback-alignment": [{"lr": 1.68e-4}],
    "direct-feedback-alignment": [{"lr": 1.649e-3}],
    DTP: [
        {"lr": 7.57e-4, "own_rate": 7.68e-4 / 7.57e-4, "alpha": 0.15008, "sigma": 0.36133},
        {"lr": 3.08e-4, "own_rate": 4.593e-3 / 3.08e-4, "alpha": 0.231758, "sigma": 0.220444},
    ],
    SDTP: [
        {"lr": 4.02e-4, "own_rate": 1.101e-3 / 4.02e-4, "sigma": 0.213995},
        {"lr": 3.01e-4, "own_rate": 9.572e-3 / 3.01e-4, "sigma": 0.118267},
    ],
}
SEARCHED["auxiliary-output-target-propagation"] = SEARCHED[SDTP]


def build(
    input_shape=(1, 28, 28), classes=10, rule="feedback-alignment", hidden=(256,) * 5, alternate=0, seed=0
):
    """The model. ``hidden``: columns of each hidden area.

    ``alternate``: of target propagation, 0: parallel.
    """
    areas = [cn.Area(cn.Dense(columns, bias=True, init="glorot"), "tanh") for columns in hidden]
    areas.append(cn.Area(cn.Dense(classes, bias=True, init="glorot"), "linear"))
    own = dict(SEARCHED.get(rule, SEARCHED["backprop"])[-1 if alternate else 0])
    lr, loss = own.pop("lr"), {} if rule == "brainprop" else {"loss": "cross-entropy"}
    if own:
        own["alternate"] = alternate
    settings = Settings(epochs=100, batch=64, lr=lr, optimizer="adam", halve_every=None, seed=seed)
    return cn.Model(cn.Network(input_shape, areas, seed), cn.rule(rule, **loss, **own), settings)
