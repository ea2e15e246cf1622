"""Random circuits and protocols for property tests: delays, noise, events, plasticity with traces."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from corticalnet.circuits import Circuit, OneToOne, Population, Projection
from corticalnet.circuits.cells import LIF, PIF, ChangeDetector, Poisson, Sensory
from corticalnet.circuits.parts import Wire
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.experiment.noise import Noise
from corticalnet.experiment.protocol import Play, Present, Rest, SetInput
from tests.engines.small import Leaky

DT = 0.5


class DecayingHebb(Plasticity):
    """Post × pre, with a decay."""

    def eligibility(self, synapse, pre, post, port):
        return post.rate * pre.rate - 0.1 * synapse.weight


@dataclass
class Experiment:
    circuit: Circuit
    elements: list
    noise: list
    every: int
    seed: int
    batch: int

    def steps(self):
        return sum(element.steps for element in self.elements)


def circuit(seed, sizes, cell, slots, delay, late):
    """in → a ⇄ b, a → spiking cells → b; φ beside b; ``slots`` of the plasticity from a to b (None: none)."""
    rng, sizes = np.random.default_rng(seed), dict(zip(("in", "a", "b"), sizes, strict=True))
    spiking = {"pif": PIF, "lif": LIF, "poisson": Poisson}[cell](max_rate=0.4, base=0.2)
    plasticity = None if slots is None else DecayingHebb(0.05, **slots)

    def weights(post, pre):
        return rng.normal(0, 0.5, (sizes[post], sizes[pre]))

    populations = [
        Population("in", sizes["in"], Sensory()),
        Population("a", sizes["a"], Leaky()),
        Population("b.cells", sizes["b"], Leaky()),
        Population("b.phi", sizes["b"], ChangeDetector(silence=2.0)),
        Population("a.spikes", sizes["a"], spiking),
    ]
    steps = {"delay": DT * delay}
    projections = [
        Projection("in", "a", "prediction", weights("a", "in"), name="in", delay=DT * late),
        Projection(
            "a", "b.cells", "prediction", weights("b", "a"), name="up", plasticity=plasticity, **steps
        ),
        Projection("b.cells", "a", "prediction", weights("a", "b"), name="down", **steps),
        Projection("a", "a.spikes", "drive", 0.5, OneToOne(), name="drive"),
        Projection("a.spikes", "b.cells", "prediction", weights("b", "a"), name="spikes"),
        Projection("b.cells", "a", "feedback", name="echo", shared_with="up"),
    ]
    return Circuit(populations, projections, [Wire("b.cells", "b.phi", "error")], dt=DT)


def element(rng, kind, steps, made, batch):
    """One element of a protocol, with random numbers."""
    n, m = made.population("in").n, made.population("a").n
    if kind == "present":
        return Present(rng.normal(size=(batch, n)), steps)
    if kind == "give":
        return SetInput({"a.drive": rng.normal(size=(batch, m))}, steps)
    return Play(rng.normal(size=(steps, batch, n))) if kind == "play" else Rest(steps)


KINDS = ("present", "give", "play", "rest")
SLOTS = (None, {}, {"consolidation": "rate"}, {"memory": 2.0, "modulator": "rate"}, {"trigger": "rate"})
NOISY = {"a": "prediction", "b.cells": "prediction", "a.spikes": "drive"}


@st.composite
def experiments(draw, batches=(1, 3)):
    size, seed = st.integers(1, 3), st.integers(0, 2**20)
    made = circuit(
        draw(seed),
        draw(st.tuples(size, size, size)),
        draw(st.sampled_from(["pif", "lif", "poisson"])),
        draw(st.sampled_from(SLOTS)),
        draw(st.integers(0, 4)),
        draw(st.integers(0, 3)),
    )
    rng, batch = np.random.default_rng(draw(seed)), draw(st.sampled_from(batches))
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=2, max_size=4))
    elements = [element(rng, kind, draw(st.integers(1, 9)), made, batch) for kind in kinds]
    ports = draw(st.lists(st.sampled_from(list(NOISY)), unique=True, max_size=2))
    noise = [Noise(name, NOISY[name], sd=0.2) for name in ports]
    return Experiment(made, elements, noise, draw(st.integers(1, 4)), draw(st.integers(0, 9)), batch)


def one_experiment():
    """One with all of it, for what is too slow for many: noise, delays, spikes, φ, a trace, windows of 3."""
    made = circuit(1, (2, 3, 2), "poisson", {"memory": 2.0, "modulator": "rate"}, 3, 2)
    rng = np.random.default_rng(2)
    elements = [element(rng, kind, 5, made, 1) for kind in KINDS]
    return Experiment(
        made, elements, [Noise(name, "prediction", sd=0.2) for name in ("a", "b.cells")], 3, 4, 1
    )


def cut(elements, at):
    """A protocol in two, before a step: what was on in an element that is cut stays on."""
    before, after, done = [], [], 0
    for element in elements:
        here = min(max(at - done, 0), element.steps)
        if here:
            before.append(_part(element, 0, here))
        if here < element.steps:
            after.append(_part(element, here, element.steps))
        done += element.steps
    return before, after


def _part(element, begin, end):
    if isinstance(element, Play):
        return Play(element.signals[begin:end])
    if begin:
        return SetInput({}, end - begin)
    return {
        Present: lambda: Present(element.stimulus, end),
        SetInput: lambda: SetInput(element.signals, end),
        Rest: lambda: Rest(end),
    }[type(element)]()
