"""Equilibrium propagation, contrastive Hebbian learning and GeneRec in continuous time: dt ≪ τ.

    τ d rate/dt = f(drive + feedback + nudge · (target − rate)) − rate           all areas at once

    Δw = rate · ∫ contrast · d(sent_post · rate_pre)                             while the output is nudged
    Δw = rate · (sent_post − free_post) · pre        when a phase ends           GeneRec

The integral adds up to the difference between the ends of the phase, whatever columns do in between; so a
synapse needs what its two cells do now and did just before, and no memory of a phase (Ernoult et al. 2020).
Changes wait in its trace until the teacher has stayed for both phases; those of ``form="continual"`` are made
at once. Where phases come to rest the changes are the rule's, for every dt up to τ. A phase takes
``Continuous(read_delay=…)``; what is left of it then falls as e^(−(1 − λ) t/τ), with λ the strongest loop of
drives and feedback: strong feedback needs long phases.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from corticalnet.circuits.circuit import Circuit
from corticalnet.columns.continuous import Continuous
from corticalnet.columns.contrastive import ContrastiveColumns, GeneRecColumns
from corticalnet.columns.equilibrium import EquilibriumColumns
from corticalnet.columns.registry import Options, runs
from corticalnet.errors import CircuitError
from corticalnet.rules.equilibrium.contrastive import ContrastiveHebbian, GeneRec
from corticalnet.rules.equilibrium.propagation import EquilibriumPropagation


@runs(EquilibriumPropagation)
class EquilibriumInTime(EquilibriumColumns):
    """Leaky columns of equilibrium propagation; of continuous time theirs are tau, dt, read_delay, delay."""

    together, stepwise = True, True

    def __init__(self, rule: Any, options: Options) -> None:
        super().__init__(rule, options)
        assert options.dynamics is not None, "see runs_in"
        self.dynamics = options.dynamics
        self.dt, self.delay = self.dynamics.ms("dt"), self.dynamics.ms("delay")

    @classmethod
    def runs_in(cls, dynamics: Continuous | None) -> bool:
        """Return whether time is continuous, of any construction."""
        return dynamics is not None

    @property
    def tau(self) -> float:
        """Return τ (ms) of all columns."""
        return self.dynamics.ms("tau")

    def steps(self, nudged: bool = False) -> int:
        """Return the number of steps of a phase."""
        return ceil(self.dynamics.ms("read_delay") / self.dt - 1e-9)

    def in_spikes(self, circuit: Circuit, cells_per_column: int, cell: str) -> Circuit:
        """Refuse spikes.

        Raises:
            CircuitError: always.
        """
        raise CircuitError(
            f"{self.rule.name}: synapses compare two phases, and spikes of a phase vary by more than they "
            "differ; choose cells_per_column=0"
        )


@runs(ContrastiveHebbian)
class ContrastiveInTime(ContrastiveColumns, EquilibriumInTime):
    """Leaky columns whose output is clamped."""

    together, stepwise = True, True


@runs(GeneRec)
class GeneRecInTime(GeneRecColumns, ContrastiveInTime):
    """Leaky columns of GeneRec, whose synapses remember the free phase."""

    stepwise = False
