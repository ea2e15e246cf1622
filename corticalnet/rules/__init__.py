"""Learning rules: teaching signal × feedback pathway × trigger."""

from corticalnet.rules.base import LearningRule, Route, Step
from corticalnet.rules.catalogue import Entry, list_rules, register, rule
from corticalnet.rules.fa_z_il import FaZIL
from corticalnet.rules.feedback import (
    Direct,
    Feedback,
    KolenPollack,
    Learned,
    Matching,
    NoPathway,
    Passes,
    Perturbed,
    Random,
    SignSymmetric,
    Tied,
    WeightMirror,
)
from corticalnet.rules.inference_learning import IL
from corticalnet.rules.perturbation import REINFORCE, NodePerturbation, WeightPerturbation
from corticalnet.rules.reward import Reward, Rewarded, SoftmaxReward
from corticalnet.rules.rule import Rule
from corticalnet.rules.sweep import Sweep
from corticalnet.rules.teaching import Lesson, Teacher, Teaching
from corticalnet.rules.through_time import Course, ThroughTime
from corticalnet.rules.trial import Trial
from corticalnet.rules.trigger import Equality, Trigger
from corticalnet.rules.z_il import ZIL

__all__ = [
    "IL",
    "REINFORCE",
    "ZIL",
    "Course",
    "Direct",
    "Entry",
    "Equality",
    "FaZIL",
    "Feedback",
    "KolenPollack",
    "Learned",
    "LearningRule",
    "Lesson",
    "Matching",
    "NoPathway",
    "NodePerturbation",
    "Passes",
    "Perturbed",
    "Random",
    "Reward",
    "Rewarded",
    "Route",
    "Rule",
    "SignSymmetric",
    "SoftmaxReward",
    "Step",
    "Sweep",
    "Teacher",
    "Teaching",
    "ThroughTime",
    "Tied",
    "Trial",
    "Trigger",
    "WeightMirror",
    "WeightPerturbation",
    "list_rules",
    "register",
    "rule",
]
