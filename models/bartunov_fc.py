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

#: Best learning rates of the paper's random search, MNIST-FC.
RATES = {"backprop": 1.52e-4, "feedback-alignment": 1.68e-4, "direct-feedback-alignment": 1.649e-3}
#: Best learning rate, that of decoders, α and σ of the same search: parallel, and alternating.
TARGETS = {
    "difference-target-propagation": (
        (7.57e-4, 7.68e-4, 0.15008, 0.36133),
        (3.08e-4, 4.593e-3, 0.231758, 0.220444),
    ),
    "simplified-target-propagation": (
        (4.02e-4, 1.101e-3, None, 0.213995),
        (3.01e-4, 9.572e-3, None, 0.118267),
    ),
}
TARGETS["auxiliary-output-target-propagation"] = TARGETS["simplified-target-propagation"]


def build(
    input_shape=(1, 28, 28),
    classes=10,
    rule="feedback-alignment",
    hidden=(256,) * 5,
    alternate=0,
    own_rate=None,
    alpha=None,
    sigma=None,
    seed=0,
):
    """The model. ``hidden``: columns of each hidden area.

    Of target propagation (the search's, if not given): ``alternate``: 0 for parallel; ``own_rate``: of
    decoders, in units of that of the weights; ``alpha``, ``sigma``: of targets and of noise.
    """
    areas = [cn.Area(cn.Dense(columns, bias=True, init="glorot"), "tanh") for columns in hidden]
    areas.append(cn.Area(cn.Dense(classes, bias=True, init="glorot"), "linear"))
    lr, parts = RATES.get(rule, 1.52e-4), {} if rule == "brainprop" else {"loss": "cross-entropy"}
    if rule in TARGETS:
        lr, decoders, step, noise = TARGETS[rule][alternate > 0]
        found = {"own_rate": decoders / lr, "sigma": noise} | ({"alpha": step} if step else {})
        given = {"own_rate": own_rate, "alpha": alpha, "sigma": sigma}
        parts |= {"alternate": alternate, **found, **{k: v for k, v in given.items() if v is not None}}
    settings = Settings(epochs=100, batch=64, lr=lr, optimizer="adam", halve_every=None, seed=seed)
    return cn.Model(cn.Network(input_shape, areas, seed), cn.rule(rule, **parts), settings)
