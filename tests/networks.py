"""Networks that tests run over, and the oracle: torch's autograd on the same network and loss.

`tests/closed_form/test_links.py` shows first that these networks compute what torch's own layers do.
"""

import torch
import torch.nn.functional as F

import corticalnet as cn
from corticalnet.network.homeostasis import BatchHomeostasis
from corticalnet.network.stages import Fire

F64 = torch.float64
SHAPE, CLASSES = (2, 9, 9), 5


def dense(hidden="sigmoid", depth=3, seed=0, **area):
    areas = [cn.Area(cn.Dense(11, bias=True), hidden, **area) for _ in range(depth - 1)]
    return cn.Network(SHAPE, [*areas, cn.Area(cn.Dense(CLASSES), "linear")], seed, dtype=F64)


def sheets(hidden="tanh", kind=cn.Convolution, seed=0, pool=2, **area):
    """Two sheets of columns with a pool between them (or none), then dense areas."""
    areas = [
        cn.Area(kind(4, 3, padding="same", bias=True), hidden, pool=pool, **area),
        cn.Area(kind(3, 3, stride=1), hidden, **area),
        cn.Area(cn.Dense(12), hidden, **area),
        cn.Area(cn.Dense(CLASSES, bias=True), "linear"),
    ]
    return cn.Network(SHAPE, areas, seed, dtype=F64)


def skipping(hidden="tanh", seed=0):
    """Links that skip one and two areas, so that ways to the output differ in length."""
    areas = [
        cn.Area(cn.Dense(9), hidden, "low"),
        cn.Area(cn.Dense(8), hidden, "mid"),
        cn.Area([cn.Dense(7), cn.Dense(7, source="low")], hidden, "high"),
        cn.Area(
            [cn.Dense(CLASSES), cn.Dense(CLASSES, source="low"), cn.Dense(CLASSES, source="input")], "linear"
        ),
    ]
    return cn.Network(SHAPE, areas, seed, dtype=F64)


def residual(hidden="tanh", seed=0):
    """Identity links: beside synapses and alone, one after the other, over areas, to the output."""
    areas = [
        cn.Area(cn.Dense(CLASSES), hidden, "stem"),
        cn.Area(cn.Dense(7, bias=True), hidden, "inside"),
        cn.Area(cn.Dense(CLASSES), "linear", "branch"),
        cn.Area([cn.Identity("branch"), cn.Identity("stem")], hidden, "sum"),
        cn.Area([cn.Dense(CLASSES, bias=True), cn.Identity("sum")], hidden, "next"),
        cn.Area([cn.Identity("next"), cn.Dense(CLASSES), cn.Identity("stem")], "linear"),
    ]
    return cn.Network(SHAPE, areas, seed, dtype=F64)


def residual_sheets(hidden="tanh", seed=0):
    """Sums of sheets after batch statistics, and means; to a smaller sheet, a strided convolution."""
    normal = [Fire("linear"), BatchHomeostasis()]
    areas = [
        cn.Area(cn.Convolution(3, padding="same"), hidden, "stem", homeostasis="batch", pool=cn.AvgPool(2)),
        cn.Area(cn.Convolution(3, padding="same"), name="same", stages=normal),
        cn.Area([cn.Identity(), cn.Identity("stem")], hidden, "sum"),
        cn.Area(cn.Convolution(4, stride=2, padding="same"), name="smaller", stages=normal),
        cn.Area(cn.Convolution(4, 1, stride=2, source="sum"), name="shortcut", stages=normal),
        cn.Area([cn.Identity("smaller"), cn.Identity("shortcut")], hidden, "sum2", pool=cn.AvgPool()),
        cn.Area(cn.Dense(CLASSES), "linear"),
    ]
    return cn.Network(SHAPE, areas, seed, dtype=F64)


#: Networks by name; each takes the hidden activation and a seed.
NETWORKS = {
    "dense-1": lambda act, seed: dense(act, 1, seed),
    "dense-2": lambda act, seed: dense(act, 2, seed),
    "dense-5": lambda act, seed: dense(act, 5, seed),
    "dropout": lambda act, seed: dense(act, 3, seed, dropout=0.4),
    "convolution": lambda act, seed: sheets(act, cn.Convolution, seed),
    "local": lambda act, seed: sheets(act, cn.Local, seed),
    "conv-dropout": lambda act, seed: sheets(act, cn.Convolution, seed, dropout=0.3),
    "slow": lambda act, seed: sheets(act, cn.Local, seed, homeostasis="slow"),
    "batch": lambda act, seed: sheets(act, cn.Convolution, seed, homeostasis="batch"),
    "skipping": skipping,
    "residual": residual,
    "residual sheets": residual_sheets,
}


def batch(n=6, seed=3):
    rng = torch.Generator().manual_seed(seed)
    x = torch.rand(n, *SHAPE, generator=rng, dtype=F64)
    return x, torch.randint(0, CLASSES, (n,), generator=rng)


def gradients(net):
    return [p.grad.clone() for p in net.parameters()]


def learned(net, rule, x, y, seed=1):
    """Gradients that a rule fills; the network (its slow averages too) is left as it was."""
    before = {k: v.clone() for k, v in net.state_dict().items()}
    for p in net.parameters():
        p.grad = None
    torch.manual_seed(seed)
    rule.learn(net, x, y)
    net.load_state_dict(before)
    return gradients(net)


def autograd(net, loss, x, y, seed=1):
    """Gradients of ``loss(output, y)`` by torch's autograd, same random state, network left as it was."""
    before = {k: v.clone() for k, v in net.state_dict().items()}
    for p in net.parameters():
        p.grad = None
    torch.manual_seed(seed)
    loss(net(x), y).backward()
    net.load_state_dict(before)
    return [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in net.parameters()]


def squared(out, y):
    return 0.5 * (F.one_hot(y, CLASSES).to(out.dtype) - out).square().sum() / len(out)


def cross_entropy(out, y):
    return F.cross_entropy(out, y)


def distance(found, wanted):
    """Largest relative distance over parameters: ‖found − wanted‖ / ‖wanted‖.

    A gradient that is zero but for rounding (a bias before batch statistics, say) is compared with the
    largest one instead.
    """
    norms = [b.norm().item() for b in wanted]
    scale = [n if n > 1e-12 * max(norms) else max(norms) for n in norms]
    pairs = zip(found, wanted, scale, strict=True)
    return max((a - b).norm().item() / s if s else a.norm().item() for a, b, s in pairs)
