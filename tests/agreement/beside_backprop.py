"""Networks, trials and twins for tests of continuous time: columns beside the network view."""

import numpy as np
import torch

import corticalnet as cn
from corticalnet.columns.beside import learned_changes, recorded_changes
from corticalnet.compare import relative_error
from corticalnet.recordings.reading import weight_change
from tests.networks import F64

TAU, RATE = 10.0, 0.1


def mlp(hidden, depth, seed=1):
    return cn.mlp([4, *[6] * (depth - 1), 3], hidden, seed=seed, dtype=F64)


def sheets(kind, hidden):
    """Two sheets of columns, biases, and an output that fires nonlinearly."""
    areas = [
        cn.Area(kind(2, 3, padding="same", stride=2, bias=True), hidden),
        cn.Area(kind(2, 2), hidden),
        cn.Area(cn.Dense(3, bias=True), "sigmoid"),
    ]
    return cn.Network((1, 5, 5), areas, 1, dtype=F64)


def skipping(hidden):
    """Two ways from the lowest area to the output, of different length."""
    high = cn.Area([cn.Dense(3, bias=True), cn.Dense(3, source="low")], "linear")
    areas = [cn.Area(cn.Dense(5, bias=True), hidden, "low"), cn.Area(cn.Dense(4), hidden, "mid"), high]
    return cn.Network((4,), areas, 1, dtype=F64)


NETWORKS = {
    "tanh-2": (lambda: mlp("tanh", 2), 2),
    "sigmoid-3": (lambda: mlp("sigmoid", 3), 3),
    "relu-5": (lambda: mlp("relu", 5), 5),
    "convolution": (lambda: sheets(cn.Convolution, "tanh"), 3),
    "local": (lambda: sheets(cn.Local, "relu"), 3),
    "skipping": (lambda: skipping("tanh"), 3),
}


def lessons(net, trials, seed=0):
    """Random stimuli and targets, one trial each."""
    draw = np.random.default_rng(seed).normal
    n = net(torch.zeros(1, *net.input_shape, dtype=F64)).shape[1]
    return draw(size=(trials, 1, *net.input_shape)), draw(size=(trials, 1, n))


def trials(circuit, x, y, told=True):
    """Trials and a rest; ``told`` or not that a teacher comes."""
    needs, protocol = circuit.needs, []
    for stimulus, target in zip(x, y, strict=True):
        comes = {"output.value.target": target, "output.value.clamped": 1.0}
        comes = cn.Teach(target, needs.teach) if told else cn.SetInput(comes, needs.teach)
        protocol += [cn.Present(stimulus, needs.present), comes]
    return [*protocol, cn.Rest(needs.present)]


def twin(net, rule, x, y):
    """Changes of all weights in the network view, by name; the network learns."""
    before = {p: p.detach().clone() for p in net.parameters()}
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)
    for stimulus, target in zip(x, y, strict=True):
        rule.update(net, torch.tensor(stimulus), torch.tensor(target), optimizer)
    named = [(link.name, link.weight) for link in net.links if link.plastic]
    named += [(f"{link.name} bias", link.bias) for link in net.links if link.bias is not None]
    return {name: (p.detach() - before[p]).numpy().ravel() for name, p in named}


def changes(data, names):
    return {name: weight_change(data, name).ravel() for name in names}


def lag(found, wanted):
    """Relative distance of every projection's change."""
    return {k: relative_error(found[k], w) for k, w in wanted.items()}


def compared(net, how, rule="backprop", count=5, engine="torch", seed=0, **parameters):
    """(found, wanted) changes of all weights after some autonomous trials in one run."""
    made = cn.rule(rule, **parameters)
    x, y = lessons(net, count, seed)
    circuit = cn.circuit(net, made, RATE, dynamics=how)
    data = cn.simulate(circuit, trials(circuit, x, y), engine, record=["grip"], last=1)
    return recorded_changes(data, net), learned_changes(net, made, zip(x, y, strict=True), RATE)


def worst(*given, **options):
    return max(lag(*compared(*given, **options)).values())
