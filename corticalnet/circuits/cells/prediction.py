"""Prediction cells: the summed drive μ from the area below, and how far it moved.

    μ = Σ W f(x_below)              shift = μ − μ of the last step

Plastic synapses end here. A prediction cell hears the error of its own column at port ``own`` and its
φ at ``modulator``, so a synapse finds all it needs at its two cells.
"""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.cells.activation import activation
from corticalnet.circuits.cells.cell import Cell


class Prediction(Cell):
    """The drive of a column: ``prediction ← port.prediction``.

    States: ``prediction``, ``shift`` (how far it moved in this step). Ports: ``prediction``; for its plastic
    synapses ``own`` (error) and ``modulator`` (φ).
    """

    ports = ("prediction", "own", "modulator")
    state = {"prediction": 0.0, "shift": 0.0}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Take the sum over."""
        return {"prediction": port.prediction, "shift": port.prediction - cell.prediction}


class OutputPrediction(Cell):
    """The same where the output fires nonlinearly: it also knows its rate f(μ) and gain f'(μ).

    ``shift`` is that of the rate.
    """

    activation: str = "sigmoid"
    ports = ("prediction", "own", "modulator")
    state = {"prediction": 0.0, "predicted_rate": 0.0, "shift": 0.0, "gain": 0.0}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Drive, rate and gain."""
        f = activation(self.activation)
        rate = f.rate(port.prediction)
        return {
            "prediction": port.prediction,
            "predicted_rate": rate,
            "shift": rate - cell.predicted_rate,
            "gain": f.gain(1.0, port.prediction, rate),
        }
