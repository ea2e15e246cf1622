"""Validation: the same trials in every view of a rule, each change of weights beside backprop's."""

from corticalnet.validation.comparison import ALL, Comparison, Law, compare, law
from corticalnet.validation.figures import figures
from corticalnet.validation.report import Found, Validation
from corticalnet.validation.sweeps import SWEEPS, Sweep, run_sweep
from corticalnet.validation.trials import Trials
from corticalnet.validation.validating import validate
from corticalnet.validation.views import View, usual_views, windowed

__all__ = [
    "ALL",
    "SWEEPS",
    "Comparison",
    "Found",
    "Law",
    "Sweep",
    "Trials",
    "Validation",
    "View",
    "compare",
    "figures",
    "law",
    "run_sweep",
    "usual_views",
    "validate",
    "windowed",
]
