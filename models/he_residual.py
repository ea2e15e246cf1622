"""The residual networks of He et al. for CIFAR-10, 6n + 2 layers deep, taught by any rule.

He, Zhang, Ren & Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2 and Table 6.

    network     conv 16 3×3 → 3 stages of n blocks: 16, 32 and 64 channels on sheets of 32², 16² and 8² →
                mean of each channel → softmax; block: relu(f(x) + x), f two convolutions 3×3, batch
                normalisation after every convolution, before ReLU; stride 2 where channels double
    training    SGD 0.1, momentum 0.9, weight decay 0.0001, batch 128, He's initial weights; 64 000 updates,
                a tenth of the learning rate from 32 000 on, a hundredth from 48 000 on

The paper's test errors (%, backprop): n = 3 (20 layers, 0.27 M parameters) 8.75, n = 5 7.51, n = 9 6.97.

Z-IL is backprop here too: relays make the ways along the shortcuts as long as those through the
blocks (Salvatori et al., "Reverse Differentiation via Predictive Coding", AAAI 2022). Random feedback has
random weights beside the convolutions alone; shortcuts bring errors down as they are.

Deviations
    1. Shortcuts where channels double are convolutions 1×1 of stride 2 with batch normalisation (the paper's
       option B; for CIFAR it pads with zeros, option A).
    2. 164 epochs of 45 000 images; the learning rate halves every 25 epochs instead of its two steps.
    3. No augmentation (the paper pads by 4, crops and flips); a validation split chooses the epoch.
    4. ``homeostasis="batch"``, their batch normalisation, is not local; "slow" is the local form.

Small and quick: ``--data digits --set blocks=1 --set "widths=(8,16)" --set batch=32 --set epochs=5``.
"""

import corticalnet as cn
from corticalnet.network.homeostasis import homeostasis as homeostatic
from corticalnet.network.stages import Fire
from corticalnet.training import Settings

#: Rules that a teacher's cross-entropy can be told to.
TAUGHT = ("backprop", "feedback-alignment", "z-il", "fa-z-il", "streaming-fa-z-il")


def build(
    input_shape=(3, 32, 32),
    classes=10,
    rule="backprop",
    blocks=3,
    widths=(16, 32, 64),
    homeostasis="batch",
    seed=0,
):
    """The model. ``blocks``: n; ``widths``: channels; ``homeostasis``: "batch", "slow" or None."""
    normal = [] if homeostasis is None else [homeostatic(homeostasis)]
    relu = Fire("relu")

    def sheet(channels, kernel, stride, source):
        return cn.Convolution(channels, kernel, stride, "same", source, init="he")

    areas, below = [cn.Area(sheet(widths[0], 3, 1, None), name="stem", stages=[*normal, relu])], "stem"
    for stage, channels in enumerate(widths, start=1):
        for number in range(1, blocks + 1):
            block, stride = f"block{stage}-{number}", 2 if stage > 1 and number == 1 else 1
            areas += [
                cn.Area(sheet(channels, 3, stride, below), name=f"{block}-inner", stages=[*normal, relu]),
                cn.Area(sheet(channels, 3, 1, f"{block}-inner"), name=f"{block}-outer", stages=normal),
            ]
            shortcut = below
            if stride > 1:
                shortcut = f"{block}-shortcut"
                areas.append(cn.Area(sheet(channels, 1, stride, below), name=shortcut, stages=normal))
            links = [cn.Identity(f"{block}-outer"), cn.Identity(shortcut)]
            areas.append(cn.Area(links, "relu", block))
            below = block
    areas[-1] = cn.Area(links, "relu", below, pool=cn.AvgPool())
    areas.append(cn.Area(cn.Dense(classes, bias=True), "linear"))
    taught = cn.rule(rule, loss="cross-entropy") if rule in TAUGHT else cn.rule(rule)
    settings = Settings(
        epochs=164, batch=128, lr=0.1, momentum=0.9, weight_decay=1e-4, halve_every=25, seed=seed
    )
    return cn.Model(cn.Network(input_shape, areas, seed), taught, settings)
