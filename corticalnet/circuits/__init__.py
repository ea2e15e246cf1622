"""The circuit view: a network as explicit populations of cells, joined by projections, in time."""

from corticalnet.circuits.circuit import Circuit
from corticalnet.circuits.connection import AllToAll, Grouped, OneToOne, Synapses
from corticalnet.circuits.parts import Broadcast, MinimumDurations, Population, Projection, Wire
from corticalnet.circuits.schema import json_schema

__all__ = [
    "AllToAll",
    "Broadcast",
    "Circuit",
    "Grouped",
    "MinimumDurations",
    "OneToOne",
    "Population",
    "Projection",
    "Synapses",
    "Wire",
    "json_schema",
]
