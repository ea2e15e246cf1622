"""A rule that is no teaching signal × feedback × trigger, as a user would write it: learned inverse weights.

Difference target propagation (Lee, Zhang, Fischer & Bengio 2015): what comes down is not an error but where
an area should be, as far as the inverses V know it.

    signal = Σ V (tanh(a + δ) − tanh(a))          a: drives above, a + δ: where they should be
    δ      = f'(drive) ⊙ signal                   Δw = ⟨δ × rate⟩
    ΔV     = ⟨(r − V tanh(a)) × tanh(a)⟩          the inverses learn to tell rates from what they drive
"""

from contextlib import contextmanager

import torch
from torch import nn

import corticalnet as cn
from corticalnet.network.initialisation import generator
from corticalnet.network.reading import lesson_input
from corticalnet.rules import Step, catalogue
from corticalnet.rules.plasticity import Plasticity


class TargetPropagation(cn.LearningRule):
    """Difference target propagation with inverse weights that learn."""

    name = "target-propagation"
    equation = "δ = f' ⊙ V (tanh(a + δ) − tanh(a)) of the area above,  ΔV = ⟨(r − V tanh(a)) × tanh(a)⟩"

    def draw(self, net):
        hidden = range(1, net.wiring.output)
        links = [link for node in hidden for _, link in net.wiring.leaving[node] if link.plastic]
        return {f"inverse.{k.name}": k.draw("he", generator(1, k.name)).to(k.weight) for k in links}

    @torch.no_grad()
    def learn(self, net, x, targets, *, accumulate=False):
        inverse, wiring = self.named_parameters(net), net.wiring
        activity = net.sweep(lesson_input(net.admit(x, least=1)))
        rates, drives, traces = activity.rates, activity.drives, activity.traces
        lesson = self.teaching.begin(rates[-1], targets)
        plasticity = Plasticity(net, len(rates[0]), accumulate)
        delta = [None] * len(wiring.areas)
        delta[-1] = wiring.area(-1).gain(lesson.error(rates[-1]), traces[-1])
        for node in range(wiring.output - 1, 0, -1):
            leaving = wiring.leaving[node]
            ways = [(above, k, inverse[f"inverse.{k.name}"]) for above, k in leaving if k.plastic]
            told = [torch.tanh(drives[n]) for n, _, _ in ways]
            wanted = [torch.tanh(drives[n] + delta[n]) for n, _, _ in ways]
            signals = zip(ways, wanted, told, strict=True)
            signal = sum(k.feedback(there - here, v) for (_, k, v), there, here in signals)
            signal = signal + sum(delta[above] for above, k in leaving if not k.plastic)  # its own inverse
            guess = sum(k.feedback(here, v) for (_, k, v), here in zip(ways, told, strict=True))
            delta[node] = wiring.area(node).gain(signal, traces[node])
            for (_, link, v), here in zip(ways, told, strict=True):
                out, scale, keep = plasticity.slot(v)
                link.hebbian(rates[node] - guess, here, out, 0.1 * scale, keep)
        for node in range(1, len(wiring.areas)):
            for source, link in wiring.arriving[node]:
                plasticity.hebbian(link, rates[source], delta[node])
            plasticity.credit(wiring.area(node).credit(traces[node]))
        plasticity.close()
        return Step(lesson)


class Keeping(TargetPropagation):
    """The same, by a rule that keeps its weights itself and makes others for a network of other links."""

    def __init__(self):
        self.inverse = {}

    def named_parameters(self, net):
        first = self.draw(net)
        if {n: v.shape for n, v in self.inverse.items()} != {n: v.shape for n, v in first.items()}:
            self.inverse = {name: nn.Parameter(v) for name, v in first.items()}
        return self.inverse


#: Rules of nobody's catalogue, by name.
STRANGERS = {"target-propagation": TargetPropagation, "target-propagation, kept": Keeping}


@contextmanager
def listed():
    """Inside, they are in the catalogue, as :func:`cn.register` puts them there."""
    for name, make in STRANGERS.items():
        cn.register(name, make)
    try:
        yield
    finally:
        for name in STRANGERS:
            del catalogue._RULES[name]
