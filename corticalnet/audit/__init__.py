"""The audit: what rules and their columns in time really do, measured.

``audit_rule`` puts every property of a rule to the test; ``validate`` runs the same trials in every view of a
rule, each change of weights beside backprop's.
"""

from corticalnet.audit.auditing import PARTS, audit_rule
from corticalnet.audit.comparison import ALL, Comparison, PowerLawFit, compare, fit_power_law
from corticalnet.audit.detection import Detection, detect, detection_by_silence, with_detector
from corticalnet.audit.figures import figure, figures
from corticalnet.audit.report import PROPERTIES, SONG, TALK, Finding, Report, side_by_side, tables
from corticalnet.audit.stream import StreamReport, autonomy_in_a_stream
from corticalnet.audit.sweeps import SWEEPS, ParameterSweep, run_sweep
from corticalnet.audit.told import CircuitReport, SynapseReport, TellerReport, audit_circuit
from corticalnet.audit.trials import Trials
from corticalnet.audit.validating import validate
from corticalnet.audit.validation import Found, Validation
from corticalnet.audit.views import View, usual_views, windowed

__all__ = [
    "ALL",
    "PARTS",
    "PROPERTIES",
    "SONG",
    "SWEEPS",
    "TALK",
    "CircuitReport",
    "Comparison",
    "Detection",
    "Finding",
    "Found",
    "ParameterSweep",
    "PowerLawFit",
    "Report",
    "StreamReport",
    "SynapseReport",
    "TellerReport",
    "Trials",
    "Validation",
    "View",
    "audit_circuit",
    "audit_rule",
    "autonomy_in_a_stream",
    "compare",
    "detect",
    "detection_by_silence",
    "figure",
    "figures",
    "fit_power_law",
    "run_sweep",
    "side_by_side",
    "tables",
    "usual_views",
    "validate",
    "windowed",
    "with_detector",
]
