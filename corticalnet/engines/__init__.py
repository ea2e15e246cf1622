"""Engines: what runs a circuit.

The description is the truth, torch is what you run, Brian2 is the witness.
"""

from corticalnet.engines.agent import CircuitAgent
from corticalnet.engines.interaction import Interaction
from corticalnet.engines.registry import ENGINES
from corticalnet.engines.simulation import simulate, simulator
from corticalnet.engines.simulator import Simulator
from corticalnet.engines.snapshot import Snapshot

__all__ = ["ENGINES", "CircuitAgent", "Interaction", "Simulator", "Snapshot", "simulate", "simulator"]
