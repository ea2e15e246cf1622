"""Target propagation in steps: columns that are told where they should be, and whose decoders learn beside.

    area.value       y = f(drive)                                   W reads y below
    area.recalled    g(code above)          area.wanted  g(goal above)          both read the same decoders V
    area.target      ŷ = y + wanted − recalled                      error = f' (ŷ − y) / α
    area.noisy       a copy of y with noise: W reads it a second time, and V what has become of it above

    Δw = rate · error · rate_pre        ΔV = rate · missing · code_pre          at one tick of the clock

Codes, goals and noisy codes cross synapses, and no signed errors, but for the paper's one step of gradient
(``top="gradient"``) and along identity links. Targets come down by one link in a step; when they have come to
the lowest area the clock ticks, once for all synapses, up and down: nothing has moved by then.

With ``alternate=1`` there are no copies. When the teacher comes all columns have noise for one step, in which
decoders learn; when all are at rest again, and targets have come down by the new decoders, the others learn.

The noise is given to :func:`corticalnet.simulate` (see :func:`corticalnet.columns.learning_noise`); without
any, decoders learn from rates as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from corticalnet.circuits import cells
from corticalnet.circuits.cells.decoding import (
    Corrected,
    Decoded,
    Disturbed,
    HiddenTarget,
    JitteredCopy,
    NoisyCopy,
    OutputTarget,
)
from corticalnet.circuits.cells.softmax import NextAnswer
from corticalnet.circuits.connection import AllToAll, Synapses
from corticalnet.circuits.parts import Broadcast, MinimumDurations, Population, Projection, Wire
from corticalnet.circuits.plasticity import ErrorTimesRate, Plasticity
from corticalnet.circuits.plasticity.decoding import MissingTimesCode, MissingTimesRate, NoiseTimesResponse
from corticalnet.columns.area import AreaPopulations, AreaSpec, GlobalPopulations, links_to_input
from corticalnet.columns.links import flat
from corticalnet.columns.refusals import by_consolidation, first
from corticalnet.columns.registry import ColumnModel, Options, Source, Target, runs
from corticalnet.columns.softmax import add_answer
from corticalnet.rules.target_propagation.propagation import TargetPropagation
from corticalnet.rules.target_propagation.reconstruction import Denoising, Difference, LocalDifference


@runs(TargetPropagation)
class TargetColumns(ColumnModel):
    """Columns of target propagation. One clock tells all synapses when targets have come down."""

    forward_target = Target("value", "drive")
    feedback_source = Source("target", "error")
    feedback_target = Target("target", "lesson")
    equal_path_lengths = False

    def __init__(self, rule: Any, options: Options) -> None:
        network = options.network
        assert network is not None, "see cn.circuit"
        self.rule, self.rate, self.wiring = rule, options.learning_rate, network.wiring
        self.decoders = rule.decoders(network)
        self.softmax = rule.teaching.loss == "cross-entropy"
        #: Whether decoders are told what the output answers, its softmax, and not its rates.
        self.answers = self.softmax and rule.top == "label"
        self.local = isinstance(rule.reconstruction, LocalDifference)
        self.denoising = isinstance(rule.reconstruction, Denoising)
        self.alternates, self.gated = bool(rule.alternate), rule.decoder == "gated"
        #: Areas with decoders.
        self.decoded = {self.wiring.name(node) for node, ways in self.decoders.ways.items() if ways}
        told = range(1, self.wiring.output + (rule.top != "gradient"))
        #: Areas with a copy that has noise.
        self.copied = {self.wiring.name(n) for n in told if self.decoded and not self.alternates}

    @classmethod
    def refuses(cls, rule: Any, options: Options) -> str | None:
        """Return why the model cannot run a rule; None if it can."""
        return first(
            cls.of_reconstruction(rule),
            None if rule.reconstruction.samples == 1 else "columns have one noise in a trial; samples=1",
            None if rule.alternate < 2 else "no clock counts trials; choose alternate=0 or 1",
            by_consolidation(options, "now", why=", for all synapses learn at one tick of the clock"),
        )

    @classmethod
    def of_reconstruction(cls, rule: Any) -> str | None:
        """Return why decoders that learn so are not these columns'; None if they are."""
        if isinstance(rule.reconstruction, Difference):
            return (
                "noise of one area after the other goes through to the top, and columns have it all at once"
            )
        held = "columns without copies hold one pattern of noise, and local differences take two; alternate=0"
        shares = "no noise of its own moves a softmax, as local differences want; choose top='nudge'"
        local = isinstance(rule.reconstruction, LocalDifference)
        label = rule.top == "label" and rule.teaching.loss != "squared"
        return (held if rule.alternate else shares if label else None) if local else None

    @classmethod
    def of(cls, rule: Any, options: Options) -> TargetColumns:
        """Make the model with the rule's decoders of the network."""
        return cls(rule, options)

    def refuses_pools(self, maximum: bool) -> str | None:
        """Return why areas may not have pools: decoders bring back rates before them."""
        return "decoders bring back what columns hold before a pool; choose a convolution with a stride"

    # What stands where -------------------------------------------------------------------------
    def populations(self, area: AreaSpec) -> AreaPopulations:
        """Return the cells of an area: its columns, their targets, what is decoded, and copies with noise."""
        sigma, gated = self.rule.reconstruction.sigma, self._gated(area)
        noisy = self.alternates and not area.output
        value = Disturbed(area.activation, sigma) if noisy else cells.Feedforward(area.activation)
        held, own = "reached" if noisy else "rate", (self.rule.alpha, gated)
        target = OutputTarget(*own, area.softmax and not self.answers) if area.output else HiddenTarget(*own)
        kinds: dict[str, cells.Cell] = {"value": value, "target": target}
        wires = [
            Wire("value", "target", "rate", sends=held),
            Wire("value", "target", "gain", sends="gain"),
            Wire("target", "value", "error", sends="error"),
        ]
        if area.name in self.decoded:
            d = area.activation if self.rule.decoder == "activation" else "linear"
            kinds |= {"wanted": Decoded(d), "recalled": Corrected(d) if self.alternates else Decoded(d)}
            wires.append(Wire("wanted", "target", "wanted", sends="rate"))
            whole = ("recalled", "rate") if self.rule.difference else ("value", held)
            wires.append(Wire(whole[0], "target", "recalled", sends=whole[1]))
            if self.alternates:
                wires += [
                    Wire("value", "recalled", "wanted", sends="clean" if self.denoising else "rate"),
                    Wire("value", "recalled", "disturbed", sends="disturbed"),
                ]
        if area.name in self.copied:
            kinds["noisy"] = self._copy(area.activation, gated)
            wires += [Wire("value", "noisy", port, sends=port) for port in ("rate", "gain")]
        return self._compete(AreaPopulations(kinds, wires), area)

    def _compete(self, made: AreaPopulations, area: AreaSpec) -> AreaPopulations:
        """Add the cells that work out a softmax, where the output answers by it."""
        if not area.softmax:
            return made
        answer = add_answer(made, area, NextAnswer)
        if self.answers:  # (decoders hear of it, too)
            made.wires.remove(Wire("value", "target", "rate", sends="rate"))
        if self.answers and area.name in self.copied:
            add_answer(made, area, NextAnswer, "noisy", "reached")
        made.wires.append(Wire(answer, "target", "rate" if self.answers else "answer", sends="rate"))
        return made

    def _gated(self, area: AreaSpec) -> bool:
        """Return whether decoders are told the code of an area times its gain."""
        return self.gated and not (area.output and self.rule.top == "label")

    def _copy(self, activation: str, gated: bool) -> cells.Cell:
        """Return the cell of a copy with noise."""
        sigma, decoder = self.rule.reconstruction.sigma, self.rule.decoder
        if self.local:
            return JitteredCopy(activation, sigma, gated)
        return NoisyCopy(
            activation, activation if decoder == "activation" else "linear", sigma, gated, self.denoising
        )

    def plasticity(self, area: AreaSpec) -> Plasticity:
        """Return plasticity by error × rate, at the tick of the clock."""
        return ErrorTimesRate(self.rate, "clock")

    def feedback_plasticity(self, area: AreaSpec) -> Plasticity:
        """Return the plasticity of decoders."""
        return self._lesson(MissingTimesCode)

    def _lesson(self, kind: type[Plasticity]) -> Plasticity:
        rate = self.rate * self.rule.own_rate
        if self.local:
            return NoiseTimesResponse(rate / self.rule.reconstruction.sigma**2, "clock")
        return kind(rate, "disturbed" if self.alternates else "clock")

    def expanded(self, projection: Projection) -> list[Projection]:
        """Return what a projection becomes: synapses up are read by copies, and decoders twice."""
        if projection.shared_with:
            return [projection]
        if projection.port == "drive":
            return [projection, *self._up(projection)]
        return self._down(projection, projection.source.rpartition(".")[0])

    def _up(self, up: Projection) -> list[Projection]:
        """Return the reading of synapses up by copies with noise, if there are any."""
        area, below = up.target.rpartition(".")[0], up.source.rpartition(".")[0]
        source = f"{below}.noisy" if below in self.copied else up.source
        read = again(up, source, f"{area}.noisy", up.port, up.sends, "noisy")
        return [read] if area in self.copied else []

    def _down(self, down: Projection, above: str, told: str = "target") -> list[Projection]:
        """Return the readings of decoders: the lesson, whose synapses they are, what is, what should be.

        Args:
            down: with the weights, from the area above or another source of codes.
            above: that area's name.
            told: role of the cell above that tells code and goal; "" if the source has a rate alone.
        """
        below = down.target.rpartition(".")[0]
        code, goal = ("code", "goal") if told else ("rate", "rate")
        now = f"{above}.{told}" if told else down.source
        recalled, wanted = f"{below}.recalled", f"{below}.wanted"
        if self.alternates:
            own = replace(down, source=now, target=recalled, port="drive", sends=code)
            return [own, again(own, now, wanted, "drive", goal, "wanted")]
        sends = ("jitter" if self.local else "code") if down.source != "bias" else "rate"
        source = f"{above}.noisy" if down.source != "bias" else "bias"
        own = replace(down, source=source, target=f"{below}.noisy", port="guess", sends=sends)
        if self.answers and above == self.wiring.name(self.wiring.output):
            lesson = down.plasticity and self._lesson(MissingTimesRate)
            own = replace(own, source=f"{above}.noisy_answer", sends="rate", plasticity=lesson)
        return [
            own,
            again(own, now, recalled, "drive", code, "recalled"),
            again(own, now, wanted, "drive", goal, "wanted"),
        ]

    def global_populations(
        self, areas: Sequence[AreaSpec], learning: dict[str, AreaSpec]
    ) -> GlobalPopulations:
        """Return the clock, auxiliary columns, and the projections of decoders that are no link's."""
        made = self._auxiliary()
        made.projections += [p for name in sorted(self.decoded) for p in self._bias(name)]
        own = [p.name for p in made.projections if p.plasticity is not None]
        up = [name for name in learning if not (self.alternates and name.endswith(" feedback"))]
        last = self._last(areas)
        made.populations.append(Population("clock", 1, cells.Clock(last, last)))
        made.broadcasts.append(Broadcast("clock", up + ([] if self.alternates else own)))
        if self.alternates and self.decoded:
            made.populations.append(Population("disturbance", 1, cells.Clock()))
            hidden = [f"{area.name}.value" for area in areas if not area.output]
            made.broadcasts.append(Broadcast("disturbance", hidden, port="gate"))
        return made

    def _bias(self, name: str) -> list[Projection]:
        """Return the biases of the decoders of an area; none if they have none."""
        node = next(n for n in self.decoders.ways if self.wiring.name(n) == name)
        bias = self.decoders.biases.get(node)
        if bias is None:
            return []
        n, weight = int(np.prod(self.wiring.area(node).shape)), bias.detach().cpu().double().numpy().ravel()
        places = np.arange(n)
        one = Synapses(places * 0, places, weight_index=places // (n // weight.size))
        own = Projection(
            "bias", f"{name}.noisy", "guess", weight, one, "rate", f"{name} decoder bias",
            self._lesson(MissingTimesRate),
        )  # fmt: skip
        return self._down(own, "", "")

    def _auxiliary(self) -> GlobalPopulations:
        """Return the auxiliary columns beside the output (AO-SDTP), if there are any."""
        made, beside = GlobalPopulations(), self.decoders.auxiliary
        if beside is None:
            return made
        columns = next(iter(beside.links.values())).target_shape[0]
        made.populations.append(Population("auxiliary.value", columns, cells.Feedforward("tanh")))
        if not self.alternates:
            copy = Population("auxiliary.noisy", columns, self._copy("tanh", False))
            made.populations.append(copy)
            made.wires += [Wire("auxiliary.value", copy.name, "rate", sends="rate")]
        for node, link in beside.links.items():
            name = self.wiring.name(node)
            up = Projection(
                f"{name}.value", "auxiliary.value", "drive", flat(link, link.weight), AllToAll(), "rate",
                f"{name}->auxiliary",
            )  # fmt: skip
            made.projections.append(up)
            if not self.alternates:
                made.projections.append(
                    again(up, f"{name}.noisy", "auxiliary.noisy", "drive", "rate", "noisy")
                )
            way = next(way for way in self.decoders.ways[node] if way.link is link)
            kind = MissingTimesRate if self.alternates else MissingTimesCode
            down = Projection(
                "auxiliary.value", f"{name}.noisy", "guess", flat(link, way.weight).T, AllToAll(), "rate",
                f"{name}->auxiliary feedback", self._lesson(kind),
            )  # fmt: skip
            made.projections += self._down(down, "auxiliary", "")
        return made

    def _last(self, areas: Sequence[AreaSpec]) -> int:
        """Return the step of teaching in which targets have come to the lowest area."""
        down = max(area.depth for area in areas)
        return down + (2 + links_to_input(areas)) * bool(self.alternates and self.decoded)

    def needs(self, areas: Sequence[AreaSpec]) -> MinimumDurations:
        """Return the least durations: rates must have come up, and targets down."""
        return MinimumDurations(links_to_input(areas) + 1, self._last(areas) + 1)


def again(own: Projection, source: str, target: str, port: str, sends: str, what: str) -> Projection:
    """Return a second reading of a projection's synapses, by other cells of its areas."""
    return Projection(
        source, target, port, sends=sends, name=f"{own.name} {what}", shared_with=own.name, same_way=True,
        delay=own.delay,
    )  # fmt: skip
