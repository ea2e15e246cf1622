"""Neural simulation toolkit with explicit neuron populations: how could cortex assign credit?"""

from corticalnet.about import VERSION
from corticalnet.analysis import to_neo
from corticalnet.audit import audit, validate
from corticalnet.circuits import (
    AllToAll,
    Broadcast,
    Circuit,
    OneToOne,
    Population,
    Projection,
    Synapses,
    Wire,
)
from corticalnet.columns import Continuous, circuit, write_back
from corticalnet.columns.spiking import spiking
from corticalnet.engines import Interaction, Simulator, Snapshot, simulate, simulator
from corticalnet.experiment.noise import Noise
from corticalnet.experiment.protocol import Give, Play, Present, Reinforce, Rest, Teach
from corticalnet.experiment.stream import Stream, urges
from corticalnet.network import (
    Area,
    AvgPool,
    Convolution,
    Dense,
    Identity,
    Link,
    Local,
    MaxPool,
    Network,
    Recurrent,
    from_torch,
    mlp,
)
from corticalnet.recordings.join import join
from corticalnet.recordings.loading import load_recording
from corticalnet.recordings.recording import Record
from corticalnet.rules import (
    IL,
    ZIL,
    Direct,
    FaZIL,
    KolenPollack,
    LearningRule,
    Matching,
    Perturbed,
    Random,
    Reward,
    Rule,
    SignSymmetric,
    SoftmaxReward,
    Sweep,
    Teacher,
    ThroughTime,
    Tied,
    WeightMirror,
    register,
    rule,
    rules,
)
from corticalnet.training import Model

__version__ = VERSION

__all__ = [
    "IL",
    "ZIL",
    "AllToAll",
    "Area",
    "AvgPool",
    "Broadcast",
    "Circuit",
    "Continuous",
    "Convolution",
    "Dense",
    "Direct",
    "FaZIL",
    "Give",
    "Identity",
    "Interaction",
    "KolenPollack",
    "LearningRule",
    "Link",
    "Local",
    "Matching",
    "MaxPool",
    "Model",
    "Network",
    "Noise",
    "OneToOne",
    "Perturbed",
    "Play",
    "Population",
    "Present",
    "Projection",
    "Random",
    "Record",
    "Recurrent",
    "Reinforce",
    "Rest",
    "Reward",
    "Rule",
    "SignSymmetric",
    "Simulator",
    "Snapshot",
    "SoftmaxReward",
    "Stream",
    "Sweep",
    "Synapses",
    "Teach",
    "Teacher",
    "ThroughTime",
    "Tied",
    "WeightMirror",
    "Wire",
    "audit",
    "circuit",
    "from_torch",
    "join",
    "load_recording",
    "mlp",
    "register",
    "rule",
    "rules",
    "simulate",
    "simulator",
    "spiking",
    "to_neo",
    "urges",
    "validate",
    "write_back",
]
