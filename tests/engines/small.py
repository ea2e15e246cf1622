"""Cells, synapses and a NumPy loop for tests of engines: nothing here comes from an engine."""

import numpy as np

from corticalnet.circuits import Synapses
from corticalnet.circuits.cells import Cell
from corticalnet.circuits.quantities import ONE, Milliseconds

#: Five synapses of three weights: the second weight is shared by three of them, the last has none.
LIST = ([0, 1, 2, 2, 0], [0, 0, 1, 0, 1], [0, 1, 1, 2, 1], 4)


class Leaky(Cell):
    """τ dr/dt = −r + input; hears its target's rate in the feedback phase (``echo``)."""

    tau: Milliseconds = 4.0
    ports = {"prediction": "predict", "feedback": "feedback", "error": "", "modulator": ""}
    state = {"rate": 0.25, "echo": 0.0}
    inputs = {"drive": ONE}

    def predict(self, cell, port, dt):
        return {"rate": cell.rate + dt / self.tau * (port.prediction + cell.drive - cell.rate)}

    def feedback(self, cell, port, dt):
        return {"echo": port.feedback}


class Summing(Cell):
    """Writes down what comes."""

    ports = {"input": "predict"}
    state = {"rate": 0.0}

    def predict(self, cell, port, dt):
        return {"rate": port.input}


def listed():
    """:data:`LIST` as a connection of three cells to two."""
    pre, post, weight, count = LIST
    return Synapses(np.array(pre), np.array(post), weight_index=np.array(weight), count=count)


def synapses(kind, pre, post):
    """Synapses of a kind as plain (pre, post, weight) triples, and how many weights there are."""
    if kind == "all to all":
        return [(i, j, j * pre + i) for j in range(post) for i in range(pre)], pre * post
    if kind == "one to one":
        return [(k, k, k) for k in range(pre)], pre
    return list(zip(*LIST[:3], strict=True)), LIST[3]


def carried(triples, weights, rates, cells):
    """Σ w · rate for every sample and post cell, synapse by synapse."""
    total = np.zeros((len(rates), cells))
    for i, j, k in triples:
        total[:, j] += weights[k] * rates[:, i]
    return total


def area(data, state, name):
    """A recorded state of an area, ``[T, B, n]``."""
    (found,) = data.filter_by_attrs(area=name, state=state).data_vars.values()
    return found.values
