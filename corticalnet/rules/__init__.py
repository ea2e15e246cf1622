"""Learning rules: teaching signal × feedback pathway × trigger."""

from corticalnet.rules.catalogue import Entry, register, rule, rules
from corticalnet.rules.feedback import Direct, Feedback, Random, SignSymmetric, Tied
from corticalnet.rules.rule import LearningRule, Rule, Step, Trial, Trigger
from corticalnet.rules.sweep import Sweep
from corticalnet.rules.teaching import Lesson, Reward, Teacher, Teaching

__all__ = [
    "Direct",
    "Entry",
    "Feedback",
    "LearningRule",
    "Lesson",
    "Random",
    "Reward",
    "Rule",
    "SignSymmetric",
    "Step",
    "Sweep",
    "Teacher",
    "Teaching",
    "Tied",
    "Trial",
    "Trigger",
    "register",
    "rule",
    "rules",
]
