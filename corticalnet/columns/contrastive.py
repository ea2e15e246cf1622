"""Contrastive Hebbian learning and GeneRec in steps: as equilibrium propagation, with a clamped output.

    area.value     rate ← rate + γ (f(drive + feedback) − rate)            the output: its target, when taught
    nudge          one cell for all: 0 with a stimulus alone, 1 once a teacher is there

    Δw = rate · contrast · sent_post · rate_pre                              contrastive Hebbian learning
    Δw = rate · contrast · (sent_post − free_post) · pre                     GeneRec

    contrast       −1 when the free phase ends, 1 when the clamped one does

A synapse of GeneRec remembers what its two columns did in the free phase. Its difference is 0 when that ends.
"""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.cells.relaxing import (
    ClampedRate,
    Moving,
    MovingClampedRate,
    MovingNext,
    Relaxing,
    RelaxingNext,
    ToldRelaxing,
    ToldRelaxingNext,
)
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.plasticity.hebbian import SentDifferenceTimesRate, SentTimesRate
from corticalnet.columns.area import AreaSpec
from corticalnet.columns.equilibrium import EquilibriumColumns
from corticalnet.columns.refusals import by_consolidation, first
from corticalnet.columns.registry import Options, runs
from corticalnet.rules.equilibrium.contrastive import FORMS, ContrastiveHebbian, GeneRec


@runs(ContrastiveHebbian)
class ContrastiveColumns(EquilibriumColumns):
    """Columns whose output is clamped. Phases are told: to the output, and to all synapses."""

    cells = (ClampedRate, Relaxing, RelaxingNext)
    moving = (MovingClampedRate, Moving, MovingNext)
    nudge = (1.0, False)
    continual = compares = False

    @classmethod
    def refuses(cls, rule: Any, options: Options) -> str | None:
        """Return why the model cannot run a rule: changes may not wait for a phase. None if it can."""
        why = ", for changes wait for the end of the clamped phase anyway"
        return first(by_consolidation(options, "now", why=why), cls.of_phases(rule))


@runs(GeneRec)
class GeneRecColumns(ContrastiveColumns):
    """Columns of GeneRec: clamped outputs, and synapses that remember the free phase."""

    cells = (ClampedRate, ToldRelaxing, ToldRelaxingNext)

    def plasticity(self, area: AreaSpec) -> Plasticity:
        """Return plasticity that compares the two phases at each synapse, in the form of the rule."""
        form = self.rule.form
        if form == "symmetric":  # half of contrastive Hebbian learning
            return SentTimesRate(self.rate / 2, trigger="contrast", consolidation="done")
        return SentDifferenceTimesRate(self.rate, trigger="contrast", consolidation="done", share=FORMS[form])
