"""The audit: what rules and their columns in time really do, measured."""

from corticalnet.audit.auditing import PARTS, audit
from corticalnet.audit.detection import Detection, detect, detection_by_silence, with_detector
from corticalnet.audit.report import PROPERTIES, SONG, TALK, Finding, Report, figure, side_by_side, tables
from corticalnet.audit.stream import StreamReport, autonomy_in_a_stream

__all__ = [
    "PARTS",
    "PROPERTIES",
    "SONG",
    "TALK",
    "Detection",
    "Finding",
    "Report",
    "StreamReport",
    "audit",
    "autonomy_in_a_stream",
    "detect",
    "detection_by_silence",
    "figure",
    "side_by_side",
    "tables",
    "with_detector",
]
