"""Pyramidal cells with two dendrites, and interneurons that copy the cells above: how they come to rest.

    u = û + ĝ_A v_A              û = ĝ Σ W r below        v_A = Σ B r above + Σ M r_I       hidden areas
    u = û + λ (target − û)       at the output, with a teacher; without one u = û
    u_I = (1 − λ_I) ĝ_D v_I + λ_I u above                 v_I = Σ P r: what an area expects of that above

Shares of conductances: ĝ = g_B / (g_lk + g_B + g_A), at the output without g_A, ĝ_A likewise;
ĝ_D = g_D / (g_lk + g_D); λ_I = g_som / (g_lk + g_D + g_som); λ = g_som / (g_lk + g_B + g_som).
(Sacramento, Costa, Bengio & Senn 2018; the rule is :mod:`corticalnet.rules.dendrites.microcircuit`.)

An area's interneurons copy the area above; where links skip areas, one copy serves all areas below it. They
send what columns send down: rates before pools, homeostasis and silence, through which it returns.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from corticalnet.errors import RuleError, one_of
from corticalnet.network.area import Area
from corticalnet.network.links import Link
from corticalnet.network.stages import Fire
from corticalnet.network.wiring import Wiring
from corticalnet.rules.dendrites.conductances import Conductances
from corticalnet.rules.equilibrium.phase import Convergence, fire
from corticalnet.rules.teaching import TrialLoss

#: States rest where nothing moves by more than this many times what numbers resolve,
_AT_REST = 8.0
#: and have not settled if something still moves by more than this.
_UNSETTLED = 0.01
#: Areas that have come no nearer to rest for so many sweeps move by smaller steps,
_PATIENCE = 3
#: down to this share of the way.
_SLOWEST = 0.1
#: How often an output that is pulled by its rates moves in a sweep, for what it comes to is no formula.
_OUTPUT = 10


class Lateral(NamedTuple):
    """Lateral synapses beside a link: P and its offset to the interneurons, M from them; None: as ideal."""

    predicting: nn.Parameter
    offset: nn.Parameter | None
    cancelling: nn.Parameter | None


class DendriticColumns:
    """The columns of all areas, from an attenuated sweep up on. Lists go by node.

    Args:
        wiring: the network's own.
        x: the input.
        conductances: of all cells.
        down: B of a link.
        laterals: by link; none where interneurons expect exactly what the basal dendrites above will do.

    Attributes:
        predicted: û, of every node but the input.
        potentials: u.
        rates: r, what is sent up.
        apical: v_A at the rates; None for the output.
        expected: ĝ_D v_I of the interneurons that copy a node; None where nobody below does.
        copies: u_I of these interneurons.
        settled: how it came to rest.
    """

    settled = Convergence(0, 0.0)
    #: Whether B and M = −B carry what they carry by themselves, and not at once the difference of two rates.
    of_two = False
    _pulled: Callable[[DendriticColumns], Tensor] | None = None

    def __init__(
        self,
        wiring: Wiring,
        x: Tensor,
        conductances: Conductances,
        down: Callable[[Link], Tensor],
        laterals: Mapping[str, Lateral],
    ) -> None:
        self.wiring, self.conductances, self.down, self.laterals = wiring, conductances, down, laterals
        nothing: list[Tensor | None] = [None] * len(wiring.areas)
        self.rates, self.predicted, self.potentials = [x], [x], [x]
        self.traces = [list[tuple[Tensor, Tensor, object]]()]
        self.apical, self.expected, self.copies = list(nothing), list(nothing), list(nothing)
        for node, area in wiring.above_input:
            u = conductances.basal_share(node == wiring.output) * wiring.drive(node, self.rates)
            rate, trace = area.forward(u)
            self.predicted.append(u)
            self.potentials.append(u)
            self.rates.append(rate)
            self.traces.append(trace)
            self._copy(node)

    def with_teacher(self, loss: TrialLoss, target: Tensor | None = None) -> DendriticColumns:
        """Return a copy whose output is taught: by the error of its rates, or by a ``target`` potential."""
        other = copy.copy(self)
        for name in ("rates", "predicted", "potentials", "traces", "apical", "expected", "copies"):
            setattr(other, name, list(getattr(self, name)))
        output, area, nudge = self.wiring.output, self.wiring.area(-1), self.conductances.nudge

        def pulled(now: DendriticColumns) -> Tensor:
            predicted = now.predicted[output]
            if target is not None:
                return predicted + nudge * (target - predicted)
            u, rate, trace = now.potentials[output], now.rates[output], now.traces[output]
            for _ in range(_OUTPUT):
                u = predicted + nudge * (area.to_state(loss.error(rate), trace) + (u - predicted))
                rate, trace = fire(area, area.state_of(u), trace)
            return u

        other._pulled = pulled
        return other

    # What cells hold ------------------------------------------------------------------------------
    def state(self, node: int) -> Tensor:
        """Return what pyramidal cells send down: f(u), before pools, homeostasis and silence."""
        return self.wiring.area(node).state_of(self.potentials[node])

    def mismatch(self, node: int) -> Tensor:
        """Return f(u) − f(û): what the basal dendrite did not predict of its soma."""
        return self.state(node) - self.wiring.area(node).state_of(self.predicted[node])

    def surprise(self, node: int) -> Tensor:
        """Return f(u_I) − f(ĝ_D v_I) of the interneurons that copy a node."""
        copies, expected, area = self.copies[node], self.expected[node], self.wiring.area(node)
        assert copies is not None, "somebody below copies the node"
        assert expected is not None, "and expects something of it"
        return area.state_of(copies) - area.state_of(expected)

    def sent_back(self, node: int) -> Tensor:
        """Return f(u_I) of the interneurons that copy a node."""
        copies = self.copies[node]
        assert copies is not None, "somebody below copies the node"
        return self.wiring.area(node).state_of(copies)

    def loudness(self) -> float:
        """Return the root mean square of all apical potentials."""
        apical = [potential.square().mean() for potential in self.apical if potential is not None]
        return torch.stack(apical).mean().sqrt().item() if apical else 0.0

    def first_order(self, pull: Tensor) -> list[Tensor | None]:
        """Return q of every node, by one sweep down: what mismatches are as nudges vanish, over their size.

        Args:
            pull: q of the output.
        """
        wiring, g = self.wiring, self.conductances
        q: list[Tensor | None] = [None] * len(self.rates)
        q[-1] = pull
        for node, area in wiring.above_input[-2::-1]:
            total: Tensor | None = None
            for above, link in wiring.leaving[node]:
                there = q[above]
                assert there is not None, "areas above come first"
                skipped = wiring.depth[node] - wiring.depth[above] - 1
                signal = link.feedback(there, self.down(link)) / g.basal_share(False) ** skipped
                total = signal if total is None else total + signal
            assert total is not None, "every area sends somewhere"
            q[node] = area.backward(total, self.traces[node])
        return q

    # Coming to rest -------------------------------------------------------------------------------
    def settle(self, steps: int, name: str) -> DendriticColumns:
        """Let all areas settle, from below and back down, until nothing moves; return the same object.

        Warns:
            UserWarning: they have not settled.
        """
        output, moved = self.wiring.output, float("inf")
        for node, area in self.wiring.above_input:  # (or what samples rest at would depend on each other)
            self.traces[node] = area.freeze_statistics(self.traces[node])
        still = _AT_REST * torch.finfo(self.rates[0].dtype).eps
        way = [*range(1, output + 1), *range(output - 1, 0, -1)]
        rate, best, stale, step = 1.0, moved, 0, 0
        while step < steps:
            step += 1
            moved = max([self._move(node, rate) for node in way])
            if moved <= still:
                break
            best, stale = (moved, 0) if moved < best else (best, stale + 1)
            if stale == _PATIENCE:  # to and fro, or ever farther
                rate, stale = max(0.7 * rate, _SLOWEST), 0
        self.settled = Convergence(step, moved)
        if not moved <= _UNSETTLED:
            warnings.warn(
                f"{name}: potentials have not settled, they still move by {moved:.2g} after {steps} sweeps; "
                "choose more steps, smaller weights, or a smaller apical conductance",
                stacklevel=4,
            )
        return self

    def _move(self, node: int, rate: float) -> float:
        """Move an area to its steady state, given all others; return how far away it was, of its size."""
        wiring, g, before = self.wiring, self.conductances, self.potentials[node]
        area, output = wiring.area(node), node == wiring.output
        u = self.predicted[node] = g.basal_share(output) * wiring.drive(node, self.rates)
        if not output:
            apical = self.apical[node] = self._into(node)
            u = u + g.apical_share * area.to_state(apical, self.traces[node])
        elif self._pulled is not None:
            u = self._pulled(self)
        away = ((u - before).abs().max() / u.abs().max().clamp_min(1.0)).item()
        self.potentials[node] = u = u if rate == 1 else before + rate * (u - before)
        self.rates[node], self.traces[node] = fire(area, area.state_of(u), self.traces[node])
        self._copy(node)
        return away

    def _copy(self, node: int) -> None:
        """Set the interneurons that copy a node."""
        arriving = self.wiring.arriving[node]
        if not any(source for source, _ in arriving):
            return
        expected = self.predicted[node]
        if self.laterals:
            drives = [self._lateral(source, link) for source, link in arriving]
            expected = self.conductances.dendritic_share * sum(drives[1:], drives[0])
        self.expected[node] = expected
        self.copies[node] = expected + self.conductances.copied * (self.potentials[node] - expected)

    def _lateral(self, source: int, link: Link) -> Tensor:
        """Compute what comes to interneurons along the laterals beside a link."""
        lateral, rates = self.laterals[link.name], self.rates[source]
        return linear(rates.flatten(1), link.present(lateral.predicting), lateral.offset)

    def _into(self, node: int) -> Tensor:
        """Compute the apical potential of a hidden area, at its rates."""
        depth, total = self.wiring.depth, None
        for above, link in self.wiring.leaving[node]:
            weights, lateral = self.down(link), self.laterals.get(link.name)
            state, back = self.state(above), self.sent_back(above)
            if lateral is not None and lateral.cancelling is not None:
                signal = link.feedback(state, weights) + link.feedback(back, lateral.cancelling)
            elif self.of_two:  # M = −B
                signal = link.feedback(state, weights) - link.feedback(back, weights)
            else:
                signal = link.feedback(state - back, weights)
            links = depth[node] - depth[above]
            signal = signal if links == 1 else self.conductances.skip(links) * signal
            total = signal if total is None else total + signal
        assert total is not None, "every area sends somewhere"
        return total


#: f⁻¹, and where f ends.
_INVERSES: dict[str, tuple[Callable[[Tensor], Tensor], tuple[float, float] | None]] = {
    "linear": (torch.positive, None),
    "sigmoid": (torch.logit, (0.0, 1.0)),
    "tanh": (torch.atanh, (-1.0, 1.0)),
}


def potential_at(target: Tensor, area: Area, margin: float, name: str) -> Tensor:
    """Return the potential at which columns fire at a target, kept ``margin`` away from where f ends.

    Raises:
        RuleError: an area whose activation has no inverse here, or that has other stages.
    """
    first = area.sequence[0] if len(area.sequence) == 1 else None
    f = first.activation.name if isinstance(first, Fire) else "several stages"
    one_of(f"{name}: nudge='potential' is for an output that fires by", f, _INVERSES, RuleError)
    inverse, ends = _INVERSES[f]
    return inverse(target if ends is None else target.clamp(ends[0] + margin, ends[1] - margin))
