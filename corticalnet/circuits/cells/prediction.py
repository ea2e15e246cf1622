"""Prediction cells: the summed drive μ from the area below, and how far it moved.

    μ = Σ W f(x_below)              shift = μ − μ of the last step

Plastic synapses end here. A prediction cell receives the error of its own column at port ``error`` and its
φ at ``phi``, so a synapse finds all it needs at its two cells.
"""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.cells.activation import activation
from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.pointwise import absolute
from corticalnet.circuits.quantities import Milliseconds


class Prediction(Cell):
    """A prediction cell, the drive of a column: ``prediction ← port.prediction``.

    States: ``prediction``, ``shift`` (how far it moved in this step). Ports: ``prediction``; for its plastic
    synapses ``error`` and ``phi``.
    """

    ports = {"prediction": "predict", "error": "", "phi": ""}
    state = {"prediction": 0.0, "shift": 0.0}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Set the prediction to the summed drive; compute its shift."""
        return {"prediction": port.prediction, "shift": port.prediction - cell.prediction}


class OutputPrediction(Cell):
    """A prediction cell of a nonlinear output, which also computes its rate f(μ) and gain f'(μ).

    ``shift`` is that of the rate.
    """

    activation: str = "sigmoid"
    ports = {"prediction": "predict", "error": "", "phi": ""}
    state = {"prediction": 0.0, "predicted_rate": 0.0, "shift": 0.0, "gain": 0.0}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Set the prediction to the summed drive; compute rate, gain and the shift of the rate."""
        f = activation(self.activation)
        rate = f.rate(port.prediction)
        return {
            "prediction": port.prediction,
            "predicted_rate": rate,
            "shift": rate - cell.predicted_rate,
            "gain": f.gain(1.0, port.prediction, rate),
        }


class PredictionWithMotion(Cell):
    """A prediction cell that also computes its rate, its gain, and how far it has moved lately.

        motion ← (1 − dt/memory) motion + shift         ``size = |motion|``

    Args:
        activation: f of the column.
        rates: whether ``shift`` is that of the rate (an output that fires nonlinearly) or of the drive.
        memory: for how long a move is remembered; dt for the last step alone.
    """

    activation: str = "linear"
    rates: bool = False
    memory: Milliseconds = 1.0
    ports = {"prediction": "predict", "error": "", "phi": ""}
    state = {"prediction": 0.0, "predicted_rate": 0.0, "shift": 0.0, "gain": 0.0, "motion": 0.0, "size": 0.0}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Set the prediction to the summed drive; compute rate, gain, shift and motion."""
        f, drive = activation(self.activation), port.prediction
        rate = f.rate(drive)
        shift = rate - cell.predicted_rate if self.rates else drive - cell.prediction
        motion = (1 - dt / self.memory) * cell.motion + shift
        return {
            "prediction": drive,
            "predicted_rate": rate,
            "shift": shift,
            "gain": f.gain(1.0, drive, rate),
            "motion": motion,
            "size": absolute(motion),
        }


class Sum(Cell):
    """A cell that sums what it receives at ``terms`` (state ``total``): a population's motion, say."""

    ports = {"terms": ""}
    state = {"total": 0.0}

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Set the total to the sum of what arrives."""
        return {"total": port.terms}
