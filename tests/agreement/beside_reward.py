"""Networks, streams of rewarded trials and their twins: BrainProp's columns beside the network view."""

import numpy as np
import torch

import corticalnet as cn
from tests.agreement.beside_backprop import sheets
from tests.networks import F64

RATE, TRIALS = 0.2, 8


def dense(sizes, hidden, output="linear", bias=True):
    areas = [cn.Area(cn.Dense(n, bias=bias), hidden) for n in sizes[1:-1]]
    return cn.Network((sizes[0],), [*areas, cn.Area(cn.Dense(sizes[-1], bias=bias), output)], 1, dtype=F64)


def skipping(hidden):
    """Ways of one, two and three links from the stimulus to the output."""
    areas = [
        cn.Area(cn.Dense(5, bias=True), hidden, "low"),
        cn.Area(cn.Dense(4), hidden, "mid"),
        cn.Area([cn.Dense(3, bias=True), cn.Dense(3, source="low"), cn.Dense(3, source="input")], "linear"),
    ]
    return cn.Network((4,), areas, 1, dtype=F64)


NETWORKS = {
    "one link": lambda f: dense([4, 3], f),
    "two links": lambda f: dense([4, 6, 3], f),
    "three links": lambda f: dense([4, 6, 5, 3], f, bias=False),
    "four links": lambda f: dense([4, 6, 5, 6, 3], f),
    "nonlinear output": lambda f: dense([4, 6, 3], f, "sigmoid"),
    "convolution": lambda f: sheets(cn.Convolution, f),
    "local": lambda f: sheets(cn.Local, f),
    "skipping": skipping,
}
FEEDBACK = {"tied": cn.Tied, "random": lambda: cn.Random(seed=3)}


class Stream:
    """Random stimuli, right actions, exploration noise (in every other trial) and times."""

    def __init__(self, net, batch, trials=TRIALS, seed=0):
        rng = np.random.default_rng(seed)
        actions = int(np.prod(net.output_shape))
        self.x = rng.normal(size=(trials, batch, *net.input_shape))
        self.y = rng.integers(0, actions, (trials, batch))
        noise = cn.exploration_noise(trials * batch, actions, 0.5, 1.0, seed)
        self.exploration_noise = noise.reshape(trials, batch, actions)
        self.waits = rng.integers(0, 5, trials)
        self.stays = rng.integers(0, 5, trials)

    def protocol(self, circuit, only=slice(None)):
        parts = []
        for x, y, noise, waits, stays in list(
            zip(self.x, self.y, self.exploration_noise, self.waits, self.stays, strict=True)
        )[only]:
            shown = cn.Present(x, circuit.needs.present + int(waits), exploration_noise=noise)
            parts += [shown, cn.Reinforce(y, circuit.needs.teach + int(stays))]
        return parts

    def teach(self, net, feedback, only=slice(None)):
        """The network's own run of it; returns changes by projection name, and the actions taken."""
        before = {p: p.detach().clone() for p in net.parameters()}
        optimizer, actions = torch.optim.SGD(net.parameters(), lr=RATE), []
        for x, y, noise in list(zip(self.x, self.y, self.exploration_noise, strict=True))[only]:
            pushed = torch.tensor(noise)
            rule = cn.rule(
                "brainprop", feedback=feedback, choose=lambda rates, u=pushed: (rates + u).argmax(1)
            )
            step = rule.update(net, torch.tensor(x), torch.tensor(y), optimizer)
            actions.append(step.prediction.tolist())
        named = [(link.name, link.weight) for link in net.links]
        named += [(f"{link.name} bias", link.bias) for link in net.links if link.bias is not None]
        return {name: (p.detach() - before[p]).numpy().ravel() for name, p in named}, actions


def made(net, feedback):
    return cn.circuit(net, cn.rule("brainprop", feedback=feedback), RATE)


def taken(data, circuit, stream):
    """Actions of the columns at the end of every presentation, ``[trial][sample]``."""
    ends = np.cumsum(stream.waits + circuit.needs.present + stream.stays + circuit.needs.teach)
    at = ends - stream.stays - circuit.needs.teach - 1
    return data["output.action.action"].values[at].argmax(2).tolist()
