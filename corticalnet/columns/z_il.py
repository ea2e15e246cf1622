"""Z-IL in steps: each area has a clock for its depth. Also every teacher's sweep.

A sweep takes no time; in time it is the wave front of Z-IL, whose changes are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corticalnet.circuits import cells
from corticalnet.circuits.circuit import Needs
from corticalnet.columns.area import AreaSpec, links_to_input
from corticalnet.columns.registry import Options, runs
from corticalnet.columns.stepwise import Clocked
from corticalnet.rules import ZIL, Sweep


@runs(Sweep, ZIL)
class ZILColumns(Clocked):
    """The area d links below the output learns d steps after the teacher has come, and only then."""

    @classmethod
    def of(cls, rule: Any, options: Options) -> ZILColumns:
        """With the rule's γ; 1 for a sweep."""
        return cls(options, rule.inference_rate or 1.0, cls.hears_phase(rule, options))

    def trigger(self, area: AreaSpec) -> str:
        """The clock of its depth."""
        return f"clock{area.depth}"

    def clock(self, area: AreaSpec) -> cells.Clock:
        """It fires once."""
        return cells.Clock(first=area.depth, last=area.depth)

    def needs(self, areas: Sequence[AreaSpec]) -> Needs:
        """The output's error is one step behind its prediction: it must be gone when the teacher comes."""
        links = links_to_input(areas)
        return Needs(links + 1, links)
