"""Learning rules: teaching signal × feedback pathway × trigger."""

from corticalnet.rules.catalogue import Entry, register, rule, rules
from corticalnet.rules.feedback import Feedback, Tied
from corticalnet.rules.rule import LearningRule, Rule, Step, Trial, Trigger
from corticalnet.rules.sweep import Sweep
from corticalnet.rules.teaching import Lesson, Reward, Teacher, Teaching

__all__ = [
    "Entry",
    "Feedback",
    "LearningRule",
    "Lesson",
    "Reward",
    "Rule",
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
