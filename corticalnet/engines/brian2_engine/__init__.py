"""The Brian2 engine: one sample at a time, in the simulator that the field knows."""

from corticalnet.engines.brian2_engine.engine import Brian2Engine

__all__ = ["Brian2Engine"]
