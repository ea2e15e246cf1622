"""The locally connected networks of Bartunov et al. 2018 (also in Lillicrap's 2018 talk).

"Assessing the Scalability of Biologically-Motivated Deep Learning Algorithms and Architectures",
NeurIPS 2018, Tables 1 and 5. No weight sharing; strides instead of pooling.

    MNIST       local 3×3, 32, stride 2 → local 3×3, 64, stride 2 → 1024 → softmax 10
    CIFAR-10    local 5×5, 64, stride 2 → local 5×5, 128, stride 2 → local 3×3, 256 → 1024 → softmax 10
    training    tanh, Adam, Glorot's initial weights, "same" padding, 500 epochs, best epoch reported

The paper's test errors (%; rules that this toolkit has):

    MNIST      backprop 1.17    feedback alignment 1.26    direct feedback alignment 2.05
    CIFAR-10   backprop 32.41   feedback alignment 37.44   direct feedback alignment 44.41

Deviations
    1. The learning rates are those of the paper's search (MNIST-LC); batch 64, which it does not state.
    2. 100 epochs by default; the epoch is chosen by a validation split.
    3. No augmentation (the paper flips and crops CIFAR).

``--set sheets="((5,64,2),(5,128,2),(3,256,1))"`` is the network for CIFAR-10.
"""

import corticalnet as cn
from corticalnet.training import Settings

#: Best learning rates of the paper's random search, MNIST-LC.
RATES = {"backprop": 1.33e-4, "feedback-alignment": 2.19e-4, "direct-feedback-alignment": 2.462e-3}


def build(
    input_shape=(1, 28, 28),
    classes=10,
    rule="feedback-alignment",
    sheets=((3, 32, 2), (3, 64, 2)),
    dense=1024,
    seed=0,
):
    """The model. ``sheets``: (kernel, channels, stride) of each local area; ``dense``: columns on top."""
    areas = [
        cn.Area(cn.Local(channels, kernel, stride, padding="same", bias=True, init="glorot"), "tanh")
        for kernel, channels, stride in sheets
    ]
    areas.append(cn.Area(cn.Dense(dense, bias=True, init="glorot"), "tanh"))
    areas.append(cn.Area(cn.Dense(classes, bias=True, init="glorot"), "linear"))
    settings = Settings(
        epochs=100, batch=64, lr=RATES.get(rule, 1.33e-4), optimizer="adam", halve_every=None, seed=seed
    )
    taught = cn.rule(rule) if rule == "brainprop" else cn.rule(rule, loss="cross-entropy")
    return cn.Model(cn.Network(input_shape, areas, seed), taught, settings)
