"""Cells: one file per kind. A cell is pointwise: how one neuron's state changes, given what it hears."""

from corticalnet.circuits.cells.cell import Cell, State
from corticalnet.circuits.cells.change_detector import ChangeDetector, GatingDetector, PulseDetector
from corticalnet.circuits.cells.choice import Action, Bid, Contest, Dopamine, Outcome
from corticalnet.circuits.cells.control import Clock, PhaseSignal
from corticalnet.circuits.cells.error import (
    Error,
    GatedError,
    GatedOutputError,
    OutputError,
    SizedError,
    SizedOutputError,
)
from corticalnet.circuits.cells.feedforward import Feedback, Feedforward
from corticalnet.circuits.cells.prediction import OutputPrediction, Prediction, Total, WatchedPrediction
from corticalnet.circuits.cells.staged import (
    ClosingDetector,
    StagedClock,
    StagedDetector,
    StagedError,
    StagedPrediction,
)
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

__all__ = [
    "Action",
    "Bid",
    "Cell",
    "ChangeDetector",
    "Clamped",
    "Clock",
    "ClosingDetector",
    "Constant",
    "Contest",
    "Dopamine",
    "Error",
    "Feedback",
    "Feedforward",
    "GatedError",
    "GatedOutputError",
    "GatingDetector",
    "LeakyValue",
    "NudgedValue",
    "Outcome",
    "OutputError",
    "OutputPrediction",
    "PhaseSignal",
    "Prediction",
    "PulseDetector",
    "RewardedValue",
    "Sensory",
    "SizedError",
    "SizedOutputError",
    "StagedClock",
    "StagedDetector",
    "StagedError",
    "StagedPrediction",
    "State",
    "TaughtValue",
    "Total",
    "Value",
    "WatchedPrediction",
]
