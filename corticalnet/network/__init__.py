"""The network view: areas of columns joined by links, as a torch module that rules sweep.

From the inside out: :mod:`links` are synapses, :mod:`stages` and :mod:`homeostasis` what a column does with
its drive, :mod:`area` a sheet of columns, :mod:`wiring` who drives whom, :mod:`network` the whole,
:mod:`dense_network` the plain one;
:mod:`recurrent` is one whose columns receive themselves.
"""

from corticalnet.network.area import Area
from corticalnet.network.dense_network import mlp
from corticalnet.network.from_torch import from_torch
from corticalnet.network.links import (
    Bounds,
    Convolution,
    Dale,
    Dense,
    Identity,
    KeepSigns,
    Link,
    Local,
    Relay,
    WeightBounds,
)
from corticalnet.network.network import Network
from corticalnet.network.recurrent import Recurrent, Unrolled
from corticalnet.network.stages import AvgPool, MaxPool
from corticalnet.network.wiring import ForwardState, Wiring

__all__ = [
    "Area",
    "AvgPool",
    "Bounds",
    "Convolution",
    "Dale",
    "Dense",
    "ForwardState",
    "Identity",
    "KeepSigns",
    "Link",
    "Local",
    "MaxPool",
    "Network",
    "Recurrent",
    "Relay",
    "Unrolled",
    "WeightBounds",
    "Wiring",
    "from_torch",
    "mlp",
]
