"""The audit: what rules and their columns in time really do, measured."""

from corticalnet.audit.stream import StreamReport, autonomy_in_a_stream

__all__ = ["StreamReport", "autonomy_in_a_stream"]
