"""Cells: one file per kind. A cell is pointwise: how one neuron's state changes, given what it receives.

Every file here is imported, so that circuits in files find its cells by name: a new one needs no other line.
"""

from importlib import import_module
from pkgutil import iter_modules

from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.cells.change_detector import ChangeDetector, GatingDetector, PulseDetector
from corticalnet.circuits.cells.choice import (
    Action,
    ActionValue,
    Dopamine,
    LeakyActionValue,
    PairwiseCompetition,
    PhasicDopamine,
    RewardSource,
)
from corticalnet.circuits.cells.control import Clock, PhaseSignal
from corticalnet.circuits.cells.delayed_reward import (
    Memory,
    OutcomeEvents,
    TaggedFeedback,
    TaggedFeedforward,
    TemporalDifference,
    Transient,
)
from corticalnet.circuits.cells.error import Error
from corticalnet.circuits.cells.feedforward import Feedback, Feedforward, LeakyFeedback, LeakyFeedforward
from corticalnet.circuits.cells.integrate_and_fire import (
    Bias,
    CubaLIF,
    IntegrateAndFire,
    LeakyIntegrateAndFire,
    LeakyIntegrator,
    LinearReadout,
)
from corticalnet.circuits.cells.pool import PooledValue, Winner
from corticalnet.circuits.cells.prediction import OutputPrediction, Prediction, PredictionWithMotion, Sum
from corticalnet.circuits.cells.softmax import (
    AveragedSoftmaxError,
    NudgedSoftmaxValue,
    SoftmaxError,
    SoftmaxPrediction,
    SoftmaxValue,
    StagedSoftmaxError,
    StagedSoftmaxPrediction,
    StagedSoftmaxValue,
)
from corticalnet.circuits.cells.spiking import LIF, PIF, DrivenLIF, Poisson, Spiking, SynapticCurrent
from corticalnet.circuits.cells.staged import (
    AveragedError,
    ContinuousDetector,
    DelayedDetector,
    StagedClock,
    StagedError,
    StagedPrediction,
)
from corticalnet.circuits.cells.state import State
from corticalnet.circuits.cells.value import (
    Clamped,
    Constant,
    LeakyValue,
    NudgedValue,
    RewardedValue,
    Sensory,
    TaughtValue,
    Value,
)

for _file in iter_modules(__path__, f"{__name__}."):
    import_module(_file.name)

__all__ = [
    "LIF",
    "PIF",
    "Action",
    "ActionValue",
    "AveragedError",
    "AveragedSoftmaxError",
    "Bias",
    "Cell",
    "ChangeDetector",
    "Clamped",
    "Clock",
    "Constant",
    "ContinuousDetector",
    "CubaLIF",
    "DelayedDetector",
    "Dopamine",
    "DrivenLIF",
    "Error",
    "Feedback",
    "Feedforward",
    "GatingDetector",
    "IntegrateAndFire",
    "LeakyActionValue",
    "LeakyFeedback",
    "LeakyFeedforward",
    "LeakyIntegrateAndFire",
    "LeakyIntegrator",
    "LeakyValue",
    "LinearReadout",
    "Memory",
    "NudgedSoftmaxValue",
    "NudgedValue",
    "OutcomeEvents",
    "OutputPrediction",
    "PairwiseCompetition",
    "PhaseSignal",
    "PhasicDopamine",
    "Poisson",
    "PooledValue",
    "Prediction",
    "PredictionWithMotion",
    "PulseDetector",
    "RewardSource",
    "RewardedValue",
    "Sensory",
    "SoftmaxError",
    "SoftmaxPrediction",
    "SoftmaxValue",
    "Spiking",
    "StagedClock",
    "StagedError",
    "StagedPrediction",
    "StagedSoftmaxError",
    "StagedSoftmaxPrediction",
    "StagedSoftmaxValue",
    "State",
    "Sum",
    "SynapticCurrent",
    "TaggedFeedback",
    "TaggedFeedforward",
    "TaughtValue",
    "TemporalDifference",
    "Transient",
    "Value",
    "Winner",
]
