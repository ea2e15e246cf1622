# The public names and where they stand; corticalnet/__init__.py imports them when somebody asks for them.

from . import (
    analysis as analysis,
    audit as audit,
    circuits as circuits,
    columns as columns,
    data as data,
    engines as engines,
    errors as errors,
    experiment as experiment,
    formats as formats,
    network as network,
    plotting as plotting,
    recordings as recordings,
    reinforcement as reinforcement,
    replay as replay,
    report as report,
    rules as rules,
    training as training,
)
from .audit import (
    audit_circuit as audit_circuit,
    audit_rule as audit_rule,
    validate as validate,
)
from .circuits import (
    AllToAll as AllToAll,
    Broadcast as Broadcast,
    Circuit as Circuit,
    OneToOne as OneToOne,
    Population as Population,
    Projection as Projection,
    Synapses as Synapses,
    Wire as Wire,
)
from .circuits.manipulable import (
    without as without,
)
from .columns import (
    Continuous as Continuous,
    circuit as circuit,
    write_back as write_back,
)
from .columns.augment import (
    agent_circuit as agent_circuit,
)
from .columns.spiking import (
    spiking as spiking,
)
from .engines import (
    CircuitAgent as CircuitAgent,
    Interaction as Interaction,
    Simulator as Simulator,
    Snapshot as Snapshot,
    simulate as simulate,
    simulator as simulator,
)
from .engines.brian2_script import (
    to_brian2 as to_brian2,
)
from .experiment.during import (
    During as During,
)
from .experiment.manipulation import (
    BlockPlasticity as BlockPlasticity,
    Hold as Hold,
    Inhibit as Inhibit,
    Inject as Inject,
    Lesion as Lesion,
    prepare as prepare,
)
from .experiment.noise import (
    Noise as Noise,
)
from .experiment.protocol import (
    SetInput as SetInput,
    Play as Play,
    Present as Present,
    Reinforce as Reinforce,
    Rest as Rest,
    Teach as Teach,
)
from .experiment.stream import (
    Stream as Stream,
    exploration_noise as exploration_noise,
    perturbation_noise as perturbation_noise,
    low_passed as low_passed,
)
from .formats.neo import (
    to_neo as to_neo,
)
from .formats.netcdf import (
    from_netcdf as from_netcdf,
    from_zarr as from_zarr,
    to_netcdf as to_netcdf,
    to_zarr as to_zarr,
)
from .formats.nir import (
    from_nir as from_nir,
    to_nir as to_nir,
)
from .formats.nwb import (
    from_nwb as from_nwb,
    to_nwb as to_nwb,
)
from .formats.sonata import (
    from_sonata as from_sonata,
    to_sonata as to_sonata,
)
from .formats.spike_trains import (
    SpikeTrains as SpikeTrains,
    read_spikes as read_spikes,
)
from .formats.weights import (
    from_jpc as from_jpc,
    from_pcx as from_pcx,
    from_preco as from_preco,
)
from .network import (
    Area as Area,
    AvgPool as AvgPool,
    Bounds as Bounds,
    Convolution as Convolution,
    Dale as Dale,
    Dense as Dense,
    Identity as Identity,
    KeepSigns as KeepSigns,
    Link as Link,
    Local as Local,
    MaxPool as MaxPool,
    Network as Network,
    Recurrent as Recurrent,
    from_torch as from_torch,
    mlp as mlp,
)
from .recordings.join import (
    join as join,
)
from .recordings.loading import (
    load_recording as load_recording,
)
from .recordings.recording import (
    Record as Record,
)
from .replay import (
    eager as eager,
)
from .rules import (
    IL as IL,
    ZIL as ZIL,
    DetectedPhases as DetectedPhases,
    Direct as Direct,
    FaZIL as FaZIL,
    KolenPollack as KolenPollack,
    LearningRule as LearningRule,
    Matching as Matching,
    Perturbed as Perturbed,
    Random as Random,
    Reward as Reward,
    Rule as Rule,
    SignSymmetric as SignSymmetric,
    SoftmaxReward as SoftmaxReward,
    Sweep as Sweep,
    Teacher as Teacher,
    ThroughTime as ThroughTime,
    Tied as Tied,
    WeightMirror as WeightMirror,
    list_rules as list_rules,
    register as register,
    rule as rule,
)
from .training import (
    Model as Model,
)

__version__: str
