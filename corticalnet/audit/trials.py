"""Trials: the same stimuli and lessons for every view, and what each view's weights change by.

A change is per unit of learning rate, area by area: all plastic synapses that end there, one flat array.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from corticalnet.circuits import Circuit
from corticalnet.columns import Continuous
from corticalnet.columns import circuit as expand
from corticalnet.columns.beside import Changes
from corticalnet.columns.links import flat
from corticalnet.columns.writing_back import recorded_change
from corticalnet.compare import float64_copy, seeded
from corticalnet.engines import simulate
from corticalnet.experiment.noise import Noise
from corticalnet.experiment.protocol import Element, Present, Reinforce, Rest, Teach
from corticalnet.network import Network
from corticalnet.network.reading import beside, finite
from corticalnet.rules import LearningRule, Rule, Sweep, Tied

#: Learning rate in circuits: so small that a change within a trial does not spoil what is measured.
RATE = 0.01
#: Added to the bid of the action that the network would take, so that noise makes no view take another.
EXPLORATION_NOISE = 1e3


class Trials:
    """Trials of a network and a rule: the same stimuli and targets for every view.

    Args:
        network: copied, in float64.
        rule: copied. If it is taught by reward, it takes the action that it expects most of: nobody explores.
        stimuli: ``[trials, *input_shape]``.
        targets: classes ``[trials]`` or vectors ``[trials, n]``.

    Raises:
        ShapeError: they do not fit.
    """

    def __init__(self, network: Network, rule: LearningRule, stimuli: Any, targets: Any) -> None:
        self.network, self.rule = float64_copy(network), rule.without_exploration()
        self.stimuli = finite(self.network.admit(stimuli, least=1), "stimuli")
        self.targets = beside(targets, self.stimuli)
        self.teaching, self.rewarded = self.rule.teaching, self.rule.rewarded

    def __len__(self) -> int:
        return len(self.stimuli)

    @property
    def areas(self) -> list[str]:
        """Return the names of areas with synapses that learn, from the input up."""
        wiring = self.network.wiring
        nodes = range(1, wiring.output + 1)
        return [wiring.name(n) for n in nodes if any(link.plastic for _, link in wiring.arriving[n])]

    # The network view ----------------------------------------------------------------------------
    def backprop(self, trial: int) -> Changes:
        """Compute the change by one sweep of backprop, for the same target (and action)."""
        return self.learned(trial, Rule(self.teaching, Tied(), Sweep(), "backprop"))

    def learned(self, trial: int, rule: LearningRule | None = None) -> Changes:
        """Compute the change by the rule (or another) in the network view."""
        one = slice(trial, trial + 1)
        self.network.zero_grad()
        with seeded(trial):
            rule = rule or (copy.deepcopy(self.rule) if self.rule.stochastic else self.rule)  # (an average)
            rule.learn(self.network, self.stimuli[one], self.targets[one])
        return self._by_area(lambda _, link, weights: -flat(link, _gradient(weights)))

    # The circuit view ----------------------------------------------------------------------------
    def circuit(self, dynamics: Continuous | str | None = None) -> Circuit:
        """Make the circuit of columns, with rates.

        Raises:
            CircuitError: the network or the rule has no such circuit.
        """
        return expand(self.network, self.rule, RATE, dynamics=dynamics)

    def protocol(
        self, circuit: Circuit, dynamics: Continuous | None = None, which: slice = slice(None)
    ) -> list[Element]:
        """Return the elements of a trial: stimulus, teaching, and in continuous time a rest."""
        x, y, needs = self.stimuli[which], self.targets[which], circuit.needs
        lesson: Element
        if self.rewarded:
            with torch.no_grad():
                rates = self.network(x)
            noise = EXPLORATION_NOISE * torch.nn.functional.one_hot(rates.argmax(1), rates.shape[1]).double()
            shown, lesson = Present(x, needs.present, exploration_noise=noise), Reinforce(y, needs.teach)
        else:
            drawn = self._perturbation(circuit, which) if self.rule.stochastic else None
            shown, lesson = Present(x, needs.present, exploration_noise=drawn), Teach(y, needs.teach)
        waits = dynamics is not None and dynamics.construction in ("latch", "delay") and not self.rewarded
        return [shown, lesson, *([Rest(needs.present if waits else 4)] if dynamics is not None else [])]

    def _perturbation(self, circuit: Circuit, which: slice) -> dict[str, Any]:
        """Draw the noise of one trial as the rule does (see :meth:`learned`), by population."""
        trigger: Any = getattr(self.rule, "trigger", None)
        with torch.no_grad(), seeded(which.start or 0):
            rates = self.network.sweep(self.stimuli[which]).rates[1:]
            drawn = [trigger.deviation * trigger.draw(rate) for rate in rates]
        names = [self.network.wiring.name(node) for node, _ in self.network.wiring.above_input]
        return {f"{name}.value": noise.flatten(1).numpy() for name, noise in zip(names, drawn, strict=True)}

    def simulated(
        self,
        circuit: Circuit,
        trial: int,
        dynamics: Continuous | None = None,
        engine: str = "torch",
        *,
        noise: Sequence[Noise] = (),
        seed: int = 0,
        **options: Any,
    ) -> Changes:
        """Simulate one trial of a circuit; return its change."""
        protocol = self.protocol(circuit, dynamics, slice(trial, trial + 1))
        output = f"{self.network.wiring.name(self.network.wiring.output)}.value"
        data = simulate(circuit, protocol, engine, output, last=1, noise=noise, seed=seed, **options)
        return self._by_area(lambda name, _, weights: recorded_change(data, name, weights) / RATE)

    def _by_area(self, change: Any) -> Changes:
        """Concatenate ``change(projection, link, weights)`` of all that learns, by area."""
        wiring, found = self.network.wiring, {}
        for node in range(1, wiring.output + 1):
            parts = []
            for _, link in wiring.arriving[node]:
                if link.plastic:
                    parts.append(change(link.name, link, link.weight).ravel())
                    if link.bias is not None:
                        parts.append(change(f"{link.name} bias", link, link.bias).ravel())
            if parts:
                found[wiring.name(node)] = np.concatenate(parts)
        return found


def _gradient(weights: Any) -> Tensor:
    return torch.zeros_like(weights) if weights.grad is None else weights.grad
