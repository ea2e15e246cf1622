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

from corticalnet.circuits import cells
from corticalnet.circuits.circuit import Needs
from corticalnet.circuits.expansion.choosing import add_actions, world_and_dopamine
from corticalnet.circuits.expansion.construction import Columns, Construction, Shared, Site, depth_of
from corticalnet.circuits.plasticity import CreditTimesRate, ErrorTimesRate


class Rewarded(Construction):
    """Columns that learn from reward in one sweep up and one sweep down, all the time.

    Args:
        learning_rate: of every synapse.
        feedback_learns: whether feedback weights of their own learn by the same rule.
    """

    hears = ("value", "prediction")
    tells = ("feedback", "credit")
    listens = "feedback"

    def __init__(self, learning_rate: float, feedback_learns: bool) -> None:
        self.rate, self.feedback_learns = learning_rate, feedback_learns

    def columns(self, site: Site) -> Columns:
        """A way up, a way down; at the output also bids and actions."""
        kinds: dict[str, cells.Cell] = {
            "value": cells.Feedforward(activation=site.activation),
            "feedback": cells.Feedback(),
        }
        wires = [
            ("value", "feedback", "own", "gain", 1.0),
            ("value", "feedback", "prediction", "rate", 1.0),
            ("feedback", "value", "own", "credit", 1.0),
        ]
        stand = Columns(kinds, wires)
        if site.output:
            add_actions(stand, site, "value", "rate")
            wires.append(("action", "feedback", "feedback", "action", 1.0))
        return stand

    def plasticity(self, site: Site) -> ErrorTimesRate:
        """Credit × rate, as much as dopamine says."""
        return ErrorTimesRate(self.rate, modulator="dopamine")

    def feedback_plasticity(self, site: Site) -> CreditTimesRate | None:
        """The same for the way down."""
        return CreditTimesRate(self.rate, modulator="dopamine") if self.feedback_learns else None

    def shared(self, sites: Sequence[Site], learning: dict[str, Site]) -> Shared:
        """Contests, the world's answer, dopamine."""
        return world_and_dopamine(next(site for site in sites if site.output), list(learning))

    def needs(self, sites: Sequence[Site]) -> Needs:
        """Until the outcome may come: depth steps up, two for a contest, and down (the last step is its own).

        Dopamine hears what is expected one step after the choice; where there is nothing to come down, it is
        this that takes longest.
        """
        depth = depth_of(sites)
        return Needs(max(2 * depth, depth + 2), 1)
