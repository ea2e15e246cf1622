"""The locally connected networks of Bartunov et al. 2018 (also in Lillicrap's 2018 talk).

"Assessing the Scalability of Biologically-Motivated Deep Learning Algorithms and Architectures",
NeurIPS 2018, Tables 1 and 5. No weight sharing; strides instead of pooling.

    MNIST       local 3×3, 32, stride 2 → local 3×3, 64, stride 2 → 1024 → softmax 10
    CIFAR-10    local 5×5, 64, stride 2 → local 5×5, 128, stride 2 → local 3×3, 256 → 1024 → softmax 10
    training    tanh, Adam, Glorot's initial weights, "same" padding, 500 epochs, best epoch reported

The paper's test errors (%):

    MNIST      backprop 1.17    feedback alignment 1.26    direct feedback alignment 2.05
    CIFAR-10   backprop 32.41   feedback alignment 37.44   direct feedback alignment 44.41

    parallel, alternating     DTP             SDTP            AO-SDTP
    MNIST                     1.52, 1.46      1.98, 1.90      1.92, 1.91
    CIFAR-10                  39.47, 39.47    46.63, 45.66    40.05, 40.21

``--rule difference-target-propagation`` (simplified-…, auxiliary-output-…), ``--set alternate``, ``own_rate``
(of decoders), ``alpha``, ``sigma``.

Deviations
    1. The learning rates are those of the paper's search (MNIST-LC); batch 64, which it does not state.
    2. 100 epochs by default; the epoch is chosen by a validation split.
    3. No augmentation (the paper flips and crops CIFAR).
    4. Target propagation learns at the rates of the search on CIFAR-10; those on MNIST are not at hand.
    5. With ``alternate=1`` decoders learn first in every update; the paper has an epoch of them, then one of
       weights: ``--set alternate=844``, the batches of an epoch.
    6. AO-SDTP has SDTP's rates and noise, and 64 auxiliary columns; the paper has 512 on CIFAR.
    7. Decoders of a local area share no weights, either, and b is a column's own.

``--set sheets="((5,64,2),(5,128,2),(3,256,1))"`` is the network for CIFAR-10.
"""

import corticalnet as cn
from corticalnet.training import Settings

DTP, SDTP = "difference-target-propagation", "simplified-target-propagation"
#: The best of the paper's random search, MNIST-LC; with decoders (whose rate is in units of lr) two, of
#: CIFAR-10: parallel, and alternating.
SEARCHED = {
    "backprop": [{"lr": 1.33e-4}],
    "feedback-alignment": [{"lr": 2.19e-4}],
    "direct-feedback-alignment": [{"lr": 2.462e-3}],
    DTP: [
        {"lr": 3.2e-5, "own_rate": 8.52e-4 / 3.2e-5, "alpha": 0.189828, "sigma": 0.146728},
        {"lr": 3.6e-5, "own_rate": 3.89e-4 / 3.6e-5, "alpha": 0.208141, "sigma": 0.094869},
    ],
    SDTP: [
        {"lr": 2.0e-5, "own_rate": 2.61e-4 / 2.0e-5, "sigma": 0.299769},
        {"lr": 1.09e-4, "own_rate": 1.1e-5 / 1.09e-4, "sigma": 0.023804},
    ],
}
SEARCHED["auxiliary-output-target-propagation"] = SEARCHED[SDTP]


def build(
    input_shape=(1, 28, 28),
    classes=10,
    rule="feedback-alignment",
    sheets=((3, 32, 2), (3, 64, 2)),
    dense=1024,
    alternate=0,
    seed=0,
):
    """The model. ``sheets``: (kernel, channels, stride) of each local area; ``dense``: columns on top; 0
    for none, as on ImageNet.

    ``alternate``: of target propagation, 0: parallel.
    """
    areas = [
        cn.Area(cn.Local(channels, kernel, stride, padding="same", bias=True, init="glorot"), "tanh")
        for kernel, channels, stride in sheets
    ]
    if dense:
        areas.append(cn.Area(cn.Dense(dense, bias=True, init="glorot"), "tanh"))
    areas.append(cn.Area(cn.Dense(classes, bias=True, init="glorot"), "linear"))
    own = dict(SEARCHED.get(rule, SEARCHED["backprop"])[-1 if alternate else 0])
    lr, loss = own.pop("lr"), {} if rule == "brainprop" else {"loss": "cross-entropy"}
    if own:
        own["alternate"] = alternate
    settings = Settings(epochs=100, batch=64, lr=lr, optimizer="adam", halve_every=None, seed=seed)
    return cn.Model(cn.Network(input_shape, areas, seed), cn.rule(rule, **loss, **own), settings)
