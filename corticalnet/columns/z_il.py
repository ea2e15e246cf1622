"""Z-IL in steps: each area has a clock for its depth. Also every teacher's sweep.

A sweep takes no time; in time it is the wave front of Z-IL, whose changes are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corticalnet.circuits import cells
from corticalnet.circuits.parts import MinimumDurations
from corticalnet.circuits.plasticity.hebbian import DecayingErrorTimesRate, ErrorTimesRate, RateTimesError
from corticalnet.columns.area import AreaSpec, links_to_input
from corticalnet.columns.refusals import by_feedback
from corticalnet.columns.registry import Options, runs
from corticalnet.columns.stepwise import Clocked
from corticalnet.rules import ZIL, Direct, KolenPollack, Matching, Random, SignSymmetric, Sweep, Tied


@runs(Sweep, ZIL)
class ZILColumns(Clocked):
    """The area d links below the output learns d steps after the teacher has come, and only then.

    Feedback straight from the output comes along axons that are the longer, the lower the area: d links below
    it arrives after d steps, when nothing below has moved yet and the clock ticks. At once it would move all
    areas together, and each would find its prediction moved by those below before it could learn.
    """

    def __init__(self, rule: Any, options: Options) -> None:
        super().__init__(rule, options)
        self.direct, self.equal_path_lengths = not rule.feedback.layered, rule.feedback.layered
        self.feedback_learns, self.decay = rule.feedback.learns, rule.feedback.decay

    @classmethod
    def by_feedback(cls, rule: Any) -> str | None:
        """Return why a rule's pathway is refused; None for fixed ones (direct, too) and learned pairs."""
        return by_feedback(rule, Tied, Random, SignSymmetric, Direct, Matching, KolenPollack)

    def refuses_pools(self, maximum: bool) -> str | None:
        """Return why areas may not have pools; None with γ = 1."""
        return None if self.gamma == 1 else super().refuses_pools(maximum)

    def paired_plasticity(self, area: AreaSpec) -> ErrorTimesRate:
        """Return plasticity by error × rate that decays, at the area's clock."""
        usual = self.plasticity(area)
        return DecayingErrorTimesRate(**usual.parameters(), decay=self.decay) if self.decay else usual

    def feedback_plasticity(self, area: AreaSpec) -> RateTimesError | None:
        """Return the same product and decay for feedback that learns, at the clock of the area that sends."""
        if not self.feedback_learns:
            return None
        return RateTimesError(**self.plasticity(area).parameters(), decay=self.decay)

    def trigger(self, area: AreaSpec) -> str:
        """Return the name of the clock of the area's depth."""
        return f"clock{area.depth}"

    def clock(self, area: AreaSpec) -> cells.Clock:
        """Make the clock, which ticks once, at the step of the area's depth."""
        return cells.Clock(first=area.depth, last=area.depth)

    def needs(self, areas: Sequence[AreaSpec]) -> MinimumDurations:
        """Return the least durations: the output's error must be gone (from axons too) before teaching."""
        links = links_to_input(areas)
        return MinimumDurations(2 * links if self.direct else links + 1, links)

    def direct_delay(self, area: AreaSpec) -> float:
        """Return a delay of one step for each link to the output beyond the first."""
        return (area.depth - 1) * self.dt
