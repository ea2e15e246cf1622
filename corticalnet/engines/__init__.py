"""Engines: what runs a circuit.

The description is the truth, torch is what you run, Brian2 is the witness.
"""

from corticalnet.engines.interaction import Interaction
from corticalnet.engines.registry import ENGINES
from corticalnet.engines.simulation import simulate, simulator

__all__ = ["ENGINES", "Interaction", "simulate", "simulator"]
