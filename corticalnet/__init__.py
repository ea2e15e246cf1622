"""Neural simulation toolkit with explicit neuron populations: how could cortex assign credit?"""

from corticalnet.network import Area, Convolution, Dense, Link, Local, Network, from_torch, mlp
from corticalnet.rules import (
    IL,
    ZIL,
    Direct,
    FaZIL,
    LearningRule,
    Random,
    Reward,
    Rule,
    SignSymmetric,
    Sweep,
    Teacher,
    Tied,
    register,
    rule,
    rules,
)
from corticalnet.training import Model

__version__ = "0.1.0"

__all__ = [
    "IL",
    "ZIL",
    "Area",
    "Convolution",
    "Dense",
    "Direct",
    "FaZIL",
    "LearningRule",
    "Link",
    "Local",
    "Model",
    "Network",
    "Random",
    "Reward",
    "Rule",
    "SignSymmetric",
    "Sweep",
    "Teacher",
    "Tied",
    "from_torch",
    "mlp",
    "register",
    "rule",
    "rules",
]
