"""Neural simulation toolkit with explicit neuron populations: how could cortex assign credit?"""

from corticalnet.adopt import from_torch
from corticalnet.area import Area
from corticalnet.links import Convolution, Dense, Link, Local
from corticalnet.network import Network, mlp
from corticalnet.rules import *  # noqa: F403
from corticalnet.rules import __all__ as _rules

__version__ = "0.1.0"

__all__ = ["Area", "Convolution", "Dense", "Link", "Local", "Network", "from_torch", "mlp", *_rules]
