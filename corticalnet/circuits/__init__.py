"""The circuit view: a network as explicit populations of cells, joined by projections, in time."""

from corticalnet.circuits.circuit import Circuit, Needs
from corticalnet.circuits.connection import AllToAll, Fan, OneToOne, Synapses
from corticalnet.circuits.parts import Broadcast, Population, Projection, Wire

__all__ = [
    "AllToAll",
    "Broadcast",
    "Circuit",
    "Fan",
    "Needs",
    "OneToOne",
    "Population",
    "Projection",
    "Synapses",
    "Wire",
]
