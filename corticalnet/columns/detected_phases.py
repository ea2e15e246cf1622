"""Two phases that nobody tells: φ finds out when a nudge has come and gone, and tells the synapses.

    area.value     relaxes, and says how far its drive and its feedback moved
                   (the output is nudged, or clamped, by a teacher's being there)
    area.phi       one for the area, or one for each column: rest, nudged, rest, over

    Δw = rate/β · (sent_post · rate_pre − what it was before the nudge)    equilibrium propagation, CHL
    Δw = rate · (sent_post − free_post) · pre                              GeneRec

taken when the nudged column rests, made when that rest ends. There is no control cell: the teacher comes to
the output, which takes it from when it rests, and all else notices by what moves
(:class:`~corticalnet.rules.DetectedPhases`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from corticalnet.circuits.cells import Cell
from corticalnet.circuits.cells.phase_detector import (
    PhaseDetector,
    WatchedClampedRate,
    WatchedNudgedRate,
    WatchedRelaxing,
    WatchedRelaxingNext,
)
from corticalnet.circuits.connection import AllToAll
from corticalnet.circuits.parts import Broadcast, MinimumDurations, Projection, Wire
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.plasticity.hebbian import SentDifferenceTimesRate, SentTimesRateDifference
from corticalnet.columns.area import AreaPopulations, AreaSpec, GlobalPopulations
from corticalnet.columns.contrastive import ContrastiveColumns
from corticalnet.columns.equilibrium import EquilibriumColumns
from corticalnet.columns.registry import runs
from corticalnet.rules.equilibrium.contrastive import FORMS, ContrastiveHebbian, GeneRec
from corticalnet.rules.equilibrium.propagation import EquilibriumPropagation

#: The largest echo of a nudge, as a share of it. Measured (pooled, untrained): up to 0.34 below the
#: output and 0.82 in it; a new stimulus moves hidden drives by 0.3 times a nudge or more, mostly much more.
_ECHO, _ECHO_OUTPUT = 0.5, 1.0
#: What synapses of a column receive from φ: its state, the port.
_SAYS = {"nudged": "nudge", "rested": "contrast", "left": "done"}


class DetectedPhaseColumns(EquilibriumColumns):
    """Base of columns of rules of two phases that are told nothing."""

    detects = True

    def value(self, area: AreaSpec) -> Cell:
        """Return the relaxing cell of an area below the output."""
        return (WatchedRelaxing if area.depth % 2 else WatchedRelaxingNext)(*self.relaxes(area))

    def populations(self, area: AreaSpec) -> AreaPopulations:
        """Return the relaxing cells of an area, and who watches them."""
        settings = self.rule.detected
        echo = _ECHO_OUTPUT if area.output else _ECHO
        said = _SAYS | ({"calm": "calm"} if area.output else {})
        phi = PhaseDetector(settings.silence, settings.threshold, echo)
        made = self.with_answer(AreaPopulations({"value": self.value(area)}, []), area)
        heard = ("below", "above", "gone") if area.output else ("below", "above")
        if settings.pooled:
            made.pools["phi"] = phi
            made.projections += [Projection("value", "phi", port, 1.0, AllToAll(), port) for port in heard]
            made.broadcasts += [Broadcast("phi", ["value"], state, port=port) for state, port in said.items()]
            return made
        made.cells["phi"] = phi
        made.wires += [Wire("value", "phi", port, sends=port) for port in heard]
        made.wires += [Wire("phi", "value", port, sends=state) for state, port in said.items()]
        return made

    def global_populations(
        self, areas: Sequence[AreaSpec], learning: dict[str, AreaSpec]
    ) -> GlobalPopulations:
        """Return none: nobody tells columns anything."""
        return GlobalPopulations()

    def needs(self, areas: Sequence[AreaSpec]) -> MinimumDurations:
        """Return the least durations: the rule's phases, and the rest by which they are found to be over."""
        each = self.rule.relaxation.steps + self.rule.detected.silence
        return MinimumDurations(each, each)


@runs(EquilibriumPropagation)
class DetectedEquilibriumColumns(DetectedPhaseColumns):
    """Columns of equilibrium propagation that find out when they are nudged."""

    def value(self, area: AreaSpec) -> Cell:
        """Return the relaxing cell of an area; that of the output is nudged by its teacher."""
        if not area.output:
            return super().value(area)
        return WatchedNudgedRate(*self.relaxes(area), self.rule.beta, area.softmax)

    def plasticity(self, area: AreaSpec) -> Plasticity:
        """Return plasticity by the difference between nudged and free rest."""
        return _told(SentTimesRateDifference(self.rate / self.rule.beta))


@runs(ContrastiveHebbian, GeneRec)
class DetectedContrastiveColumns(DetectedPhaseColumns, ContrastiveColumns):
    """Columns of contrastive Hebbian learning and GeneRec that find out when the output is clamped."""

    def value(self, area: AreaSpec) -> Cell:
        """Return the relaxing cell of an area; that of the output is clamped by its teacher."""
        return WatchedClampedRate(*self.relaxes(area)) if area.output else super().value(area)

    def plasticity(self, area: AreaSpec) -> Plasticity:
        """Return plasticity by the difference between clamped and free rest, in the form of the rule."""
        form = getattr(self.rule, "form", "whole")
        if form in ("whole", "symmetric"):  # the symmetric form is half of contrastive Hebbian learning
            return _told(SentTimesRateDifference(self.rate / (1 + (form == "symmetric"))))
        return _told(SentDifferenceTimesRate(self.rate, share=FORMS[form]))


def _told(plasticity: Plasticity) -> Plasticity:
    """Return a plasticity that compares when its column says that it rests, and changes when it leaves."""
    return replace(plasticity, trigger="contrast", consolidation="done")
