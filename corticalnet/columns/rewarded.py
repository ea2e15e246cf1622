"""BrainProp in time: feedforward and feedback cells, a choice, and dopamine for everyone.

    area.value      f(drive)                    area.feedback      f'(drive) · Σ W credit_above
    output.action   the winner of all contests between bids
    dopamine        reward − what the chosen column expected; broadcast to every plastic synapse

    Δw = rate · rpe · credit_post · rate_pre         the synapses up (Pozzi et al. 2020)
    Δb = rate · rpe · rate_post · credit_pre         the synapses down, if they have weights of their own

A trial is a stimulus and, later, an outcome. Nobody is told of phases: without an outcome dopamine is silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from corticalnet.circuits import cells
from corticalnet.circuits.circuit import Needs
from corticalnet.circuits.plasticity import CreditTimesRate, ErrorTimesRate
from corticalnet.columns.choosing import add_actions, world_and_dopamine
from corticalnet.columns.construction import Columns, Construction, Shared, Site, depth_of
from corticalnet.columns.continuous import Continuous


class Rewarded(Construction):
    """Columns that learn from reward in one sweep up and one sweep down, all the time.

    In continuous time cells are leaky, and where they hear noise three things take an average: bids weigh
    for a while, synapses remember what they were eligible for, and dopamine comes in bursts.

    Args:
        learning_rate: of every synapse.
        feedback_learns: whether feedback weights of their own learn by the same rule.
        how: continuous time; steps if not given.
    """

    hears = ("value", "prediction")
    tells = ("feedback", "credit")
    listens = "feedback"

    def __init__(self, learning_rate: float, feedback_learns: bool, how: Continuous | None = None) -> None:
        self.rate, self.feedback_learns, self.how = learning_rate, feedback_learns, how
        self.average = self.burst = 0.0
        if how is not None:
            self.dt, self.delay = how.ms("dt"), how.ms("delay")
            self.average, self.burst = how.ms("average"), how.ms("burst")

    def columns(self, site: Site) -> Columns:
        """A way up, a way down; at the output also bids and actions."""
        f, how = site.activation, self.how
        kinds: dict[str, cells.Cell] = {
            "value": cells.LeakyFeedforward(f, how.ms("tau")) if how else cells.Feedforward(f),
            "feedback": cells.LeakyFeedback(how.ms("tau")) if how else cells.Feedback(),
        }
        wires = [
            ("value", "feedback", "own", "gain", 1.0),
            ("value", "feedback", "prediction", "rate", 1.0),
            ("feedback", "value", "own", "credit", 1.0),
        ]
        stand = Columns(kinds, wires)
        if site.output:
            add_actions(stand, site, "value", "rate", self.average)
            wires.append(("action", "feedback", "feedback", "action", 1.0))
        return stand

    def plasticity(self, site: Site) -> ErrorTimesRate:
        """Credit × rate, as much as dopamine says."""
        return ErrorTimesRate(self._share(), modulator="dopamine", memory=self.average)

    def feedback_plasticity(self, site: Site) -> CreditTimesRate | None:
        """The same for the way down."""
        if not self.feedback_learns:
            return None
        return CreditTimesRate(self._share(), modulator="dopamine", memory=self.average)

    def _share(self) -> float:
        """The learning rate of one step of a burst."""
        return self.rate * self.dt / self.burst if self.burst else self.rate

    def shared(self, sites: Sequence[Site], learning: dict[str, Site]) -> Shared:
        """Contests, the world's answer, dopamine."""
        output = next(site for site in sites if site.output)
        return world_and_dopamine(output, list(learning), self.burst)

    def needs(self, sites: Sequence[Site]) -> Needs:
        """Until the outcome may come: depth steps up, two for a contest, and down (the last step is its own).

        Dopamine hears what is expected one step after the choice; where there is nothing to come down, it is
        this that takes longest. In continuous time signals settle, and are averaged for five time constants.
        """
        depth = depth_of(sites)
        if self.how is None:
            return Needs(max(2 * depth, depth + 2), 1)
        ways = self.how.ms("settle") + 2 * depth * self.delay + 5 * self.average
        return Needs(ceil(ways / self.dt) + 3, ceil(self.burst / self.dt) + 2)
