"""Feedback pathways: through which synapses a top-down signal reaches an area. One axis of every rule.

:mod:`.base` says what a pathway is and has the transpose, :mod:`.fixed` has others that stay as they are,
:mod:`.learned` those that learn to be like the synapses up, :mod:`.perturbed` those that learn what activity
does to the loss.
"""

from corticalnet.rules.feedback.base import Feedback, SweepCount, Tied
from corticalnet.rules.feedback.fixed import Direct, NoPathway, Random, SignSymmetric
from corticalnet.rules.feedback.learned import KolenPollack, Learned, Matching, WeightMirror
from corticalnet.rules.feedback.perturbed import Perturbed

__all__ = [
    "Direct",
    "Feedback",
    "KolenPollack",
    "Learned",
    "Matching",
    "NoPathway",
    "Perturbed",
    "Random",
    "SignSymmetric",
    "SweepCount",
    "Tied",
    "WeightMirror",
]
