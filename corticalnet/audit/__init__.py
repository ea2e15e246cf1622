"""The audit: what rules and their columns in time really do, measured."""

from corticalnet.audit.detection import Detection, detect, detection_by_silence, with_detector
from corticalnet.audit.stream import StreamReport, autonomy_in_a_stream

__all__ = [
    "Detection",
    "StreamReport",
    "autonomy_in_a_stream",
    "detect",
    "detection_by_silence",
    "with_detector",
]
