"""Cells: one file per kind. A cell is pointwise: how one neuron's state changes, given what it hears.

Every file here is imported, so that circuits in files find its cells by name: a new one needs no other line.
"""

from importlib import import_module
from pkgutil import iter_modules

from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.cells.change_detector import ChangeDetector, GatingDetector, PulseDetector
from corticalnet.circuits.cells.choice import (
    Action,
    Bid,
    Contest,
    Dopamine,
    Outcome,
    PatientBid,
    PhasicDopamine,
)
from corticalnet.circuits.cells.control import Clock, PhaseSignal
from corticalnet.circuits.cells.error import Error
from corticalnet.circuits.cells.feedforward import Feedback, Feedforward, LeakyFeedback, LeakyFeedforward
from corticalnet.circuits.cells.pool import PooledValue, Winner
from corticalnet.circuits.cells.prediction import OutputPrediction, Prediction, Total, WatchedPrediction
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
    ClosingDetector,
    StagedClock,
    StagedDetector,
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
    "AveragedError",
    "AveragedSoftmaxError",
    "Bid",
    "Cell",
    "ChangeDetector",
    "Clamped",
    "Clock",
    "ClosingDetector",
    "Constant",
    "Contest",
    "Dopamine",
    "DrivenLIF",
    "Error",
    "Feedback",
    "Feedforward",
    "GatingDetector",
    "LeakyFeedback",
    "LeakyFeedforward",
    "LeakyValue",
    "NudgedSoftmaxValue",
    "NudgedValue",
    "Outcome",
    "OutputPrediction",
    "PatientBid",
    "PhaseSignal",
    "PhasicDopamine",
    "Poisson",
    "PooledValue",
    "Prediction",
    "PulseDetector",
    "RewardedValue",
    "Sensory",
    "SoftmaxError",
    "SoftmaxPrediction",
    "SoftmaxValue",
    "Spiking",
    "StagedClock",
    "StagedDetector",
    "StagedError",
    "StagedPrediction",
    "StagedSoftmaxError",
    "StagedSoftmaxPrediction",
    "StagedSoftmaxValue",
    "State",
    "SynapticCurrent",
    "TaughtValue",
    "Total",
    "Value",
    "WatchedPrediction",
    "Winner",
]
