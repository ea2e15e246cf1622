"""Bursts: one axon tells what goes up by events and what comes down by bursts, one phase or two.

A column fires events at a rate e, which its basal dendrite sets; a share p of them are bursts, which its
apical dendrite sets. Events are what synapses up pass on, bursts p e what synapses down do (short-term
plasticity tells them apart). Both are positive; a sign is there only in a dendrite.

    output       p = p_b (1 + (t − e) (1 − e))                      p_b without a teacher
    BurstCCN     p = σ(β (1 − e) ⊙ (Y bursts − Q events) + logit p_b)    Δw = ⟨(p − p_b) e × r⟩
    Burstprop    p = σ(β (1 − e) ⊙ Y bursts)                             Δw = ⟨(p e − p e untaught) × r⟩

(Greedy et al. 2022; Payeur et al. 2021.) f' = e (1 − e) is made by the column itself: e for bursts are a
share of events, 1 − e by the gain of the dendrite. The output's change is p_b times backprop's. So is every
area's in the limit of small errors, with the pathway Y in the place of Wᵀ: for BurstCCN up to O(h²) in the
size h of an error where p_b = ½, else O(h); for Burstprop with a factor β σ' of the state before the
teacher, up to O(h).

Y is any pathway that comes down. Q is p_b Y: it starts there, and where Y learns, each of its synapses
takes p_b times what its partner in Y takes, from the same two columns at the same time.

Deviations from the papers
    1. β = 1 / σ'(logit p_b) in hidden areas, too. With 1, as in published code, credit falls by 4 an area.
    2. BurstCCN's hidden columns rest at p_b, whatever that is. Without the logit, as in published code, they
       rest at ½, and any other p_b is learned from without a teacher.
    3. No recurrent inhibition in Burstprop, which feedback much larger than W would need.
    4. Q does not learn to silence dendrites: from scratch that takes longer than W has (events are all
       positive, so that one direction of them is loud and the others are not).
    5. Where f is no sigmoid, f' takes the place of e and 1 that of 1 − e.
"""

from __future__ import annotations

from abc import abstractmethod
from math import log

import torch
from torch import Tensor

from corticalnet.checks import positive
from corticalnet.errors import RuleError
from corticalnet.network.area import Area, Trace
from corticalnet.network.stages import Fire
from corticalnet.rules.trial import Trial
from corticalnet.rules.trigger import Trigger

States = list[Tensor | None]


class Bursting(Trigger):
    """Base of triggers that learn by bursts.

    Args:
        baseline: p_b, the chance of a burst without a teacher.
        slope: β, of a hidden column's chance by its apical dendrite.

    Raises:
        RuleError: p_b is no chance between 0 and 1, or β no number above 0.
    """

    needs_full_precision = True  # bursts are compared with those that events let expect
    writes_once = True

    def __init__(self, baseline: float, slope: float) -> None:
        what = type(self).__name__
        self.baseline = positive(f"{what}: baseline", baseline, RuleError)
        if self.baseline >= 1:
            raise RuleError(f"{what}: baseline is a chance of bursts between 0 and 1, not {baseline!r}")
        self.slope = positive(f"{what}: slope", slope, RuleError)

    @abstractmethod
    def surpluses(self, trial: Trial) -> States:
        """Compute, for every node, how many bursts there are beyond those without a teacher."""

    def run(self, trial: Trial) -> None:
        """Compute all surpluses of bursts; every synapse learns by the surplus of the column above it."""
        surplus, activity = self.surpluses(trial), trial.activity
        trial.observer.snapshot(trial.wiring, {"rate": activity.rates, "surplus": surplus})
        trial.plasticity.accumulate(trial.wiring, activity, surplus)

    def output_bursts(self, trial: Trial, teacher: bool) -> tuple[Tensor, Tensor]:
        """Compute the output's bursts, with a teacher or without, and those that its events let expect."""
        area, trace = trial.wiring.area(-1), trial.activity.traces[-1]
        events, gain = multiplexed(area, trace, trial.activity.drives[-1])
        expected = self.baseline * events
        if not teacher:
            return expected, expected
        error = area.to_state(trial.loss.error(trial.activity.rates[-1]), trace)
        return self.baseline * (1 + gain * error) * events, expected


class BurstCCN(Bursting):
    """The trigger of BurstCCN (Greedy et al. 2022): one phase, what events let expect is taken off at once.

    Args:
        baseline: p_b.
        slope: β; 1 / (p_b (1 − p_b)) if not given, with which credit stays as large as backprop's.

    >>> import corticalnet as cn
    >>> cn.rule("burstccn", feedback="kolen-pollack").trigger.baseline
    0.5
    """

    equation = "Δw = ⟨(p − p_b) e × r⟩,  p = σ(β (1 − e) ⊙ (Y p e − p_b Y e above) + logit p_b)"

    def __init__(self, baseline: float = 0.5, slope: float | None = None) -> None:
        super().__init__(baseline, 1.0 if slope is None else slope)
        if slope is None:
            self.slope = 1 / (self.baseline * (1 - self.baseline))

    def surpluses(self, trial: Trial) -> States:
        """Make one sweep down, of bursts and of the events that silence them."""
        wiring, activity = trial.wiring, trial.activity
        bursts: States = [None] * len(activity.rates)
        expected, surplus = list(bursts), list(bursts)
        bursts[-1], expected[-1] = now, usual = self.output_bursts(trial, teacher=True)
        surplus[-1] = now - usual
        rest = log(self.baseline / (1 - self.baseline))
        for node, area in wiring.above_input[-2::-1]:
            excited = trial.feedback.into(wiring, node, bursts)
            silenced = trial.feedback.into(wiring, node, expected)
            if excited is None or silenced is None:
                continue
            trace = activity.traces[node]
            apical = area.to_state(excited - silenced, trace)
            events, gain = multiplexed(area, trace, activity.drives[node])
            chance = torch.sigmoid(self.slope * gain * apical + rest)
            usual_chance = torch.sigmoid(torch.full_like(chance, rest))  # (p_b, rounded as the chance is)
            bursts[node], expected[node] = chance * events, usual_chance * events
            surplus[node] = (chance - usual_chance) * events
        return surplus


class Burstprop(Bursting):
    """The trigger of Burstprop (Payeur et al. 2021): bursts with a teacher are compared with those before.

    Args:
        baseline: p_b.
        slope: β.

    >>> import corticalnet as cn
    >>> cn.rule("burstprop").trigger.baseline
    0.2
    """

    equation = "Δw = ⟨(p e − p e untaught) × r⟩,  p = σ(β (1 − e) ⊙ Y p e above)"

    def __init__(self, baseline: float = 0.2, slope: float = 4.0) -> None:
        super().__init__(baseline, slope)

    def surpluses(self, trial: Trial) -> States:
        """Make one sweep down without the teacher, and one with it."""
        wiring, (before, calm), (now, told) = trial.wiring, self._down(trial, False), self._down(trial, True)
        for node, area in wiring.above_input[:-1]:
            signal, usual = told[node], calm[node]
            if area.learns and signal is not None and usual is not None:  # by that homeostasis learns
                area.to_state(signal - usual, trial.activity.traces[node])
        pairs = zip(now, before, strict=True)
        return [None if a is None or b is None else a - b for a, b in pairs]

    def _down(self, trial: Trial, teacher: bool) -> tuple[States, States]:
        """Compute the bursts of every node, and the signals that came down to them, in one phase."""
        wiring, activity = trial.wiring, trial.activity
        bursts: States = [None] * len(activity.rates)
        signals = list(bursts)
        bursts[-1], _ = self.output_bursts(trial, teacher)
        for node, area in wiring.above_input[-2::-1]:
            signals[node] = signal = trial.feedback.into(wiring, node, bursts)
            if signal is not None:
                trace = activity.traces[node]
                events, gain = multiplexed(area, trace, activity.drives[node])
                bursts[node] = torch.sigmoid(self.slope * gain * area.to_state(signal, trace)) * events
        return bursts, signals


def multiplexed(area: Area, trace: Trace, drive: Tensor) -> tuple[Tensor, Tensor | float]:
    """Return the events of an area's columns, and the gain of their apical dendrites: f' is their product."""
    first = area.sequence[0] if area.sequence else None
    if not area.fires_first or not isinstance(first, Fire):
        return torch.ones_like(drive), 1.0
    if first.activation.name == "sigmoid":
        events = trace[0][1]
        return events, 1 - events
    return first.backward(torch.ones_like(trace[0][0]), *trace[0]), 1.0
