"""From the network view to the circuit view: a skeleton, and one file for each way to run a rule in time."""

from corticalnet.columns.continuous import Continuous
from corticalnet.columns.expansion import circuit
from corticalnet.columns.writing_back import write_back

__all__ = ["Continuous", "circuit", "write_back"]
