"""A rule that is no teaching signal × feedback × trigger, as a user would write it: learned inverse weights.

Difference target propagation (Lee, Zhang, Fischer & Bengio 2015): what comes down is not an error but where
an area should be, as far as the inverses V know it.

    signal = Σ V (tanh(a + δ) − tanh(a))          a: drives above, a + δ: where they should be
    δ      = f'(drive) ⊙ signal                   Δw = ⟨δ × rate⟩
    ΔV     = α ⟨(r̃ − V tanh(ã)) × tanh(ã)⟩        r̃ = r + σ noise, ã: the drives that noisy rates make; so the
                                                  inverses learn to tell rates from what they drive
"""

from contextlib import contextmanager

import torch
from torch import nn

import corticalnet as cn
from corticalnet.checks import not_negative, positive
from corticalnet.errors import RuleError
from corticalnet.network.initialisation import generator
from corticalnet.network.reading import trial_input
from corticalnet.rules import LearnResult, Teacher, Teaching, catalogue
from corticalnet.rules.plasticity import Plasticity


class TargetPropagation(cn.LearningRule):
    """Difference target propagation with inverse weights that learn."""

    name = "learned-inverses"
    equation = "δ = f' ⊙ V (tanh(a + δ) − tanh(a)) of the area above,  ΔV = α ⟨(r̃ − V tanh(ã)) × tanh(ã)⟩"
    transports_weights = False

    def __init__(self, rate: float = 0.1, noise: float = 0.0, teaching: Teaching = Teacher()):
        self.rate = positive("learned-inverses: rate", rate, RuleError)
        self.noise = not_negative("learned-inverses: noise", noise, RuleError)
        self.teaching = teaching

    def draw(self, net):
        hidden = range(1, net.wiring.output)
        links = [link for node in hidden for _, link in net.wiring.leaving[node] if link.plastic]
        return {f"inverse.{k.name}": k.draw("he", generator(1, k.name)) for k in links}

    @torch.no_grad()
    def learn(self, net, x, targets, *, accumulate=False):
        inverse, wiring = self.named_parameters(net), net.wiring
        activity = net.sweep(trial_input(net.admit(x, least=1)))
        rates, drives, traces = activity.rates, activity.drives, activity.traces
        trial_loss = self.teaching.loss_for(rates[-1], targets)
        noisy = [rate + self.noise * torch.randn_like(rate) if self.noise else rate for rate in rates]
        told = [None] * len(wiring.areas)  # tanh of the drives that noisy rates make
        for node in range(1, len(wiring.areas)):
            moved = [k.drive(noisy[n] - rates[n]) for n, k in wiring.arriving[node] if self.noise]
            told[node] = torch.tanh(sum(moved, drives[node]))
        delta, guesses = [None] * len(wiring.areas), [None] * len(wiring.areas)
        delta[-1] = wiring.area(-1).backward(trial_loss.error(rates[-1]), traces[-1])
        ways = {n: [(a, k) for a, k in wiring.leaving[n] if k.plastic] for n in range(1, wiring.output)}
        for node in range(wiring.output - 1, 0, -1):
            signal, guess = torch.zeros_like(rates[node]), torch.zeros_like(rates[node])
            for above, link in ways[node]:
                v, a = inverse[f"inverse.{link.name}"], drives[above]
                signal = signal + link.feedback(torch.tanh(a + delta[above]) - torch.tanh(a), v)
                guess = guess + link.feedback(told[above], v)
            for above, link in wiring.leaving[node]:
                signal = signal if link.plastic else signal + delta[above]  # its own inverse
            delta[node], guesses[node] = wiring.area(node).backward(signal, traces[node]), guess
        held = {"rate": rates, "error": delta, "noisy rate": noisy, "told": told, "guess": guesses}
        self.observer.snapshot(wiring, held)
        plasticity = Plasticity(net, len(rates[0]), accumulate)
        for node, leaving in ways.items():
            for above, link in leaving:
                out, scale, beta = plasticity.gradient_buffer(inverse[f"inverse.{link.name}"])
                link.hebbian(noisy[node] - guesses[node], told[above], out, self.rate * scale, beta)
        plasticity.accumulate(wiring, activity, delta)
        plasticity.close()
        return LearnResult(trial_loss)


class Keeping(TargetPropagation):
    """The same, by a rule that keeps its weights itself and makes others for a network of other links."""

    def __init__(self):
        super().__init__()
        self.inverse = {}

    def named_parameters(self, net):
        first = self.draw(net)
        if {n: v.shape for n, v in self.inverse.items()} != {n: v.shape for n, v in first.items()}:
            self.inverse = {name: nn.Parameter(v) for name, v in first.items()}
        return self.inverse


#: Rules of nobody's catalogue, by name.
STRANGERS = {"learned-inverses": TargetPropagation, "learned-inverses, kept": Keeping}


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
