"""From the network view to the circuit view: a skeleton, and one file for each way to run a rule in time."""

from corticalnet.circuits.expansion.continuous import Continuous
from corticalnet.circuits.expansion.expansion import circuit
from corticalnet.circuits.expansion.writing_back import write_back

__all__ = ["Continuous", "circuit", "write_back"]
